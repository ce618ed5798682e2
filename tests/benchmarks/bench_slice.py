"""A slice of a store with the Census's tiles: cells kept, tiles read, and the choice at full size.

Store: 2 million cells in 60 datasets of very different size, each with 8 to 29 of 100 cell types
and 3 to 24 donors; the most frequent type is 10^5 times the rarest, types of fewer than 450 cells
(5,000 in the Census's 22 million) are not selected. A cell has few counts: what is measured is how
many tiles TileDB reads, by its own counter, not how long that takes.

Choice: 28 million cells in 250 datasets; time and peak memory of `scripts/slice_cells.py`, which
reads their table, chooses and writes the slice.

Run: PYTHONPATH=scripts python tests/benchmarks/bench_slice.py --output slice.json
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import tiledbsoma
from numpy.typing import NDArray

from hce.atlas import SPLITS
from hce.census.writing import X_OPTIONS
from hce.ingest.counts import TILE_ROWS, read_counts
from hce.ingest.order import shuffle_keys
from hce.ingest.slice_table import Quota, describe_slice, slice_cells
from hce.tables import write_table

N_TYPES, N_GENES, PER_CELL = 100, 2048, 4
SCRIPT = Path(__file__).parents[2] / "scripts" / "slice_cells.py"
IDS = ("", "_ontology_term_id")
# runs a script and prints its peak memory, in KB
MEASURED = """
import resource, runpy, sys
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
SHARES = {"val": 0.2, "test": 0.2, "ood": 0.5}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--min-gain", type=float, nargs="+", default=[0.5, 0.25, 0.125])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report: dict = {"choice": choice(folder), "slices": []}
        print(json.dumps(report["choice"]), flush=True)
        cells, n_cells = make_cells(2_000_000, 60, N_TYPES, 450)
        uri = write_counts(folder / "raw", n_cells)
        for min_gain in arguments.min_gain:
            report["slices"].append(measure(cells, n_cells, uri, min_gain))
            print(json.dumps(report["slices"][-1]), flush=True)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=1) + "\n")


def make_cells(
    n_cells: int, n_datasets: int, n_types: int, min_cells: int
) -> tuple[pd.DataFrame, int]:
    """The table of the selected cells of a release, and how many cells there are in all."""
    rng = np.random.default_rng(0)
    frequency = 10 ** rng.uniform(0, 5, n_types)
    frequency[:2] = 1e5, 1
    size = rng.lognormal(0, 1.2, n_datasets)
    size = np.maximum((size / size.sum() * n_cells).astype(int), 200)
    label, dataset, donor = [], [], []
    for number, rows in enumerate(size):
        there = rng.choice(n_types, rng.integers(8, 30), replace=False)
        share = frequency[there] * rng.lognormal(0, 1, len(there))
        label.append(rng.choice(there, rows, p=share / share.sum()).astype(np.int16))
        dataset.append(np.full(rows, number, np.int16))
        # a dataset's file holds one donor after another
        donor.append(100 * number + np.sort(rng.integers(0, rng.integers(3, 25), rows)))
    columns = [np.concatenate(parts) for parts in (label, dataset, donor)]
    frame = pd.DataFrame(dict(zip(("class", "dataset_id", "donor"), columns, strict=True)))
    total = len(frame)
    split = rng.choice(3, 100 * n_datasets, p=[0.7, 0.15, 0.15])
    frame.insert(0, "soma_joinid", np.arange(total))
    frame.insert(1, "split", pd.Categorical.from_codes(split[frame["donor"]], list(SPLITS)))
    counts = np.bincount(frame["class"], minlength=n_types)
    # as the table of cells is: classes numbered without gaps, names as categories
    frame["split"] = frame["split"].cat.remove_unused_categories()
    frame = frame[(counts >= min_cells)[frame["class"]]].reset_index(drop=True)
    classes, code = np.unique(frame["class"], return_inverse=True)
    frame["class"] = code.astype(np.int16)
    for name in ("cell_type", "cell_type_ontology_term_id"):
        frame[name] = pd.Categorical.from_codes(code, [f"type {number}" for number in classes])
    for name in ("dataset_id", "donor"):
        frame[name] = frame[name].astype(str).astype("category")
    return frame, total


