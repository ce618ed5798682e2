"""A frontier, not a point: corrected against exact macro F1 from CE to HCE, by decision rule."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hce.figures.style import (
    DOUBLE_COLUMN_MM,
    GRID,
    INK,
    new_figure,
    say_empty,
)
from hce.names import architecture_name, known_architectures

HEIGHT_MM = 128.0
RULE_COLORS = {"argmax": "#0072B2", "descend": "#D55E00", "safe": "#009E73"}
RULE_NAMES = {"argmax": "argmax (paper)", "descend": "descend", "safe": "safe, s ≥ τ"}
SPLIT_NAMES = {"ood": "New studies (OOD)", "test": "Held-out donors (ID)"}


def frontier_points(runs: pd.DataFrame, discounts: dict[str, float]) -> pd.DataFrame:
    """Exact and corrected macro F1 of every run, with the discount of its loss.

    Parameters
    ----------
    runs
        What `hce.statistics.decisions.metric_runs` gives.
    discounts
        Discount of each loss: 0 for ce, 1 for hce.

    Returns
    -------
    pandas.DataFrame
        architecture, loss, discount, seed, split, rule, exact_f1, corrected_f1; over the labels of
        the OOD test on both splits.
    """
    paper = (runs["split"] == "ood") | (runs["labels"] == "ood_labels")
    kept = runs[paper & runs["metric"].isin(["exact_f1", "corrected_f1"])]
    keys = ["architecture", "loss", "seed", "split", "rule"]
    wide = kept.pivot(index=keys, columns="metric", values="value").reset_index()
    wide.insert(2, "discount", wide["loss"].map(discounts))
    return wide[["architecture", "loss", "discount", *keys[2:], "exact_f1", "corrected_f1"]]


def draw_frontier(table: pd.DataFrame) -> Figure:
    """Draw a column an architecture, a row a test; a line a rule, from CE to HCE."""
    architectures = known_architectures(table["architecture"])
    handles = [
        Line2D([], [], color=RULE_COLORS[rule], marker="o", markersize=3, label=RULE_NAMES[rule])
        for rule in RULE_COLORS
    ]
    hollow = {"markerfacecolor": "white", "markeredgecolor": INK, "markersize": 3.6}
    handles.append(Line2D([], [], linestyle="none", marker="o", label="CE", **hollow))
    title = "From CE (γ = 0) to HCE (γ = 1): the label or finer right, against the label alone"
    discounts = ", ".join(f"{d:g}" for d in sorted(table["discount"].unique()))
    note = f"Large dots, means for γ = {discounts}, in this order; small dots, runs; no test"
    fig = new_figure(DOUBLE_COLUMN_MM, HEIGHT_MM, title, handles, note=note)
    axes = fig.subplots(len(SPLIT_NAMES), len(architectures), squeeze=False)
    for row, (split, name) in zip(axes, SPLIT_NAMES.items(), strict=True):
        row[0].set_ylabel(f"{name}\nmacro F1, finer is right (%)")
        for ax, architecture in zip(row, architectures, strict=True):
            part = table[(table["architecture"] == architecture) & (table["split"] == split)]
            _draw_panel(ax, part)
            if part.empty:
                say_empty(ax, table[table["architecture"] == architecture])
                ax.set(xticks=[], yticks=[])
            ran = "" if (table["architecture"] == architecture).any() else ": not run"
            ax.set_title(architecture_name(architecture) + ran)
            if split == "test":
                ax.set_xlabel("macro F1, exact label (%)")
    return fig


def _draw_panel(ax: Axes, part: pd.DataFrame) -> None:
    for rule, color in RULE_COLORS.items():
        runs = part[part["rule"] == rule]
        x, y = 100 * runs["exact_f1"], 100 * runs["corrected_f1"]
        ax.plot(x, y, "o", color=color, markersize=1.6, alpha=0.6)
        means = 100 * runs.groupby("discount")[["exact_f1", "corrected_f1"]].mean()
        ax.plot(means["exact_f1"], means["corrected_f1"], "-o", color=color, markersize=3.6)
        first = means[means.index == 0]
        hollow = {"markerfacecolor": "white", "markeredgecolor": color, "zorder": 4}
        ax.plot(first["exact_f1"], first["corrected_f1"], "o", markersize=3.6, **hollow)
    ax.margins(0.12)
    ax.grid(color=GRID)
