"""Paired comparison of two losses over seeds (paper, "Statistical evaluation").

scipy.stats and statsmodels, a second of imports, are loaded where a test is made: figures ask for
`is_significant` alone.
"""

from __future__ import annotations

import gc

from hce.extras import needs

with needs("metrics"):
    import numpy as np
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

# adjusted p values below it are called significant
ALPHA = 0.05
# F1 values are ratios of counts; differences below this are rounding, not variation
SMALLEST_VARIATION = 1e-12


def is_significant(p_holm: float | pd.Series) -> bool | pd.Series:
    """Whether an adjusted p value, or each of several, is below 0.05; a missing one is not."""
    return p_holm < ALPHA


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
        with needs("metrics"):
            from scipy import stats

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
        with needs("metrics"):
            from statsmodels.stats.multitest import multipletests

        # it runs the garbage collector in every call, 0.1 s and more in a process with much in it:
        # hide what is there
        gc.freeze()
        try:
            adjusted[tested] = multipletests(p[tested], method="holm")[1]
        finally:
            gc.unfreeze()
    return adjusted


def _testable(difference: NDArray[np.float64]) -> NDArray[np.bool_]:
    if len(difference) < 2:
        return np.zeros(difference.shape[1], dtype=bool)
    finite = np.isfinite(difference).all(axis=0)
    return finite & (np.ptp(difference, axis=0) > SMALLEST_VARIATION)


def paired_differences(
    runs: pd.DataFrame, by: list[str], value: str, name: str, loss: str = "hce"
) -> pd.DataFrame:
    """Value of a loss minus that of CE, wherever a run of each has one (one row, or none).

    Parameters
    ----------
    runs
        One row a value, with the columns loss and those of `by`.
    by
        Columns in which the two runs agree, the seed among them.
    value
        The column to compare.
    name
        What to call the difference.
    loss
        The loss beside CE.

    Returns
    -------
    pandas.DataFrame
        The columns of `by`, sorted by them, and the difference.
    """
    wide = runs.pivot_table(index=by, columns="loss", values=value)
    wide = wide.reindex(columns=["ce", loss]).dropna()
    return (wide[loss] - wide["ce"]).rename(name).reset_index()


CONFIDENCE = 0.95
# why a quantity has no test; an empty note means that it has one
NO_PAIR = "no test: no seed has both CE and HCE"
INCOMPLETE = "no test: a seed lacks a value"
ONE_PAIR = "no test: n = 1"
CONSTANT = "no test: the differences do not vary"


def summarize_pairs(ce: ArrayLike, hce: ArrayLike, shares: bool = True) -> pd.DataFrame:
    """Means, spread, 95 % confidence intervals, effect size and paired t-test of K quantities.

    Parameters
    ----------
    ce, hce
        Float S x K: S seeds in the same order (there may be none), K quantities, which form one
        family for the adjustment by Holm. NaN where a run has no value.
    shares
        Whether the values lie in [0, 1], as F1 does. Then so do the ends of their intervals, and
        those of the differences in [-1, 1].

    Returns
    -------
    pandas.DataFrame
        K rows. n_seeds (pairs in which both values exist); for ce, hce and delta (hce - ce): mean,
        sd (n - 1 in the denominator), ci_low and ci_high (Student's t; of shares on the scale of
        arcsin(sqrt(x)), which is finite at 0 and 1, where the logit is not); effect_size (Cohen's
        d_z, delta_mean / delta_sd); t, p, p_holm; n_tests (size of the family); note (why there is
        no test, else empty). What cannot be computed is NaN: everything for a quantity that a seed
        lacks, all but the means for a single pair.

    Raises
    ------
    ValueError
        If the two arrays do not have the same two-dimensional shape.
    """
    ce, hce = as_pairs(ce, hce)
    difference = hce - ce
    table = pd.DataFrame({"n_seeds": np.isfinite(difference).sum(axis=0)})
    for name, values in (("ce", ce), ("hce", hce)):
        table = table.join(_spread(values, shares).add_prefix(f"{name}_"))
    table = table.join(_spread(difference).add_prefix("delta_"))
    if shares:
        ends = ["delta_ci_low", "delta_ci_high"]
        table[ends] = table[ends].clip(-1, 1)
    varies = table["delta_sd"] > SMALLEST_VARIATION
    table["effect_size"] = (table["delta_mean"] / table["delta_sd"]).where(varies)
    tests = ["t", "p", "p_holm"]
    table[tests] = paired_tests(ce, hce)[tests] if len(ce) else np.nan
    table["n_tests"] = int(table["p"].notna().sum())
    return table.assign(note=_notes(table, len(ce)))


def _spread(values: NDArray[np.float64], shares: bool = False) -> pd.DataFrame:
    """Mean, sd and confidence interval of the mean of each column."""
    with needs("metrics"):
        from scipy import stats

    n_runs, n_quantities = values.shape
    missing = np.full(n_quantities, np.nan)
    mean = values.mean(axis=0) if n_runs else missing
    sd = values.std(axis=0, ddof=1) if n_runs > 1 else missing
    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, n_runs - 1) if n_runs > 1 else np.nan
    scaled = np.arcsin(np.sqrt(values)) if shares else values
    center = scaled.mean(axis=0) if n_runs else missing
    spread = scaled.std(axis=0, ddof=1) if n_runs > 1 else missing
    half = quantile * spread / np.sqrt(max(n_runs, 1))
    ends = center - half, center + half
    low, high = (np.sin(np.clip(end, 0, np.pi / 2)) ** 2 if shares else end for end in ends)
    return pd.DataFrame({"mean": mean, "sd": sd, "ci_low": low, "ci_high": high})


def _notes(table: pd.DataFrame, n_seeds: int) -> NDArray[np.str_]:
    conditions = [
        table["p"].notna(),
        table["n_seeds"] == 0,
        table["n_seeds"] < n_seeds,
        table["n_seeds"] == 1,
    ]
    return np.select(conditions, ["", NO_PAIR, INCOMPLETE, ONE_PAIR], CONSTANT)
