"""From a sparse batch to a dense one, and through a model."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from hce.batch_rows import Batch


def dense_batch(batch: Batch) -> tuple[Tensor, Tensor]:
    """Return expression (float32 B x G) and labels (int64 B) on the device of the batch."""
    label = torch.from_numpy(batch.label.astype(np.int64))
    return batch.expression.dense(), label.to(batch.expression.device)


def forward(model: nn.Module, expression: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return the logits and, for TabNet, its mask loss."""
    output = model(expression)
    return output if isinstance(output, tuple) else (output, None)
