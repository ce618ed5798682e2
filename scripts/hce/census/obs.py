"""What the tables of a user's h5ad file say, read by a declared type for each column.

Files come from many tools: a truth value is text, a donor a float, a gap the word "nan". Each
column is read by what it must hold; what cannot be that is refused, and what is mended is logged,
with the number of cells. Columns are read by their different values, not by their cells: 28 million
cells have some thousand.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hce.census.schema import TAXONS, organism_label
from hce.census.writing import COUNTED_CATEGORIES

logger = logging.getLogger(__name__)

# a gap that became text; "NA" is none: studies and donors are called so
GAPS = ("", "nan", "NaN", "NaT", "None", "<NA>")
FLAGS = dict.fromkeys(("true", "t", "yes", "y", "1"), True)
FLAGS |= dict.fromkeys(("false", "f", "no", "n", "0"), False)
# of any ontology, also several: MONDO:0005148 || MONDO:0005812
ANY_TERM_ID = re.compile(r"[A-Za-z]+:\S+( \|\| [A-Za-z]+:\S+)*")
UNKNOWN = "unknown"
# of the CELLxGENE schema, 5 to 7; the Census has cells of the first only
TISSUE_TYPES = ("tissue", "organoid", "cell culture", "cell line", "primary cell culture")
# how schemas before 4 said so, in the tissue
NO_TISSUE = (" (organoid)", " (cell culture)")


def read_text(value: object) -> str:
    """A name: whole numbers without a fraction, no control characters, no space around it.

    Raises
    ------
    ValueError
        If it is a number with a fraction.
    """
    if isinstance(value, float | np.floating):
        if not value.is_integer():
            raise ValueError(f"{str(value)!r} is a number and no name; store the column as text")
        return str(int(value))
    text = str(value)
    if any(unicodedata.category(character)[0] == "C" for character in text):
        spaced = (" " if unicodedata.category(c)[0] == "C" else c for c in text)
        text = " ".join("".join(spaced).split())
    return text.strip()


def read_flag(value: object) -> bool:
    """A truth value, also as text or number; raises ValueError if it is neither true nor false."""
    word = read_text(value).lower()
    if word not in FLAGS:
        raise ValueError(f"{str(value)!r} is neither true nor false; write True or False")
    return FLAGS[word]


def term_ids(prefix: str = "CL") -> re.Pattern[str]:
    """How the term ids of an ontology look: those of the Cell Ontology have seven digits."""
    return re.compile(r"CL:[0-9]{7}" if prefix == "CL" else rf"{re.escape(prefix)}:\S+")


def read_cell_type(value: object, prefix: str = "CL") -> str:
    """An ontology term id, or unknown; raises ValueError if it is neither."""
    text = read_text(value)
    if text != UNKNOWN and not term_ids(prefix).fullmatch(text):
        wanted = "Cell Ontology term (CL:0000000)" if prefix == "CL" else f"term {prefix}:..."
        raise ValueError(
            f"{text!r} is no {wanted}, an id as that of selection.root; map the labels to terms "
            f"first, or to {UNKNOWN}, whose cells are left out"
        )
    return text


def read_tissue_type(value: object) -> str:
    """A tissue type of the CELLxGENE schema; raises ValueError if it is another word."""
    text = read_text(value)
    if text not in TISSUE_TYPES:
        raise ValueError(
            f"{text!r} is none of {', '.join(TISSUE_TYPES)} (CELLxGENE schema); rename the column "
            "if it means something else"
        )
    return text


Reader = Callable[[object], Any]
REQUIRED: dict[str, Reader] = {
    "cell_type_ontology_term_id": read_cell_type,
    **dict.fromkeys(("donor_id", "assay", "disease"), read_text),
}
OPTIONAL: dict[str, Reader] = {
    **dict.fromkeys(("dataset_id", "collection_id", "cell_type"), read_text),
    **dict.fromkeys(("tissue", "tissue_general", "tissue_ontology_term_id"), read_text),
    **dict.fromkeys(("tissue_general_ontology_term_id", "disease_ontology_term_id"), read_text),
    "tissue_type": read_tissue_type,
    "is_primary_data": read_flag,
}


def read_column(
    values: pd.Series, reader: Reader, where: str, fill: NDArray[Any] | None = None
) -> NDArray[np.object_]:
    """Read a column, each of its different values once; what is mended is logged.

    Parameters
    ----------
    values
        N values of any type.
    reader
        What gives the value that a value stands for, or raises ValueError.
    where
        The file and the column, for what is said.
    fill
        N values that stand in for gaps; without them gaps are refused.

    Returns
    -------
    numpy.ndarray
        object N: what the reader gives.

    Raises
    ------
    ValueError
        If there is a gap, or a value that cannot be read.
    """
    column = values.astype("category")
    categories = column.cat.categories
    # the code of a gap is -1, the last of these
    codes = column.cat.codes.to_numpy()
    n_cells = np.bincount(codes + 1, minlength=len(categories) + 1)[1:]
    read = np.full(len(categories) + 1, None, dtype=object)
    is_gap = np.array([*(_is_gap(value) for value in categories), True])
    wrong, mended = [], {}
    for position in np.flatnonzero((n_cells > 0) & ~is_gap[:-1]).tolist():
        value = categories[position]
        try:
            read[position] = reader(value)
        except ValueError as error:
            wrong.append(f"{error} ({n_cells[position]:,} cells)")
            continue
        if str(read[position]) != str(value):
            mended[f"{str(value)!r} as {str(read[position])!r}"] = n_cells[position]
    gaps = is_gap[codes]
    if gaps.any() and fill is None:
        wrong.append(f"has {gaps.sum():,} gaps; fill them, or leave these cells out of the file")
    if wrong:
        raise ValueError(f"{where} {_some(wrong, '; ')}")
    if mended:
        logger.info("%s: read %s; %d in all", where, _some(list(mended)), sum(mended.values()))
    result = read[codes]
    if fill is not None and gaps.any():
        logger.info("%s: filled %d gaps", where, gaps.sum())
        result[gaps] = fill[gaps]
    return result


def read_cells(
    obs: pd.DataFrame, path: Path, name: str, prefix: str = "CL"
) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """Read obs as the Census has it.

    Parameters
    ----------
    obs
        N cells, with the columns of `REQUIRED`, tissue or tissue_general, and any of `OPTIONAL`.
    path
        The file, for what is said.
    name
        Stands in for dataset_id (the study) and collection_id where the file has none.
    prefix
        Of the ids of cell types.

    Returns
    -------
    cells : pandas.DataFrame
        Columns of the Census and collection_id: text, is_primary_data bool. Those that are kept.
    kept : numpy.ndarray
        bool N: not those of unknown cell type, nor what is no tissue, which the Census has not.

    Raises
    ------
    ValueError
        If a column is missing or cannot be read, or no cell is left. All such columns are named.
    """
    missing = [column for column in REQUIRED if column not in obs]
    if missing:
        raise ValueError(f"{path}: obs has no column {', '.join(missing)}")
    if not {"tissue", "tissue_general"} & set(obs):
        raise ValueError(f"{path}: obs has no column tissue or tissue_general")
    columns, wrong = {}, []
    of_types: dict[str, Reader] = {
        "cell_type_ontology_term_id": partial(read_cell_type, prefix=prefix)
    }
    for column, reader in (REQUIRED | of_types | OPTIONAL).items():
        if column in obs:
            try:
                columns[column] = read_column(obs[column], reader, f"{path}: obs column {column}")
            except ValueError as error:
                wrong.append(str(error))
    if wrong:
        raise ValueError("; ".join(wrong))
    kept = _kept(columns, len(obs), path)
    cells = pd.DataFrame({column: values[kept] for column, values in columns.items()})
    terms = cells["cell_type_ontology_term_id"]
    defaults: dict[str, pd.Series | str | bool | None]
    defaults = {"dataset_id": name, "collection_id": name, "cell_type": terms}
    defaults |= {"tissue": cells.get("tissue_general"), "tissue_general": cells.get("tissue")}
    defaults |= dict.fromkeys(set(COUNTED_CATEGORIES) - set(defaults), UNKNOWN)
    defaults["is_primary_data"] = True
    # where there is no tissue_general, tissue is
    of_tissue = "tissue_general" if "tissue_general" in cells else "tissue"
    for column, value in sorted(defaults.items()):
        if column not in cells:
            cells[column] = value
    for column, source in (("tissue_general", of_tissue), ("disease", "disease")):
        ids = _term_ids(cells, source, f"{path}: obs column {source}")
        cells[f"{column}_ontology_term_id"] = ids
    cells["is_primary_data"] = cells["is_primary_data"].astype(bool)
    return cells.drop(columns=["tissue_type", "tissue_ontology_term_id"], errors="ignore"), kept


def check_organism(obs: pd.DataFrame, uns: Mapping[str, object], path: Path, organism: str) -> None:
    """Refuse cells that say that they are of another organism.

    They say so in organism or organism_ontology_term_id, in obs or, since schema 6 of CELLxGENE, in
    uns.

    Raises
    ------
    ValueError
        If one of these is another organism's, or has a gap.
    """
    label = organism_label(organism)
    expected = {"organism": label, "organism_ontology_term_id": TAXONS.get(organism, label)}
    said = False
    for place, table in (("obs column", obs), ("uns key", uns)):
        for key, own in expected.items():
            if key not in table:
                continue
            said = True
            there = pd.Series(table[key]).astype("category").cat.remove_unused_categories()
            names = [read_text(name) for name in there.cat.categories]
            names += ["a gap"] * bool(there.isna().any())
            others = sorted(other for other in names if other.lower() != own.lower())
            if others:
                raise ValueError(
                    f"{path}: {place} {key} has {', '.join(others)}, but census.organism is "
                    f"{organism} ({own}); set it to the organism of the files, or leave out other "
                    "cells"
                )
    if not said:
        logger.info("%s: names no organism, taken for %s", path, label)


def _term_ids(cells: pd.DataFrame, column: str, where: str) -> pd.Series:
    """Ontology term ids of tissues or diseases; the label stands for one that is not there."""
    if f"{column}_ontology_term_id" not in cells:
        logger.info("%s: has no ontology term ids, taken by its labels", where)
        return cells[column]
    ids = cells[f"{column}_ontology_term_id"].astype("category")
    there = ids.cat.categories.str.fullmatch(ANY_TERM_ID)[ids.cat.codes]
    if not there.all():
        logger.info(
            "%s: %d cells without an ontology term id, by their label", where, (~there).sum()
        )
    return ids.astype(object).where(there, cells[column])


def _kept(
    columns: Mapping[str, NDArray[np.object_]], n_cells: int, path: Path
) -> NDArray[np.bool_]:
    """Which cells the Census has, too."""
    out = {"of unknown cell type": columns["cell_type_ontology_term_id"] == UNKNOWN}
    if "tissue_type" in columns:
        out["of no tissue (tissue_type)"] = columns["tissue_type"] != TISSUE_TYPES[0]
    for column in {"tissue", "tissue_ontology_term_id"} & set(columns):
        values = pd.Series(columns[column], dtype="category")
        ends = values.cat.categories.str.endswith(NO_TISSUE)
        out[f"of no tissue ({column})"] = ends[values.cat.codes]
    kept = np.ones(n_cells, dtype=bool)
    for reason, mask in sorted(out.items()):
        if (kept & mask).any():
            logger.info("%s: left out %d cells %s", path, (kept & mask).sum(), reason)
        kept &= ~mask
    if not kept.any():
        raise ValueError(f"{path}: no cell left of {n_cells:,}: all are {' or '.join(sorted(out))}")
    return kept


def _is_gap(value: object) -> bool:
    return isinstance(value, str) and value.strip() in GAPS


def _some(said: list[str], separator: str = ", ") -> str:
    """The first three, and how many more."""
    more = [f"{len(said) - 3} more"] if len(said) > 3 else []
    return separator.join([*said[:3], *more])
