"""Size-factor normalization against scanpy and the formula in float64."""

from __future__ import annotations

import anndata
import numpy as np
import pytest
import scanpy
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from hce.normalize import size_factor_log1p

seeds = st.integers(0, 2**32 - 1)


def make_counts(
    seed: int, n_cells: int = 40, n_genes: int = 120, dtype: type[np.generic] = np.float32
) -> sparse.csr_matrix:
    """Sparse counts with very different cell sizes; the first and the last cell are empty."""
    rng = np.random.default_rng(seed)
    depth = rng.lognormal(0, 1.5, (n_cells, 1))
    counts = rng.poisson(depth * rng.exponential(0.5, (1, n_genes)))
    counts[[0, -1]] = 0
    return sparse.csr_matrix(np.minimum(counts, 60_000).astype(dtype))


def normalized_in_float64(counts: sparse.csr_matrix, target_sum: float) -> np.ndarray:
    """log(1 + x * target_sum / sum(x)), dense, cell by cell."""
    dense = counts.toarray().astype(np.float64)
    rows = [np.log(1 + row * target_sum / row.sum()) if row.any() else row for row in dense]
    return np.stack(rows)


@pytest.mark.filterwarnings("ignore:Some cells have zero counts")
@pytest.mark.parametrize("target_sum", [1.0, 1e4, 1e6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint16, np.int64])
def test_equals_scanpy(dtype: type[np.generic], target_sum: float) -> None:
    """normalize_total and log1p of scanpy, for every type that counts come in."""
    counts = make_counts(1, dtype=dtype)
    data = anndata.AnnData(counts.astype(np.float32))
    scanpy.pp.normalize_total(data, target_sum=target_sum)
    scanpy.pp.log1p(data)
    normalized = size_factor_log1p(counts, target_sum)
    np.testing.assert_allclose(normalized.toarray(), data.X.toarray(), rtol=2e-6, atol=1e-7)


@given(seed=seeds, target_sum=st.floats(1e-2, 1e6))
def test_equals_float64(seed: int, target_sum: float) -> None:
    """The formula to single precision, in a float32 CSR of the same sparsity."""
    counts = make_counts(seed, n_cells=6, n_genes=30)
    normalized = size_factor_log1p(counts, target_sum)
    assert sparse.issparse(normalized)
    assert normalized.format == "csr"
    assert normalized.dtype == np.float32
    assert normalized.shape == counts.shape
    np.testing.assert_array_equal(normalized.indices, counts.indices)
    np.testing.assert_array_equal(normalized.indptr, counts.indptr)
    expected = normalized_in_float64(counts, target_sum)
    np.testing.assert_allclose(normalized.toarray(), expected, rtol=2e-6, atol=1e-7)


def test_default_is_ten_thousand() -> None:
    """Every cell that is not empty has 10,000 counts before the logarithm."""
    counts = make_counts(2)
    sums = np.expm1(size_factor_log1p(counts).toarray().astype(np.float64)).sum(axis=1)
    np.testing.assert_allclose(sums[1:-1], 1e4, rtol=1e-5)


def test_by_hand() -> None:
    """Counts 1 and 3 become 2,500 and 7,500."""
    normalized = size_factor_log1p(sparse.csr_matrix(np.array([[1, 0, 3]])))
    np.testing.assert_allclose(normalized.toarray(), [[np.log(2501), 0, np.log(7501)]], rtol=1e-6)


@pytest.mark.filterwarnings("error")
def test_empty_cell_stays_zero() -> None:
    """No 0 / 0 and no warning: an all-zero cell is zero, stored zeros included."""
    counts = sparse.csr_matrix((np.zeros(2), ([0, 0], [1, 2])), shape=(2, 4))
    normalized = size_factor_log1p(counts)
    np.testing.assert_array_equal(normalized.toarray(), np.zeros((2, 4)))


def test_no_cells() -> None:
    """A chunk without cells has a shape."""
    normalized = size_factor_log1p(sparse.csr_matrix((0, 7), dtype=np.float32))
    assert normalized.shape == (0, 7)
    assert normalized.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_input_is_not_modified(dtype: type[np.generic]) -> None:
    """Neither now nor when the result is changed later."""
    counts = make_counts(3, dtype=dtype)
    copy = counts.copy()
    normalized = size_factor_log1p(counts)
    normalized.data[:] = -1
    normalized.indices[:] = 0
    normalized.indptr[:] = 0
    assert counts.dtype == copy.dtype
    for name in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(counts, name), getattr(copy, name))


@given(seed=seeds, factor=st.sampled_from([2, 8, 32]))
def test_invariant_to_depth(seed: int, factor: int) -> None:
    """The depth of a cell goes out."""
    counts = make_counts(seed, n_cells=5, n_genes=20)
    np.testing.assert_allclose(
        size_factor_log1p(counts * factor).toarray(),
        size_factor_log1p(counts).toarray(),
        rtol=1e-6,
    )


def test_cells_are_independent() -> None:
    """A cell's values do not depend on the cells it is read with, to the last bit."""
    counts = make_counts(4)
    whole = size_factor_log1p(counts).toarray()
    for start in range(0, 40, 7):
        part = size_factor_log1p(counts[start : start + 7]).toarray()
        np.testing.assert_array_equal(part, whole[start : start + 7])


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_impossible_counts_raise(value: float) -> None:
    """Negative, missing and infinite values are no counts."""
    counts = make_counts(5)
    counts.data[3] = value
    with pytest.raises(ValueError, match="counts"):
        size_factor_log1p(counts)


@pytest.mark.parametrize("target_sum", [0.0, -1e4, float("nan")])
def test_impossible_target_raises(target_sum: float) -> None:
    """A cell cannot be scaled to nothing."""
    with pytest.raises(ValueError, match="target_sum"):
        size_factor_log1p(make_counts(6), target_sum)
