"""Draw Fig. 2c: the change of F1 by HCE for each cell type of the OOD set."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from hce.figures.cell_types import draw_cell_types
from hce.figures.cli import draw_from_command_line


def draw(table: pd.DataFrame) -> Figure:
    """Return Fig. 2c from its source data."""
    return draw_cell_types(table)


if __name__ == "__main__":
    draw_from_command_line(draw, __doc__)
