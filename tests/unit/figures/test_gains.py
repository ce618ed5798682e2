"""Gain against properties of the cell types: tests by scipy, and on the plot."""

from __future__ import annotations

import figure_example as example
import numpy as np
import pytest
import supplement_example as supplement
from figure_checks import lines, texts
from scipy import stats

from hce.figures.gains import (
    correlation_tests,
    draw_kinds,
    gain_points,
    group_tests,
    type_properties,
)

CONNECTION = ("connected", "isolated")


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


def test_statistics_are_printed_on_the_plot() -> None:
    points, tests = supplement.kinds("descendants", ("internal", "leaf"), 4)
    rho = tests.set_index(["architecture", "kind"]).at[("mlp", "correlation"), "rho"]
    assert len(points) > 7
    drawn = draw_kinds(points, tests)
    written = [*texts(drawn), *lines(drawn)]
    assert f"ρ = {rho:+.2f}, n = 7".replace("-", "−") in written
    assert any("internal\nn = 3 types" in text for text in written)
    assert "6 and 1 types: no test" in texts(
        draw_kinds(*supplement.kinds("relatives", CONNECTION, 4))
    )
