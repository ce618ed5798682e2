"""The distributed external shuffle: pieces of a joinid range, gathered into shards.

A scatter job streams one range of soma_joinid and writes one piece, block by block: the cells of a
block ordered by (split, shuffle key). A gather job takes the cells of one slice of the key range
out of every block of every piece and orders them by key: that is a shard. Split and key depend on
nothing but the table of cells and the seed, so the shards are the same however many scatter jobs
ran. A scatter job holds one block, a gather job one shard.

Pieces live for one run only, so they are made for speed: Arrow IPC without compression, mapped
into memory. Counts take one byte; the few from 255 on stand in a list of their own. That is 3 bytes
a nonzero, as large as lz4 makes 6 of them, and costs no compression (`make bench-ingest`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from hce.files import write_atomically
from hce.sparse_rows import SparseRows

SPLIT_CODES = {"train": 0, "val": 1, "test": 2, "ood": 3}
# counts from here on are kept apart, so that the others fit one byte
LARGE = 255


def _list_of(value_type: pa.DataType) -> pa.ListType:
    return pa.list_(pa.field("element", value_type, nullable=False))


PIECE_SCHEMA = pa.schema(
    [
        pa.field("split", pa.int8(), nullable=False),
        pa.field("shuffle_key", pa.uint64(), nullable=False),
        pa.field("soma_joinid", pa.int64(), nullable=False),
        pa.field("label", pa.int16(), nullable=False),
        pa.field("genes", _list_of(pa.uint16()), nullable=False),
        pa.field("counts", _list_of(pa.uint8()), nullable=False),
        pa.field("large_counts", _list_of(pa.uint32()), nullable=False),
    ]
)


def write_piece(
    path: str | Path,
    chosen: pd.DataFrame,
    blocks: Iterator[tuple[NDArray[np.int64], SparseRows]],
) -> None:
    """Write the cells of one joinid range, each block ordered by split and shuffle key.

    Parameters
    ----------
    path
        Arrow IPC file to write.
    chosen
        Rows of the table of cells in this range, in order of soma_joinid.
    blocks
        Their counts in the same order (`hce.counts.read_counts`).

    Raises
    ------
    ValueError
        If the store does not hold exactly the cells chosen.
    """
    joinid = chosen["soma_joinid"].to_numpy()
    split = chosen["split"].astype(str).map(SPLIT_CODES).to_numpy(np.int8)
    key, label = chosen["shuffle_key"].to_numpy(), chosen["class"].to_numpy(np.int16)
    done = 0
    with (
        write_atomically(path) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, PIECE_SCHEMA) as writer,
    ):
        for block_joinid, counts in blocks:
            rows = slice(done, done + len(counts))
            if not np.array_equal(block_joinid, joinid[rows]):
                raise ValueError(f"{path}: the store gave other cells than those chosen")
            order = np.lexsort((key[rows], split[rows]))
            columns = [values[rows][order] for values in (split, key, joinid, label)]
            writer.write_batch(_pack(columns, counts, order))
            done += len(counts)
        if done != len(joinid):
            raise ValueError(f"{path}: read {done} cells, expected {len(joinid)}")


def gather_part(
    pieces: list[Path], split: str, part: int, shuffle_keys: pd.Series
) -> tuple[NDArray[np.int64], NDArray[np.int16], SparseRows]:
    """Collect the cells of one shard from all pieces, in the global order.

    Parameters
    ----------
    pieces
        Written by `write_piece`.
    split, part
        Which shard, for messages.
    shuffle_keys
        uint64, indexed by soma_joinid: the cells of the shard, all those of the split between the
        smallest and the largest of these keys.

    Returns
    -------
    tuple
        soma_joinid (int64 N), label (int16 N) and raw counts, ascending by shuffle key.

    Raises
    ------
    ValueError
        If a piece is damaged, or a cell is missing or there twice.
    """
    keys = shuffle_keys.to_numpy()
    slices = [
        found
        for path in (pieces if len(keys) else [])
        for found in _find(path, SPLIT_CODES[split], keys.min(), keys.max())
    ]
    joinid = _joined(slices, "soma_joinid", np.int64)
    if not np.array_equal(np.sort(joinid), np.sort(shuffle_keys.index.to_numpy())):
        raise ValueError(
            f"part {part} of {split}: the pieces hold {len(joinid)} cells, expected "
            f"{len(shuffle_keys)}; delete the pieces and run snakemake again"
        )
    order = np.argsort(_joined(slices, "shuffle_key", np.uint64))
    label = _joined(slices, "label", np.int16)
    return joinid[order], label[order], _gather_counts(slices, order)


@dataclass(frozen=True)
class _Slice:
    """Neighboring rows of one record batch of a piece."""

    batch: pa.RecordBatch
    first: int
    end: int

    def values(self, name: str) -> NDArray:
        return self.batch.column(name).to_numpy()[self.first : self.end]

    def lists(self, name: str) -> tuple[NDArray[np.int32], NDArray]:
        column = self.batch.column(name)
        return column.offsets.to_numpy()[self.first : self.end + 1], column.values.to_numpy()


def _find(path: Path, split: int, low: np.uint64, high: np.uint64) -> Iterator[_Slice]:
    """Rows of each block of a piece that belong to a split and lie in a range of keys."""
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        if reader.schema != PIECE_SCHEMA:
            raise pa.ArrowInvalid("it has other columns")
        batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(
            f"{path}: this piece is cut short or damaged ({error}); delete it and run snakemake "
            "again, which reads its range of the Census once more"
        ) from error
    for batch in batches:
        start, stop = np.searchsorted(batch.column("split").to_numpy(), [split, split + 1])
        keys = batch.column("shuffle_key").to_numpy()[start:stop]
        first = start + np.searchsorted(keys, low)
        end = start + np.searchsorted(keys, high, side="right")
        if end > first:
            yield _Slice(batch, first, end)


def _joined(slices: list[_Slice], name: str, dtype: type) -> NDArray:
    return np.concatenate([np.zeros(0, dtype), *(part.values(name) for part in slices)])


def _gather_counts(slices: list[_Slice], order: NDArray[np.int64]) -> SparseRows:
    sizes = np.concatenate(
        [np.zeros(0, np.int64), *(np.diff(part.lists("genes")[0]) for part in slices)]
    )
    indptr = np.concatenate([[0], np.cumsum(sizes[order])])
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    genes = np.empty(indptr[-1], dtype=np.uint16)
    counts = np.empty(indptr[-1], dtype=np.uint32)
    done = 0
    for part in slices:
        to = indptr[rank[done : done + part.end - part.first]]
        offsets, part_genes = part.lists("genes")
        small = part.lists("counts")[1]
        large_offsets, large = part.lists("large_counts")
        _unpack_rows(offsets, part_genes, small, large_offsets, large, to, genes, counts)
        done += part.end - part.first
    return SparseRows(indptr, genes, counts)


def _pack(columns: list[NDArray], counts: SparseRows, order: NDArray[np.int64]) -> pa.RecordBatch:
    """One block as a record batch, its rows in the given order."""
    offsets = np.concatenate([[0], np.cumsum(np.diff(counts.indptr)[order])]).astype(np.int32)
    genes = np.empty(offsets[-1], dtype=np.uint16)
    small = np.empty(offsets[-1], dtype=np.uint8)
    n_large = np.zeros(len(order), dtype=np.int32)
    large = np.empty(int((counts.counts >= LARGE).sum()), dtype=np.uint32)
    _pack_rows(counts.indptr, counts.genes, counts.counts, order, genes, small, n_large, large)
    large_offsets = np.concatenate([[0], np.cumsum(n_large)]).astype(np.int32)
    lists = {"genes": (offsets, genes), "counts": (offsets, small)}
    lists["large_counts"] = (large_offsets, large)
    arrays = [pa.array(values) for values in columns] + [
        pa.ListArray.from_arrays(*pair, type=PIECE_SCHEMA.field(name).type)
        for name, pair in lists.items()
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=PIECE_SCHEMA)


@numba.njit(cache=True, nogil=True)
def _pack_rows(indptr, genes, counts, order, to_genes, small, n_large, large):
    at = kept = 0
    for row in range(len(order)):
        for i in range(indptr[order[row]], indptr[order[row] + 1]):
            to_genes[at] = genes[i]
            small[at] = min(counts[i], LARGE)
            if counts[i] >= LARGE:
                large[kept] = counts[i]
                n_large[row] += 1
                kept += 1
            at += 1


@numba.njit(cache=True, nogil=True)
def _unpack_rows(offsets, genes, small, large_offsets, large, to, to_genes, to_counts):
    for row in range(len(to)):
        start, end = offsets[row], offsets[row + 1]
        to_genes[to[row] : to[row] + end - start] = genes[start:end]
        for i in range(end - start):
            to_counts[to[row] + i] = small[start + i]
        kept = large_offsets[row]
        if large_offsets[row + 1] > kept:
            for i in range(end - start):
                if small[start + i] == LARGE:
                    to_counts[to[row] + i] = large[kept]
                    kept += 1
