"""Classes from a user's own Python files: an architecture or a loss."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

CLASSES = {"architecture": "Network", "loss": "Loss"}
# where the configuration has the hyperparameters, and what they are called with by position
SECTIONS = {"architecture": "models", "loss": "own_losses"}
POSITIONAL = {"architecture": ("n_genes", "n_classes"), "loss": ("reachability", "weight")}


def build_own(
    file: Path, kind: str, name: str, arguments: tuple[Any, ...], settings: Mapping[str, Any]
) -> nn.Module:
    """Build an object of the class of a user's file.

    Parameters
    ----------
    file
        Python file with the class that `CLASSES` names, a torch.nn.Module; executed in every call.
        It is one file: modules beside it are not found.
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
        If the file cannot be run, holds no such class, this does not take the settings, or it
        fails.
    """
    own = _own_class(Path(file), kind)
    called = f"{own.__name__}({_listed(POSITIONAL[kind], settings)})"
    signature = inspect.signature(own)
    try:
        signature.bind(*arguments, **settings)
    except TypeError as error:
        taken = signature.replace(return_annotation=signature.empty)
        wrong = _wrong_arguments(signature, kind, name, settings) or str(error)
        raise ValueError(
            f"{file}: {own.__name__} is called as {called}, but takes {taken}: {wrong}"
        ) from None
    try:
        return own(*arguments, **settings)
    except Exception as error:  # whatever a user's code raises
        raise ValueError(f"{file}: {called} fails: {type(error).__name__}: {error}") from error


def _listed(positional: Iterable[str], settings: Mapping[str, Any]) -> str:
    return ", ".join([*positional, *(f"{key}=…" for key in settings)])


def _wrong_arguments(
    signature: inspect.Signature, kind: str, name: str, settings: Mapping[str, Any]
) -> str:
    """What keeps a class from being called: by position, or keys of the configuration."""
    given = POSITIONAL[kind]
    parameters = list(signature.parameters.values())
    named = [one for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    by_position = [
        one.name
        for one in parameters
        if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    ]
    first = by_position[: len(given)]
    any_position = any(one.kind is one.VAR_POSITIONAL for one in parameters)
    if (len(first) < len(given) and not any_position) or set(first) & settings.keys() - {*given}:
        return f"{' and '.join(given)} must come first"
    key = f"{SECTIONS[kind]}.{name}"
    wrong = [f"{key}.{one} is set, but given by the workflow" for one in first if one in settings]
    if not any(one.kind is one.VAR_KEYWORD for one in parameters):
        known = {one.name for one in named}
        wrong += [f"{key}.{one} is no hyperparameter of it" for one in settings if one not in known]
    required = (one.name for one in named if one.default is one.empty and one.name not in first)
    return "; ".join(wrong + [f"{key}.{one} is missing" for one in required if one not in settings])


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
    try:
        specification.loader.exec_module(module)
    except Exception as error:  # whatever a user's code raises
        raise ValueError(f"{file}: cannot be run: {_reason(error, file)}") from error
    own = getattr(module, CLASSES[kind], None)
    if not (inspect.isclass(own) and issubclass(own, nn.Module)):
        raise ValueError(f"{file}: no class {CLASSES[kind]} that is a torch.nn.Module")
    return own


def _reason(error: Exception, file: Path) -> str:
    """What was raised; of a missing module that lies beside the file, that it is not looked for."""
    said = f"{type(error).__name__}: {error}"
    name = (getattr(error, "name", None) or "").partition(".")[0]
    beside = (file.parent / f"{name}.py", file.parent / name)
    if isinstance(error, ModuleNotFoundError) and name and any(one.exists() for one in beside):
        said += f"; modules in the folder of the file are not found: put {name} into it"
    return said
