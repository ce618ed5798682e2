"""Write the source data of Supplementary Figs. 2-4: the hierarchy, an architecture a figure."""

from __future__ import annotations

import argparse
from pathlib import Path

from hce.command import run_script
from hce.figures.hierarchy import ontology_nodes
from hce.figures.hierarchy_panels import panel_tables
from hce.hierarchy.files import read_cell_types
from hce.tables import read_table, write_table

ARCHITECTURES = {"figS2": "linear", "figS3": "mlp", "figS4": "tabnet"}


def main() -> None:
    """Read the tests and the hierarchy, write nodes and edges of each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-cell-type", type=Path, required=True, help="per_cell_type.tsv")
    parser.add_argument("--cell-types", type=Path, required=True, help="cell_types.tsv")
    for figure in ARCHITECTURES:
        parser.add_argument(f"--{figure}", type=Path, required=True, help="nodes: CSV to write")
        parser.add_argument(f"--{figure}-edges", type=Path, required=True, help="CSV to write")
    arguments = parser.parse_args()
    tests = read_table(arguments.per_cell_type)
    cell_types = read_cell_types(arguments.cell_types)
    for figure, architecture in ARCHITECTURES.items():
        nodes = ontology_nodes(cell_types, tests, architecture)
        for name, table in zip(
            (figure, f"{figure}_edges"), panel_tables(cell_types, nodes), strict=True
        ):
            write_table(table, getattr(arguments, name))


if __name__ == "__main__":
    run_script(main)
