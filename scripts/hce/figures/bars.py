"""Bars with the single runs as dots, which several figures are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hce.figures.style import (
    INK,
    QUIET,
    SINGLE_COLUMN_MM,
    SMALL_PT,
    TEXT_PT,
    add_axes_mm,
    draw_dots,
    new_figure,
    write_beside,
    write_note,
)
from hce.names import architecture_name

HEIGHT_MM = 68.0
AXES_MM = (13.0, 17.0, 72.0, 41.0)
FILL_ALPHA = 0.45


def score_figure(title: str) -> tuple[Figure, Axes]:
    """Return a single-column figure with a title and axes for macro F1 in percent.

    Figures made by it have their axes at the same place, so that they align side by side.
    """
    fig = new_figure(SINGLE_COLUMN_MM, HEIGHT_MM, title)
    ax = add_axes_mm(fig, *AXES_MM)
    ax.set(ylim=(0, 100), yticks=range(0, 101, 20))
    ax.set_ylabel("Macro F1 (%)")
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
        write_upright(ax, x, "not run", QUIET)
        return 0.0
    mean, sd = 100 * rows["mean"].iloc[0], 100 * rows["sd"].iloc[0]
    values = 100 * rows[column].to_numpy()
    ax.bar(x, mean, width, color=color, alpha=FILL_ALPHA, linewidth=0)
    level = {"linewidth": 1.4, "solid_capstyle": "butt"}
    ax.plot([x - width / 2, x + width / 2], [mean, mean], color=color, **level)
    draw_dots(ax, x + width * spread(len(values)), values, color, edge=0.4)
    ends = values
    if len(values) > 1:
        ax.errorbar(x, mean, sd, color=INK, elinewidth=0.6, capsize=2, capthick=0.6, zorder=2)
        ends = np.append(values, [mean - sd, mean + sd])
    return float(ends.max() if mean >= 0 else ends.min())


def spread(n_runs: int) -> np.ndarray:
    """Horizontal places of n dots within a bar of width 1: the order of the runs, no chance."""
    return np.linspace(-0.28, 0.28, n_runs) if n_runs > 1 else np.zeros(1)


def has_runs(rows: pd.DataFrame, column: str = "macro_f1") -> bool:
    """Whether these rows hold at least one run; a lone row without a score says there is none."""
    return bool(rows[column].notna().any())


def label_architectures(ax: Axes, architectures: Sequence[str], n_text: Sequence[str]) -> None:
    """Write the name of each architecture and its number of runs below the axes."""
    names = [architecture_name(name) for name in architectures]
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


def write_upright(ax: Axes, x: float, text: str, color: str) -> None:
    """Write upright from the line at zero, over what is there."""
    style = {"rotation": 90, "fontsize": SMALL_PT, "color": color, "ha": "center", "zorder": 5}
    ax.annotate(text, (x, 0), (0, 4), textcoords="offset points", **style)


def write_beyond(ax: Axes, x: float, end: float, text: str, weight: str = "normal") -> None:
    """Write a value beyond the end of what was drawn from zero up or down to there."""
    aside, va = ((0, 2.5), "bottom") if end >= 0 else ((0, -2.5), "top")
    write_beside(ax, text, (x, end), aside, weight=weight, ha="center", va=va)


def scale_gains(ax: Axes, ends: Sequence[float]) -> None:
    """Name an axis of gains, leave room for the numbers beyond the bars, draw a line at no gain."""
    low, high = min(ends), max(ends)
    margin = max(0.12 * (high - low), 1.0)
    ax.set_ylim(low - margin if low < 0 else 0, high + margin)
    ax.set_ylabel("Gain in macro F1 (points)")
    ax.axhline(0, color=INK, linewidth=0.6)


def footnote(fig: Figure, n_seeds: Sequence[int], test: str) -> None:
    """Write how to read bars, dots and whiskers, and the test if any, over the data's stamp."""
    several = max(n_seeds, default=0) > 1
    parts = ["Bar, mean; dots, runs", "whisker, s.d." if several else "one run: no s.d., no test"]
    if several and test:
        parts.append(test)
    write_note(fig, "; ".join(parts), 4.6)
