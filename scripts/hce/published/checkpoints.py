"""Reading a Lightning checkpoint that somebody else wrote, without running what it may hold.

Such a file is a zip archive with a pickle in it, and a pickle can call anything. Here PyTorch's
restricted unpickler reads it; the few classes that the authors' files name beside tensors are
replaced by stand-ins that do nothing, and whatever else a file names is refused before it is read.
Tensors are mapped, so one that nobody looks at takes no memory.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

MONITOR = "val_f1_macro"
# what ModelCheckpoint calls a file
FILE_NAME = re.compile(rf"{MONITOR}_epoch=(\d+)_{MONITOR}=(\d*\.\d+|\d+)")
PYTHON_TAG = "tag:yaml.org,2002:python/"


class StandIn:
    """In place of a class that a file names; it takes anything and does nothing."""

    def __init__(self, *arguments: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


class NumberType:
    """In place of numpy.dtype: numbers only, so that no bytes are ever taken for an object."""

    def __init__(self, code: object, *flags: object) -> None:
        if not isinstance(code, str) or not re.fullmatch(r"[iufb]\d", code):
            raise UnpicklingError(f"a NumPy scalar of type {code!r}")
        self.code = code

    def __setstate__(self, state: object) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else "<"
        self.code = (">" if order == ">" else "<") + self.code


def number(kind: object, data: object) -> int | float | bool:
    """In place of NumPy's function that makes a scalar of its type and bytes."""
    if not isinstance(kind, NumberType) or not isinstance(data, bytes):
        raise UnpicklingError("a NumPy scalar that is no number")
    (value,) = np.frombuffer(data, np.dtype(kind.code))
    return value.item()


# all that a file may name beside what PyTorch itself lets through
STAND_INS: dict[str, Any] = {
    "torch.optim.adamw.AdamW": StandIn,
    "torch.optim.lr_scheduler.StepLR": StandIn,
    "numpy.dtype": NumberType,
    "numpy.core.multiarray.scalar": number,  # NumPy 1
    "numpy._core.multiarray.scalar": number,
}


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a Lightning checkpoint holds, as far as it is of use.

    Attributes
    ----------
    path
        The file.
    tensors
        The state dict under the authors' names, mapped.
    hyperparameters
        Arguments of the authors' class; a class among them is None.
    epoch
        Of the weights, from 0.
    macro_f1
        Of the validation cells at that epoch.
    lightning
        Version of Lightning; empty if the file does not say.
    patience
        Of the early stopping, if there was one.
    """

    path: Path
    tensors: dict[str, Tensor]
    hyperparameters: dict[str, Any]
    epoch: int
    macro_f1: float
    lightning: str
    patience: int | None


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint.

    Parameters
    ----------
    path
        Written by Lightning 1 or 2. Where it has no hyperparameters, those of the hparams.yaml
        beside it or in the folder above are taken.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no Lightning checkpoint, was cut, names what is not among `STAND_INS`, or does not
        say how good it is.
    """
    path = Path(path)
    content = _load(path)
    tensors = content.get("state_dict")
    if not isinstance(tensors, Mapping) or not tensors:
        raise ValueError(f"{path}: is no checkpoint of Lightning: it has no state_dict")
    if strange := [name for name, value in tensors.items() if not isinstance(value, Tensor)]:
        raise ValueError(f"{path}: {strange[0]} in its state_dict is no tensor")
    hyperparameters = content.get("hyper_parameters")
    if not isinstance(hyperparameters, Mapping):
        hparams = beside(path, "hparams.yaml")
        if hparams is None:
            raise ValueError(f"{path}: has no hyper_parameters, and no hparams.yaml beside it")
        hyperparameters = read_hparams(hparams)
    states = content.get("callbacks")
    callbacks = [
        state
        for state in (states.values() if isinstance(states, Mapping) else ())
        if isinstance(state, Mapping)
    ]
    epoch, macro_f1 = _reached(path, content.get("epoch"), callbacks)
    patience = (state.get("patience") for state in callbacks)
    return Checkpoint(
        path,
        dict(tensors),
        {str(k): None if v is StandIn else v for k, v in hyperparameters.items()},
        epoch,
        macro_f1,
        str(content.get("pytorch-lightning_version", "")),
        next((value for value in patience if isinstance(value, int)), None),
    )


def _load(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such checkpoint")
    if not zipfile.is_zipfile(path):
        raise ValueError(
            f"{path}: is no checkpoint of PyTorch, or the end of it is missing; fetch it again"
        )
    # the bytes are a stranger's, so any error may come of them
    try:
        named = set(get_unsafe_globals_in_checkpoint(path))
    except Exception as error:
        raise _unreadable(path, error) from error
    if refused := sorted(named - set(STAND_INS)):
        raise ValueError(
            f"{path}: names {', '.join(refused)}, which no checkpoint of the authors needs and "
            "which could run code; it is not read"
        )
    try:
        with safe_globals([(stand_in, name) for name, stand_in in STAND_INS.items()]):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:
        raise _unreadable(path, error) from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: is no checkpoint of Lightning: it has no state_dict")
    return content


def _unreadable(path: Path, error: Exception) -> ValueError:
    # PyTorch puts an advice in front that is none here: to read the file without the restriction
    error = error.__context__ if isinstance(error.__context__, Exception) else error
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return ValueError(f"{path}: cannot be read as a checkpoint ({reason}); fetch it again")


def _reached(path: Path, epoch: object, callbacks: list[Mapping[str, Any]]) -> tuple[int, float]:
    """Epoch and macro F1: the file's name has three digits, its callback all of them."""
    named = FILE_NAME.search(path.name)
    scores = [
        float(state["current_score"])
        for state in callbacks
        if state.get("monitor") == MONITOR
        and isinstance(state.get("current_score"), (Tensor, float))
    ]
    if named:
        epoch, rounded = int(named[1]), float(named[2])
        # of another epoch, if it does not round to the name's
        return epoch, next((one for one in scores if abs(one - rounded) < 6e-4), rounded)
    if not scores or not isinstance(epoch, int):
        raise ValueError(
            f"{path}: neither its name nor its callbacks say epoch and validation macro F1; give "
            f"it its name back, {MONITOR}_epoch=E_{MONITOR}=F.ckpt"
        )
    return epoch, scores[0]


def verify_members(path: Path) -> None:
    """Refuse a checkpoint of which a bit has changed: its archive has a checksum of each member.

    Raises
    ------
    ValueError
        If one does not agree.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except zipfile.BadZipFile as error:
        raise _unreadable(path, error) from error
    if damaged:
        raise ValueError(f"{path}: is damaged: the checksum of {damaged} in it; fetch it again")


def beside(path: Path, name: str) -> Path | None:
    """A file of a run: in the folder of its checkpoint, or in the one above."""
    places = (path.parent / name, path.parent.parent / name)
    return next((place for place in places if place.is_file()), None)


class _TextLoader(yaml.SafeLoader):
    """Takes what a Python tag is put to for text, and makes no object of it."""


def _text(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> str:
    return suffix


_TextLoader.add_multi_constructor(PYTHON_TAG, _text)


def read_hparams(path: str | Path) -> dict[str, Any]:
    """Read an hparams.yaml of Lightning; a class or object in it becomes its tag, a text.

    Raises
    ------
    ValueError
        If it is no YAML or no mapping.
    """
    try:
        # a SafeLoader: nothing is imported or called
        content = yaml.load(Path(path).read_text(encoding="utf-8"), _TextLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: is no hparams.yaml ({' '.join(str(error).split())})") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: is no hparams.yaml: it holds no mapping of names to values")
    return content
