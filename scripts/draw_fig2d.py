"""Draw Fig. 2d: the change of F1 by HCE on the Cell Ontology's graph."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from hce.figure_cli import figure_parser
from hce.figure_ontology import draw_ontology
from hce.figure_style import read_source_data, save_figure, single_data_source, stamp


def draw(nodes: pd.DataFrame, edges: pd.DataFrame) -> Figure:
    """Return Fig. 2d from its source data."""
    return draw_ontology(nodes, edges)


def main() -> None:
    """Read nodes and edges, draw them, write PDF and PNG."""
    parser = figure_parser(__doc__)
    parser.add_argument("--edges", type=Path, required=True, help="CSV: the edges that are drawn")
    arguments = parser.parse_args()
    nodes = read_source_data(arguments.source_data)
    fig = draw(nodes, read_source_data(arguments.edges))
    stamp(fig, single_data_source(nodes, arguments.source_data))
    save_figure(fig, arguments.pdf, arguments.png)


if __name__ == "__main__":
    main()
