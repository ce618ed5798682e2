"""Where the cells of the splits are kept between epochs, by the memory that a training is given.

The order of the cells, and with it the model, is that of training.shuffle_window whatever the
memory. What follows from the memory is whether a split stays in it, and else whether the next
window of shards is decoded while a model works on this one. Needs no torch: `plan` asks, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

RESIDENCIES = ("auto", "stream", "host", "device")
# gene and count of an entry, 16 bits each nearly always; identity, label and offset of a cell
BYTES_A_NONZERO, BYTES_A_CELL = 4, 18
MB = 10**6
# A process with torch and the code, and what a step makes of a dense batch, as a multiple of it
# (measured: docs/performance.md); or, where the GPU makes that, a process with CUDA.
PROCESS, STEP, CUDA_PROCESS = 500 * MB, 7, 3000 * MB


@dataclass(frozen=True)
class Size:
    """Bytes of a split in memory.

    Attributes
    ----------
    whole
        All its cells.
    window
        The largest part that is in memory together when the split is read from the disk.
    shard
        The largest shard.
    """

    whole: int
    window: int
    shard: int

    @staticmethod
    def of(
        rows: Sequence[int],
        nonzero: Sequence[int],
        window: int,
        bytes_a_nonzero: int = BYTES_A_NONZERO,
    ) -> Size:
        """Of shards with so many cells and nonzero counts, so many of which are one window."""
        shards = [
            BYTES_A_CELL * n_cells + bytes_a_nonzero * entries
            for n_cells, entries in zip(rows, nonzero, strict=True)
        ]
        return Size(sum(shards), sum(sorted(shards)[-window:]), max(shards))


@dataclass(frozen=True)
class Kept:
    """Where a split is kept: stream, host or device.

    Attributes
    ----------
    residency
        stream reads the disk in every epoch.
    ahead
        Windows that are decoded ahead where it streams: 1, or 0 to have one in memory at a time.
    taken
        Bytes of the host's memory.
    """

    residency: str
    ahead: int
    taken: int

    def __str__(self) -> str:
        how = ""
        if self.residency == "stream":
            how = ", the next window decoded ahead" if self.ahead else ", one window at a time"
        return f"{self.residency}{how} ({self.taken / MB:,.0f} MB)"


def overhead(n_genes: int, batch_size: int, n_vectors: int, gpu: bool) -> int:
    """Bytes of a training beside its cells.

    Parameters
    ----------
    n_genes, batch_size
        G and B.
    n_vectors
        Augmentation vectors, 0 without.
    gpu
        Whether the steps are made on one.
    """
    process = CUDA_PROCESS if gpu else PROCESS + STEP * 4 * n_genes * batch_size
    return process + 4 * n_genes * n_vectors


def divide(
    sizes: Sequence[Size], wanted: Sequence[str], memory: float, beside: int = 0
) -> list[Kept]:
    """Divide memory among splits, of which those after the first stream if they must.

    Parameters
    ----------
    sizes
        Of the training cells, then of the validation cells.
    wanted
        One of `RESIDENCIES` for each; auto is host where there is room, else stream.
    memory
        Bytes that the training may take.
    beside
        Bytes of them that its cells cannot have (`overhead`).

    Raises
    ------
    ValueError
        If there is no room for a window of each, or for a split that shall stay in memory. The
        message says how much would do.
    """
    kept: list[Kept] = []
    for i, (size, residency) in enumerate(zip(sizes, wanted, strict=True)):
        # the least that the others take
        others = sum(one.taken for one in kept)
        for one, place in zip(sizes[i + 1 :], wanted[i + 1 :], strict=True):
            others += {"host": one.whole, "device": one.shard}.get(place, one.window)
        room = memory - beside - others
        ways = {
            "device": [Kept("device", 1, size.shard)],  # copied shard by shard
            "host": [Kept("host", 1, size.whole)],
            "stream": [Kept("stream", ahead, (1 + ahead) * size.window) for ahead in (1, 0)],
        }
        ways["auto"] = ways["host"] + ways["stream"]
        fitting = [way for way in ways[residency] if way.taken <= room]
        if not fitting:
            raise ValueError(_too_little(ways[residency][-1], memory, beside + others, residency))
        kept.append(fitting[0])
    return kept


def _too_little(smallest: Kept, memory: float, others: int, residency: str) -> str:
    needed = -(-(smallest.taken + others) // MB)
    what, remedy = "the smallest window of shards", "lower training.shuffle_window (other models)"
    if residency == "host":
        what, remedy = "training.residency host", "set training.residency to auto"
    return (
        f"resources.train_memory: {memory / MB:,.0f} MB are too little for a training: {what} "
        f"takes {smallest.taken / MB:,.0f} MB, all else {others / MB:,.0f} MB. "
        f"Set it to {needed} or more, or {remedy}"
    )
