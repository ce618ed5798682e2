"""Applying scTab's augmentation in training (vectors: `hce.ingest.augmentation`).

The vectors are sparse, and clamping at 0 removes their negative entries where a cell has nothing,
so an augmented cell is the merge of two sparse rows: a sparse batch stays sparse, with exactly the
values that the dense formula gives.
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from hce.loader.expression import SparseExpression
from hce.threads import in_threads

# range of normalized expression that augmented cells are held to (scTab)
EXPRESSION_RANGE = (0.0, 9.0)


class Augmentation:
    """Adds one random vector with a random sign to each cell: clamp(x +- v, 0, 9).

    Parameters
    ----------
    vectors
        float K x G, on the device of the batches.
    """

    def __init__(self, vectors: Tensor) -> None:
        self.vectors = vectors

    def __call__(
        self, expression: Tensor | SparseExpression, generator: torch.Generator | None
    ) -> Tensor | SparseExpression:
        """Augment a batch; the draw is the same for a dense and a sparse one.

        Parameters
        ----------
        expression
            Normalized; float B x G, which is modified in place, or sparse.
        generator
            On the device of `expression`.
        """
        n_cells, device = len(expression), expression.device
        chosen = torch.randint(len(self.vectors), (n_cells,), generator=generator, device=device)
        sign = torch.randint(2, (n_cells, 1), generator=generator, device=device) * 2 - 1
        if isinstance(expression, SparseExpression):
            return self._merge(expression, chosen, sign.flatten().to(expression.values.dtype))
        return expression.add_(sign * self.vectors[chosen]).clamp_(*EXPRESSION_RANGE)

    @cached_property
    def _sparse_vectors(self) -> SparseExpression:
        row, genes = self.vectors.nonzero(as_tuple=True)
        sizes = torch.bincount(row, minlength=len(self.vectors))
        indptr = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
        values = self.vectors[row, genes]
        return SparseExpression(indptr, genes.int(), values, self.vectors.shape[1])

    def _merge(self, cells: SparseExpression, chosen: Tensor, sign: Tensor) -> SparseExpression:
        from hce.networks.kernels import add_and_clamp, close_gaps

        vectors = self._sparse_vectors
        room = torch.diff(cells.indptr) + torch.diff(vectors.indptr)[chosen]
        start = torch.cat([room.new_zeros(1), room.cumsum(0)])
        size = torch.empty_like(room)
        loose = cells.genes.new_empty(int(start[-1])), cells.values.new_empty(int(start[-1]))
        rows = [cells.indptr, cells.genes, cells.values]
        rows += [vectors.indptr, vectors.genes, vectors.values, chosen, sign]
        arrays = [tensor.numpy() for tensor in rows]
        out = [tensor.numpy() for tensor in (*loose, start, size)]
        in_threads(add_and_clamp, len(cells), *arrays, *EXPRESSION_RANGE, *out)
        indptr = torch.cat([size.new_zeros(1), size.cumsum(0)])
        packed = loose[0].new_empty(int(indptr[-1])), loose[1].new_empty(int(indptr[-1]))
        copied = [tensor.numpy() for tensor in (start, indptr, *loose, *packed)]
        in_threads(close_gaps, len(cells), *copied)
        return SparseExpression(indptr, *packed, cells.n_genes)
