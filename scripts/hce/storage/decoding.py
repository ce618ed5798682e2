"""Decodes shards of our own writer into a block, at a third of Arrow's time (docs/performance.md).

Arrow makes lists of wide integers, level by level, which then are narrowed into the block. Here the
levels are runs, and the elements of a page go into the block at once. The pages are those of
`hce.storage.parquet`. Anything else raises a ValueError: every offset that a page states is checked
before it is used, so a damaged page cannot make these loops read or write outside their arrays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numba
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hce.storage.blocks import CellBlock, CountTooLargeError
from hce.storage.parquet import BYTE_STREAM_SPLIT, CREATED_BY, DELTA_BINARY_PACKED, PLAIN

# values of a block and of a miniblock, as the writer has them
BLOCK = 128
MINIBLOCK = 32
# bytes that the fast loop may read beyond a miniblock
WORD = 8
# an integer in compiled code: numba gives it its width, and mypy takes int and int64 for two kinds
Integer = Any


@numba.njit(cache=True, nogil=True)
def list_sizes(
    page: NDArray[np.uint8], n_levels: int, sizes: NDArray[np.int64]
) -> tuple[int, int, int]:
    """Decode repetition and definition levels of lists without nulls, each after its length.

    Parameters
    ----------
    page
        uint8, a page from its beginning.
    n_levels
        What its header counts: elements, and one for each empty list.
    sizes
        int64, written from its beginning: number of elements of each list.

    Returns
    -------
    tuple
        Number of lists, number of elements, and where the elements begin in the page.

    Raises
    ------
    ValueError
        If the levels are not those of so many values, or of more lists than there is room for.
    """
    middle = _level_end(page, 0)
    end = _level_end(page, middle)
    n_lists, at, done = 0, 4, 0
    while done < n_levels:
        run, level, at = _read_run(page, at, middle, n_levels - done)
        if level == 0:
            if run > len(sizes) - n_lists:
                raise ValueError("more lists than the row group has rows")
            for cell in range(n_lists, n_lists + run):
                sizes[cell] = 1
            n_lists += run
        elif n_lists == 0:
            raise ValueError("a list goes on that has not begun")
        else:
            sizes[n_lists - 1] += run
        done += run
    n_empty, last = _clear_empty(page, middle + 4, end, n_levels, sizes[:n_lists])
    if at != middle or last != end:
        raise ValueError("levels of another length than stated")
    return n_lists, n_levels - n_empty, end


@numba.njit(cache=True, nogil=True)
def unpack_deltas(packed: NDArray[np.uint8], values: NDArray[np.uint16]) -> None:
    """Decode DELTA_BINARY_PACKED.

    Parameters
    ----------
    packed
        uint8, the encoded values and nothing behind them.
    values
        uint16, written whole.

    Raises
    ------
    ValueError
        If other bytes, another number of values or larger values are encoded.
    """
    block, at = _read_varint(packed, 0, len(packed))
    minis, at = _read_varint(packed, at, len(packed))
    n_values, at = _read_varint(packed, at, len(packed))
    first, at = _read_varint(packed, at, len(packed))
    if block != BLOCK or minis != BLOCK // MINIBLOCK or n_values != len(values):
        raise ValueError("a delta encoding of another number of values")
    # every bit that any value has; a negative one has the upper bits
    seen = last = _zigzag(first)
    values[:1] = last
    done = 1
    while done < len(values):
        smallest, widths = _read_varint(packed, at, len(packed))
        at = widths + BLOCK // MINIBLOCK
        for mini in range(BLOCK // MINIBLOCK):
            if done >= len(values):
                break
            width = np.int64(packed[widths + mini]) if at <= len(packed) else 0
            if width > 32 or at + MINIBLOCK // 8 * width > len(packed):
                raise ValueError("packed values that end too early")
            part = values[done : done + MINIBLOCK]
            if width <= 16 and len(part) == MINIBLOCK and at + 4 * width + WORD <= len(packed):
                last, bits = _unpack(packed, at, width, last, _zigzag(smallest), part)
            else:
                last, bits = _unpack_wide(packed, at, width, last, _zigzag(smallest), part)
            seen |= bits
            at += MINIBLOCK // 8 * width
            done += MINIBLOCK
    if at != len(packed) or seen >> 16:
        raise ValueError("packed values of another length, or over 65,535")


@numba.njit(cache=True, nogil=True)
def join_streams(streams: NDArray[np.uint8], values: NDArray) -> np.uint32:
    """Decode BYTE_STREAM_SPLIT of 32 bits.

    Parameters
    ----------
    streams
        uint8: all lowest bytes, all second bytes, ...
    values
        uint16 or uint32, written whole.

    Returns
    -------
    int
        Every bit that any value has: larger than 65,535 if uint16 cannot hold all values.

    Raises
    ------
    ValueError
        If another number of values is encoded.
    """
    n_values = len(values)
    if len(streams) != 4 * n_values:
        raise ValueError("byte streams of another number of values")
    first, second = streams[:n_values], streams[n_values : 2 * n_values]
    third, fourth = streams[2 * n_values : 3 * n_values], streams[3 * n_values :]
    seen = np.uint32(0)
    for i in range(n_values):
        low = np.uint32(first[i]) | np.uint32(second[i]) << np.uint32(8)
        high = np.uint32(third[i]) | np.uint32(fourth[i]) << np.uint32(8)
        value = low | high << np.uint32(16)
        seen |= value
        values[i] = value
    return seen


@numba.njit(cache=True, nogil=True, inline="always")
def _read_varint(
    content: NDArray[np.uint8], at: Integer, end: Integer
) -> tuple[np.uint64, Integer]:
    """An unsigned number of at most 64 bits, and where the next begins."""
    value, shift = np.uint64(0), np.uint64(0)
    while shift < np.uint64(64):
        if at >= end:
            raise ValueError("a number that does not end")
        byte = np.uint64(content[at])
        at += 1
        value |= (byte & np.uint64(127)) << shift
        if byte < np.uint64(128):
            return value, at
        shift += np.uint64(7)
    raise ValueError("a number of more than 64 bits")


@numba.njit(cache=True, nogil=True, inline="always")
def _zigzag(value: np.uint64) -> np.int64:
    return np.int64(value >> np.uint64(1)) ^ -np.int64(value & np.uint64(1))


@numba.njit(cache=True, nogil=True)
def _level_end(page: NDArray[np.uint8], at: Integer) -> Integer:
    """Where levels end whose length is stated at `at`."""
    if at + 4 > len(page):
        raise ValueError("levels that end too early")
    end = at + 4
    for i in range(4):
        end += np.int64(page[at + i]) << (8 * i)
    if end > len(page):
        raise ValueError("levels that end too early")
    return end


@numba.njit(cache=True, nogil=True)
def _read_run(
    page: NDArray[np.uint8], at: Integer, end: Integer, most: Integer
) -> tuple[Integer, Integer, Integer]:
    """Length and level of a run, and where the next begins."""
    header, at = _read_varint(page, at, end)
    run = np.int64(header >> np.uint64(1))
    if header & np.uint64(1) or run < 1 or run > most or at >= end or page[at] > 1:
        raise ValueError("a run of levels that the writer does not write")
    return run, page[at], at + 1


@numba.njit(cache=True, nogil=True)
def _clear_empty(
    page: NDArray[np.uint8], at: Integer, end: Integer, n_levels: int, sizes: NDArray[np.int64]
) -> tuple[Integer, Integer]:
    """Set the sizes of empty lists to 0; returns their number and where the levels end."""
    done, cell, first, n_empty = 0, 0, 0, 0
    while done < n_levels:
        run, level, at = _read_run(page, at, end, n_levels - done)
        if level == 0:
            while first < done:
                first += sizes[cell]
                cell += 1
            if first != done or run > len(sizes) - cell:
                raise ValueError("an element of a list is missing")
            for _ in range(run):
                if sizes[cell] != 1:
                    raise ValueError("an element of a list is missing")
                sizes[cell] = 0
                cell += 1
            first += run
            n_empty += run
        done += run
    return n_empty, at


@numba.njit(cache=True, nogil=True, inline="always")
def _word(packed: NDArray[np.uint8], at: np.uint64) -> np.uint64:
    """Eight bytes as one number; the compiler makes one load of them."""
    word = np.uint64(0)
    for i in range(WORD):
        word |= np.uint64(packed[at + np.uint64(i)]) << np.uint64(8 * i)
    return word


@numba.njit(cache=True, nogil=True, inline="always")
def _unpack(
    packed: NDArray[np.uint8],
    at: Integer,
    width: Integer,
    last: np.int64,
    smallest: np.int64,
    values: NDArray[np.uint16],
) -> tuple[np.int64, np.int64]:
    """A whole miniblock: four gaps of at most 16 bits lie within one word."""
    mask = (np.uint64(1) << np.uint64(width)) - np.uint64(1)
    seen = np.int64(0)
    for start in range(0, MINIBLOCK, 4):
        bit = start * width
        word = _word(packed, np.uint64(at + (bit >> 3))) >> np.uint64(bit & 7)
        for i in range(4):
            last += np.int64(word & mask) + smallest
            word >>= np.uint64(width)
            values[start + i] = last
            seen |= last
    return last, seen


@numba.njit(cache=True, nogil=True)
def _unpack_wide(
    packed: NDArray[np.uint8],
    at: Integer,
    width: Integer,
    last: np.int64,
    smallest: np.int64,
    values: NDArray[np.uint16],
) -> tuple[np.int64, np.int64]:
    """Any miniblock, without a look beyond its end."""
    mask = (np.uint64(1) << np.uint64(width)) - np.uint64(1)
    word, bits, seen = np.uint64(0), 0, np.int64(0)
    for i in range(len(values)):
        while bits < width:
            word |= np.uint64(packed[at]) << np.uint64(bits)
            at += 1
            bits += 8
        last += np.int64(word & mask) + smallest
        word >>= np.uint64(width)
        bits -= width
        values[i] = last
        seen |= last
    return last, seen


# the header of a page as `hce.storage.parquet` writes it, in Thrift's compact protocol: the fields
# of PageHeader and of its DataPageHeader, each number of at most five bytes; both levels are RLE
_NUMBER = rb"([\x80-\xff]{0,4}[\x00-\x7f])"
_PAGE_HEADER = re.compile(
    rb"\x15\x00\x15%b\x15%b\x2c\x15%b\x15%b\x15\x06\x15\x06\x00\x00" % ((_NUMBER,) * 4)
)


def is_ours(metadata: pq.FileMetaData) -> bool:
    """Whether a file was written by `hce.storage.parquet`, whose pages can be decoded here."""
    return metadata.created_by == CREATED_BY


def decode_shard(
    source: pa.NativeFile, metadata: pq.FileMetaData, block: CellBlock, row: int, entry: int
) -> tuple[int, int]:
    """Decode a shard into the cells of a block from `row` on, whose entries start at `entry`.

    Row group by row group, so that the memory beside the block is that of one column of one row
    group. Threads can decode different shards into one block.

    Parameters
    ----------
    source
        The shard.
    metadata
        Its footer, by `hce.storage.parquet`.
    block
        Written in part.
    row, entry
        Where the shard begins in the block.

    Returns
    -------
    tuple
        Row and entry after its last.

    Raises
    ------
    CountTooLargeError
        If a count does not fit into the type of the block.
    ValueError, OSError
        If the shard is damaged, or larger than the block.
    """
    for number in range(metadata.num_row_groups):
        group = _RowGroup(source, metadata.row_group(number))
        row, entry = group.decode(block, row, entry)
    return row, entry


@dataclass
class _RowGroup:
    source: pa.NativeFile
    metadata: pq.RowGroupMetaData
    chunks: dict[str, pq.ColumnChunkMetaData] = field(init=False)
    codec: pa.Codec = field(default_factory=lambda: pa.Codec("zstd"))

    def __post_init__(self) -> None:
        chunks = [self.metadata.column(i) for i in range(self.metadata.num_columns)]
        self.chunks = {chunk.path_in_schema: chunk for chunk in chunks}

    def decode(self, block: CellBlock, row: int, entry: int) -> tuple[int, int]:
        end = row + self.metadata.num_rows
        if not row <= end <= len(block):
            raise ValueError(f"a row group of {self.metadata.num_rows} cells is more than expected")
        self._fill_plain("soma_joinid", np.dtype(np.int64), block.soma_joinid[row:end])
        self._fill_plain("label", np.dtype(np.int32), block.label[row:end])
        sizes = self._fill_genes(end - row, block.genes[entry:])
        if not np.array_equal(self._fill_counts(end - row, block.counts[entry:]), sizes):
            raise ValueError("a cell has more genes than counts, or fewer")
        np.cumsum(sizes, out=block.indptr[row + 1 : end + 1])
        block.indptr[row + 1 : end + 1] += entry
        return end, entry + int(sizes.sum())

    def _fill_plain(self, name: str, stored: np.dtype, out: NDArray) -> None:
        at = 0
        for page, n_values in self._pages(name, PLAIN, stored.itemsize * len(out)):
            if len(page) != stored.itemsize * n_values or n_values > len(out) - at:
                raise ValueError(f"{name} has more values than the row group has cells, or fewer")
            out[at : at + n_values] = page.view(stored)
            at += n_values
        if at != len(out):
            raise ValueError(f"{name} has {at} values in a row group of {len(out)} cells")

    def _fill_genes(self, n_rows: int, out: NDArray[np.uint16]) -> NDArray[np.int64]:
        sizes = np.empty(n_rows, dtype=np.int64)
        for values, first, end in self._lists("genes", DELTA_BINARY_PACKED, sizes, len(out)):
            unpack_deltas(values, out[first:end])
        return sizes

    def _fill_counts(self, n_rows: int, out: NDArray) -> NDArray[np.int64]:
        sizes, largest = np.empty(n_rows, dtype=np.int64), np.iinfo(out.dtype).max
        for values, first, end in self._lists("counts", BYTE_STREAM_SPLIT, sizes, len(out)):
            if join_streams(values, out[first:end]) > largest:
                raise CountTooLargeError
        return sizes

    def _lists(
        self, name: str, encoding: int, sizes: NDArray[np.int64], room: int
    ) -> Iterator[tuple[NDArray[np.uint8], int, int]]:
        """Decode the levels; yield the encoded elements of each page, and where they belong."""
        # at most four runs of six bytes a list, and both encodings take less than 8 bytes a value
        largest = 64 + 24 * len(sizes) + 8 * room
        row = first = 0
        for page, n_levels in self._pages(f"{name}.list.element", encoding, largest):
            n_lists, n_elements, at = list_sizes(page, n_levels, sizes[row:])
            if n_elements > room - first:
                raise ValueError(f"{name} has more elements than expected")
            yield page[at:], first, first + n_elements
            row, first = row + n_lists, first + n_elements
        if row != len(sizes):
            raise ValueError(f"{name} has {row} lists in a row group of {len(sizes)} cells")

    def _pages(
        self, name: str, encoding: int, largest: int
    ) -> Iterator[tuple[NDArray[np.uint8], int]]:
        """Yield each page of a column, decompressed, and the number of values in its header."""
        if name not in self.chunks:
            raise ValueError(f"there is no column {name}")
        content = self._content(name)
        at = 0
        while at < len(content):
            header = _PAGE_HEADER.match(content, at)
            if header is None:
                raise ValueError(f"{name}: no page header at byte {at} of the column")
            plain, stored, n_values, used = (_unzigzag(number) for number in header.groups())
            start, at = header.end(), header.end() + stored
            if used != encoding or stored < 0 or n_values < 0 or at > len(content):
                raise ValueError(f"{name}: a page header that the writer does not write")
            page = content[start:at]
            if not 0 <= plain <= largest:
                raise ValueError(f"{name}: a page of {plain} bytes")
            # as `hce.shards` writes them; the footer is not asked, because pyarrow ends the process
            # where it names a codec that does not exist
            if encoding != DELTA_BINARY_PACKED:
                page = self.codec.decompress(page, plain)
            yield np.frombuffer(page, dtype=np.uint8), n_values

    def _content(self, name: str) -> pa.Buffer:
        chunk = self.chunks[name]
        start, size = chunk.data_page_offset, chunk.total_compressed_size
        if not 0 <= start <= start + size <= self.source.size():
            raise ValueError(f"{name}: pages beyond the end of the file")
        self.source.seek(start)
        return self.source.read_buffer(size)


def _unzigzag(varint: bytes) -> int:
    value = sum((byte & 127) << 7 * place for place, byte in enumerate(varint))
    return value >> 1 ^ -(value & 1)
