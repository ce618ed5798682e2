"""Raw counts of h5ad files, a block of cells at a time.

However many cells the files have, one block of them is in memory. Only a matrix that is stored by
columns (csc) is read whole: its rows lie scattered over the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from anndata.io import sparse_dataset
from numpy.typing import NDArray
from scipy import sparse

# entries of one block, 8 bytes each and some times as much while it is written; 4 M is 2,000
# cells of a whole transcriptome, one row of the store's tiles
BLOCK_ENTRIES = 2**22
SPARSE = ("csr_matrix", "csc_matrix")


@dataclass(frozen=True)
class CountsFile:
    """Where the counts of one file are.

    Attributes
    ----------
    path
        The file.
    place
        raw/X or X.
    cells
        Number of its cells.
    genes
        int64, columns that are taken, in the order of the release.
    """

    path: Path
    place: str
    cells: int
    genes: NDArray[np.int64]


class H5adCounts:
    """Counts of all cells of some files, in their order (`hce.row_blocks.RowBlocks`).

    Iterating raises ValueError where a value is no count; nothing is in memory before.
    """

    def __init__(self, files: Sequence[CountsFile]) -> None:
        self.files = list(files)

    @property
    def shape(self) -> tuple[int, int]:
        """Cells and genes."""
        return sum(file.cells for file in self.files), len(self.files[0].genes)

    def __iter__(self) -> Iterator[sparse.csr_matrix]:
        for source in self.files:
            with h5py.File(source.path) as file:
                for block in _row_blocks(file[source.place]):
                    check_counts(block.data, source.path, source.place)
                    chosen = block[:, source.genes]
                    chosen.sort_indices()
                    yield chosen


def counts_place(file: h5py.File, path: Path) -> str:
    """Where the raw counts of a file are: raw/X if there is a raw, else X.

    Raises
    ------
    ValueError
        If there is neither, or it is no matrix, or its first values are no counts.
    """
    place = "raw/X" if "raw" in file else "X"
    matrix = file.get(place)
    kind = None if matrix is None else matrix.attrs.get("encoding-type")
    if matrix is None or kind == "null":
        raise ValueError(f"{path}: no counts, neither in raw.X nor in X")
    if isinstance(matrix, h5py.Dataset) and matrix.ndim == 2:
        first = matrix[: _rows_at_once(matrix)]
    elif kind in SPARSE:
        first = matrix["data"][:BLOCK_ENTRIES]
    else:
        raise ValueError(
            f"{path}: {place.replace('/', '.')} is stored as {kind or 'no known matrix'}; write "
            "it as a csr_matrix with anndata"
        )
    check_counts(first, path, place)
    return place


def matrix_shape(matrix: h5py.Group | h5py.Dataset) -> tuple[int, int]:
    """Rows and columns of a stored matrix."""
    stored = matrix.shape if isinstance(matrix, h5py.Dataset) else matrix.attrs["shape"]
    return int(stored[0]), int(stored[1])


def check_counts(values: NDArray, path: Path, place: str) -> None:
    """Refuse values that are negative or no integers."""
    wrong = (values < 0) | (values != np.round(values))
    if wrong.any():
        raise ValueError(
            f"{path}: {place.replace('/', '.')} holds {values[wrong].flat[0]:.6g}, which is no "
            "count; the pipeline normalizes by itself, so give raw counts in raw.X or X"
        )


def _row_blocks(matrix: h5py.Group | h5py.Dataset) -> Iterator[sparse.csr_matrix]:
    """All rows of a stored matrix, float32, about `BLOCK_ENTRIES` at a time."""
    if isinstance(matrix, h5py.Dataset):
        step = _rows_at_once(matrix)
        for first in range(0, matrix.shape[0], step):
            yield sparse.csr_matrix(matrix[first : first + step], dtype=np.float32)
        return
    if matrix.attrs["encoding-type"] == "csc_matrix":
        whole = sparse_dataset(matrix).to_memory().tocsr()
        indptr, indices, data = whole.indptr, whole.indices, whole.data
    else:
        indptr, indices, data = matrix["indptr"][:], matrix["indices"], matrix["data"]
    columns = matrix_shape(matrix)[1]
    row = 0
    while row < len(indptr) - 1:
        # as many rows as the entries of a block, but at least one
        full = np.searchsorted(indptr, indptr[row] + BLOCK_ENTRIES, side="right") - 1
        end = max(int(full), row + 1)
        first, last = indptr[row], indptr[end]
        values, lengths = data[first:last].astype(np.float32), indptr[row : end + 1] - first
        parts = (values, indices[first:last], lengths)
        yield sparse.csr_matrix(parts, shape=(end - row, columns))
        row = end


def _rows_at_once(matrix: h5py.Dataset) -> int:
    return max(1, BLOCK_ENTRIES // max(1, matrix.shape[1]))
