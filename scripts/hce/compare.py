"""Paired comparison of two losses over seeds (paper, "Statistical evaluation")."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from statsmodels.stats.multitest import multipletests

# F1 values are ratios of counts; differences below this are rounding, not variation
SMALLEST_VARIATION = 1e-12


def paired_tests(ce: ArrayLike, hce: ArrayLike) -> pd.DataFrame:
    """Two-sided paired t-test over seeds for each of K quantities, adjusted by Holm-Bonferroni.

    Parameters
    ----------
    ce, hce
        Float S x K: S seeds in the same order, K quantities (cell types, studies, ...), which form
        one family for the adjustment.

    Returns
    -------
    pandas.DataFrame
        K rows: delta (mean over seeds of hce - ce), t, p, p_holm. Where a test has no meaning
        (fewer than two seeds, a missing value, no variation of the differences) t, p and p_holm are
        NaN, and the quantity takes no part in the adjustment.

    Raises
    ------
    ValueError
        If the two arrays do not have the same two-dimensional shape.
    """
    ce, hce = as_pairs(ce, hce)
    if len(ce) == 0:
        raise ValueError("no seed to compare: ce and hce have no rows")
    difference = hce - ce
    n_quantities = difference.shape[1]
    result = pd.DataFrame({"delta": difference.mean(axis=0)})
    t, p = np.full(n_quantities, np.nan), np.full(n_quantities, np.nan)
    testable = _testable(difference)
    if testable.any():
        test = stats.ttest_rel(hce[:, testable], ce[:, testable], axis=0)
        t[testable], p[testable] = test.statistic, test.pvalue
    result["t"], result["p"], result["p_holm"] = t, p, holm(p)
    return result


def as_pairs(ce: ArrayLike, hce: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values of two losses as float64 S x K: S seeds, K quantities.

    Raises
    ------
    ValueError
        If the two do not have the same two-dimensional shape.
    """
    ce, hce = np.asarray(ce, dtype=float), np.asarray(hce, dtype=float)
    if ce.ndim != 2 or ce.shape != hce.shape:
        raise ValueError(f"ce and hce must both be S x K, got {ce.shape} and {hce.shape}")
    return ce, hce


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Holm-Bonferroni adjusted p values; NaNs stay NaN and do not count as tests."""
    p = np.asarray(p, dtype=float)
    adjusted = np.full(p.shape, np.nan)
    tested = np.isfinite(p)
    if tested.any():
        adjusted[tested] = multipletests(p[tested], method="holm")[1]
    return adjusted


def _testable(difference: NDArray[np.float64]) -> NDArray[np.bool_]:
    if len(difference) < 2:
        return np.zeros(difference.shape[1], dtype=bool)
    finite = np.isfinite(difference).all(axis=0)
    return finite & (np.ptp(difference, axis=0) > SMALLEST_VARIATION)
