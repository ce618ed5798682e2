"""Will the gain hold in the next study? Gains by study or tissue, and how far they scatter.

A t-test over seeds asks whether the same cells would tell the losses apart if they were trained
again. Whoever annotates a study of their own asks something else: how much the gain differs from
study to study. Two answers:

- The gain of the paper (one macro F1 over all OOD cells) with an interval from a bootstrap over
  studies, the donors within them, and the seeds, which all studies share.
- The gain of each study by itself, with a standard error from its donors and the seeds, and a
  random-effects meta-analysis of them: their mean, how far they scatter beyond their errors (tau,
  I^2), and the interval in which the gain of a new study is expected (Higgins et al. 2009). The
  heterogeneity is Paule and Mandel's, the interval of the mean Hartung's, Knapp's, Sidik's and
  Jonkman's, both as statsmodels has them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hce.compare import CONFIDENCE
from hce.names import LOSSES

# a study that varies less is given this standard error: a tenth of a point
SMALLEST_ERROR = 0.001
# fewer studies say nothing about a new one
FEWEST_UNITS = 3
REPLICATES = 2000
ONE_DONOR = "one donor: no error"
TOO_FEW = f"fewer than {FEWEST_UNITS} with two donors: no meta-analysis"


@dataclass(frozen=True)
class Counts:
    """What F1 is made of, by donor: K donors of units, S seeds, C classes.

    Attributes
    ----------
    unit
        Text K, the study or tissue of each donor; a donor of two tissues is there twice.
    support
        Float K x C, cells of each label.
    right, called
        Float 2 x S x K x C (CE, HCE): cells of a label that are called right, and cells that are
        called a class once right calls count as their label.
    """

    unit: NDArray[np.str_]
    support: NDArray[np.float64]
    right: NDArray[np.float64]
    called: NDArray[np.float64]

    def gain(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """HCE minus CE in macro F1 over the labels present, with every donor counted so often.

        Parameters
        ----------
        weight
            Float B x K.

        Returns
        -------
        numpy.ndarray
            Float B x S.
        """
        support = weight @ self.support
        present = support > 0
        f1 = 2 * (weight @ self.right) / np.maximum(weight @ self.called + support, 1)
        macro = np.where(present, f1, 0).sum(axis=-1) / np.maximum(present.sum(axis=-1), 1)
        return (macro[1] - macro[0]).T

    def of(self, unit: str) -> Counts:
        """Those of one unit."""
        chosen = self.unit == unit
        parts = (self.unit[chosen], self.support[chosen])
        return Counts(*parts, self.right[:, :, chosen], self.called[:, :, chosen])


def count_by_donor(calls: pd.DataFrame, reachability: NDArray[np.bool_], unit: str) -> Counts:
    """Counts of one architecture and decision rule.

    Parameters
    ----------
    calls
        loss, seed, donor, class, call, cells and the column `unit`. Seeds without both losses are
        left out.
    reachability
        Bool C x C.
    unit
        Column: dataset_id, or tissue.

    Raises
    ------
    ValueError
        If no seed has both losses.
    """
    by_loss = [set(calls.loc[calls["loss"] == loss, "seed"]) for loss in LOSSES]
    seeds = sorted(set.intersection(*by_loss))
    if not seeds:
        raise ValueError("no seed has both CE and HCE")
    calls = calls[calls["seed"].isin(seeds) & calls["loss"].isin(LOSSES)]
    donors = calls[[unit, "donor"]].astype(str).agg("\t".join, axis=1)
    codes, names = pd.factorize(donors, sort=True)
    n_classes = len(reachability)
    label, call = (calls[name].to_numpy(np.int64) for name in ("class", "call"))
    right = reachability[label, call]
    shape = (len(LOSSES), len(seeds), len(names), n_classes)
    run = calls["loss"].map(LOSSES.index).to_numpy() * len(seeds)
    run = (run + calls["seed"].map(seeds.index).to_numpy()) * len(names) + codes

    def count(classes: NDArray[np.int64], cells: NDArray[np.float64]) -> NDArray[np.float64]:
        flat = np.bincount(run * n_classes + classes, cells, minlength=int(np.prod(shape)))
        return flat.reshape(shape).astype(float)

    cells = calls["cells"].to_numpy(float)
    return Counts(
        np.array([name.split("\t")[0] for name in names]),
        count(label, cells)[0, 0],
        count(label, cells * right),
        count(np.where(right, label, call), cells),
    )


def unit_gains(counts: Counts, seed: int = 0, replicates: int = REPLICATES) -> pd.DataFrame:
    """The gain in each study (or tissue) alone, with its error from donors and seeds.

    Returns
    -------
    pandas.DataFrame
        unit, gain (mean over seeds of HCE - CE in macro F1 over its labels), se (standard deviation
        over bootstrap replicates of its donors and the seeds; NaN for one donor), ci_low, ci_high
        (percentiles), n_donors, n_labels, n_cells, note.
    """
    rows = []
    rng = np.random.default_rng(seed)
    for unit in np.unique(counts.unit):
        part = counts.of(unit)
        n_donors = len(part.unit)
        gain = part.gain(np.ones((1, n_donors))).mean()
        se, ends = np.nan, (np.nan, np.nan)
        if n_donors > 1:
            weight = _resampled(np.zeros(n_donors, dtype=np.int64), rng, replicates)
            values = _over_seeds(part.gain(weight), rng)
            se, ends = values.std(ddof=1), _percentiles(values)
        support = part.support.sum(axis=0)
        sizes = (n_donors, int((support > 0).sum()), int(support.sum()))
        rows.append((unit, gain, se, *ends, *sizes, "" if n_donors > 1 else ONE_DONOR))
    names = ["unit", "gain", "se", "ci_low", "ci_high", "n_donors", "n_labels", "n_cells", "note"]
    return pd.DataFrame(rows, columns=names)


def pooled_gain(
    counts: Counts, seed: int = 0, replicates: int = REPLICATES
) -> tuple[float, float, float, float]:
    """The paper's gain over all cells, its bootstrap error and interval over units, donors, seeds.

    Returns
    -------
    tuple of float
        gain, se, ci_low, ci_high; the last three NaN for one unit.
    """
    gain = float(counts.gain(np.ones((1, len(counts.unit)))).mean())
    codes = np.unique(counts.unit, return_inverse=True)[1]
    if codes.max() == 0:
        return gain, np.nan, np.nan, np.nan
    rng = np.random.default_rng(seed)
    values = _over_seeds(counts.gain(_resampled_units(codes, rng, replicates)), rng)
    return gain, float(values.std(ddof=1)), *_percentiles(values)


def meta_analysis(gain: NDArray[np.float64], se: NDArray[np.float64]) -> dict[str, float | str]:
    """Random-effects meta-analysis of gains.

    Parameters
    ----------
    gain, se
        Float U, of studies with an error.

    Returns
    -------
    dict
        n_units, mean, ci_low, ci_high (95 %, t with U - 1 degrees of freedom), prediction_low,
        prediction_high (95 %, t with U - 2), tau (standard deviation between studies), i_squared
        (share of the scatter that is not error), note. NaN where there are too few.
    """
    from scipy import stats
    from statsmodels.stats.meta_analysis import combine_effects

    n_units = len(gain)
    names = ["mean", "ci_low", "ci_high", "prediction_low", "prediction_high", "tau", "i_squared"]
    if n_units < FEWEST_UNITS:
        return {"n_units": n_units, **dict.fromkeys(names, np.nan), "note": TOO_FEW}
    variance = np.maximum(se, SMALLEST_ERROR) ** 2
    found = combine_effects(gain, variance, method_re="iterated", use_t=True)
    mean, tau2 = float(found.mean_effect_re), max(float(found.tau2), 0.0)
    tail = (1 + CONFIDENCE) / 2
    half = stats.t.ppf(tail, n_units - 1) * float(found.sd_eff_w_re_hksj)
    # of the mean, without Hartung's and Knapp's factor, as Higgins et al. have it
    spread = np.sqrt(tau2 + 1 / (1 / (variance + tau2)).sum())
    ahead = stats.t.ppf(tail, n_units - 2) * spread
    values = (mean, mean - half, mean + half, mean - ahead, mean + ahead, np.sqrt(tau2))
    # statsmodels' own divides by what rounding has left of a scatter of zero
    share = 1 - found.df / found.q if found.q > found.df else 0.0
    numbers = dict(zip(names, map(float, (*values, share)), strict=True))
    return {"n_units": n_units, **numbers, "note": ""}


def gains_by(
    calls: pd.DataFrame, reachability: NDArray[np.bool_], column: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The gain of one architecture over all units (or tissues), and in each.

    Parameters
    ----------
    calls, reachability, column
        See `count_by_donor`.

    Returns
    -------
    tuple of pandas.DataFrame
        One row a method (bootstrap, meta-analysis): gain, se, ci_low, ci_high, n_units, note, and
        what else `meta_analysis` gives; and what `unit_gains` gives. Both are empty where no seed
        has both losses.
    """
    try:
        counts = count_by_donor(calls, reachability, column)
    except ValueError:
        return pd.DataFrame(), pd.DataFrame()
    single = unit_gains(counts)
    kept = single[single["se"].notna()]
    meta = meta_analysis(kept["gain"].to_numpy(), kept["se"].to_numpy())
    gain, se, low, high = pooled_gain(counts)
    rows = [
        {"method": "bootstrap", "gain": gain, "se": se, "ci_low": low, "ci_high": high}
        | {"n_units": single["unit"].nunique(), "note": ""},
        {"method": "meta-analysis", "gain": meta.pop("mean")} | meta,
    ]
    return pd.DataFrame(rows), single


