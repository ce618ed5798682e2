"""Paired tests and the Holm adjustment against scipy, statsmodels and the definitions."""

from __future__ import annotations

import gc
import math
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import special, stats
from statsmodels.stats.multitest import multipletests

from hce.compare import (
    holm,
    is_significant,
    paired_differences,
    paired_tests,
    summarize_pairs,
)

seeds = st.integers(0, 2**32 - 1)
p_values = hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 1))


def make_scores(seed: int, n_seeds: int = 4, n_types: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """F1 of two losses, S x K, with effects of either sign."""
    rng = np.random.default_rng(seed)
    ce = rng.uniform(0.2, 0.7, (1, n_types)) + rng.normal(0, 0.03, (n_seeds, n_types))
    effect = rng.normal(0, 0.1, (1, n_types))
    return ce, ce + effect + rng.normal(0, 0.03, (n_seeds, n_types))


def holm_in_a_loop(p: np.ndarray) -> np.ndarray:
    """Holm 1979: step down over sorted p, multiplied by the number of tests left."""
    order = sorted(range(len(p)), key=lambda i: p[i])
    adjusted, highest = np.empty(len(p)), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p) - rank) * p[i]))
        adjusted[i] = highest
    return adjusted


@pytest.mark.parametrize("n_seeds", [2, 3, 4, 10])
def test_equals_scipy_and_statsmodels(n_seeds: int) -> None:
    """t and p are scipy's paired test of HCE against CE, the adjustment statsmodels' Holm."""
    ce, hce = make_scores(n_seeds, n_seeds)
    result = paired_tests(ce, hce)
    assert list(result.columns) == ["delta", "t", "p", "p_holm"]
    expected = stats.ttest_rel(hce, ce, axis=0)
    np.testing.assert_allclose(result["t"], expected.statistic, rtol=1e-10)
    np.testing.assert_allclose(result["p"], expected.pvalue, rtol=1e-10)
    np.testing.assert_allclose(
        result["p_holm"], multipletests(expected.pvalue, method="holm")[1], rtol=1e-10
    )
    np.testing.assert_allclose(result["delta"], hce.mean(axis=0) - ce.mean(axis=0), rtol=1e-9)


@given(seed=seeds)
def test_t_from_the_definition(seed: int) -> None:
    """t = mean / (sd / sqrt(S)) with S - 1 in the sd; p from the incomplete beta function."""
    ce, hce = make_scores(seed)
    n = len(ce)
    result = paired_tests(ce, hce)
    for k, row in enumerate(result.itertuples()):
        difference = (hce[:, k] - ce[:, k]).tolist()
        mean = math.fsum(difference) / n
        variance = math.fsum((value - mean) ** 2 for value in difference) / (n - 1)
        t = mean / math.sqrt(variance / n)
        assert row.delta == pytest.approx(mean, rel=1e-9)
        assert row.t == pytest.approx(t, rel=1e-9)
        p = special.betainc((n - 1) / 2, 0.5, (n - 1) / (n - 1 + t**2))
        assert row.p == pytest.approx(p, rel=1e-7)


def test_a_gain_is_positive() -> None:
    """Differences 0.1, 0.2, 0.3 in favor of HCE: t = 0.2 / (0.1 / sqrt 3)."""
    result = paired_tests(np.zeros((3, 1)), np.array([[0.1], [0.2], [0.3]])).iloc[0]
    assert result["delta"] == pytest.approx(0.2)
    assert result["t"] == pytest.approx(2 * math.sqrt(3))
    assert result["p"] == pytest.approx(0.0741799, abs=1e-6)
    assert result["p_holm"] == pytest.approx(result["p"])


@given(seed=seeds)
def test_exchanging_the_losses_changes_the_sign(seed: int) -> None:
    """p does not care which loss is called CE."""
    ce, hce = make_scores(seed)
    forward, backward = paired_tests(ce, hce), paired_tests(hce, ce)
    np.testing.assert_allclose(backward["delta"], -forward["delta"], rtol=1e-9)
    np.testing.assert_allclose(backward["t"], -forward["t"], rtol=1e-9)
    np.testing.assert_allclose(backward["p_holm"], forward["p_holm"], rtol=1e-9)


