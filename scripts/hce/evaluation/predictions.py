"""Which model and split a file of predictions is of, and how it is read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd


class Predicted(NamedTuple):
    """What a file of predictions is of."""

    architecture: str
    loss: str
    seed: int
    split: str


def predicted_files(paths: Iterable[Path]) -> dict[Predicted, Path]:
    """Tell the files apart by their paths, .../ARCHITECTURE/LOSS/seedSEED/SPLIT.parquet.

    Raises
    ------
    ValueError
        If a path has another form.
    """
    files = {}
    for path in paths:
        *_, architecture, loss, seed, name = ("", "", "", *path.parts)
        number = seed.removeprefix("seed")
        if not number.isdecimal() or path.suffix != ".parquet":
            raise ValueError(f"{path}: expected .../ARCHITECTURE/LOSS/seedSEED/SPLIT.parquet")
        files[Predicted(architecture, loss, int(number), Path(name).stem)] = path
    return files


def paired_runs(files: Iterable[Predicted], losses: tuple[str, str]) -> list[tuple[str, int]]:
    """Architecture and seed of the runs that both losses have, in the order of the files."""
    found = {(file.architecture, file.loss, file.seed): None for file in files}
    runs = dict.fromkeys((architecture, seed) for architecture, _, seed in found)
    return [
        (architecture, seed)
        for architecture, seed in runs
        if all((architecture, loss, seed) in found for loss in losses)
    ]


def read_prediction(path: Path, columns: list[str]) -> pd.DataFrame:
    """Return columns of what one model said of each cell of a split.

    Raises
    ------
    FileNotFoundError
        If the model did not predict.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such predictions; run the rule predict")
    return pd.read_parquet(path, columns=columns)
