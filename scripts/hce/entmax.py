"""Exact 1.5-entmax without sorting every gene (Peters, Niculae & Martins 2019), and sparsemax.

The mask of a cell is max(x - tau, 0)^2 with x = (z - max z) / 2, and tau such that it sums to 1.
Which genes are in the support follows from the sorted values alone, largest first: the first rho
of them, for the largest rho whose own threshold tau_rho lies below the value at rank rho. The
thresholds depend on the ranks up to rho only. So the k largest values are enough whenever the
support that they give is smaller than k, and the result is that of a full sort to the last bit. k
starts at 64, and is raised fourfold where a batch needs more.

pytorch-tabnet sorts all genes of every cell. At batch 2,048 and 19,331 genes on one core its
forward pass took 5.2 s, this one 0.40 s (tests/benchmarks/bench_entmax.py).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

FIRST_K = 64


class Entmax15(nn.Module):
    """Exact 1.5-entmax over the last dimension of B x G, in place of pytorch-tabnet's."""

    def forward(self, logits: Tensor) -> Tensor:
        """Return weights, float B x G; rows sum to 1, most entries are 0."""
        return _Entmax15Function.apply(logits)


class _Entmax15Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, logits: Tensor) -> Tensor:
        values = (logits - logits.amax(dim=1, keepdim=True)) / 2
        output = (values - _threshold(values)).clamp_min_(0).square_()
        ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> Tensor:
        (output,) = ctx.saved_tensors
        root = output.sqrt()  # 0 outside the support, where the gradient is 0
        product = gradient * root
        mean = product.sum(dim=1, keepdim=True) / root.sum(dim=1, keepdim=True)
        return product - mean * root


def _threshold(values: Tensor) -> Tensor:
    """Return tau, B x 1, of values whose largest in each row is 0."""
    n_genes = values.shape[1]
    k = min(FIRST_K, n_genes)
    while True:
        top = values.topk(k, dim=1).values  # B x k, largest first
        rank = torch.arange(1, k + 1, device=values.device, dtype=values.dtype)
        mean = top.cumsum(dim=1) / rank
        mean_square = top.square().cumsum(dim=1) / rank
        spread = rank * (mean_square - mean.square())
        threshold = mean - ((1 - spread) / rank).clamp_min(0).sqrt()
        support = (threshold <= top).sum(dim=1, keepdim=True)  # B x 1
        if k == n_genes or bool((support < k).all()):
            return threshold.gather(1, support - 1)
        k = min(4 * k, n_genes)


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


class Sparsemax(nn.Module):
    """Sparsemax (Martins & Astudillo 2016) over the last dimension of B x G."""

    def forward(self, logits: Tensor) -> Tensor:
        """Return weights, float B x G; rows sum to 1, most entries are 0."""
        values = logits - logits.detach().amax(dim=1, keepdim=True)
        with torch.no_grad():
            ordered = values.sort(dim=1, descending=True).values
            rank = torch.arange(1, values.shape[1] + 1, device=values.device, dtype=values.dtype)
            excess = ordered.cumsum(dim=1) - 1
            size = (rank * ordered > excess).sum(dim=1, keepdim=True)
            inside = values > excess.gather(1, size - 1) / size
        # the threshold as a function of the values inside, so that gradients flow through it
        threshold = ((values * inside).sum(dim=1, keepdim=True) - 1) / inside.sum(1, keepdim=True)
        return (values - threshold).clamp_min(0)
