"""Model weights on disk: safetensors with everything needed to build the model again."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from hce.files import write_atomically
from hce.own_architecture import build_any_model


def copy_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return a copy of all parameters and buffers on the CPU, by name.

    Layers that TabNet shares between steps appear under each of their names, as in the paper's
    implementation.
    """
    return {
        name: tensor.detach().to("cpu", copy=True).contiguous()
        for name, tensor in model.state_dict().items()
    }


def save_model(
    path: str | Path,
    weights: dict[str, Tensor],
    architecture: str,
    hyperparameters: dict[str, float | int | str],
    n_genes: int,
    term_ids: list[str],
) -> None:
    """Write the weights of a trained model, with the architecture and its classes as metadata."""
    description = {
        "architecture": architecture,
        "hyperparameters": hyperparameters,
        "n_genes": n_genes,
        "term_ids": term_ids,
    }
    with write_atomically(path) as temporary:
        # one metadata entry: safetensors writes several in arbitrary order
        save_file(weights, temporary, metadata={"model": json.dumps(description, sort_keys=True)})


def load_model(
    path: str | Path, n_genes: int, term_ids: list[str], architecture_file: Path | None = None
) -> nn.Module:
    """Build a trained model from its file, in evaluation mode on the CPU.

    Parameters
    ----------
    path
        Written by `save_model`.
    n_genes
        Genes of the cells it shall see.
    term_ids
        Ontology term ids of the classes, in the order of the predictions.
    architecture_file
        Of an architecture that is not the paper's (`hce.own_architecture`).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no model, or was trained on other genes or classes.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such model")
    try:
        with safe_open(path, framework="pt") as file:
            description = json.loads((file.metadata() or {})["model"])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"{path}: not a model written by this pipeline ({error})") from error
    if description["n_genes"] != n_genes:
        raise ValueError(
            f"{path}: trained on {description['n_genes']} genes, the cells have {n_genes}; "
            "train the model again on these shards"
        )
    if description["term_ids"] != term_ids:
        raise ValueError(
            f"{path}: trained on {len(description['term_ids'])} cell types, which are not the "
            f"{len(term_ids)} of this run (or not in this order); train the model again"
        )
    model = build_any_model(
        description["architecture"],
        architecture_file,
        n_genes,
        len(term_ids),
        **description["hyperparameters"],
    )
    load_weights(model, weights, path)
    return model.eval()


def load_weights(model: nn.Module, weights: dict[str, Tensor], source: str | Path) -> None:
    """Load weights by name.

    Raises
    ------
    ValueError
        If a name or a shape does not fit the model; `source` is named in the message.
    """
    try:
        with torch.no_grad():
            model.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"{source}: its weights do not fit this model: {error}") from error
