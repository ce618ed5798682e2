"""Bytes and times of codecs and layouts for the counts of a shard (`hce.storage.store`).

Simulated counts of 19,331 genes in blosc: codec, level, shuffle, entries of a chunk, bytes of a
block (its own: what blosc chooses), layout. Times are CPU microseconds a cell, the best of some
rounds that go through all formats in turn; reading is into memory that was there before. The first
rows are X alone, in one zip file, or in a folder whose arrays are a file each (Zarr's sharding),
which zarrs decodes if it is installed; the last is a whole shard, with obs and var, into a block.

Run: PYTHONPATH=scripts taskset -c 0 python tests/benchmarks/bench_shard_formats.py
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import tempfile
import time
import warnings
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import zarr
from loader_data import gene_names
from zarr.abc.store import Store
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.storage import LocalStore, ZipStore

from hce.storage.blocks import CellBlock
from hce.storage.rows import Counts, SparseRows
from hce.storage.store import open_store, read_arrays, write_store

N_GENES, N_CELLS, MOLECULES = 19_331, 4_096, 3_220
ZARRS = {"codec_pipeline.path": "zarrs.ZarrsCodecPipeline", "threading.max_workers": 1}


@dataclass
class Format:
    """One way to store X, and the best times so far."""

    name: str
    level: int
    shuffle: str
    chunk: int
    block: int = 0
    folder: bool = False
    bytes: int = 0
    writing: list[float] = field(default_factory=list)
    reading: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        layout = "folder, zarrs" if self.folder else "zip"
        block = f"{self.block // 1024} KB" if self.block else "its own"
        codec = f"{self.name} {self.level} {self.shuffle}, {self.chunk // 1024}k, {block}, {layout}"
        return row(codec, self.bytes, self.writing, self.reading)

    def open(self, path: Path, mode: str) -> Store:
        return LocalStore(path) if self.folder else ZipStore(path, mode=mode)

    def round(self, path: Path, rows: dict[str, np.ndarray], out: dict[str, np.ndarray]) -> None:
        """Write and read once."""
        with zarr.config.set(ZARRS) if self.folder else nullcontext():
            start = time.process_time()
            with self.open(path, "w") as store:
                self.write(zarr.create_group(store=store), rows)
            self.writing.append(time.process_time() - start)
            start = time.process_time()
            store = self.open(path, "r")
            group = zarr.open_group(store=store, mode="r")
            read_arrays([(group[name], values) for name, values in out.items()])
            store.close()
            self.reading.append(time.process_time() - start)
        files = [file for file in (path, *path.rglob("*")) if file.is_file()]
        self.bytes = sum(file.stat().st_size for file in files)
        shutil.rmtree(path) if self.folder else path.unlink()
        assert all(np.array_equal(rows[name], out[name]) for name in rows)

    def write(self, group: zarr.Group, rows: dict[str, np.ndarray]) -> None:
        codec = BloscCodec(
            cname=self.name, clevel=self.level, shuffle=self.shuffle, blocksize=self.block
        )
        for name, values in rows.items():
            chunk = min(self.chunk, len(values))
            whole = -(-len(values) // chunk) * chunk
            array = group.create_array(
                name,
                shape=values.shape,
                dtype=values.dtype,
                chunks=(chunk,),
                shards=(whole,) if self.folder else None,
                compressors=[codec, Crc32cCodec()],
            )
            array[...] = values


FORMATS = [
    Format("zstd", 1, "shuffle", 2**20, block=2**18),
    Format("zstd", 1, "shuffle", 2**20),
    Format("zstd", 1, "shuffle", 2**18),
    Format("zstd", 1, "shuffle", 2**16),
    Format("zstd", 1, "bitshuffle", 2**20),
    Format("zstd", 3, "shuffle", 2**20),
    Format("lz4", 5, "shuffle", 2**20),
    Format("lz4", 5, "bitshuffle", 2**20),
    Format("zstd", 1, "shuffle", 2**20, folder=True),
    Format("zstd", 1, "shuffle", 2**16, folder=True),
    Format("lz4", 5, "bitshuffle", 2**16, folder=True),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    rows = draw_cells()
    print(f"{rows.indptr[-1] / N_CELLS:,.0f} nonzero counts a cell")
    x = {"data": rows.counts.wide(np.uint16), "indices": rows.genes, "indptr": rows.indptr}
    out = {name: np.zeros_like(values) for name, values in x.items()}
    zarrs = importlib.util.find_spec("zarrs") is not None
    formats = [each for each in FORMATS if zarrs or not each.folder]
    whole: tuple[list[float], list[float]] = ([], [])
    with tempfile.TemporaryDirectory() as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(rounds):
            for each in formats:
                each.round(Path(temporary) / "x", x, out)
            size = whole_shard(Path(temporary) / "shard", rows, *whole)
    for each in formats:
        print(each)
    print(row("a shard as it is written, into a block", size, *whole))


def draw_cells() -> SparseRows:
    """Raw counts of some cells: Poisson around lognormal genes, depths and noise."""
    rng = np.random.default_rng(0)
    abundance = rng.lognormal(0, 1.8, N_GENES)
    abundance /= abundance.sum()
    genes, counts = [], []
    for _ in range(N_CELLS):
        depth = rng.lognormal(np.log(MOLECULES), 0.5)
        cell = rng.poisson(abundance * depth * rng.gamma(2, 0.5, N_GENES))
        genes.append(np.flatnonzero(cell).astype(np.uint16))
        counts.append(cell[genes[-1]].astype(np.uint32))
    indptr = np.cumsum([0, *map(len, genes)])
    return SparseRows(indptr, np.concatenate(genes), Counts.of(np.concatenate(counts)))


def whole_shard(path: Path, rows: SparseRows, writing: list[float], reading: list[float]) -> int:
    """Write a shard and read it into a block once; returns its bytes."""
    joinid, label = np.arange(N_CELLS), np.zeros(N_CELLS, dtype=np.int16)
    names, block = gene_names(N_GENES), CellBlock.empty(N_CELLS, rows.indptr[-1], np.uint16)
    block.genes[:] = block.counts[:] = 0
    start = time.process_time()
    write_store(path, joinid, label, rows, "train", names)
    writing.append(time.process_time() - start)
    start = time.process_time()
    with open_store(path) as shard:
        block.fill(shard, 0, 0)
    reading.append(time.process_time() - start)
    return path.stat().st_size


def row(name: str, size: int, writing: list[float], reading: list[float]) -> str:
    """One line of the table."""
    write, read = (1e6 * min(seconds) / N_CELLS for seconds in (writing, reading))
    return f"{name:44}{size / N_CELLS:8,.0f} bytes/cell{write:8.1f} µs written{read:8.1f} µs read"


if __name__ == "__main__":
    main()
