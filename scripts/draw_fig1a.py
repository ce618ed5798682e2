"""Draw Fig. 1a: the training atlas."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from hce.figures.atlas import draw_overview
from hce.figures.cli import draw_from_command_line


def draw(table: pd.DataFrame) -> Figure:
    """Return Fig. 1a from its source data."""
    return draw_overview(table, "Training atlas")


if __name__ == "__main__":
    draw_from_command_line(draw, __doc__)
