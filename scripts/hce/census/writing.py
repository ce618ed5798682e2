"""Writing a store that is laid out as a release of the CELLxGENE Census.

The layout, the types and the tiles are those of the Census builder for schemas 1.0.0 and 1.2.0
(chanzuckerberg/cellxgene-census, April and November 2023): strings are plain large strings, not
enumerations; X/raw is one fragment, or one a block where the counts come in blocks of rows. Added:
a checksum of each chunk, so that one that the disk has changed is refused by whoever reads it. Left
out: a second organism, and X/normalized of schema 1.2.0.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import tiledbsoma
from numpy.typing import NDArray
from scipy import sparse

from hce.census.schema import HOMO_SAPIENS, organism_label
from hce.files import ABANDONED_SECONDS, HOST, is_running, refuse_orphans

# an experiment and a measurement are collections, but the classes are siblings
Parent = tiledbsoma.Collection[Any] | tiledbsoma.Experiment | tiledbsoma.Measurement


class RowBlocks(Protocol):
    """A matrix whose rows come in blocks, float32 csr, each time that it is iterated.

    Attributes
    ----------
    shape
        Rows and columns of the whole.
    """

    @property
    def shape(self) -> tuple[int, int]: ...

    def __iter__(self) -> Iterator[sparse.csr_matrix]: ...


class DigestedBlocks:
    """Blocks of rows that are digested as they pass, so that they are read only once.

    Attributes
    ----------
    blocks
        The blocks that pass.
    nnz
        Entries of the blocks that have passed.
    """

    def __init__(self, blocks: RowBlocks) -> None:
        self.blocks = blocks
        self._start()

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the whole."""
        return self.blocks.shape

    def __iter__(self) -> Iterator[sparse.csr_matrix]:
        self._start()
        for block in self.blocks:
            block.sort_indices()
            self.nnz += int(block.nnz)
            self._add("lengths", np.diff(block.indptr), "<i8")
            self._add("columns", block.indices, "<i8")
            self._add("values", block.data, "<f4")
            yield block

    def hexdigest(self) -> str:
        """SHA-256 of what passed, whatever the blocks were: shape, row lengths, columns, values."""
        whole = hashlib.sha256(repr(self.shape).encode())
        for part in self._parts.values():
            whole.update(part.digest())
        return whole.hexdigest()

    def _start(self) -> None:
        self.nnz = 0
        self._parts = {name: hashlib.sha256() for name in ("lengths", "columns", "values")}

    def _add(self, part: str, values: NDArray, dtype: str) -> None:
        self._parts[part].update(np.ascontiguousarray(values, dtype=dtype).data)


# Census release -> version of the Census schema, version of the CELLxGENE dataset schema
SCHEMA_VERSIONS = {"2023-05-15": ("1.0.0", "3.0.0"), "2023-12-15": ("1.2.0", "3.1.0")}
COUNTED_CATEGORIES = (
    "assay",
    "cell_type",
    "disease",
    "self_reported_ethnicity",
    "sex",
    "suspension_type",
    "tissue",
    "tissue_general",
)

_CAPACITY = 2**16
_TILE = 2048
# the last filter, over what the disk holds: without it most flipped bits give other counts silently
_CHECKSUM = "ChecksumSHA256Filter"
_ZSTD_5 = ({"_type": "ZstdFilter", "level": 5}, _CHECKSUM)
_ZSTD_19 = ({"_type": "ZstdFilter", "level": 19}, _CHECKSUM)
X_OPTIONS = {
    "capacity": _CAPACITY,
    "dims": {
        "soma_dim_0": {"tile": _TILE, "filters": [*_ZSTD_5]},
        "soma_dim_1": {"tile": _TILE, "filters": ["ByteShuffleFilter", *_ZSTD_5]},
    },
    "attrs": {"soma_data": {"filters": ["ByteShuffleFilter", *_ZSTD_5]}},
    "cell_order": "row-major",
    "tile_order": "row-major",
    "allows_duplicates": True,
}


@dataclass(frozen=True)
class CensusTables:
    """The content of a release; soma_joinid is the row number of each table.

    Attributes
    ----------
    obs, var, datasets
        Tables with the release's columns, without soma_joinid.
    counts
        float32 csr, rows of obs x rows of var; or blocks of its rows, which are written one by one.
    """

    obs: pd.DataFrame
    var: pd.DataFrame
    datasets: pd.DataFrame
    counts: sparse.csr_matrix | RowBlocks


