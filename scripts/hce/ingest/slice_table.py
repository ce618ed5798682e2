"""From the table of all selected cells to that of a slice: which cells, and what they come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hce.ingest.counts import TILE_ROWS
from hce.ingest.slice import rank_cells
from hce.names import study_names
from hce.tables import read_table

# what a slice can be limited to, and the columns of the table of cells that name it
CONTEXTS = {
    "tissues": ("tissue_ontology_term_id", "tissue"),
    "diseases": ("disease_ontology_term_id", "disease"),
    "datasets": ("dataset_id",),
}

CLASS_NAMES = ("cell_type_ontology_term_id", "cell_type")


@dataclass(frozen=True)
class Quota:
    """How many cells a slice has (section `slice` of the configuration).

    Attributes
    ----------
    cells_per_type
        Training cells of each type, at most; None for all.
    shares
        Cells of a type in the other splits, as a share of those: val, test, ood.
    min_gain, seed
        See `hce.ingest.slice.rank_cells`.
    """

    cells_per_type: int | None
    shares: dict[str, float]
    min_gain: float
    seed: int

    @classmethod
    def from_section(cls, section: Mapping[str, Any]) -> Quota:
        """Of section `slice`, whose other keys say of which cells."""
        return cls(**{field.name: section[field.name] for field in fields(cls)})

    def of(self, split: str) -> float:
        """Cells of a type in a split, at most."""
        if self.cells_per_type is None:
            return np.inf
        return max(round(self.cells_per_type * self.share(split)), 1)

    def share(self, split: str) -> float:
        """Of a split."""
        return self.shares.get(split, 1.0)


def limit_cells(
    cells: pd.DataFrame, limits: Mapping[str, Sequence[str]], datasets: pd.DataFrame
) -> pd.DataFrame:
    """Keep the cells of some tissues, diseases or datasets, and the classes that are trained there.

    Parameters
    ----------
    cells
        The table of cells.
    limits
        Values of each key of `CONTEXTS`, term ids or names; an empty list is no limit. A dataset is
        named by its id or title.
    datasets
        Tables of datasets of both releases.

    Returns
    -------
    pandas.DataFrame
        The cells that are left, without those of classes that have no training cell any more.

    Raises
    ------
    ValueError
        If a value is none of the data's, or a split or all but one class would be empty.
    """
    if not any(limits.values()):
        return cells
    keep = np.ones(len(cells), dtype=bool)
    for key, values in limits.items():
        if values:
            keep &= _matches(cells, key, values, datasets)
    kept = cells[keep]
    _check_splits(kept, limits)
    trained = np.unique(kept.loc[kept["split"] == "train", "class"])
    if len(trained) < 2:
        raise ValueError(
            f"slice: {len(trained)} cell types have training cells in {_said(limits)}; at least "
            "two are needed: name more tissues, diseases or datasets"
        )
    kept = kept[kept["class"].isin(trained)]
    _check_splits(kept, limits)
    return _renumber(kept, trained)


def slice_cells(cells: pd.DataFrame, quota: Quota) -> pd.DataFrame:
    """Take the first cells of each type and split.

    Parameters
    ----------
    cells
        The table of cells, as `limit_cells` leaves it.
    quota
        How many.

    Returns
    -------
    pandas.DataFrame
        The cells of the slice, with a column slice_rank (int32): place of the cell in its type and
        split; the slice of fewer cells a type has the cells of the first places. All cells as they
        are, if all are wanted.

    Raises
    ------
    ValueError
        If a class or a split gets no cell.
    """
    if quota.cells_per_type is None:
        return cells
    names = cells["split"].cat.categories
    shares = {split: quota.share(split) for split in names}
    ranks = rank_cells(cells, shares, quota.cells_per_type, quota.min_gain, quota.seed)
    most = np.array([quota.of(split) for split in names])[cells["split"].cat.codes]
    chosen = (ranks > 0) & (ranks <= most)
    taken = cells[chosen].assign(slice_rank=ranks[chosen])
    n_classes = len(cells["cell_type"].cat.categories)
    trained = np.bincount(taken.loc[taken["split"] == "train", "class"], minlength=n_classes)
    if (trained == 0).any():
        empty = cells["cell_type"].cat.categories[trained == 0]
        raise ValueError(
            f"slice: no training cell of {', '.join(empty[:5])} ({len(empty)} cell types): its "
            f"cells lie in tiles that slice.min_gain {quota.min_gain:g} calls not worth reading; "
            "lower slice.min_gain, or raise selection.min_cells"
        )
    _check_splits(taken, {})
    return taken


def read_selected(path: Path) -> pd.DataFrame:
    """Read what `limit_cells`, `slice_cells` and `describe_slice` need of the table of cells.

    One column at a time, as the rest of it afterwards: 28 million rows at once need 6 GB.
    """
    names = ["soma_joinid", "split", "class", *CLASS_NAMES, "dataset_id", "donor"]
    names += [name for name in ("tissue", "disease") for name in (f"{name}_ontology_term_id", name)]
    return pd.DataFrame({name: read_table(path, columns=[name])[name] for name in names})


def read_taken(path: Path, taken: pd.DataFrame) -> pd.DataFrame:
    """Complete the cells of a slice with the other columns of the table that it was taken from.

    Parameters
    ----------
    path
        The table.
    taken
        What `slice_cells` gives; its index is the place of the cells in the table.

    Returns
    -------
    pandas.DataFrame
        All columns in the order of the table, then slice_rank; categories that do not occur are
        left out, but those of splits and classes.
    """
    columns = {}
    for name in pq.read_schema(path).names:
        if name in taken:
            column = taken[name]
        else:
            column = read_table(path, columns=[name])[name].iloc[taken.index]
        if isinstance(column.dtype, pd.CategoricalDtype) and name not in ("split", *CLASS_NAMES):
            column = column.cat.remove_unused_categories()
        columns[name] = column.array
    columns |= {name: taken[name].array for name in taken if name not in columns}
    return pd.DataFrame(columns)


def describe_slice(cells: pd.DataFrame, taken: pd.DataFrame, quota: Quota) -> pd.DataFrame:
    """What a slice holds of each type and split, and what it was to hold.

    Returns
    -------
    pandas.DataFrame
        One row a split and class: split, ontology_term_id, cell_type, available (cells of the
        selection), wanted, cells, donors, datasets.
    """
    keys = ["split", "class"]
    splits, n_types = cells["split"].cat.categories, len(cells["cell_type"].cat.categories)
    # by codes: a groupby of 28 million rows needs gigabytes
    code = cells["split"].cat.codes.to_numpy(np.int32) * n_types + cells["class"].to_numpy()
    available = np.bincount(code, minlength=len(splits) * n_types)
    places = pd.MultiIndex.from_product(
        [pd.CategoricalIndex(splits, splits), range(n_types)], names=keys
    )
    table = pd.DataFrame({"available": available}, index=places)
    groups = taken.groupby(keys, observed=True)
    table["cells"] = groups.size()
    for name, column in (("donors", "donor"), ("datasets", "dataset_id")):
        table[name] = groups[column].nunique()
    table = table[table["available"] > 0].fillna(0).astype(int).reset_index()
    split = table["split"].astype(str)
    most = split.map({name: quota.of(name) for name in split.unique()})
    table.insert(3, "wanted", np.minimum(table["available"], most).astype(int))
    for name, column in (
        ("cell_type", "cell_type"),
        ("ontology_term_id", "cell_type_ontology_term_id"),
    ):
        table.insert(1, name, cells[column].cat.categories[table["class"]])
    return table.drop(columns="class").assign(split=split)


def tiles_of(cells: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Tiles of each release that the cells lie in, and tiles from the first cell to the last."""
    ood = (cells["split"] == "ood").to_numpy()
    found = {}
    for release, rows in (("train", ~ood), ("ood", ood)):
        tiles = np.unique(cells["soma_joinid"].to_numpy()[rows] // TILE_ROWS)
        found[release] = (len(tiles), int(tiles[-1]) + 1 if len(tiles) else 0)
    return found


def _matches(
    cells: pd.DataFrame, key: str, values: Sequence[str], datasets: pd.DataFrame
) -> NDArray[np.bool_]:
    """Which cells have one of some term ids or names."""
    columns = [cells[name].cat for name in CONTEXTS[key]]
    names = [(column, column.categories.astype(str)) for column in columns]
    if key == "datasets":
        ids = columns[0].categories
        last = datasets.drop_duplicates("dataset_id", keep="last").set_index("dataset_id")
        titles = [study_names(datasets), *(last[name] for name in last if name == "dataset_title")]
        names += [(columns[0], pd.Index(title.reindex(ids).fillna(""))) for title in titles]
    keep = np.zeros(len(cells), dtype=bool)
    for value in values:
        found = [(column, np.flatnonzero(known == value)) for column, known in names]
        if not any(len(codes) for _, codes in found):
            every = sorted({str(name) for _, known in names for name in known} - {""})
            # names before ids, which nobody remembers
            names_first = sorted(every, key=lambda name: ":" in name)
            close = get_close_matches(value, every, n=3, cutoff=0.5) or names_first[:8]
            raise ValueError(
                f"slice.{key}: no selected cell has {value!r}; there are {', '.join(close)}"
                f"{'' if len(close) == len(every) else ' and others'}"
            )
        for column, codes in found:
            keep |= np.isin(column.codes.to_numpy(), codes)
    return keep


def _said(limits: Mapping[str, Sequence[str]]) -> str:
    """The limits, for a message."""
    given = [f"slice.{key} {', '.join(values)}" for key, values in limits.items() if values]
    return " with ".join(given) or "the selected cells"


def _check_splits(cells: pd.DataFrame, limits: Mapping[str, Sequence[str]]) -> None:
    sizes = cells["split"].value_counts()
    for split, size in sizes.items():
        if size == 0:
            raise ValueError(
                f"slice: no cell of split {split} in {_said(limits)}; name more tissues, diseases "
                "or datasets"
            )


def _renumber(cells: pd.DataFrame, classes: NDArray[np.int64]) -> pd.DataFrame:
    """Number some classes from 0, in their order, in every column that names them."""
    code = np.full(len(cells["cell_type"].cat.categories), -1, dtype=np.int16)
    code[classes] = np.arange(len(classes))
    label = code[cells["class"].to_numpy()]
    kept = {name: cells[name].cat.categories[classes] for name in CLASS_NAMES}
    cells = cells.assign(**{"class": label})
    for name, names in kept.items():
        cells[name] = pd.Categorical.from_codes(label, names)
    return cells
