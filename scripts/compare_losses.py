"""Compare HCE with CE over seeds: overall, per cell type and per study."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from hce.command import run_script
from hce.hierarchy.files import read_cell_types
from hce.names import study_names
from hce.statistics.tables import (
    group_runs,
    group_table,
    overall_runs,
    overall_table,
    strata_runs,
    strata_table,
)
from hce.tables import of_seeds, read_table, write_table

TABLES = ("macro_f1", "per_cell_type", "per_study", "strata")
TABLES_AND_RUNS = [name for table in TABLES for name in (table, f"{table}_runs")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--scores", type=Path, nargs="+", required=True, help="Parquet file of each model's scores"
    )
    parser.add_argument(
        "--cell-types", type=Path, required=True, help="cell_types.tsv: the classes"
    )
    parser.add_argument(
        "--datasets", type=Path, nargs="+", required=True, help="names of the studies, latest last"
    )
    parser.add_argument("--data-source", required=True, help="named in the tables")
    for name in TABLES_AND_RUNS:
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=Path, required=True, help="table to write")
    arguments = parser.parse_args()

    # published ID scores may lack
    found = [table for table in map(read_table, arguments.scores) if len(table)]
    scores = pd.concat(found, ignore_index=True)
    cell_types = read_cell_types(arguments.cell_types).set_index("ontology_term_id")
    described = cell_types[["label", "node_kind", "connectivity", "n_cells"]]
    described = described.rename(columns={"n_cells": "n_cells_train"})
    runs, of_strata = overall_runs(scores), strata_runs(scores)
    datasets = [read_table(path) for path in arguments.datasets]
    names = study_names(pd.concat(datasets))
    of_studies = group_runs(scores, "study", "dataset_id")
    of_types = group_runs(scores, "cell_type", "ontology_term_id")
    per_type = group_table(of_types, "ontology_term_id", "cell types")
    per_type = per_type.join(described, on="ontology_term_id")
    tables = {
        "macro_f1_runs": runs,
        "macro_f1": overall_table(runs),
        "per_cell_type_runs": of_types.join(cell_types["label"], on="ontology_term_id"),
        "per_cell_type": per_type.drop(columns="n_labels"),
        "per_study_runs": of_studies,
        "per_study": group_table(of_studies, "dataset_id", "studies"),
        "strata_runs": of_strata,
        "strata": strata_table(of_strata),
    }
    for table in (tables["per_study"], tables["per_study_runs"]):
        place = list(table.columns).index("dataset_id") + 1
        table.insert(place, "study", table["dataset_id"].map(names))
    source = of_seeds(arguments.data_source, scores["seed"])
    for name, table in tables.items():
        write_table(table, getattr(arguments, name), source)
    for row in tables["macro_f1"].query("split == 'ood'").itertuples():
        print(f"{row.architecture}, OOD: gain {row.gain_mean:+.3f}, Holm P {row.p_holm:.2g}")


if __name__ == "__main__":
    run_script(main)
