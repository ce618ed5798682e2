"""Shards: shuffled cells in Parquet files, written once and streamed into training.

One row is one cell: soma_joinid, label (class index), genes (positions in genes.parquet, ascending)
and counts (raw). Any Parquet reader can read them. Raw counts are stored, so that one store serves
every normalization; they compress to a third of what normalized float32 values need. The layout is
the one that measured best (docs/performance.md). Counts are 32-bit: after BYTE_STREAM_SPLIT the
upper bytes cost nothing, and nothing overflows.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hce.files import sha256, write_atomically
from hce.storage.parquet import (
    BYTE_STREAM_SPLIT,
    DELTA_BINARY_PACKED,
    UNCOMPRESSED,
    Column,
    write_parquet,
)
from hce.storage.rows import SparseRows

ROW_GROUP = 1024
# rows of a page: a megabyte of counts, which stays in the processor's cache
PAGE = 128


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
    columns = [
        Column("soma_joinid", soma_joinid.astype(np.int64, copy=False)),
        Column("label", label.astype(np.int16, copy=False)),
        # packed gaps are dense: compressing them takes 7 % off, and half as long again to read
        Column("genes", counts.genes, counts.indptr, DELTA_BINARY_PACKED, UNCOMPRESSED),
        Column("counts", counts.counts, counts.indptr, BYTE_STREAM_SPLIT),
    ]
    # the manifest needs the number of nonzero counts without reading the shard again
    metadata = {"nonzero": str(counts.indptr[-1])}
    with write_atomically(path) as temporary, temporary.open("wb") as file:
        write_parquet(file, columns, ROW_GROUP, PAGE, metadata)


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
        return importlib.import_module("hce.loader.reader").ShardReader
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
