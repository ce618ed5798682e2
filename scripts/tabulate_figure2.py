"""Write the source data of Fig. 2a-d."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from hce.command import run_script
from hce.figures.cell_types import cell_type_gains
from hce.figures.concept import concept_table
from hce.figures.hierarchy import ontology_edges, ontology_nodes
from hce.figures.hierarchy_panels import panel_tables
from hce.figures.scores import gains
from hce.hierarchy.files import read_cell_types, read_reachability
from hce.names import known_architectures
from hce.tables import read_table, write_table


def main() -> None:
    """Read the tables, write one CSV a figure (four for Fig. 2d: nodes and edges, twice)."""
    arguments = _parse()
    tests = read_table(arguments.per_cell_type)
    cell_types = read_cell_types(arguments.cell_types)
    macro_runs = read_table(arguments.macro_f1_runs)
    concept = concept_table(cell_types, *read_reachability(arguments.reachability))
    architecture = shown_architecture(tests)
    nodes = ontology_nodes(cell_types, tests, architecture)
    panels, panel_edges = panel_tables(cell_types, nodes)
    type_runs = read_table(arguments.per_cell_type_runs)
    tables = {
        arguments.fig2a: concept,
        arguments.fig2b: gains(macro_runs, read_table(arguments.macro_f1)),
        arguments.fig2c: cell_type_gains(tests, type_runs, architecture, "ood"),
        arguments.fig2d: nodes,
        arguments.fig2d_edges: ontology_edges(cell_types, nodes),
        arguments.fig2d_panels: panels,
        arguments.fig2d_panels_edges: panel_edges,
    }
    for path, table in tables.items():
        write_table(table, path)


def shown_architecture(tests: pd.DataFrame) -> str:
    """The paper's choice for Fig. 2c and d, the MLP; in a run without it the first that ran.

    Parameters
    ----------
    tests
        Rows of per_cell_type.tsv.
    """
    ran = set(tests.loc[tests["delta"].notna(), "architecture"])
    return next((name for name in ["mlp", *known_architectures(ran)] if name in ran), "mlp")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for table in ("macro-f1", "macro-f1-runs", "per-cell-type", "per-cell-type-runs", "cell-types"):
        parser.add_argument(f"--{table}", type=Path, required=True, help="TSV to read")
    parser.add_argument("--reachability", type=Path, required=True, help="reachability.npz")
    panels = ("fig2d-panels", "fig2d-panels-edges")
    for figure in ("fig2a", "fig2b", "fig2c", "fig2d", "fig2d-edges", *panels):
        parser.add_argument(f"--{figure}", type=Path, required=True, help="CSV to write")
    return parser.parse_args()


if __name__ == "__main__":
    run_script(main)
