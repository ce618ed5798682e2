"""Predictions are found by their paths and read, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from hce.evaluation.predictions import Predicted, paired_runs, predicted_files, read_prediction
from hce.names import LOSSES


def test_predictions_are_told_apart_by_their_paths(tmp_path: Path) -> None:
    names = ["mlp/ce/seed0/ood", "mlp/hce/seed0/ood", "mlp/ce/seed12/ood", "linear/ce/seed0/test"]
    files = predicted_files([tmp_path / f"{name}.parquet" for name in names])
    assert list(files)[2] == Predicted("mlp", "ce", 12, "ood")
    assert paired_runs(files, LOSSES) == [("mlp", 0)]
    for wrong in ("mlp/ce/ood.parquet", "mlp/ce/seedX/ood.parquet", "mlp/ce/seed0/ood.csv"):
        with pytest.raises(ValueError, match=r"expected .*ARCHITECTURE"):
            predicted_files([Path(wrong)])
    with pytest.raises(FileNotFoundError, match="run the rule predict"):
        read_prediction(tmp_path / "none.parquet", ["class"])
