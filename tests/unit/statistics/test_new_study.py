"""Gains by study against the paper's metric cell by cell, the bootstrap against a plain loop."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from hce.metrics import macro_f1
from hce.statistics import new_study
from hce.statistics.new_study import (
    ONE_DONOR,
    TOO_FEW,
    count_by_donor,
    meta_analysis,
    pooled_gain,
    unit_gains,
)

HierarchyMaker = Callable[..., NDArray[np.bool_]]
N_CLASSES = 5


def make_cells(seed: int, n_cells: int = 400) -> pd.DataFrame:
    """Cells of four studies, the last of one donor; calls of both losses with two seeds."""
    rng = np.random.default_rng(seed)
    study = rng.integers(4, size=n_cells)
    donor = np.where(study == 3, 0, rng.integers(3, size=n_cells))
    label = rng.integers(N_CLASSES, size=n_cells)
    parts = []
    for loss, right in (("ce", 0.4), ("hce", 0.6)):
        for run in (0, 1):
            guess = rng.integers(N_CLASSES, size=n_cells)
            call = np.where(rng.random(n_cells) < right, label, guess)
            parts.append(pd.DataFrame({"loss": loss, "seed": run, "call": call}))
    cells = pd.DataFrame(
        {
            "dataset_id": [f"study {s}" for s in study],
            "donor": [f"{s}_{d}" for s, d in zip(study, donor, strict=True)],
            "class": label,
        }
    )
    return pd.concat([cells.join(part) for part in parts], ignore_index=True)


def counted(cells: pd.DataFrame) -> pd.DataFrame:
    return (
        cells.groupby(cells.columns.tolist(), as_index=False)
        .size()
        .rename(columns={"size": "cells"})
    )


def gain_in_a_loop(cells: pd.DataFrame, reach: NDArray[np.bool_]) -> float:
    """Mean over seeds of HCE - CE in the paper's macro F1."""
    f1 = {
        key: macro_f1(part["class"], part["call"], reach)
        for key, part in cells.groupby(["loss", "seed"])
    }
    return float(np.mean([f1["hce", run] - f1["ce", run] for run in (0, 1)]))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_gains_are_those_of_the_cells(make_hierarchy: HierarchyMaker, seed: int) -> None:
    cells, reach = make_cells(seed), make_hierarchy(seed, N_CLASSES)
    counts = count_by_donor(counted(cells), reach, "dataset_id")
    table = unit_gains(counts, replicates=10).set_index("unit")
    for study, part in cells.groupby("dataset_id"):
        row = table.loc[study]
        assert row["gain"] == pytest.approx(gain_in_a_loop(part, reach))
        assert row["n_donors"] == part["donor"].nunique()
        assert row["n_cells"] == len(part) / 4
    assert table.loc["study 3", "note"] == ONE_DONOR
    assert np.isnan(table.loc["study 3", "se"])
    assert pooled_gain(counts, replicates=10)[0] == pytest.approx(gain_in_a_loop(cells, reach))


def test_bootstrap_is_a_loop_over_resampled_cells(make_hierarchy: HierarchyMaker) -> None:
    """The same draws of donors, carried out cell by cell."""
    cells, reach = make_cells(1), make_hierarchy(1, N_CLASSES)
    counts = count_by_donor(counted(cells), reach, "dataset_id")
    names = sorted(cells["donor"].unique())
    codes = np.unique(counts.unit, return_inverse=True)[1]
    weight = new_study._resampled_units(codes, np.random.default_rng(3), 5)
    gains = counts.gain(weight)
    assert (weight.sum(axis=1) > 0).all()
    for row, gain in zip(weight, gains, strict=True):
        by_donor = dict(zip(names, row.astype(int), strict=True))
        drawn = cells.loc[cells.index.repeat(cells["donor"].map(by_donor))]
        assert gain.mean() == pytest.approx(gain_in_a_loop(drawn, reach))


