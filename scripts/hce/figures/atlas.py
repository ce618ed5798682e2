"""The training atlas, the OOD test set and the split by donor (Fig. 1a-c)."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Patch

from hce.figures.bars import pale
from hce.figures.style import (
    ARCHITECTURE_COLORS,
    DOUBLE_COLUMN_MM,
    LOSS_COLORS,
    MARGIN_MM,
    QUIET,
    SINGLE_COLUMN_MM,
    TEXT_PT,
    Panel,
    format_count,
    new_figure,
    short_cell_type,
    shorten,
    write_beside,
)

HEADLINES = {
    "cells": "cells",
    "cell_types": "cell types",
    # the Census knows a donor within a study only
    "donors": "donors (by study)",
    "tissues": "tissues",
    "datasets": "studies",
}
NEW_STUDIES = "new_datasets"
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
    # of how many that are new; the training atlas has no such number
    keys = [*HEADLINES, *([NEW_STUDIES] if row[NEW_STUDIES].notna().iloc[0] else [])]
    headline = pd.DataFrame(
        {"part": "headline", "group": keys, "value": [int(row[key].iloc[0]) for key in keys]}
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


HEIGHT_MM = 66.0
# of a bar's axes, with the counts at their right end
NAME_MM, COUNT_SHARE = 36.0, 0.22
PANELS = {
    "tissue": "Cells per tissue",
    "assay": "Cells per assay",
    "cell_type": "Cells per cell type",
}
BAR_COLOR = LOSS_COLORS["hce"]
NEW_COLOR = ARCHITECTURE_COLORS["linear"]


def draw_atlas(table: pd.DataFrame, panel: Panel | None = None) -> Figure | SubFigure:
    """Draw Fig. 1a: the training atlas."""
    return _draw_overview(table, "Training atlas", panel)


def draw_ood_set(table: pd.DataFrame, panel: Panel | None = None) -> Figure | SubFigure:
    """Draw Fig. 1b: the out-of-distribution (OOD) test set."""
    return _draw_overview(table, "OOD test set: studies added since the training release", panel)


def _draw_overview(table: pd.DataFrame, title: str, panel: Panel | None) -> Figure | SubFigure:
    """The headline numbers in a row and, below, the cells per tissue, assay and type."""
    new = [Patch(color=NEW_COLOR, label="not in the training release")]
    rows = [] if table["in_atlas"].all() else [new]
    fig = new_figure(DOUBLE_COLUMN_MM, HEIGHT_MM, title, *rows, panel=panel)
    head, *panels = fig.subplot_mosaic(
        [["headline"] * len(PANELS), list(PANELS)], height_ratios=[1, 4.5]
    ).values()
    head.set_axis_off()
    headlines = table[table["part"] == "headline"].set_index("group")["value"]
    names = dict(HEADLINES)
    if NEW_STUDIES in headlines:
        names["datasets"] = f"of {format_count(headlines[NEW_STUDIES])} new studies"
    for place, (key, name) in enumerate(names.items()):
        at = (MARGIN_MM / DOUBLE_COLUMN_MM + place / len(HEADLINES), 0.4)
        within = {"xycoords": ("subfigure fraction", "axes fraction"), "in_layout": False}
        count = format_count(headlines.get(key, float("nan")))
        write_beside(head, count, at, (0, 0), size=13, weight="bold", **within)
        write_beside(head, name, at, (0, -9), size=TEXT_PT, color=QUIET, **within)
    for ax, (part, heading) in zip(panels, PANELS.items(), strict=True):
        ax.set_title(heading, fontweight="bold")
        _draw_bars(ax, table[table["part"] == part].reset_index(drop=True))
    return fig


def _draw_bars(ax: Axes, rows: pd.DataFrame) -> None:
    ax.spines["bottom"].set_visible(False)
    ax.tick_params(length=0)
    if rows.empty:
        ax.text(0, 0.5, "no composition table", color=QUIET)
    # the remaining groups together are no group: a bar for them would dwarf the others
    remainder = rows["group"].str.endswith(" others")
    names = [shorten(short_cell_type(str(name)), NAME_MM) for name in rows["group"]]
    colors = [pale(BAR_COLOR if known else NEW_COLOR) for known in rows["in_atlas"]]
    values = rows["value"].mask(remainder, 0)
    ax.barh(rows.index, values, 0.8, color=colors)
    for row, name, value in zip(rows.index, names, rows["value"], strict=True):
        # on the bar, so that bars have the whole width
        write_beside(ax, name, (0, row), (2, 0), va="center_baseline")
        at_end = {"xycoords": ax.get_yaxis_transform(), "ha": "right", "color": QUIET}
        write_beside(ax, format_count(value), (1, row), (0, 0), va="center_baseline", **at_end)
    # rows are as high in a panel of few groups
    ax.set(xticks=[], yticks=[], ylim=(LARGEST_GROUPS + 0.5, -0.5))
    ax.set_xlim(0, max(values.max(), 1) / (1 - COUNT_SHARE) if len(values) else 1)
    ax.spines["left"].set_bounds(-0.5, max(len(rows), 1) - 0.5)


SPLIT_HEIGHT_MM = 48.0
USES = {"train": "weights", "val": "early stopping", "test": "ID evaluation"}
NAMES = {"train": "Train", "val": "Validation", "test": "Test"}


def draw_split(table: pd.DataFrame, panel: Panel | None = None) -> Figure | SubFigure:
    """Draw Fig. 1c: cells and donors of the training release, split by donor."""
    title = "Split of the training atlas by donor"
    note = "A donor is a pair of study and donor"
    fig = new_figure(SINGLE_COLUMN_MM, SPLIT_HEIGHT_MM, title, note=note, panel=panel)
    axes = fig.subplots(1, 2, sharey=True)
    names = [f"{NAMES.get(s, s)}\n{USES.get(s, '')}" for s in table["subset"]]
    for ax, column in zip(axes, ("cells", "donors"), strict=True):
        ax.set_title(column.capitalize(), fontweight="bold")
        share = table[f"{column}_share"].fillna(0)
        ax.barh(table.index, share, 0.7, color=pale(BAR_COLOR))
        shares = share.map("{:.1%}".format).str.replace("%", " %")
        for row, text in enumerate(table[column].map(format_count) + "\n" + shares):
            # on the largest bar, beside the others
            x = 0 if share[row] > 0.5 else share[row]
            write_beside(ax, text, (x, row), (3, 0), va="center")
        ax.spines["bottom"].set_visible(False)
        ax.set(xticks=[], ylim=(len(table) - 0.5, -0.5), xlim=(0, max(share.max(), 0.01)))
        ax.set_yticks(table.index, names, linespacing=1.3)
        ax.tick_params(length=0)
    return fig