def write_counts(path: Path, n_cells: int) -> str:
    """X/raw with the tiles and filters of the Census; returns where it is."""
    rng = np.random.default_rng(1)
    # TileDB stores a row of tiles in chunks of `capacity` counts. With few counts a cell, smaller
    # chunks: one for each row of tiles, where the Census has some thirty.
    options = {"tiledb": {"create": X_OPTIONS | {"capacity": TILE_ROWS * PER_CELL}}}
    shape = (n_cells, N_GENES)
    with tiledbsoma.SparseNDArray.create(
        path.as_posix(), type=pa.float32(), shape=shape, platform_config=options
    ) as array:
        step = 128 * TILE_ROWS
        for first in range(0, n_cells, step):
            rows = np.arange(first, min(first + step, n_cells))
            gene = np.sort(rng.integers(0, N_GENES // PER_CELL, (len(rows), PER_CELL)), axis=1)
            gene += np.arange(PER_CELL) * (N_GENES // PER_CELL)
            columns = {
                "soma_dim_0": np.repeat(rows, PER_CELL),
                "soma_dim_1": gene.ravel(),
                "soma_data": np.ones(gene.size, np.float32),
            }
            array.write(pa.table(columns))
    return path.as_posix()


def measure(cells: pd.DataFrame, n_cells: int, uri: str, min_gain: float) -> dict:
    """Take the slice that has 2 % of all cells, and read it."""
    low, high = 1, 20_000
    while low < high:  # the slice grows with the quota
        middle = (low + high + 1) // 2
        taken = slice_cells(cells, Quota(middle, SHARES, min_gain, 0))
        low, high = (middle, high) if len(taken) <= 0.02 * n_cells else (low, middle - 1)
    quota = Quota(low, SHARES, min_gain, 0)
    taken = slice_cells(cells, quota)
    table = describe_slice(cells, taken, quota)
    train = table[table["split"] == "train"]
    filled = train["cells"] / train["wanted"]
    all_tiles = -(-n_cells // TILE_ROWS)
    return {
        "min_gain": min_gain,
        "cells_per_type": low,
        "cells_share": len(taken) / n_cells,
        "tiles_share": tiles_read(uri, taken["soma_joinid"].to_numpy()) / all_tiles,
        "types": len(train),
        "filled_mean": float(filled.mean()),
        "filled_least": float(filled.min()),
        "types_not_filled": int((filled < 1).sum()),
        "datasets": int(taken["dataset_id"].nunique()),
        "donors": int(taken["donor"].nunique()),
    }


def tiles_read(uri: str, joinids: NDArray[np.int64]) -> int:
    """Rows of tiles that TileDB reads for some cells, by its own counter."""
    tiledbsoma.tiledbsoma_stats_enable()
    tiledbsoma.tiledbsoma_stats_reset()
    with tiledbsoma.SparseNDArray.open(uri) as array:
        release = SimpleNamespace(
            experiment=SimpleNamespace(ms={"RNA": SimpleNamespace(X={"raw": array})})
        )
        positions = np.arange(N_GENES, dtype=np.int32)
        n_read = sum(len(rows) for _, rows in read_counts(release, joinids, positions))
    if n_read != len(joinids):
        raise RuntimeError(f"read {n_read} of {len(joinids)} cells")
    stats = json.loads(tiledbsoma.tiledbsoma_stats_json())
    counters = [part["counters"] for part in stats]
    n_tiles = sum(found.get("Context.Query.Reader.num_tiles_read", 0) for found in counters)
    return n_tiles // 3  # of two dimensions and a value


def prepare(folder: Path) -> None:
    """Write tables as large as the Census's: selected cells and datasets."""
    cells, n_cells = make_cells(28_000_000, 250, 200, 5000)
    for name in ("collection", "assay", *(f"{c}{i}" for c in ("tissue", "disease") for i in IDS)):
        cells[name] = cells["dataset_id"]
    cells["shuffle_key"] = shuffle_keys(cells["soma_joinid"].to_numpy(), 1)
    write_table(cells, folder / "selected.parquet")
    datasets = pd.DataFrame({"dataset_id": cells["dataset_id"].cat.categories})
    write_table(datasets, folder / "datasets.parquet")
    print(f"{n_cells:,} cells, {len(cells):,} of them selected", flush=True)


def choice(folder: Path) -> dict:
    """Run the script of the rule on those tables."""
    # in a process of its own: the peak of one that starts another is taken over by that
    process = multiprocessing.get_context("spawn").Process(target=prepare, args=(folder,))
    process.start()
    process.join()
    section = {"cells_per_type": 1000, "shares": SHARES, "min_gain": 0.125, "seed": 0}
    section |= {"tissues": [], "diseases": [], "datasets": []}
    command = [
        sys.executable,
        "-c",
        MEASURED,
        str(SCRIPT),
        "--selected",
        str(folder / "selected.parquet"),
    ]
    command += ["--datasets", str(folder / "datasets.parquet"), "--slice", json.dumps(section)]
    command += ["--data-source", "made for this benchmark", "--table", str(folder / "slice.tsv")]
    command += ["--cells", str(folder / "cells.parquet")]
    start = time.perf_counter()
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    *lines, peak = said.splitlines()
    return {"seconds": time.perf_counter() - start, "peak_gb": int(peak) / 1e6, "said": lines}


if __name__ == "__main__":
    main()
