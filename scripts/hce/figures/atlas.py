"""The training atlas, the OOD test set and the split by donor (Fig. 1a-c)."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hce.figures.style import (
    ARCHITECTURE_COLORS,
    DOUBLE_COLUMN_MM,
    INK,
    LOSS_COLORS,
    POINTS_PER_MM,
    QUIET,
    RULE,
    SINGLE_COLUMN_MM,
    SMALL_PT,
    TEXT_PT,
    add_axes_mm,
    format_compact,
    format_count,
    new_figure,
    short_cell_type,
    shorten,
    text_mm,
    write_beside,
)

HEADLINES = {
    "cells": "cells",
    "cell_types": "cell types",
    "donors": "donors",
    "tissues": "tissues",
    "studies": "studies",
}
COMPOSITION = ("tissue", "assay", "cell_type")
SPLITS = ("train", "val", "test")
LARGEST_GROUPS = 8


def overview(summary: pd.DataFrame, composition: pd.DataFrame, subset: str) -> pd.DataFrame:
    """Headline numbers and composition of one subset (Fig. 1a, b).

    Parameters
    ----------
    summary
        Rows of atlas_summary.tsv.
    composition
        Rows of atlas_composition.tsv.
    subset
        `atlas` or `ood`.

    Returns
    -------
    pandas.DataFrame
        part (`headline`, `tissue`, `assay`, `cell_type`), group, value (cells, except for the
        headlines), in_atlas (False: the training release has no such group), data_source. Groups
        are sorted by size; those after the eight largest are one row, for example `16 others`.

    Raises
    ------
    ValueError
        If the summary has no row for the subset.
    """
    row = summary[summary["subset"] == subset]
    if len(row) != 1:
        raise ValueError(f"atlas summary: {len(row)} rows with subset {subset!r}, need one")
    headline = pd.DataFrame(
        {
            "part": "headline",
            "group": list(HEADLINES),
            "value": [int(row[key].iloc[0]) for key in HEADLINES],
        }
    )
    parts = [headline.assign(in_atlas=True)]
    for grouping in COMPOSITION:
        sizes = _group_sizes(composition, subset, grouping)
        known = set(_group_sizes(composition, "atlas", grouping).index)
        parts.append(_largest(sizes, known).assign(part=grouping))
    table = pd.concat(parts, ignore_index=True)
    return table.assign(data_source=row["data_source"].iloc[0])


def split_sizes(summary: pd.DataFrame) -> pd.DataFrame:
    """Cells and donors of the donor split (Fig. 1c).

    Returns
    -------
    pandas.DataFrame
        subset (`train`, `val`, `test`), cells, donors, cells_share, donors_share, data_source. A
        donor belongs to one subset, so the shares are of the sum of the three.
    """
    table = summary.set_index("subset").reindex(list(SPLITS))[["cells", "donors", "data_source"]]
    for column in ("cells", "donors"):
        table[f"{column}_share"] = table[column] / table[column].sum()
    columns = ["cells", "donors", "cells_share", "donors_share", "data_source"]
    return table[columns].rename_axis("subset").reset_index()


def _group_sizes(composition: pd.DataFrame, subset: str, grouping: str) -> pd.Series:
    rows = composition[(composition["subset"] == subset) & (composition["grouping"] == grouping)]
    # names decide between groups of one size, so that the order never depends on the input's
    rows = rows.sort_values(["cells", "group"], ascending=[False, True])
    return rows.set_index("group")["cells"]


def _largest(sizes: pd.Series, known: set[str]) -> pd.DataFrame:
    shown = sizes if len(sizes) <= LARGEST_GROUPS + 1 else sizes.iloc[:LARGEST_GROUPS]
    table = pd.DataFrame(
        {"group": shown.index, "value": shown.to_numpy(), "in_atlas": shown.index.isin(list(known))}
    )
    rest = sizes.iloc[len(shown) :]
    if len(rest):
        other = {"group": f"{len(rest)} others", "value": int(rest.sum()), "in_atlas": True}
        table = pd.concat([table, pd.DataFrame([other])], ignore_index=True)
    return table


HEIGHT_MM = 64.0
ROW_MM = 3.6
BAR_MM = 14.0
# heading, left edge in millimeters, room for the names in millimeters and in characters
PANELS = {
    "tissue": ("Cells per tissue", 3.0, 28.0, 25),
    "assay": ("Cells per assay", 57.0, 34.0, 31),
    "cell_type": ("Cells per cell type", 117.0, 37.0, 33),
}
BAR_COLOR = LOSS_COLORS["hce"]
NEW_COLOR = ARCHITECTURE_COLORS["linear"]
MIDDLE = "center_baseline"


def draw_atlas(table: pd.DataFrame) -> Figure:
    """Draw Fig. 1a: the training atlas."""
    return _draw_overview(table, "Training atlas")


def draw_ood_set(table: pd.DataFrame) -> Figure:
    """Draw Fig. 1b: the out-of-distribution (OOD) test set."""
    return _draw_overview(table, "OOD test set: studies added since the training release")


def _draw_overview(table: pd.DataFrame, title: str) -> Figure:
    """The headline numbers in a row and, below, the cells per tissue, assay and type."""
    fig = new_figure(DOUBLE_COLUMN_MM, HEIGHT_MM, title)
    headlines = table[table["part"] == "headline"].set_index("group")["value"]
    tile = (DOUBLE_COLUMN_MM - 6) / len(HEADLINES)
    for place, (key, name) in enumerate(HEADLINES.items()):
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
        write_beside(ax, name, (0, place), (-room * POINTS_PER_MM, 0), color=color, va=MIDDLE)
        size = format_compact(row["value"])
        write_beside(ax, size, (end, place), (2, 0), color=QUIET, va=MIDDLE)


SPLIT_HEIGHT_MM = 44.0
SPLIT_ROW_MM = 7.0
SPLIT_BAR_MM = 13.0
USES = {"train": "weights", "val": "early stopping", "test": "ID evaluation"}
NAMES = {"train": "Train", "val": "Validation", "test": "Test"}
# heading and left edge in millimeters
SPLIT_PANELS = {"cells": ("Cells", 24.0), "donors": ("Donors", 60.0)}


def draw_split(table: pd.DataFrame) -> Figure:
    """Draw Fig. 1c: cells and donors of the training release, split by donor."""
    fig = new_figure(SINGLE_COLUMN_MM, SPLIT_HEIGHT_MM, "Split of the training atlas by donor")
    top = SPLIT_HEIGHT_MM - 13
    for place, subset in enumerate(table["subset"]):
        base = top - (place + 0.5) * SPLIT_ROW_MM
        text_mm(fig, 3, base + 0.3, NAMES.get(subset, subset), TEXT_PT)
        text_mm(fig, 3, base - 2.4, USES.get(subset, ""), SMALL_PT, QUIET)
    for column, (heading, left) in SPLIT_PANELS.items():
        text_mm(fig, left, top + 1.5, heading, TEXT_PT, weight="bold")
        height = SPLIT_ROW_MM * len(table)
        ax = add_axes_mm(fig, left, top - height, SPLIT_BAR_MM, height)
        ax.set_axis_off()
        ax.set(xlim=(0, 1), ylim=(len(table) - 0.5, -0.5))
        shares = table[f"{column}_share"].fillna(0)
        ax.barh(range(len(table)), shares, height=0.5, color=LOSS_COLORS["hce"])
        ax.plot([0, 0], [-0.5, len(table) - 0.5], color=RULE, linewidth=0.6, clip_on=False)
        for place, (count, share) in enumerate(zip(table[column], shares, strict=True)):
            text = f"{format_count(count)}\n{100 * share:.1f} %"
            write_beside(ax, text, (share, place), (2, 0), va="center").set_linespacing(1.1)
    return fig
