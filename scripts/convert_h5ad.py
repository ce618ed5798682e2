"""Convert h5ad files to a store that is laid out as a release of the CELLxGENE Census."""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import sys
from pathlib import Path

import pandas as pd

from hce.census.h5ad import read_release
from hce.census.schema import HOMO_SAPIENS, POLICIES
from hce.census.writing import DigestedBlocks, describe_content, write_store
from hce.command import run_script
from hce.files import write_atomically
from hce.tables import write_table

LAYOUT = "2023-12-15"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", nargs="+", type=Path, required=True, help="h5ad files")
    parser.add_argument(
        "--other-files", nargs="*", type=Path, default=[], help="of the other release, not read"
    )
    parser.add_argument("--release", required=True, help="name of the release, a date")
    parser.add_argument("--organism", default=HOMO_SAPIENS, help="as the Census names it")
    parser.add_argument(
        "--fractional-counts",
        choices=POLICIES,
        default="refuse",
        help="what to do with raw counts that are no integers",
    )
    parser.add_argument("--prefix", default="CL", help="of the ids of cell types")
    parser.add_argument("--store", type=Path, required=True, help="folder of the store (written)")
    parser.add_argument("--genes", type=Path, required=True, help="all genes, Parquet (written)")
    parser.add_argument("--manifest", type=Path, required=True, help="content, JSON (written)")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    tables = read_release(
        arguments.files,
        arguments.organism,
        arguments.other_files,
        arguments.fractional_counts,
        arguments.prefix,
    )
    # the files are large, so the checksum is taken while they are read for the store
    tables = dataclasses.replace(tables, counts=DigestedBlocks(tables.counts))
    cells, genes = tables.counts.shape
    print(f"{len(arguments.files)} files: {cells:,} cells, {genes:,} genes in all of them")
    write_store(arguments.store, tables, arguments.release, LAYOUT, arguments.organism)
    names = pd.DataFrame({"gene_names": tables.var["feature_name"].unique()})
    write_table(names, arguments.genes)
    content = {"files": [str(path) for path in arguments.files], **describe_content(tables)}
    with write_atomically(arguments.manifest) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    run_script(main)
