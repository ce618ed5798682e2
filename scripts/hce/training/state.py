"""Running checkpoints: the full state of an unfinished training.

A checkpoint is one safetensors file beside the model it will become. Its name carries a key of
everything that determines the result (data, hierarchy, hyperparameters, code), so a training never
resumes from the checkpoint of another one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from hce.files import sha256
from hce.networks.files import load_tensors, save_tensors


def copy_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return a copy of all parameters and buffers on the CPU, by name.

    Layers that TabNet shares between steps appear under each of their names, as in the paper's
    implementation.
    """
    return {
        name: tensor.detach().to("cpu", copy=True).contiguous()
        for name, tensor in model.state_dict().items()
    }


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
    save_tensors(path, "progress", tensors, asdict(progress))


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
    described, tensors = load_tensors(path, "progress")
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
