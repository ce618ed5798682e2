"""Draw Supplementary Fig. 5: gain by node kind and number of descendants."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from hce.figures.cli import draw_two_tables_from_command_line
from hce.figures.gains import draw_kinds

TITLE = "Gain of HCE by node kind and number of descendants (OOD)"


def draw(points: pd.DataFrame, tests: pd.DataFrame) -> Figure:
    """Return Supplementary Fig. 5 from its source data."""
    return draw_kinds(points, tests, TITLE)


if __name__ == "__main__":
    draw_two_tables_from_command_line(draw, "tests", __doc__)
