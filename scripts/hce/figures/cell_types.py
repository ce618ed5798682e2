"""F1 difference of each cell type, sorted, with the single runs (Fig. 2c)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hce.figures.style import (
    DOUBLE_COLUMN_MM,
    INK,
    LOSS_COLORS,
    MM_PER_INCH,
    QUIET,
    SMALL_PT,
    TITLE_PT,
    add_axes_mm,
    format_seeds,
    new_figure,
    short_cell_type,
    shorten,
    text_mm,
)
from hce.names import ARCHITECTURE_NAMES

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
        Source data as made by `hce.figures.hierarchy_tables.cell_type_gains`, of one architecture
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
    name = ARCHITECTURE_NAMES.get(architecture, architecture)
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
    ax.plot(
        runs["rank"],
        runs["delta"],
        linestyle="none",
        marker="o",
        markersize=1.7,
        markerfacecolor="white",
        markeredgecolor=INK,
        markeredgewidth=0.35,
    )
    ax.set_xlim(-0.8, len(types) - 0.2)
    low, high = min(runs["delta"].min(), 0), max(runs["delta"].max(), 0)
    # room for the stars
    margin = 0.07 * (high - low)
    ax.set_ylim(low - margin, high + margin)
    ax.set_ylabel("Δ F1 (HCE − CE)", labelpad=2)
    ax.grid(axis="y", color="#EAEAEA", linewidth=0.5)
    ax.set_axisbelow(True)


def _mark_significant(ax: Axes, types: pd.DataFrame, runs: pd.DataFrame) -> None:
    outermost = runs.groupby("rank")["delta"].agg(["min", "max"])
    for row in types[types["significant"].eq(True)].itertuples():
        rises = row.delta_mean >= 0
        end = outermost.at[row.rank, "max" if rises else "min"]
        ax.annotate(
            "*",
            (row.rank, end),
            (0, -1.0 if rises else -6.5),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=TITLE_PT,
        )


def _label(ax: Axes, types: pd.DataFrame) -> None:
    names = [shorten(short_cell_type(label), NAME_CHARACTERS) for label in types["label"]]
    # by their baselines the names stand evenly, whichever letters they have
    even = {"rotation_mode": "anchor", "ha": "right", "va": "center_baseline"}
    ax.set_xticks(types["rank"], names, rotation=90, fontsize=SMALL_PT, **even)
    ax.tick_params(axis="x", length=0, pad=2)
    ax.spines["bottom"].set_visible(False)


def _draw_legend(fig: Figure, types: pd.DataFrame, level: float) -> None:
    handles: list[Patch | Line2D] = [
        Patch(facecolor=KIND_COLORS[kind], label=KIND_NAMES[kind])
        for kind in KIND_COLORS
        if kind in set(types["node_kind"])
    ]
    dot = {"marker": "o", "markersize": 2.6, "markerfacecolor": "white", "markeredgecolor": INK}
    seeds = format_seeds(sorted(set(types["n_seeds"]), reverse=True))
    handles.append(Line2D([], [], linestyle="none", label=f"run ({seeds})", **dot))
    if np.isfinite(types["p"]).any():
        star = Line2D([], [], linestyle="none", marker="$*$", markersize=4, color=INK)
        star.set_label("P < 0.05, paired t-test, Holm over the types")
        handles.append(star)
    else:
        handles.append(Line2D([], [], linestyle="none", label="no test"))
    height = fig.get_size_inches()[1] * MM_PER_INCH
    fig.legend(
        handles=handles,
        ncols=len(handles),
        loc="lower left",
        bbox_to_anchor=(AXES_MM[0] / DOUBLE_COLUMN_MM, level / height),
        borderpad=0,
        borderaxespad=0,
        handlelength=1.2,
        columnspacing=1.6,
    )
