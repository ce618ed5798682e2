"""Applying scTab's augmentation in training (vectors: `hce.augmentation_vectors`)."""

from __future__ import annotations

import torch
from torch import Tensor

# range of normalized expression that augmented cells are held to (scTab)
EXPRESSION_RANGE = (0.0, 9.0)


def augment(expression: Tensor, vectors: Tensor, generator: torch.Generator) -> Tensor:
    """Add one random vector with a random sign to each cell: clamp(x +- v, 0, 9).

    Parameters
    ----------
    expression
        float B x G, normalized. Modified in place.
    vectors
        float K x G.
    generator
        On the device of `expression`.
    """
    n_cells, device = len(expression), expression.device
    chosen = torch.randint(len(vectors), (n_cells,), generator=generator, device=device)
    sign = torch.randint(2, (n_cells, 1), generator=generator, device=device) * 2 - 1
    return expression.add_(sign * vectors[chosen]).clamp_(*EXPRESSION_RANGE)
