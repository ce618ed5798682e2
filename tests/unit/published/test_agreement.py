"""Our predictions against published ones of the same model, cell by cell."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import compare_predictions
from hce.evaluation.predictions import SCHEMA, prediction_writer
from hce.tables import read_table

CELLS = pd.DataFrame(
    {
        "soma_joinid": [1, 2, 3, 4],
        "class": [0, 1, 2, 0],
        "predicted_class": [0, 1, 1, 2],
        "probability": [0.9, 0.8, 0.5, 0.4],
        "score": [0.95, 0.8, 0.5, 0.4],
        "leaf_class": 0,
        "finest_class": 0,
        "descend_class": 0,
        "safe_class": [0, 1, 1, 2],
        "safe_score": 1.0,
    }
)


def write(folder: Path, cells: pd.DataFrame, seed: int = 0, architecture: str = "mlp") -> Path:
    path = folder / architecture / "hce" / f"seed{seed}" / "ood.parquet"
    with prediction_writer(path) as writer:
        writer.write_table(pa.Table.from_pandas(cells[SCHEMA.names], SCHEMA, preserve_index=False))
    return path


def compare(
    monkeypatch: pytest.MonkeyPatch, ours: list[Path], published: list[Path], output: Path
) -> pd.DataFrame:
    words = ["--ours", *map(str, ours), "--published", *map(str, published)]
    words += ["--data-source", "nowhere", "--output", str(output)]
    monkeypatch.setattr(sys, "argv", ["compare_predictions", *words])
    compare_predictions.main()
    return read_table(output)


def test_differences_are_counted_cell_by_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = CELLS.copy()
    other.loc[0, "probability"] += 1e-5
    other.loc[2, "predicted_class"] = 2  # two classes of equal probability
    other.loc[3, ["predicted_class", "probability", "safe_class"]] = [0, 0.6, 0]
    other = pd.concat([other.iloc[::-1], CELLS.iloc[[0]].assign(soma_joinid=9)])
    ours, published = write(tmp_path / "ours", CELLS), write(tmp_path / "theirs", other)
    table = compare(monkeypatch, [ours], [published], tmp_path / "table.tsv")
    row = table.iloc[0]
    assert (row["architecture"], row["loss"], row["seed"], row["split"]) == ("mlp", "hce", 0, "ood")
    assert (row["cells"], row["only_ours"], row["only_published"]) == (4, 0, 1)
    assert (row["same_class"], row["same_safe_class"], row["other_label"]) == (0.5, 0.75, 0)
    assert row["max_dp"] == pytest.approx(0.2, abs=1e-6)
    assert row["mean_dp"] == pytest.approx((0.2 + 1e-5) / 4, abs=1e-6)
    assert (row["apart"], row["other_class"], row["other_class_apart"]) == (1, 2, 1)


def test_rows_are_in_the_order_of_the_paper_and_missing_files_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [("tabnet", 0), ("linear", 1), ("linear", 0)]
    ours = [write(tmp_path / "ours", CELLS, seed, name) for name, seed in runs]
    published = [write(tmp_path / "theirs", CELLS, seed, name) for name, seed in runs[:2]]
    table = compare(monkeypatch, ours, published, tmp_path / "table.tsv")
    assert list(zip(table["architecture"], table["seed"], strict=True)) == [
        ("linear", 1),
        ("tabnet", 0),
    ]
    assert f"{ours[2]}: not compared, there are no published" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"no predictions of one model .*ours are of linear hce"):
        compare(monkeypatch, ours[2:], published, tmp_path / "table.tsv")


def test_cells_that_do_not_match_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = write(tmp_path / "ours", CELLS)
    others = CELLS.assign(soma_joinid=CELLS["soma_joinid"] + 100)
    published = write(tmp_path / "theirs", others)
    with pytest.raises(ValueError, match=r"share no cell: are they of one release"):
        compare(monkeypatch, [ours], [published], tmp_path / "table.tsv")
    twice = write(tmp_path / "theirs", CELLS.assign(soma_joinid=np.array([1, 2, 2, 3])))
    with pytest.raises(ValueError, match=r"has the cell with soma_joinid 2 twice"):
        compare(monkeypatch, [ours], [twice], tmp_path / "table.tsv")
    assert not (tmp_path / "table.tsv").exists()