def over_seeds(macro_f1: pd.DataFrame) -> pd.DataFrame:
    """The paper's interval, by Student's t over the seeds: rows of macro_f1.tsv as `gains_by`'s."""
    rows = macro_f1[(macro_f1["split"] == "ood") & (macro_f1["labels"] == "all")]
    columns = {"gain_mean": "gain", "gain_ci_low": "ci_low", "gain_ci_high": "ci_high"}
    rows = rows.rename(columns={**columns, "n_seeds": "n_units"})
    rows = rows[["architecture", "gain", "ci_low", "ci_high", "n_units", "note"]]
    return rows.assign(kind="seed", method="t over seeds")


def _resampled(
    codes: NDArray[np.int64], rng: np.random.Generator, replicates: int
) -> NDArray[np.float64]:
    """How often each donor is drawn when as many as there are are drawn within each unit: B x K."""
    weight = np.zeros((replicates, len(codes)))
    for unit in range(codes.max() + 1):
        members = np.flatnonzero(codes == unit)
        share = np.full(len(members), 1 / len(members))
        weight[:, members] = rng.multinomial(len(members), share, size=replicates)
    return weight


def _resampled_units(
    codes: NDArray[np.int64], rng: np.random.Generator, replicates: int
) -> NDArray[np.float64]:
    """Units are drawn first, and donors anew for each time that a unit was drawn: B x K."""
    n_units = codes.max() + 1
    drawn = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=replicates)
    weight = np.zeros((replicates, len(codes)))
    for unit in range(n_units):
        members = np.flatnonzero(codes == unit)
        share = np.full(len(members), 1 / len(members))
        weight[:, members] = rng.multinomial(drawn[:, unit] * len(members), share)
    return weight


def _over_seeds(gains: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Mean over seeds that are drawn anew for each replicate: B x S to B."""
    drawn = rng.integers(gains.shape[1], size=gains.shape)
    return np.take_along_axis(gains, drawn, axis=1).mean(axis=1)


def _percentiles(values: NDArray[np.float64]) -> tuple[float, float]:
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)
