"""Draw Fig. 1d: macro F1 on held-out donors (in distribution), cross-entropy."""

from __future__ import annotations

import pandas as pd
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
from hce.figure_cli import draw_from_command_line
from hce.figure_style import ARCHITECTURE_COLORS, QUIET
from hce.figure_text import format_seeds


def draw(table: pd.DataFrame) -> Figure:
    """Return Fig. 1d from its source data."""
    fig, ax = score_figure("In distribution: held-out donors (CE)")
    architectures = list(dict.fromkeys(table["architecture"]))
    for place, architecture in enumerate(architectures):
        rows = table[table["architecture"] == architecture]
        color = ARCHITECTURE_COLORS.get(architecture, QUIET)
        top = draw_bar(ax, place, rows, BAR_WIDTH, color)
        if has_runs(rows):
            write_above(ax, place, top, f"{100 * rows['mean'].iloc[0]:.1f}")
    counts = table.drop_duplicates("architecture")["n_seeds"]
    label_architectures(ax, architectures, [format_seeds([n]) for n in counts])
    footnote(fig, list(counts), "")
    return fig


if __name__ == "__main__":
    draw_from_command_line(draw, __doc__)
