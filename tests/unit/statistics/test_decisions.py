"""Tables of decision rules and metrics against values made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from hce.evaluation.hierarchy_metrics import METRICS, Hierarchy
from hce.statistics.decisions import (
    coarsened_runs,
    decision_table,
    depth_shares,
    metric_runs,
    metric_table,
    specificity_runs,
)

# class 0 over 1 and 2
REACH = np.array([[1, 1, 1], [0, 1, 0], [0, 0, 1]], dtype=bool)
HIERARCHY = Hierarchy(REACH, np.array([10, 30, 60]), np.array([2, 3, 5]))
# calls of two cells of label 0 and two of label 1, by loss, seed and rule
CELLS = {
    ("ce", 0, "argmax"): ([0, 0], [0, 1]),
    ("ce", 0, "leaf"): ([1, 2], [2, 1]),
    ("ce", 1, "argmax"): ([0, 0], [0, 0]),
    ("ce", 1, "leaf"): ([1, 2], [1, 1]),
    ("hce", 0, "argmax"): ([1, 2], [1, 1]),
    ("hce", 0, "leaf"): ([1, 2], [1, 1]),
    ("hce", 1, "argmax"): ([1, 2], [1, 2]),
    ("hce", 1, "leaf"): ([1, 2], [1, 2]),
}


@pytest.fixture
def calls() -> pd.DataFrame:
    rows = [
        ("mlp", loss, seed, split, rule, label, call, 1)
        for (loss, seed, rule), both in CELLS.items()
        for split in ("test", "ood")
        for label, said in enumerate(both)
        for call in said
    ]
    names = ["architecture", "loss", "seed", "split", "rule", "class", "call", "cells"]
    return pd.DataFrame(rows, columns=names).groupby(names[:-1], as_index=False).sum()


@pytest.fixture
def runs(calls: pd.DataFrame) -> pd.DataFrame:
    return metric_runs(calls, HIERARCHY, np.array([0, 1]))


def corrected(loss: str, seed: int, rule: str) -> float:
    """The paper's macro F1 over labels 0 and 1, from the definition."""
    pairs = [(label, call) for label, said in enumerate(CELLS[loss, seed, rule]) for call in said]
    f1 = []
    for label in (0, 1):
        right = sum(true == label and REACH[label, call] for true, call in pairs)
        wrong = sum(
            true != label and call == label and not REACH[true, call] for true, call in pairs
        )
        missed = sum(true == label and not REACH[label, call] for true, call in pairs)
        f1.append(2 * right / (2 * right + wrong + missed))
    return float(np.mean(f1))


def test_runs_hold_every_metric_of_every_run(runs: pd.DataFrame) -> None:
    ood = runs[(runs["split"] == "ood") & (runs["metric"] == "corrected_f1")]
    assert set(ood["labels"]) == {"all"}
    for row in ood.itertuples():
        assert row.value == pytest.approx(corrected(row.loss, row.seed, row.rule))
    assert set(runs["metric"]) == set(METRICS)
    assert set(runs.loc[runs["split"] == "test", "labels"]) == {"all", "ood_labels"}
    assert not runs.duplicated(runs.columns.drop("value").tolist()).any()


def test_what_is_left_of_the_gain(runs: pd.DataFrame) -> None:
    table = decision_table(runs)
    rows = table[(table["split"] == "ood") & (table["metric"] == "corrected_f1")]
    by_rule = rows.set_index("rule")
    gain = {
        rule: np.array([corrected("hce", s, "argmax") - corrected("ce", s, rule) for s in (0, 1)])
        for rule in ("argmax", "leaf")
    }
    for rule, differences in gain.items():
        assert by_rule.at[rule, "delta_mean"] == pytest.approx(differences.mean())
        expected = differences.mean() / gain["argmax"].mean()
        assert by_rule.at[rule, "left"] == pytest.approx(expected)
        p = stats.ttest_1samp(differences, 0).pvalue
        assert by_rule.at[rule, "p"] == pytest.approx(p)
    assert (rows["n_tests"] == 2).all()


def test_nothing_is_left_of_no_gain(runs: pd.DataFrame) -> None:
    """Where HCE loses, there is no share to give."""
    swapped = runs.assign(loss=runs["loss"].map({"ce": "hce", "hce": "ce"}))
    table = decision_table(swapped)
    losing = table[(table["rule"] == "argmax") & (table["delta_mean"] <= 0)]
    assert len(losing)
    assert losing["left"].isna().all()


def test_sign_of_each_metric(runs: pd.DataFrame) -> None:
    table = metric_table(runs)
    rows = table[(table["split"] == "ood") & (table["rule"] == "argmax")]
    found = rows.set_index(["metric", "over"])
    for (metric, over), row in found.iterrows():
        values = runs[(runs["metric"] == metric) & (runs["over"] == over)]
        values = values[(values["split"] == "ood") & (values["rule"] == "argmax")]
        means = values.groupby("loss")["value"].mean()
        gain = means["hce"] - means["ce"]
        gain *= 1 if METRICS[str(metric)] else -1
        expected = "neither" if gain == 0 else "HCE" if gain > 0 else "CE"
        assert row["better"] == expected
    assert {"HCE", "CE"} <= set(rows["better"])


def test_a_loss_without_runs_has_no_test(runs: pd.DataFrame) -> None:
    table = metric_table(runs[runs["loss"] == "ce"])
    assert (table["n_seeds"] == 0).all()
    assert (table["better"] == "").all()
    assert decision_table(runs[runs["loss"] == "ce"])["delta_mean"].isna().all()


def test_depths_of_labels_and_calls(calls: pd.DataFrame) -> None:
    table = depth_shares(calls, HIERARCHY)
    ood = table[table["split"] == "ood"].set_index(["series", "rule", "depth"])["share"]
    ood = ood.sort_index()
    assert ood["label", ""].to_dict() == {2: 0.5, 3: 0.5}
    assert ood["ce", "argmax"].to_dict() == {2: 7 / 8, 3: 1 / 8}
    assert ood["hce", "argmax"].to_dict() == {3: 5 / 8, 5: 3 / 8}
    leaf = specificity_runs(calls, HIERARCHY)
    chosen = leaf[(leaf["loss"] == "hce") & (leaf["rule"] == "argmax")]
    assert (chosen.loc[chosen["quantity"] == "call_leaf_share", "value"] == 1).all()


def test_coarser_labels_are_their_parents(calls: pd.DataFrame) -> None:
    """Once, both labels are class 0, which stays; every call below it is then right."""
    table = coarsened_runs(calls, HIERARCHY, levels=2)
    first = table[table["level"] == 0]
    for row in first.itertuples():
        assert row.macro_f1 == pytest.approx(corrected(row.loss, row.seed, row.rule))
    assert (table.loc[table["level"] > 0, "macro_f1"] == 1).all()
    assert (table.loc[table["level"] > 0, "n_labels"] == 1).all()


def test_of_several_parents_the_one_with_the_most_cells() -> None:
    """Class 2 lies below 0 (5 cells of its own) and 1 (50); both are roots."""
    reach = np.array([[1, 0, 1], [0, 1, 1], [0, 0, 1]], dtype=bool)
    hierarchy = Hierarchy(reach, np.array([5, 50, 10]), np.array([1, 1, 2]))
    names = ["architecture", "loss", "seed", "split", "rule", "class", "call", "cells"]
    row = pd.DataFrame([("mlp", "ce", 0, "ood", "argmax", 2, 1, 7)], columns=names)
    assert coarsened_runs(row, hierarchy, levels=1)["macro_f1"].tolist() == [0, 1]
