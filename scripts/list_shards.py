"""Write the manifest of all shards: rows, nonzero counts, bytes and SHA-256 of each."""

from __future__ import annotations

import argparse
from pathlib import Path

import pyarrow.parquet as pq

from hce.command import run_script
from hce.files import checked
from hce.shards import write_manifest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=Path, nargs="+", required=True, help="{split}/part-*")
    parser.add_argument(
        "--genes", type=Path, required=True, help="genes.parquet: the genes of the model"
    )
    parser.add_argument("--manifest", type=Path, required=True, help="JSON file to write")
    arguments = parser.parse_args()
    splits: dict[str, list[Path]] = {}
    for shard in arguments.shards:
        splits.setdefault(shard.parent.name, []).append(shard)
    n_genes = pq.read_metadata(checked(arguments.genes)).num_rows
    write_manifest(arguments.manifest, n_genes, splits)
    counted = ", ".join(f"{split} {len(shards)}" for split, shards in splits.items())
    print(f"shards of {n_genes:,} genes: {counted}")


if __name__ == "__main__":
    run_script(main)
