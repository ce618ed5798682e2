"""Count cells, cell types, donors, tissues, studies, collections, ... of each data subset.

A study is a dataset of the Census (dataset_id); a collection has one or several.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hce.command import run_script
from hce.names import study_names
from hce.tables import read_table, write_table

# counts of atlas_summary.tsv and the columns of the table of cells that they count
COUNTED = {
    "cell_types": "cell_type",
    "donors": "donor",
    "tissues": "tissue",
    "datasets": "dataset_id",
    "collections": "collection",
    "assays": "assay",
    "diseases": "disease",
}
# groupings of atlas_composition.tsv, by the same columns
GROUPINGS = {
    "tissue": "tissue",
    "dataset_id": "study",
    "assay": "assay",
    "disease": "disease",
    "cell_type": "cell_type",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--cells",
        type=Path,
        required=True,
        help="cells.parquet: the selected cells with their split",
    )
    parser.add_argument(
        "--datasets", type=Path, nargs=2, required=True, help="of the releases, the later one last"
    )
    parser.add_argument(
        "--ood-obs", type=Path, required=True, help="obs.parquet of the later release"
    )
    parser.add_argument(
        "--genes", type=Path, required=True, help="genes.parquet: the genes of the model"
    )
    parser.add_argument("--data-source", required=True, help="named in the tables")
    parser.add_argument("--summary", type=Path, required=True, help="table to write")
    parser.add_argument("--composition", type=Path, required=True, help="table to write")
    arguments = parser.parse_args()
    split = read_table(arguments.cells, columns=["split"])["split"]
    n_genes = len(read_table(arguments.genes, columns=["feature_id"]))
    subsets = {"atlas": (split != "ood").to_numpy()}
    subsets |= {name: (split == name).to_numpy() for name in ("train", "val", "test", "ood")}
    summary = pd.DataFrame({"subset": list(subsets), "cells": [n.sum() for n in subsets.values()]})
    donors = read_column(arguments.cells, "donor")
    composition = {}
    # one column at a time: all of them for 25 million cells need several gigabytes
    for plural, name in COUNTED.items():
        values = read_column(arguments.cells, name)
        groups = {subset: group_sizes(values, donors, rows) for subset, rows in subsets.items()}
        summary[plural] = [len(table) for table in groups.values()]
        for subset in ("atlas", "ood"):
            composition[subset, name] = groups[subset].assign(
                subset=subset, grouping=GROUPINGS.get(name), name=groups[subset]["group"]
            )
    earlier, later = (read_table(path) for path in arguments.datasets)
    # some have no cell of a trained type, or none in a slice
    there = pd.Series(read_column(arguments.ood_obs, "dataset_id").cat.categories)
    n_new = int((~there.isin(earlier["dataset_id"])).sum())
    summary["new_datasets"] = pd.array([n_new if s == "ood" else None for s in subsets], "Int64")
    names = study_names(pd.concat([earlier, later]))
    for subset in ("atlas", "ood"):
        studies = composition[subset, "dataset_id"]
        studies["name"] = studies["group"].astype(str).map(names)
    order = [composition[subset, name] for subset in ("atlas", "ood") for name in GROUPINGS]
    columns = ["subset", "grouping", "group", "name", "cells", "donors"]
    source = {"data_source": arguments.data_source}
    for path, table in (
        (arguments.summary, summary.assign(genes=n_genes, **source)),
        (arguments.composition, pd.concat(order)[columns].assign(**source)),
    ):
        write_table(table, path)


def read_column(path: Path, name: str) -> pd.Series:
    """One column of the table of cells, as a categorical."""
    return read_table(path, columns=[name])[name].astype("category")


def group_sizes(values: pd.Series, donors: pd.Series, rows: NDArray[np.bool_]) -> pd.DataFrame:
    """Cells and donors of each group (tissue, study, ...) among some of the cells."""
    n_groups, n_donors = len(values.cat.categories), len(donors.cat.categories)
    code = values.cat.codes.to_numpy()[rows].astype(np.int64)
    cells = np.bincount(code, minlength=n_groups)
    pairs = code * n_donors + donors.cat.codes.to_numpy()[rows]
    seen = np.bincount(pairs, minlength=n_groups * n_donors).reshape(n_groups, n_donors) > 0
    table = pd.DataFrame({"group": values.cat.categories, "cells": cells})
    return table.assign(donors=seen.sum(axis=1))[cells > 0]


if __name__ == "__main__":
    run_script(main)
