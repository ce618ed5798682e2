"""Safe calls counted over thresholds are those of `descend` at each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from hce import decode
from hce.evaluation.thresholds import THRESHOLDS, ThresholdCounts


def test_counts_are_those_of_the_safe_calls_at_each_threshold(
    make_hierarchy: Callable[..., np.ndarray],
) -> None:
    rng = np.random.default_rng(3)
    reach = make_hierarchy(7, 12)
    probability = rng.dirichlet(np.full(12, 0.2), size=500).astype(np.float32)
    label = rng.integers(12, size=500).astype(np.int16)
    counts = ThresholdCounts(12)
    for part in np.array_split(np.arange(500), 3):
        counts.add(label[part], *decode.path(probability[part], reach))
    table = counts.table()
    assert sorted(table["threshold"].unique()) == list(THRESHOLDS)
    score = decode.scores(probability, reach).astype(float)
    for threshold, found in table.groupby("threshold"):
        call = decode.descend(probability, reach, threshold)
        cells = pd.DataFrame({"class": label, "call": call, "s": score[np.arange(500), call]})
        expected = cells.groupby(["class", "call"])["s"].agg(["size", "sum"])
        found = found.set_index(["class", "call"]).sort_index()
        assert found["cells"].to_dict() == expected["size"].to_dict()
        np.testing.assert_allclose(found["score_sum"], expected["sum"], rtol=1e-6)


def test_no_cells_are_an_empty_table() -> None:
    assert ThresholdCounts(3).table().empty