@given(seed=seeds)
def test_order_of_seeds_and_quantities(seed: int) -> None:
    """Seeds are a set of pairs; quantities keep their rows."""
    ce, hce = make_scores(seed)
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(len(ce)), rng.permutation(ce.shape[1])
    expected = paired_tests(ce, hce).iloc[columns].to_numpy()
    moved = paired_tests(ce[rows][:, columns], hce[rows][:, columns]).to_numpy()
    np.testing.assert_allclose(moved, expected, rtol=1e-9)


def test_tests_without_meaning_are_nan() -> None:
    """Equal differences, equal runs or a missing value: no t, no p, and no part in Holm."""
    ce, hce = make_scores(5, n_types=6)
    hce[:, 0] = ce[:, 0]
    ce[:, 1] = [0.3, 0.05, 0.7, 0.15]
    hce[:, 1] = ce[:, 1] + 0.1
    assert np.ptp(hce[:, 1] - ce[:, 1]) > 0  # a constant gain, up to rounding
    hce[2, 2] = np.nan
    ce[0, 3] = np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = paired_tests(ce, hce)
    assert result.loc[:3, ["t", "p", "p_holm"]].isna().all(axis=None)
    assert result.loc[0, "delta"] == 0
    assert result.loc[1, "delta"] == pytest.approx(0.1)
    assert math.isnan(result.loc[2, "delta"])
    alone = paired_tests(ce[:, 4:], hce[:, 4:])
    np.testing.assert_allclose(result.loc[4:].to_numpy(), alone.to_numpy(), rtol=1e-12)


def test_small_variation_is_tested() -> None:
    """A gain that varies by a hundred-thousandth is no constant."""
    ce = np.full((4, 1), 0.5)
    hce = ce + 1e-3 + 1e-5 * np.arange(4)[:, None]
    expected = stats.ttest_rel(hce, ce, axis=0)
    assert paired_tests(ce, hce)["p"][0] == pytest.approx(expected.pvalue[0], rel=1e-9)


