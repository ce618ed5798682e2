"""Draw Supplementary Fig. 1: macro F1 of CE and HCE in each OOD study."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from hce.figures.cli import draw_from_command_line
from hce.figures.studies import draw_studies


def draw(table: pd.DataFrame) -> Figure:
    """Return Supplementary Fig. 1 from its source data."""
    return draw_studies(table)


if __name__ == "__main__":
    draw_from_command_line(draw, __doc__)
