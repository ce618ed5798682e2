"""Cells in memory: raw counts in compressed rows, as small as they can be taken from quickly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy import sparse

from hce.normalize import size_factor_log1p
from hce.storage.store import StoredShard, read_arrays

# from narrow to wide
COUNT_TYPES = (np.dtype(np.uint16), np.dtype(np.uint32), np.dtype(np.float32))


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


@dataclass(frozen=True)
class CellBlock:
    """Raw counts of some cells: gene positions and counts, nearly always of 16 bits each.

    Attributes
    ----------
    soma_joinid, label
        int64 N and int16 N.
    indptr
        int64 N + 1: cell i has the entries indptr[i] to indptr[i + 1].
    genes
        Position of the gene of each entry, ascending within a cell; uint16, or int32 if there are
        more than 65,536 genes.
    counts
        Its count: uint16, uint32 if a cell has a count over 65,535, float32 if one is no integer.
    """

    soma_joinid: NDArray[np.int64]
    label: NDArray[np.int16]
    indptr: NDArray[np.int64]
    genes: NDArray[np.uint16] | NDArray[np.int32]
    counts: NDArray[np.uint16] | NDArray[np.uint32] | NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.soma_joinid)

    @staticmethod
    def empty(
        n_cells: int,
        nonzero: int,
        count_type: DTypeLike,
        gene_type: DTypeLike = np.uint16,
    ) -> CellBlock:
        """Make room for some cells, which `fill` writes."""
        return CellBlock(
            np.empty(n_cells, dtype=np.int64),
            np.empty(n_cells, dtype=np.int16),
            np.zeros(n_cells + 1, dtype=np.int64),
            np.empty(nonzero, dtype=gene_type),
            np.empty(nonzero, dtype=count_type),
        )

    def fill(self, shard: StoredShard, row: int, entry: int) -> tuple[int, int]:
        """Decode a shard into the cells from `row` on, whose entries start at `entry`.

        Threads can fill different cells at one time.

        Returns
        -------
        tuple
            Row and entry after the last of the shard.

        Raises
        ------
        ValueError
            If the shard is larger than the block, its counts are of a wider type, or its arrays do
            not belong together.
        """
        n_cells, n_genes = shard.n_cells, shard.n_genes
        end, last = row + n_cells, entry + shard.indices.size
        if end > len(self) or last > len(self.genes):
            raise ValueError(f"{n_cells} cells and {last - entry} counts, more than expected")
        if shard.indices.dtype != self.genes.dtype:
            raise ValueError(f"gene positions of type {shard.indices.dtype}")
        if widest(shard.data.dtype, self.counts.dtype) != self.counts.dtype:
            raise ValueError(f"counts of type {shard.data.dtype}, wider than expected")
        indptr, genes = np.empty(n_cells + 1, dtype=np.int64), self.genes[entry:last]
        read_arrays(
            [
                (shard.soma_joinid, self.soma_joinid[row:end]),
                (shard.label, self.label[row:end]),
                (shard.indptr, indptr),
                (shard.indices, genes),
                (shard.data, self.counts[entry:last]),
            ]
        )
        # compiled loops go by both without a look at the ends of their arrays
        if indptr[0] != 0 or indptr[-1] != len(genes) or (np.diff(indptr) < 0).any():
            raise ValueError("offsets of cells that do not ascend from the first count to the last")
        if genes.max(initial=0) >= max(n_genes, 1):
            raise ValueError(f"a gene position beyond the {n_genes} genes")
        self.indptr[row + 1 : end + 1] = indptr[1:] + entry
        return end, last

    def take(self, rows: NDArray[np.int64]) -> CellBlock:
        """Return a copy of the cells at these positions, in that order."""
        sizes = sizes_at(self.indptr, rows)
        indptr = offsets_of(sizes)
        entries = np.repeat(self.indptr[rows] - indptr[:-1], sizes) + np.arange(indptr[-1])
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


def sizes_at(indptr: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many entries the cells at these positions have; looks at no others."""
    return indptr[rows + 1] - indptr[rows]


def offsets_of(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where the entries of cells of these sizes begin and end, int64 N + 1."""
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes)])


def widest(*count_types: DTypeLike) -> np.dtype:
    """Return the widest of some types of counts.

    Raises
    ------
    ValueError
        If one is none of `COUNT_TYPES`.
    """
    known = [np.dtype(dtype) for dtype in count_types]
    if not set(known) <= set(COUNT_TYPES):
        raise ValueError(f"counts of type {', '.join(map(str, known))}")
    return max(known, key=COUNT_TYPES.index)