def test_one_seed_has_a_difference_and_no_test() -> None:
    """One run tells the size of a difference and nothing about its spread."""
    ce, hce = make_scores(6, n_seeds=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = paired_tests(ce, hce)
    np.testing.assert_allclose(result["delta"], (hce - ce)[0], rtol=1e-12)
    assert result[["t", "p", "p_holm"]].isna().all(axis=None)


def test_no_quantities() -> None:
    """An empty family has an empty table."""
    result = paired_tests(np.zeros((4, 0)), np.zeros((4, 0)))
    assert list(result.columns) == ["delta", "t", "p", "p_holm"]
    assert result.empty


@pytest.mark.parametrize(
    ("shape_ce", "shape_hce"), [((4, 3), (3, 3)), ((4, 3), (4, 2)), ((4, 3), (1, 3)), ((4,), (4,))]
)
def test_unpaired_input_raises(shape_ce: tuple[int, ...], shape_hce: tuple[int, ...]) -> None:
    """Runs are paired one by one; nothing is broadcast."""
    with pytest.raises(ValueError):
        paired_tests(np.zeros(shape_ce), np.ones(shape_hce))


def test_inputs_are_not_modified() -> None:
    """The scores are the caller's."""
    ce, hce = make_scores(7)
    copies = ce.copy(), hce.copy()
    paired_tests(ce, hce)
    np.testing.assert_array_equal(ce, copies[0])
    np.testing.assert_array_equal(hce, copies[1])


@given(p=p_values)
def test_holm_step_by_step(p: np.ndarray) -> None:
    """The adjustment is Holm's procedure; nothing stays hidden from the garbage collector."""
    np.testing.assert_allclose(holm(p), holm_in_a_loop(p), rtol=1e-12, atol=0)
    assert gc.get_freeze_count() == 0


@given(p=p_values)
def test_holm_bounds(p: np.ndarray) -> None:
    """p <= Holm <= min(1, K p), and the order of p values is kept."""
    adjusted = holm(p)
    assert (adjusted >= p).all()
    assert (adjusted <= 1).all()
    assert adjusted.min() <= min(1.0, len(p) * p.min()) * (1 + 1e-12)
    order = np.argsort(p, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()


@given(p=p_values, seed=seeds)
def test_holm_follows_a_permutation(p: np.ndarray, seed: int) -> None:
    """An adjusted value belongs to its test, wherever it stands."""
    order = np.random.default_rng(seed).permutation(len(p))
    np.testing.assert_array_equal(holm(p[order]), holm(p)[order])


@given(p=p_values, seed=seeds)
def test_holm_ignores_nan(p: np.ndarray, seed: int) -> None:
    """NaNs stay where they are and do not make the family larger."""
    rng = np.random.default_rng(seed)
    with_nan = np.insert(p, rng.integers(0, len(p) + 1, 3), np.nan)
    adjusted = holm(with_nan)
    np.testing.assert_array_equal(np.isnan(adjusted), np.isnan(with_nan))
    np.testing.assert_array_equal(adjusted[~np.isnan(adjusted)], holm(p))


def test_holm_of_nothing() -> None:
    """No test, or none with a meaning."""
    assert holm(np.zeros(0)).shape == (0,)
    assert np.isnan(holm(np.array([np.nan, np.nan]))).all()


@pytest.mark.parametrize(("p", "marked"), [(0.0499, True), (0.05, False), (np.nan, False)])
def test_only_below_five_percent_is_significant(p: float, marked: bool) -> None:
    assert is_significant(p) is marked
    assert is_significant(pd.Series([p, 1.0])).tolist() == [marked, False]


def test_differences_are_those_of_runs_that_agree() -> None:
    runs = pd.DataFrame(
        {
            "seed": [0, 0, 0, 1, 2, 2],
            "loss": ["ce", "hce", "hce_permuted", "ce", "hce", "hce_permuted"],
            "f1": [0.5, 0.75, 0.25, 0.5, 0.75, 0.25],
        }
    )
    table = paired_differences(runs, ["seed"], "f1", "gain")
    assert table.to_dict("list") == {"seed": [0], "gain": [0.25]}
    permuted = paired_differences(runs, ["seed"], "f1", "gain", "hce_permuted")
    assert permuted.to_dict("list") == {"seed": [0], "gain": [-0.25]}
    assert paired_differences(runs[runs["seed"] > 0], ["seed"], "f1", "gain").empty


@given(seed=seeds)
def test_intervals_of_shares_are_shares(seed: int) -> None:
    """Also where runs have F1 of exactly 0 or 1; the mean lies inside where runs differ."""
    rng = np.random.default_rng(seed)
    ce, hce = (np.round(rng.beta(0.3, 0.3, (3, 20)), 2) for _ in range(2))
    table = summarize_pairs(ce, hce)
    for loss in "ce", "hce":
        low, high = table[f"{loss}_ci_low"], table[f"{loss}_ci_high"]
        assert ((low >= 0) & (high <= 1) & (low <= high)).all()
    assert table[["delta_ci_low", "delta_ci_high"]].abs().le(1).all(axis=None)
    plain = summarize_pairs(10 * ce, 10 * hce, shares=False)
    half = stats.t.ppf(0.975, 2) * (10 * ce).std(axis=0, ddof=1) / np.sqrt(3)
    np.testing.assert_allclose(plain["ce_ci_high"], 10 * ce.mean(axis=0) + half)


def test_interval_of_a_share_near_one() -> None:
    """Runs 0.9, 0.98 and 1: by Student's t alone the interval would reach 1.09."""
    runs = np.array([[0.9], [0.98], [1.0]])
    row = summarize_pairs(runs, runs).iloc[0]
    assert 0.7 < row["ce_ci_low"] < 0.9
    assert row["ce_ci_high"] == 1
