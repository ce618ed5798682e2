"""Write the source data of Fig. 2a-d."""

from __future__ import annotations

import argparse
from pathlib import Path

from hce.figures.cell_types import cell_type_gains
from hce.figures.concept import concept_table
from hce.figures.hierarchy import ontology_edges, ontology_nodes
from hce.figures.scores import gains
from hce.hierarchy.files import read_cell_types, read_reachability
from hce.tables import read_table, write_table


def main() -> None:
    """Read the tables, write one CSV a figure (two for Fig. 2d: nodes and edges)."""
    arguments = _parse()
    tests = read_table(arguments.per_cell_type)
    cell_types = read_cell_types(arguments.cell_types)
    macro_runs = read_table(arguments.macro_f1_runs)
    concept = concept_table(cell_types, *read_reachability(arguments.reachability))
    nodes = ontology_nodes(cell_types, tests, arguments.architecture)
    type_runs = read_table(arguments.per_cell_type_runs)
    tables = {
        arguments.fig2a: concept,
        arguments.fig2b: gains(macro_runs, read_table(arguments.macro_f1)),
        arguments.fig2c: cell_type_gains(tests, type_runs, arguments.architecture, "ood"),
        arguments.fig2d: nodes,
        arguments.fig2d_edges: ontology_edges(cell_types, nodes),
    }
    for path, table in tables.items():
        write_table(table, path)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for table in ("macro-f1", "macro-f1-runs", "per-cell-type", "per-cell-type-runs", "cell-types"):
        parser.add_argument(f"--{table}", type=Path, required=True, help="TSV to read")
    parser.add_argument("--reachability", type=Path, required=True, help="reachability.npz")
    parser.add_argument("--architecture", default="mlp", help="shown in Fig. 2c and d")
    for figure in ("fig2a", "fig2b", "fig2c", "fig2d", "fig2d-edges"):
        parser.add_argument(f"--{figure}", type=Path, required=True, help="CSV to write")
    return parser.parse_args()


if __name__ == "__main__":
    main()
