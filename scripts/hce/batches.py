"""From sparse cells to a dense batch on a device, and through a model."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from hce.shards import Cells


def dense_batch(cells: Cells, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return expression (float32 B x G) and labels (int64 B) of cells on a device."""
    label = torch.from_numpy(cells.label.astype(np.int64))
    if device.type == "cpu":
        return torch.from_numpy(cells.expression.toarray()), label
    # a few percent of the bytes travel: the batch becomes dense on the device
    matrix = cells.expression
    row = np.repeat(np.arange(len(cells)), np.diff(matrix.indptr))
    position = torch.from_numpy(row * matrix.shape[1] + matrix.indices).to(device)
    dense = torch.zeros(matrix.shape[0] * matrix.shape[1], device=device)
    dense[position] = torch.from_numpy(matrix.data).to(device)
    return dense.view(matrix.shape), label.to(device)


def forward(model: nn.Module, expression: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return the logits and, for TabNet, its mask loss."""
    output = model(expression)
    return output if isinstance(output, tuple) else (output, None)
