"""Draw Fig. 1e: macro F1 on new studies (out of distribution), cross-entropy, and the ID level."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hce.figures.bars import draw_scores, write_above
from hce.figures.cli import draw_from_command_line
from hce.figures.style import ID_LEVEL_COLOR, SMALL_PT, format_signed


def draw(table: pd.DataFrame) -> Figure:
    """Return Fig. 1e from its source data."""
    fig, ax = draw_scores(table, "Out of distribution: new studies (CE)")
    dashed = {"color": ID_LEVEL_COLOR, "linewidth": 1.2, "linestyle": (0, (3, 2))}
    for place, row in enumerate(table.drop_duplicates("architecture").itertuples()):
        mean, level = 100 * row.mean, 100 * row.id_mean
        if np.isfinite(level):
            ax.plot([place - 0.4, place + 0.4], [level, level], **dashed)
        if np.isfinite(mean - level):
            write_above(ax, place, level, f"{format_signed(mean - level, 1)} points")
    key = {"transform": ax.transAxes, "fontsize": SMALL_PT, "color": ID_LEVEL_COLOR}
    ax.text(0.0, 1.04, "– –  ID level", **key)
    return fig


if __name__ == "__main__":
    draw_from_command_line(draw, __doc__)
