"""How fast the Census becomes shards, against the published way and against only reading it.

Makes a local store at the true width (or uses the one of an earlier run), then measures four ways
in turn, each in fresh processes on one core: the published way (get_anndata, normalize, dense
Parquet), reading X into sorted rows, only decoding X, and the pipeline's own jobs. Rates are cells
a CPU second. The pipeline's rate counts start-up of every job, those of the others do not.
"""

from __future__ import annotations

import argparse
import json
import os
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from ingest_pipeline import CELLS_PER_RANGE, PipelineRun, run_pipeline, start_up_seconds
from ingest_process import run_python

HERE = Path(__file__).resolve().parent
PACKAGES = ("tiledbsoma", "pyarrow", "numpy", "numba", "cellxgene_census")
# cells of each way; the rates do not depend on it
CELLS = {"published": 16_384, "read": 102_400, "bare_read": 102_400}
ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write")
    parser.add_argument(
        "--cells",
        type=int,
        default=4 * CELLS_PER_RANGE,
        help=f"cells of the store, rounded up to {CELLS_PER_RANGE:,}",
    )
    parser.add_argument(
        "--store", type=Path, default=Path("results/benchmarks/ingest_store"), help="its folder"
    )
    arguments = parser.parse_args()
    n_ranges = max(2, -(-arguments.cells // CELLS_PER_RANGE))
    folder = arguments.store
    _report(f"store of {n_ranges * CELLS_PER_RANGE:,} cells in {folder}")
    _make_store(folder, n_ranges)
    # a folder of its own, so that another run on the same store does no harm
    with TemporaryDirectory(dir=folder, prefix="work-") as work:
        for ranges in (1, n_ranges):
            _make_tables(folder / "soma", ranges, _tables(Path(work), ranges))
        # every process below inherits this core
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        small, runs, rates, start_up = _measure(folder / "soma", n_ranges, Path(work))
    result = _summarize(small, runs, rates, start_up)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=1) + "\n")
    _print_table(result)


def _make_store(folder: Path, n_ranges: int) -> None:
    size = ["--cells", n_ranges * CELLS_PER_RANGE]
    processes = ["--processes", len(os.sched_getaffinity(0))]
    made = run_python(HERE / "ingest_store.py", "--folder", folder, *size, *processes)
    print(made.output, end="", flush=True)


def _make_tables(uri: Path, n_ranges: int, folder: Path) -> None:
    folder.mkdir()
    size = ["--cells", n_ranges * CELLS_PER_RANGE]
    run_python(HERE / "ingest_tables.py", "--uri", uri, *size, "--folder", folder)


def _tables(work: Path, n_ranges: int) -> Path:
    return work / f"tables-{n_ranges}"


def _measure(
    uri: Path, n_ranges: int, work: Path
) -> tuple[PipelineRun, list[PipelineRun], dict[str, list[float]], dict[str, float]]:
    """Run all ways in turn.

    Returns
    -------
    tuple
        The run on one range, the runs on all ranges, cells a CPU second of the other ways in each
        round, and start-up seconds of a job of each stage.
    """
    # the first run compiles the loops; it is used for its memory and its bytes only
    run_pipeline(uri, _tables(work, 1), 1, work / "pipeline")
    small = run_pipeline(uri, _tables(work, 1), 1, work / "pipeline")
    _report(f"{small.cells:,} cells: peak {small.peak_mb:,.0f} MB")
    runs, start_ups = [], []
    rates: dict[str, list[float]] = {way: [] for way in CELLS}
    for number in range(1, ROUNDS + 1):
        for way, n_cells in CELLS.items():
            command = [HERE / "ingest_ways.py", way, "--uri", uri, "--cells", n_cells]
            done = json.loads(run_python(*command, "--folder", work).output.splitlines()[-1])
            rates[way].append(done["cells"] / done["cpu_seconds"])
            _report(f"round {number}: {way}, {rates[way][-1]:,.0f} cells/s")
        runs.append(run_pipeline(uri, _tables(work, n_ranges), n_ranges, work / "pipeline"))
        start_ups.append(start_up_seconds())
        rate = runs[-1].cells / sum(runs[-1].cpu_seconds.values())
        _report(f"round {number}: pipeline, {rate:,.0f} cells/s, {runs[-1].peak_mb:,.0f} MB")
    start_up = {stage: median(times[stage] for times in start_ups) for stage in start_ups[0]}
    return small, runs, rates, start_up


def _summarize(
    small: PipelineRun,
    runs: list[PipelineRun],
    rates: dict[str, list[float]],
    start_up: dict[str, float],
) -> dict[str, Any]:
    run = runs[-1]
    stages = {name: median(r.cpu_seconds[name] for r in runs) for name in run.cpu_seconds}
    total = median(sum(r.cpu_seconds.values()) for r in runs)
    starting = sum(start_up[name] * jobs for name, jobs in run.jobs.items())
    rate = {way: median(values) for way, values in rates.items()}
    rate["pipeline"] = run.cells / total
    rate["pipeline_without_start_up"] = run.cells / (total - starting)
    return {
        "ingest_vs_published": rate["pipeline"] / rate["published"],
        "ingest_vs_read": rate["pipeline"] / rate["read"],
        "ingest_vs_bare_read": rate["pipeline"] / rate["bare_read"],
        "ingest_vs_read_without_start_up": rate["pipeline_without_start_up"] / rate["read"],
        "bytes_per_cell": run.shard_bytes / run.cells,
        "piece_bytes_per_cell": run.piece_bytes / run.cells,
        "peak_mb_small": small.peak_mb,
        "peak_mb_large": max(r.peak_mb for r in runs),
        "cells_small": small.cells,
        "cells_large": run.cells,
        "cells_per_range": CELLS_PER_RANGE,
        "nonzeros_per_cell": run.nonzero / run.cells,
        "cells_per_second_per_core": rate,
        "rounds": rates | {"pipeline": [r.cells / sum(r.cpu_seconds.values()) for r in runs]},
        "cpu_seconds": stages,
        "jobs": run.jobs,
        "start_up_seconds_per_job": start_up,
        "versions": {package: version(package) for package in PACKAGES},
    }


def _print_table(result: dict[str, Any]) -> None:
    for way, rate in result["cells_per_second_per_core"].items():
        print(f"{way:32}{rate:12,.0f} cells/s/core")
    for name, value in result.items():
        if isinstance(value, float):
            print(f"{name:32}{value:12,.2f}")
    for stage, seconds in result["cpu_seconds"].items():
        jobs, start_up = result["jobs"][stage], result["start_up_seconds_per_job"][stage]
        print(f"{stage:32}{seconds:12,.2f} s in {jobs} jobs, start-up {start_up:.2f} s each")


def _report(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
