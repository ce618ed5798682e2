"""Read the cells of one Census release that pass the value filter, and its table of datasets."""

from __future__ import annotations

import argparse
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hce.census.access import add_argument
from hce.census.reading import open_release, read_datasets, read_obs
from hce.census.schema import HOMO_SAPIENS
from hce.command import run_script
from hce.files import write_atomically


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uri", required=True, help="folder or S3 address of the release")
    parser.add_argument("--organism", default=HOMO_SAPIENS, help="as the Census names it")
    parser.add_argument("--assays", nargs="+", required=True, help="assays to keep")
    parser.add_argument("--obs", type=Path, required=True, help="Parquet file to write")
    parser.add_argument("--datasets", type=Path, required=True, help="Parquet file to write")
    add_argument(parser)
    arguments = parser.parse_args()
    with open_release(arguments.uri, arguments.organism, arguments.s3) as release:
        datasets = read_datasets(release)
        obs = read_obs(release, arguments.assays)
    print(f"{arguments.uri}: {obs.num_rows:,} cells pass, {len(datasets):,} datasets")
    with write_atomically(arguments.datasets) as temporary:
        pq.write_table(pa.Table.from_pandas(datasets, preserve_index=False), temporary)
    with write_atomically(arguments.obs) as temporary:
        pq.write_table(obs, temporary, compression="zstd")


if __name__ == "__main__":
    run_script(main)
