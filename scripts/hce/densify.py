"""Sparse rows to a dense batch on a CPU, as fast as memory can be written."""

from __future__ import annotations

import torch
from scipy import sparse
from torch import Tensor

from hce.memory import BufferPool
from hce.threads import in_threads

# below this many nonzeros a batch takes under 2 ms either way, and numba 0.4 s to be imported
FEW_NONZERO = 2**19
# the batch that a model works on and the next one
_POOL = BufferPool(slots=2)


def dense_on_cpu(indptr: Tensor, genes: Tensor, values: Tensor, n_genes: int) -> Tensor:
    """Return float32 B x G of a batch in compressed rows (`hce.sparse_expression`).

    The memory of a large batch is that of an earlier one that nobody refers to any more, if there
    is one.
    """
    n_cells = len(indptr) - 1
    arrays = (values.numpy(), genes.numpy(), indptr.numpy())
    if len(genes) < FEW_NONZERO:
        return torch.from_numpy(sparse.csr_matrix(arrays, shape=(n_cells, n_genes)).toarray())
    dense = _POOL.tensor(n_cells * n_genes, "float32").view(n_cells, n_genes)
    from hce.block_kernels import densify

    in_threads(densify, n_cells, arrays[2], arrays[1], arrays[0], dense.numpy())
    return dense
