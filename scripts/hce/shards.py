"""Shards: shuffled cells in Parquet files, written once and streamed into training.

One row is one cell: soma_joinid, label (class index), genes (positions in genes.parquet, ascending)
and counts (raw). Any Parquet reader can read them. Raw counts are stored, so that one store serves
every normalization; they compress to a third of what normalized float32 values need.

The layout is the one that measured best (tests/benchmarks/bench_shard_formats.py, 2,771 nonzeros a
cell, one core): lists without nulls, zstd level 1, row groups of 1,024 cells, gene positions
DELTA_BINARY_PACKED, and

    encoding of the counts       bytes/cell   cells/s written   cells/s read
    dictionary                        2,822            13,200         18,800
    DELTA_BINARY_PACKED               3,770            17,600         32,500
    BYTE_STREAM_SPLIT, 32 bits        2,708            18,600         33,900    <- this one
    BYTE_STREAM_SPLIT, float32        3,236            16,100         30,400

Counts are 32-bit: after BYTE_STREAM_SPLIT the upper bytes cost nothing, and nothing overflows.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hce.files import sha256, write_atomically
from hce.sparse_rows import SparseRows

ROW_GROUP = 1024
GENES = pa.list_(pa.field("element", pa.uint16(), nullable=False))
COUNTS = pa.list_(pa.field("element", pa.uint32(), nullable=False))
SCHEMA = pa.schema(
    [
        pa.field("soma_joinid", pa.int64(), nullable=False),
        pa.field("label", pa.int16(), nullable=False),
        pa.field("genes", GENES, nullable=False),
        pa.field("counts", COUNTS, nullable=False),
    ]
)


def to_arrow(
    soma_joinid: NDArray[np.int64], label: NDArray[np.int16], counts: SparseRows
) -> pa.RecordBatch:
    """Return cells as an Arrow record batch of the shard schema, without copying the counts."""
    offsets = counts.indptr.astype(np.int32)
    columns = [
        pa.array(soma_joinid, type=pa.int64()),
        pa.array(label, type=pa.int16()),
        pa.ListArray.from_arrays(offsets, counts.genes, type=GENES),
        pa.ListArray.from_arrays(offsets, counts.counts, type=COUNTS),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def write_shard(
    path: str | Path,
    soma_joinid: NDArray[np.int64],
    label: NDArray[np.int16],
    counts: SparseRows,
) -> None:
    """Write cells with raw counts to one shard, atomically.

    Parameters
    ----------
    path
        Parquet file to write.
    soma_joinid, label
        int64 N and int16 N.
    counts
        Raw counts of the N cells, genes ascending.
    """
    # the manifest needs the number of nonzero counts without reading the shard again
    schema = SCHEMA.with_metadata({"nonzero": str(counts.indptr[-1])})
    batch = to_arrow(soma_joinid, label, counts)
    with (
        write_atomically(path) as temporary,
        pq.ParquetWriter(
            temporary,
            schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=False,
            column_encoding={
                "genes.list.element": "DELTA_BINARY_PACKED",
                "counts.list.element": "BYTE_STREAM_SPLIT",
            },
            write_statistics=False,
        ) as writer,
    ):
        writer.write_batch(batch.replace_schema_metadata(schema.metadata), ROW_GROUP)


def write_manifest(path: str | Path, n_genes: int, shards: dict[str, list[Path]]) -> None:
    """List every shard of every split with its rows, nonzero counts, bytes and SHA-256.

    Parameters
    ----------
    path
        The manifest to write; shards are named relative to its folder.
    n_genes
        G.
    shards
        Shards of each split, in order.
    """
    path = Path(path)
    splits = {
        split: [_describe(shard, path.parent) for shard in parts] for split, parts in shards.items()
    }
    with write_atomically(path) as temporary:
        temporary.write_text(json.dumps({"n_genes": n_genes, "splits": splits}, indent=1) + "\n")


def __getattr__(name: str) -> object:
    """Give `ShardReader` its public name, without torch for those who only write shards."""
    if name == "ShardReader":
        return importlib.import_module("hce.shard_reader").ShardReader
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _describe(shard: Path, folder: Path) -> dict[str, str | int]:
    footer = pq.read_metadata(shard)
    return {
        "path": shard.relative_to(folder).as_posix(),
        "rows": footer.num_rows,
        "nonzero": int(footer.metadata[b"nonzero"]),
        "bytes": shard.stat().st_size,
        "sha256": sha256(shard),
    }
