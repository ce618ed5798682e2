"""An affine map of sparse cells: x W^T + b and its gradients from the nonzero entries alone.

The weights are those of an `nn.Linear` and keep its shape, C x G, in the state dict;
`store_by_gene` only lays them out in memory gene by gene. There are as many threads as PyTorch has.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

from hce.loader.expression import SparseExpression
from hce.threads import in_threads


def store_by_gene(layer: nn.Linear) -> nn.Linear:
    """Lay out the weights of a first layer gene by gene in memory; shape and values stay.

    The optimizer's slots and the gradients take the layout of the parameter.
    """
    by_gene = layer.weight.detach().t().contiguous()  # G x C
    layer.weight = nn.Parameter(by_gene.t())
    return layer


def affine(layer: nn.Linear, expression: Tensor | SparseExpression) -> Tensor:
    """Apply an `nn.Linear` to dense (float B x G) or sparse cells; returns float B x C."""
    if isinstance(expression, SparseExpression):
        return sparse_linear(expression, layer.weight, layer.bias)
    return layer(expression)


def check_sparse_device(device: torch.device) -> None:
    """Refuse sparse first layers where there are no kernels for them.

    Raises
    ------
    ValueError
        If the device is not the CPU.
    """
    if device.type != "cpu":
        raise ValueError(
            f"training.first_layer: sparse first layers run on the CPU, not on {device}; set it to "
            "auto or to dense"
        )


def sparse_linear(expression: SparseExpression, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Multiply sparse cells by weights.

    Parameters
    ----------
    expression
        B cells on the CPU, values of the dtype of the weights. No gradient flows to it.
    weight
        float C x G, on the CPU; fastest if stored by gene (`store_by_gene`).
    bias
        float C, or None.

    Returns
    -------
    Tensor
        float B x C; the same bytes for every number of threads.

    Raises
    ------
    ValueError
        If a tensor is not on the CPU, the genes do not fit, or the dtypes differ.
    """
    for tensor in (expression, weight):
        check_sparse_device(tensor.device)
    if weight.shape[1] != expression.n_genes or weight.dtype != expression.values.dtype:
        raise ValueError(
            f"weights {weight.dtype} {tuple(weight.shape)} do not fit cells of "
            f"{expression.n_genes} genes, {expression.values.dtype}"
        )
    return _SparseLinear.apply(expression.indptr, expression.genes, expression.values, weight, bias)


class BackwardContext(FunctionCtx):
    """What PyTorch's stubs do not say of the context of a backward pass."""

    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]


class _SparseContext(BackwardContext):
    cells: SparseExpression


class _SparseLinear(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: _SparseContext,
        indptr: Tensor,
        genes: Tensor,
        values: Tensor,
        weight: Tensor,
        bias: Tensor | None,
    ) -> Tensor:
        ctx.cells = SparseExpression(indptr, genes, values, weight.shape[1])
        start = weight.new_zeros(len(weight)) if bias is None else bias.detach()
        return cells_by_weights(ctx.cells, weight.detach().t().contiguous(), start)

    @staticmethod
    @once_differentiable
    def backward(ctx: _SparseContext, gradient: Tensor) -> tuple[Tensor | None, ...]:
        weight_gradient = bias_gradient = None
        if ctx.needs_input_grad[3]:
            weight_gradient = genes_by_gradient(ctx.cells, gradient).t()
        if ctx.needs_input_grad[4]:
            bias_gradient = gradient.sum(dim=0)
        return None, None, None, weight_gradient, bias_gradient


def cells_by_weights(cells: SparseExpression, by_gene: Tensor, start: Tensor) -> Tensor:
    """Return `start` (float K) plus cells times weights (float G x K): float B x K, no gradient."""
    from hce.networks.kernels import multiply

    out = by_gene.new_empty(len(cells), by_gene.shape[1])
    arrays = (cells.indptr, cells.genes, cells.values, by_gene, start, out)
    in_threads(multiply, len(cells), *(tensor.numpy() for tensor in arrays))
    return out


def genes_by_gradient(cells: SparseExpression, gradient: Tensor) -> Tensor:
    """Return the transposed cells times float B x K: float G x K, no gradient."""
    from hce.networks.kernels import multiply_transposed

    out = gradient.new_empty(cells.n_genes, gradient.shape[1])
    arrays = (cells.indptr, cells.genes, cells.values, gradient.contiguous(), out)
    in_threads(multiply_transposed, cells.n_genes, *(tensor.numpy() for tensor in arrays))
    return out
