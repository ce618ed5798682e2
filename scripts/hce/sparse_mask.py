"""TabNet's mask as the few genes that it selects, without a matrix of cells by genes kept.

Logits are W a + const in a cell's attention features a, so the variance of a gene's logit over a
ghost batch is w C w, with C the n_a x n_a covariance of the features: the norm folds into the
weights, and logits are one product, made for one ghost batch at a time and dropped. 1.5-entmax is 0
but for some genes; what follows, forward and backward, is computed for those alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn import functional

from hce.entmax import entmax15_support
from hce.tabnet_blocks import AttentiveTransformer

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
            float K x G, fastest if stored by gene (`hce.sparse_linear.store_by_gene`).

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
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        return chunk, weight * scale[:, None], norm.bias - norm.running_mean * scale
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
    norm.num_batches_tracked.add_(1)
    norm.running_mean.lerp_(mean, norm.momentum)
    norm.running_var.lerp_(variance * (n_cells / (n_cells - 1)), norm.momentum)


class _AffineEntmax(torch.autograd.Function):
    """1.5-entmax of features times weights plus bias: entries a cell, their genes and weights."""

    @staticmethod
    def forward(
        ctx: FunctionCtx, features: Tensor, weight: Tensor, bias: Tensor
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
        ctx: FunctionCtx, _sizes: None, _genes: None, gradient: Tensor
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
