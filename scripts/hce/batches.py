"""From sparse cells to a dense batch on a device, and through a model."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from hce.shards import Cells
from hce.sparse_expression import SparseExpression


def sparse_batch(cells: Cells, device: torch.device) -> tuple[SparseExpression, Tensor]:
    """Return expression and labels (int64 B) of cells on a device."""
    matrix = cells.expression
    expression = SparseExpression(
        torch.from_numpy(matrix.indptr.astype(np.int64)).to(device),
        torch.from_numpy(matrix.indices.astype(np.int32)).to(device),
        torch.from_numpy(matrix.data).to(device),
        matrix.shape[1],
    )
    return expression, torch.from_numpy(cells.label.astype(np.int64)).to(device)


def forward(
    model: nn.Module, expression: Tensor | SparseExpression
) -> tuple[Tensor, Tensor | None]:
    """Return the logits and, for TabNet, its mask loss."""
    output = model(expression)
    return output if isinstance(output, tuple) else (output, None)
