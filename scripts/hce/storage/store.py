"""A shard on disk: AnnData in Zarr v3, all of it in one zip file that any reader of either opens.

    X     csr_matrix, cells x genes: positions of genes and raw counts, each of the smallest type
    obs   soma_joinid, label (class index), split
    var   feature_id (the index), feature_name

A chunk is compressed by blosc and carries its CRC-32C. One file, because AnnData spreads a shard
over two dozen and a cluster's file system minds millions. What was measured: docs/performance.md.
"""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from numpy.typing import DTypeLike, NDArray
from zarr.buffer.cpu import NDBuffer
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.storage import ZipStore

from hce.storage.rows import Counts, SparseRows

if TYPE_CHECKING:
    import pandas as pd
    from zarr.buffer.cpu import Buffer

# entries of a chunk, on each of which zarr spends half a millisecond, and bytes of a blosc block,
# which stays in a processor's second cache
CHUNK, BLOCK = 2**20, 2**18
COMPRESSORS = (
    BloscCodec(cname="zstd", clevel=1, shuffle="shuffle", blocksize=BLOCK),
    Crc32cCodec(),
)
# what scipy and anndata can compute with, where the positions of the genes need more than 16 bits
WIDE_POSITIONS = np.dtype(np.int32)
VERSIONS = {
    "anndata": "0.1.0",
    "csr_matrix": "0.1.0",
    "dataframe": "0.2.0",
    "array": "0.2.0",
    "string-array": "0.2.0",
    "categorical": "0.2.0",
}


def position_type(n_genes: int) -> np.dtype:
    """The type of the positions of so many genes."""
    return np.dtype(np.uint16) if n_genes <= 2**16 else WIDE_POSITIONS


def count_type(counts: Counts | NDArray) -> np.dtype:
    """The smallest type that holds counts: uint16, uint32, or float32 for fractions."""
    values = counts.large if isinstance(counts, Counts) else counts
    largest = values.max(initial=0)
    if largest >= 2**32 or not np.array_equal(values, np.floor(values)):
        return np.dtype(np.float32)
    return np.dtype(np.uint16 if largest < 2**16 else np.uint32)


def write_store(
    path: Path,
    soma_joinid: NDArray[np.int64],
    label: NDArray[np.int16],
    counts: SparseRows,
    split: str,
    genes: pd.DataFrame,
) -> None:
    """Write a shard (`hce.shards.write_shard`); equal cells give equal bytes."""
    shape = [len(counts), len(genes)]
    # in the order given, whatever the machine: chunks lie in the file as they are finished
    with zarr.config.set({"async.concurrency": 1}), _DatelessZip(path, mode="w") as store:
        root = zarr.create_group(store=store, attributes=_encoding("anndata"))
        x = root.create_group("X", attributes=_encoding("csr_matrix") | {"shape": shape})
        _write(x, "indptr", counts.indptr, np.int64)
        _write(x, "indices", counts.genes, position_type(len(genes)))
        _write(x, "data", counts.counts, count_type(counts.counts))
        obs = _data_frame(root, "obs", ["soma_joinid", "label", "split"])
        _write_text(obs, "_index", soma_joinid.astype(str))
        _write(obs, "soma_joinid", soma_joinid, np.int64, _encoding("array"))
        _write(obs, "label", label, np.int16, _encoding("array"))
        attributes = _encoding("categorical") | {"ordered": False}
        category = obs.create_group("split", attributes=attributes)
        _write(category, "codes", np.zeros(len(label)), np.int8, _encoding("array"))
        _write_text(category, "categories", np.array([split]))
        var = _data_frame(root, "var", ["feature_name"], index="feature_id")
        for name in ("feature_id", "feature_name"):
            _write_text(var, name, genes[name].to_numpy(str))


@dataclass(frozen=True)
class StoredShard:
    """The size of a shard that is open for reading, and its arrays, not read yet."""

    n_cells: int
    n_genes: int
    soma_joinid: zarr.Array
    label: zarr.Array
    indptr: zarr.Array
    indices: zarr.Array
    data: zarr.Array


