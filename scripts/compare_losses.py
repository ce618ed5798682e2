"""Compare HCE with CE over seeds: overall, per cell type and per study."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from hce.comparison_tables import group_runs, group_table, overall_runs, overall_table
from hce.files import write_atomically
from hce.hierarchy_files import read_cell_types

TABLES = ("macro_f1", "macro_f1_runs", "per_cell_type", "per_cell_type_runs", "per_study")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scores", type=Path, nargs="+", required=True)
    parser.add_argument("--cell-types", type=Path, required=True)
    parser.add_argument("--data-source", required=True, help="named in the tables")
    for table in TABLES:
        flag = f"--{table.replace('_', '-')}"
        parser.add_argument(flag, type=Path, required=True, help="table to write")
    arguments = parser.parse_args()

    scores = pd.concat([pd.read_parquet(path) for path in arguments.scores], ignore_index=True)
    cell_types = read_cell_types(arguments.cell_types).set_index("ontology_term_id")
    runs = overall_runs(scores)
    type_runs = group_runs(scores, "cell_type", "ontology_term_id")
    described = cell_types[["label", "node_kind", "connectivity", "n_cells"]]
    described = described.rename(columns={"n_cells": "n_cells_train"})
    per_type = group_table(type_runs, "ontology_term_id").join(described, on="ontology_term_id")
    tables = {
        "macro_f1_runs": runs,
        "macro_f1": overall_table(runs),
        "per_cell_type_runs": type_runs.join(cell_types["label"], on="ontology_term_id"),
        "per_cell_type": per_type,
        "per_study": group_table(group_runs(scores, "study", "study"), "study"),
    }
    for name, table in tables.items():
        with write_atomically(getattr(arguments, name)) as temporary:
            table.assign(data_source=arguments.data_source).to_csv(
                temporary, sep="\t", index=False, lineterminator="\n"
            )


if __name__ == "__main__":
    main()
