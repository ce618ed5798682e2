"""Draw Supplementary Fig. 9: gains in diseases that training had and in those it lacked."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from hce.figures.cli import draw_from_command_line
from hce.figures.contexts import draw_contexts


def draw(table: pd.DataFrame) -> Figure:
    """Return Supplementary Fig. 9 from its source data."""
    return draw_contexts(table)


if __name__ == "__main__":
    draw_from_command_line(draw, __doc__)
