"""Architectures from a user's own file, beside the paper's."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path

from torch import nn

from hce.models import ARCHITECTURES, build_model

CLASS = "Network"


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
    network = _network(Path(file))
    try:
        inspect.signature(network).bind(n_genes, n_classes, **hyperparameters)
    except TypeError as error:
        raise ValueError(f"{file}: hyperparameters of {architecture}: {error}") from error
    return network(n_genes, n_classes, **hyperparameters)


def _network(file: Path) -> type[nn.Module]:
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such architecture file")
    specification = importlib.util.spec_from_file_location(file.stem, file)
    if specification is None or specification.loader is None:
        raise ValueError(f"{file}: no Python file (.py)")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    network = getattr(module, CLASS, None)
    if not (inspect.isclass(network) and issubclass(network, nn.Module)):
        raise ValueError(f"{file}: no class {CLASS} that is a torch.nn.Module")
    return network