def test_bootstrap_draws_units_then_donors() -> None:
    """Every replicate has as many units as there are, each with all its places for donors."""
    codes = np.array([0, 0, 0, 1, 2, 2])
    weight = new_study._resampled_units(codes, np.random.default_rng(0), 4000)
    drawn = np.stack([weight[:, codes == unit].sum(axis=1) for unit in range(3)], axis=1)
    units = drawn / np.array([3, 1, 2])
    assert (units.sum(axis=1) == 3).all()
    # a unit is left out of a replicate as often as by drawing three of three with replacement
    assert (units == 0).mean() == pytest.approx((2 / 3) ** 3, abs=0.02)


def test_wider_over_studies_than_over_donors_where_studies_differ() -> None:
    """Studies that disagree widen the interval of the whole; donors that agree leave theirs."""
    reach = np.eye(2, dtype=bool)
    rows = []
    for study in range(6):
        for donor in range(4):
            for loss in ("ce", "hce"):
                right = 90 if (loss == "hce") == (study < 3) else 50
                for call, cells in ((0, right), (1, 100 - right)):
                    rows.append((loss, 0, f"s{study}", f"{study}_{donor}", 0, call, cells))
    names = ["loss", "seed", "dataset_id", "donor", "class", "call", "cells"]
    counts = count_by_donor(pd.DataFrame(rows, columns=names), reach, "dataset_id")
    assert (unit_gains(counts)["se"] < 1e-12).all()
    gain, se, low, high = pooled_gain(counts)
    assert low < gain < high
    assert se > 0.05


def test_meta_analysis_of_the_example_of_statsmodels() -> None:
    """Nine laboratories measure one quantity (DerSimonian and Kacker 2007): Paule and Mandel."""
    gain = np.array([61.00, 61.40, 62.21, 62.30, 62.34, 62.60, 62.70, 62.84, 65.90])
    variance = np.array([0.2025, 1.2100, 0.0900, 0.2025, 0.3844, 0.5625, 0.0676, 0.0225, 1.8225])
    found = meta_analysis(gain, np.sqrt(variance))
    assert found["mean"] == pytest.approx(62.4076, abs=1e-4)
    assert found["tau"] == pytest.approx(np.sqrt(0.7054), abs=1e-3)
    weight = 1 / (variance + float(found["tau"]) ** 2)
    mean = (weight * gain).sum() / weight.sum()
    assert found["mean"] == pytest.approx(mean)
    hksj = np.sqrt((weight * (gain - mean) ** 2).sum() / 8 / weight.sum())
    assert found["ci_high"] == pytest.approx(mean + stats.t.ppf(0.975, 8) * hksj)
    ahead = stats.t.ppf(0.975, 7) * np.sqrt(float(found["tau"]) ** 2 + 1 / weight.sum())
    assert found["prediction_low"] == pytest.approx(mean - ahead)
    fixed = 1 / variance
    q = (fixed * (gain - (fixed * gain).sum() / fixed.sum()) ** 2).sum()
    assert found["i_squared"] == pytest.approx((q - 8) / q)


def test_studies_that_agree_do_not_scatter() -> None:
    found = meta_analysis(np.full(5, 0.1), np.full(5, 0.05))
    assert found["tau"] == found["i_squared"] == 0
    assert found["mean"] == pytest.approx(0.1)
    assert found["prediction_low"] < 0.1 < found["prediction_high"]


def test_too_few_studies_say_nothing_of_the_next() -> None:
    found = meta_analysis(np.array([0.1, 0.2]), np.array([0.01, 0.01]))
    assert found["note"] == TOO_FEW
    assert np.isnan(found["prediction_low"])


def test_seeds_without_both_losses_are_left_out(make_hierarchy: HierarchyMaker) -> None:
    cells, reach = make_cells(2), make_hierarchy(2, N_CLASSES)
    calls = counted(cells)
    alone = calls[~((calls["loss"] == "hce") & (calls["seed"] == 1))]
    assert count_by_donor(alone, reach, "dataset_id").right.shape[:2] == (2, 1)
    with pytest.raises(ValueError, match="no seed has both CE and HCE"):
        count_by_donor(calls[calls["loss"] == "ce"], reach, "dataset_id")
