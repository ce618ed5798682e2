"""TabNet (Arik & Pfister 2021) as scTab and the paper use it, equal to pytorch-tabnet 4.1's.

pytorch-tabnet multiplies each mask by a G x G identity matrix when there are no feature groups:
1.5 GB and 1.5 TFLOP a batch at 19,331 genes. It is left out here. Its second, unused batch norm is
left out too, so that parameter names are those of scTab's network: `encoder.*` and
`final_mapping.weight`. What a step costs and what was tried: docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

import torch
from entmax import Entmax15, Sparsemax
from torch import Tensor, nn

from hce.loader.expression import SparseExpression
from hce.networks.sparse import check_sparse_device, store_by_gene
from hce.networks.tabnet_blocks import (
    AttentiveTransformer,
    FeatureTransformer,
    GhostBatchNorm,
    Norm,
    initialize,
)
from hce.networks.tabnet_input import DenseGenes, SparseGenes, scale_genes
from hce.networks.tabnet_mask import sparse_mask

# keeps the logarithm in the mask loss finite (pytorch-tabnet's epsilon)
MASK_EPSILON = 1e-15
# how many of a cell's logits are sorted at first, and twice as many for the cells that select them
# all; a trained mask selects some 10 genes (docs/performance.md)
FIRST_K = 64


class TabNetEncoder(nn.Module):
    """Masks genes step by step and transforms what is left."""

    def __init__(
        self,
        n_genes: int,
        n_d: int,
        n_a: int,
        n_steps: int,
        gamma: float,
        n_independent: int,
        n_shared: int,
        norm: Norm,
        mask_type: str,
    ) -> None:
        super().__init__()
        self.n_d = n_d
        self.gamma = gamma
        self.initial_bn = nn.BatchNorm1d(n_genes, momentum=0.01)
        width = n_d + n_a
        shared = nn.ModuleList(
            nn.Linear(n_genes if layer == 0 else width, 2 * width, bias=False)
            for layer in range(n_shared)
        )

        def transformer() -> FeatureTransformer:
            shared_layers = shared if n_shared else None
            return FeatureTransformer(n_genes, width, shared_layers, n_independent, norm)

        self.initial_splitter = transformer()
        features, attentions = nn.ModuleList(), nn.ModuleList()
        for _ in range(n_steps):
            features.append(transformer())
            attentions.append(AttentiveTransformer(n_a, n_genes, norm))
        # PyTorch's stubs do not say what a ModuleList holds
        self.feat_transformers = cast("Sequence[FeatureTransformer]", features)
        self.att_transformers = cast("Sequence[AttentiveTransformer]", attentions)
        for feature_transformer in (self.initial_splitter, *self.feat_transformers):
            store_by_gene(feature_transformer.layers[0].fc)
        # rows of B x G, of which only the largest are sorted
        selector = Entmax15 if mask_type == "entmax" else Sparsemax
        self.selector = selector(dim=1, k=FIRST_K)
        # with one step no gene's prior use matters, and a mask is needed only where it is not 0
        self.one_sparse_mask = n_steps == 1 and mask_type == "entmax"

    def forward(self, expression: Tensor | SparseExpression) -> tuple[list[Tensor], Tensor]:
        """Return the decision output of each step (float B x n_d) and the mean mask entropy.

        Raises
        ------
        ValueError
            If the cells are sparse where the masks of all genes are computed.
        """
        on_cpu = expression.device.type == "cpu" and not torch.compiler.is_compiling()
        sparse_step = self.one_sparse_mask and on_cpu
        if isinstance(expression, SparseExpression) and not sparse_step:
            check_sparse_device(expression.device)
            raise ValueError(
                "TabNet takes sparse cells with one step and entmax masks, and not compiled; got "
                f"{len(self.feat_transformers)} steps of {type(self.selector).__name__} masks: "
                "pass expression.dense(), or set training.first_layer to dense"
            )
        genes = scale_genes(self.initial_bn, expression)
        splitter = self.initial_splitter
        attention = splitter(genes.multiply(splitter.layers[0].fc.weight))[:, self.n_d :]
        if sparse_step:
            return self._sparse_step(genes, attention)
        assert isinstance(genes, DenseGenes)  # no sparse cells come this far
        return self._dense_steps(genes, attention)

    def _sparse_step(
        self, genes: DenseGenes | SparseGenes, attention: Tensor
    ) -> tuple[list[Tensor], Tensor]:
        (transformer,) = self.feat_transformers
        mask = sparse_mask(self.att_transformers[0], attention)
        entropy = torch.dot(mask.weights, torch.log(mask.weights + MASK_EPSILON))
        slope, shift = self.initial_bn.weight[mask.genes], self.initial_bn.bias[mask.genes]
        expression = torch.addcmul(shift, slope, genes.scaled_at(mask.rows, mask.genes))
        weight = transformer.layers[0].fc.weight
        features = transformer(mask.multiply(mask.weights * expression, weight))
        return [torch.relu(features[:, : self.n_d])], entropy / len(attention)

    def _dense_steps(self, genes: DenseGenes, attention: Tensor) -> tuple[list[Tensor], Tensor]:
        expression = genes.normalized()  # B x G
        prior = torch.ones_like(expression)
        outputs: list[Tensor] = []
        mask_loss = expression.new_zeros(())
        steps = zip(self.att_transformers, self.feat_transformers, strict=True)
        for attentive_transformer, transformer in steps:
            mask = self.selector(attentive_transformer(attention) * prior)  # rows sum to 1
            mask_loss = mask_loss + (mask * torch.log(mask + MASK_EPSILON)).sum(dim=1).mean()
            if len(outputs) + 1 < len(self.att_transformers):  # the last step's is used by none
                prior = (self.gamma - mask) * prior
            features = transformer(transformer.layers[0].fc(mask * expression))
            outputs.append(torch.relu(features[:, : self.n_d]))
            attention = features[:, self.n_d :]
        return outputs, mask_loss / len(outputs)


class TabNet(nn.Module):
    """TabNet classifier; defaults are the paper's.

    Parameters
    ----------
    n_genes, n_classes
        G and C.
    n_d, n_a
        Width of the decision and of the attention part.
    n_steps
        Decision steps.
    gamma
        How far a gene used in one step may be used again.
    n_independent, n_shared
        Gated linear layers of one step's own and shared by all steps.
    virtual_batch_size
        Cells of one ghost batch normalization.
    momentum
        Of the batch normalizations.
    mask_type
        entmax or sparsemax.
    """

    def __init__(
        self,
        n_genes: int,
        n_classes: int,
        n_d: int = 128,
        n_a: int = 64,
        n_steps: int = 1,
        gamma: float = 1.3,
        n_independent: int = 5,
        n_shared: int = 3,
        virtual_batch_size: int = 256,
        momentum: float = 0.02,
        mask_type: str = "entmax",
    ) -> None:
        if mask_type not in ("entmax", "sparsemax"):
            raise ValueError(f"unknown mask_type {mask_type!r}; known: entmax, sparsemax")
        super().__init__()
        norm = partial(GhostBatchNorm, virtual_batch_size=virtual_batch_size, momentum=momentum)
        self.encoder = TabNetEncoder(
            n_genes, n_d, n_a, n_steps, gamma, n_independent, n_shared, norm, mask_type
        )
        self.final_mapping = nn.Linear(n_d, n_classes, bias=False)
        initialize(self.final_mapping, n_d, 4 * n_d)
        self.sparse_input = self.encoder.one_sparse_mask

    def forward(self, expression: Tensor | SparseExpression) -> tuple[Tensor, Tensor]:
        """Return logits, float B x C, and the mask loss, a scalar.

        Parameters
        ----------
        expression
            Normalized, float B x G; or sparse, on the CPU, where `sparse_input` is true.
        """
        outputs, mask_loss = self.encoder(expression)
        return self.final_mapping(torch.stack(outputs).sum(dim=0)), mask_loss
