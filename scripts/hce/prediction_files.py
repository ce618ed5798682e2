"""Where the predictions of a model are, and how they are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path

import pandas as pd


def runs_of(architectures: Iterable[str], seeds: Iterable[int]) -> Iterator[tuple[str, int]]:
    """Yield every architecture with every seed."""
    yield from product(architectures, seeds)


def read_prediction(
    folder: Path, run: tuple[str, str, int], split: str, columns: list[str] | None = None
) -> pd.DataFrame:
    """Return what one model (architecture, loss, seed) said of each cell of a split.

    Raises
    ------
    FileNotFoundError
        If the model did not predict.
    """
    architecture, loss, seed = run
    path = folder / architecture / loss / f"seed{seed}" / f"{split}.parquet"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such predictions; run the rule predict")
    return pd.read_parquet(path, columns=columns)
