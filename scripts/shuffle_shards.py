"""Gather one bucket of cells from all pieces and write it as a shuffled shard."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from hce.atlas import buckets
from hce.shards import write_shard
from hce.shuffle import gather_bucket


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pieces", type=Path, nargs="+", required=True)
    parser.add_argument("--cells", type=Path, required=True)
    parser.add_argument("--genes", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--bucket", type=int, required=True)
    parser.add_argument("--n-buckets", type=int, required=True)
    parser.add_argument("--shard", type=Path, required=True, help="Parquet file to write")
    arguments = parser.parse_args()

    columns = ["soma_joinid", "split", "shuffle_key"]
    cells = pd.read_parquet(arguments.cells, columns=columns)
    cells = cells[cells["split"] == arguments.split]
    keys = cells.set_index("soma_joinid")["shuffle_key"]
    keys = keys[buckets(keys.to_numpy(), arguments.n_buckets) == arguments.bucket]
    n_genes = len(pd.read_parquet(arguments.genes, columns=["feature_id"]))
    shard = gather_bucket(arguments.pieces, arguments.split, arguments.bucket, n_genes, keys)
    print(f"{arguments.shard}: {len(shard):,} cells, {shard.expression.nnz:,} nonzero counts")
    write_shard(arguments.shard, shard)


if __name__ == "__main__":
    main()
