"""Draw Fig. 1d: macro F1 on held-out donors (in distribution), cross-entropy."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from hce.figures.bars import draw_scores
from hce.figures.cli import draw_from_command_line


def draw(table: pd.DataFrame) -> Figure:
    """Return Fig. 1d from its source data."""
    fig, _ = draw_scores(table, "In distribution: held-out donors (CE)")
    return fig


if __name__ == "__main__":
    draw_from_command_line(draw, __doc__)
