"""A user's AnnData file, h5ad or Zarr: where its counts are, and its cells a block at a time.

Nothing is guessed from the size of values: counts are whole numbers, and whatever else a file holds
is refused with what to do. However many cells there are, one block of them is in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from anndata.io import read_elem
from numpy.typing import NDArray
from scipy import sparse

from hce.h5ad import check_filters

# entries of a block, 8 bytes each and some times as much while it is normalized; 4 M is 2,000 cells
# of a whole transcriptome
BLOCK_ENTRIES = 2**22
# of a matrix stored by columns, whose rows are gathered in one pass over the file for each block
COLUMN_BLOCK_ENTRIES = 2**25
SPARSE = ("csr_matrix", "csc_matrix")


@dataclass(frozen=True)
class Rows:
    """Some cells in compressed rows, as they are stored.

    Attributes
    ----------
    indptr
        int64 B + 1.
    columns
        Integers, position of the gene of each entry.
    counts
        float32.
    """

    indptr: NDArray[np.int64]
    columns: NDArray[np.integer]
    counts: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.indptr) - 1


@dataclass(frozen=True)
class CellFile:
    """An open file of cells.

    Attributes
    ----------
    path
        The file, or the folder of a Zarr store.
    obs, var
        The tables of cells, and of the genes of the counts.
    place
        Where the counts are: raw/X, X or layers/NAME.
    """

    path: Path
    obs: pd.DataFrame
    var: pd.DataFrame
    place: str
    _counts: Any

    @property
    def counts_name(self) -> str:
        """The place of the counts as AnnData calls it: raw.X."""
        return _spoken(self.place)

    def blocks(self) -> Iterator[Rows]:
        """Yield all cells, in order.

        Raises
        ------
        ValueError
            If a value is no count.
        """
        for rows in _row_blocks(self._counts, (len(self.obs), len(self.var))):
            wrong = _wrong_value(rows.counts)
            if wrong is not None:
                raise ValueError(f"{self.path}: {_no_counts({self.place: wrong})}")
            yield rows


@contextmanager
def open_group(path: Path, mode: str = "r") -> Iterator[Any]:
    """Open an AnnData file: the root group of h5py or zarr.

    Parameters
    ----------
    path
        h5ad file, Zarr folder, or (mode r) a Zarr store in a zip file.
    mode
        r, or r+ to change it.

    Raises
    ------
    FileNotFoundError
        If there is nothing.
    ValueError
        If it can be read as neither.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    if path.is_dir() or path.suffix == ".zip":
        # anndata brings it along, and h5ad files need it not
        import zarr
        from zarr.storage import LocalStore, ZipStore

        store = LocalStore(path) if path.is_dir() else ZipStore(path, mode="r")
        try:
            root = zarr.open_group(store=store, mode=mode, use_consolidated=False)  # type: ignore[arg-type]
        except (OSError, KeyError) as error:
            raise ValueError(f"{path}: not a readable Zarr store ({error})") from error
        try:
            yield root
        finally:
            store.close()
        return
    try:
        file = h5py.File(path, mode)
    except OSError as error:
        raise ValueError(
            f"{path}: not a readable h5ad file ({error}); give an AnnData file, .h5ad or .zarr"
        ) from error
    with file:
        yield file


@contextmanager
def open_cells(path: Path, layer: str | None = None) -> Iterator[CellFile]:
    """Open a file of cells for reading.

    Parameters
    ----------
    path
        As for `open_group`.
    layer
        Where the raw counts are, if neither in raw.X nor in X.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no AnnData file, has no cells, or no raw counts where they are looked for.
    """
    with open_group(path) as group:
        try:
            if isinstance(group, h5py.File):
                check_filters(group, path, ("obs", "var", "raw", "X", "layers"))
            obs = _table(group, "obs", path)
            if len(obs) == 0:
                raise ValueError(f"{path}: has no cells")
            place = _counts_place(group, path, layer)
            var = _table(group, "raw/var" if place == "raw/X" else "var", path)
        except (OSError, KeyError) as error:
            raise ValueError(f"{path}: not a readable AnnData file ({error})") from error
        shape = _shape(group[place])
        if shape != (len(obs), len(var)):
            raise ValueError(
                f"{path}: {_spoken(place)} has {shape[0]:,} rows and {shape[1]:,} columns for "
                f"{len(obs):,} cells and {len(var):,} genes; the file is damaged"
            )
        yield CellFile(path, obs, var, place, group[place])


def _table(group: Any, place: str, path: Path) -> pd.DataFrame:
    if _kind(group[place]) != "dataframe":
        raise ValueError(
            f"{path}: {place} is no table (of anndata before 0.7?); read the file with scanpy and "
            "write it again"
        )
    return read_elem(group[place])


# --- where the counts are ---


