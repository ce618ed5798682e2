"""Raw counts of some cells, as they travel from the Census to the shards."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import DTypeLike, NDArray

# counts from here on stand apart, as do fractions, so that the others fit one byte
LARGE = 255


def _none() -> NDArray[np.int64]:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Counts:
    """Counts in one byte each: nine in ten are below ten, and those that do not fit stand apart.

    Attributes
    ----------
    small
        uint8; 255 stands for a count from 255 on, and for one that is no integer.
    large_at
        int64, positions of those, ascending.
    large
        float64, their counts: exact for any float32, integer below 2^53 and sum of a few.
    """

    small: NDArray[np.uint8]
    large_at: NDArray[np.int64]
    large: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.small)

    @staticmethod
    def of(counts: NDArray) -> Counts:
        """Hold these counts, of any numeric type."""
        small = np.minimum(counts, LARGE).astype(np.uint8)
        large_at = np.flatnonzero((counts >= LARGE) | (small != counts))
        small[large_at] = LARGE
        return Counts(small, large_at, counts[large_at].astype(np.float64))

    def part(self, start: int, end: int) -> Counts:
        """Return the counts from `start` to `end`."""
        first, last = np.searchsorted(self.large_at, [start, end])
        return Counts(
            self.small[start:end], self.large_at[first:last] - start, self.large[first:last]
        )

    def take(self, positions: NDArray[np.int64]) -> Counts:
        """Return the counts at these positions, in that order."""
        small = self.small[positions]
        large_at = np.flatnonzero(small == LARGE)
        large = self.large[np.searchsorted(self.large_at, positions[large_at])]
        return Counts(small, large_at, large)

    def wide(self, dtype: DTypeLike = np.float64) -> NDArray:
        """Return them as numbers of a type that holds them all (`count_type`)."""
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
        Their counts; an array where they are not from the ingest.
    summed
        int64, ascending: the cell of each entry that was added to another of the same gene.
    """

    indptr: NDArray[np.int64]
    genes: NDArray[np.integer]
    counts: Counts | NDArray
    summed: NDArray[np.int64] = field(default_factory=_none)

    def __len__(self) -> int:
        return len(self.indptr) - 1
