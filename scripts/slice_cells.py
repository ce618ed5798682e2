"""Take a small part of the selected cells that holds every cell type and is read in few tiles."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pandas as pd

from hce.command import run_script
from hce.ingest.slice_table import (
    Quota,
    describe_slice,
    limit_cells,
    read_selected,
    read_taken,
    slice_cells,
    tiles_of,
)
from hce.tables import read_table, write_table

LIMITS = ("tissues", "diseases", "datasets")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--selected", type=Path, required=True, help="table of all selected cells")
    parser.add_argument(
        "--datasets", type=Path, nargs="+", required=True, help="of the releases, earlier first"
    )
    parser.add_argument("--slice", required=True, help="section slice, JSON")
    parser.add_argument("--data-source", required=True, help="named in the table")
    parser.add_argument("--cells", type=Path, required=True, help="Parquet file to write")
    parser.add_argument("--table", type=Path, required=True, help="what it holds, to write")
    arguments = parser.parse_args()

    settings = json.loads(arguments.slice)
    quota = Quota.from_section(settings)
    selected = read_selected(arguments.selected)
    datasets = pd.concat([read_table(path) for path in arguments.datasets])
    n_types = len(selected["cell_type"].cat.categories)
    cells = limit_cells(selected, {key: settings[key] for key in LIMITS}, datasets)
    left_out = set(selected["cell_type"].cat.categories) - set(cells["cell_type"].cat.categories)
    for name in sorted(left_out):
        print(f"left out: {name}, no training cell within the limits of the slice")
    taken = slice_cells(cells, quota)
    table = describe_slice(cells, taken, quota)
    print(f"{len(selected):,} cells of {n_types} types selected, {len(taken):,} in the slice")
    for release, (tiles, there) in tiles_of(taken).items():
        print(f"{release}: {tiles:,} of {there:,} tiles are read")
    write_table(table, arguments.table, arguments.data_source)
    del selected, cells
    write_table(read_taken(arguments.selected, taken), arguments.cells)


if __name__ == "__main__":
    run_script(main)
