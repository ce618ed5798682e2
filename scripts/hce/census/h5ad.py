"""A user's own h5ad files as a release with the layout of the CELLxGENE Census.

Files follow the CELLxGENE schema as far as the pipeline needs it: raw counts, ontology term ids of
the cell types, donors. Whatever would have to be guessed is refused. Counts are read a block of
cells at a time, however many cells the files have; only a matrix that is stored by columns (csc) is
read whole, since its rows lie scattered over the file.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from anndata.io import read_elem, sparse_dataset
from numpy.typing import NDArray
from scipy import sparse

from hce.census.obs import check_organism, read_cells, read_column, read_text
from hce.census.schema import HOMO_SAPIENS
from hce.census.writing import CensusTables
from hce.h5ad import OTHER_SPECIES, check_filters, without_version

# entries of one block, 8 bytes each and some times as much while it is written; 4 M is 2,000
# cells of a whole transcriptome, one row of the store's tiles
BLOCK_ENTRIES = 2**22
SPARSE = ("csr_matrix", "csc_matrix")
ORGANISM = ("organism", "organism_ontology_term_id")
# share of a file's genes that all files must have
LEAST_GENES = 0.5

logger = logging.getLogger(__name__)


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
        bool, which of its rows are taken.
    genes
        int64, columns that are taken, in the order of the release.
    """

    path: Path
    place: str
    cells: NDArray[np.bool_]
    genes: NDArray[np.int64]


class H5adCounts:
    """Counts of all cells of some files, in their order (`hce.census.writing.RowBlocks`).

    Entries of one cell and gene are added up. Iterating raises ValueError where a value is no count
    or cannot be read; nothing is in memory before.
    """

    def __init__(self, files: Sequence[CountsFile], fractional_counts: str) -> None:
        self.files, self.fractional_counts = list(files), fractional_counts

    @property
    def shape(self) -> tuple[int, int]:
        """Cells and genes."""
        return sum(int(file.cells.sum()) for file in self.files), len(self.files[0].genes)

    def __iter__(self) -> Iterator[sparse.csr_matrix]:
        for source in self.files:
            fractional = summed = 0
            with _open(source.path) as file:
                first = 0
                for block in _row_blocks(file[source.place]):
                    check_counts(block.data, source.path, source.place, self.fractional_counts)
                    taken = source.cells[first : first + block.shape[0]]
                    first += block.shape[0]
                    chosen = (block if taken.all() else block[taken])[:, source.genes]
                    entries = chosen.nnz
                    chosen.sum_duplicates()
                    summed += entries - chosen.nnz
                    at = np.flatnonzero(chosen.data != np.floor(chosen.data))
                    fractional += len(np.unique(np.searchsorted(chosen.indptr, at, side="right")))
                    yield chosen
            if summed:
                logger.info(
                    "%s: added %d entries to another of the same cell and gene", source.path, summed
                )
            if fractional:
                logger.info(
                    "%s: %d cells have counts that are no integers, kept as they are",
                    source.path,
                    fractional,
                )


@contextmanager
def _open(path: Path) -> Iterator[h5py.File]:
    """Open a file; what HDF5 says of it is said with its name."""
    try:
        with h5py.File(path) as file:
            yield file
    except (OSError, KeyError) as error:
        raise ValueError(f"{path}: not a readable h5ad file ({error})") from error


