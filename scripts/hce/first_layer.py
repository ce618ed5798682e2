"""Whether a batch meets the first layer sparse or dense, and scTab's augmentation of it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hce.augmentation import Augmentation
from hce.loader.expression import SparseExpression

FIRST_LAYERS = ("auto", "sparse", "dense")
# Measured on one core at 164 classes (hce.models): 26 ns a nonzero entry sparse, 13 ns an entry
# dense. They meet at one half; augmentation makes the sparse batch denser after the choice.
DENSITY = 0.25
# below this many entries a batch is cheap either way, and loading the kernels costs more
ENTRIES = 2**22


def check_first_layer(first_layer: str) -> None:
    """Raise ValueError if `first_layer` is unknown."""
    if first_layer not in FIRST_LAYERS:
        known = ", ".join(FIRST_LAYERS)
        raise ValueError(f"unknown first_layer {first_layer!r}; known: {known}")


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
        If `first_layer` is unknown.
    """
    check_first_layer(first_layer)
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
    batch = expression
    if not is_sparse(expression, model, first_layer):
        batch = expression.dense()
    return batch if augmentation is None else augmentation(batch, generator)
