"""The distributed external shuffle: pieces of a joinid range, gathered into shards.

A scatter job streams one range of soma_joinid and writes one piece, block by block: the cells of a
block ordered by (split, shuffle key). A gather job takes the cells of one slice of the key range
out of every block of every piece and orders them by key: that is a shard. Split and key depend on
nothing but the table of cells and the seed, so the shards are the same however many scatter jobs
ran. A scatter job holds one block, a gather job one shard.

Pieces live for one run only, so they are made for speed: Arrow IPC without compression, mapped
into memory. Counts take one byte; the few from 255 on, and fractions, stand in lists of their own,
with their positions in the cell. That is 3 bytes a nonzero, as large as lz4 makes 6 of them, and
costs no compression (`make bench-ingest`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from hce.atlas import SPLITS
from hce.compiled import compiled
from hce.files import write_atomically
from hce.memory import Scratch
from hce.storage.rows import Counts, SparseRows

# of a block and all before it, in the metadata of its record batch
CHECKSUM = b"crc32"
SPLIT_CODES = {split: code for code, split in enumerate(SPLITS)}


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
        pa.field("large_at", _list_of(pa.uint16()), nullable=False),
        pa.field("large_counts", _list_of(pa.float64()), nullable=False),
    ]
)


def order_blocks(chosen: pd.DataFrame, block: NDArray[np.int64]) -> pd.DataFrame:
    """Order cells by block, split and shuffle key, so that a gather finds them in one slice.

    Parameters
    ----------
    chosen
        Rows of the table of cells: soma_joinid, split, class, shuffle_key.
    block
        int64 N, the block in which each is read (`hce.ingest.counts.block_of`).
    """
    split = chosen["split"].astype(str).map(SPLIT_CODES).to_numpy()
    return chosen.iloc[np.lexsort((chosen["shuffle_key"].to_numpy(), split, block))]


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
        Rows of the table of cells in this range, as `order_blocks` orders them.
    blocks
        Their counts in the same order (`hce.ingest.counts.read_counts`).

    Raises
    ------
    ValueError
        If the store does not hold exactly the cells chosen.
    """
    joinid = chosen["soma_joinid"].to_numpy()
    split = chosen["split"].astype(str).map(SPLIT_CODES).to_numpy(np.int8)
    key, label = chosen["shuffle_key"].to_numpy(), chosen["class"].to_numpy(np.int16)
    done, checksum = 0, 0
    with (
        write_atomically(path) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, PIECE_SCHEMA) as writer,
    ):
        for block_joinid, counts in blocks:
            rows = slice(done, done + len(counts))
            if not np.array_equal(block_joinid, joinid[rows]):
                raise ValueError(f"{path}: the store gave other cells than those chosen")
            columns = [values[rows] for values in (split, key, joinid, label)]
            batch = _pack(columns, counts)
            checksum = _add_checksum(batch, checksum)
            writer.write_batch(batch, custom_metadata={CHECKSUM: str(checksum)})
            done += len(counts)
        if done != len(joinid):
            raise ValueError(f"{path}: read {done} cells, expected {len(joinid)}")


def verify_piece(path: Path) -> None:
    """Read a whole piece and compare it with the checksums of its writer; Arrow has none.

    Raises
    ------
    ValueError
        If a bit of it has changed.
    """
    checksum = 0
    with _piece(path) as (_, reader):
        for number in range(reader.num_record_batches):
            batch, metadata = reader.get_batch_with_custom_metadata(number)
            batch.validate(full=True)
            if any(column.null_count for column in batch.columns):
                raise pa.ArrowInvalid(f"block {number} has gaps")
            checksum = _add_checksum(batch, checksum)
            if metadata is None or metadata.get(CHECKSUM) != str(checksum).encode():
                raise pa.ArrowInvalid(f"block {number} has another checksum")


def _add_checksum(batch: pa.RecordBatch, checksum: int) -> int:
    """CRC-32 of all blocks so far and this one."""
    for column in batch.columns:
        for buffer in filter(None, column.buffers()):
            checksum = zlib.crc32(buffer, checksum)
    return checksum


