"""Does the gain follow the granularity of the labels? OOD macro F1 had the studies been coarser."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hce.compare import paired_differences
from hce.figures.style import (
    DOUBLE_COLUMN_MM,
    GRID,
    INK,
    draw_dots,
    format_signed,
    new_figure,
    write_beside,
)
from hce.names import architecture_name, known_architectures

HEIGHT_MM = 72.0
COLORS = {"argmax": "#0072B2", "descend": "#D55E00"}
NAMES = {"argmax": "both by argmax (paper)", "descend": "both by descend"}


def draw_granularity(table: pd.DataFrame) -> Figure:
    """Draw a column an architecture: the gain against the levels by which labels are coarser."""
    architectures = known_architectures(table["architecture"])
    handles = [
        Line2D([], [], color=COLORS[rule], marker="o", markersize=3, label=NAMES[rule])
        for rule in COLORS
    ]
    title = "OOD gain of HCE over CE, had the new studies annotated more coarsely"
    note = "Line, mean; dots, runs; the labels are replaced by their parents, the calls stay"
    fig = new_figure(DOUBLE_COLUMN_MM, HEIGHT_MM, title, handles, note=note)
    axes = fig.subplots(1, len(architectures), sharey=True, squeeze=False)[0]
    axes[0].set_ylabel("Gain in macro F1 (points)")
    for ax, architecture in zip(axes, architectures, strict=True):
        part = table[table["architecture"] == architecture]
        _draw_panel(ax, part)
        ax.set_title(architecture_name(architecture) + ("" if len(part) else ": not run"))
    return fig


def _draw_panel(ax: Axes, part: pd.DataFrame) -> None:
    for rule, color in COLORS.items():
        runs = part[part["rule"] == rule]
        gains = paired_differences(runs, ["level", "seed"], "macro_f1", "gain")
        means = 100 * gains.groupby("level")["gain"].mean()
        ax.plot(means.index, means, color=color, linewidth=1.1)
        draw_dots(ax, gains["level"], 100 * gains["gain"], color)
        if rule == "argmax":
            tops = 100 * gains.groupby("level")["gain"].max()
            for level, mean in means.items():
                above = {"ha": "center", "va": "bottom"}
                write_beside(ax, format_signed(mean, 1), (level, tops[level]), (0, 4), **above)
    labels = part.drop_duplicates("level").set_index("level")["n_labels"]
    ax.set_xticks(labels.index, [f"{level}\n{n} types" for level, n in labels.items()])
    ax.set_xlabel("levels coarser")
    ax.axhline(0, color=INK, linewidth=0.6)
    ax.margins(y=0.12)
    ax.set_xlim(-0.3, max(labels.index, default=0) + 0.6)
    ax.grid(axis="y", color=GRID)
