"""The source data of the supplement against values worked out by hand."""

from __future__ import annotations

import figure_example as example
import numpy as np
import pandas as pd
import pytest
import supplement_example as supplement
from scipy import stats

from hce.figures.gains import correlation_tests, gain_points, group_tests, type_properties
from hce.report.hyperparameters import hyperparameter_table


def test_studies_are_ordered_by_gain_and_named_where_a_name_is_known() -> None:
    table = supplement.studies(["linear", "mlp"], 3)
    linear = table[table["architecture"] == "linear"]
    order = linear.drop_duplicates("rank")
    # gains 0.101, 0.1 and -0.101
    assert order["study"].tolist() == ["s2", "s1", "s3"]
    assert order["name"].tolist() == ["Two", "One", "s3"]
    assert order["delta"].tolist() == pytest.approx([0.101, 0.1, -0.101])
    assert len(linear) == 3 * 2 * 3
    # s1 never varies: no test; the other two differences vary by 0.001
    assert order["significant"].tolist() == [True, False, True]
    assert "do not vary" in order["note"].iloc[1]


def test_an_architecture_that_did_not_run_is_listed_for_each_study() -> None:
    table = supplement.studies(["linear"], 2)
    missing = table[table["architecture"] == "tabnet"]
    assert missing["study"].tolist() == ["s2", "s1", "s3"]
    assert missing["f1"].isna().all() and set(missing["n_seeds"]) == {0}


def test_relatives_are_counted_both_ways() -> None:
    table = type_properties(example.cell_types())
    assert table.at["CL:0000738", "descendants"] == 6
    # alpha-beta T cell: below leukocyte and T cell, above CD4 and CD8
    assert table.loc["CL:0000789", ["descendants", "relatives"]].tolist() == [2, 4]
    assert table.loc["CL:0000540", ["descendants", "relatives"]].tolist() == [0, 0]
    matrix = example.reachability()
    both = matrix.sum(axis=0) + matrix.sum(axis=1) - 2
    assert table["relatives"].tolist() == both.tolist()


def test_gains_are_tested_over_the_cell_types() -> None:
    points, tests = supplement.kinds("descendants", ("internal", "leaf"), 4)
    mlp = points[points["architecture"] == "mlp"].set_index("label")
    assert len(mlp) == 7 and "B cell" not in mlp.index
    internal = mlp.loc[mlp["group"] == "internal", "delta"]
    leaf = mlp.loc[mlp["group"] == "leaf", "delta"]
    assert sorted(internal.index) == ["T cell", "alpha-beta T cell", "leukocyte"]
    found = tests[tests["architecture"] == "mlp"].set_index("kind")
    expected = stats.mannwhitneyu(internal, leaf)
    assert found.at["groups", "p"] == pytest.approx(expected.pvalue)
    assert found.at["groups", "mean_first"] == pytest.approx(internal.mean())
    rho = stats.spearmanr(mlp["value"], mlp["delta"])
    assert found.at["correlation", "rho"] == pytest.approx(rho.statistic)
    # two tests are one family: the smaller p is doubled
    smaller, larger = found.sort_values("p").itertuples()
    assert smaller.p_holm == pytest.approx(2 * smaller.p)
    assert larger.p_holm == pytest.approx(max(larger.p, 2 * smaller.p))
    assert set(tests["n_tests"]) == {2}


def test_what_cannot_be_tested_says_why() -> None:
    points, tests = supplement.kinds("relatives", ("connected", "isolated"), 4)
    found = tests[tests["architecture"] == "mlp"].set_index("kind")
    assert found.at["groups", "note"] == "6 and 1 types: no test"
    missing = tests[tests["architecture"] == "tabnet"]
    assert missing["p"].isna().all() and missing["note"].str.contains("no test").all()
    constant = points.assign(delta=0.1)
    notes = correlation_tests(constant).set_index("architecture")["note"]
    assert notes["mlp"] == "no variation: no test"


def test_the_gains_of_one_run_are_not_tested() -> None:
    properties = type_properties(example.cell_types())
    points = gain_points(example.per_cell_type(1), properties, ["descendants"], "node_kind")
    for tests in (correlation_tests(points), group_tests(points, ("internal", "leaf"))):
        mlp = tests[tests["architecture"] == "mlp"].iloc[0]
        assert np.isnan(mlp["p"]) and mlp["note"] == "n = 1 run: no test"


def test_contexts_are_seen_or_not_and_pooled() -> None:
    table = supplement.contexts("tissue", ["mlp"], 3)
    mlp = table[table["architecture"] == "mlp"]
    single = mlp[mlp["part"] == "single"].drop_duplicates("group").set_index("group")
    assert single["seen"].to_dict() == {"blood": False, "liver": False, "lung": True}
    pooled = mlp[mlp["part"] == "pooled"].set_index("group")
    assert pooled.loc["unseen", "gain"].tolist() == pytest.approx([0.1, 0.101, 0.102])
    assert not pooled.loc["unseen", "seen"].any() and pooled.loc["seen", "seen"].all()
    assert set(mlp["n_seeds"]) == {3} and mlp["significant"].all()
    # TabNet did not run: it is listed for each group, without a gain
    missing = table[table["architecture"] == "tabnet"]
    assert missing["group"].tolist() == ["seen", "unseen", "blood", "liver", "lung"]
    assert missing["gain"].isna().all()


def test_panels_share_out_the_immune_types() -> None:
    nodes, edges = supplement.panels("mlp", 2)
    views = nodes.groupby("view")["label"].apply(sorted).to_dict()
    assert len(views["overview"]) == 8
    # without a class lymphocyte there is no panel b; B cell stands with the other leukocytes
    assert views["a"] == sorted(example.LABELS[1:6])
    assert views["c"] == ["B cell", "leukocyte"]
    whole = nodes[nodes["view"] == "overview"].set_index("label")
    below = whole.loc[["CD4-positive, alpha-beta T cell", "CD8-positive, alpha-beta T cell"]]
    assert whole.at["alpha-beta T cell", "x_mm"] == pytest.approx(below["x_mm"].mean())
    assert (below["y_mm"] > whole.at["alpha-beta T cell", "y_mm"]).all()
    leaves = whole.loc[[label for label in whole.index if label not in ("leukocyte", "T cell")]]
    assert leaves.groupby("y_mm")["x_mm"].apply(lambda x: x.is_unique).all()
    assert len(edges[edges["view"] == "overview"]) == 6


def test_hyperparameters_stand_side_by_side() -> None:
    models = [
        {"architecture": "mlp", "loss": loss, "seed": seed, "model": {"n_hidden": 128}}
        | {"training": {"learning_rate": rate}, "best_epoch": seed, "n_genes": 600}
        for loss, seed, rate in (("ce", 0, 0.002), ("ce", 1, 0.002), ("hce", 0, 0.001))
    ]
    table = hyperparameter_table(models, "mlp").set_index("hyperparameter")
    assert table.index.tolist() == ["n_hidden", "learning_rate", "n_genes"]
    assert table.loc["learning_rate", ["section", "ce", "hce"]].tolist() == [
        "training",
        "0.002",
        "0.001",
    ]
    assert set(table["n_models"]) == {3}
    absent: pd.DataFrame = hyperparameter_table(models, "linear")
    assert absent["hyperparameter"].tolist() == ["not trained"]
