"""Draw Supplementary Fig. 6: gain by connection and number of relatives."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from hce.figures.cli import draw_two_tables_from_command_line
from hce.figures.gains import draw_kinds

TITLE = "Gain of HCE by connection and number of relatives in the hierarchy (OOD)"


def draw(points: pd.DataFrame, tests: pd.DataFrame) -> Figure:
    """Return Supplementary Fig. 6 from its source data."""
    return draw_kinds(points, tests, TITLE)


if __name__ == "__main__":
    draw_two_tables_from_command_line(draw, "tests", __doc__)
