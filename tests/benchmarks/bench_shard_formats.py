"""Bytes, write and read rates of Parquet encodings for the counts of a shard (`hce.shards`).

Arrow writes all but the last, which is the shards' own writer (`hce.storage.parquet`); Arrow reads
them all. What training needs is a block (`hce.storage.blocks`): the own writer's file is decoded
into one by Arrow and by `hce.storage.decoding`. Simulated counts of 19,331 genes, all in memory,
one thread; rates are cells a CPU second, the best of five.

Run: PYTHONPATH=scripts python tests/benchmarks/bench_shard_formats.py
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from functools import partial
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hce.shards import PAGE, ROW_GROUP
from hce.storage.blocks import CellBlock
from hce.storage.decoding import decode_shard
from hce.storage.parquet import (
    BYTE_STREAM_SPLIT,
    DELTA_BINARY_PACKED,
    UNCOMPRESSED,
    Column,
    write_parquet,
)
from hce.storage.rows import Counts

N_GENES, N_CELLS, ROUNDS = 19_331, 8_192, 5
GENES, COUNTS = "genes.list.element", "counts.list.element"
# name -> type of the counts, their encoding (None: dictionary)
ENCODINGS: dict[str, tuple[pa.DataType, str | None]] = {
    "dictionary": (pa.uint32(), None),
    "DELTA_BINARY_PACKED": (pa.uint32(), "DELTA_BINARY_PACKED"),
    "BYTE_STREAM_SPLIT": (pa.uint32(), "BYTE_STREAM_SPLIT"),
    "BYTE_STREAM_SPLIT float32": (pa.float32(), "BYTE_STREAM_SPLIT"),
}


def main() -> None:
    rng = np.random.default_rng(0)
    abundance = rng.lognormal(0, 1.8, N_GENES)
    abundance /= abundance.sum()
    genes, counts, offsets = [], [], [0]
    for _ in range(N_CELLS):
        depth = rng.lognormal(np.log(5_500), 0.5)
        cell = rng.poisson(abundance * depth * rng.gamma(2, 0.5, N_GENES))
        genes.append(np.flatnonzero(cell).astype(np.uint16))
        counts.append(cell[genes[-1]])
        offsets.append(offsets[-1] + len(genes[-1]))
    print(f"{offsets[-1] / N_CELLS:,.0f} nonzero counts a cell")
    genes, counts = np.concatenate(genes), np.concatenate(counts)
    for name, (value_type, encoding) in ENCODINGS.items():
        table = as_table(genes, counts, offsets, value_type)
        print(f"{name:32}", measure(partial(write_by_arrow, table, encoding)), flush=True)
    columns = [
        Column("soma_joinid", np.arange(N_CELLS)),
        Column("label", rng.integers(164, size=N_CELLS).astype(np.int16)),
        Column("genes", genes, np.array(offsets), DELTA_BINARY_PACKED, UNCOMPRESSED),
        Column("counts", Counts.of(counts.astype(np.uint32)), np.array(offsets), BYTE_STREAM_SPLIT),
    ]
    own = partial(write_parquet, columns=columns, rows_per_group=ROW_GROUP, rows_per_page=PAGE)
    own = partial(own, metadata={})
    print(f"{'hce.storage.parquet':32}", measure(own), flush=True)
    file = io.BytesIO()
    own(file)
    for name, read in (("Arrow", fill_by_arrow), ("hce.storage.decoding", fill_by_hce)):
        rate = block_rate(pa.BufferReader(file.getvalue()), offsets[-1], read)
        print(f"{'  into a block by ' + name:75} {rate:9,.0f} read", flush=True)


def as_table(
    genes: np.ndarray, counts: np.ndarray, offsets: list[int], value_type: pa.DataType
) -> pa.Table:
    """Counts as a table of lists without nulls."""
    columns = {}
    for name, values, item in (("genes", genes, pa.uint16()), ("counts", counts, value_type)):
        column = pa.list_(pa.field("element", item, nullable=False))
        values = values.astype(item.to_pandas_dtype())
        columns[name] = pa.ListArray.from_arrays(np.int32(offsets), values, type=column)
    fields = [pa.field(name, array.type, nullable=False) for name, array in columns.items()]
    return pa.Table.from_arrays(list(columns.values()), schema=pa.schema(fields))


def write_by_arrow(table: pa.Table, encoding: str | None, file: BinaryIO) -> None:
    """Write with Arrow; without an encoding the counts get a dictionary."""
    pq.write_table(
        table,
        file,
        row_group_size=ROW_GROUP,
        compression="zstd",
        compression_level=1,
        use_dictionary=False if encoding else [COUNTS],
        column_encoding={GENES: "DELTA_BINARY_PACKED"} | ({COUNTS: encoding} if encoding else {}),
        write_statistics=False,
    )


def measure(write: Callable[[BinaryIO], None]) -> str:
    """Write to memory and read back by Arrow; the best rates and the size."""
    writing = reading = float("inf")
    for _ in range(ROUNDS):
        file = io.BytesIO()
        start = time.process_time()
        write(file)
        writing = min(writing, time.process_time() - start)
        start = time.process_time()
        pq.read_table(pa.BufferReader(file.getvalue()), use_threads=False).combine_chunks()
        reading = min(reading, time.process_time() - start)
    size = len(file.getvalue()) / N_CELLS
    rates = f"{N_CELLS / writing:9,.0f} cells/s written {N_CELLS / reading:9,.0f} read"
    return f"{size:7,.0f} bytes/cell {rates}"


def block_rate(
    source: pa.NativeFile, nonzero: int, fill: Callable[[CellBlock, pa.NativeFile], object]
) -> float:
    """Cells a second into a block that was there before; the first round compiles."""
    block = CellBlock.empty(N_CELLS, nonzero, np.uint16)
    seconds = []
    for _ in range(ROUNDS + 1):
        start = time.process_time()
        fill(block, source)
        seconds.append(time.process_time() - start)
    return N_CELLS / min(seconds)


def fill_by_arrow(block: CellBlock, source: pa.NativeFile) -> None:
    """Decode as lists, and narrow them into the block."""
    block.fill(pq.ParquetFile(source), 0, 0)


def fill_by_hce(block: CellBlock, source: pa.NativeFile) -> None:
    """Decode into the block at once."""
    decode_shard(source, pq.read_metadata(source), block, 0, 0)


if __name__ == "__main__":
    main()
