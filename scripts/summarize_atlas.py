"""Count cells, cell types, donors, tissues, studies, datasets and assays of each data subset."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from hce.files import write_atomically

COUNTED = {
    "cell_types": "class",
    "donors": "donor",
    "tissues": "tissue",
    "studies": "study",
    "datasets": "dataset_id",
    "assays": "assay",
}
GROUPINGS = ("tissue", "study", "assay", "disease", "cell_type")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=Path, required=True)
    parser.add_argument("--genes", type=Path, required=True)
    parser.add_argument("--data-source", required=True, help="named in the tables")
    parser.add_argument("--summary", type=Path, required=True, help="table to write")
    parser.add_argument("--composition", type=Path, required=True, help="table to write")
    arguments = parser.parse_args()
    cells = pd.read_parquet(arguments.cells)
    n_genes = len(pd.read_parquet(arguments.genes, columns=["feature_id"]))
    subsets = {"atlas": cells[cells["split"] != "ood"]}
    subsets |= {split: cells[cells["split"] == split] for split in ("train", "val", "test", "ood")}
    summary = [
        {"subset": name, "cells": len(part)}
        | {count: part[column].nunique() for count, column in COUNTED.items()}
        for name, part in subsets.items()
    ]
    composition = [
        composition_of(subsets[name], name, grouping)
        for name in ("atlas", "ood")
        for grouping in GROUPINGS
    ]
    source = {"data_source": arguments.data_source}
    for path, table in (
        (arguments.summary, pd.DataFrame(summary).assign(genes=n_genes, **source)),
        (arguments.composition, pd.concat(composition).assign(**source)),
    ):
        with write_atomically(path) as temporary:
            table.to_csv(temporary, sep="\t", index=False, lineterminator="\n")


def composition_of(cells: pd.DataFrame, subset: str, grouping: str) -> pd.DataFrame:
    """Cells and donors of each tissue, study, ... of one part of the data."""
    groups = cells.groupby(grouping, observed=True)
    table = groups.agg(cells=("soma_joinid", "size"), donors=("donor", "nunique"))
    table = table.rename_axis("group").reset_index()
    return table.assign(subset=subset, grouping=grouping)[
        ["subset", "grouping", "group", "cells", "donors"]
    ]


if __name__ == "__main__":
    main()
