"""Whatever breaks the ingest, the next run ends with the same shards, byte by byte.

The undisturbed run is that of config/tiny.yaml: 2 ranges a release; 2 training buckets, 1 of each
other split.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tiledbsoma
from repository_copy import TINY, FinishedRun, snakemake
from shard_reading import read_anndata

import fetch_counts
import shuffle_shards

pytestmark = pytest.mark.end_to_end

ScriptRunner = Callable[..., None]
RELEASES = {"train": "2023-05-15", "ood": "2023-12-15"}
SPLITS = {"train": ["train", "val", "test"], "ood": ["ood"]}

# fetch_counts is broken from inside while there is a file named after its fault and its piece
BREAK = """
import os, signal, sys
from pathlib import Path

for order in sorted(Path(__file__).parent.glob("faults/*")):
    kind, piece = order.read_text().split()
    if not any(argument.endswith(piece) for argument in sys.orig_argv):
        continue
    order.unlink()
    import pyarrow as pa, tiledbsoma
    if kind == "stops":
        def tables(self):
            for table in original(self):
                yield table.slice(0, len(table) // 2)
                raise tiledbsoma.SOMAError("the store does not answer")
        reader = tiledbsoma.SparseNDArrayRead
        original, reader.tables = reader.tables, tables
    else:
        class Killed(pa.ipc.RecordBatchFileWriter):
            def write_batch(self, batch):
                super().write_batch(batch)
                os.kill(os.getpid(), signal.SIGKILL)
        pa.ipc.RecordBatchFileWriter = Killed
    break
"""


def contents(folder: Path) -> dict[str, bytes]:
    """Content of every file below a folder, hidden ones too."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def undisturbed(run: FinishedRun, split: str = "*") -> dict[str, bytes]:
    """Name and content of the shards that must come out."""
    return {path.name: path.read_bytes() for path in run.results.glob(f"shards/{split}/part-*")}


@pytest.fixture
def fetch(finished_run: FinishedRun, run_script: ScriptRunner) -> Callable[..., Path]:
    """Function (folder, release, range, number of ranges) that writes a piece."""

    def run(folder: Path, release: str, number: int, n_ranges: int) -> Path:
        piece = folder / f"{release}-{number}.arrow"
        run_script(
            fetch_counts,
            uri=finished_run.results / "simulated_census" / RELEASES[release],
            cells=finished_run.results / "atlas" / "cells.parquet",
            genes=finished_run.results / "atlas" / "genes.parquet",
            splits=SPLITS[release],
            range=number,
            n_ranges=n_ranges,
            piece=piece,
        )
        return piece

    return run


@pytest.fixture
def shuffle(finished_run: FinishedRun, run_script: ScriptRunner) -> Callable[..., None]:
    """Function (pieces, split, bucket, number of buckets, shards) that writes shards."""

    def run(pieces: list[Path], split: str, bucket: int, n_buckets: int, *shards: Path) -> None:
        run_script(
            shuffle_shards,
            pieces=pieces,
            cells=finished_run.results / "atlas" / "cells.parquet",
            genes=finished_run.results / "atlas" / "genes.parquet",
            split=split,
            bucket=bucket,
            n_buckets=n_buckets,
            shards=list(shards),
        )

    return run


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_killed_jobs_a_silent_store_and_a_piece_cut_short_leave_the_same_shards(
    finished_run: FinishedRun, tmp_path: Path
) -> None:
    results = finished_run.copy_cells("results-faults")
    config = finished_run.folder / "faults.yaml"
    config.write_text("results: results-faults\n")
    call = ["results-faults/shards/manifest.json", *TINY, config.name]
    (tmp_path / "sitecustomize.py").write_text(BREAK)
    (tmp_path / "faults").mkdir()
    faults = ["stops ood/0-of-2.arrow", *["killed train/1-of-2.arrow"] * 4]
    for number, fault in enumerate(faults):
        (tmp_path / "faults" / str(number)).write_text(fault)

    # the store answers again at the second of four attempts; the other job is killed at all
    first = snakemake(finished_run.folder, *call, "--keep-going", PYTHONPATH=str(tmp_path))
    assert first.returncode != 0
    assert list((tmp_path / "faults").iterdir()) == []
    pieces = results / "shards" / "pieces" / "train"
    assert [path.name for path in pieces.glob("[0-9]*")] == ["0-of-2.arrow"]
    assert [path.parent.name for path in results.glob("shards/*/part-*")] == ["ood"]

    cut = pieces / "0-of-2.arrow"
    content = cut.read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    second = snakemake(finished_run.folder, *call)
    assert second.returncode != 0
    logs = "".join(path.read_text() for path in results.glob("logs/shuffle_shards/*/*.log"))
    assert "results-faults/shards/pieces/train/0-of-2.arrow: this piece is cut short or" in logs
    assert "delete it and run snakemake again" in logs

    cut.unlink()
    third = snakemake(finished_run.folder, *call)
    assert third.returncode == 0, third.output[-5000:]
    assert third.jobs == {"fetch_counts": 1, "shuffle_shards": 4, "list_shards": 1}
    # nothing else: no piece, nothing half-written
    assert contents(results / "shards") == contents(finished_run.results / "shards")


@pytest.mark.parametrize(
    "error", [tiledbsoma.SOMAError("request timed out"), OSError("connection reset")]
)
def test_a_store_that_stops_answering_leaves_no_piece(
    fetch: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    error: Exception,
) -> None:
    expected = fetch(tmp_path / "undisturbed", "train", 1, 2).read_bytes()
    reader = tiledbsoma.SparseNDArrayRead
    answers = reader.tables

    def stops(self: Any) -> Iterator[Any]:
        yield next(iter(answers(self))).slice(0, 100)
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(reader, "tables", stops)
        with pytest.raises((type(error), ValueError), match=str(error)):
            fetch(tmp_path / "pieces", "train", 1, 2)
    assert contents(tmp_path / "pieces") == {}
    assert fetch(tmp_path / "pieces", "train", 1, 2).read_bytes() == expected


def test_a_full_disk_is_named_and_keeps_no_half_piece_or_shard(
    finished_run: FinishedRun,
    fetch: Callable[..., Path],
    shuffle: Callable[..., None],
    small_disk: Path,
    tmp_path: Path,
) -> None:
    (small_disk / "other").write_bytes(bytes(56 * 1024))
    with pytest.raises(OSError, match="No space left on device"):
        fetch(small_disk, "ood", 0, 1)
    assert list(contents(small_disk)) == ["other"]
    piece = fetch(tmp_path / "pieces", "ood", 0, 1)
    with pytest.raises(OSError, match="No space left on device"):
        shuffle([piece], "ood", 0, 1, small_disk / "shard.zarr.zip")
    assert list(contents(small_disk)) == ["other"]
    shuffle([piece], "ood", 0, 1, tmp_path / "part-0000-0.zarr.zip")
    shard = (tmp_path / "part-0000-0.zarr.zip").read_bytes()
    assert {"part-0000-0.zarr.zip": shard} == undisturbed(finished_run, "ood")


def test_a_piece_cut_short_anywhere_is_named(
    fetch: Callable[..., Path], shuffle: Callable[..., None], tmp_path: Path
) -> None:
    piece = fetch(tmp_path, "train", 0, 1)
    content = piece.read_bytes()
    for length in (0, 5, len(content) // 2, len(content) - 1):
        piece.write_bytes(content[:length])
        with pytest.raises(ValueError, match=rf"{piece}: this piece is cut short.*delete it"):
            shuffle([piece], "train", 0, 2, tmp_path / "shards" / "shard.zarr.zip")
    assert contents(tmp_path / "shards") == {}


@pytest.mark.parametrize("n_ranges", [1, 5])
def test_ranges_and_buckets_change_the_jobs_and_not_the_shards(
    finished_run: FinishedRun,
    fetch: Callable[..., Path],
    shuffle: Callable[..., None],
    tmp_path: Path,
    n_ranges: int,
) -> None:
    pieces = [fetch(tmp_path / "pieces", "train", i, n_ranges) for i in range(n_ranges)]
    # one bucket of two shards instead of two buckets of one, and pieces in another order
    shards = [tmp_path / f"part-000{part}-0.zarr.zip" for part in range(2)]
    shuffle(pieces[::-1], "train", 0, 1, *shards)
    written = {path.name: path.read_bytes() for path in shards}
    assert written == undisturbed(finished_run, "train")


def test_shards_are_read_without_this_code(finished_run: FinishedRun) -> None:
    (path,) = (finished_run.results / "shards" / "ood").glob("part-*")
    data = read_anndata(path)
    cells = pd.read_parquet(finished_run.results / "atlas" / "cells.parquet")
    cells = cells[cells["split"] == "ood"].sort_values("shuffle_key")
    assert data.obs["soma_joinid"].tolist() == cells["soma_joinid"].tolist()
    assert data.obs["label"].tolist() == cells["class"].tolist()
    assert (data.obs["split"] == "ood").all()
    genes = pd.read_parquet(finished_run.results / "atlas" / "genes.parquet")
    assert data.var_names.tolist() == genes["feature_id"].tolist()
    assert data.var["feature_name"].tolist() == genes["feature_name"].tolist()
    manifest = json.loads((finished_run.results / "shards" / "manifest.json").read_text())
    (shard,) = manifest["splits"]["ood"]
    assert data.X.nnz == shard["nonzero"] > 1_000
    assert (data.X.dtype, data.X.indices.dtype) == (np.uint16, np.uint16)
    assert data.X.data.min() > 0
    assert data.X.has_canonical_format
