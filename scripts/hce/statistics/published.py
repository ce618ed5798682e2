"""The paper's numbers beside ours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

WITHIN, OUTSIDE, MISSING = "within tolerance", "outside tolerance", "not computed"
KEYS = {"quantity", "published", "tolerance", "unit", "source", "table", "rows", "column", "factor"}
COLUMNS = ["quantity", "published", "tolerance", "ours", "status", "source", "data_source"]


def read_published(path: str | Path) -> dict[str, Any]:
    """Read and check the file of the published numbers.

    Parameters
    ----------
    path
        A YAML file: `comparable_data_source` (the data source whose numbers may be compared) and
        `quantities`, a list of mappings with the keys quantity, published, tolerance (absolute, in
        the same unit), unit, source (where it is printed), table, rows (column: value, which
        choose one row), column and, optionally, factor (ours is multiplied by it).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a key is unknown or missing, or a number is not a number.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file of published numbers")
    published = yaml.safe_load(Path(path).read_text())
    keys = ["comparable_data_source", "quantities"]
    if not isinstance(published, dict) or sorted(published) != keys:
        raise ValueError(f"{path}: needs the keys {keys} and no other")
    for entry in published["quantities"]:
        name = entry.get("quantity", entry)
        wrong = sorted((set(entry) - KEYS) | (KEYS - {"factor"} - set(entry)))
        if wrong:
            raise ValueError(
                f"{path}: {name}: unknown or missing keys {wrong}; see the first entry"
            )
        for key in ("published", "tolerance"):
            if isinstance(entry[key], bool) or not isinstance(entry[key], int | float):
                raise ValueError(f"{path}: {name}: {key} must be a number, got {entry[key]!r}")
    return published


def compare_with_published(
    published: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Set each published number beside ours.

    Parameters
    ----------
    published
        As read by `read_published`.
    tables
        Our tables by the name that the entries use, each with a column data_source.

    Returns
    -------
    pandas.DataFrame
        quantity, published, tolerance, ours, status, source, data_source. Status is
        `within tolerance`, `outside tolerance`, `not computed` (the run has no such row), or, if
        the data are not those of the paper, `not comparable (...)` with the data source.

    Raises
    ------
    ValueError
        If an entry names a table or column that does not exist, or chooses several rows.
    """
    comparable = published["comparable_data_source"]
    rows = []
    for entry in published["quantities"]:
        if entry["table"] not in tables:
            raise ValueError(
                f"{entry['quantity']}: no table {entry['table']}, have {sorted(tables)}"
            )
        table = tables[entry["table"]]
        ours, data_source = _lookup(entry, table), str(table["data_source"].iloc[0])
        rows.append(
            {
                "quantity": entry["quantity"],
                "published": f"{entry['published']:.10g}",
                "tolerance": f"{entry['tolerance']:.10g}",
                "ours": "" if ours is None else f"{round(ours, 2):.10g}",
                "status": _status(entry, ours, data_source, comparable),
                "source": entry["source"],
                "data_source": data_source,
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def _lookup(entry: Mapping[str, Any], table: pd.DataFrame) -> float | None:
    """Our value of a quantity in its unit; None if the run does not have it."""
    absent = [name for name in (*entry["rows"], entry["column"]) if name not in table]
    if absent:
        raise ValueError(f"{entry['quantity']}: table {entry['table']} has no column {absent[0]}")
    chosen = table[(table[list(entry["rows"])] == pd.Series(entry["rows"])).all(axis=1)]
    if len(chosen) > 1:
        raise ValueError(
            f"{entry['quantity']}: {len(chosen)} rows of {entry['table']} have {entry['rows']}; "
            "add a column to rows so that one is left"
        )
    if chosen.empty or pd.isna(chosen[entry["column"]].iloc[0]):
        return None
    return float(chosen[entry["column"]].iloc[0]) * entry.get("factor", 1)


def _status(entry: Mapping[str, Any], ours: float | None, data_source: str, comparable: str) -> str:
    # what was never measured on the paper's data can neither pass nor fail
    if data_source != comparable:
        return f"not comparable ({data_source})"
    if ours is None:
        return MISSING
    difference = abs(ours - entry["published"])
    within = difference <= entry["tolerance"] or math.isclose(difference, entry["tolerance"])
    return WITHIN if within else OUTSIDE
