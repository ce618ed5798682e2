"""Detectable gains against repetitions of the test."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hce.compare import summarize_pairs
from hce.statistics.power import FINDABLE, FOUND, HIDDEN, UNTESTED, detectable


@pytest.mark.parametrize(("n_seeds", "n_tests"), [(4, 1), (4, 20), (3, 5), (10, 80), (2, 1)])
def test_found_in_four_of_five_repetitions(n_seeds: int, n_tests: int) -> None:
    """Draw runs whose true gain is the detectable one; count those beyond the critical one."""
    table = pd.DataFrame(
        {"ce_mean": [0.0], "delta_sd": 1.0, "n_seeds": n_seeds, "n_tests": n_tests, "p_holm": 1.0}
    )
    row = detectable(table).iloc[0]
    rng = np.random.default_rng(n_seeds)
    runs = rng.normal(row["detectable"], 1, (100_000, n_seeds))
    beyond = runs.mean(axis=1) > row["critical"] * runs.std(axis=1, ddof=1)
    assert beyond.mean() == pytest.approx(0.8, abs=0.005)
    nothing = rng.normal(0, 1, (400_000, n_seeds))
    wrongly = np.abs(nothing.mean(axis=1)) > row["critical"] * nothing.std(axis=1, ddof=1)
    assert wrongly.mean() == pytest.approx(0.05 / n_tests, rel=0.2)


def test_critical_is_where_the_star_begins() -> None:
    """Runs whose mean difference is just over or under it, in a family of one."""
    ce = np.zeros((4, 1))
    noise = np.array([[-0.01], [0.02], [-0.02], [0.01]])
    spread = summarize_pairs(ce, noise + 0.3)
    critical = detectable(spread)["critical"].iloc[0]
    for factor, significant in ((1.01, True), (0.99, False)):
        tested = summarize_pairs(ce, noise + factor * critical)
        assert (tested["p_holm"].iloc[0] < 0.05) == significant


def test_verdicts() -> None:
    table = pd.DataFrame(
        {
            "ce_mean": [0.2, 0.2, 0.99, 0.2, 0.2],
            "delta_sd": [0.01, 0.01, 0.01, 0.4, 0.0],
            "n_seeds": 4,
            "n_tests": 4,
            "p_holm": [0.001, 0.5, 0.5, 0.5, np.nan],
        }
    )
    found = detectable(table)
    # the third has no room above CE, the fourth varies too much, the last not at all
    assert found["verdict"].tolist() == [FOUND, FINDABLE, HIDDEN, HIDDEN, UNTESTED]
    assert np.isnan(found["detectable"].iloc[-1])
    assert found["room"].tolist() == pytest.approx([0.8, 0.8, 0.01, 0.8, 0.8])
