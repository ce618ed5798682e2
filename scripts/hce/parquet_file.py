"""Writes Parquet files of integers and lists of integers, two and a half times as fast as Arrow.

Writing was the most expensive part of the ingest (`make bench-ingest`). Only what a shard needs is
here: required columns, no nulls, data pages of version 1. What comes out is plain Parquet: the
tests read it with Arrow, and with polars and DuckDB where those are installed. The structures and
their field numbers are those of parquet.thrift (Apache Parquet format).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hce.parquet_encoding import byte_stream_split, delta_binary_packed, list_levels
from hce.sparse_rows import Counts
from hce.thrift_compact import Struct

MAGIC = b"PAR1"
INT32, INT64 = 1, 2
PLAIN, RLE, DELTA_BINARY_PACKED, BYTE_STREAM_SPLIT = 0, 3, 5, 9
UNCOMPRESSED, ZSTD = 0, 6
REQUIRED, REPEATED = 0, 2
# what `hce.shard_decoding` knows the files by: another layout needs another version
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
            stored = plain if self.column.codec == UNCOMPRESSED else self.codec.compress(plain)
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
