"""Compiled loops that turn the entries of the Census's X into sparse rows of counts.

Every count passes through here once, so these loops decide how fast the ingest is. They hold 16-bit
gene positions and one byte a count: 3 bytes a nonzero, where scipy's coordinate format holds 20.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from hce.memory import Scratch
from hce.storage.rows import LARGE, Counts, SparseRows

MAX_GENES = 2**16


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
    scratch
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
        scratch: Scratch | None = None,
    ) -> None:
        n_genes = int(gene_of.max(initial=-1)) + 1
        if n_genes > MAX_GENES:
            raise ValueError(f"{n_genes} genes do not fit the 16-bit gene positions of a shard")
        self.first, self.row_of, self.gene_of = first, row_of, gene_of
        self.sizes = np.zeros(n_rows, dtype=np.int64)
        self.scratch = scratch or Scratch()
        # how many of each the scratch memory holds
        self.entries = self.runs = self.n_large = 0

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
        self.entries, self.runs, self.n_large, valid = _narrow(
            row,
            column,
            value,
            self.first,
            self.row_of,
            self.gene_of,
            self._room(len(row)),
            self.sizes,
            self.entries,
            self.runs,
            self.n_large,
        )
        if not valid:
            self._refuse(row, column, value)

    def build(self) -> SparseRows:
        """Return the rows, genes ascending, in arrays that the next builder uses again."""
        indptr = np.zeros(len(self.sizes) + 1, dtype=np.int64)
        np.cumsum(self.sizes, out=indptr[1:])
        genes, counts, run_rows, run_starts, large_at, large = self._room(0)
        run_rows, run_starts = run_rows[: self.runs], run_starts[: self.runs]
        run_to = self.scratch.reserve("run_to", np.int64, self.runs)[: self.runs]
        to_genes = self.scratch.reserve("to_genes", np.uint16, self.entries)[: self.entries]
        to_counts = self.scratch.reserve("to_counts", np.uint8, self.entries)[: self.entries]
        position, end = indptr[:-1].copy(), self.entries
        _scatter(run_rows, run_starts, end, genes, counts, position, run_to, to_genes, to_counts)
        large_at, large = large_at[: self.n_large], large[: self.n_large]
        run = np.searchsorted(run_starts, large_at, side="right") - 1
        large_at = run_to[run] + large_at - run_starts[run]
        order = np.argsort(large_at)
        rows = SparseRows(indptr, to_genes, Counts(to_counts, large_at[order], large[order]))
        return sort_genes(rows)

    def _room(self, n_new: int) -> tuple[NDArray, ...]:
        """Genes and counts, runs (row, first entry) and large counts (entry, count)."""
        entries, runs, large = (n_new + n for n in (self.entries, self.runs, self.n_large))
        return (
            self.scratch.reserve("genes", np.uint16, entries, self.entries),
            self.scratch.reserve("counts", np.uint8, entries, self.entries),
            self.scratch.reserve("run_rows", np.int32, runs, self.runs),
            self.scratch.reserve("run_starts", np.int64, runs, self.runs),
            self.scratch.reserve("large_at", np.int64, large, self.n_large),
            self.scratch.reserve("large", np.uint32, large, self.n_large),
        )

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
    counts = Counts.of(rows.counts.wide()[order])
    return SparseRows(rows.indptr, rows.genes[order], counts)


@numba.njit(cache=True, nogil=True)
def _narrow(row, column, value, first, row_of, gene_of, kept, sizes, entries, runs, n_large):
    # the store returns runs of one row, so what belongs to a row is looked up once a run
    genes, counts, run_rows, run_starts, large_at, large = kept
    valid = True
    i, n = 0, len(row)
    while i < n:
        this = row[i]
        to_row = row_of[this - first]
        if to_row < 0:
            while i < n and row[i] == this:
                i += 1
            continue
        start = entries
        while i < n and row[i] == this:
            gene, count = gene_of[column[i]], value[i]
            # written always and kept only if wanted: a branch here would be mispredicted
            wanted = (gene >= 0) & (count > 0)
            genes[entries], counts[entries] = gene, np.uint8(min(max(count, 0.0), LARGE))
            if count >= LARGE and gene >= 0:  # rare, so predicted
                large_at[n_large], large[n_large] = entries, np.uint32(count)
                n_large += 1
            # compared before the conversion, which has no defined result out of range
            is_count = (count >= 0) & (count < 4294967296.0) & (np.floor(count) == count)
            valid &= (gene < 0) | is_count
            entries += wanted
            i += 1
        if entries > start:
            run_rows[runs], run_starts[runs] = to_row, start
            sizes[to_row] += entries - start
            runs += 1
    return entries, runs, n_large, valid


@numba.njit(cache=True, nogil=True)
def _scatter(run_rows, run_starts, n_entries, genes, counts, position, run_to, to_genes, to_counts):
    for run in range(len(run_rows)):
        start = run_starts[run]
        end = run_starts[run + 1] if run + 1 < len(run_rows) else n_entries
        at = position[run_rows[run]]
        for i in range(end - start):
            to_genes[at + i] = genes[start + i]
            to_counts[at + i] = counts[start + i]
        run_to[run] = at
        position[run_rows[run]] = at + end - start


@numba.njit(cache=True, nogil=True)
def _genes_ascend(indptr, genes):
    for i in range(len(indptr) - 1):
        for at in range(indptr[i] + 1, indptr[i + 1]):
            if genes[at] <= genes[at - 1]:
                return False
    return True
