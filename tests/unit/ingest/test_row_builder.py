"""Sparse rows against scipy, built from entries in any order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse
from shard_example import csr_of, rows_of

from hce.ingest.counts import RowBuilder, sort_genes
from hce.storage.rows import Counts, SparseRows
from hce.storage.store import count_type

FIRST = 1_000
seeds = st.integers(0, 10_000)
sizes = st.integers(1, 25)


def random_counts(seed: int, n_cells: int, n_genes: int) -> sparse.csr_matrix:
    """Counts up to the largest that float32 holds exactly; some cells and genes are empty."""
    rng = np.random.default_rng(seed)
    dense = rng.integers(1, 2**24, (n_cells, n_genes)) * (rng.random((n_cells, n_genes)) < 0.3)
    dense[rng.random(n_cells) < 0.2] = 0
    return sparse.csr_matrix(dense.astype(np.float32))


def add_in_parts(
    builder: RowBuilder, counts: sparse.csr_matrix, rng: np.random.Generator, n_parts: int
) -> None:
    """Feed all entries, shuffled, in parts of random sizes, some of them empty."""
    entries = counts.tocoo()
    order = rng.permutation(entries.nnz)
    cuts = np.sort(rng.integers(0, entries.nnz + 1, n_parts - 1))
    for part in np.split(order, cuts):
        builder.add(
            entries.row[part].astype(np.int64) + FIRST,
            entries.col[part].astype(np.int64),
            entries.data[part],
        )


def choice(rng: np.random.Generator, n: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """A random subset of n positions in random order: position of each in it or -1, and it."""
    chosen = rng.permutation(n)[: rng.integers(0, n + 1)]
    position = np.full(n, -1, dtype=np.int32)
    position[chosen] = np.arange(len(chosen))
    return position, chosen


def assert_valid(rows: SparseRows) -> None:
    """Types, and genes that ascend strictly within each cell: sorted and none twice."""
    assert (rows.indptr.dtype, rows.genes.dtype) == (np.int64, np.uint16)
    assert rows.indptr[0] == 0
    assert rows.indptr[-1] == len(rows.genes) == len(rows.counts)
    for start, end in zip(rows.indptr[:-1], rows.indptr[1:], strict=True):
        assert (np.diff(rows.genes[start:end].astype(int)) > 0).all()
    assert (rows.counts.wide() > 0).all()


@given(
    seed=seeds, n_cells=st.integers(1, 25), n_genes=st.integers(1, 25), n_parts=st.integers(1, 5)
)
def test_entries_in_any_order_give_the_rows_and_columns_of_scipy(
    seed: int, n_cells: int, n_genes: int, n_parts: int
) -> None:
    rng = np.random.default_rng(seed)
    counts = random_counts(seed, n_cells, n_genes)
    (row_of, cells), (gene_of, genes) = choice(rng, n_cells), choice(rng, n_genes)
    builder = RowBuilder(FIRST, row_of, gene_of, len(cells))
    add_in_parts(builder, counts, rng, n_parts)
    built = builder.build()
    assert_valid(built)
    expected = counts[cells][:, genes].toarray().astype(np.uint32)
    dense = np.zeros_like(expected)
    dense[np.repeat(np.arange(len(cells)), np.diff(built.indptr)), built.genes] = (
        built.counts.wide()
    )
    assert np.array_equal(dense, expected)
    assert len(built.counts) == np.count_nonzero(expected)


def test_a_gene_map_that_reverses_the_order_gives_sorted_genes() -> None:
    counts = random_counts(3, 12, 40)
    gene_of = np.arange(40, dtype=np.int32)[::-1].copy()
    builder = RowBuilder(FIRST, np.arange(12, dtype=np.int32), gene_of, 12)
    entries = counts.tocoo()  # row by row, genes ascending: as TileDB returns them
    builder.add(entries.row.astype(np.int64) + FIRST, entries.col.astype(np.int64), entries.data)
    built = builder.build()
    assert_valid(built)
    assert np.array_equal(csr_of(built, 40).toarray(), counts.toarray()[:, ::-1])


def test_nothing_added_gives_empty_rows() -> None:
    built = RowBuilder(0, np.zeros(3, dtype=np.int32), np.zeros(4, dtype=np.int32), 3).build()
    assert built.indptr.tolist() == [0, 0, 0, 0]
    assert len(built) == 3


def add_one(value: float, dtype: type = np.float32, gene: int = 0) -> SparseRows:
    """Build one cell of one entry; gene 1 is not wanted."""
    gene_of = np.array([0, -1], dtype=np.int32)
    builder = RowBuilder(7, np.zeros(1, dtype=np.int32), gene_of, 1)
    builder.add(np.array([7]), np.array([gene]), np.array([value], dtype=dtype))
    return builder.build()


@pytest.mark.parametrize("value", [-1.0, -0.25, 2.0**32, np.nan, np.inf, -np.inf])
def test_what_is_no_count_is_refused_and_named(value: float) -> None:
    with pytest.raises(ValueError, match=rf"raw count {value} in cell 7 is no count"):
        add_one(value)
    assert len(add_one(value, gene=1).counts) == 0


def test_an_entry_of_no_gene_is_refused() -> None:
    with pytest.raises(ValueError, match="in column 2, but var lists 2 genes"):
        add_one(1.0, gene=2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64, np.uint16])
def test_counts_of_any_type_are_taken(dtype: type) -> None:
    assert add_one(3, dtype).counts.wide().tolist() == [3]


def test_the_largest_count_is_kept_and_a_stored_zero_dropped() -> None:
    assert add_one(2.0**32 - 256).counts.wide().tolist() == [2**32 - 256]
    assert add_one(0).genes.tolist() == []


@given(
    values=st.lists(
        st.floats(2**-20, 2**31, width=32) | st.integers(1, 2**24).map(float), min_size=1
    )
)
def test_fractions_are_kept_to_the_last_bit(values: list[float]) -> None:
    expected = np.array(values, dtype=np.float32)
    columns = np.arange(len(values))
    builder = RowBuilder(0, np.zeros(1, dtype=np.int32), columns.astype(np.int32), 1)
    builder.add(columns * 0, columns, expected)
    built = builder.build()
    assert np.array_equal(built.counts.wide(np.float32), expected)
    assert np.array_equal(Counts.of(expected).wide(np.float32), expected)
    whole = np.array_equal(expected, np.floor(expected))
    assert (count_type(built.counts) == np.float32) == (not whole)


@given(
    seed=seeds,
    n_cells=st.integers(1, 12),
    n_genes=st.integers(1, 12),
    n_parts=st.integers(1, 4),
    largest=st.sampled_from([3, 2**24]),
    unit=st.sampled_from([1, 0.25]),
)
def test_entries_of_one_cell_and_gene_are_added_up_as_scipy_does(
    seed: int, n_cells: int, n_genes: int, n_parts: int, largest: int, unit: float
) -> None:
    rng = np.random.default_rng(seed)
    n = 4 * n_cells * n_genes
    entries = sparse.coo_matrix(
        (
            (unit * rng.integers(1, largest, n)).astype(np.float32),
            (rng.integers(n_cells, size=n), rng.integers(n_genes, size=n)),
        ),
        shape=(n_cells, n_genes),
    )
    (row_of, cells), (gene_of, genes) = choice(rng, n_cells), choice(rng, n_genes)
    builder = RowBuilder(FIRST, row_of, gene_of, len(cells))
    cuts = np.sort(rng.integers(0, n + 1, n_parts - 1))
    for part in np.split(np.arange(n), cuts):
        rows = entries.row[part].astype(np.int64) + FIRST
        builder.add(rows, entries.col[part].astype(np.int64), entries.data[part])
    built = builder.build()
    assert_valid(built)
    summed = sparse.coo_matrix((entries.data.astype(np.float64), entries.coords), entries.shape)
    summed.sum_duplicates()
    expected = summed.tocsr()[cells][:, genes]
    dense = np.zeros(expected.shape)
    dense[np.repeat(np.arange(len(cells)), np.diff(built.indptr)), built.genes] = (
        built.counts.wide()
    )
    assert np.array_equal(dense, expected.toarray())
    taken = (row_of[entries.row] >= 0) & (gene_of[entries.col] >= 0)
    per_cell = np.bincount(row_of[entries.row[taken]], minlength=len(cells))
    lost = per_cell - np.diff(expected.indptr)
    assert np.array_equal(np.bincount(built.summed, minlength=len(cells)), lost)


def test_sums_beyond_the_small_types_are_exact() -> None:
    builder = RowBuilder(0, np.zeros(1, dtype=np.int32), np.arange(4, dtype=np.int32), 1)
    values = np.array([200, 100, 65_000, 1_000, 2**31, 2**31, 0.5, 0.5], dtype=np.float32)
    builder.add(np.zeros(8, dtype=np.int64), np.repeat(np.arange(4), 2), values)
    counts = builder.build().counts
    assert counts.wide().tolist() == [300, 66_000, 2**32, 1]


@given(seed=seeds)
def test_sorting_genes_moves_each_count_with_its_gene(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = random_counts(seed, 10, 20)
    rows = rows_of(counts)
    order = np.concatenate(
        [
            rng.permutation(np.arange(start, end))
            for start, end in zip(rows.indptr[:-1], rows.indptr[1:], strict=True)
        ]
    ).astype(np.int64)
    mixed = SparseRows(rows.indptr, rows.genes[order], Counts.of(rows.counts.wide()[order]))
    ordered = sort_genes(mixed)
    assert np.array_equal(ordered.genes, rows.genes)
    assert np.array_equal(ordered.counts.wide(), rows.counts.wide())
    assert sort_genes(rows) is rows
