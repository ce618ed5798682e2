"""Tiles that are kept: read once, whole, the same counts, and again if the disk changed them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from shard_example import csr_of
from soma_example import store

from hce.ingest.counts import TILE_ROWS, read_counts, tile_spans
from hce.ingest.tiles import Tiles

N_CELLS, N_GENES = 3 * TILE_ROWS + 100, 6
GENES = pd.DataFrame({"feature_id": list("abcdef"), "feature_name": list("ABCDEF")})


@pytest.fixture(scope="module")
def counts() -> sparse.csr_matrix:
    """Counts, some of them over 255."""
    rng = np.random.default_rng(0)
    return sparse.csr_matrix(rng.poisson(0.5, (N_CELLS, N_GENES)) * rng.choice([1.0, 400.0], 6))


@pytest.fixture(scope="module")
def census(counts: sparse.csr_matrix, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A release with these counts."""
    release = store(tmp_path_factory.mktemp("soma") / "raw", counts)
    release.census, release.organism = SimpleNamespace(uri="file:///release"), "homo_sapiens"
    return release


def tiles_in(folder: Path, census: SimpleNamespace) -> Tiles:
    """Tiles kept in a folder."""
    return Tiles(folder, census, GENES, np.arange(N_GENES, dtype=np.int32))


def read(tiles: Tiles, joinids: np.ndarray) -> sparse.csr_matrix:
    """Counts of cells, in order."""
    parts = list(tiles.counts(joinids))
    assert np.array_equal(np.concatenate([found for found, _ in parts]), joinids)
    return sparse.vstack([csr_of(rows, N_GENES) for _, rows in parts])


def test_a_tile_is_fetched_once_and_whole(
    counts: sparse.csr_matrix, census: SimpleNamespace, tmp_path: Path
) -> None:
    first = np.array([7, 3, 2 * TILE_ROWS + 1, N_CELLS - 1])
    tiles = tiles_in(tmp_path, census)
    assert (read(tiles, first) != counts[first]).nnz == 0
    assert (tiles.fetched, tiles.found) == (3, 0)
    # other cells of the same tiles, and a tile that is new
    more = np.array([0, TILE_ROWS - 1, TILE_ROWS, 3 * TILE_ROWS])
    tiles = tiles_in(tmp_path, census)
    assert (read(tiles, more) != counts[more]).nnz == 0
    assert (tiles.fetched, tiles.found) == (1, 2)


def test_tiles_of_other_genes_are_others(census: SimpleNamespace, tmp_path: Path) -> None:
    read(tiles_in(tmp_path, census), np.arange(3))
    others = Tiles(tmp_path, census, GENES[::-1], np.arange(N_GENES, dtype=np.int32)[::-1].copy())
    read(others, np.arange(3))
    assert others.fetched == 1


def test_a_damaged_tile_is_fetched_again(
    counts: sparse.csr_matrix,
    census: SimpleNamespace,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cells = np.arange(5)
    read(tiles_in(tmp_path, census), cells)
    (path,) = tmp_path.rglob("*.zarr.zip")
    content = bytearray(path.read_bytes())
    place = content.find(b"X/data/c/0") + 200
    content[place : place + 20] = bytes(20)
    for damaged in (bytes(content), path.read_bytes()[:1000], b""):
        path.write_bytes(damaged)
        tiles = tiles_in(tmp_path, census)
        assert (read(tiles, cells) != counts[cells]).nnz == 0
        assert tiles.fetched == 1
        assert "fetched again" in capsys.readouterr().out


def test_a_tile_between_two_that_are_wanted_is_not_read(
    counts: sparse.csr_matrix, census: SimpleNamespace
) -> None:
    wanted = np.array([2 * TILE_ROWS + 5, 4, 2 * TILE_ROWS + 9])
    assert tile_spans(wanted) == [(4, 4), (2 * TILE_ROWS + 5, 2 * TILE_ROWS + 9)]
    assert tile_spans(np.array([TILE_ROWS, 1])) == [(1, TILE_ROWS)]
    ((joinids, rows),) = read_counts(census, wanted, np.arange(N_GENES, dtype=np.int32))
    assert (csr_of(rows, N_GENES) != counts[joinids]).nnz == 0