def write_store(
    folder: str | Path,
    tables: CensusTables,
    release: str,
    layout: str | None = None,
    organism: str = HOMO_SAPIENS,
) -> None:
    """Write a release; an older store in its place is replaced when the new one is complete.

    Parameters
    ----------
    folder
        The store's folder, which `cellxgene_census.open_soma(uri=folder)` opens.
    tables
        Content of the release.
    release
        For example 2023-05-15; the build date in the summary.
    layout
        Release whose schema versions the summary names; None: `release`.
    organism
        Whose cells these are, as the Census names it: the one organism of the release.

    Raises
    ------
    ValueError
        If there is no layout of this name, or the counts do not fit the tables.
    """
    layout = layout or release
    if layout not in SCHEMA_VERSIONS:
        raise ValueError(
            f"release {layout!r}: a store can be laid out as {' or '.join(SCHEMA_VERSIONS)}"
        )
    expected = (len(tables.obs), len(tables.var))
    # blocks of rows are float32 by their protocol
    dtype = getattr(tables.counts, "dtype", np.dtype(np.float32))
    if tables.counts.shape != expected or dtype != np.float32:
        raise ValueError(
            f"counts are {dtype} {tables.counts.shape}; obs and var need float32 {expected}"
        )
    census: tiledbsoma.Collection[Any]
    with (
        _replaced_folder(Path(folder)) as unfinished,
        tiledbsoma.Collection.create(str(unfinished)) as census,
    ):
        _write_info(census.add_new_collection("census_info"), tables, release, layout, organism)
        data = census.add_new_collection("census_data")
        experiment = data.add_new_collection(organism, tiledbsoma.Experiment)
        _write_table(experiment, "obs", tables.obs)
        measurements = experiment.add_new_collection("ms")
        rna = measurements.add_new_collection("RNA", tiledbsoma.Measurement)
        _write_table(rna, "var", tables.var)
        layers = rna.add_new_collection("X")
        _write_matrix(layers, "raw", tables.counts, pa.float32())
        # every gene is measured in every dataset
        presence = sparse.csr_matrix(np.ones((len(tables.datasets), len(tables.var)), dtype=bool))
        _write_matrix(rna, "feature_dataset_presence_matrix", presence, pa.bool_())


def describe_content(tables: CensusTables) -> dict[str, Any]:
    """Size and checksums of what a store holds; counts in blocks have passed as `DigestedBlocks`.

    TileDB puts the time into its own file names and files, so those never compare equal; the
    content does.

    Returns
    -------
    dict
        cells, genes, nonzero, datasets, and sha256 of obs, var, datasets and X.

    Raises
    ------
    TypeError
        If the counts are blocks that nothing has digested.
    """
    counts = tables.counts
    if isinstance(counts, DigestedBlocks):
        digest = counts.hexdigest()
    elif isinstance(counts, sparse.csr_matrix):
        digest = _matrix_digest(counts)
    else:
        raise TypeError(
            f"{type(counts).__name__}: blocks of counts are described after they were written as "
            "DigestedBlocks"
        )
    return {
        "cells": len(tables.obs),
        "genes": len(tables.var),
        "nonzero": int(counts.nnz),
        "datasets": len(tables.datasets),
        "sha256": {
            "obs": _table_digest(tables.obs),
            "var": _table_digest(tables.var),
            "datasets": _table_digest(tables.datasets),
            "X": digest,
        },
    }


def _matrix_digest(matrix: sparse.csr_matrix) -> str:
    counts = matrix.sorted_indices()
    digest = hashlib.sha256(repr(counts.shape).encode())
    for part, dtype in ((counts.indptr, "<i8"), (counts.indices, "<i8"), (counts.data, "<f4")):
        digest.update(np.ascontiguousarray(part, dtype=dtype).data)
    return digest.hexdigest()


def _table_digest(table: pd.DataFrame) -> str:
    digest = hashlib.sha256()
    for name in table:
        values = table[name].to_numpy()
        digest.update(f"{name}\0".encode())
        if values.dtype == object:
            digest.update("\0".join(values).encode())
        else:
            little_endian = values.dtype.newbyteorder("<")
            digest.update(np.ascontiguousarray(values, little_endian).data)
    return digest.hexdigest()


@contextmanager
def _replaced_folder(folder: Path) -> Iterator[Path]:
    """Give a new folder beside `folder` and move it there when the block succeeds.

    What killed writers have left is removed, and nothing of those that still write: two containers
    may have one host name and one process number, but not one namespace of processes.
    """
    here = f"{HOST}.{_process_namespace()}"
    unfinished = folder.with_name(
        f".{folder.name}.{here}.{os.getpid()}.{secrets.token_hex(4)}.part"
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    pattern = re.compile(rf"\.{re.escape(folder.name)}\.([\w-]+\.\d+)\.(\d+)\.[0-9a-f]+\.part")
    for other in folder.parent.iterdir():
        if (match := pattern.fullmatch(other.name)) and (
            not is_running(int(match[2])) if match[1] == here else _is_old(other)
        ):
            shutil.rmtree(other, ignore_errors=True)
    try:
        yield unfinished
        refuse_orphans(folder)
        if folder.exists():
            if not (folder / "__tiledb_group.tdb").exists():
                raise ValueError(f"{folder}: is there and no TileDB-SOMA store, so it is kept")
            shutil.rmtree(folder)
        unfinished.replace(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _is_old(folder: Path) -> bool:
    """Whether nothing was written there for so long that its writer must be gone."""
    newest = max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))
    return time.time() - newest > ABANDONED_SECONDS


