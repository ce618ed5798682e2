"""The shards of one split: opened, checked against the manifest and decoded. Needs no torch."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from hce.files import checked, sha256
from hce.storage.blocks import CellBlock, Cells, widest
from hce.storage.residency import Size
from hce.storage.store import open_store, position_type, read_gene_names

# up to this many nonzeros a split does without numba, whose import takes longer than an epoch of it
SMALL = 2**22
# what zip files, zarr and its codecs raise for bytes that they did not write
DAMAGED = (ValueError, KeyError, TypeError, RuntimeError, OSError, EOFError, zipfile.BadZipFile)


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
        content = json.loads(checked(self.manifest).read_text())
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
        self.count_type = widest(*(shard.get("counts", "uint16") for shard in self.shards))
        self.gene_type = position_type(self.n_genes)
        self._verified: set[int] = set()

    def size(self, window: int) -> Size:
        """Return how much memory the cells take, read from the disk so many shards at a time."""
        rows, nonzero = ([shard[name] for shard in self.shards] for name in ("rows", "nonzero"))
        bytes_a_nonzero = self.gene_type.itemsize + self.count_type.itemsize
        return Size.of(rows, nonzero, window, bytes_a_nonzero)

    def read(self, position: int) -> Cells:
        """Return the normalized cells of one shard (float32 csr, log1p of counts per 10,000)."""
        return self.block([position]).normalized(self.n_genes)

    def block(self, positions: Sequence[int], n_threads: int = 1) -> CellBlock:
        """Return the cells of some shards, in order, with raw counts; threads divide the shards."""
        rows, entries = self.starts(positions)
        block = CellBlock.empty(rows[-1], entries[-1], self.count_type, self.gene_type)

        def fill(i: int) -> None:
            end = self._fill(block, positions[i], rows[i], entries[i])
            if end != (rows[i + 1], entries[i + 1]):
                raise ValueError(
                    f"{self._path(positions[i])}: has other numbers of cells and nonzero counts "
                    f"than {self.manifest} says. Delete it and run snakemake again"
                )

        # in threads of their own, be it one: that of the caller may run an event loop
        with ThreadPoolExecutor(n_threads) as executor:
            list(executor.map(fill, range(len(positions))))
        return block

    def gene_names(self) -> tuple[list[str], list[str]]:
        """Return the ids and the symbols of the G genes, in order."""
        self._verify(0)
        return read_gene_names(self._path(0))

    def starts(self, positions: Sequence[int]) -> tuple[list[int], list[int]]:
        """Return the first row and first entry of each shard in a block of them, and the end."""
        rows = [self.shards[position]["rows"] for position in positions]
        entries = [self.shards[position]["nonzero"] for position in positions]
        return np.cumsum([0, *rows]).tolist(), np.cumsum([0, *entries]).tolist()

    def _fill(self, block: CellBlock, position: int, row: int, entry: int) -> tuple[int, int]:
        path = self._path(position)
        self._verify(position)
        try:
            with open_store(path) as shard:
                return block.fill(shard, row, entry)
        except DAMAGED as error:
            if getattr(error, "errno", None):
                raise  # the disk failed, and the shard may be whole
            raise ValueError(
                f"{path}: cannot be decoded ({error}). Delete it and run snakemake again"
            ) from error

    def _path(self, position: int) -> Path:
        return self.manifest.parent / self.shards[position]["path"]

    def _verify(self, position: int) -> None:
        """Compare a shard with its checksum, the first time that it is read."""
        path = self._path(position)
        if position not in self._verified and sha256(path) != self.shards[position]["sha256"]:
            raise ValueError(
                f"{path}: its SHA-256 differs from {self.manifest}; the shard was changed on "
                "disk. Delete it and run snakemake again"
            )
        self._verified.add(position)

    def _check_size(self, shard: dict) -> None:
        path = self.manifest.parent / shard["path"]
        if not path.is_file():
            raise FileNotFoundError(f"{path}: listed in {self.manifest}, but missing")
        if path.stat().st_size != shard["bytes"]:
            raise ValueError(
                f"{path}: has {path.stat().st_size} bytes, {self.manifest} says {shard['bytes']}; "
                "the shard was cut short or changed. Delete it and run snakemake again"
            )
