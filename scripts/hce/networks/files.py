"""Tensors in a file, with what they are and a digest of both: models and checkpoints."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from hce.files import write_atomically


def save_tensors(
    path: str | Path, kind: str, tensors: dict[str, Tensor], description: dict[str, Any]
) -> None:
    """Write tensors, what they are (JSON types), and a digest of both, atomically.

    Equal content gives equal bytes. safetensors has no checksum of its own.
    """
    content = description | {"sha256": _digest(tensors, description)}
    with write_atomically(path) as temporary:
        # one metadata entry: safetensors writes several in arbitrary order
        save_file(tensors, temporary, metadata={kind: json.dumps(content, sort_keys=True)})


def load_tensors(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read what `save_tensors` wrote: the description and the tensors, on the CPU.

    Raises
    ------
    ValueError
        If it is another file, or no longer what was written.
    """
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


def load_weights(module: nn.Module, weights: dict[str, Tensor], source: str | Path) -> None:
    """Load weights by name.

    Raises
    ------
    ValueError
        If a name or a shape does not fit the module; `source` is named in the message.
    """
    try:
        with torch.no_grad():
            module.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"{source}: its weights do not fit this model: {error}") from error
