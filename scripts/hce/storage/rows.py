"""Raw counts of some cells, as they travel from the Census to the shards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

# counts from here on stand apart, so that the others fit one byte
LARGE = 255


@dataclass(frozen=True)
class Counts:
    """Counts in one byte each: nine in ten are below ten, and the few large ones stand apart.

    Attributes
    ----------
    small
        uint8; 255 stands for any count from 255 on.
    large_at
        int64, positions of those, ascending.
    large
        uint32, their counts.
    """

    small: NDArray[np.uint8]
    large_at: NDArray[np.int64]
    large: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.small)

    @staticmethod
    def of(counts: NDArray[np.uint32]) -> Counts:
        """Hold these counts."""
        large_at = np.flatnonzero(counts >= LARGE)
        return Counts(np.minimum(counts, LARGE).astype(np.uint8), large_at, counts[large_at])

    def part(self, start: int, end: int) -> Counts:
        """Return the counts from `start` to `end`."""
        first, last = np.searchsorted(self.large_at, [start, end])
        return Counts(
            self.small[start:end], self.large_at[first:last] - start, self.large[first:last]
        )

    def wide(self, dtype: DTypeLike = np.uint32) -> NDArray:
        """Return them as numbers of a type that holds them all."""
        counts = self.small.astype(dtype)
        counts[self.large_at] = self.large
        return counts


@dataclass(frozen=True)
class SparseRows:
    """Raw counts of some cells, genes ascending within each.

    Attributes
    ----------
    indptr
        int64 N + 1: cell i has the entries indptr[i] to indptr[i + 1].
    genes
        Position of the gene of each entry, uint16 as the ingest makes them.
    counts
        Their counts; an array where they are not from the ingest, fractions among them perhaps.
    """

    indptr: NDArray[np.int64]
    genes: NDArray[np.integer]
    counts: Counts | NDArray

    def __len__(self) -> int:
        return len(self.indptr) - 1