def counts_place(file: h5py.File, path: Path, fractional_counts: str = "refuse") -> str:
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
        first = matrix[: max(1, BLOCK_ENTRIES // max(1, matrix.shape[1]))]
    elif kind in SPARSE:
        first = matrix["data"][:BLOCK_ENTRIES]
    else:
        raise ValueError(
            f"{path}: {place.replace('/', '.')} is stored as {kind or 'no known matrix'}; write "
            "it as a csr_matrix with anndata"
        )
    check_counts(first, path, place, fractional_counts)
    return place


def check_counts(values: NDArray, path: Path, place: str, fractional_counts: str) -> None:
    """Refuse values that are negative, not finite or, unless they shall be kept, no integers."""
    impossible = ~((values >= 0) & (values < np.inf))
    wrong = impossible
    if fractional_counts == "refuse":
        wrong = impossible | (values != np.round(values))
    if wrong.any():
        remedy = "the pipeline normalizes by itself, so give raw counts in raw.X or X"
        if not impossible.any():
            remedy += "; or set census.fractional_counts to keep if these are raw"
        raise ValueError(
            f"{path}: {place.replace('/', '.')} holds {values[wrong].flat[0]:.6g}, which is no "
            f"count; {remedy}"
        )


def _row_blocks(stored: h5py.Group | h5py.Dataset) -> Iterator[sparse.csr_matrix]:
    """All rows of a stored matrix, float32, about `BLOCK_ENTRIES` at a time."""
    matrix = _opened(stored)
    if isinstance(stored, h5py.Dataset):
        indptr = np.arange(stored.shape[0] + 1) * stored.shape[1]
    elif stored.attrs["encoding-type"] == "csc_matrix":
        matrix = matrix.to_memory().tocsr()
        indptr = matrix.indptr
    else:
        indptr = stored["indptr"][:]
    row = 0
    while row < len(indptr) - 1:
        # as many rows as the entries of a block, but at least one
        full = np.searchsorted(indptr, indptr[row] + BLOCK_ENTRIES, side="right") - 1
        end = max(int(full), row + 1)
        yield sparse.csr_matrix(matrix[row:end], dtype=np.float32)
        row = end


def _opened(stored: h5py.Group | h5py.Dataset) -> Any:
    """A stored matrix, of which rows are read as they are asked for."""
    return stored if isinstance(stored, h5py.Dataset) else sparse_dataset(stored)


def file_names(paths: Sequence[Path], others: Sequence[Path] = ()) -> list[str]:
    """Name files by as much of the end of their paths as tells them apart.

    Parameters
    ----------
    paths
        Files to name.
    others
        Files of the other release, which must have other names.

    Returns
    -------
    list of str
        filtered for data/filtered.h5ad; a/filtered if there is b/filtered.h5ad, too.

    Raises
    ------
    ValueError
        If one of `paths` is there twice: its cells would be.
    """
    files = [path.resolve() for path in paths]
    for position, file in enumerate(files):
        if file in files[:position]:
            raise ValueError(f"{paths[position]}: is listed twice; each file gives its cells once")
    # a link keeps its name
    places = [path.parent.resolve() / path.name for path in (*paths, *others)]
    ends = {place: place.with_suffix("").parts for place in places}
    names = []
    for place in places[: len(paths)]:
        rest = [parts for other, parts in ends.items() if other != place]
        depth = 1
        while any(parts[-depth:] == ends[place][-depth:] for parts in rest):
            depth += 1
            if depth > len(place.parts):
                raise ValueError(f"{place}: another file differs by its suffix only; rename one")
        names.append("/".join(ends[place][-depth:]))
    return names


def read_release(
    paths: Sequence[Path],
    organism: str = HOMO_SAPIENS,
    others: Sequence[Path] = (),
    fractional_counts: str = "refuse",
    prefix: str = "CL",
) -> CensusTables:
    """Read h5ad files into the tables of one release.

    Parameters
    ----------
    paths
        Files in the order of their cells. obs is read by `hce.census.obs.read_cells`: dataset_id
        (the study) and collection_id default to the file's name (`file_names`), cell_type (the
        label) to the term id, the term ids of tissue and disease to their labels, is_primary_data
        to true. var is indexed by gene id, Ensembl's with or
        without version, with feature_name (symbol) if there is one. Raw counts lie in raw.X or X.
    organism
        Whose cells these are, as the Census names it; see `hce.census.obs.check_organism`.
    others
        Files of the other release: no two files of both share a name (`file_names`).
    fractional_counts
        refuse or keep those that are no integers.
    prefix
        Of the ids of cell types.

    Returns
    -------
    CensusTables
        Genes that all files have, in the order of the first. The tables are in memory; the counts
        are `H5adCounts`, which are read when they are iterated.

    Raises
    ------
    ValueError
        If a file has no counts, lacks a column or a value, has a cell type that is no ontology
        term id, cells of another organism, genes twice, or shares less than half of its genes. Of
        the counts the first of each file are checked here, the others when they are read.
    """
    names = file_names(paths, others)
    parts = [
        _read_file(Path(path), name, organism, fractional_counts, prefix)
        for path, name in zip(paths, names, strict=True)
    ]
    genes = _common_genes(parts)
    files = [part.counts_of(genes["feature_id"]) for part in parts]
    counts = H5adCounts(files, fractional_counts)
    obs = pd.concat([part.obs for part in parts], ignore_index=True)
    return CensusTables(
        obs.drop(columns="collection_id"), genes.reset_index(drop=True), _datasets(obs), counts
    )


@dataclass(frozen=True)
class _FileTables:
    """What is read of a file at first: its cells and which rows they are, var, where X is."""

    path: Path
    obs: pd.DataFrame
    kept: NDArray[np.bool_]
    var: pd.DataFrame
    place: str

    def counts_of(self, genes: pd.Series) -> CountsFile:
        position = pd.Series(np.arange(len(self.var)), index=self.var["feature_id"])
        return CountsFile(self.path, self.place, self.kept, position[genes].to_numpy())


def _read_file(
    path: Path, name: str, organism: str, fractional_counts: str, prefix: str
) -> _FileTables:
    with _open(path) as file:
        raw = "raw" in file
        check_filters(file, path, ("obs", "raw/var", "raw/X") if raw else ("obs", "var", "X"))
    try:
        with h5py.File(path) as file:
            # anndata would read the layers and embeddings, too
            obs = read_elem(file["obs"])
            place = "raw/var" if "raw" in file else "var"
            names = read_elem(file[place])
            uns = {key: read_elem(file["uns"][key]) for key in ORGANISM if f"uns/{key}" in file}
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"{path}: not a readable h5ad file ({error})") from error
    if not (isinstance(obs, pd.DataFrame) and isinstance(names, pd.DataFrame)):
        raise ValueError(
            f"{path}: not a readable h5ad file (of anndata before 0.7; write it again with anndata)"
        )
    with _open(path) as file:
        place = counts_place(file, path, fractional_counts)
        shape = _opened(file[place]).shape
    if shape != (len(obs), len(names)):
        raise ValueError(
            f"{path}: {place.replace('/', '.')} has {shape[0]:,} rows and {shape[1]:,} columns for "
            f"{len(obs):,} cells and {len(names):,} genes; the file is damaged"
        )
    check_organism(obs, uns, path, organism)
    var = _genes(names, path)
    others = var["feature_id"].str.match(OTHER_SPECIES)
    if organism == HOMO_SAPIENS and others.mean() > 0.5:
        raise ValueError(
            f"{path}: {others.sum():,} of {len(var):,} genes ({var['feature_id'][others].iloc[0]}, "
            f"...) are of another organism than census.organism, {organism}; set it to that of the "
            "files"
        )
    return _FileTables(path, *read_cells(obs, path, name, prefix), var, place)


def _common_genes(parts: Sequence[_FileTables]) -> pd.DataFrame:
    """Genes that all files have, in the order of the first: at least half of each file's."""
    genes = parts[0].var
    for part in parts:
        genes = genes[genes["feature_id"].isin(part.var["feature_id"])]
        if genes.empty:
            raise ValueError(
                f"{part.path}: no gene in common with the files before it; the index of var must "
                "hold the same kind of gene ids in all files"
            )
    for part in parts:
        there = part.var["feature_id"]
        logger.info("%s: %d of %d genes are in all files", part.path, len(genes), len(there))
        if len(genes) < LEAST_GENES * len(there):
            shared = {other.path: there.isin(other.var["feature_id"]).sum() for other in parts}
            fewest = min(shared, key=lambda path: shared[path])
            raise ValueError(
                f"{part.path}: only {len(genes):,} of its {len(there):,} genes ({there.iloc[0]}, "
                f"...) are in all files, and {shared[fewest]:,} in {fewest}; the index of var must "
                "hold the same kind of gene ids in all files: leave out a file of few genes, or "
                "the genes that only the others have"
            )
    return genes


def read_gene_id(value: object) -> str:
    """A gene id without the version of Ensembl: ENSG00000000003 for ENSG00000000003.15."""
    return without_version(read_text(value))


def _genes(names: pd.DataFrame, path: Path) -> pd.DataFrame:
    """feature_id and feature_name, as text; the id stands in for a symbol that is not there."""
    ids = read_column(names.index.to_series(), read_gene_id, f"{path}: the index of var")
    var = pd.DataFrame({"feature_id": ids, "feature_name": ids})
    if "feature_name" in names:
        where = f"{path}: var column feature_name"
        var["feature_name"] = read_column(names["feature_name"], read_text, where, fill=ids)
    twice = var["feature_id"].duplicated()
    if twice.any():
        gene = var.loc[twice, "feature_id"].iloc[0]
        spelled = ", ".join(names.index[var["feature_id"] == gene].astype(str))
        raise ValueError(
            f"{path}: gene {gene} occurs twice in var ({spelled}); add the counts up, or leave one "
            "out"
        )
    return var


def _datasets(obs: pd.DataFrame) -> pd.DataFrame:
    """The table of datasets (the studies): the collection of each, and its cells."""
    table = obs.groupby("dataset_id", as_index=False).agg(
        collection_id=("collection_id", "first"),
        collection_name=("collection_id", "first"),
        dataset_title=("dataset_id", "first"),
        dataset_total_cell_count=("collection_id", "size"),
        collections=("collection_id", "nunique"),
    )
    divided = table.loc[table.pop("collections") > 1, "dataset_id"]
    if len(divided):
        raise ValueError(
            f"dataset {divided.iloc[0]} lies in two collections (collection_id); give each study a "
            "dataset_id of its own"
        )
    return table
