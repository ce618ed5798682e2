"""Macro F1 of one loss, a bar an architecture (Fig. 1d, e)."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hce.figure_bars import (
    BAR_WIDTH,
    draw_bar,
    footnote,
    has_runs,
    label_architectures,
    score_figure,
    write_above,
)
from hce.figure_style import ARCHITECTURE_COLORS, QUIET
from hce.figure_text import format_seeds


def draw_scores(table: pd.DataFrame, title: str) -> tuple[Figure, Axes]:
    """Draw the mean of each architecture as a bar with its number, the runs as dots.

    Parameters
    ----------
    table
        Source data as made by `hce.figure1_tables.scores_of_runs`.
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
