"""Macro F1 by decision rule: what of HCE's gain is left once CE is decoded through R."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hce.figures.bars import color_handles, draw_bars, explain_bars, write_beyond
from hce.figures.style import (
    DOUBLE_COLUMN_MM,
    INK,
    LOSS_COLORS,
    MINUS,
    name_runs,
    new_figure,
    say_empty,
)
from hce.names import LOSS_NAMES, LOSSES, known_architectures

HEIGHT_MM = 128.0
RULE_NAMES = {
    "argmax": "argmax\n(paper)",
    "leaf": "leaf",
    "finest": "finest",
    "descend": "descend",
    "safe": "safe,\ns ≥ τ",
}
# rules whose share is written: what is left of the gain over CE when CE calls leaves, too
SHARED = ("leaf", "finest", "descend")
SPLIT_NAMES = {"ood": "New studies (OOD)", "test": "Held-out donors (ID)"}


def draw_decisions(table: pd.DataFrame) -> Figure:
    """Draw a column an architecture, a row a test; bars, corrected F1; lines, exact F1."""
    architectures = known_architectures(table["architecture"])
    colors = {loss: LOSS_COLORS[loss] for loss in LOSSES}
    handles = [
        *color_handles({loss: LOSS_NAMES[loss] for loss in LOSSES}, colors),
        Line2D([], [], color=INK, linewidth=1.2, label="only the label itself right (mean)"),
        Line2D(
            [],
            [],
            color=LOSS_COLORS["hce"],
            linewidth=0.7,
            linestyle=(0, (4, 2)),
            label="HCE, argmax",
        ),
    ]
    seeds = table.groupby(["architecture", "loss"])["seed"].nunique()
    note = (
        explain_bars(seeds.tolist() or [0])
        + "; numbers, share of HCE's gain left over CE by that rule"
    )
    title = "Macro F1 by decision rule: label or finer is right (paper)"
    fig = new_figure(DOUBLE_COLUMN_MM, HEIGHT_MM, title, handles, note=note)
    axes = fig.subplots(len(SPLIT_NAMES), len(architectures), squeeze=False, sharey=True)
    for row, (split, name) in zip(axes, SPLIT_NAMES.items(), strict=True):
        row[0].set_ylabel(f"{name}\nmacro F1 (%)")
        for ax, architecture in zip(row, architectures, strict=True):
            part = table[(table["architecture"] == architecture) & (table["split"] == split)]
            if part.empty:
                say_empty(ax, table[table["architecture"] == architecture])
            else:
                _draw_panel(ax, part, colors)
            ax.set(ylim=(0, 108), yticks=range(0, 101, 20))
            ax.set_xticks(range(len(RULE_NAMES)), list(RULE_NAMES.values()), linespacing=1.15)
            ax.set_xlim(-0.6, len(RULE_NAMES) - 0.4)
            if split == "ood":
                ax.set_title(name_runs(architecture, part, "not run"))
    return fig


def _draw_panel(ax: Axes, part: pd.DataFrame, colors: dict[str, str]) -> None:
    corrected = part[part["metric"] == "corrected_f1"]
    bars = draw_bars(ax, corrected, "value", ("rule", list(RULE_NAMES)), ("loss", colors))
    exact = part[part["metric"] == "exact_f1"].groupby(["rule", "loss"])["value"].mean()
    paper = corrected[(corrected["loss"] == "hce") & (corrected["rule"] == "argmax")]["value"]
    if len(paper):
        line = {"color": LOSS_COLORS["hce"], "linewidth": 0.7, "linestyle": (0, (4, 2))}
        ax.axhline(100 * paper.mean(), zorder=0, **line)
    ood = corrected[corrected["split"] == "ood"]
    left = ood.drop_duplicates("rule").set_index("rule")["left"]
    for bar in bars.itertuples():
        if (bar.group, bar.color) in exact.index:
            level = 100 * exact[bar.group, bar.color]
            ax.plot([bar.x - 0.16, bar.x + 0.16], [level, level], color=INK, linewidth=1.2)
        share = left.get(bar.group, np.nan)
        if bar.color == "ce" and bar.group in SHARED and np.isfinite(share):
            write_beyond(ax, bar.x, bar.end, f"{100 * share:.0f} %".replace("-", MINUS))
