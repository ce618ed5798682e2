"""A batch of normalized expression that stays sparse until a model wants it dense."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy import sparse
from torch import Tensor

from hce.loader.buffers import BufferPool
from hce.threads import in_threads

# below this many nonzeros a batch takes under 2 ms either way, and numba 0.4 s to be imported
FEW_NONZERO = 2**19
# the batch that a model works on and the next one
_POOL = BufferPool(slots=2)


def dense_on_cpu(indptr: Tensor, genes: Tensor, values: Tensor, n_genes: int) -> Tensor:
    """Return float32 B x G of a batch in compressed rows (`hce.loader.expression`).

    The memory of a large batch is that of an earlier one that nobody refers to any more, if there
    is one.
    """
    n_cells = len(indptr) - 1
    arrays = (values.numpy(), genes.numpy(), indptr.numpy())
    if len(genes) < FEW_NONZERO:
        return torch.from_numpy(sparse.csr_matrix(arrays, shape=(n_cells, n_genes)).toarray())
    dense = _POOL.tensor(n_cells * n_genes, "float32").view(n_cells, n_genes)
    from hce.loader.kernels import densify

    in_threads(densify, n_cells, arrays[2], arrays[1], arrays[0], dense.numpy())
    return dense


@dataclass(frozen=True)
class SparseExpression:
    """Normalized expression of some cells in compressed rows, all tensors on one device.

    Attributes
    ----------
    indptr
        int64 B + 1: cell i has the entries indptr[i] to indptr[i + 1].
    genes
        int32, position of the gene of each entry, ascending within a cell.
    values
        float32, log1p of counts per 10,000.
    n_genes
        G.
    """

    indptr: Tensor
    genes: Tensor
    values: Tensor
    n_genes: int

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.values.device

    def dense(self) -> Tensor:
        """Return float32 B x G, on the device of the tensors."""
        if self.device.type == "cpu":
            return dense_on_cpu(self.indptr, self.genes, self.values, self.n_genes)
        sizes = torch.diff(self.indptr)
        rows = torch.arange(len(self), device=self.device)
        start = torch.repeat_interleave(rows * self.n_genes, sizes, output_size=len(self.genes))
        out = torch.zeros(len(self) * self.n_genes, device=self.device)
        out[start + self.genes] = self.values
        return out.view(len(self), self.n_genes)
