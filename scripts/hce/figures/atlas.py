"""The atlas, the OOD set and the split: source data and drawing of Fig. 1a-c."""

from __future__ import annotations

import numpy as np
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
    SMALL_PT,
    TEXT_PT,
    TITLE_PT,
    add_axes_mm,
    format_compact,
    format_count,
    new_figure,
    short_cell_type,
    shorten,
    text_mm,
)
from hce.names import known_architectures

HEADLINES = ("cells", "cell_types", "donors", "tissues", "studies")
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
            "group": HEADLINES,
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


def scores_of_runs(runs: pd.DataFrame, loss: str, split: str, labels: str) -> pd.DataFrame:
    """Macro F1 of every run of one loss on one split (Fig. 1d, e).

    Parameters
    ----------
    runs
        Rows of macro_f1_runs.tsv.
    loss, split, labels
        Which rows to take.

    Returns
    -------
    pandas.DataFrame
        architecture, seed, macro_f1, mean, sd (NaN for one run), n_seeds, n_labels, n_cells,
        data_source. An architecture without a run has one row with n_seeds = 0.
    """
    keys = {"loss": loss, "split": split, "labels": labels}
    chosen = runs[np.logical_and.reduce([runs[key] == value for key, value in keys.items()])]
    parts = []
    for architecture in known_architectures(runs["architecture"]):
        part = chosen[chosen["architecture"] == architecture].sort_values("seed")
        scores = part["macro_f1"]
        if part.empty:
            part = pd.DataFrame({"architecture": [architecture]})
        parts.append(part.assign(mean=scores.mean(), sd=scores.std(ddof=1), n_seeds=len(scores)))
    columns = ["architecture", "seed", "macro_f1", "mean", "sd", "n_seeds", "n_labels", "n_cells"]
    table = pd.concat(parts, ignore_index=True).reindex(columns=columns)
    return table.assign(data_source=runs["data_source"].iloc[0])


def with_id_level(ood: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    """Add to the OOD scores the mean ID score of each architecture (column id_mean)."""
    level = test.drop_duplicates("architecture").set_index("architecture")["mean"]
    return ood.assign(id_mean=ood["architecture"].map(level))


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
        Source data as made by `hce.figures.atlas.overview`.
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
