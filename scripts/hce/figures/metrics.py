"""The sign of the gain under every metric: HCE minus CE, both called by argmax."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hce.compare import is_significant
from hce.figures.style import (
    DOUBLE_COLUMN_MM,
    GRID,
    ID_LEVEL_COLOR,
    INK,
    LOSS_COLORS,
    dot_handle,
    id_note,
    new_figure,
    star_handle,
    write_beside,
)
from hce.names import architecture_name, known_architectures

HEIGHT_MM = 112.0
METRIC_NAMES = {
    ("corrected_f1", "labels"): "macro F1, finer is right (paper)",
    ("exact_f1", "labels"): "macro F1, exact label",
    ("lenient_f1", "labels"): "macro F1, coarser is half right",
    ("accuracy", "cells"): "accuracy, exact label",
    ("accuracy", "labels"): "balanced accuracy, exact label",
    ("hierarchical_precision", "labels"): "hierarchical precision",
    ("hierarchical_recall", "labels"): "hierarchical recall",
    ("hierarchical_f", "labels"): "hierarchical F",
    ("hierarchical_f_ic", "labels"): "hierarchical F, by information",
}
DISTANCE = ("distance", "labels")
SPLITS = {
    "ood": ("new studies (OOD)", LOSS_COLORS["hce"], -0.16),
    "test": ("held-out donors (ID)", ID_LEVEL_COLOR, 0.16),
}


def draw_metrics(table: pd.DataFrame) -> Figure:
    """Draw a column an architecture, a row a metric; the distance below on a scale of its own."""
    architectures = known_architectures(table["architecture"])
    handles = [dot_handle(name, color) for name, color, _ in SPLITS.values()]
    handles.append(star_handle("P < 0.05, paired t-test over seeds (Holm)"))
    title = "HCE minus CE by metric, both called by argmax"
    note = "Dot, mean over seeds; line, 95 % interval (Student's t); hierarchical: mean over labels"
    note += id_note(table)
    fig = new_figure(DOUBLE_COLUMN_MM, HEIGHT_MM, title, handles, note=note)
    grid = fig.add_gridspec(2, len(architectures), height_ratios=[len(METRIC_NAMES), 1.2])
    for column, architecture in enumerate(architectures):
        part = table[table["architecture"] == architecture]
        upper, lower = fig.add_subplot(grid[0, column]), fig.add_subplot(grid[1, column])
        seeds = part["n_seeds"].max() if len(part) else 0
        upper.set_title(
            f"{architecture_name(architecture)}, n = {seeds:.0f}"
            if seeds
            else f"{architecture_name(architecture)}: not run"
        )
        _draw_rows(upper, part, METRIC_NAMES, 100.0)
        _draw_rows(lower, part, {DISTANCE: "steps to the label"}, 1.0)
        upper.set_xlabel("HCE minus CE (points)")
        lower.set_xlabel("HCE minus CE (steps; left is better)")
        if column:
            for ax in (upper, lower):
                ax.set_yticklabels([])
    return fig


def _draw_rows(
    ax: Axes, part: pd.DataFrame, names: dict[tuple[str, str], str], unit: float
) -> None:
    indexed = part.set_index(["split", "metric", "over"])
    reach = [0.0]
    for place, key in enumerate(names):
        for split, (_, color, shift) in SPLITS.items():
            if (split, *key) not in indexed.index:
                continue
            row, y = indexed.loc[(split, *key)], place + shift
            ends = unit * np.array([row["delta_ci_low"], row["delta_ci_high"]])
            ax.plot(ends, [y, y], color=color, linewidth=0.9)
            ax.plot(unit * row["delta_mean"], y, "o", color=color, markersize=3)
            reach += [*ends[np.isfinite(ends)], unit * row["delta_mean"]]
            if is_significant(row["p_holm"]):
                far = np.nanmax([*ends, unit * row["delta_mean"]])
                star = {"va": "center", "ha": "left"}
                write_beside(ax, "✱", (far, y), (2, 0), **star)
    ax.axvline(0, color=INK, linewidth=0.6)
    low, high = np.nanmin(reach), np.nanmax(reach)
    margin = max(0.08 * (high - low), 0.02 * unit)
    ax.set(xlim=(low - margin, high + 2 * margin), ylim=(len(names) - 0.5, -0.5))
    ax.set_yticks(range(len(names)), list(names.values()))
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color=GRID)
