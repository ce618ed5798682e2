"""Normalization of counts, equal to scanpy's normalize_total followed by log1p."""

from __future__ import annotations

from hce.extras import needs

with needs("models"):
    import numpy as np
    from scipy import sparse

TARGET_SUM = 1e4


def size_factor_log1p(
    counts_csr: sparse.csr_matrix, target_sum: float = TARGET_SUM
) -> sparse.csr_matrix:
    """Scale each cell to `target_sum` counts and take log(x + 1) (paper, "Training ... datasets").

    Parameters
    ----------
    counts_csr
        N x G, counts of the model's genes, any numeric dtype. Not modified.
    target_sum
        Counts a cell shall have, in counts.

    Returns
    -------
    scipy.sparse.csr_matrix
        float32 N x G with the same sparsity. A cell without any count stays zero.

    Raises
    ------
    ValueError
        If a count is negative or not finite, or `target_sum` is not positive.
    """
    if not target_sum > 0:
        raise ValueError(f"target_sum must be positive, got {target_sum}")
    counts = sparse.csr_matrix(counts_csr)
    values = counts.data.astype(np.float32)
    if values.size and not (np.isfinite(values).all() and values.min() >= 0):
        raise ValueError("counts must be finite and not negative; these are not raw counts")
    n_cells = counts.shape[0]
    rows = np.repeat(np.arange(n_cells), np.diff(counts.indptr))
    # float64 sums: a float32 sum over 19,331 genes would depend on its order
    totals = np.bincount(rows, weights=values, minlength=n_cells)
    factors = np.divide(target_sum, totals, out=np.zeros(n_cells), where=totals > 0)
    values = np.log1p(values * factors[rows].astype(np.float32))
    return sparse.csr_matrix(
        (values, counts.indices.copy(), counts.indptr.copy()), shape=counts.shape
    )
