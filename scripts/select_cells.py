"""Select the cells of the atlas and of the OOD test, and split the atlas by donor."""

from __future__ import annotations

import argparse
from pathlib import Path

from hce.atlas import merge_replaced, rate_cell_types, select_cell_types
from hce.command import run_script
from hce.ingest.cells import (
    atlas_cells,
    cells_table,
    context_labels,
    ood_cells,
    read_obs_columns,
    unite_labels,
)
from hce.ontology import prefix_of, read_obo
from hce.tables import read_table, write_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--train-obs", type=Path, required=True, help="obs.parquet of the train release"
    )
    parser.add_argument("--train-datasets", type=Path, required=True, help="its datasets.parquet")
    parser.add_argument(
        "--ood-obs", type=Path, required=True, help="obs.parquet of the ood release"
    )
    parser.add_argument("--ood-datasets", type=Path, required=True, help="its datasets.parquet")
    parser.add_argument("--ontology", type=Path, required=True, help="OBO file")
    parser.add_argument("--root", required=True, help="cell types are descendants of this term")
    parser.add_argument("--min-cells", type=int, required=True, help="at least")
    parser.add_argument("--min-tech-samples", type=int, required=True, help="more than")
    parser.add_argument("--min-ancestors", type=int, required=True, help="more than")
    parser.add_argument(
        "--validation-share", type=float, required=True, help="of the technical samples"
    )
    parser.add_argument("--test-share", type=float, required=True, help="of the technical samples")
    parser.add_argument("--split-seed", type=int, required=True, help="of the split by donor")
    parser.add_argument("--row-group", type=int, required=True, help="splits are multiples of it")
    parser.add_argument(
        "--shuffle-seed", type=int, required=True, help="of the global order of cells"
    )
    parser.add_argument("--cells", type=Path, required=True, help="Parquet file to write")
    arguments = parser.parse_args()

    graph = read_obo(arguments.ontology, prefix_of(arguments.root))
    train_obs, merged = merge_replaced(read_obs_columns(arguments.train_obs), graph)
    for term, current in merged.items():
        print(f"merged: {term} into {current}, which replaced it and is among the cells' types")
    train_datasets = read_table(arguments.train_datasets)
    rated = rate_cell_types(
        train_obs,
        graph,
        arguments.root,
        arguments.min_cells,
        arguments.min_tech_samples,
        arguments.min_ancestors,
    )
    for row in rated[rated["left_out"] != ""].itertuples():
        print(f"left out: {row.label} ({row.ontology_term_id}), {row.left_out}")
    cell_types = select_cell_types(rated)
    atlas = atlas_cells(
        train_obs,
        train_datasets,
        cell_types,
        arguments.validation_share,
        arguments.test_share,
        arguments.split_seed,
        arguments.row_group,
    )
    earlier = context_labels(train_obs)
    del train_obs
    ood_obs = read_obs_columns(arguments.ood_obs)
    later = context_labels(ood_obs)
    datasets = read_table(arguments.ood_datasets)
    ood = ood_cells(ood_obs, datasets, train_datasets, cell_types, graph)
    del ood_obs
    labels = {name: unite_labels(earlier[name], later[name]) for name in earlier}
    for name in labels:
        there = earlier[name].index.intersection(later[name].index)
        for term, before, now in zip(there, earlier[name][there], later[name][there], strict=True):
            if now != before:
                print(f"renamed: {name} {term}, {before} in the training release, now {now}")
    cells = cells_table(atlas, ood, cell_types, labels, arguments.shuffle_seed)
    print(cells["split"].value_counts().to_string())
    in_ood = cells.loc[cells["split"] == "ood", "class"].nunique()
    print(f"{len(cell_types)} cell types, {in_ood} of them OOD")
    write_table(cells, arguments.cells)


if __name__ == "__main__":
    run_script(main)
