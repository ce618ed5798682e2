"""What is reported of K quantities measured with CE and HCE over the same seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from hce.compare import SMALLEST_VARIATION, as_pairs, paired_tests

CONFIDENCE = 0.95
# why a quantity has no test; an empty note means that it has one
NO_PAIR = "no test: no seed has both CE and HCE"
INCOMPLETE = "no test: a seed lacks a value"
ONE_PAIR = "no test: n = 1"
CONSTANT = "no test: the differences do not vary"


def summarize_pairs(ce: ArrayLike, hce: ArrayLike) -> pd.DataFrame:
    """Means, spread, 95 % confidence intervals, effect size and paired t-test of K quantities.

    Parameters
    ----------
    ce, hce
        Float S x K: S seeds in the same order (there may be none), K quantities, which form one
        family for the adjustment by Holm. NaN where a run has no value.

    Returns
    -------
    pandas.DataFrame
        K rows. n_seeds (pairs in which both values exist); for ce, hce and delta (hce - ce): mean,
        sd (n - 1 in the denominator), ci_low and ci_high (Student's t); effect_size (Cohen's d_z,
        delta_mean / delta_sd); t, p, p_holm; n_tests (size of the family); note (why there is no
        test, else empty). What cannot be computed is NaN: everything for a quantity that a seed
        lacks, all but the means for a single pair.

    Raises
    ------
    ValueError
        If the two arrays do not have the same two-dimensional shape.
    """
    ce, hce = as_pairs(ce, hce)
    difference = hce - ce
    table = pd.DataFrame({"n_seeds": np.isfinite(difference).sum(axis=0)})
    for name, values in (("ce", ce), ("hce", hce), ("delta", difference)):
        table = table.join(_spread(values).add_prefix(f"{name}_"))
    varies = table["delta_sd"] > SMALLEST_VARIATION
    table["effect_size"] = (table["delta_mean"] / table["delta_sd"]).where(varies)
    tests = ["t", "p", "p_holm"]
    table[tests] = paired_tests(ce, hce)[tests] if len(ce) else np.nan
    table["n_tests"] = int(table["p"].notna().sum())
    return table.assign(note=_notes(table, len(ce)))


def _spread(values: NDArray[np.float64]) -> pd.DataFrame:
    """Mean, sd and confidence interval of the mean of each column."""
    n_runs, n_quantities = values.shape
    missing = np.full(n_quantities, np.nan)
    mean = values.mean(axis=0) if n_runs else missing
    sd = values.std(axis=0, ddof=1) if n_runs > 1 else missing
    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, n_runs - 1) if n_runs > 1 else np.nan
    half = quantile * sd / np.sqrt(max(n_runs, 1))
    columns = {"mean": mean, "sd": sd, "ci_low": mean - half, "ci_high": mean + half}
    return pd.DataFrame(columns)


def _notes(table: pd.DataFrame, n_seeds: int) -> NDArray[np.str_]:
    conditions = [
        table["p"].notna(),
        table["n_seeds"] == 0,
        table["n_seeds"] < n_seeds,
        table["n_seeds"] == 1,
    ]
    return np.select(conditions, ["", NO_PAIR, INCOMPLETE, ONE_PAIR], CONSTANT)
