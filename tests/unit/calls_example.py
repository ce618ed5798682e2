"""Figures of the questions a reviewer asks, drawn from calls of the eight example types."""

from __future__ import annotations

import itertools

import figure_example as example
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hce.evaluation.hierarchy_metrics import Hierarchy
from hce.evaluation.predictions import CALL_COLUMNS
from hce.figures.decisions import draw_decisions
from hce.figures.frontier import draw_frontier, frontier_points
from hce.figures.granularity import draw_granularity
from hce.figures.learning_curve import draw_learning_curve
from hce.figures.metrics import draw_metrics
from hce.figures.new_study import draw_forest, forest_rows
from hce.figures.power import draw_power
from hce.figures.risk_coverage import draw_risk_coverage
from hce.figures.specificity import draw_specificity
from hce.names import LOSSES
from hce.statistics.decisions import (
    coarsened_runs,
    decision_table,
    depth_shares,
    metric_runs,
    metric_table,
)
from hce.statistics.new_study import gains_by, over_seeds
from hce.statistics.power import detectable
from hce.statistics.risk_coverage import risk_coverage

HIERARCHY = Hierarchy(example.reachability(), np.full(8, 100), np.array([3, 5, 6, 7, 7, 6, 4, 9]))
DISCOUNTS = {"ce": 0.0, "hce_discount_0.5": 0.5, "hce": 1.0}


def calls(architectures: list[str], n_seeds: int, losses: tuple[str, ...] = LOSSES) -> pd.DataFrame:
    """Cells of five studies, one of a single donor, called at random, better with HCE."""
    rng = np.random.default_rng(5)
    rows = []
    runs = itertools.product(architectures, losses, range(n_seeds), ("test", "ood"), CALL_COLUMNS)
    for architecture, loss, seed, split, rule in runs:
        label = rng.integers(8, size=150)
        right = rng.random(150) < (0.5 if loss == "ce" else 0.6)
        call = np.where(right, label, rng.integers(8, size=150))
        study = rng.integers(5, size=150)
        donor = np.where(study == 4, 0, rng.integers(3, size=150))
        rows.append(
            pd.DataFrame(
                {
                    "architecture": architecture,
                    "loss": loss,
                    "seed": seed,
                    "split": split,
                    "rule": rule,
                    "dataset_id": [f"study {s} of a laboratory with a long name" for s in study],
                    "donor": [f"{s}-{d}" for s, d in zip(study, donor, strict=True)],
                    "class": label,
                    "call": call,
                    "cells": 1,
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def decisions(architectures: list[str], n_seeds: int) -> Figure:
    """Return the figure of the decision rules."""
    runs = metric_runs(calls(architectures, n_seeds), HIERARCHY, np.arange(8))
    runs = runs[(runs["split"] == "ood") | (runs["labels"] == "ood_labels")]
    return draw_decisions(runs.merge(decision_table(runs)[[*RULE_KEYS, "left"]], how="left"))


RULE_KEYS = ["architecture", "split", "labels", "metric", "rule"]


def metrics(architectures: list[str], n_seeds: int) -> Figure:
    """Return the figure of the metrics."""
    runs = metric_runs(calls(architectures, n_seeds), HIERARCHY, np.arange(8))
    table = metric_table(runs)
    paper = (table["split"] == "ood") | (table["labels"] == "ood_labels")
    return draw_metrics(table[paper & (table["rule"] == "argmax")])


def specificity(architectures: list[str], n_seeds: int) -> Figure:
    """Return the figure of the depths."""
    return draw_specificity(depth_shares(calls(architectures, n_seeds), HIERARCHY))


def granularity(architectures: list[str], n_seeds: int) -> Figure:
    """Return the figure of the coarser labels."""
    return draw_granularity(coarsened_runs(calls(architectures, n_seeds), HIERARCHY))


def forest(architectures: list[str], n_seeds: int) -> Figure:
    """Return the forest plot of the studies."""
    table = calls(architectures, n_seeds)
    table = table[(table["split"] == "ood") & (table["rule"] == "argmax")]
    wholes, singles = [], []
    for architecture, part in table.groupby("architecture"):
        whole, single = gains_by(part, HIERARCHY.reachability, "dataset_id")
        wholes.append(whole.assign(architecture=architecture, kind="study"))
        singles.append(single.assign(architecture=architecture, kind="study", name=single["unit"]))
    tests = example.macro_f1(architectures, n_seeds, 0.01)
    tests = tests.assign(gain_ci_low=0.05, gain_ci_high=0.15, note="")
    summary = pd.concat([*wholes, over_seeds(tests)], ignore_index=True)
    return draw_forest(forest_rows(pd.concat(singles, ignore_index=True), summary, "study"))


def power(architectures: list[str], n_seeds: int) -> Figure:
    """Return the figure of the power: the MLP alone has tests."""
    table = example.per_cell_type(n_seeds).reset_index(drop=True)
    table = table.assign(ce_mean=0.4, delta_sd=0.013, n_tests=7)
    return draw_power(table.join(detectable(table)))


def frontier(architectures: list[str], n_seeds: int) -> Figure:
    """Return the frontier from CE to HCE."""
    table = calls(architectures, n_seeds, tuple(DISCOUNTS))
    runs = metric_runs(table, HIERARCHY, np.arange(8))
    return draw_frontier(frontier_points(runs, DISCOUNTS))


def learning(architectures: list[str], n_seeds: int) -> Figure:
    """Return the learning curve: three sizes and the run itself."""
    runs = example.macro_f1_runs(architectures, n_seeds)
    sizes = {1_000: 16.0, 15_240: 125.0, 150_000: 1000.0, 15_240_192: np.nan}
    points = [runs.assign(train_cells=n, cells_per_type=size) for n, size in sizes.items()]
    return draw_learning_curve(pd.concat(points, ignore_index=True))


def risks(architectures: list[str], n_seeds: int) -> Figure:
    """Return the risk-coverage curves: the higher the threshold, the more cells are called 0."""
    table = calls(architectures, n_seeds)
    table = table[table["rule"] == "safe"].reset_index(drop=True)
    parts = []
    for threshold in (0.05, 0.5, 0.8, 0.95):
        called = table["call"].where(table.index % 20 >= 20 * threshold, 0)
        said = np.full(len(table), (1 + threshold) / 2)
        parts.append(table.assign(threshold=threshold, call=called, score_sum=said))
    return draw_risk_coverage(risk_coverage(pd.concat(parts, ignore_index=True), HIERARCHY))
