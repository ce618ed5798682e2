"""Count what R looks like over the paper's cell types in a Cell Ontology release."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from hce.hierarchy.classes import summarize_hierarchy
from hce.ontology import reachability, read_obo
from hce.tables import read_table, write_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ontology", type=Path, required=True, help="OBO file")
    parser.add_argument("--cell-types", type=Path, required=True, help="config/cell_types.tsv")
    parser.add_argument("--output", type=Path, required=True, help="table to write")
    arguments = parser.parse_args()
    graph = read_obo(arguments.ontology)
    term_ids = read_table(arguments.cell_types)["ontology_term_id"].tolist()
    counts = summarize_hierarchy(reachability(graph, term_ids))
    table = pd.DataFrame([{"release": graph.graph["release"], **counts}])
    print(table.T.to_string(header=False))
    write_table(table, arguments.output)


if __name__ == "__main__":
    main()