@contextmanager
def open_store(path: Path) -> Iterator[StoredShard]:
    """Open a shard for reading.

    Raises
    ------
    ValueError, KeyError, TypeError
        If it is no AnnData of this layout.
    """
    store = ZipStore(path, mode="r")
    root = zarr.open_group(store=store, mode="r")
    with store:  # not before it is open: it cannot be closed otherwise
        n_cells, n_genes = np.array(root["X"].attrs["shape"], dtype=np.int64).tolist()
        of_cells = [_array(root, f"obs/{name}") for name in ("soma_joinid", "label")]
        of_counts = [_array(root, f"X/{name}") for name in ("indptr", "indices", "data")]
        yield StoredShard(n_cells, n_genes, *of_cells, *of_counts)


def read_gene_names(path: Path) -> tuple[list[str], list[str]]:
    """Return feature_id and feature_name of the genes of a shard, in order.

    Raises
    ------
    ValueError, KeyError, TypeError
        If it is no AnnData of this layout.
    """
    store = ZipStore(path, mode="r")
    root = zarr.open_group(store=store, mode="r")
    with store:
        arrays = [_array(root, f"var/{name}") for name in ("feature_id", "feature_name")]
        ids, symbols = (np.asarray(array[:]).tolist() for array in arrays)
    return ids, symbols


def _array(root: zarr.Group, name: str) -> zarr.Array:
    array = root[name]
    if not isinstance(array, zarr.Array):
        raise TypeError(f"{name} is no array")
    return array


def read_arrays(pairs: Sequence[tuple[zarr.Array, NDArray]]) -> None:
    """Decode each array of a shard into memory that is there.

    In an event loop of the calling thread's own: in zarr's, of which a process has one, threads
    would wait for each other. A thread that runs a loop already, as a notebook's, cannot call this.
    """
    asyncio.run(_read_arrays(pairs))


async def _read_arrays(pairs: Sequence[tuple[zarr.Array, NDArray]]) -> None:
    # one more thread for a shard; by default each would start one for every core
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    for array, out in pairs:
        if array.shape != out.shape:
            raise ValueError(f"{array.path} has {array.shape[0]} items where {len(out)} belong")
        # zarr reads a chunk that is not there as zeros
        if await array.async_array.nchunks_initialized() != array.nchunks:
            raise ValueError(f"{array.path} lacks a chunk")
        if len(out):
            buffer = NDBuffer.from_numpy_array(out)
            await array.async_array.get_orthogonal_selection((slice(None),), out=buffer)


class _DatelessZip(ZipStore):
    """A zip file in which nothing depends on when it was written."""

    def _set(self, key: str, value: Buffer) -> None:  # type: ignore[override]
        entry = zipfile.ZipInfo(key)
        entry.external_attr = 0o644 << 16
        self._zf.writestr(entry, value.to_bytes())


def _encoding(name: str) -> dict[str, Any]:
    return {"encoding-type": name, "encoding-version": VERSIONS[name]}


def _data_frame(
    root: zarr.Group, name: str, columns: list[str], index: str = "_index"
) -> zarr.Group:
    attributes = _encoding("dataframe") | {"column-order": columns, "_index": index}
    return root.create_group(name, attributes=attributes)


def _write(
    group: zarr.Group,
    name: str,
    values: Counts | NDArray,
    dtype: DTypeLike,
    attributes: dict[str, Any] | None = None,
) -> None:
    """Write an array chunk by chunk, widened or narrowed on the way."""
    array = _create(group, name, len(values), dtype, attributes)
    for start in range(0, len(values), CHUNK):
        end = min(start + CHUNK, len(values))
        if isinstance(values, Counts):
            array[start:end] = values.part(start, end).wide(dtype)
        else:
            array[start:end] = values[start:end].astype(dtype, copy=False)


def _write_text(group: zarr.Group, name: str, values: NDArray) -> None:
    array = _create(group, name, len(values), str, _encoding("string-array"))
    array[...] = values.astype(np.dtypes.StringDType())


def _create(
    group: zarr.Group,
    name: str,
    n_items: int,
    dtype: DTypeLike,
    attributes: dict[str, Any] | None,
) -> zarr.Array:
    return group.create_array(
        name,
        shape=(n_items,),
        chunks=(min(max(n_items, 1), CHUNK),),
        dtype=dtype,
        compressors=COMPRESSORS,
        attributes=attributes,
        config={"write_empty_chunks": True},
    )
