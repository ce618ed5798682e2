"""Batches from a seed and their loss in plain Python, for the tests of the loss."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

EPS = 1e-6
CHAIN = torch.tensor([[1, 1, 1], [0, 1, 1], [0, 0, 1]], dtype=torch.bool)


def make_batch(seed: int, n_classes: int, n_cells: int = 9) -> tuple[Tensor, Tensor, Tensor]:
    """Logits (float64 B x C), labels (B) and class weights (float64 C) from a seed."""
    rng = np.random.default_rng(seed)
    logits = torch.from_numpy(rng.normal(0, 3, (n_cells, n_classes)))
    target = torch.from_numpy(rng.integers(0, n_classes, n_cells))
    return logits, target, torch.from_numpy(rng.uniform(0.1, 5, n_classes))


def loss_in_a_loop(
    logits: Tensor, target: Tensor, reachability: np.ndarray, weight: Tensor | None, eps: float
) -> float:
    """Cell by cell, class by class, with Python's own floats."""
    total = total_weight = 0.0
    for row, label in zip(logits.tolist(), target.tolist(), strict=True):
        highest = max(row)
        exponentials = [math.exp(value - highest) for value in row]
        score = math.fsum(
            value for j, value in enumerate(exponentials) if reachability[label][j]
        ) / math.fsum(exponentials)
        cell_weight = 1.0 if weight is None else float(weight[label])
        total += -cell_weight * math.log(score + eps)
        total_weight += cell_weight
    return total / total_weight
