"""Shards: shuffled cells in Parquet files, written once and streamed into training.

One row is one cell: soma_joinid, label (class index), genes (positions in genes.parquet, ascending)
and counts (raw). Any Parquet reader can read them. Raw counts are stored, so that one store serves
every normalization; they compress to a third of what normalized float32 values need.

The layout is the one that measured best (tests/benchmarks/bench_shard_formats.py, 2,771 nonzeros a
cell, one core): lists without nulls, zstd level 1, row groups of 1,024 cells, gene positions
DELTA_BINARY_PACKED, and

    encoding of the counts       bytes/cell   cells/s written   cells/s read
    dictionary                        2,822            11,100         23,300
    DELTA_BINARY_PACKED               3,770            16,700         27,100
    BYTE_STREAM_SPLIT, 32 bits        2,708            18,200         34,700
    BYTE_STREAM_SPLIT, float32        3,236            17,000         27,500
    BYTE_STREAM_SPLIT, own writer     2,921            47,600         39,600    <- this one

The own writer (`hce.parquet_file`) leaves the packed gene positions uncompressed, which explains
its size: zstd takes 8 % off, and as long again to write and half as long again to read.
Counts are 32-bit: after BYTE_STREAM_SPLIT the upper bytes cost nothing, and nothing overflows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy import sparse

from hce.files import sha256, write_atomically
from hce.normalize import size_factor_log1p
from hce.parquet_file import (
    BYTE_STREAM_SPLIT,
    DELTA_BINARY_PACKED,
    UNCOMPRESSED,
    Column,
    write_parquet,
)
from hce.sparse_rows import SparseRows

ROW_GROUP = 1024
# rows of a page: a megabyte of counts, which stays in the processor's cache
PAGE = 128


@dataclass(frozen=True)
class Cells:
    """Some cells: soma_joinid (int64 N), label (int16 N) and expression (csr N x G)."""

    soma_joinid: NDArray[np.int64]
    label: NDArray[np.int16]
    expression: sparse.csr_matrix

    def __len__(self) -> int:
        return len(self.soma_joinid)

    def take(self, rows: NDArray[np.int64] | slice) -> Cells:
        """Return the cells at these positions, in that order."""
        return Cells(self.soma_joinid[rows], self.label[rows], self.expression[rows])

    @staticmethod
    def concatenate(parts: list[Cells]) -> Cells:
        """Join several sets of cells in order."""
        if len(parts) == 1:
            return parts[0]
        return Cells(
            np.concatenate([part.soma_joinid for part in parts]),
            np.concatenate([part.label for part in parts]),
            sparse.vstack([part.expression for part in parts], format="csr"),
        )


def from_table(table: pa.Table, n_genes: int) -> Cells:
    """Return the cells of a table of the shard schema, with raw counts as float32."""
    table = table.combine_chunks()
    genes, counts = (_list_column(table, name) for name in ("genes", "counts"))
    offsets = genes.offsets.to_numpy()
    indices = genes.values.to_numpy()[offsets[0] : offsets[-1]].astype(np.int32)
    values = counts.values.to_numpy()[offsets[0] : offsets[-1]].astype(np.float32)
    expression = sparse.csr_matrix(
        (values, indices, offsets - offsets[0]), shape=(len(table), n_genes)
    )
    return Cells(table["soma_joinid"].to_numpy(), table["label"].to_numpy(), expression)


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


class ShardReader:
    """Reads the shards of one split, normalized, checking each against the manifest.

    Parameters
    ----------
    manifest
        Path of the manifest.
    split
        train, val, test or ood.
    keep_in_memory
        Bytes of decoded cells to keep between epochs (8 bytes a nonzero count). If the whole split
        fits, every shard is decoded once; else all are read again each epoch.

    Raises
    ------
    FileNotFoundError
        If the manifest or a shard is missing.
    ValueError
        If the split is unknown or empty, or a shard was changed or cut short on disk.
    """

    def __init__(self, manifest: str | Path, split: str, keep_in_memory: int = 2**30) -> None:
        self.manifest = Path(manifest)
        if not self.manifest.is_file():
            raise FileNotFoundError(f"{manifest}: no such shard manifest")
        content = json.loads(self.manifest.read_text())
        if split not in content["splits"]:
            raise ValueError(f"{manifest}: no split {split!r}, only {sorted(content['splits'])}")
        self.split = split
        self.n_genes: int = content["n_genes"]
        self.shards: list[dict] = content["splits"][split]
        self.n_cells = sum(shard["rows"] for shard in self.shards)
        if self.n_cells == 0:
            raise ValueError(f"{manifest}: split {split!r} has no cells")
        for shard in self.shards:
            self._check_size(shard)
        bytes_decoded = 8 * sum(shard["nonzero"] for shard in self.shards)
        self._cache: dict[int, Cells] | None = {} if bytes_decoded <= keep_in_memory else None
        self._verified: set[int] = set()

    def read(self, position: int) -> Cells:
        """Return the normalized cells of one shard (float32 csr, log1p of counts per 10,000)."""
        if self._cache is not None and position in self._cache:
            return self._cache[position]
        shard = self.shards[position]
        path = self.manifest.parent / shard["path"]
        if position not in self._verified:
            if sha256(path) != shard["sha256"]:
                raise ValueError(
                    f"{path}: its SHA-256 differs from {self.manifest}; the shard was changed on "
                    "disk. Delete it and run snakemake again"
                )
            self._verified.add(position)
        raw = from_table(pq.read_table(path, use_threads=False), self.n_genes)
        cells = Cells(raw.soma_joinid, raw.label, size_factor_log1p(raw.expression))
        if self._cache is not None:
            self._cache[position] = cells
        return cells

    def in_order(self, batch_size: int) -> Iterator[Cells]:
        """Yield all cells in the order of the shards, the last batch possibly smaller."""
        for position in range(len(self.shards)):
            cells = self.read(position)
            for start in range(0, len(cells), batch_size):
                yield cells.take(slice(start, start + batch_size))

    def shuffled(
        self, batch_size: int, seed: int, epoch: int, window: int = 8, start: int = 0
    ) -> Iterator[Cells]:
        """Yield full batches in an order that depends on (seed, epoch) only.

        The shards come in random order, `window` at a time, and the cells of a window are shuffled
        together. Cells are already shuffled across shards, so a window is a fair sample.

        Parameters
        ----------
        batch_size
            Cells a batch; the last incomplete batch is dropped.
        seed, epoch
            Of the order.
        window
            Shards shuffled together; the memory this needs is that of the window.
        start
            Batches to skip, to go on in the middle of an epoch. Windows that lie before are not
            read.
        """
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(len(self.shards))
        skip = start * batch_size
        rest: list[Cells] = []
        for first in range(0, len(order), window):
            chosen = order[first : first + window]
            n_cells = sum(self.shards[position]["rows"] for position in chosen)
            shuffle = rng.permutation(n_cells)
            if skip >= n_cells:
                skip -= n_cells
                continue
            cells = Cells.concatenate([self.read(position) for position in chosen])
            rest.append(cells.take(shuffle[skip:]))
            skip = 0
            joined = Cells.concatenate(rest)
            full = len(joined) // batch_size * batch_size
            for at in range(0, full, batch_size):
                yield joined.take(slice(at, at + batch_size))
            rest = [joined.take(slice(full, None))]

    def n_batches(self, batch_size: int) -> int:
        """How many full batches an epoch has."""
        return self.n_cells // batch_size

    def _check_size(self, shard: dict) -> None:
        path = self.manifest.parent / shard["path"]
        if not path.is_file():
            raise FileNotFoundError(f"{path}: listed in {self.manifest}, but missing")
        if path.stat().st_size != shard["bytes"]:
            raise ValueError(
                f"{path}: has {path.stat().st_size} bytes, {self.manifest} says {shard['bytes']}; "
                "the shard was cut short or changed. Delete it and run snakemake again"
            )


def _list_column(table: pa.Table, name: str) -> pa.ListArray:
    column = table[name]
    return column.chunk(0) if column.num_chunks else pa.array([], type=column.type)


def _describe(shard: Path, folder: Path) -> dict[str, str | int]:
    footer = pq.read_metadata(shard)
    return {
        "path": shard.relative_to(folder).as_posix(),
        "rows": footer.num_rows,
        "nonzero": int(footer.metadata[b"nonzero"]),
        "bytes": shard.stat().st_size,
        "sha256": sha256(shard),
    }
