"""TabNet's mask as the few genes that it selects, without a matrix of cells by genes kept.

Logits are W a + const in a cell's attention features a, so the variance of a gene's logit over a
ghost batch is w C w, with C the n_a x n_a covariance of the features: the norm folds into the
weights, and logits are one product, made for one ghost batch at a time and dropped. 1.5-entmax is 0
but for some genes; what follows, forward and backward, is computed for those alone.

1.5-entmax is that of Peters, Niculae & Martins 2019: the mask of a cell is max(x - tau, 0)^2 with
x = (z - max z) / 2, and tau such that it sums to 1. Where all masks are wanted dense (on a GPU, in
several steps), the authors' library makes them (`hce.networks.tabnet`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from hce.networks.sparse import BackwardContext
from hce.networks.tabnet_blocks import AttentiveTransformer, Running

# what Newton's last step may have moved a threshold; the next one would be its square
TOLERANCE = 1e-8


def entmax15_support(
    logits: NDArray[np.floating],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.floating]]:
    """Return 1.5-entmax as its nonzero entries alone, from compiled loops of numpy.

    tau lies above -1, so only genes less than 2 below the largest logit of a cell can be in its
    support. Among these sum max(x - tau, 0)^2 - 1 falls and is convex in tau: Newton's method from
    tau = -1 comes from the left and never passes the root.

    Parameters
    ----------
    logits
        float n x G.

    Returns
    -------
    tuple
        Entries of each row, int64 n; their genes, int64, ascending in a row; and the square roots
        of their weights, of the dtype of the logits. A row with a NaN is NaN.
    """
    n_genes = logits.shape[1]
    largest = torch.from_numpy(logits).amax(dim=1).numpy()
    below = logits < (largest - 2)[:, None]
    entries = np.flatnonzero(np.logical_not(below, out=below))
    starts = np.searchsorted(entries, np.arange(len(logits)) * n_genes)
    size = np.diff(starts, append=len(entries))
    values = (logits.ravel()[entries] - largest.repeat(size)) / np.float64(2)
    threshold = np.full(len(logits), -1.0)
    while True:
        root = np.maximum(values - threshold.repeat(size), 0)
        excess = np.add.reduceat(root * root, starts) - 1
        step = excess / (2 * np.add.reduceat(root, starts))
        threshold += step
        if not np.fmax.reduce(step) > TOLERANCE:  # a NaN is no step
            break
    root = (values - threshold.repeat(size)).astype(logits.dtype)
    kept = np.logical_not(root <= 0)
    return np.add.reduceat(kept, starts, dtype=np.int64), entries[kept] % n_genes, root[kept]


# logits made at a time: as many as the caches hold
LOGITS = 2**20


@dataclass(frozen=True)
class SparseMask:
    """Masks of B cells in compressed rows.

    Attributes
    ----------
    starts
        int64 B: where the entries of each cell begin.
    rows, genes
        int64, cell and gene of each entry.
    weights
        float, positive; those of a cell sum to 1.
    """

    starts: Tensor
    rows: Tensor
    genes: Tensor
    weights: Tensor

    def multiply(self, values: Tensor, weight: Tensor) -> Tensor:
        """Return cells that are `values` at the mask's genes and else 0 times a layer's weights.

        Parameters
        ----------
        values
            float, one an entry.
        weight
            float K x G, fastest if stored by gene (`hce.networks.sparse.store_by_gene`).

        Returns
        -------
        Tensor
            float B x K.
        """
        return functional.embedding_bag(
            self.genes, weight.t(), self.starts, mode="sum", per_sample_weights=values
        )


def sparse_mask(transformer: AttentiveTransformer, attention: Tensor) -> SparseMask:
    """Return the 1.5-entmax masks of attention features, float B x n_a on the CPU."""
    # in full precision: bfloat16 would make ties of logits
    with torch.autocast(attention.device.type, enabled=False):
        attention = attention.to(transformer.fc.weight.dtype)
        parts = [
            _AffineEntmax.apply(*_affine(transformer, chunk))
            for chunk in transformer.bn.chunks(attention)
        ]
    sizes, genes, weights = zip(*parts, strict=True)
    size = torch.cat(sizes)
    rows = torch.arange(len(size)).repeat_interleave(size)
    return SparseMask(size.cumsum(0) - size, rows, torch.cat(genes), torch.cat(weights))


def _affine(transformer: AttentiveTransformer, chunk: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return features (n x n_a), weights (G x n_a) and bias (G) whose product are the logits."""
    norm, weight = transformer.bn.bn, transformer.fc.weight
    if not norm.training:
        running = Running.of(norm)
        scale = norm.weight * torch.rsqrt(running.variance + norm.eps)
        return chunk, weight * scale[:, None], norm.bias - running.mean * scale
    n_cells = len(chunk)
    mean = chunk.mean(dim=0)
    centered = chunk - mean
    covariance = centered.t() @ centered / n_cells
    variance = torch.linalg.vecdot(weight @ covariance, weight)
    _track(norm, weight @ mean, variance, n_cells)
    scale = norm.weight * torch.rsqrt(variance + norm.eps)
    return centered, weight * scale[:, None], norm.bias


@torch.no_grad()
def _track(norm: nn.BatchNorm1d, mean: Tensor, variance: Tensor, n_cells: int) -> None:
    """Move the running statistics as PyTorch's batch norm does."""
    running = Running.of(norm)
    running.batches.add_(1)
    running.mean.lerp_(mean, running.momentum)
    running.variance.lerp_(variance * (n_cells / (n_cells - 1)), running.momentum)


class _SupportContext(BackwardContext):
    support: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.floating]]


class _AffineEntmax(torch.autograd.Function):
    """1.5-entmax of features times weights plus bias: entries a cell, their genes and weights."""

    @staticmethod
    def forward(
        ctx: _SupportContext, features: Tensor, weight: Tensor, bias: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        cells = max(1, LOGITS // len(weight))
        parts = [
            entmax15_support(torch.addmm(bias, block, weight.t()).numpy())
            for block in features.split(cells)
        ]
        size, genes, root = (np.concatenate(part) for part in zip(*parts, strict=True))
        ctx.save_for_backward(features, weight)
        ctx.support = size, genes, root
        sizes, positions = torch.from_numpy(size), torch.from_numpy(genes)
        ctx.mark_non_differentiable(sizes, positions)
        return sizes, positions, torch.from_numpy(np.square(root))

    @staticmethod
    @once_differentiable
    def backward(
        ctx: _SupportContext, _sizes: None, _genes: None, gradient: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        features, weight = ctx.saved_tensors
        size, genes, root = ctx.support
        indptr = np.concatenate([[0], np.cumsum(size)])
        product = gradient.numpy() * root
        mean = np.add.reduceat(product, indptr[:-1]) / np.add.reduceat(root, indptr[:-1])
        of_logits = product - mean.repeat(size) * root
        shape = (len(features), len(weight))
        by_cell = sparse.csr_matrix((of_logits, genes, indptr), shape=shape)
        return (
            torch.from_numpy(by_cell @ weight.numpy()),
            torch.from_numpy(by_cell.T @ features.numpy()),
            torch.from_numpy(np.bincount(genes, of_logits, len(weight)).astype(root.dtype)),
        )
