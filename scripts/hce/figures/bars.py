"""Bars with the single runs as dots, one group of bars an architecture (Fig. 1d, e, 2b)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hce.figures.style import (
    ARCHITECTURE_COLORS,
    INK,
    QUIET,
    SINGLE_COLUMN_MM,
    SMALL_PT,
    TEXT_PT,
    TITLE_PT,
    add_axes_mm,
    format_seeds,
    new_figure,
    text_mm,
)
from hce.names import ARCHITECTURE_NAMES

HEIGHT_MM = 68.0
AXES_MM = (13.0, 17.0, 72.0, 41.0)
BAR_WIDTH = 0.56
FILL_ALPHA = 0.45


def score_figure(title: str) -> tuple[Figure, Axes]:
    """Return a single-column figure with a title and axes for macro F1 in percent.

    Figures made by it have their axes at the same place, so that they align side by side.
    """
    fig = new_figure(SINGLE_COLUMN_MM, HEIGHT_MM)
    text_mm(fig, 3, HEIGHT_MM - 4.5, title, TITLE_PT, weight="bold")
    ax = add_axes_mm(fig, *AXES_MM)
    ax.set(ylim=(0, 100), yticks=range(0, 101, 20))
    ax.set_ylabel("Macro F1 (%)", labelpad=2)
    return fig, ax


def draw_bar(
    ax: Axes, x: float, rows: pd.DataFrame, width: float, color: str, column: str = "macro_f1"
) -> float:
    """Draw the mean of some runs as a bar, the runs as dots, and ± 1 sd if there are two or more.

    Parameters
    ----------
    ax
        Axes in percent.
    x
        Center of the bar.
    rows
        One row a run: its value, and mean and sd (fractions; the same in all rows).
    width
        Of the bar, in the units of the axes.
    color
        Of the bar and its dots.
    column
        Where the value of a run is.

    Returns
    -------
    float
        The end of what was drawn that is farther from zero, in percent; 0 if there is no run.
    """
    if not has_runs(rows, column):
        missing = {"rotation": 90, "fontsize": SMALL_PT, "color": QUIET, "ha": "center"}
        ax.annotate("not run", (x, 0), (0, 4), textcoords="offset points", **missing)
        return 0.0
    mean, sd = 100 * rows["mean"].iloc[0], 100 * rows["sd"].iloc[0]
    values = 100 * rows[column].to_numpy()
    ax.bar(x, mean, width, color=color, alpha=FILL_ALPHA, linewidth=0)
    level = {"linewidth": 1.4, "solid_capstyle": "butt"}
    ax.plot([x - width / 2, x + width / 2], [mean, mean], color=color, **level)
    _draw_dots(ax, x + width * spread(len(values)), values, color)
    ends = values
    if len(values) > 1:
        ax.errorbar(x, mean, sd, color=INK, elinewidth=0.6, capsize=2, capthick=0.6, zorder=2)
        ends = np.append(values, [mean - sd, mean + sd])
    return float(ends.max() if mean >= 0 else ends.min())


def _draw_dots(ax: Axes, x: np.ndarray, y: np.ndarray, color: str) -> None:
    dots = ax.plot(x, y, linestyle="none", marker="o", markersize=2.8, zorder=3)[0]
    dots.set(markerfacecolor=color, markeredgecolor=INK, markeredgewidth=0.4)


def spread(n_runs: int) -> np.ndarray:
    """Horizontal places of n dots within a bar of width 1: the order of the runs, no chance."""
    return np.linspace(-0.28, 0.28, n_runs) if n_runs > 1 else np.zeros(1)


def has_runs(rows: pd.DataFrame, column: str = "macro_f1") -> bool:
    """Whether these rows hold at least one run; a lone row without a score says there is none."""
    return bool(rows[column].notna().any())


def label_architectures(ax: Axes, architectures: Sequence[str], n_text: Sequence[str]) -> None:
    """Write the name of each architecture and its number of runs below the axes."""
    names = [ARCHITECTURE_NAMES.get(name, name) for name in architectures]
    ax.set_xticks(range(len(names)), names, fontsize=TEXT_PT)
    ax.tick_params(axis="x", length=0, pad=3)
    ax.set_xlim(-0.6, len(names) - 0.4)
    for place, text in enumerate(n_text):
        ax.annotate(
            text,
            (place, 0),
            (0, -13),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=SMALL_PT,
            color=QUIET,
        )


def write_above(ax: Axes, x: float, y: float, text: str) -> None:
    """Write a value above what was drawn up to y."""
    ax.annotate(
        text,
        (x, y),
        (0, 2.5),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=SMALL_PT,
    )


def footnote(fig: Figure, n_seeds: Sequence[int], test: str) -> None:
    """Write how to read bars, dots and whiskers, and the test if any, over the data's stamp."""
    several = max(n_seeds, default=0) > 1
    parts = ["Bar, mean; dots, runs", "whisker, s.d." if several else "one run: no s.d., no test"]
    if several and test:
        parts.append(test)
    text_mm(fig, 3, 4.6, "; ".join(parts), SMALL_PT, QUIET)


def draw_scores(table: pd.DataFrame, title: str) -> tuple[Figure, Axes]:
    """Draw the mean of each architecture as a bar with its number, the runs as dots.

    Parameters
    ----------
    table
        Source data as made by `hce.figures.atlas.scores_of_runs`.
    title
        Of the figure.

    Returns
    -------
    Figure, Axes
        The axes have the architectures at 0, 1, 2, ... in the order of the table.
    """
    fig, ax = score_figure(title)
    counts = table.drop_duplicates("architecture").set_index("architecture")["n_seeds"]
    for place, architecture in enumerate(counts.index):
        rows = table[table["architecture"] == architecture]
        color = ARCHITECTURE_COLORS.get(architecture, QUIET)
        top = draw_bar(ax, place, rows, BAR_WIDTH, color)
        if has_runs(rows):
            write_above(ax, place, top, f"{100 * rows['mean'].iloc[0]:.1f}")
    label_architectures(ax, counts.index.tolist(), [format_seeds([n]) for n in counts])
    footnote(fig, counts.tolist(), "")
    return fig, ax
