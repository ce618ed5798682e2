"""Risk-coverage: how specific the safe calls are, how often they are right, and what they say."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hce.figures.style import (
    DOUBLE_COLUMN_MM,
    GRID,
    INK,
    LOSS_COLORS,
    RULE,
    SMALL_PT,
    format_signed,
    loss_handles,
    name_runs,
    new_figure,
    say_empty,
)
from hce.names import LOSS_NAMES, LOSSES, known_architectures

HEIGHT_MM = 196.0
SPLIT_NAMES = {"ood": "New studies (OOD)", "test": "Held-out donors (ID)"}
# thresholds that are marked: how a marker is filled, and whose numbers are written
MARKED = {0.5: False, 0.8: True}
WRITTEN = 0.8
DASHES = (0, (2, 1.5))


def draw_risk_coverage(table: pd.DataFrame) -> Figure:
    """Draw a column an architecture; rows, right calls by their information and by their s."""
    architectures = known_architectures(table["architecture"])
    handles = [
        *loss_handles(),
        Line2D([], [], color=INK, label="label is the call or finer"),
        Line2D([], [], color=INK, linestyle=DASHES, label="or call is finer (paper)"),
        Patch(color=INK, alpha=0.15, linewidth=0, label="between: cannot be told"),
        *(_marker(t, INK, label=f"τ = {t}") for t in MARKED),
    ]
    title = "Safe calls (descend while s ≥ τ): how specific, how often right, how sure"
    note = "Lines, means over seeds, τ from 0.05 to 0.95; gray, right as often as said; "
    note += "numbers, points that s is too high; no test"
    fig = new_figure(DOUBLE_COLUMN_MM, HEIGHT_MM, title, handles, note=note)
    rows = [(split, x) for x in ("information", "said") for split in SPLIT_NAMES]
    axes = fig.subplots(len(rows), len(architectures), squeeze=False)
    for row, (split, x) in zip(axes, rows, strict=True):
        row[0].set_ylabel(f"{SPLIT_NAMES[split]}\nright calls (%)")
        for ax, architecture in zip(row, architectures, strict=True):
            runs = table[table["architecture"] == architecture]
            _draw_panel(ax, runs[runs["split"] == split], x)
            if not runs["split"].eq(split).any():
                say_empty(ax, runs)
            if (split, x) == rows[0]:
                ax.set_title(name_runs(architecture, runs, "not run"))
    for ax in (*axes[1], *axes[3]):
        ax.set_xlabel("information of the calls (bits)" if ax in axes[1] else "mean s of calls (%)")
    most, least = table["information"].max(), table["said"].min()
    for ax in (*axes[0], *axes[1]):
        ax.set_xlim(0, 1.05 * most)
    for ax in (*axes[2], *axes[3]):
        ax.set_xlim(10 * (10 * least // 1), 102)
    return fig


def _draw_panel(ax: Axes, part: pd.DataFrame, x: str) -> None:
    unit = 100 if x == "said" else 1
    gaps = []
    for loss in LOSSES:
        runs = part[part["loss"] == loss]
        if runs.empty:
            continue
        columns = ["information", "said", "right", "finer"]
        means = runs.groupby("threshold")[columns].mean()
        along, right = unit * means[x], 100 * means["right"]
        upper, color = right + 100 * means["finer"], LOSS_COLORS[loss]
        ax.fill_between(along, right, upper, color=color, alpha=0.15, linewidth=0)
        ax.plot(along, right, color=color, linewidth=1.1)
        ax.plot(along, upper, color=color, linewidth=0.9, linestyle=DASHES)
        for threshold in MARKED:
            for line in (right, upper):
                at = (along[[threshold]], line[[threshold]])
                ax.add_line(_marker(threshold, color, *at))
        chosen = means.loc[WRITTEN]
        gap = 100 * (chosen["said"] - chosen["right"])
        least = 100 * (chosen["said"] - chosen["right"] - chosen["finer"])
        written = (format_signed(value, 0) for value in (least, gap))
        gaps.append(f"{LOSS_NAMES[loss]} {' to '.join(written)}")
    ax.set(ylim=(0, 102), yticks=range(0, 101, 20))
    ax.grid(color=GRID)
    if x == "said":
        ax.plot([0, 100], [0, 100], color=RULE, linewidth=0.8, zorder=0)
        if gaps:
            ax.set_title(f"{', '.join(gaps)} at τ = {WRITTEN}", fontsize=SMALL_PT)


def _marker(threshold: float, color: str, *at: pd.Series, label: str = "") -> Line2D:
    """A dot where a threshold lies: filled for the one that numbers are written of."""
    face = color if MARKED[threshold] else "white"
    style = {"markersize": 3.2, "markerfacecolor": face, "markeredgewidth": 0.8, "zorder": 4}
    style |= {"linestyle": "none", "marker": "o", "color": color, "label": label}
    return Line2D(*(at or ([], [])), **style)
