"""The three architectures of the paper (Supplementary Tables 1-3; scTab)."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from hce.loader.expression import SparseExpression
from hce.networks.sparse import affine, store_by_gene
from hce.networks.tabnet import TabNet

ARCHITECTURES = ("linear", "mlp", "tabnet")


class LinearClassifier(nn.Module):
    """One affine map from expression to logits."""

    sparse_input = True

    def __init__(self, n_genes: int, n_classes: int) -> None:
        super().__init__()
        self.classifier = store_by_gene(nn.Linear(n_genes, n_classes))

    def forward(self, expression: Tensor | SparseExpression) -> Tensor:
        """Return logits, float B x C, of normalized expression, float B x G or sparse."""
        return affine(self.classifier, expression)


class MultilayerPerceptron(nn.Module):
    """Blocks of Linear, BatchNorm, SiLU and Dropout, then an affine map to logits."""

    sparse_input = True

    def __init__(
        self,
        n_genes: int,
        n_classes: int,
        n_hidden: int = 128,
        n_layers: int = 8,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        widths = [n_genes] + [n_hidden] * n_layers
        blocks: list[nn.Module] = []
        for width_in, width_out in pairwise(widths):
            blocks += [
                nn.Linear(width_in, width_out),
                nn.BatchNorm1d(width_out),
                nn.SiLU(),
                nn.Dropout(dropout),
            ]
        self.encoder = nn.Sequential(*blocks)
        first = self.encoder[0]
        assert isinstance(first, nn.Linear)
        store_by_gene(first)
        self.classifier = nn.Linear(n_hidden, n_classes)

    def forward(self, expression: Tensor | SparseExpression) -> Tensor:
        """Return logits, float B x C, of normalized expression, float B x G or sparse."""
        first, *others = self.encoder
        assert isinstance(first, nn.Linear)
        hidden = affine(first, expression)
        for layer in others:
            hidden = layer(hidden)
        return self.classifier(hidden)


def build_model(
    architecture: str, n_genes: int, n_classes: int, **hyperparameters: float | int | str
) -> nn.Module:
    """Build an untrained model; its weights come from torch's global random generator.

    Parameters
    ----------
    architecture
        linear, mlp or tabnet.
    n_genes, n_classes
        G and C.
    hyperparameters
        mlp: n_hidden, n_layers, dropout. tabnet: n_d, n_a, n_steps, gamma, n_independent, n_shared,
        virtual_batch_size, momentum, mask_type. linear: none. Defaults are the paper's.

    Returns
    -------
    torch.nn.Module
        Maps float B x G, or a `SparseExpression` of B cells where its `sparse_input` is true, to
        logits, float B x C; TabNet to (logits, mask loss).

    Raises
    ------
    ValueError
        If the architecture or a hyperparameter is unknown.
    """
    classes = {"linear": LinearClassifier, "mlp": MultilayerPerceptron, "tabnet": TabNet}
    if architecture not in classes:
        raise ValueError(
            f"unknown architecture {architecture!r}; known: {', '.join(ARCHITECTURES)}"
        )
    try:
        return classes[architecture](n_genes, n_classes, **hyperparameters)
    except TypeError as error:
        raise ValueError(f"hyperparameters of {architecture}: {error}") from error
