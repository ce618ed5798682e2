"""What a batch is when it meets the first layer: sparse or dense, augmented, in which precision.

scTab's augmentation adds or subtracts one of the vectors of `hce.ingest.augmentation`. They are
sparse, and clamping at 0 removes their negative entries where a cell has nothing, so an augmented
cell is the merge of two sparse rows: a sparse batch stays sparse, with exactly the values that the
dense formula gives.
"""

from __future__ import annotations

import warnings
from functools import cached_property

import torch
from torch import Tensor, nn

from hce.loader.expression import SparseExpression
from hce.networks.sparse import check_sparse_device
from hce.threads import in_threads

PRECISIONS = ("float32", "bfloat16")


def check_precision(precision: str, device: torch.device) -> None:
    """Refuse a precision that a device does not have, and warn where it saves nothing.

    Raises
    ------
    ValueError
        If the precision is unknown, or the GPU has no bfloat16.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"unknown precision {precision!r}; known: {', '.join(PRECISIONS)}")
    if precision == "float32":
        return
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise ValueError(
            f"{torch.cuda.get_device_name(device)} does not compute in bfloat16; set "
            "training.precision to float32"
        )
    if device.type == "cpu":
        warnings.warn(
            "training.precision bfloat16 is meant for GPUs: on a CPU it rounds the results, and "
            "sparse first layers stay in float32",
            stacklevel=2,
        )


def reduced_precision(precision: str, device: torch.device) -> torch.autocast:
    """Context in which matrix products are computed in the precision; weights stay float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")


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


FIRST_LAYERS = ("auto", "sparse", "dense")
# Measured on one core at 164 classes (hce.models): 26 ns a nonzero entry sparse, 13 ns an entry
# dense. They meet at one half; augmentation makes the sparse batch denser after the choice.
DENSITY = 0.25
# below this many entries a batch is cheap either way, and loading the kernels costs more
ENTRIES = 2**22


def check_first_layer(first_layer: str, device: torch.device) -> None:
    """Raise ValueError if `first_layer` is unknown, or the device cannot have it."""
    if first_layer not in FIRST_LAYERS:
        known = ", ".join(FIRST_LAYERS)
        raise ValueError(f"unknown first_layer {first_layer!r}; known: {known}")
    if first_layer == "sparse":
        check_sparse_device(device)


def is_sparse(expression: SparseExpression, model: nn.Module, first_layer: str) -> bool:
    """Decide how the first layer gets a batch.

    Parameters
    ----------
    expression
        Before augmentation.
    model
        One with `sparse_input` true can take it sparse.
    first_layer
        sparse, dense, or auto: sparse on the CPU if the batch is large and at most a quarter of
        its entries are nonzero. On a GPU auto is dense: no sparse kernel has been measured there.

    Raises
    ------
    ValueError
        As `check_first_layer`.
    """
    check_first_layer(first_layer, expression.device)
    if first_layer == "dense" or not getattr(model, "sparse_input", False):
        return False
    if first_layer == "sparse":
        return True
    entries = len(expression) * expression.n_genes
    small = len(expression.genes) <= DENSITY * entries
    return expression.device.type == "cpu" and entries >= ENTRIES and small


def model_input(
    expression: SparseExpression,
    model: nn.Module,
    first_layer: str,
    augmentation: Augmentation | None = None,
    generator: torch.Generator | None = None,
) -> Tensor | SparseExpression:
    """Return a batch as the model gets it, augmented if there is an augmentation."""
    batch: Tensor | SparseExpression = expression
    if not is_sparse(expression, model, first_layer):
        batch = expression.dense()
    return batch if augmentation is None else augmentation(batch, generator)
