"""From a sparse batch to a dense one, and through a model."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from hce.batch_rows import Batch
from hce.sparse_expression import SparseExpression


def sparse_batch(batch: Batch) -> tuple[SparseExpression, Tensor]:
    """Return expression and labels (int64 B) of a batch, both on its device."""
    label = torch.from_numpy(batch.label.astype(np.int64))
    return batch.expression, label.to(batch.expression.device)


def forward(
    model: nn.Module, expression: Tensor | SparseExpression
) -> tuple[Tensor, Tensor | None]:
    """Return the logits and, for TabNet, its mask loss."""
    output = model(expression)
    return output if isinstance(output, tuple) else (output, None)
