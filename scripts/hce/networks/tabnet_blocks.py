"""The blocks of TabNet, with the names, the initial weights and the results of pytorch-tabnet 4.1.

Names of parameters and buffers are those of its state dict; weights are drawn in its order, so that
one seed gives both the same network.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

# in single precision in pytorch-tabnet, whatever the precision of the network
ROOT_HALF = float(torch.tensor(0.5).sqrt())


def initialize(layer: nn.Linear, n_in: int, fan: int) -> None:
    """Draw weights as pytorch-tabnet does; `fan` is what its gain divides by the root of."""
    gain = math.sqrt((n_in + layer.out_features) / math.sqrt(fan))
    nn.init.xavier_normal_(layer.weight, gain=gain)


class Running(NamedTuple):
    """Running statistics of a batch norm, by reference: mean and variance (float G), batches."""

    mean: Tensor
    variance: Tensor
    batches: Tensor
    momentum: float

    @classmethod
    def of(cls, norm: nn.BatchNorm1d) -> Running:
        """Return those of a norm that has them, as all of TabNet's do."""
        assert norm.running_mean is not None and norm.running_var is not None
        assert norm.num_batches_tracked is not None and norm.momentum is not None
        return cls(norm.running_mean, norm.running_var, norm.num_batches_tracked, norm.momentum)


class GhostBatchNorm(nn.Module):
    """Batch normalization of each chunk of at most `virtual_batch_size` cells by itself."""

    def __init__(self, width: int, virtual_batch_size: int, momentum: float) -> None:
        super().__init__()
        self.virtual_batch_size = virtual_batch_size
        self.bn = nn.BatchNorm1d(width, momentum=momentum)

    def chunks(self, cells: Tensor) -> tuple[Tensor, ...]:
        """Divide cells, B x width, into the batches that are normalized together."""
        return cells.chunk(math.ceil(len(cells) / self.virtual_batch_size))

    def forward(self, cells: Tensor) -> Tensor:
        """Normalize cells, float B x width; the running statistics take one chunk after another."""
        if not self.training or len(cells) <= self.virtual_batch_size:
            return self.bn(cells)
        return torch.cat([self.bn(chunk) for chunk in self.chunks(cells)])


# width -> norm
Norm = Callable[[int], GhostBatchNorm]


class GatedLayer(nn.Module):
    """Linear, ghost batch norm, and a gated linear unit."""

    def __init__(self, n_in: int, width: int, norm: Norm, shared: nn.Linear | None = None) -> None:
        super().__init__()
        self.fc = nn.Linear(n_in, 2 * width, bias=False) if shared is None else shared
        initialize(self.fc, n_in, n_in)  # a shared layer is drawn anew by each who shares it
        self.bn = norm(2 * width)

    def gate(self, product: Tensor) -> Tensor:
        """Return float B x width of what the linear layer gave, float B x 2 width."""
        return functional.glu(self.bn(product), dim=1)


class GatedBlock(nn.Module):
    """Gated layers, each added to what it gets, but for the very first."""

    def __init__(
        self, widths: list[int], norm: Norm, shared_layers: nn.ModuleList | None = None
    ) -> None:
        super().__init__()
        self.shared_layers = shared_layers
        self.glu_layers = nn.ModuleList(
            GatedLayer(
                n_in,
                n_out,
                norm,
                # PyTorch's stubs do not say what a ModuleList holds
                None if shared_layers is None else cast("nn.Linear", shared_layers[position]),
            )
            for position, (n_in, n_out) in enumerate(pairwise(widths))
        )


class FeatureTransformer(nn.Module):
    """Shared and own gated layers of one step."""

    def __init__(
        self,
        n_genes: int,
        width: int,
        shared_layers: nn.ModuleList | None,
        n_independent: int,
        norm: Norm,
    ) -> None:
        super().__init__()
        n_in = n_genes
        self.shared: GatedBlock | nn.Identity = nn.Identity()
        self.specifics: GatedBlock | nn.Identity = nn.Identity()
        if shared_layers is not None:
            widths = [n_genes] + [width] * len(shared_layers)
            self.shared = GatedBlock(widths, norm, shared_layers)
            n_in = width
        if n_independent:
            self.specifics = GatedBlock([n_in] + [width] * n_independent, norm)

    @property
    def layers(self) -> list[GatedLayer]:
        """All layers in order; the first one sees the genes."""
        blocks = (self.shared, self.specifics)
        return [layer for block in blocks for layer in getattr(block, "glu_layers", ())]

    def forward(self, product: Tensor) -> Tensor:
        """Return features, float B x width, of genes times the weights of the first layer."""
        first, *others = self.layers
        features = first.gate(product)
        for layer in others:
            features = (features + layer.gate(layer.fc(features))) * ROOT_HALF
        return features


class AttentiveTransformer(nn.Module):
    """From attention features to the logits of a mask over genes."""

    def __init__(self, n_a: int, n_genes: int, norm: Norm) -> None:
        super().__init__()
        self.fc = nn.Linear(n_a, n_genes, bias=False)
        initialize(self.fc, n_a, 4 * n_a)
        self.bn = norm(n_genes)

    def forward(self, attention: Tensor) -> Tensor:
        """Return logits, float B x G, of attention features, float B x n_a."""
        return self.bn(self.fc(attention))
