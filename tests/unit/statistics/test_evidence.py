"""What claims are held against, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import paper_example as paper
import pytest

from hce.hierarchy.classes import node_kinds, summarize_hierarchy
from hce.statistics.evidence import (
    drops,
    gain_ranks,
    group_gains,
    hierarchy_counts,
    node_groups,
    step_cost,
    studies_without_gain,
    trainings,
)


def test_drop_and_what_is_won_back() -> None:
    table = drops(paper.macro_f1()).set_index("architecture")
    assert table["drop"].tolist() == pytest.approx([0.25, 0.25, 0.32])
    assert table["recovered"].tolist() == pytest.approx([0.48, 0.52, 0.15 / 0.32])
    # what does not fall cannot be won back
    risen = paper.macro_f1().assign(ce_mean=0.5)
    assert drops(risen)["recovered"].isna().all()


def test_studies_without_a_gain_are_counted() -> None:
    tests = paper.per_study()
    tests.loc[tests["study"] == "study 3", "delta"] = -0.1  # significant, but a loss
    tests.loc[(tests["study"] == "study 4"), ["p", "p_holm"]] = np.nan
    counted = studies_without_gain(tests).set_index("architecture")
    assert counted["without_gain"].tolist() == [3, 2, 2]
    assert counted["studies"].tolist() == [21] * 3
    # without any test nothing is known
    untested = tests.assign(p=np.nan, p_holm=np.nan, note="no test: n = 1")
    assert studies_without_gain(untested)["without_gain"].isna().all()
    assert set(studies_without_gain(untested)["note"]) == {"no test: n = 1"}


def test_gains_are_ranked_in_each_architecture() -> None:
    ranked = gain_ranks(paper.per_cell_type()).set_index("architecture")
    assert ranked.loc["mlp", "rank"].tolist() != sorted(ranked.loc["mlp", "rank"])
    first = ranked[ranked["rank"] <= 2]
    assert sorted(set(first["label"])) == ["CD14-positive monocyte", "glutamatergic neuron"]
    assert sorted(ranked.loc["mlp", "rank"]) == list(range(1, 81))


def test_node_groups_are_the_two_by_two_of_the_text() -> None:
    # a over b; c alone
    matrix = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]], dtype=bool)
    assert node_groups(node_kinds(matrix)).tolist() == [
        "internal",
        "connected leaf",
        "isolated leaf",
    ]
    table = group_gains(paper.per_cell_type()).set_index(["architecture", "group"])
    assert table.loc["mlp", "types"].to_dict() == {
        "internal": 31,
        "connected leaf": 35,
        "isolated leaf": 14,
    }
    assert table.loc[("mlp", "internal"), "delta"] > table.loc[("mlp", "connected leaf"), "delta"]


def test_hierarchy_counts_are_those_of_r() -> None:
    matrix = np.array([[1, 1, 1], [0, 1, 1], [0, 0, 1]], dtype=bool)
    counts = hierarchy_counts(node_kinds(matrix)).iloc[0].to_dict()
    assert counts == summarize_hierarchy(matrix)


def record(loss: str, seed: int) -> dict[str, object]:
    """Return what a training records."""
    keys = {"architecture": "mlp", "loss": loss, "seed": seed, "n_genes": 5}
    return keys | {"best_epoch": 2, "best_validation_macro_f1": 0.8}


def history(cells_per_second: list[float]) -> pd.DataFrame:
    """Return the speed of the epochs of a training."""
    return pd.DataFrame({"cells_per_second": cells_per_second})


def test_a_training_is_timed_without_the_first_epoch() -> None:
    made = trainings([record("ce", 0)], [history([1, 100, 200, 100])])
    assert made.loc[0, "seconds_a_cell"] == pytest.approx(1 / 100)
    assert made.loc[0, "best_epoch"] == 2
    only = trainings([record("ce", 0)], [history([50])])
    assert only.loc[0, "seconds_a_cell"] == pytest.approx(1 / 50)


def test_the_cost_is_the_ratio_over_pairs_of_trainings() -> None:
    records = [record(loss, seed) for loss in ("ce", "hce") for seed in (0, 1)]
    speeds = [history([100, 100]), history([50, 50]), history([80, 80]), history([50, 50])]
    cost = step_cost(trainings(records, speeds)).iloc[0]
    assert cost["ratio"] == pytest.approx((100 / 80) ** 0.5)
    assert cost["ci_low"] < 1 < cost["ci_high"]
    assert cost["pairs"] == 2
    one = step_cost(trainings(records[::2], speeds[::2])).iloc[0]
    assert np.isnan(one["ci_low"]) and "1" in one["note"]
    none = step_cost(trainings(records[:1], speeds[:1])).iloc[0]
    assert np.isnan(none["ratio"])


def test_an_imported_model_has_no_time() -> None:
    records = [record(loss, 0) for loss in ("ce", "hce")]
    made = trainings(records, [history([np.nan]), history([np.nan])])
    assert made["seconds_a_cell"].isna().all()
    assert np.isnan(step_cost(made).iloc[0]["ratio"])
