"""What could the paper's test have found? Smallest gains that it sees, for each cell type.

With few seeds and Holm's adjustment over many types, a star needs a difference that is large beside
its variation from seed to seed: with four seeds and 80 types |t| > 13. The adjustment is that of
Holm's first step, which every type faces until another is found.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hce.compare import ALPHA, is_significant

POWER = 0.8
FOUND, FINDABLE, HIDDEN, UNTESTED = "found", "could be found", "could not be found", "not tested"


def detectable(table: pd.DataFrame) -> pd.DataFrame:
    """The gain of each type that the test would find in four of five repetitions.

    Parameters
    ----------
    table
        Rows of one family of per_cell_type.tsv: ce_mean, delta, delta_sd, n_seeds, n_tests,
        p_holm.

    Returns
    -------
    pandas.DataFrame
        Index of the table; critical (smallest mean difference that is significant), detectable
        (smallest true difference that is found with a probability of 0.8), room (1 - ce_mean: no
        gain can be larger), verdict: found (significant as it is); could be found (detectable is
        below room); could not be found, whatever the truth; not tested (the differences do not
        vary, or there is one seed).
    """
    columns = ["critical", "detectable", "room", "verdict"]
    result = pd.DataFrame(index=table.index, columns=columns[:3], dtype=float)
    result["room"] = 1 - table["ce_mean"]
    tested = table["p_holm"].notna() & (table["n_seeds"] > 1)
    for _, rows in table[tested].groupby(["n_seeds", "n_tests"]):
        n_seeds, n_tests = rows["n_seeds"].iloc[0], rows["n_tests"].iloc[0]
        critical, found = _standardized(int(n_seeds), ALPHA / int(n_tests))
        result.loc[rows.index, "critical"] = critical * rows["delta_sd"]
        result.loc[rows.index, "detectable"] = found * rows["delta_sd"]
    conditions = [
        ~tested,
        is_significant(table["p_holm"]),
        result["detectable"] <= result["room"],
    ]
    result["verdict"] = np.select(conditions, [UNTESTED, FOUND, FINDABLE], HIDDEN)
    return result


def _standardized(n_seeds: int, alpha: float) -> tuple[float, float]:
    """Critical and detectable mean difference in standard deviations of the differences."""
    from scipy import optimize, stats

    degrees, scale = n_seeds - 1, np.sqrt(n_seeds)
    critical = float(stats.t.isf(alpha / 2, degrees))

    # TTestPower of statsmodels returns its last step where it does not converge, as it does here;
    # that the test finds a difference of the wrong sign is left out: next to never
    def power(difference: float) -> float:
        return float(stats.nct.sf(critical, degrees, difference * scale))

    span = critical / scale
    found = optimize.brentq(lambda difference: power(difference) - POWER, span / 4, 4 * span)
    return critical / scale, float(found)