def _process_namespace() -> int:
    """What tells the process numbers of one container from another's; 0 where there are none."""
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return 0


def _write_info(
    info: tiledbsoma.Collection, tables: CensusTables, release: str, layout: str, organism: str
) -> None:
    census_schema, dataset_schema = SCHEMA_VERSIONS[layout]
    obs = tables.obs
    summary = {
        "census_schema_version": census_schema,
        "census_build_date": release,
        "dataset_schema_version": dataset_schema,
        "total_cell_count": str(len(obs)),
        "unique_cell_count": str(int(obs["is_primary_data"].sum())),
        f"number_donors_{organism}": str(len(obs[["dataset_id", "donor_id"]].drop_duplicates())),
    }
    table = pd.DataFrame({"label": list(summary), "value": list(summary.values())})
    _write_table(info, "summary", table)
    _write_table(info, "datasets", tables.datasets)
    _write_table(info, "summary_cell_counts", _cell_counts(obs, organism))


def _cell_counts(obs: pd.DataFrame, organism: str) -> pd.DataFrame:
    """Cells and primary cells of each term of each category."""
    primary = obs["is_primary_data"].astype(np.int64)
    rows = [("all", "na", int(primary.sum()), len(obs), "na")]
    for category in COUNTED_CATEGORIES:
        term = f"{category}_ontology_term_id"
        terms = obs[term] if term in obs else pd.Series("na", index=obs.index)
        counted = primary.groupby([terms.rename("term"), obs[category].rename("label")])
        for (term_id, label), n_primary, n_cells in counted.agg(["sum", "size"]).itertuples():
            rows.append((category, term_id, int(n_primary), int(n_cells), label))
    columns = ["category", "ontology_term_id", "unique_cell_count", "total_cell_count", "label"]
    table = pd.DataFrame(rows, columns=columns)
    table.insert(0, "organism", organism_label(organism))
    return table


def _arrow_type(values: pd.Series) -> pa.DataType:
    if values.dtype == object:
        return pa.large_string()
    return pa.from_numpy_dtype(values.dtype)


def _filters(kind: pa.DataType) -> list[object]:
    """Those of a column."""
    return ["DictionaryFilter", *_ZSTD_19] if kind == pa.large_string() else [_CHECKSUM]


def _write_table(parent: Parent, name: str, table: pd.DataFrame) -> None:
    """Add a data frame indexed by soma_joinid, the row number."""
    types = {column: _arrow_type(table[column]) for column in table}
    schema = pa.schema([("soma_joinid", pa.int64()), *types.items()])
    options = {
        "capacity": _CAPACITY,
        "dims": {"soma_joinid": {"tile": _TILE, "filters": ["DoubleDeltaFilter", *_ZSTD_19]}},
        "attrs": {column: {"filters": _filters(kind)} for column, kind in types.items()},
        "offsets_filters": ["DoubleDeltaFilter", *_ZSTD_19],
        "allows_duplicates": True,
    }
    frame = parent.add_new_dataframe(
        name,
        schema=schema,
        index_column_names=["soma_joinid"],
        domain=[(0, max(len(table), 1) - 1)],
        platform_config={"tiledb": {"create": options}},
    )
    columns = [pa.array(np.arange(len(table), dtype=np.int64))]
    columns += [pa.array(table[column], kind, from_pandas=False) for column, kind in types.items()]
    frame.write(pa.Table.from_arrays(columns, schema=schema))


def _write_matrix(
    parent: Parent,
    name: str,
    matrix: sparse.csr_matrix | RowBlocks,
    kind: pa.DataType,
) -> None:
    """Add a sparse array with the values of a matrix, block by block."""
    array = parent.add_new_sparse_ndarray(
        name,
        type=kind,
        shape=matrix.shape,
        platform_config={"tiledb": {"create": X_OPTIONS}},
    )
    first = 0
    for block in [matrix] if sparse.issparse(matrix) else matrix:
        entries = block.tocoo()
        columns = {
            "soma_dim_0": entries.row.astype(np.int64) + first,
            "soma_dim_1": entries.col.astype(np.int64),
            "soma_data": pa.array(entries.data, kind),
        }
        array.write(pa.table(columns))
        first += block.shape[0]
