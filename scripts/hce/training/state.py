"""What a training leaves on disk: the weights of a model, and running checkpoints.

A model is one safetensors file with everything needed to build it again. A checkpoint is the full
state of an unfinished training in one safetensors file beside the model it will become. Its name
carries a key of everything that determines the result (data, hierarchy, hyperparameters, code), so
a training never resumes from the checkpoint of another one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from hce.files import sha256, write_atomically
from hce.models import build_model


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
    _save(path, "model", weights, description)


def _save(
    path: str | Path, kind: str, tensors: dict[str, Tensor], description: dict[str, Any]
) -> None:
    """Write tensors, what they are, and a digest of both; safetensors has no checksum."""
    content = description | {"sha256": _digest(tensors, description)}
    with write_atomically(path) as temporary:
        # one metadata entry: safetensors writes several in arbitrary order
        save_file(tensors, temporary, metadata={kind: json.dumps(content, sort_keys=True)})


def _load(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read what `_save` wrote, or refuse it."""
    try:
        with safe_open(path, framework="pt") as file:
            description = json.loads((file.metadata() or {})[kind])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        recorded = description.pop("sha256")
    except (SafetensorError, KeyError, AttributeError, ValueError) as error:
        raise ValueError(f"{path}: not a model written by this pipeline ({error})") from error
    if _digest(tensors, description) != recorded:
        raise ValueError(
            f"{path}: is not what was written there (SHA-256 in its metadata): the disk has "
            "changed it. Delete it, and the same command trains the model again"
        )
    return description, tensors


def _digest(tensors: dict[str, Tensor], description: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        # numpy has no bfloat16
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def load_model(
    path: str | Path,
    n_genes: int,
    term_ids: list[str],
    build: Callable[..., nn.Module] = build_model,
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
    build
        Makes the untrained model from its architecture, the numbers of genes and classes, and the
        hyperparameters, as `hce.models.build_model` does for the paper's architectures.

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
    description, weights = _load(path, "model")
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
    model = build(
        description["architecture"], n_genes, len(term_ids), **description["hyperparameters"]
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


@dataclass
class Progress:
    """Where a training is: what has been done, and what it has reached."""

    epoch: int = 0
    batch: int = 0
    loss_sum: float = 0.0
    seconds: float = 0.0
    wait_seconds: float = 0.0
    best_epoch: int = -1
    best_macro_f1: float = -1.0
    history: list[dict[str, float]] = field(default_factory=list)


def checkpoint_key(settings: dict[str, object], inputs: list[Path]) -> str:
    """Return 16 hexadecimal digits that identify a training.

    Parameters
    ----------
    settings
        Everything given on the command line, the fingerprint of the code included; JSON types only.
    inputs
        Files that determine the result; their contents count.
    """
    digests = [sha256(path) for path in inputs]
    text = json.dumps([settings, digests, torch.__version__], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def save_checkpoint(
    path: Path,
    progress: Progress,
    model: nn.Module,
    best_weights: dict[str, Tensor] | None,
    optimizer: torch.optim.Optimizer,
    generators: dict[str, torch.Generator],
) -> None:
    """Write the state of a training, atomically."""
    tensors = {f"model.{name}": value for name, value in copy_weights(model).items()}
    for name, value in (best_weights or {}).items():
        tensors[f"best.{name}"] = value
    state = optimizer.state_dict()
    for parameter, slots in state["state"].items():
        for slot, value in slots.items():
            copy = value.detach().to("cpu", copy=True).contiguous()
            tensors[f"optimizer.{parameter}.{slot}"] = copy
    for name, generator in generators.items():
        tensors[f"generator.{name}"] = generator.get_state()
    _save(path, "progress", tensors, asdict(progress))


def restore_checkpoint(
    path: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    generators: dict[str, torch.Generator],
) -> tuple[Progress, dict[str, Tensor] | None]:
    """Put a training back to where its checkpoint was written.

    Returns
    -------
    tuple
        The progress, and the weights of the best epoch so far (None before the first).

    Raises
    ------
    ValueError
        If the file is damaged; nothing has been put back then.
    """
    parts: dict[str, dict[str, Tensor]] = {
        "model": {},
        "best": {},
        "optimizer": {},
        "generator": {},
    }
    described, tensors = _load(path, "progress")
    progress = Progress(**described)
    for name, tensor in tensors.items():
        part, rest = name.split(".", 1)
        parts[part][rest] = tensor
    model.load_state_dict(parts["model"])
    state = optimizer.state_dict()
    state["state"] = {}
    parameters = [entry for group in optimizer.param_groups for entry in group["params"]]
    for name, value in parts["optimizer"].items():
        parameter, slot = name.split(".", 1)
        state["state"].setdefault(int(parameter), {})[slot] = _laid_out(
            value, parameters[int(parameter)]
        )
    optimizer.load_state_dict(state)
    for name, value in parts["generator"].items():
        generators[name].set_state(value)
    return progress, parts["best"] or None


def _laid_out(value: Tensor, parameter: Tensor) -> Tensor:
    # the fused optimizer walks memory, so a slot must lie in memory as its parameter does
    if value.shape != parameter.shape:
        return value  # the number of steps
    return torch.empty_like(parameter, device=value.device).copy_(value)
