"""The shards of one split: opened, checked against the manifest and decoded. Needs no torch.

A large split is decoded by `hce.storage.decoding` as far as our own writer wrote it; a small one,
and any other Parquet file of the same columns, by Arrow.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hce.storage.blocks import CellBlock, Cells, CountTooLargeError

Loaded = TypeVar("Loaded")
# up to this many nonzeros a split does without numba, whose import takes longer than an epoch of it
SMALL = 2**22


class ShardFiles:
    """The shards of one split, each checked against the manifest when it is first read.

    Parameters
    ----------
    manifest
        Path of the manifest.
    split
        train, val, test or ood.

    Raises
    ------
    FileNotFoundError
        If the manifest or a shard is missing.
    ValueError
        If the split is unknown or empty, or a shard was changed or cut short on disk.
    """

    def __init__(self, manifest: str | Path, split: str) -> None:
        self.manifest = Path(manifest)
        if not self.manifest.is_file():
            raise FileNotFoundError(f"{manifest}: no such shard manifest")
        content = json.loads(self.manifest.read_text())
        if split not in content["splits"]:
            raise ValueError(f"{manifest}: no split {split!r}, only {sorted(content['splits'])}")
        self.split = split
        self.n_genes: int = content["n_genes"]
        self.shards: list[dict] = content["splits"][split]
        self.n_cells = sum(shard["rows"] for shard in self.shards)
        self.nonzero = sum(shard["nonzero"] for shard in self.shards)
        if self.n_cells == 0:
            raise ValueError(f"{manifest}: split {split!r} has no cells")
        self.small = self.nonzero <= SMALL
        for shard in self.shards:
            self._check_size(shard)
        self.count_type: type[np.unsignedinteger] = np.uint16
        self._verified: set[int] = set()

    def read(self, position: int) -> Cells:
        """Return the normalized cells of one shard (float32 csr, log1p of counts per 10,000)."""
        return self.block([position]).normalized(self.n_genes)

    def block(self, positions: Sequence[int], n_threads: int = 1) -> CellBlock:
        """Return the cells of some shards, in order, with raw counts; threads divide the shards."""
        return self.with_count_type(lambda: self._decoded(positions, n_threads))

    def with_count_type(self, load: Callable[[], Loaded]) -> Loaded:
        """Load cells, once more with `count_type` 32 bits wide if 16 are not enough."""
        try:
            return load()
        except CountTooLargeError:  # so rare that decoding again does not matter
            self.count_type = np.uint32
            return load()

    def starts(self, positions: Sequence[int]) -> tuple[list[int], list[int]]:
        """Return the first row and first entry of each shard in a block of them, and the end."""
        rows = [self.shards[position]["rows"] for position in positions]
        entries = [self.shards[position]["nonzero"] for position in positions]
        return np.cumsum([0, *rows]).tolist(), np.cumsum([0, *entries]).tolist()

    def _decoded(self, positions: Sequence[int], n_threads: int) -> CellBlock:
        rows, entries = self.starts(positions)
        block = CellBlock.empty(rows[-1], entries[-1], self.count_type)

        def fill(i: int) -> None:
            end = self._fill(block, positions[i], rows[i], entries[i])
            if end != (rows[i + 1], entries[i + 1]):
                raise ValueError(
                    f"{self._path(positions[i])}: has other numbers of cells and nonzero counts "
                    f"than {self.manifest} says. Delete it and run snakemake again"
                )

        if min(n_threads, len(positions)) > 1:
            with ThreadPoolExecutor(n_threads) as executor:
                list(executor.map(fill, range(len(positions))))
        else:
            for i in range(len(positions)):
                fill(i)
        return block

    def _fill(self, block: CellBlock, position: int, row: int, entry: int) -> tuple[int, int]:
        with self._open(position) as source:
            try:
                file = pq.ParquetFile(source)
                if not self.small:
                    from hce.storage.decoding import decode_shard, is_ours

                    if is_ours(file.metadata):
                        return decode_shard(source, file.metadata, block, row, entry)
                return block.fill(file, row, entry)
            except (ValueError, OSError, pa.ArrowException) as error:
                if getattr(error, "errno", None):
                    raise  # the disk failed, and the shard may be whole
                raise ValueError(
                    f"{self._path(position)}: cannot be decoded ({error}). "
                    "Delete it and run snakemake again"
                ) from error

    def _path(self, position: int) -> Path:
        return self.manifest.parent / self.shards[position]["path"]

    def _open(self, position: int) -> pa.NativeFile:
        path = self._path(position)
        if position in self._verified:
            return pa.OSFile(str(path))
        content = path.read_bytes()  # once for the checksum and for decoding
        if hashlib.sha256(content).hexdigest() != self.shards[position]["sha256"]:
            raise ValueError(
                f"{path}: its SHA-256 differs from {self.manifest}; the shard was changed on "
                "disk. Delete it and run snakemake again"
            )
        self._verified.add(position)
        return pa.BufferReader(content)

    def _check_size(self, shard: dict) -> None:
        path = self.manifest.parent / shard["path"]
        if not path.is_file():
            raise FileNotFoundError(f"{path}: listed in {self.manifest}, but missing")
        if path.stat().st_size != shard["bytes"]:
            raise ValueError(
                f"{path}: has {path.stat().st_size} bytes, {self.manifest} says {shard['bytes']}; "
                "the shard was cut short or changed. Delete it and run snakemake again"
            )
