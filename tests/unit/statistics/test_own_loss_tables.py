"""The table of own losses, against numbers worked out by hand and scipy's t-test."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from hce.compare import holm
from hce.statistics.tables import overall_table, own_loss_table

# OOD macro F1 of seeds 0, 1, 2
OOD = {
    ("linear", "ce"): [0.50, 0.52, 0.51],
    ("linear", "hce"): [0.60, 0.63, 0.60],
    ("linear", "first"): [0.55, 0.58, 0.54],
    ("linear", "second"): [0.61, 0.62, 0.63],
    ("mlp", "ce"): [0.40, 0.44, 0.42],
    ("mlp", "hce"): [0.41, 0.43, 0.45],
    ("mlp", "first"): [0.48, 0.41, 0.47],
    ("mlp", "second"): [0.39, 0.40, 0.43],
}


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    """Runs of 2 architectures x 4 losses x 3 seeds, and each 0.1 better on the ID test."""
    rows = [
        (*run, seed, split, "all", f1 + better, 80, 100)
        for run, values in OOD.items()
        for seed, f1 in enumerate(values)
        for split, better in (("ood", 0.0), ("test", 0.1))
    ]
    columns = ["architecture", "loss", "seed", "split", "labels", "macro_f1", "n_labels", "n_cells"]
    return pd.DataFrame(rows, columns=columns)


def test_each_loss_stands_beside_each_baseline(runs: pd.DataFrame) -> None:
    table = own_loss_table(runs, ["second", "first"])
    keys = ["loss", "baseline", "architecture", "split"]
    assert not table[keys].duplicated().any()
    assert len(table) == 2 * 2 * 2 * 2
    assert table["loss"].drop_duplicates().tolist() == ["second", "first"]
    for (loss, baseline, architecture, split), row in table.set_index(keys).iterrows():
        better = 0.1 if split == "test" else 0.0
        own, other = (np.array(OOD[architecture, name]) + better for name in (loss, baseline))
        assert row["loss_mean"] == pytest.approx(own.mean())
        assert row["baseline_sd"] == pytest.approx(other.std(ddof=1))
        assert row["gain_mean"] == pytest.approx((own - other).mean())
        assert row["p"] == pytest.approx(stats.ttest_rel(own, other).pvalue)
    assert not [name for name in table if name.startswith(("ce_", "hce_"))]


def test_all_own_losses_and_architectures_are_one_family(runs: pd.DataFrame) -> None:
    table = own_loss_table(runs, ["first", "second"])
    assert set(table["n_tests"]) == {4}
    for (baseline, split), part in table.groupby(["baseline", "split"]):
        np.testing.assert_allclose(part["p_holm"], holm(part["p"].to_numpy()))
        name = f"own losses and architectures, {split}, labels all, against {baseline}"
        assert set(part["family"]) == {name}


def test_the_table_of_ce_and_hce_does_not_see_other_losses(runs: pd.DataFrame) -> None:
    two = runs[runs["loss"].isin(["ce", "hce"])]
    pd.testing.assert_frame_equal(overall_table(runs), overall_table(two))


def test_without_common_seeds_the_note_says_so(runs: pd.DataFrame) -> None:
    apart = runs[(runs["loss"] != "first") | (runs["seed"] == 0)]
    apart = apart[(apart["loss"] == "first") | (apart["seed"] > 0)]
    table = own_loss_table(apart, ["first"])
    assert set(table["note"]) == {"no test: no seed has both losses"}
    assert table["gain_mean"].isna().all()


@pytest.mark.parametrize(
    ("losses", "message"), [([], "own losses none"), (["third"], "no run of third")]
)
def test_losses_without_runs_are_refused(
    runs: pd.DataFrame, losses: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        own_loss_table(runs, losses)
