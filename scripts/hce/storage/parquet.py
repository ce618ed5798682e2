"""Writes Parquet files of integers and lists of integers, two and a half times as fast as Arrow.

Writing was the most expensive part of the ingest (`make bench-ingest`). Only what a shard needs is
here: required columns, no nulls, data pages of version 1, and of Thrift's compact protocol as much
as the footer takes. What comes out is plain Parquet: the tests read it with Arrow, and with polars
and DuckDB where those are installed. Structures, field numbers and encodings are those of the
Apache Parquet format (parquet.thrift, Encodings.md).

The encodings are compiled and know that no list is null and no element missing, so the levels of a
cell are two runs, and they pack eight small gaps at a time (docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import numba
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hce.storage.rows import Counts


class Struct:
    """A Thrift struct in the compact protocol: fields in ascending order of their number."""

    _I32, _I64, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._last = 0

    def i32(self, number: int, value: int) -> Struct:
        """Append a 32-bit integer."""
        return self._field(number, self._I32, _zigzag(value))

    def i64(self, number: int, value: int) -> Struct:
        """Append a 64-bit integer."""
        return self._field(number, self._I64, _zigzag(value))

    def text(self, number: int, value: str) -> Struct:
        """Append a string."""
        return self._field(number, self._BINARY, _text(value))

    def struct(self, number: int, value: Struct) -> Struct:
        """Append a struct."""
        return self._field(number, self._STRUCT, value.encode())

    def i32s(self, number: int, values: Iterable[int]) -> Struct:
        """Append a list of 32-bit integers."""
        return self._list(number, self._I32, [_zigzag(value) for value in values])

    def texts(self, number: int, values: Iterable[str]) -> Struct:
        """Append a list of strings."""
        return self._list(number, self._BINARY, [_text(value) for value in values])

    def structs(self, number: int, values: Iterable[Struct]) -> Struct:
        """Append a list of structs."""
        return self._list(number, self._STRUCT, [value.encode() for value in values])

    def encode(self) -> bytes:
        """Return the bytes, with the end mark."""
        return bytes(self._bytes) + b"\0"

    def _field(self, number: int, kind: int, content: bytes) -> Struct:
        step = number - self._last
        if not 0 < step < 16:
            raise ValueError(f"field {number} cannot follow field {self._last}")
        self._bytes += bytes([step << 4 | kind]) + content
        self._last = number
        return self

    def _list(self, number: int, kind: int, parts: list[bytes]) -> Struct:
        size = bytes([len(parts) << 4 | kind]) if len(parts) < 15 else b""
        size = size or bytes([0xF0 | kind]) + _varint(len(parts))
        return self._field(number, self._LIST, size + b"".join(parts))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _zigzag(value: int) -> bytes:
    return _varint(value << 1 if value >= 0 else (-value << 1) - 1)


def _text(value: str) -> bytes:
    content = value.encode()
    return _varint(len(content)) + content


# values of a block and of a miniblock: what every writer uses
BLOCK = 128
MINIBLOCK = 32
BATCH = 8


def list_levels(sizes: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Encode repetition and definition levels of lists without nulls, each after its length.

    Parameters
    ----------
    sizes
        int64, number of elements of each list; an empty list takes one level.
    """
    # at most 2 runs a list for each of the two levels, each of a varint and a byte
    out = np.empty(2 * 12 * len(sizes) + 8, dtype=np.uint8)
    middle = _write_levels(out, 4, sizes, False)
    out[:4] = np.frombuffer(np.uint32(middle - 4).tobytes(), np.uint8)
    end = _write_levels(out, middle + 4, sizes, True)
    out[middle : middle + 4] = np.frombuffer(np.uint32(end - middle - 4).tobytes(), np.uint8)
    return out[:end]


