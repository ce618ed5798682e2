"""F1 difference of each cell type, sorted, with the single runs (Fig. 2c, Supplementary Fig. 7)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hce.compare import is_significant, paired_differences
from hce.figures.style import (
    DOUBLE_COLUMN_MM,
    INK,
    LOSS_COLORS,
    QUIET,
    TITLE_PT,
    add_axes_mm,
    draw_dots,
    draw_grid,
    format_seeds,
    legend_mm,
    name_upright,
    new_figure,
    short_cell_type,
    shorten,
    star_handle,
    text_mm,
    write_beside,
)
from hce.names import architecture_name


def cell_type_gains(
    tests: pd.DataFrame, runs: pd.DataFrame, architecture: str, split: str
) -> pd.DataFrame:
    """F1 difference HCE - CE of each cell type and run, largest mean first (Fig. 2c).

    Parameters
    ----------
    tests, runs
        Rows of per_cell_type.tsv and of per_cell_type_runs.tsv.
    architecture, split
        Which rows to take.

    Returns
    -------
    pandas.DataFrame
        One row a cell type and seed: rank (from 0), ontology_term_id, label, node_kind, seed,
        delta, delta_mean, p, p_holm, significant, n_seeds, architecture, data_source. Without a
        pair of runs one row, in which only the last two are filled.
    """
    test = tests[(tests["architecture"] == architecture) & (tests["split"] == split)]
    test = test.sort_values(["delta", "label"], ascending=[False, True]).reset_index(drop=True)
    test = test.assign(rank=test.index, delta_mean=test["delta"])
    of_runs = runs[(runs["architecture"] == architecture) & (runs["split"] == split)]
    differences = paired_differences(of_runs, ["ontology_term_id", "seed"], "f1", "delta")
    columns = ["rank", "ontology_term_id", "label", "node_kind", "delta_mean", "p", "p_holm"]
    table = test[columns].merge(differences, on="ontology_term_id", how="left")
    table["significant"] = is_significant(table["p_holm"])
    table["n_seeds"] = table.groupby("ontology_term_id")["seed"].transform("count")
    columns = [*columns[:4], "seed", "delta", *columns[4:], "significant", "n_seeds"]
    table = table.sort_values(["rank", "seed"])[columns]
    if table.empty:
        table = table.reindex([0])
    return table.assign(architecture=architecture, data_source=runs["data_source"].iloc[0])


HEIGHT_MM = 112.0
AXES_MM = (13.0, 57.0, 165.5, 44.0)
NAME_CHARACTERS = 47
KIND_COLORS = {"internal": LOSS_COLORS["hce"], "leaf": "#9CC8E3"}
KIND_NAMES = {"internal": "internal node of the hierarchy", "leaf": "leaf"}


def draw_cell_types(table: pd.DataFrame) -> Figure:
    """Draw a bar a cell type (mean of HCE - CE), the runs as dots, a star where significant.

    Parameters
    ----------
    table
        Source data as made by `cell_type_gains`, of one architecture
        or of several, which are drawn one below the other.
    """
    architectures = list(dict.fromkeys(table["architecture"]))
    fig = new_figure(DOUBLE_COLUMN_MM, HEIGHT_MM * len(architectures))
    for place, architecture in enumerate(architectures):
        bottom = HEIGHT_MM * (len(architectures) - 1 - place)
        part = table[table["architecture"] == architecture].reset_index(drop=True)
        _draw_architecture(fig, part, str(architecture), bottom)
    return fig


def _draw_architecture(fig: Figure, table: pd.DataFrame, architecture: str, bottom: float) -> None:
    """Draw one architecture into the part of the figure that starts at `bottom` (millimeters)."""
    name = architecture_name(architecture)
    title = f"Change of F1 by HCE for each OOD cell type ({name})"
    text_mm(fig, 3, bottom + HEIGHT_MM - 4.5, title, TITLE_PT, weight="bold")
    runs = table.dropna(subset=["delta"])
    if runs.empty:
        message = f"No pair of CE and HCE runs of {name}."
        text_mm(fig, 3, bottom + HEIGHT_MM / 2, message, TITLE_PT, QUIET)
        return
    left, above, width, height = AXES_MM
    ax = add_axes_mm(fig, left, bottom + above, width, height)
    types = runs.drop_duplicates("ontology_term_id").sort_values("rank").reset_index(drop=True)
    _draw_bars(ax, types, runs)
    _mark_significant(ax, types, runs)
    _label(ax, types)
    _draw_legend(fig, types, bottom + HEIGHT_MM - 9.5)


def _draw_bars(ax: Axes, types: pd.DataFrame, runs: pd.DataFrame) -> None:
    colors = [KIND_COLORS.get(kind, QUIET) for kind in types["node_kind"]]
    ax.bar(types["rank"], types["delta_mean"], width=0.78, color=colors, linewidth=0)
    ax.axhline(0, color=INK, linewidth=0.6)
    draw_dots(ax, runs["rank"], runs["delta"], "white", size=1.7, edge=0.35, zorder=2)
    ax.set_xlim(-0.8, len(types) - 0.2)
    low, high = min(runs["delta"].min(), 0), max(runs["delta"].max(), 0)
    # room for the stars
    margin = 0.07 * (high - low)
    ax.set_ylim(low - margin, high + margin)
    ax.set_ylabel("Δ F1 (HCE − CE)")
    draw_grid(ax)


def _mark_significant(ax: Axes, types: pd.DataFrame, runs: pd.DataFrame) -> None:
    outermost = runs.groupby("rank")["delta"].agg(["min", "max"])
    for row in types[types["significant"].eq(True)].itertuples():
        rises = row.delta_mean >= 0
        end = outermost.at[row.rank, "max" if rises else "min"]
        offset = (0, -1.0 if rises else -6.5)
        write_beside(ax, "*", (row.rank, end), offset, TITLE_PT, ha="center", va="bottom")


def _label(ax: Axes, types: pd.DataFrame) -> None:
    names = [shorten(short_cell_type(label), NAME_CHARACTERS) for label in types["label"]]
    name_upright(ax, types["rank"], names, pad=2)
    ax.spines["bottom"].set_visible(False)


def _draw_legend(fig: Figure, types: pd.DataFrame, level: float) -> None:
    handles: list[Artist] = [
        Patch(facecolor=KIND_COLORS[kind], label=KIND_NAMES[kind])
        for kind in KIND_COLORS
        if kind in set(types["node_kind"])
    ]
    dot = {"marker": "o", "markersize": 2.6, "markerfacecolor": "white", "markeredgecolor": INK}
    seeds = format_seeds(sorted(set(types["n_seeds"]), reverse=True))
    handles.append(Line2D([], [], linestyle="none", label=f"run ({seeds})", **dot))
    if np.isfinite(types["p"]).any():
        handles.append(star_handle("P < 0.05, paired t-test, Holm over the types"))
    else:
        handles.append(Line2D([], [], linestyle="none", label="no test"))
    legend_mm(fig, handles, AXES_MM[0], level, handle=1.2)
