"""Reading and writing the hierarchy of the classes: reachability.npz and cell_types.tsv.

Apart from `hce.hierarchy.classes`, so that who only reads them needs no ontology library.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hce.files import checked, write_atomically
from hce.tables import read_table


def write_reachability(path: str | Path, matrix: NDArray[np.bool_], term_ids: list[str]) -> None:
    """Write R (bool C x C) with the ontology term ids of its classes, in order."""
    with write_atomically(path) as temporary:
        np.savez_compressed(temporary, reachability=matrix, term_ids=np.array(term_ids, dtype=str))


def read_reachability(path: str | Path) -> tuple[NDArray[np.bool_], list[str]]:
    """Return R (bool C x C) and the ontology term ids of its classes.

    Raises
    ------
    ValueError
        If the file is damaged or another.
    """
    try:
        with np.load(checked(path), allow_pickle=False) as content:
            return content["reachability"], content["term_ids"].tolist()
    except (KeyError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{path}: is no reachability matrix, or a damaged one ({error}); remove it, and the "
            "same command makes it again"
        ) from error


def read_cell_types(path: str | Path) -> pd.DataFrame:
    """Return the table of classes, one row a class in class order.

    Raises
    ------
    ValueError
        If the rows are not in class order.
    """
    table = read_table(path)
    if not np.array_equal(table["index"], np.arange(len(table))):
        raise ValueError(f"{path}: column index is not 0, 1, 2, ...: rows were lost or sorted")
    return table
