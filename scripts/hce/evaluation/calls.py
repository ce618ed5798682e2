"""Cells counted by label and call, for every decision rule (results/calls).

What metrics of the hierarchy need of 2.6 million cells is how many of each label were called what;
everything after it is the work of an instant.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hce.evaluation.predictions import CALL_COLUMNS
from hce.tables import read_table

# whom the gain in the next study is asked of
UNITS = ["dataset_id", "donor", "tissue"]
# columns of the two files of an architecture and loss
CALLS = ["split", "seed", "rule", "class", "call", "cells"]
UNIT_CALLS = ["seed", "rule", *UNITS, "class", "call", "cells"]


def count_calls(cells: pd.DataFrame, by: list[str] | None = None) -> pd.DataFrame:
    """Count the cells of each label, call and rule.

    Parameters
    ----------
    cells
        class, the columns of `CALL_COLUMNS` and those of `by`, which are categorical.
    by
        Columns that are told apart, too.

    Returns
    -------
    pandas.DataFrame
        rule, the columns of `by`, class, call (class indices), cells; what no cell has is left out.
    """
    by = by or []
    parts = []
    for rule, column in CALL_COLUMNS.items():
        if column not in cells:
            continue
        table = cells[[*by, "class", column]].rename(columns={column: "call"})
        counts = table.groupby([*by, "class", "call"], observed=True, sort=True).size()
        parts.append(counts.rename("cells").reset_index().assign(rule=rule))
    return pd.concat(parts, ignore_index=True)[["rule", *by, "class", "call", "cells"]]


def confusion_of(table: pd.DataFrame, n_classes: int) -> NDArray[np.int64]:
    """Integer C x C, label (row) and call (column), from rows of class, call and cells."""
    flat = table["class"].to_numpy(np.int64) * n_classes + table["call"].to_numpy(np.int64)
    counts = np.bincount(flat, weights=table["cells"], minlength=n_classes**2)
    return counts.astype(np.int64).reshape(n_classes, n_classes)


def read_calls(paths: list[Path]) -> pd.DataFrame:
    """Read the counts of several models, .../ARCHITECTURE/LOSS/NAME.parquet, and say whose.

    Raises
    ------
    FileNotFoundError
        If one is not there.
    """
    parts = []
    for path in paths:
        *_, architecture, loss, _ = path.parts
        parts.append(read_table(path).assign(architecture=architecture, loss=loss))
    return pd.concat(parts, ignore_index=True)
