"""Streaming raw counts out of a Census release, a few TileDB tiles at a time.

Every count passes through the compiled loops of `RowBuilder`, which turn the entries of the
Census's X into sparse rows, so they decide how fast the ingest is. They hold 16-bit gene positions
and one byte a count: 3 bytes a nonzero, where scipy's coordinate format holds 20. Two entries of
one cell and gene are added up, and a count may be a fraction: `hce.ingest.irregular` says both.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hce.census.reading import Release
from hce.compiled import compiled
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
            If a wanted value is negative, not finite or not below 2^32, or a column has no gene.
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
        """Return the rows, each gene once and ascending, in arrays that the next builder reuses."""
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
            self.scratch.reserve("large", np.float64, large, self.n_large),
        )

    def _refuse(
        self, row: NDArray[np.int64], column: NDArray[np.int64], value: NDArray[np.float32]
    ) -> None:
        wanted = (self.row_of[row - self.first] >= 0) & (self.gene_of[column] >= 0)
        is_count = (value >= 0) & (value < 2**32)
        wrong = np.flatnonzero(wanted & ~is_count)[0]
        raise ValueError(
            f"raw count {value[wrong]} in cell {row[wrong]} is no count: negative, infinite or "
            "not below 2^32; this layer does not hold raw counts"
        )


def sort_genes(rows: SparseRows) -> SparseRows:
    """Return the same cells, genes ascending within each; as they are if they already are.

    Where a gene is there twice its entries are added up, as scipy's `sum_duplicates` does.
    """
    if _genes_ascend(rows.indptr, rows.genes):
        return rows
    row = np.repeat(np.arange(len(rows), dtype=np.uint64), np.diff(rows.indptr))
    # a sort by (row, gene) as one integer is faster than many small sorts
    order = np.argsort((row << np.uint64(16)) | rows.genes, kind="stable")
    assert isinstance(rows.counts, Counts)  # as all that RowBuilder makes
    genes, counts = rows.genes[order], rows.counts.take(order)
    again = np.flatnonzero(genes[1:] == genes[:-1]) + 1
    again = again[~np.isin(again, rows.indptr)]  # the last gene of a cell and the first of the next
    if not len(again):
        return SparseRows(rows.indptr, genes, counts)
    first = np.delete(np.arange(len(genes)), again)
    summed = np.searchsorted(rows.indptr, again, side="right") - 1
    lost = np.cumsum(np.bincount(summed, minlength=len(rows)))
    indptr = rows.indptr - np.concatenate([[0], lost])
    sums = np.add.reduceat(counts.wide(), first)  # float64, which no sum overflows
    return SparseRows(indptr, genes[first], Counts.of(sums), summed)


@compiled()
def _narrow(
    row: NDArray[np.int64],
    column: NDArray[np.int64],
    value: NDArray[np.float32],
    first: int,
    row_of: NDArray[np.int32],
    gene_of: NDArray[np.int32],
    kept: tuple[NDArray, ...],
    sizes: NDArray[np.int64],
    entries: int,
    runs: int,
    n_large: int,
) -> tuple[int, int, int, bool]:
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
            small = np.uint8(min(max(count, 0.0), LARGE))
            genes[entries], counts[entries] = gene, small
            if ((small == LARGE) | (small != count)) & (gene >= 0):  # rare, so predicted
                valid &= (count >= 0) & (count < 4294967296.0)
                counts[entries] = LARGE
                large_at[n_large], large[n_large] = entries, count
                n_large += 1
            entries += wanted
            i += 1
        if entries > start:
            run_rows[runs], run_starts[runs] = to_row, start
            sizes[to_row] += entries - start
            runs += 1
    return entries, runs, n_large, valid


@compiled()
def _scatter(
    run_rows: NDArray[np.int32],
    run_starts: NDArray[np.int64],
    n_entries: int,
    genes: NDArray[np.uint16],
    counts: NDArray[np.uint8],
    position: NDArray[np.int64],
    run_to: NDArray[np.int64],
    to_genes: NDArray[np.uint16],
    to_counts: NDArray[np.uint8],
) -> None:
    for run in range(len(run_rows)):
        start = run_starts[run]
        end = run_starts[run + 1] if run + 1 < len(run_rows) else n_entries
        at = position[run_rows[run]]
        for i in range(end - start):
            to_genes[at + i] = genes[start + i]
            to_counts[at + i] = counts[start + i]
        run_to[run] = at
        position[run_rows[run]] = at + end - start


@compiled()
def _genes_ascend(indptr: NDArray[np.int64], genes: NDArray[np.integer]) -> bool:
    for i in range(len(indptr) - 1):
        for at in range(indptr[i] + 1, indptr[i + 1]):
            if genes[at] <= genes[at - 1]:
                return False
    return True


# rows of X in one TileDB tile (Census builder): reads that start on it fetch no tile twice
TILE_ROWS = 2048
# rows of one read: fewer cost more calls, more leave the processor's cache
BLOCK_ROWS = 4 * TILE_ROWS
COORDINATES = ("soma_dim_0", "soma_dim_1", "soma_data")


def scatter_ranges(soma_joinids: NDArray[np.int64], n_ranges: int) -> list[tuple[int, int]]:
    """Cut the selected cells into ranges of soma_joinid with about equally many cells each.

    Parameters
    ----------
    soma_joinids
        int64, ascending.
    n_ranges
        How many ranges; some are empty if there are fewer tiles than that.

    Returns
    -------
    list of (int, int)
        First joinid and the joinid after the last; inner bounds are multiples of `TILE_ROWS`.
    """
    last = int(soma_joinids[-1]) + 1
    quantiles = np.arange(1, n_ranges) * len(soma_joinids) // n_ranges
    inner = soma_joinids[quantiles] // TILE_ROWS * TILE_ROWS
    bounds = [0, *inner.tolist(), last]
    return list(pairwise(bounds))


def block_of(soma_joinids: NDArray[np.int64], rows_at_once: int = BLOCK_ROWS) -> NDArray[np.int64]:
    """The block of `read_counts` that each cell is in, int64 N."""
    return soma_joinids // rows_at_once


def tile_spans(soma_joinids: NDArray[np.int64]) -> list[tuple[int, int]]:
    """The spans of neighboring tiles that cells lie in: first and last wanted joinid of each.

    A tile between two that are wanted is not fetched.
    """
    ordered = np.sort(soma_joinids)
    apart = np.flatnonzero(np.diff(ordered // TILE_ROWS) > 1) + 1
    return [(int(span[0]), int(span[-1])) for span in np.split(ordered, apart)]


def read_counts(
    release: Release,
    soma_joinids: NDArray[np.int64],
    genes: NDArray[np.int32],
    rows_at_once: int = BLOCK_ROWS,
) -> Iterator[tuple[NDArray[np.int64], SparseRows]]:
    """Stream the raw counts of cells, a few tiles at a time.

    Parameters
    ----------
    release
        An open release.
    soma_joinids
        int64, the cells wanted, block by block (`block_of`); in any order within a block.
    genes
        Position in the model of each gene joinid, -1 to leave out (`gene_positions`).
    rows_at_once
        Span of joinids of one block, which is one read.

    Yields
    ------
    tuple
        The joinids (int64 n) and raw counts (n cells, genes ascending) of the next block, in the
        order asked for. The block after it overwrites the counts.

    Raises
    ------
    ValueError
        If a value is negative or not finite.
    """
    matrix = release.experiment.ms["RNA"].X["raw"]
    scratch = Scratch()
    blocks = block_of(soma_joinids, rows_at_once)
    for part in np.split(soma_joinids, np.flatnonzero(np.diff(blocks)) + 1):
        if len(part) == 0:
            continue
        first, last = int(part.min()), int(part.max())
        row_of = np.full(last - first + 1, -1, dtype=np.int32)
        row_of[part - first] = np.arange(len(part), dtype=np.int32)
        builder = RowBuilder(first, row_of, genes, len(part), scratch)
        try:
            for span in tile_spans(part):
                for table in matrix.read((slice(*span), None)).tables():
                    for batch in table.to_batches():
                        builder.add(*(batch.column(name).to_numpy() for name in COORDINATES))
        except ValueError as error:
            raise ValueError(f"{matrix.uri}: {error}") from error
        yield part, builder.build()
