"""Headline numbers and composition of a set of cells (Fig. 1a, b)."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hce.figure_style import (
    ARCHITECTURE_COLORS,
    DOUBLE_COLUMN_MM,
    INK,
    LOSS_COLORS,
    POINTS_PER_MM,
    QUIET,
    RULE,
    SMALL_PT,
    TEXT_PT,
    TITLE_PT,
    add_axes_mm,
    new_figure,
    text_mm,
)
from hce.figure_text import format_compact, format_count, short_cell_type, shorten

HEIGHT_MM = 64.0
ROW_MM = 3.6
BAR_MM = 14.0
HEADLINE_NAMES = {
    "cells": "cells",
    "cell_types": "cell types",
    "donors": "donors",
    "tissues": "tissues",
    "studies": "studies",
}
# heading, left edge in millimeters, room for the names in millimeters and in characters
PANELS = {
    "tissue": ("Cells per tissue", 3.0, 28.0, 25),
    "assay": ("Cells per assay", 57.0, 34.0, 31),
    "cell_type": ("Cells per cell type", 117.0, 37.0, 33),
}
BAR_COLOR = LOSS_COLORS["hce"]
NEW_COLOR = ARCHITECTURE_COLORS["linear"]


def draw_overview(table: pd.DataFrame, title: str) -> Figure:
    """Draw the headline numbers in a row and, below, the cells per tissue, assay and type.

    Parameters
    ----------
    table
        Source data as made by `hce.figure1_tables.overview`.
    title
        What set of cells this is.
    """
    fig = new_figure(DOUBLE_COLUMN_MM, HEIGHT_MM)
    text_mm(fig, 3, HEIGHT_MM - 4.5, title, TITLE_PT, weight="bold")
    headlines = table[table["part"] == "headline"].set_index("group")["value"]
    tile = (DOUBLE_COLUMN_MM - 6) / len(HEADLINE_NAMES)
    for place, (key, name) in enumerate(HEADLINE_NAMES.items()):
        left = 3 + place * tile
        value = headlines.get(key, float("nan"))
        text_mm(fig, left, HEIGHT_MM - 14, format_count(value), 13, weight="bold")
        text_mm(fig, left, HEIGHT_MM - 18, name, TEXT_PT, QUIET)
    for part, (heading, left, room, characters) in PANELS.items():
        rows = table[table["part"] == part].reset_index(drop=True)
        height = ROW_MM * max(len(rows), 1)
        text_mm(fig, left, HEIGHT_MM - 24.5, heading, TEXT_PT, weight="bold")
        ax = add_axes_mm(fig, left + room, HEIGHT_MM - 26 - height, BAR_MM, height)
        _draw_bars(ax, rows, room, characters)
    if not table["in_atlas"].all():
        text_mm(fig, 3, 1.5, "■", SMALL_PT, NEW_COLOR)
        text_mm(fig, 5.5, 1.5, "not in the training release", SMALL_PT)
    return fig


def _draw_bars(ax: Axes, rows: pd.DataFrame, room: float, characters: int) -> None:
    ax.set_axis_off()
    if rows.empty:
        ax.text(-room / BAR_MM, 0.5, "no composition table", fontsize=SMALL_PT, color=QUIET)
        return
    # the remaining groups together are no group: a bar for them would dwarf the others
    remainder = rows["group"].str.endswith(" others")
    ax.set(xlim=(0, rows.loc[~remainder, "value"].max()), ylim=(len(rows) - 0.5, -0.5))
    ax.plot([0, 0], [-0.5, (~remainder).sum() - 0.5], color=RULE, linewidth=0.6, clip_on=False)
    for place, row in rows.iterrows():
        end = 0 if remainder[place] else row["value"]
        ax.barh(place, end, height=0.68, color=BAR_COLOR if row["in_atlas"] else NEW_COLOR)
        name = shorten(short_cell_type(str(row["group"])), characters)
        color = QUIET if remainder[place] else INK
        _write(ax, name, 0, place, -room * POINTS_PER_MM, color)
        _write(ax, format_compact(row["value"]), end, place, 2, QUIET)


def _write(ax: Axes, text: str, x: float, y: float, offset: float, color: str) -> None:
    ax.annotate(
        text,
        (x, y),
        (offset, 0),
        textcoords="offset points",
        va="center_baseline",
        fontsize=SMALL_PT,
        color=color,
    )
