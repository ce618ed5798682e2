"""Finding the checkpoint of a model in a folder, by what the files hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from hce.published.checkpoints import Checkpoint, read_checkpoint
from hce.published.convert import architecture_of, loss_of, seed_of

# Lightning's folders, scTab's, ours
NUMBERED = re.compile(r"(?:version_|run|seed)(\d+)")


@dataclass(frozen=True)
class Found:
    """A checkpoint and what it is of; the seed is None if neither file nor folder says."""

    path: Path
    architecture: str
    loss: str
    seed: int | None
    macro_f1: float


def find_checkpoint(place: str | Path, architecture: str, loss: str, seed: int) -> Path:
    """Return the checkpoint of a model.

    A training may have kept the best two of its epochs: of those in one folder it is the better
    one, as a training of ours keeps it.

    Parameters
    ----------
    place
        The checkpoint itself, or a folder with any folders in it.
    architecture, loss, seed
        The seed is that of parameters.json beside the checkpoint, else the number of the folder
        that it is in, version_0 or run0.

    Raises
    ------
    FileNotFoundError
        If there is no such place.
    ValueError
        If none fits, or several do.
    """
    place = Path(place)
    if not place.is_dir():
        return place  # who reads it names it if it is missing
    paths = sorted(place.rglob("*.ckpt"))
    if not paths:
        raise ValueError(f"{place}: holds no checkpoint (*.ckpt)")
    found, unread = [], []
    for path in paths:
        try:
            found.append(_describe(read_checkpoint(path)))
        except ValueError as error:
            unread.append(str(error))
    fitting = [
        one for one in found if (one.architecture, one.loss, one.seed) == (architecture, loss, seed)
    ]
    if not fitting:
        there = sorted({f"{one.architecture} {one.loss} seed {one.seed}" for one in found})
        raise ValueError(
            f"{place}: holds no checkpoint of {architecture}, {loss}, seed {seed}; there are "
            + "; ".join([", ".join(there) or "none that could be read", *unread])
        )
    if len({one.path.parent for one in fitting}) > 1:
        raise ValueError(
            f"{place}: {len(fitting)} checkpoints are of {architecture}, {loss}, seed {seed}: "
            + ", ".join(str(one.path) for one in fitting)
            + "; give the one that is meant"
        )
    return max(fitting, key=lambda one: one.macro_f1).path


def version_of(path: Path) -> int | None:
    """The number of the folder that a checkpoint is in, version_0 or run0; None without one."""
    numbers = [match[1] for part in path.parts if (match := NUMBERED.fullmatch(part))]
    return int(numbers[-1]) if numbers else None


def _describe(checkpoint: Checkpoint) -> Found:
    path, seed = checkpoint.path, seed_of(checkpoint)
    seed = version_of(path) if seed is None else seed
    architecture, loss = architecture_of(checkpoint), loss_of(checkpoint)
    return Found(path, architecture, loss, seed, checkpoint.macro_f1)
