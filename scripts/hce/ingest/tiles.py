"""Tiles of a release that were fetched once and are kept: a larger slice fetches only what is new.

A tile is kept whole, as a shard (`hce.shards`) of all its cells and the genes of the model, so that
another seed, quota, tissue or label set finds it too. Its chunks carry checksums; a damaged tile is
fetched again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hce.census.reading import Release
from hce.files import write_atomically
from hce.ingest.counts import TILE_ROWS, read_counts
from hce.storage.blocks import CellBlock
from hce.storage.files import DAMAGED
from hce.storage.rows import Counts, SparseRows
from hce.storage.store import open_store, position_type, write_store


class Tiles:
    """The tiles kept of one release and list of genes.

    Parameters
    ----------
    folder
        Where all releases' tiles are kept.
    release
        An open release.
    genes
        The genes of the model: feature_id and feature_name.
    positions
        See `hce.ingest.counts.read_counts`.

    Attributes
    ----------
    fetched, found
        Tiles that were read from the release, and those that were there.
    """

    def __init__(
        self, folder: Path, release: Release, genes: pd.DataFrame, positions: NDArray[np.int32]
    ) -> None:
        names = [release.census.uri, release.organism, genes["feature_id"].tolist()]
        key = hashlib.sha256(json.dumps(names).encode()).hexdigest()[:16]
        self.folder = folder / key
        self.release, self.genes, self.positions = release, genes, positions
        self.last = int(release.experiment.ms["RNA"].X["raw"].non_empty_domain()[0][1])
        self.fetched = self.found = 0

    def counts(
        self, soma_joinids: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], SparseRows]]:
        """Stream the raw counts of cells, tile by tile.

        As `hce.ingest.counts.read_counts` with blocks of one tile; which entries were added to
        another of their gene is not known of tiles that were there.
        """
        tiles = soma_joinids // TILE_ROWS
        for part in np.split(soma_joinids, np.flatnonzero(np.diff(tiles)) + 1):
            if len(part):
                tile = int(part[0] // TILE_ROWS)
                yield part, self._rows(tile, part - tile * TILE_ROWS)

    def _rows(self, tile: int, rows: NDArray[np.int64]) -> SparseRows:
        # a folder of a million files is slow to list
        path = self.folder / f"{tile // 1000:04d}" / f"{tile:07d}.zarr.zip"
        block = _read(path)
        self.found += block is not None
        if block is None:
            self._fetch(tile, path, int(rows.max()))
            block = _read(path)
            self.fetched += 1
        if block is None:
            raise OSError(f"{path}: cannot be read back; is the disk full or failing?")
        block = block.take(rows)
        return SparseRows(block.indptr, block.genes, Counts.of(block.counts))

    def _fetch(self, tile: int, path: Path, row: int) -> None:
        first = tile * TILE_ROWS
        end = first + max(min(TILE_ROWS, self.last + 1 - first), row + 1)
        joinids = np.arange(first, end)
        path.parent.mkdir(parents=True, exist_ok=True)
        for found, counts in read_counts(self.release, joinids, self.positions, TILE_ROWS):
            label = np.full(len(found), -1, dtype=np.int16)
            with write_atomically(path) as temporary:
                write_store(temporary, found, label, counts, "tile", self.genes)


def _read(path: Path) -> CellBlock | None:
    """The cells of a tile; None where it is not there, or damaged."""
    if not path.is_file():
        return None
    try:
        with open_store(path) as store:
            types = store.data.dtype, position_type(store.n_genes)
            block = CellBlock.empty(store.n_cells, store.data.size, *types)
            block.fill(store, 0, 0)
            return block
    except DAMAGED as error:
        print(f"{path}: damaged ({error}), fetched again")
        return None
