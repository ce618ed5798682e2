"""Reading shards into training: sparse from the disk to the device, dense only a batch.

    shards -> block of raw counts -> rows of a batch -> normalized -> dense
              hce.storage.blocks     hce.loader.batches               hce.loader.expression

The block is a window of shards (residency stream) or the whole split, in the memory of the host or
of the device (`hce.loader.device`). Threads decode the next window and take the next batches while
a model works on this one (`hce.loader.prefetch`). What was tried and measured: docs/performance.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from hce.loader.batches import Batch, BatchMaker, Block, Rows, cut
from hce.loader.device import DeviceBlock, choose_places
from hce.loader.prefetch import prefetched
from hce.storage.files import ShardFiles
from hce.storage.residency import divide


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


class ShardReader(ShardFiles):
    """Reads the shards of one split into normalized batches.

    Parameters
    ----------
    manifest
        Path of the manifest.
    split
        train, val, test or ood.
    residency
        Where the cells are kept: one of `hce.storage.residency.RESIDENCIES`. auto sets no limit to
        the memory of the host; `open_splits` does. The batches do not depend on it.
    device
        Where the expression of the batches shall be.
    prefetch
        Batches that a thread makes ahead, while another one decodes the next window; 0 makes all
        in the caller. By default 2, but 0 on a CPU with one thread, where there is nothing to
        overlap with.

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
        super().__init__(manifest, split)
        self.device = torch.device(device)
        size = [self.size(1)]
        (self.kept,) = divide(size, choose_places(residency, size, self.device), math.inf)
        self._prefetch = prefetch
        self._whole: Block | None = None

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
            again where the next ones are decoded ahead.
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
            parts = prefetched(self._parts(windows), min(ahead, self.kept.ahead))
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

    def _parts(self, windows: Iterator[Window]) -> Generator[Rows[Block], None, None]:
        """The cells of each window, from the disk or from where all cells are kept."""
        if self.kept.residency == "stream":
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
        if self.kept.residency == "device":
            return self._device_block(positions)
        block = self.block(positions, torch.get_num_threads())
        # normalized once and kept so: 32 MB at most
        small = self.small and self.device.type == "cpu"
        return block.normalized(self.n_genes) if small else block

    def _device_block(self, positions: Sequence[int]) -> DeviceBlock:
        """Shard by shard, so that the host never holds more than one."""
        rows, entries = self.starts(positions)
        block = DeviceBlock(rows[-1], entries[-1], self.count_type, self.device, self.gene_type)
        for i, position in enumerate(positions):
            block.fill(self.block([position]), rows[i], entries[i])
        return block


def open_splits(
    manifest: str | Path,
    windows: Mapping[str, int],
    residency: str,
    device: torch.device,
    memory: float,
    beside: Callable[[int], int],
) -> list[ShardReader]:
    """Open the splits that one training reads, with the memory of the host divided among them.

    Parameters
    ----------
    manifest, residency, device
        As of `ShardReader`.
    windows
        Splits, the most important first, and how many shards of each are read at one time.
    memory
        Bytes of the host that the training may take.
    beside
        Number of genes -> bytes of them that its cells cannot have.

    Raises
    ------
    FileNotFoundError, ValueError
        As `ShardReader`, and if the memory is too small.
    """
    readers = [ShardReader(manifest, split, "stream", device) for split in windows]
    sizes = [reader.size(window) for reader, window in zip(readers, windows.values(), strict=True)]
    kept = divide(
        sizes, choose_places(residency, sizes, device), memory, beside(readers[0].n_genes)
    )
    for reader, way in zip(readers, kept, strict=True):
        reader.kept = way
    return readers
