"""Gather one bucket of cells from all pieces and write it as shuffled shards."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from hce.ingest.order import buckets
from hce.ingest.shuffle import gather_part, verify_piece
from hce.memory import Scratch
from hce.shards import write_shard
from hce.tables import read_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--pieces",
        type=Path,
        nargs="+",
        required=True,
        help="what fetch_counts wrote of this split",
    )
    parser.add_argument(
        "--cells",
        type=Path,
        required=True,
        help="cells.parquet: the selected cells with their split",
    )
    parser.add_argument(
        "--genes", type=Path, required=True, help="genes.parquet: the genes of the model"
    )
    parser.add_argument("--split", required=True, help="train, val, test or ood")
    parser.add_argument("--bucket", type=int, required=True, help="which to write, from 0")
    parser.add_argument("--n-buckets", type=int, required=True, help="buckets of the split")
    parser.add_argument(
        "--shards", type=Path, nargs="+", required=True, help="zip files to write, in order"
    )
    arguments = parser.parse_args()

    # a shard takes some cells of each piece; to read it whole is for one job of a release
    if arguments.split in ("train", "ood"):
        for path in arguments.pieces[arguments.bucket :: arguments.n_buckets]:
            verify_piece(path)
    columns = ["soma_joinid", "shuffle_key"]
    in_split = [("split", "==", arguments.split)]
    cells = read_table(arguments.cells, columns=columns, filters=in_split)
    keys = cells.set_index("soma_joinid")["shuffle_key"]
    genes = read_table(arguments.genes, columns=["feature_id", "feature_name"])
    n_shards = len(arguments.shards)
    # a shard is a slice of the key range, and a bucket is some neighboring shards
    shard_of = buckets(keys.to_numpy(), arguments.n_buckets * n_shards)
    scratch = Scratch()
    for position, path in enumerate(arguments.shards):
        part = arguments.bucket * n_shards + position
        part_keys = keys[shard_of == part]
        write_part(path, arguments.pieces, arguments.split, part, part_keys, genes, scratch)


def write_part(
    path: Path,
    pieces: list[Path],
    split: str,
    part: int,
    keys: pd.Series,
    genes: pd.DataFrame,
    scratch: Scratch,
) -> None:
    """Gather and write one shard; nothing refers to its cells when the next one's come."""
    joinid, label, counts = gather_part(pieces, split, part, keys, scratch)
    write_shard(path, joinid, label, counts, split, genes)
    print(f"{path}: {len(counts):,} cells, {len(counts.genes):,} nonzero counts", flush=True)


if __name__ == "__main__":
    main()
