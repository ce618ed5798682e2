"""Build the reachability matrix over the classes, and the table that describes each class."""

from __future__ import annotations

import argparse
from pathlib import Path

from hce.command import run_script
from hce.hierarchy.classes import cell_type_table
from hce.hierarchy.files import write_reachability
from hce.ontology import reachability, read_obo
from hce.tables import read_table, write_table

COLUMNS = ["split", "class", "cell_type_ontology_term_id", "cell_type"]
COLUMNS += ["donor", "dataset_id", "tissue", "assay"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--cells",
        type=Path,
        required=True,
        help="cells.parquet: the selected cells with their split",
    )
    parser.add_argument("--ontology", type=Path, required=True, help="OBO file")
    parser.add_argument("--prefix", default="CL", help="of the ids of its terms")
    parser.add_argument("--data-source", required=True, help="named in the table")
    parser.add_argument("--cell-types", type=Path, required=True, help="table to write")
    parser.add_argument("--reachability", type=Path, required=True, help="matrix to write")
    arguments = parser.parse_args()

    cells = read_table(arguments.cells, columns=COLUMNS)
    graph = read_obo(arguments.ontology, arguments.prefix)
    term_ids = cells["cell_type_ontology_term_id"].cat.categories.tolist()
    matrix = reachability(graph, term_ids)
    table = cell_type_table(cells, matrix, graph).assign(data_source=arguments.data_source)
    write_table(table, arguments.cell_types)
    write_reachability(arguments.reachability, matrix, term_ids)
    relations = int(matrix.sum()) - len(matrix)
    print(f"{len(term_ids)} classes, {relations:,} pairs of an ancestor and a descendant")


if __name__ == "__main__":
    run_script(main)
