"""The distributed external shuffle: pieces of a joinid range, gathered by bucket into shards.

A scatter job reads one range of soma_joinid once and writes one piece: its cells ordered by
(split, bucket), one row group for each. A gather job reads its row group of every piece and orders
the cells by their shuffle key. Split, bucket and key depend on nothing but the table of cells and
the seed, so the shards are the same however many scatter jobs ran.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy import sparse

from hce.atlas import buckets
from hce.files import write_atomically
from hce.shards import SCHEMA, Cells, from_table, shard_writer, to_table


def write_piece(
    path: str | Path,
    chosen: pd.DataFrame,
    blocks: Iterator[tuple[NDArray[np.int64], sparse.csr_matrix]],
    n_genes: int,
    n_buckets: dict[str, int],
) -> None:
    """Write the cells of one joinid range, grouped by split and bucket.

    Parameters
    ----------
    path
        Parquet file to write; its metadata `groups` lists (split, bucket) of each row group.
    chosen
        Rows of the table of cells in this range, in order of soma_joinid.
    blocks
        Their counts in the same order (`hce.counts.read_counts`).
    n_genes
        G.
    n_buckets
        Buckets of each split.
    """
    counts = [sparse.csr_matrix((0, n_genes), dtype=np.float32)]
    counts += [block for _, block in blocks]
    expression = sparse.vstack(counts, format="csr")
    if expression.shape[0] != len(chosen):
        raise ValueError(f"{path}: read {expression.shape[0]} cells, expected {len(chosen)}")
    bucket = np.zeros(len(chosen), dtype=np.int32)
    for split, n in n_buckets.items():
        rows = (chosen["split"] == split).to_numpy()
        bucket[rows] = buckets(chosen["shuffle_key"].to_numpy()[rows], n)
    cells = Cells(chosen["soma_joinid"].to_numpy(), chosen["class"].to_numpy(np.int16), expression)
    keys = pd.DataFrame({"split": chosen["split"].astype(str).to_numpy(), "bucket": bucket})
    groups = keys.groupby(["split", "bucket"]).indices
    schema = SCHEMA.with_metadata({"groups": json.dumps([[s, int(b)] for s, b in groups])})
    with write_atomically(path) as temporary, shard_writer(temporary, schema) as writer:
        for rows in groups.values():
            writer.write_table(to_table(cells.take(rows)).cast(schema), row_group_size=len(rows))


def gather_bucket(
    pieces: list[Path], split: str, bucket: int, n_genes: int, shuffle_keys: pd.Series
) -> Cells:
    """Collect the cells of one bucket from all pieces, in the global order.

    Parameters
    ----------
    pieces
        Written by `write_piece`.
    split, bucket
        Which cells.
    n_genes
        G.
    shuffle_keys
        uint64, indexed by soma_joinid: the cells expected.

    Returns
    -------
    Cells
        Raw counts, in ascending order of the shuffle key.

    Raises
    ------
    ValueError
        If a cell is missing or there twice.
    """
    tables = []
    for path in pieces:
        piece = pq.ParquetFile(path)
        groups = json.loads(piece.schema_arrow.metadata[b"groups"])
        if [split, bucket] in groups:
            tables.append(piece.read_row_group(groups.index([split, bucket]), use_threads=False))
    cells = from_table(pa.concat_tables(tables) if tables else SCHEMA.empty_table(), n_genes)
    if not np.array_equal(np.sort(cells.soma_joinid), np.sort(shuffle_keys.index)):
        raise ValueError(
            f"bucket {bucket} of {split}: the pieces hold {len(cells)} cells, expected "
            f"{len(shuffle_keys)}; delete the pieces and run snakemake again"
        )
    return cells.take(np.argsort(shuffle_keys.loc[cells.soma_joinid].to_numpy()))
