"""Draw Fig. 2d: the change of F1 by HCE on the Cell Ontology's graph."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from hce.figures.cli import draw_two_tables_from_command_line
from hce.figures.hierarchy import draw_ontology


def draw(nodes: pd.DataFrame, edges: pd.DataFrame) -> Figure:
    """Return Fig. 2d from its source data."""
    return draw_ontology(nodes, edges)


if __name__ == "__main__":
    draw_two_tables_from_command_line(draw, "edges", __doc__)
