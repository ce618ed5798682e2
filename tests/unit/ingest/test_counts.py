"""Streaming counts from SOMA gives what scipy holds, whatever cells and genes are asked for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from shard_example import csr_of
from soma_example import store

from hce.census.reading import gene_positions
from hce.ingest.counts import TILE_ROWS, read_counts, scatter_ranges

N_CELLS, N_GENES = 150, 12


@pytest.fixture(scope="module")
def counts() -> sparse.csr_matrix:
    """Counts of cells x genes, a third of them zero cells and genes included."""
    rng = np.random.default_rng(4)
    dense = rng.poisson(1.0, (N_CELLS, N_GENES)) * (rng.random((N_CELLS, 1)) > 0.2)
    dense[:, 3] = 0
    return sparse.csr_matrix(dense.astype(np.float32))


@pytest.fixture(scope="module")
def census(counts: sparse.csr_matrix, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A store of these counts."""
    return store(tmp_path_factory.mktemp("soma") / "raw", counts)


@settings(max_examples=30)
@given(
    cells=st.lists(st.integers(0, N_CELLS - 1), min_size=1, unique=True),
    genes=st.permutations(range(N_GENES)),
    n_genes=st.integers(1, N_GENES),
    rows_at_once=st.integers(1, 200),
)
def test_blocks_joined_are_the_rows_and_columns_of_the_matrix(
    census: SimpleNamespace,
    counts: sparse.csr_matrix,
    cells: list[int],
    genes: list[int],
    n_genes: int,
    rows_at_once: int,
) -> None:
    # block by block, in any order within one
    chosen = np.array(sorted(cells, key=lambda cell: cell // rows_at_once))
    wanted = genes[:n_genes]
    position = np.full(N_GENES, -1, dtype=np.int32)
    position[wanted] = np.arange(n_genes)
    joinids, blocks = [], []
    for block_joinids, block in read_counts(census, chosen, position, rows_at_once):
        assert len(block) == len(block_joinids)
        joinids += block_joinids.tolist()
        blocks.append(csr_of(block, n_genes).copy())
    assert joinids == chosen.tolist()
    read = sparse.vstack(blocks, format="csr")
    assert read.shape == (len(chosen), n_genes)
    assert read.has_sorted_indices
    assert np.array_equal(read.toarray(), counts[chosen][:, wanted].toarray())


def test_no_cells_give_no_blocks(census: SimpleNamespace) -> None:
    none = np.zeros(0, dtype=np.int64)
    assert list(read_counts(census, none, np.zeros(N_GENES, dtype=np.int32))) == []


@pytest.mark.parametrize("wrong", [np.inf, -1.0])
def test_what_is_no_count_is_refused_with_its_place(
    counts: sparse.csr_matrix, wrong: float, tmp_path: Path
) -> None:
    changed = counts.tolil()
    changed[77, 5] = wrong
    census = store(tmp_path / "raw", changed.tocsr())
    everything = np.arange(N_GENES, dtype=np.int32)
    with pytest.raises(ValueError, match=rf"raw.*count {wrong} in cell 77\b.*raw counts"):
        list(read_counts(census, np.arange(20, N_CELLS), everything))
    others = np.setdiff1d(np.arange(N_CELLS), [77])
    assert len(list(read_counts(census, others, everything))) == 1


def test_genes_are_mapped_by_their_ensembl_id() -> None:
    var = pd.DataFrame({"soma_joinid": [0, 1, 2, 3], "feature_id": ["b", "x", "c", "a"]})
    assert gene_positions(var, ["a", "b", "c"]).tolist() == [1, -1, 2, 0]


def test_a_release_that_lacks_a_gene_of_the_model_is_refused() -> None:
    var = pd.DataFrame({"soma_joinid": [0, 1], "feature_id": ["a", "b"]})
    with pytest.raises(ValueError, match="lacks 1 of the model's 2 genes, for example c"):
        gene_positions(var, ["a", "c"])


@given(
    joinids=st.sets(st.integers(0, 40 * TILE_ROWS), min_size=1, max_size=50),
    n_ranges=st.integers(1, 12),
)
def test_every_cell_lies_in_one_range_and_no_tile_in_two(joinids: set[int], n_ranges: int) -> None:
    cells = np.array(sorted(joinids))
    ranges = scatter_ranges(cells, n_ranges)
    assert len(ranges) == n_ranges
    inside = [((cells >= first) & (cells < end)) for first, end in ranges]
    assert (np.sum(inside, axis=0) == 1).all()
    tiles = [set(cells[rows] // TILE_ROWS) for rows in inside]
    assert sum(len(part) for part in tiles) == len(set.union(*tiles))


def test_ranges_hold_about_equally_many_cells() -> None:
    cells = np.concatenate([np.arange(10 * TILE_ROWS), np.arange(50 * TILE_ROWS, 60 * TILE_ROWS)])
    sizes = [
        int(((cells >= first) & (cells < end)).sum()) for first, end in scatter_ranges(cells, 5)
    ]
    assert sizes == [4 * TILE_ROWS] * 5
