"""Classes from a user's own Python files: an architecture or a loss."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

CLASSES = {"architecture": "Network", "loss": "Loss"}


def build_own(
    file: Path, kind: str, name: str, arguments: tuple[Any, ...], settings: Mapping[str, Any]
) -> nn.Module:
    """Build an object of the class of a user's file.

    Parameters
    ----------
    file
        Python file with the class that `CLASSES` names, a torch.nn.Module; executed in every call.
    kind
        What it holds: architecture or loss.
    name
        What the user calls it, for messages.
    arguments, settings
        What the class is called with, by position and by name.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file holds no such class, or this does not take the settings.
    """
    own = _own_class(Path(file), kind)
    try:
        inspect.signature(own).bind(*arguments, **settings)
    except TypeError as error:
        raise ValueError(f"{file}: hyperparameters of {name}: {error}") from error
    return own(*arguments, **settings)


def _own_class(file: Path, kind: str) -> type[nn.Module]:
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such {kind} file")
    module_name = f"own_{kind}_{file.stem}"
    specification = importlib.util.spec_from_file_location(module_name, file)
    if specification is None or specification.loader is None:
        raise ValueError(f"{file}: no Python file (.py)")
    module = importlib.util.module_from_spec(specification)
    # dataclasses and torch.compile look a module up by its name
    sys.modules[module_name] = module
    specification.loader.exec_module(module)
    own = getattr(module, CLASSES[kind], None)
    if not (inspect.isclass(own) and issubclass(own, nn.Module)):
        raise ValueError(f"{file}: no class {CLASSES[kind]} that is a torch.nn.Module")
    return own
