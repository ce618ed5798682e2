"""Reading shards into training: sparse from the disk to the device, dense only a batch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from hce.batch_rows import Batch, BatchMaker, Block, Rows, cut
from hce.cell_blocks import CellBlock, Cells, CountTooLargeError
from hce.device_block import DeviceBlock
from hce.prefetch import prefetched
from hce.residency import choose_residency

# up to this many nonzeros a split on a CPU is normalized once and kept so: 32 MB, and no numba,
# whose import takes longer than an epoch of such a split
SMALL = 2**22
LoadedBlock = TypeVar("LoadedBlock", CellBlock, DeviceBlock)


@dataclass(frozen=True)
class Window:
    """Shards whose cells are in memory together, and the order in which the cells come.

    Attributes
    ----------
    shards
        Positions in the manifest.
    order
        int64, positions in the joined cells of these shards.
    """

    shards: Sequence[int]
    order: NDArray[np.int64]


class ShardReader:
    """Reads the shards of one split, normalized, checking each against the manifest.

    Parameters
    ----------
    manifest
        Path of the manifest.
    split
        train, val, test or ood.
    residency
        Where the cells are kept: one of `hce.residency.RESIDENCIES`. It is chosen when the first
        batch is asked for, and the batches do not depend on it.
    device
        Where the expression of the batches shall be.
    prefetch
        Batches that a thread makes ahead, while another one decodes the next window; 0 makes all
        in the caller. By default 2, but 0 on a CPU with one thread (see above).

    Raises
    ------
    FileNotFoundError
        If the manifest or a shard is missing.
    ValueError
        If the split is unknown or empty, or a shard was changed or cut short on disk.
    """

    def __init__(
        self,
        manifest: str | Path,
        split: str,
        residency: str = "auto",
        device: torch.device | str = "cpu",
        prefetch: int | None = None,
    ) -> None:
        self.manifest = Path(manifest)
        if not self.manifest.is_file():
            raise FileNotFoundError(f"{manifest}: no such shard manifest")
        content = json.loads(self.manifest.read_text())
        if split not in content["splits"]:
            raise ValueError(f"{manifest}: no split {split!r}, only {sorted(content['splits'])}")
        self.split, self.device = split, torch.device(device)
        self.n_genes: int = content["n_genes"]
        self.shards: list[dict] = content["splits"][split]
        self.n_cells = sum(shard["rows"] for shard in self.shards)
        self.nonzero = sum(shard["nonzero"] for shard in self.shards)
        if self.n_cells == 0:
            raise ValueError(f"{manifest}: split {split!r} has no cells")
        for shard in self.shards:
            self._check_size(shard)
        self._requested, self._resident = residency, None
        self._prefetch = prefetch
        self._whole: Block | None = None
        self._count_type: type[np.unsignedinteger] = np.uint16
        self._verified: set[int] = set()

    @property
    def residency(self) -> str:
        """Where the cells are kept: stream, host or device."""
        if self._resident is None:
            self._resident = choose_residency(
                self._requested, self.n_cells, self.nonzero, self.device
            )
        return self._resident

    def read(self, position: int) -> Cells:
        """Return the normalized cells of one shard (float32 csr, log1p of counts per 10,000)."""
        return self._block([position]).normalized(self.n_genes)

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Yield all cells in the order of the shards, the last batch of each possibly smaller."""
        windows = (
            Window([position], np.arange(shard["rows"]))
            for position, shard in enumerate(self.shards)
        )
        return self._batches(windows, batch_size, across_windows=False)

    def shuffled(
        self, batch_size: int, seed: int, epoch: int, window: int = 8, start: int = 0
    ) -> Iterator[Batch]:
        """Yield full batches in an order that depends on (seed, epoch) only.

        The shards come in random order, `window` at a time, and the cells of a window are shuffled
        together. Cells are already shuffled across shards, so a window is a fair sample.

        Parameters
        ----------
        batch_size
            Cells a batch; the last incomplete batch is dropped.
        seed, epoch
            Of the order.
        window
            Shards shuffled together; in residency stream, this many are in memory, and as many
            again while the next ones are decoded ahead.
        start
            Batches to skip, to go on in the middle of an epoch. Windows that lie before are not
            read.
        """
        windows = self._shuffled_windows(seed, epoch, window, start * batch_size)
        return self._batches(windows, batch_size, across_windows=True)

    def n_batches(self, batch_size: int) -> int:
        """How many full batches an epoch has."""
        return self.n_cells // batch_size

    def _shuffled_windows(self, seed: int, epoch: int, window: int, skip: int) -> Iterator[Window]:
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(len(self.shards))
        for first in range(0, len(order), window):
            chosen = order[first : first + window].tolist()
            n_cells = sum(self.shards[position]["rows"] for position in chosen)
            shuffle = rng.permutation(n_cells)
            if skip < n_cells:
                yield Window(chosen, shuffle[skip:])
            skip = max(skip - n_cells, 0)

    def _batches(
        self, windows: Iterator[Window], batch_size: int, across_windows: bool
    ) -> Iterator[Batch]:
        ahead = self._prefetch
        if ahead is None:
            ahead = 2 if self.device.type == "cuda" or torch.get_num_threads() > 1 else 0
        maker = BatchMaker(self.n_genes, self.device, in_flight=ahead + 2)

        def batches() -> Generator[Batch, None, None]:
            parts = prefetched(self._parts(windows), min(ahead, 1))
            if across_windows:
                groups = cut(parts, batch_size, drop_last=True)
            else:
                groups = (
                    group for part in parts for group in cut([part], batch_size, drop_last=False)
                )
            for group in groups:
                batch = maker.make(group)
                del group  # the window it was taken from can go
                yield batch
                del batch

        return prefetched(batches(), ahead)

    def _parts(self, windows: Iterator[Window]) -> Generator[Rows, None, None]:
        """The cells of each window, from the disk or from where all cells are kept."""
        if self.residency == "stream":
            for window in windows:
                yield Rows(self._loaded(window.shards), window.order)
            return
        everything = self._loaded(range(len(self.shards))) if self._whole is None else self._whole
        self._whole = everything
        starts = np.cumsum([0] + [shard["rows"] for shard in self.shards])
        for window in windows:
            where = [np.arange(starts[shard], starts[shard + 1]) for shard in window.shards]
            yield Rows(everything, np.concatenate(where)[window.order])

    def _loaded(self, positions: Sequence[int]) -> Block:
        """Decode shards into one block of the kind that this device and this split want."""
        if self.residency == "device":
            return self._with_count_type(self._device_block, positions)
        block = self._block(positions)
        small = self.device.type == "cpu" and self.nonzero <= SMALL
        return block.normalized(self.n_genes) if small else block

    def _block(self, positions: Sequence[int]) -> CellBlock:
        return self._with_count_type(self._host_block, positions)

    def _with_count_type(
        self, load: Callable[[Sequence[int]], LoadedBlock], positions: Sequence[int]
    ) -> LoadedBlock:
        try:
            return load(positions)
        except CountTooLargeError:  # so rare that decoding again does not matter
            self._count_type = np.uint32
            return load(positions)

    def _host_block(self, positions: Sequence[int]) -> CellBlock:
        rows, entries = self._starts(positions)
        block = CellBlock.empty(rows[-1], entries[-1], self._count_type)

        def fill(i: int) -> None:
            block.fill(self._open(positions[i]), rows[i], entries[i])

        n_threads = min(torch.get_num_threads(), len(positions))
        if n_threads > 1:
            with ThreadPoolExecutor(n_threads) as executor:
                list(executor.map(fill, range(len(positions))))
        else:
            for i in range(len(positions)):
                fill(i)
        return block

    def _device_block(self, positions: Sequence[int]) -> DeviceBlock:
        """Shard by shard, so that the host never holds more than one."""
        rows, entries = self._starts(positions)
        block = DeviceBlock(rows[-1], entries[-1], self._count_type, self.device)
        for i, position in enumerate(positions):
            block.fill(self._host_block([position]), rows[i], entries[i])
        return block

    def _starts(self, positions: Sequence[int]) -> tuple[list[int], list[int]]:
        """First row and first entry of each shard of a block, and the end."""
        rows = [self.shards[position]["rows"] for position in positions]
        entries = [self.shards[position]["nonzero"] for position in positions]
        return np.cumsum([0, *rows]).tolist(), np.cumsum([0, *entries]).tolist()

    def _open(self, position: int) -> pq.ParquetFile:
        shard = self.shards[position]
        path = self.manifest.parent / shard["path"]
        if position in self._verified:
            return pq.ParquetFile(path)
        content = path.read_bytes()  # once for the checksum and for decoding
        if hashlib.sha256(content).hexdigest() != shard["sha256"]:
            raise ValueError(
                f"{path}: its SHA-256 differs from {self.manifest}; the shard was changed on "
                "disk. Delete it and run snakemake again"
            )
        self._verified.add(position)
        return pq.ParquetFile(pa.BufferReader(content))

    def _check_size(self, shard: dict) -> None:
        path = self.manifest.parent / shard["path"]
        if not path.is_file():
            raise FileNotFoundError(f"{path}: listed in {self.manifest}, but missing")
        if path.stat().st_size != shard["bytes"]:
            raise ValueError(
                f"{path}: has {path.stat().st_size} bytes, {self.manifest} says {shard['bytes']}; "
                "the shard was cut short or changed. Delete it and run snakemake again"
            )