def _counts_place(group: Any, path: Path, layer: str | None) -> str:
    """raw/X if it holds counts, else X if that does; with a layer, that alone."""
    layers = {name: f"layers/{name}" for name in group["layers"]} if "layers" in group else {}
    if layer is not None and layer not in layers:
        known = ", ".join(layers) or "no layers"
        raise ValueError(f"{path}: has no layer {layer!r}; there are {known}")
    places = ["raw/X", "X"] if layer is None else [layers[layer]]
    there = [place for place in places if place in group and _kind(group[place]) != "null"]
    wrong = {}
    for place in there:
        value = _wrong_value(_first_values(group[place], place, path))
        if value is None:
            return place
        wrong[place] = value
    message = _no_counts(wrong) if wrong else "no counts, neither in raw.X nor in X"
    if layer is None:
        for name, place in layers.items():
            if _wrong_value(_first_values(group[place], place, path)) is None:
                message += f". The layer {name!r} holds counts: --layer {name}"
    raise ValueError(f"{path}: {message}")


def _no_counts(wrong: dict[str, float]) -> str:
    found = " and ".join(f"{_spoken(place)} holds {value:.6g}" for place, value in wrong.items())
    return (
        f"{found}, which is no count. Give raw counts, in raw.X, X or a layer (--layer): they are "
        "normalized here as they were in training. Round them if they are counts that a tool has "
        "corrected"
    )


def _wrong_value(values: NDArray) -> float | None:
    """The first value that is negative, not finite or no integer."""
    wrong = ~((values >= 0) & (values < np.inf) & (values == np.floor(values)))
    return float(values[wrong].flat[0]) if wrong.any() else None


def _first_values(stored: Any, place: str, path: Path) -> NDArray:
    if hasattr(stored, "ndim") and stored.ndim == 2:
        return stored[: max(1, BLOCK_ENTRIES // max(1, stored.shape[1]))]
    if _kind(stored) not in SPARSE:
        raise ValueError(
            f"{path}: {_spoken(place)} is stored as {_kind(stored) or 'no known matrix'}; write "
            "the file again with anndata, as a csr_matrix"
        )
    return stored["data"][:BLOCK_ENTRIES]


def _kind(stored: Any) -> str | None:
    return stored.attrs.get("encoding-type")


def _spoken(place: str) -> str:
    return place.replace("/", ".")


def _shape(stored: Any) -> tuple[int, int]:
    rows, columns = stored.shape if hasattr(stored, "ndim") else stored.attrs["shape"]
    return int(rows), int(columns)


# --- blocks of cells ---


def _row_blocks(stored: Any, shape: tuple[int, int]) -> Iterator[Rows]:
    if hasattr(stored, "ndim"):
        step = max(1, BLOCK_ENTRIES // max(1, shape[1]))
        for first in range(0, shape[0], step):
            yield _rows(sparse.csr_matrix(stored[first : first + step]))
    elif _kind(stored) == "csr_matrix":
        indptr = stored["indptr"][:].astype(np.int64)
        for first, end in _ranges(indptr, BLOCK_ENTRIES):
            taken = slice(indptr[first], indptr[end])
            counts = stored["data"][taken].astype(np.float32, copy=False)
            yield Rows(indptr[first : end + 1] - indptr[first], stored["indices"][taken], counts)
    else:
        yield from _gathered(stored, shape)


def _gathered(stored: Any, shape: tuple[int, int]) -> Iterator[Rows]:
    """Rows of a matrix stored by columns: each block reads the file once."""
    indptr = stored["indptr"][:].astype(np.int64)
    parts = list(_ranges(indptr, BLOCK_ENTRIES))
    sizes = np.zeros(shape[0], dtype=np.int64)
    for first, end in parts:
        sizes += np.bincount(stored["indices"][indptr[first] : indptr[end]], minlength=shape[0])
    for row, row_end in _ranges(np.concatenate([[0], np.cumsum(sizes)]), COLUMN_BLOCK_ENTRIES):
        found = []
        for first, end in parts:
            taken = slice(indptr[first], indptr[end])
            cells = stored["indices"][taken]
            there = np.flatnonzero((cells >= row) & (cells < row_end))
            genes = np.searchsorted(indptr, indptr[first] + there, side="right") - 1
            counts = stored["data"][taken][there].astype(np.float32)
            found.append((counts, cells[there].astype(np.int64) - row, genes))
        counts, cells, genes = (np.concatenate(part) for part in zip(*found, strict=True))
        yield _rows(sparse.csr_matrix((counts, (cells, genes)), shape=(row_end - row, shape[1])))


def _ranges(indptr: NDArray[np.int64], entries: int) -> Iterator[tuple[int, int]]:
    """Ranges of rows with so many entries at most, but at least one row."""
    first = 0
    while first < len(indptr) - 1:
        full = int(np.searchsorted(indptr, indptr[first] + entries, side="right")) - 1
        end = max(full, first + 1)
        yield first, end
        first = end


def _rows(matrix: sparse.csr_matrix) -> Rows:
    counts = matrix.data.astype(np.float32, copy=False)
    return Rows(matrix.indptr.astype(np.int64), matrix.indices, counts)
