"""What the Parquet writer writes is what Arrow, polars and DuckDB read."""

from __future__ import annotations

import io
from pathlib import Path

import duckdb
import numpy as np
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hce.storage.parquet import (
    BYTE_STREAM_SPLIT,
    DELTA_BINARY_PACKED,
    PLAIN,
    UNCOMPRESSED,
    ZSTD,
    Column,
    Struct,
    write_parquet,
)
from hce.storage.rows import Counts

# lengths around the blocks of 128 and miniblocks of 32 gaps, and lists without elements
list_sizes = st.lists(st.sampled_from([0, 0, 1, 2, 31, 32, 33, 129, 300]), max_size=40)


def example(sizes: list[int], seed: int) -> list[Column]:
    """A column of each kind: random integers over the whole range of their types."""
    rng = np.random.default_rng(seed)
    indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    n_rows, n_values = len(sizes), int(indptr[-1])
    # gaps of every width, the widest of 17 bits among them
    genes = rng.integers(0, 2 ** rng.integers(1, 17, n_values)).astype(np.uint16)
    counts = rng.integers(0, 2 ** rng.integers(1, 33, n_values)).astype(np.uint32)
    long = rng.integers(-(2**63), 2**63 - 1, n_rows)
    short = rng.integers(-(2**15), 2**15, n_rows).astype(np.int16)
    return [
        Column("long", long, None, PLAIN, ZSTD),
        Column("short", short, None, PLAIN, UNCOMPRESSED),
        Column("genes", genes, indptr, DELTA_BINARY_PACKED, UNCOMPRESSED),
        Column("counts", Counts.of(counts), indptr, BYTE_STREAM_SPLIT, ZSTD),
    ]


def written(columns: list[Column], rows_per_group: int = 16, rows_per_page: int = 4) -> bytes:
    """The bytes of a file."""
    file = io.BytesIO()
    write_parquet(file, columns, rows_per_group, rows_per_page, {"made by": "a test"})
    return file.getvalue()


def rows(column: Column) -> list[list[int]] | list[int]:
    """A column as Python's lists."""
    values = column.values.wide() if isinstance(column.values, Counts) else column.values
    if column.indptr is None:
        return values.tolist()
    return [part.tolist() for part in np.split(values, column.indptr[1:-1])]


@settings(max_examples=60, deadline=None)
@given(sizes=list_sizes, group=st.integers(1, 50), page=st.integers(1, 50), seed=st.integers(0, 99))
def test_arrow_reads_what_was_written(sizes: list[int], group: int, page: int, seed: int) -> None:
    columns = example(sizes, seed)
    table = pq.read_table(pa.BufferReader(written(columns, group, page)))
    assert table.num_rows == len(sizes)
    if sizes:
        for column in columns:
            assert table[column.name].to_pylist() == rows(column), column.name


def test_polars_and_duckdb_read_what_was_written(tmp_path: Path) -> None:
    columns = example([0, 300, 1, 0, 129, 33] * 11, seed=3)
    path = tmp_path / "file.parquet"
    path.write_bytes(written(columns))
    by_polars = polars.read_parquet(path).to_dict(as_series=False)
    by_duckdb = duckdb.sql(f"select * from '{path}'").fetchall()
    for position, column in enumerate(columns):
        assert by_polars[column.name] == rows(column)
        assert [row[position] for row in by_duckdb] == rows(column)


def test_types_are_narrow_and_nothing_is_nullable() -> None:
    schema = pq.read_schema(pa.BufferReader(written(example([2, 3], seed=0))))
    genes = pa.list_(pa.field("element", pa.uint16(), nullable=False))
    counts = pa.list_(pa.field("element", pa.uint32(), nullable=False))
    assert schema.types == [pa.int64(), pa.int16(), genes, counts]
    assert not any(field.nullable for field in schema)
    assert schema.metadata == {b"made by": b"a test"}


def test_a_reader_may_take_one_row_group_or_one_column() -> None:
    columns = example([5, 0, 40] * 20, seed=1)
    file = pq.ParquetFile(pa.BufferReader(written(columns, rows_per_group=16)))
    assert [file.metadata.row_group(i).num_rows for i in range(4)] == [16, 16, 16, 12]
    part = file.read_row_group(2, columns=["genes"])
    assert part["genes"].to_pylist() == rows(columns[2])[32:48]


def test_small_gaps_take_few_bytes() -> None:
    ascending = np.tile(np.arange(0, 19_200, 10, dtype=np.uint16), 50)
    indptr = np.arange(51, dtype=np.int64) * 1920
    size = len(written([Column("genes", ascending, indptr, DELTA_BINARY_PACKED, UNCOMPRESSED)]))
    # equal gaps have width 0; one block a list holds the step back to its first gene
    assert size < 0.2 * len(ascending)


def test_columns_of_different_length_are_refused() -> None:
    values: NDArray[np.int64] = np.arange(5)
    with pytest.raises(ValueError, match=r"different length: \[5, 4\]"):
        written([Column("one", values), Column("other", values[1:])])


def test_fields_of_a_struct_must_ascend() -> None:
    with pytest.raises(ValueError, match="field 2 cannot follow field 3"):
        Struct().i32(3, 1).i32(2, 1)
