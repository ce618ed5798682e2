"""Architectures from a user's own file, beside the paper's."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from hce.models import ARCHITECTURES, build_model
from hce.own_files import build_own


def build_any_model(
    architecture: str,
    file: Path | None,
    n_genes: int,
    n_classes: int,
    **hyperparameters: float | int | str,
) -> nn.Module:
    """Build an untrained model of the paper's architectures or of a user's file.

    Parameters
    ----------
    architecture
        Its name; the paper's are built by `hce.models.build_model`.
    file
        Python file with a class `Network`: a torch.nn.Module that is called with n_genes, n_classes
        and the hyperparameters, and maps float B x G to logits, float B x C. None: the paper's.
    n_genes, n_classes
        G and C.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If an architecture that is not the paper's has no file, one of the paper's has one, the file
        holds no class `Network`, or this does not take the hyperparameters.
    """
    if file is None:
        return build_model(architecture, n_genes, n_classes, **hyperparameters)
    if architecture in ARCHITECTURES:
        raise ValueError(f"{file}: {architecture} is one of the paper's; take another name")
    return build_own(file, "architecture", architecture, (n_genes, n_classes), hyperparameters)
