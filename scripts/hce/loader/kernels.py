"""Compiled loops over the cells of a block. Importing numba takes 0.4 s: import this when needed.

Each works on the cells `first` to `last` of a batch and releases the GIL, so that threads can
divide a batch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hce.compiled import compiled

# log1p is computed once a cell for each count below this, the same bits as for each entry: counts
# are small integers, and few kinds of them make up nearly all entries
TABLE_SIZE = 64


@compiled()
def take_normalized(
    positions: NDArray[np.int64],
    indptr: NDArray[np.int64],
    genes: NDArray[np.uint16],
    counts: NDArray,
    target_sum: float,
    out_indptr: NDArray[np.int64],
    out_genes: NDArray[np.int32],
    out_values: NDArray[np.float32],
    first: int,
    last: int,
) -> None:
    """Copy cells out of a block, their counts scaled to `target_sum` and log1p taken."""
    table = np.empty(TABLE_SIZE, dtype=np.float32)
    for cell in range(first, last):
        start, end = indptr[positions[cell]], indptr[positions[cell] + 1]
        # slices, and one simple loop a step: the compiler vectorizes these
        cell_genes, cell_counts = genes[start:end], counts[start:end]
        to_genes = out_genes[out_indptr[cell] : out_indptr[cell + 1]]
        to_values = out_values[out_indptr[cell] : out_indptr[cell + 1]]
        total, largest, fractions = 0, 0, False
        for entry in range(len(cell_counts)):
            total += cell_counts[entry]
            largest = max(largest, int(cell_counts[entry]))
            # never where the counts are of a type of integers, and the compiler knows
            fractions |= cell_counts[entry] != np.int64(cell_counts[entry])
        factor = np.float32(target_sum / total) if total > 0 else np.float32(0)
        for count in range(min(largest + 1, TABLE_SIZE)):
            table[count] = np.log1p(np.float32(count) * factor)
        for entry in range(len(cell_genes)):
            to_genes[entry] = cell_genes[entry]
        for entry in range(len(cell_counts)):
            to_values[entry] = table[min(int(cell_counts[entry]), TABLE_SIZE - 1)]
        if largest >= TABLE_SIZE or fractions:
            for entry in range(len(cell_counts)):
                if cell_counts[entry] >= TABLE_SIZE or fractions:
                    to_values[entry] = np.log1p(np.float32(cell_counts[entry]) * factor)


@compiled()
def take_raw(
    positions: NDArray[np.int64],
    indptr: NDArray[np.int64],
    genes: NDArray[np.uint16],
    counts: NDArray,
    out_indptr: NDArray[np.int64],
    out_genes: NDArray[np.uint16],
    out_counts: NDArray,
    first: int,
    last: int,
) -> None:
    """Copy cells out of a block as they are."""
    for cell in range(first, last):
        start, end = indptr[positions[cell]], indptr[positions[cell] + 1]
        out_genes[out_indptr[cell] : out_indptr[cell + 1]] = genes[start:end]
        out_counts[out_indptr[cell] : out_indptr[cell + 1]] = counts[start:end]


@compiled()
def densify(
    indptr: NDArray[np.int64],
    genes: NDArray[np.int32],
    values: NDArray[np.float32],
    out: NDArray[np.float32],
    first: int,
    last: int,
) -> None:
    """Write rows of `out` (B x G); each is still in the cache when its entries are placed."""
    for cell in range(first, last):
        row = out[cell]
        row[:] = 0
        for entry in range(indptr[cell], indptr[cell + 1]):
            row[genes[entry]] = values[entry]