def gather_part(
    pieces: list[Path],
    split: str,
    part: int,
    shuffle_keys: pd.Series,
    scratch: Scratch | None = None,
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
    scratch
        Memory for the counts, used again: the next call overwrites them.

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
    return joinid[order], label[order], _gather_counts(slices, order, scratch or Scratch())


@dataclass(frozen=True)
class _Slice:
    """Neighboring rows of one record batch of a piece, which is mapped from `address` on."""

    path: Path
    address: int
    batch: pa.RecordBatch
    first: int
    end: int

    def values(self, name: str) -> NDArray:
        return self.batch.column(name).to_numpy()[self.first : self.end]

    def sizes(self, name: str) -> NDArray[np.int32]:
        """How many elements the list of each row has."""
        return np.diff(self.batch.column(name).offsets.to_numpy()[self.first : self.end + 1])

    def lists(self, name: str) -> tuple[NDArray[np.int32], NDArray]:
        """Offsets of the rows, from 0 on, and their elements."""
        column = self.batch.column(name)
        offsets = column.offsets.to_numpy()[self.first : self.end + 1]
        elements = column.values
        dtype = np.dtype(elements.type.to_pandas_dtype())
        if not len(elements):
            return offsets - offsets[0], np.empty(0, dtype)
        # read, not mapped: mapping the pages one by one takes longer than copying them
        start = elements.buffers()[1].address - self.address + int(offsets[0]) * dtype.itemsize
        read = np.fromfile(self.path, dtype, int(offsets[-1] - offsets[0]), offset=start)
        return offsets - offsets[0], read


@contextmanager
def _piece(path: Path) -> Iterator[tuple[pa.MemoryMappedFile, pa.ipc.RecordBatchFileReader]]:
    """A piece, mapped and opened; damage that shows in the block is said with its remedy."""
    try:
        mapped = pa.memory_map(str(path))
        reader = pa.ipc.open_file(mapped)
        if reader.schema != PIECE_SCHEMA:
            raise pa.ArrowInvalid("it has other columns")
        yield mapped, reader
    except (pa.ArrowInvalid, pa.ArrowKeyError, pa.ArrowNotImplementedError, OSError) as error:
        raise ValueError(
            f"{path}: this piece is cut short or damaged ({error}); delete it and run snakemake "
            "again, which reads its range of the Census once more"
        ) from error


def _find(path: Path, split: int, low: np.uint64, high: np.uint64) -> Iterator[_Slice]:
    """Rows of each block of a piece that belong to a split and lie in a range of keys."""
    with _piece(path) as (mapped, reader):
        batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
    mapped.seek(0)
    address = mapped.read_buffer(1).address
    for batch in batches:
        start, stop = np.searchsorted(batch.column("split").to_numpy(), [split, split + 1])
        keys = batch.column("shuffle_key").to_numpy()[start:stop]
        first = start + np.searchsorted(keys, low)
        end = start + np.searchsorted(keys, high, side="right")
        if end > first:
            yield _Slice(path, address, batch, first, end)


def _joined(slices: list[_Slice], name: str, dtype: type) -> NDArray:
    return np.concatenate([np.zeros(0, dtype), *(part.values(name) for part in slices)])


def _gather_counts(slices: list[_Slice], order: NDArray[np.int64], scratch: Scratch) -> SparseRows:
    sizes = np.concatenate([np.zeros(0, np.int64), *(part.sizes("genes") for part in slices)])
    indptr = np.concatenate([[0], np.cumsum(sizes[order])])
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    genes = scratch.reserve("genes", np.uint16, indptr[-1])[: indptr[-1]]
    small = scratch.reserve("counts", np.uint8, indptr[-1])[: indptr[-1]]
    done, large_at, large = 0, [np.zeros(0, np.int64)], [np.zeros(0, np.float64)]
    for part in slices:
        to = indptr[rank[done : done + part.end - part.first]]
        for name, gathered in (("genes", genes), ("counts", small)):
            _copy_rows(*part.lists(name), to, gathered)
        offsets, at = part.lists("large_at")
        large_at.append(np.repeat(to, np.diff(offsets)) + at)
        large.append(part.lists("large_counts")[1])
        done += part.end - part.first
    at, values = np.concatenate(large_at), np.concatenate(large)
    by_position = np.argsort(at)
    return SparseRows(indptr, genes, Counts(small, at[by_position], values[by_position]))


def _pack(columns: list[NDArray], counts: SparseRows) -> pa.RecordBatch:
    """One block as a record batch."""
    values = counts.counts
    assert isinstance(values, Counts)  # as all that the ingest makes
    offsets, large_at = counts.indptr, values.large_at
    large_offsets = np.searchsorted(large_at, offsets)
    at = large_at - np.repeat(offsets[:-1], np.diff(large_offsets))
    lists = {
        "genes": (offsets, counts.genes),
        "counts": (offsets, values.small),
        "large_at": (large_offsets, at.astype(np.uint16)),
        "large_counts": (large_offsets, values.large),
    }
    arrays = [pa.array(values) for values in columns] + [
        pa.ListArray.from_arrays(
            indptr.astype(np.int32), values, type=PIECE_SCHEMA.field(name).type
        )
        for name, (indptr, values) in lists.items()
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=PIECE_SCHEMA)


@compiled()
def _copy_rows(
    offsets: NDArray[np.integer],
    values: NDArray[np.integer],
    to: NDArray[np.int64],
    gathered: NDArray[np.integer],
) -> None:
    for row in range(len(to)):
        start, size = offsets[row], offsets[row + 1] - offsets[row]
        for i in range(size):
            gathered[to[row] + i] = values[start + i]