def delta_binary_packed(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Encode values as DELTA_BINARY_PACKED; ascending runs become their small gaps."""
    n_blocks = -(-len(values) // BLOCK)
    # a gap of 16-bit values has 17 bits; a block has its smallest gap and four widths before them
    out = np.empty(32 + n_blocks * (17 * BLOCK // 8 + 16), dtype=np.uint8)
    return out[: _write_delta(values, out)]


def byte_stream_split(counts: Counts) -> NDArray[np.uint8]:
    """Encode counts, as uint32, as BYTE_STREAM_SPLIT: all lowest bytes, all second bytes, ..."""
    streams = np.zeros((4, len(counts)), dtype=np.uint8)
    streams[0] = counts.small
    # x86 and Arm are little-endian: the lowest byte comes first
    streams[:, counts.large_at] = counts.large.view(np.uint8).reshape(-1, 4).T
    return streams.reshape(-1)


@numba.njit(cache=True, nogil=True, inline="always")
def _write_varint(out: NDArray[np.uint8], at: int, value: int | np.int64) -> int:
    while value >= 128:
        out[at] = (value & 127) | 128
        value >>= 7
        at += 1
    out[at] = value
    return at + 1


@numba.njit(cache=True, nogil=True, inline="always")
def _write_run(out: NDArray[np.uint8], at: int, length: int, level: int) -> int:
    at = _write_varint(out, at, length << 1)
    out[at] = level
    return at + 1


@numba.njit(cache=True, nogil=True)
def _write_levels(
    out: NDArray[np.uint8], at: int, sizes: NDArray[np.int64], definition: bool
) -> int:
    run, level = 0, -1
    for size in sizes:
        # the first element opens a list (repetition 0); definition 0 says that the list is empty
        first = (1 if size else 0) if definition else 0
        if run and first != level:
            at = _write_run(out, at, run, level)
            run = 0
        level = first
        run += 1
        if size > 1:
            if level != 1:
                at = _write_run(out, at, run, level)
                run = 0
            level = 1
            run += size - 1
    if run:
        at = _write_run(out, at, run, level)
    return at


@numba.njit(cache=True, nogil=True)
def _write_delta(values: NDArray[np.uint16], out: NDArray[np.uint8]) -> int:
    at = _write_varint(out, 0, BLOCK)
    at = _write_varint(out, at, BLOCK // MINIBLOCK)
    at = _write_varint(out, at, len(values))
    at = _write_varint(out, at, np.int64(values[0]) << 1 if len(values) else 0)
    gaps = np.empty(BLOCK, dtype=np.int32)
    for start in range(1, len(values), BLOCK):
        n_gaps = min(BLOCK, len(values) - start)
        smallest = np.int32(2**31 - 1)
        for i in range(n_gaps):
            gaps[i] = np.int32(values[start + i]) - np.int32(values[start + i - 1])
            smallest = min(smallest, gaps[i])
        at = _write_varint(out, at, (np.int64(smallest) << 1) ^ (np.int64(smallest) >> 63))
        widths = at
        at += BLOCK // MINIBLOCK
        for mini in range(BLOCK // MINIBLOCK):
            first = mini * MINIBLOCK
            if first >= n_gaps:
                out[widths + mini] = 0
                continue
            largest = np.int32(0)
            for i in range(first, first + MINIBLOCK):
                # the last miniblock is filled up with zeros
                gaps[i] = gaps[i] - smallest if i < n_gaps else 0
                largest = max(largest, gaps[i])
            width = 0
            while largest >> width:
                width += 1
            out[widths + mini] = width
            at = _pack(gaps, first, width, out, at)
    return at


@numba.njit(cache=True, nogil=True, inline="always")
def _pack(gaps: NDArray[np.int32], first: int, width: int, out: NDArray[np.uint8], at: int) -> int:
    if width > 16:
        return _pack_wide(gaps, first, width, out, at)
    for start in range(first, first + MINIBLOCK, BATCH):
        # eight gaps fill `width` bytes; four of at most 16 bits fit one word
        low, high = np.uint64(0), np.uint64(0)
        for i in range(BATCH // 2):
            low |= np.uint64(gaps[start + i]) << np.uint64(i * width)
            high |= np.uint64(gaps[start + BATCH // 2 + i]) << np.uint64(i * width)
        half = BATCH // 2 * width
        if 0 < half < 64:
            low |= high << np.uint64(half)
            high >>= np.uint64(64 - half)
        for _ in range(min(width, 8)):
            out[at] = low & np.uint64(255)
            low >>= np.uint64(8)
            at += 1
        for _ in range(width - 8):
            out[at] = high & np.uint64(255)
            high >>= np.uint64(8)
            at += 1
    return at


@numba.njit(cache=True, nogil=True)
def _pack_wide(
    gaps: NDArray[np.int32], first: int, width: int, out: NDArray[np.uint8], at: int
) -> int:
    word, bits = np.uint64(0), 0
    for i in range(first, first + MINIBLOCK):
        word |= np.uint64(gaps[i]) << np.uint64(bits)
        bits += width
        while bits >= 8:
            out[at] = word & np.uint64(255)
            word >>= np.uint64(8)
            bits -= 8
            at += 1
    return at


MAGIC = b"PAR1"
INT32, INT64 = 1, 2
PLAIN, RLE, DELTA_BINARY_PACKED, BYTE_STREAM_SPLIT = 0, 3, 5, 9
UNCOMPRESSED, ZSTD = 0, 6
REQUIRED, REPEATED = 0, 2
# what `hce.storage.decoding` knows the files by: another layout needs another version
CREATED_BY = "hierarchical-cross-entropy shards version 1.0.0"
LIST = 3
# ConvertedType of each integer: readers give the narrow type back
CONVERTED_TYPES = {"uint16": 12, "uint32": 13, "int16": 16, "int64": 18}


@dataclass(frozen=True)
class Column:
    """One column of a file.

    Attributes
    ----------
    name
        Of the column.
    values
        int64, int16 or uint16 array, or counts: one value a row, or the elements of all lists.
    indptr
        int64 N + 1 if the column holds lists: row i has the elements indptr[i] to indptr[i + 1].
    encoding
        PLAIN, DELTA_BINARY_PACKED (uint16) or BYTE_STREAM_SPLIT (counts, stored as uint32).
    codec
        UNCOMPRESSED or ZSTD (level 1).
    """

    name: str
    values: NDArray | Counts
    indptr: NDArray[np.int64] | None = None
    encoding: int = PLAIN
    codec: int = ZSTD

    def __len__(self) -> int:
        return len(self.values if self.indptr is None else self.indptr) - (self.indptr is not None)

    @property
    def physical_type(self) -> int:
        """The type in the file: Parquet stores narrower integers as 32 bits."""
        return INT64 if self.type_name == "int64" else INT32

    @property
    def type_name(self) -> str:
        """The type that readers see."""
        return "uint32" if isinstance(self.values, Counts) else self.values.dtype.name

    @property
    def path(self) -> list[str]:
        """Names from the root of the schema to the leaf."""
        return [self.name] if self.indptr is None else [self.name, "list", "element"]


def write_parquet(
    file: BinaryIO,
    columns: Sequence[Column],
    rows_per_group: int,
    rows_per_page: int,
    metadata: dict[str, str],
) -> None:
    """Write columns to an open file.

    Parameters
    ----------
    file
        To write to, at its beginning.
    columns
        All of one length.
    rows_per_group, rows_per_page
        A reader holds one group decoded, and one page uncompressed.
    metadata
        Key-value metadata of the file.

    Raises
    ------
    ValueError
        If the columns differ in length.
    """
    n_rows = len(columns[0])
    if any(len(column) != n_rows for column in columns):
        raise ValueError(f"columns of different length: {[len(column) for column in columns]}")
    file.write(MAGIC)
    at = len(MAGIC)
    groups = []
    for first in range(0, n_rows, rows_per_group):
        end = min(first + rows_per_group, n_rows)
        chunks = [_Chunk(column) for column in columns]
        for chunk in chunks:
            at = chunk.write(file, at, first, end, rows_per_page)
        groups.append(_row_group(chunks, end - first))
    footer = _footer(columns, n_rows, groups, metadata).encode()
    file.write(footer + len(footer).to_bytes(4, "little") + MAGIC)


@dataclass
class _Chunk:
    """One column of one row group, as it is written."""

    column: Column
    offset: int = 0
    n_values: int = 0
    compressed: int = 0
    uncompressed: int = 0
    codec: pa.Codec = field(default_factory=lambda: pa.Codec("zstd", compression_level=1))

    def write(self, file: BinaryIO, at: int, first: int, end: int, rows_per_page: int) -> int:
        """Write the pages of rows `first` to `end` at offset `at`; returns the offset after."""
        self.offset = at
        for start in range(first, end, rows_per_page):
            plain, n_values = _encode(self.column, start, min(start + rows_per_page, end))
            stored = plain.data if self.column.codec == UNCOMPRESSED else self.codec.compress(plain)
            header = _page_header(self.column.encoding, n_values, len(plain), len(stored))
            file.write(header)
            file.write(stored)
            self.n_values += n_values
            self.uncompressed += len(header) + len(plain)
            self.compressed += len(header) + len(stored)
        return at + self.compressed

    def describe(self) -> Struct:
        """Return the ColumnChunk of the footer."""
        column = self.column
        content = (
            Struct()
            .i32(1, column.physical_type)
            .i32s(2, sorted({column.encoding, RLE}))
            .texts(3, column.path)
            .i32(4, column.codec)
            .i64(5, self.n_values)
            .i64(6, self.uncompressed)
            .i64(7, self.compressed)
            .i64(9, self.offset)
        )
        return Struct().i64(2, 0).struct(3, content)


def _encode(column: Column, start: int, end: int) -> tuple[NDArray[np.uint8], int]:
    """Levels and values of some rows, and how many values they count."""
    if column.indptr is None:
        return _encode_values(column, start, end), end - start
    sizes = np.diff(column.indptr[start : end + 1])
    values = _encode_values(column, int(column.indptr[start]), int(column.indptr[end]))
    return np.concatenate([list_levels(sizes), values]), int(np.maximum(sizes, 1).sum())


def _encode_values(column: Column, start: int, end: int) -> NDArray[np.uint8]:
    if isinstance(column.values, Counts):
        return byte_stream_split(column.values.part(start, end))
    values = column.values[start:end]
    if column.encoding == DELTA_BINARY_PACKED:
        return delta_binary_packed(values)
    return values.astype(np.int64 if column.physical_type == INT64 else np.int32).view(np.uint8)


def _page_header(encoding: int, n_values: int, uncompressed: int, compressed: int) -> bytes:
    data_page = Struct().i32(1, n_values).i32(2, encoding).i32(3, RLE).i32(4, RLE)
    header = Struct().i32(1, 0).i32(2, uncompressed).i32(3, compressed)
    return header.struct(5, data_page).encode()


def _row_group(chunks: list[_Chunk], n_rows: int) -> Struct:
    size = sum(chunk.uncompressed for chunk in chunks)
    return Struct().structs(1, [chunk.describe() for chunk in chunks]).i64(2, size).i64(3, n_rows)


def _footer(
    columns: Sequence[Column], n_rows: int, groups: list[Struct], metadata: dict[str, str]
) -> Struct:
    schema = [Struct().text(4, "schema").i32(5, len(columns))]
    for column in columns:
        schema += _schema(column)
    pairs = [Struct().text(1, key).text(2, value) for key, value in metadata.items()]
    footer = Struct().i32(1, 2).structs(2, schema).i64(3, n_rows).structs(4, groups)
    return footer.structs(5, pairs).text(6, CREATED_BY)


def _schema(column: Column) -> list[Struct]:
    """The schema elements of a column; a list has three levels."""
    leaf = Struct().i32(1, column.physical_type).i32(3, REQUIRED).text(4, column.path[-1])
    leaf.i32(6, CONVERTED_TYPES[column.type_name])
    if column.indptr is None:
        return [leaf]
    outer = Struct().i32(3, REQUIRED).text(4, column.name).i32(5, 1).i32(6, LIST)
    return [outer, Struct().i32(3, REPEATED).text(4, "list").i32(5, 1), leaf]
