"""The pipeline's way from the store to final shards, job by job, for `bench_ingest.py`."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from ingest_process import SCRIPTS, Measured, run_python

SPLITS = ("train", "val", "test")
# contiguous joinids of one fetch_counts job, about as many as in config/paper.yaml; a split has as
# many shards as there are ranges
CELLS_PER_RANGE = 102_400
STAGES = ("fetch_counts", "shuffle_shards", "list_shards")


@dataclass(frozen=True)
class PipelineRun:
    """One run from the store to the manifest.

    Attributes
    ----------
    cells, nonzero
        In the final shards.
    cpu_seconds
        Of each stage, all its jobs, start-up included.
    jobs
        Of each stage.
    peak_mb
        The largest of any job.
    shard_bytes, piece_bytes
        On disk.
    """

    cells: int
    nonzero: int
    cpu_seconds: dict[str, float]
    jobs: dict[str, int]
    peak_mb: float
    shard_bytes: int
    piece_bytes: int


def run_pipeline(uri: Path, tables: Path, n_ranges: int, folder: Path) -> PipelineRun:
    """Run fetch_counts for every range, shuffle_shards for every split, and list_shards.

    Parameters
    ----------
    uri
        The store.
    tables
        Folder with cells.parquet and genes.parquet.
    n_ranges
        Ranges, and shards of each split.
    folder
        For pieces and shards; emptied first.
    """
    shutil.rmtree(folder, ignore_errors=True)
    pieces = [folder / "pieces" / f"{number}.arrow" for number in range(n_ranges)]
    done: dict[str, list[Measured]] = {
        "fetch_counts": [
            _fetch_counts(uri, tables, number, n_ranges, piece)
            for number, piece in enumerate(pieces)
        ],
        "shuffle_shards": [
            _shuffle_shards(tables, pieces, split, _shards(folder, split, n_ranges))
            for split in SPLITS
        ],
    }
    shards = [path for split in SPLITS for path in _shards(folder, split, n_ranges)]
    manifest = folder / "manifest.json"
    done["list_shards"] = [_list_shards(tables, shards, manifest)]
    splits = json.loads(manifest.read_text())["splits"].values()
    listed = [shard for split in splits for shard in split]
    return PipelineRun(
        cells=sum(shard["rows"] for shard in listed),
        nonzero=sum(shard["nonzero"] for shard in listed),
        cpu_seconds={stage: sum(job.cpu_seconds for job in jobs) for stage, jobs in done.items()},
        jobs={stage: len(jobs) for stage, jobs in done.items()},
        peak_mb=max(job.peak_mb for jobs in done.values() for job in jobs),
        shard_bytes=sum(shard["bytes"] for shard in listed),
        piece_bytes=sum(piece.stat().st_size for piece in pieces),
    )


def start_up_seconds() -> dict[str, float]:
    """CPU seconds that a job of each stage needs before it works: Python and its imports."""
    return {stage: run_python(SCRIPTS / f"{stage}.py", "--help").cpu_seconds for stage in STAGES}


def _shards(folder: Path, split: str, n_shards: int) -> list[Path]:
    return [folder / split / f"part-0000-{part}.zarr.zip" for part in range(n_shards)]


def _fetch_counts(uri: Path, tables: Path, number: int, n_ranges: int, piece: Path) -> Measured:
    source = [
        "--uri",
        uri,
        "--cells",
        tables / "cells.parquet",
        "--genes",
        tables / "genes.parquet",
    ]
    chosen = ["--splits", *SPLITS, "--range", number, "--n-ranges", n_ranges, "--piece", piece]
    return run_python(SCRIPTS / "fetch_counts.py", *source, *chosen)


def _shuffle_shards(tables: Path, pieces: list[Path], split: str, shards: list[Path]) -> Measured:
    source = ["--pieces", *pieces, "--cells", tables / "cells.parquet"]
    source += ["--genes", tables / "genes.parquet"]
    chosen = ["--split", split, "--bucket", 0, "--n-buckets", 1, "--shards", *shards]
    return run_python(SCRIPTS / "shuffle_shards.py", *source, *chosen)


def _list_shards(tables: Path, shards: list[Path], manifest: Path) -> Measured:
    genes = ["--genes", tables / "genes.parquet"]
    listed = ["--shards", *shards, *genes, "--manifest", manifest]
    return run_python(SCRIPTS / "list_shards.py", *listed)
