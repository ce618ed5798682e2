"""Streaming raw counts out of a Census release, a few TileDB tiles at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hce.census.reading import Release
from hce.memory import Scratch
from hce.row_builder import RowBuilder
from hce.storage.rows import SparseRows

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
        If a count is negative or not an integer.
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
            for table in matrix.read((slice(first, last), None)).tables():
                for batch in table.to_batches():
                    builder.add(*(batch.column(name).to_numpy() for name in COORDINATES))
        except ValueError as error:
            raise ValueError(f"{matrix.uri}: {error}") from error
        yield part, builder.build()
