"""Sparse rows to a dense batch on a CPU, as fast as memory can be written."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

import torch
from scipy import sparse
from torch import Tensor

from hce.buffers import BufferPool

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


def in_threads(loop: Callable[..., None], n_cells: int, *arguments: object) -> None:
    """Run a compiled loop over the cells of a batch, divided among torch's threads."""
    n_threads = min(torch.get_num_threads(), n_cells)
    if n_threads <= 1:
        loop(*arguments, 0, n_cells)
        return
    bounds = [n_cells * i // n_threads for i in range(n_threads + 1)]
    executor = _executor(n_threads)
    parts = [executor.submit(loop, *arguments, first, last) for first, last in pairwise(bounds)]
    for part in parts:
        part.result()


@cache
def _executor(n_threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(n_threads, thread_name_prefix="hce-loop")
