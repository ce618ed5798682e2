"""Draw Fig. 1e: macro F1 on new studies (out of distribution), cross-entropy, and the ID level."""

from __future__ import annotations

import numpy as np
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
from hce.figure_style import ARCHITECTURE_COLORS, ID_LEVEL_COLOR, QUIET, SMALL_PT
from hce.figure_text import format_seeds, format_signed


def draw(table: pd.DataFrame) -> Figure:
    """Return Fig. 1e from its source data."""
    fig, ax = score_figure("Out of distribution: new studies (CE)")
    architectures = list(dict.fromkeys(table["architecture"]))
    for place, architecture in enumerate(architectures):
        rows = table[table["architecture"] == architecture]
        color = ARCHITECTURE_COLORS.get(architecture, QUIET)
        top = draw_bar(ax, place, rows, BAR_WIDTH, color)
        mean, level = 100 * rows["mean"].iloc[0], 100 * rows["id_mean"].iloc[0]
        if np.isfinite(level):
            ends = [place - 0.4, place + 0.4]
            ax.plot(
                ends, [level, level], color=ID_LEVEL_COLOR, linewidth=1.2, linestyle=(0, (3, 2))
            )
        if has_runs(rows):
            write_above(ax, place, top, f"{mean:.1f}")
        if np.isfinite(mean - level):
            write_above(ax, place, level, f"{format_signed(mean - level, 1)} points")
    ax.text(
        0.0, 1.04, "– –  ID level", transform=ax.transAxes, fontsize=SMALL_PT, color=ID_LEVEL_COLOR
    )
    counts = table.drop_duplicates("architecture")["n_seeds"]
    label_architectures(ax, architectures, [format_seeds([n]) for n in counts])
    footnote(fig, list(counts), "")
    return fig


if __name__ == "__main__":
    draw_from_command_line(draw, __doc__)
