"""Draw Supplementary Fig. 8: gain against rarity, studies, tissues and assays."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from hce.figures.cli import draw_two_tables_from_command_line
from hce.figures.gains import draw_properties

TITLE = "Gain of HCE against rarity, studies, tissues and assays in training (OOD)"


def draw(points: pd.DataFrame, tests: pd.DataFrame) -> Figure:
    """Return Supplementary Fig. 8 from its source data."""
    return draw_properties(points, tests, TITLE)


if __name__ == "__main__":
    draw_two_tables_from_command_line(draw, "tests", __doc__)
