"""The tables of CE against HCE, against numbers worked out by hand and scipy's t-test."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from hce.statistics.tables import (
    group_runs,
    group_table,
    overall_runs,
    overall_table,
    strata_runs,
    strata_table,
)

# macro F1 of seeds 0, 1, 2
OOD = {
    ("linear", "ce"): [0.50, 0.52, 0.51],
    ("linear", "hce"): [0.60, 0.63, 0.60],
    ("mlp", "ce"): [0.40, 0.44, 0.42],
    ("mlp", "hce"): [0.41, 0.43, 0.45],
}


def score_row(run: tuple[str, str, int], split: str, grouping: str, group: str, f1: float) -> dict:
    """One row of a score file."""
    names = ["architecture", "loss", "seed"]
    values = {"split": split, "grouping": grouping, "group": group, "f1": f1}
    more = {"precision": f1, "recall": f1, "support": 100, "n_labels": 80}
    return dict(zip(names, run, strict=True)) | values | more


@pytest.fixture(scope="module")
def scores() -> pd.DataFrame:
    """Scores of 2 architectures x 2 losses x 3 seeds, rows in no order."""
    rows = []
    for architecture, loss, seed in product(("linear", "mlp"), ("hce", "ce"), (2, 0, 1)):
        run, f1 = (architecture, loss, seed), OOD[architecture, loss][seed]
        rows.append(score_row(run, "ood", "overall", "all", f1))
        rows.append(score_row(run, "ood", "overall", "ood_labels", f1))
        rows.append(score_row(run, "test", "overall", "all", f1 + 0.2))
        rows.append(score_row(run, "test", "overall", "ood_labels", f1 + 0.3))
        rows.append(score_row(run, "ood", "study", "s2", f1))
        rows.append(score_row(run, "ood", "study", "s1", 0.5))  # never varies
        rows.append(score_row(run, "ood", "study", "s3", 0.1 * seed + (loss == "hce") * 0.2 * f1))
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def overall(scores: pd.DataFrame) -> pd.DataFrame:
    """The table of the overall macro F1."""
    return overall_table(overall_runs(scores)).set_index(["architecture", "split", "labels"])


def test_runs_name_their_labels_and_ood_has_all_only(scores: pd.DataFrame) -> None:
    runs = overall_runs(scores)
    kinds = runs.groupby(["split", "labels"]).size().to_dict()
    assert kinds == {("ood", "all"): 12, ("test", "all"): 12, ("test", "ood_labels"): 12}
    columns = ["architecture", "loss", "seed", "split", "labels", "macro_f1", "n_labels", "n_cells"]
    assert runs.columns.tolist() == columns
    row = runs[(runs["split"] == "test") & (runs["labels"] == "ood_labels")].iloc[0]
    assert (row["n_labels"], row["n_cells"]) == (80, 100)


def test_gain_is_the_mean_of_paired_differences(overall: pd.DataFrame) -> None:
    assert len(overall) == 2 * 3
    row = overall.loc[("linear", "ood", "all")]
    # differences 0.10, 0.11, 0.09
    assert row["gain_mean"] == pytest.approx(0.10)
    assert row["gain_sd"] == pytest.approx(0.01)
    assert row["t"] == pytest.approx(0.10 / (0.01 / np.sqrt(3)))
    assert row["p"] == pytest.approx(stats.ttest_rel(OOD["linear", "hce"], OOD["linear", "ce"])[1])
    assert (row["ce_mean"], row["hce_mean"]) == pytest.approx((0.51, 0.61))
    assert row["ce_sd"] == pytest.approx(0.01)
    assert (row["n_labels"], row["n_seeds"]) == (80, 3)


def test_architectures_of_one_split_are_one_family(overall: pd.DataFrame) -> None:
    for split, labels in (("ood", "all"), ("test", "all"), ("test", "ood_labels")):
        linear, mlp = (overall.loc[(name, split, labels)] for name in ("linear", "mlp"))
        assert linear["p"] < mlp["p"]
        assert linear["p_holm"] == pytest.approx(2 * linear["p"])
        assert mlp["p_holm"] == pytest.approx(max(mlp["p"], 2 * linear["p"]))


def test_groups_are_tested_each_and_constant_ones_left_out(scores: pd.DataFrame) -> None:
    runs = group_runs(scores, "study", "dataset_id")
    assert len(runs) == 2 * 2 * 3 * 3
    table = group_table(runs, "dataset_id", "studies").set_index(["architecture", "dataset_id"])
    assert table.index.tolist() == [(a, s) for a in ("linear", "mlp") for s in ("s1", "s2", "s3")]
    constant, varying = table.loc[("linear", "s1")], table.loc[("linear", "s2")]
    assert constant[["t", "p", "p_holm"]].isna().all()
    assert constant["delta"] == 0 and "do not vary" in constant["note"]
    assert varying["delta"] == pytest.approx(0.10)
    assert varying["ce_mean"] == pytest.approx(0.51)
    third = table.loc[("linear", "s3")]
    expected = stats.ttest_rel(0.2 * np.array(OOD["linear", "hce"]), np.zeros(3))
    assert (third["t"], third["p"]) == pytest.approx((expected.statistic, expected.pvalue))
    smaller, larger = sorted([varying, third], key=lambda row: row["p"])
    assert smaller["p_holm"] == pytest.approx(2 * smaller["p"])  # a family of two
    assert larger["p_holm"] == pytest.approx(max(larger["p"], 2 * smaller["p"]))


def test_seeds_without_a_partner_are_left_out(scores: pd.DataFrame) -> None:
    one_missing = scores[~((scores["loss"] == "ce") & (scores["seed"] == 2))]
    table = overall_table(overall_runs(one_missing)).set_index(["architecture", "split", "labels"])
    row = table.loc[("linear", "ood", "all")]
    assert row["n_seeds"] == 2
    assert row["gain_mean"] == pytest.approx((0.10 + 0.11) / 2)
    assert row["hce_mean"] == pytest.approx((0.60 + 0.63) / 2)


def test_one_seed_gives_numbers_without_a_test(scores: pd.DataFrame) -> None:
    table = overall_table(overall_runs(scores[scores["seed"] == 0]))
    assert set(table["note"]) == {"no test: n = 1"} and set(table["n_tests"]) == {0}
    assert table[["ce_sd", "hce_sd", "gain_sd", "t", "p", "p_holm"]].isna().all(axis=None)
    assert table[["ce_mean", "gain_mean"]].notna().all(axis=None)


def test_a_pair_of_losses_without_a_common_seed_is_a_row_that_says_so(
    scores: pd.DataFrame,
) -> None:
    apart = scores[(scores["architecture"] == "mlp") | (scores["loss"] == "ce")]
    table = overall_table(overall_runs(apart)).set_index(["architecture", "split", "labels"])
    row, other = table.loc[("linear", "ood", "all")], table.loc[("mlp", "ood", "all")]
    assert row["n_seeds"] == 0 and "no seed has both" in row["note"]
    assert row[["ce_mean", "gain_mean", "t", "p", "p_holm"]].isna().all()
    # the family is then the one architecture that has a test
    assert other["p_holm"] == other["p"] and other["n_tests"] == 1
    groups = group_table(group_runs(apart, "study", "dataset_id"), "dataset_id", "studies")
    linear = groups[groups["architecture"] == "linear"]
    assert linear["dataset_id"].tolist() == ["s1", "s2", "s3"] and linear["delta"].isna().all()


def test_a_group_that_one_seed_lacks_is_listed_without_a_test(scores: pd.DataFrame) -> None:
    lost = (scores["group"] == "s2") & (scores["seed"] == 1) & (scores["loss"] == "hce")
    table = group_table(group_runs(scores[~lost], "study", "dataset_id"), "dataset_id", "studies")
    table = table.set_index(["architecture", "dataset_id"])
    row = table.loc[("linear", "s2")]
    assert row["n_seeds"] == 2 and "a seed lacks a value" in row["note"]
    assert np.isnan(row["delta"]) and np.isnan(row["p"])
    # s1 never varies, s2 is incomplete: one test is left
    assert table.loc[("linear", "s3"), "p_holm"] == table.loc[("linear", "s3"), "p"]


def test_intervals_and_effect_size_are_those_of_the_differences(overall: pd.DataFrame) -> None:
    row = overall.loc[("linear", "ood", "all")]
    low, high = stats.t.interval(0.95, 2, loc=0.10, scale=0.01 / np.sqrt(3))
    assert (row["gain_ci_low"], row["gain_ci_high"]) == pytest.approx((low, high))
    assert row["effect_size"] == pytest.approx(10)
    # far from 0 and 1 the scale of the intervals of shares makes next to no difference
    low, high = stats.t.interval(0.95, 2, loc=0.51, scale=0.01 / np.sqrt(3))
    assert (row["ce_ci_low"], row["ce_ci_high"]) == pytest.approx((low, high), abs=1e-4)
    assert row["family"] == "architectures, ood, labels all" and row["n_tests"] == 2


def test_strata_name_their_grouping_and_are_families_of_their_own() -> None:
    rows = []
    for loss, seed in product(("ce", "hce"), (0, 1, 2)):
        run, gain = ("mlp", loss, seed), (loss == "hce") * (0.1 + 0.01 * seed)
        rows.append(score_row(run, "ood", "tissue", "lung", 0.4 + gain))
        rows.append(score_row(run, "ood", "tissue_in_training", "seen", 0.5 + gain))
        rows.append(score_row(run, "ood", "tissue_in_training", "unseen", 0.5 - gain))
        rows.append(score_row(run, "ood", "study", "s1", 0.5))
    table = strata_table(strata_runs(pd.DataFrame(rows))).set_index(["grouping", "group"])
    assert table["delta"].to_dict() == pytest.approx(
        {
            ("tissue", "lung"): 0.11,
            ("tissue_in_training", "seen"): 0.11,
            ("tissue_in_training", "unseen"): -0.11,
        }
    )
    assert table["n_tests"].tolist() == [1, 2, 2]
