"""Take a nested slice of the training cells of a run, for the learning curve.

The cells are repeated until an epoch has about as many steps as one of the run, so that a smaller
slice is not a shorter training.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hce.command import run_script
from hce.files import checked
from hce.ingest.slice import COLUMNS, rank_cells
from hce.shards import write_manifest, write_shard
from hce.storage.files import ShardFiles
from hce.storage.rows import Counts, SparseRows
from hce.tables import read_table, write_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="of the run")
    parser.add_argument("--cells", type=Path, required=True, help="of the run")
    parser.add_argument("--genes", type=Path, required=True, help="of the run")
    parser.add_argument("--cells-per-type", type=int, required=True, help="at most")
    parser.add_argument("--min-gain", type=float, required=True, help="of the slice")
    parser.add_argument("--seed", type=int, required=True, help="of the slice")
    parser.add_argument("--shards", type=Path, nargs="+", required=True, help="of train, to write")
    parser.add_argument("--subset", type=Path, required=True, help="table of its cells, to write")
    parser.add_argument("--output", type=Path, required=True, help="manifest to write")
    arguments = parser.parse_args()

    # of the full Census these are 15 million rows: no other columns, no other splits
    ranked = "slice_rank" in pq.read_schema(checked(arguments.cells)).names
    columns = [*COLUMNS, "cell_type", *(["slice_rank"] if ranked else [])]
    train = read_table(arguments.cells, columns, filters=[("split", "==", "train")])
    if ranked:
        rank = train["slice_rank"].to_numpy()
    else:
        shares = dict.fromkeys(train["split"].cat.categories, 1.0)
        most = arguments.cells_per_type
        rank = rank_cells(train, shares, most, arguments.min_gain, arguments.seed)
    chosen = (rank > 0) & (rank <= arguments.cells_per_type)
    check(train, chosen, arguments)
    subset = train[chosen]

    files = ShardFiles(arguments.manifest, "train")
    genes = read_table(arguments.genes, columns=["feature_id", "feature_name"])
    joinids = np.sort(subset["soma_joinid"].to_numpy())
    written = []
    for position, path in enumerate(arguments.shards):
        block = files.block([position])
        part = block.take(np.flatnonzero(np.isin(block.soma_joinid, joinids)))
        rows = SparseRows(part.indptr, part.genes, Counts.of(part.counts))
        write_shard(path, part.soma_joinid, part.label, rows, "train", genes)
        written += [path] if len(part) else []
    repeats = max(round(len(train) / len(subset)), 1)
    print(
        f"{len(subset):,} of {len(train):,} training cells, at most {arguments.cells_per_type:,} a "
        f"type, {repeats} times in an epoch"
    )
    write_table(subset, arguments.subset)
    content = json.loads(arguments.manifest.read_text())
    others = {
        split: [
            shard | {"path": moved(arguments.manifest, arguments.output, shard)} for shard in parts
        ]
        for split, parts in content["splits"].items()
        if split != "train"
    }
    write_manifest(arguments.output, content["n_genes"], {"train": written * repeats}, others)


def check(train: pd.DataFrame, chosen: NDArray[np.bool_], arguments: argparse.Namespace) -> None:
    """Refuse a slice that is the whole, or that lacks a class.

    Raises
    ------
    ValueError
        With the key to change.
    """
    size = arguments.cells_per_type
    if chosen.all():
        raise ValueError(
            f"learning_curve.cells_per_type {size}: no cell type has more training cells, so this "
            "is the run itself; leave it out"
        )
    empty = train.loc[~train["class"].isin(train.loc[chosen, "class"]), "cell_type"].unique()
    if len(empty):
        raise ValueError(
            f"learning_curve.cells_per_type {size}: no training cell of {empty[0]} "
            f"({len(empty)} cell types); raise it, or lower min_gain"
        )


def moved(manifest: Path, to: Path, shard: dict) -> str:
    """Path of a shard of one manifest, as another names it."""
    return Path(os.path.relpath(manifest.parent / shard["path"], to.parent)).as_posix()


if __name__ == "__main__":
    run_script(main)
