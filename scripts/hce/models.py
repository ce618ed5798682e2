"""The three architectures of the paper (Supplementary Tables 1-3; scTab), and trained models.

A trained model is one safetensors file that can be used without anything else: its genes, its
classes and their hierarchy are in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from itertools import pairwise
from pathlib import Path

from hce.extras import needs

with needs("models"):
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from hce.loader.expression import SparseExpression
    from hce.networks.files import load_tensors, load_weights, save_tensors
    from hce.networks.sparse import affine, store_by_gene
    from hce.networks.tabnet import TabNet

ARCHITECTURES = ("linear", "mlp", "tabnet")
Hyperparameters = Mapping[str, float | int | str]
# of the description in a model file; 1, without genes, had no number
FORMAT = 2


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


@dataclass(frozen=True, eq=False)
class ModelFacts:
    """What a trained model is, beside its weights.

    Attributes
    ----------
    architecture, hyperparameters
        What `build_model` builds the network from.
    gene_ids, symbols
        feature_id and feature_name of the G genes, in the order in which the network takes them.
    term_ids, labels
        Ontology term id and name of the C classes, in the order of the logits.
    reachability
        Bool C x C, R[i, j]: class j is class i or a descendant of it.
    trained
        On what and how: data_source, loss, seed and whatever else the training says.
    """

    architecture: str
    hyperparameters: Hyperparameters
    gene_ids: list[str]
    symbols: list[str]
    term_ids: list[str]
    labels: list[str]
    reachability: NDArray[np.bool_]
    trained: Mapping[str, float | int | str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A network in evaluation mode, on the CPU, and what it is."""

    module: nn.Module
    facts: ModelFacts


def save_model(path: str | Path, weights: dict[str, Tensor], facts: ModelFacts) -> None:
    """Write a trained model to one safetensors file, atomically; equal models give equal bytes.

    Parameters
    ----------
    path
        File to write.
    weights
        All parameters and buffers by name, on the CPU.
    facts
        What the model is.
    """
    description = {one.name: getattr(facts, one.name) for one in fields(facts)}
    matrix = np.asarray(facts.reachability, dtype=bool)
    description["reachability"] = [np.flatnonzero(row).tolist() for row in matrix]
    save_tensors(path, "model", weights, description | {"format": FORMAT})


def load_model(path: str | Path, build: Callable[..., nn.Module] | None = None) -> TrainedModel:
    """Read a trained model; nothing but its file is needed.

    Parameters
    ----------
    path
        Written by `save_model`.
    build
        Makes the untrained network from its architecture, the numbers of genes and classes, and
        the hyperparameters; `build_model` if left out.

    Returns
    -------
    TrainedModel
        Its module maps expression as `build_model` says.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no model, or one of another version, or its weights do not fit.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such model")
    description, weights = load_tensors(path, "model")
    found = description.pop("format", 1)
    if found != FORMAT:
        remedy = "train the model again" if found < FORMAT else "install that version of hce"
        age = "an earlier" if found < FORMAT else "a later"
        raise ValueError(
            f"{path}: a model file of {age} version of this pipeline (format {found}, this one "
            f"reads {FORMAT}); {remedy}"
        )
    matrix = np.zeros((len(description["term_ids"]),) * 2, dtype=bool)
    for row, reached in enumerate(description["reachability"]):
        matrix[row, reached] = True
    facts = ModelFacts(**description | {"reachability": matrix})
    module = (build or build_model)(
        facts.architecture, len(facts.gene_ids), len(facts.term_ids), **facts.hyperparameters
    )
    load_weights(module, weights, path)
    return TrainedModel(module.eval(), facts)
