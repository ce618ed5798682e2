"""Sparse cells from a seed, for the tests of what takes them."""

from __future__ import annotations

import torch
from torch import Tensor

from hce.loader.expression import SparseExpression


def to_sparse(expression: Tensor) -> SparseExpression:
    """The nonzero entries of dense cells."""
    cell, gene = expression.nonzero(as_tuple=True)
    sizes = torch.bincount(cell, minlength=len(expression))
    indptr = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
    return SparseExpression(indptr, gene.int(), expression[cell, gene], expression.shape[1])


def random_expression(
    n_cells: int, n_genes: int, seed: int, density: float = 0.1, dtype: torch.dtype = torch.float32
) -> SparseExpression:
    """Cells with values between 0 and 4; the first has no counts, the last all genes."""
    generator = torch.Generator().manual_seed(seed)
    values = 4 * torch.rand(n_cells, n_genes, generator=generator, dtype=dtype)
    present = torch.rand(n_cells, n_genes, generator=generator) < density
    present[0], present[-1] = False, True
    return to_sparse(values * present)
