"""Draw Fig. 1c: the split of the training release by donor."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from hce.figures.cli import draw_from_command_line
from hce.figures.style import (
    LOSS_COLORS,
    QUIET,
    RULE,
    SINGLE_COLUMN_MM,
    SMALL_PT,
    TEXT_PT,
    TITLE_PT,
    add_axes_mm,
    format_count,
    new_figure,
    text_mm,
)

HEIGHT_MM = 44.0
ROW_MM = 7.0
BAR_MM = 13.0
USES = {"train": "weights", "val": "early stopping", "test": "ID evaluation"}
NAMES = {"train": "Train", "val": "Validation", "test": "Test"}
PANELS = {"cells": ("Cells", 24.0), "donors": ("Donors", 60.0)}


def draw(table: pd.DataFrame) -> Figure:
    """Return Fig. 1c from its source data."""
    fig = new_figure(SINGLE_COLUMN_MM, HEIGHT_MM)
    text_mm(
        fig, 3, HEIGHT_MM - 4.5, "Split of the training atlas by donor", TITLE_PT, weight="bold"
    )
    top = HEIGHT_MM - 13
    for place, subset in enumerate(table["subset"]):
        base = top - (place + 0.5) * ROW_MM
        text_mm(fig, 3, base + 0.3, NAMES.get(subset, subset), TEXT_PT)
        text_mm(fig, 3, base - 2.4, USES.get(subset, ""), SMALL_PT, QUIET)
    for column, (heading, left) in PANELS.items():
        text_mm(fig, left, top + 1.5, heading, TEXT_PT, weight="bold")
        height = ROW_MM * len(table)
        ax = add_axes_mm(fig, left, top - height, BAR_MM, height)
        ax.set_axis_off()
        ax.set(xlim=(0, 1), ylim=(len(table) - 0.5, -0.5))
        shares = table[f"{column}_share"].fillna(0)
        ax.barh(range(len(table)), shares, height=0.5, color=LOSS_COLORS["hce"])
        ax.plot([0, 0], [-0.5, len(table) - 0.5], color=RULE, linewidth=0.6, clip_on=False)
        for place, (count, share) in enumerate(zip(table[column], shares, strict=True)):
            text = f"{format_count(count)}\n{100 * share:.1f} %"
            offset = {"xytext": (2, 0), "textcoords": "offset points", "va": "center"}
            ax.annotate(text, (share, place), fontsize=SMALL_PT, linespacing=1.1, **offset)
    return fig


if __name__ == "__main__":
    draw_from_command_line(draw, __doc__)
