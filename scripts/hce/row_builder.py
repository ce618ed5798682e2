"""Compiled loops that turn the entries of the Census's X into sparse rows of counts.

Every count passes through here once, so these loops decide how fast the ingest is. They hold 16-bit
gene positions and 32-bit counts: 6 bytes a nonzero, where scipy's coordinate format holds 20.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from hce.sparse_rows import SparseRows

MAX_GENES = 2**16


class Buffers:
    """Room for the entries of one read, kept from read to read: fresh memory costs as much."""

    def __init__(self) -> None:
        self.rows = np.empty(0, dtype=np.int32)
        self.genes = np.empty(0, dtype=np.uint16)
        self.counts = np.empty(0, dtype=np.uint32)

    def reserve(self, n_entries: int, used: int) -> None:
        """Make room for `n_entries`, keeping the first `used`."""
        if n_entries <= len(self.rows):
            return
        n_entries = max(n_entries, 2 * len(self.rows))
        for name in ("rows", "genes", "counts"):
            old = getattr(self, name)
            grown = np.empty(n_entries, dtype=old.dtype)
            grown[:used] = old[:used]
            setattr(self, name, grown)


class RowBuilder:
    """Builds sparse rows from coordinate entries that come in any order.

    Parameters
    ----------
    first
        Matrix row that `row_of` begins with.
    row_of
        int32, for each matrix row from `first` on: which row of the result it is, -1 for none.
    gene_of
        int32, for each matrix column: the gene position, -1 for none.
    n_rows
        Rows of the result.
    buffers
        Those of an earlier builder that is done, to use again.

    Raises
    ------
    ValueError
        If there are more than 65,536 genes.
    """

    def __init__(
        self,
        first: int,
        row_of: NDArray[np.int32],
        gene_of: NDArray[np.int32],
        n_rows: int,
        buffers: Buffers | None = None,
    ) -> None:
        n_genes = int(gene_of.max(initial=-1)) + 1
        if n_genes > MAX_GENES:
            raise ValueError(f"{n_genes} genes do not fit the 16-bit gene positions of a shard")
        self.first, self.row_of, self.gene_of = first, row_of, gene_of
        self.sizes = np.zeros(n_rows, dtype=np.int64)
        self.buffers = buffers or Buffers()
        self.used = 0

    def add(
        self, row: NDArray[np.int64], column: NDArray[np.int64], value: NDArray[np.float32]
    ) -> None:
        """Take in entries of the matrix.

        Raises
        ------
        ValueError
            If a wanted value is negative, not an integer or not below 2^32, or a column has no
            gene.
        """
        if column.size and column.max() >= len(self.gene_of):
            raise ValueError(
                f"an entry lies in column {column.max()}, but var lists {len(self.gene_of)} genes"
            )
        self.buffers.reserve(self.used + len(row), self.used)
        kept = self.buffers
        used, valid = _narrow(
            row,
            column,
            value,
            self.first,
            self.row_of,
            self.gene_of,
            kept.rows,
            kept.genes,
            kept.counts,
            self.sizes,
            self.used,
        )
        if not valid:
            self._refuse(row, column, value)
        self.used = used

    def build(self) -> SparseRows:
        """Return the rows, genes ascending."""
        indptr = np.zeros(len(self.sizes) + 1, dtype=np.int64)
        np.cumsum(self.sizes, out=indptr[1:])
        genes = np.empty(self.used, dtype=np.uint16)
        counts = np.empty(self.used, dtype=np.uint32)
        kept, used = self.buffers, self.used
        _scatter(
            kept.rows[:used],
            kept.genes[:used],
            kept.counts[:used],
            indptr[:-1].copy(),
            genes,
            counts,
        )
        return sort_genes(SparseRows(indptr, genes, counts))

    def _refuse(
        self, row: NDArray[np.int64], column: NDArray[np.int64], value: NDArray[np.float32]
    ) -> None:
        wanted = (self.row_of[row - self.first] >= 0) & (self.gene_of[column] >= 0)
        is_count = (value >= 0) & (value < 2**32) & (value == np.floor(value))
        wrong = np.flatnonzero(wanted & ~is_count)[0]
        raise ValueError(
            f"raw count {value[wrong]} in cell {row[wrong]} is not a non-negative integer; "
            "this layer does not hold raw counts"
        )


def sort_genes(rows: SparseRows) -> SparseRows:
    """Return the same cells, genes ascending within each; as they are if they already are."""
    if _genes_ascend(rows.indptr, rows.genes):
        return rows
    row = np.repeat(np.arange(len(rows), dtype=np.uint64), np.diff(rows.indptr))
    # a sort by (row, gene) as one integer is faster than many small sorts
    order = np.argsort((row << np.uint64(16)) | rows.genes, kind="stable")
    return SparseRows(rows.indptr, rows.genes[order], rows.counts[order])


@numba.njit(cache=True, nogil=True)
def _narrow(row, column, value, first, row_of, gene_of, rows, genes, counts, sizes, used):
    # the store returns runs of one row, so what belongs to a row is looked up once a run
    valid = True
    i, n = 0, len(row)
    while i < n:
        this = row[i]
        to_row = row_of[this - first]
        before = used
        while i < n and row[i] == this:
            if to_row >= 0:
                gene, count = gene_of[column[i]], value[i]
                # written always and kept only if wanted: a branch here would be mispredicted
                rows[used], genes[used], counts[used] = to_row, gene, np.uint32(count)
                # compared before the conversion, which has no defined result out of range
                is_count = (count >= 0) & (count < 4294967296.0) & (np.floor(count) == count)
                valid &= (gene < 0) | is_count
                used += (gene >= 0) & (count > 0)
            i += 1
        if to_row >= 0:
            sizes[to_row] += used - before
    return used, valid


@numba.njit(cache=True, nogil=True)
def _scatter(rows, part_genes, part_counts, position, genes, counts):
    i, n = 0, len(rows)
    while i < n:
        row = rows[i]
        at = position[row]
        while i < n and rows[i] == row:
            genes[at] = part_genes[i]
            counts[at] = part_counts[i]
            at += 1
            i += 1
        position[row] = at


@numba.njit(cache=True, nogil=True)
def _genes_ascend(indptr, genes):
    for i in range(len(indptr) - 1):
        for at in range(indptr[i] + 1, indptr[i + 1]):
            if genes[at] <= genes[at - 1]:
                return False
    return True
