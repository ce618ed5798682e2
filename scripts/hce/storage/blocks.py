"""Cells in memory: raw counts in compressed rows, as small as they can be taken from quickly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy import sparse

from hce.normalize import size_factor_log1p

COLUMNS = ("soma_joinid", "label", "genes", "counts")


@dataclass(frozen=True)
class Cells:
    """Some cells: soma_joinid (int64 N), label (int16 N) and expression (csr N x G)."""

    soma_joinid: NDArray[np.int64]
    label: NDArray[np.int16]
    expression: sparse.csr_matrix

    def __len__(self) -> int:
        return len(self.soma_joinid)

    def take(self, rows: NDArray[np.int64] | slice) -> Cells:
        """Return the cells at these positions, in that order."""
        return Cells(self.soma_joinid[rows], self.label[rows], self.expression[rows])


class CountTooLargeError(Exception):
    """A count over 65,535: the block needs 32-bit counts."""


@dataclass(frozen=True)
class CellBlock:
    """Raw counts of some cells at 4 bytes a nonzero: 16-bit gene positions and 16-bit counts.

    Attributes
    ----------
    soma_joinid, label
        int64 N and int16 N.
    indptr
        int64 N + 1: cell i has the entries indptr[i] to indptr[i + 1].
    genes
        uint16, position of the gene of each entry, ascending within a cell.
    counts
        uint16, its count; uint32 if a cell has a count over 65,535.
    """

    soma_joinid: NDArray[np.int64]
    label: NDArray[np.int16]
    indptr: NDArray[np.int64]
    genes: NDArray[np.uint16]
    counts: NDArray[np.uint16] | NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.soma_joinid)

    @staticmethod
    def empty(n_cells: int, nonzero: int, count_type: type[np.unsignedinteger]) -> CellBlock:
        """Make room for some cells, which `fill` writes."""
        return CellBlock(
            np.empty(n_cells, dtype=np.int64),
            np.empty(n_cells, dtype=np.int16),
            np.zeros(n_cells + 1, dtype=np.int64),
            np.empty(nonzero, dtype=np.uint16),
            np.empty(nonzero, dtype=count_type),
        )

    def fill(self, file: pq.ParquetFile, row: int, entry: int) -> tuple[int, int]:
        """Decode a shard by Arrow into the cells from `row` on, whose entries start at `entry`.

        Row group by row group, so that what Parquet decodes is still in the cache when it is
        narrowed and the memory beside the block is that of one row group. Threads can fill
        different cells at one time. `hce.storage.decoding` does the same for our own files, faster.

        Returns
        -------
        tuple
            Row and entry after the last of the shard.

        Raises
        ------
        CountTooLargeError
            If a count does not fit into the type of the block.
        """
        largest = np.iinfo(self.counts.dtype).max
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=list(COLUMNS), use_threads=False)
            genes, counts, offsets = entries_of(table)
            end, last = row + len(table), entry + len(genes)
            self.soma_joinid[row:end] = table["soma_joinid"].to_numpy()
            self.label[row:end] = table["label"].to_numpy()
            self.indptr[row + 1 : end + 1] = offsets[1:] + entry
            self.genes[entry:last] = genes
            if counts.max(initial=0) > largest:
                raise CountTooLargeError
            self.counts[entry:last] = counts
            row, entry = end, last
        return row, entry

    def take(self, rows: NDArray[np.int64]) -> CellBlock:
        """Return a copy of the cells at these positions, in that order."""
        starts, sizes = self.indptr[rows], np.diff(self.indptr)[rows]
        indptr = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum(sizes, out=indptr[1:])
        entries = np.repeat(starts - indptr[:-1], sizes) + np.arange(indptr[-1])
        return CellBlock(
            self.soma_joinid[rows],
            self.label[rows],
            indptr,
            self.genes[entries],
            self.counts[entries],
        )

    def normalized(self, n_genes: int) -> Cells:
        """Return the cells with counts per 10,000, log1p (`hce.normalize`)."""
        counts = sparse.csr_matrix(
            (self.counts, self.genes.astype(np.int32), self.indptr), shape=(len(self), n_genes)
        )
        return Cells(self.soma_joinid, self.label, size_factor_log1p(counts))


def entries_of(
    table: pa.Table,
) -> tuple[NDArray[np.uint16], NDArray[np.uint32], NDArray[np.int64]]:
    """Return genes, counts and offsets (from 0) of a table of the shard schema, without a copy."""
    table = table.combine_chunks()
    genes, counts = (_list_column(table, name) for name in ("genes", "counts"))
    offsets = genes.offsets.to_numpy().astype(np.int64)
    first, last = offsets[0], offsets[-1]
    return (
        genes.values.to_numpy()[first:last],
        counts.values.to_numpy()[first:last],
        offsets - first,
    )


def from_table(table: pa.Table, n_genes: int) -> Cells:
    """Return the cells of a table of the shard schema, with raw counts as float32."""
    genes, counts, offsets = entries_of(table)
    expression = sparse.csr_matrix(
        (counts.astype(np.float32), genes.astype(np.int32), offsets), shape=(len(table), n_genes)
    )
    return Cells(table["soma_joinid"].to_numpy(), table["label"].to_numpy(), expression)


def _list_column(table: pa.Table, name: str) -> pa.ListArray:
    column = table[name]
    return column.chunk(0) if column.num_chunks else pa.array([], type=column.type)
