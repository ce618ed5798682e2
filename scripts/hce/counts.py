"""Streaming raw counts out of a Census release, a few TileDB tiles at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import tiledbsoma
from numpy.typing import NDArray
from scipy import sparse

from hce.census import ORGANISM

# rows of X in one TileDB tile (Census builder): reads that start on it fetch no tile twice
TILE_ROWS = 2048


def gene_positions(var: pd.DataFrame, feature_ids: Sequence[str]) -> NDArray[np.int32]:
    """Map a release's gene joinids to positions in the model.

    The order of genes differs between releases, so the map goes by Ensembl id.

    Parameters
    ----------
    var
        Genes of the release to read.
    feature_ids
        Genes of the model, in order.

    Returns
    -------
    numpy.ndarray
        int32, indexed by soma_joinid of the gene: its position in the model, -1 if it has none.

    Raises
    ------
    ValueError
        If the release lacks a gene of the model.
    """
    position = pd.Series(np.arange(len(feature_ids), dtype=np.int32), index=list(feature_ids))
    lacking = position.index.difference(var["feature_id"])
    if len(lacking):
        raise ValueError(
            f"the release lacks {len(lacking)} of the model's {len(position)} genes, for example "
            f"{lacking[0]}; both releases must hold every gene of genes.parquet"
        )
    table = np.full(int(var["soma_joinid"].max()) + 1, -1, dtype=np.int32)
    table[var["soma_joinid"]] = position.reindex(var["feature_id"]).fillna(-1).astype(np.int32)
    return table


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


def read_counts(
    census: tiledbsoma.Collection,
    soma_joinids: NDArray[np.int64],
    genes: NDArray[np.int32],
    n_genes: int,
    rows_at_once: int = 4 * TILE_ROWS,
) -> Iterator[tuple[NDArray[np.int64], sparse.csr_matrix]]:
    """Stream the raw counts of cells, a few tiles at a time.

    Parameters
    ----------
    census
        An open release.
    soma_joinids
        int64, ascending: the cells wanted.
    genes
        Position in the model of each gene joinid, -1 to leave out (`gene_positions`).
    n_genes
        G.
    rows_at_once
        Span of joinids of one read, at most 65,536.

    Yields
    ------
    tuple
        The joinids (int64 n) and counts (float32 csr n x G, genes ascending) of the next cells.

    Raises
    ------
    ValueError
        If a count is negative or not an integer.
    """
    matrix = census["census_data"][ORGANISM].ms["RNA"].X["raw"]
    spans = soma_joinids // rows_at_once
    for part in np.split(soma_joinids, np.flatnonzero(np.diff(spans)) + 1):
        if len(part) == 0:
            continue
        first, last = int(part[0]), int(part[-1])
        row_of = np.full(last - first + 1, -1, dtype=np.int64)
        row_of[part - first] = np.arange(len(part))
        packed = [
            _pack(table, row_of, first, genes, matrix.uri)
            for table in matrix.read((slice(first, last), None)).tables()
        ]
        yield part, _unpack(packed, len(part), n_genes)


def _pack(
    table: pa.Table,
    row_of: NDArray[np.int64],
    first: int,
    genes: NDArray[np.int32],
    uri: str,
) -> NDArray[np.uint64]:
    """Keep the wanted entries as row (16 bits), gene (16 bits), count (32 bits of float32)."""
    row = row_of[table["soma_dim_0"].to_numpy() - first]
    gene = genes[table["soma_dim_1"].to_numpy()]
    wanted = (row >= 0) & (gene >= 0)
    count = table["soma_data"].to_numpy()[wanted]
    invalid = (count < 0) | (count != np.rint(count))
    if invalid.any():
        cell = table["soma_dim_0"].to_numpy()[wanted][invalid][0]
        raise ValueError(
            f"{uri}: raw count {count[invalid][0]} in cell {cell} is not a non-negative integer; "
            "this layer does not hold raw counts"
        )
    bits = count.astype(np.float32).view(np.uint32).astype(np.uint64)
    return (
        (row[wanted].astype(np.uint64) << np.uint64(48))
        | (gene[wanted].astype(np.uint64) << np.uint64(32))
        | bits
    )


def _unpack(packed: list[NDArray[np.uint64]], n_rows: int, n_genes: int) -> sparse.csr_matrix:
    entries = np.concatenate(packed) if packed else np.zeros(0, dtype=np.uint64)
    entries.sort()  # by row, then gene: TileDB returns tile by tile
    row = (entries >> np.uint64(48)).astype(np.int64)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=n_rows))])
    gene = ((entries >> np.uint64(32)) & np.uint64(0xFFFF)).astype(np.int32)
    count = entries.astype(np.uint32).view(np.float32)
    return sparse.csr_matrix((count, gene, indptr), shape=(n_rows, n_genes))
