"""Small random cells and shards of them, for the tests of everything that reads shards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from hce.shards import write_manifest, write_shard
from hce.storage.blocks import Cells
from hce.storage.rows import Counts, SparseRows


def random_cells(
    n_cells: int, n_genes: int, n_classes: int, seed: int, first_joinid: int = 0
) -> Cells:
    """Cells with Poisson counts around a profile of their class; the first cell is empty.

    The profiles are the same for every seed, so that a model trained on some cells can label
    others. soma_joinid is `first_joinid` and following, in random order.
    """
    profiles = np.random.default_rng(0).gamma(0.5, 2.0, size=(n_classes, n_genes))
    rng = np.random.default_rng(seed)
    label = rng.integers(n_classes, size=n_cells).astype(np.int16)
    counts = rng.poisson(profiles[label]).astype(np.float32)
    counts[:1] = 0
    joinids = first_joinid + rng.permutation(n_cells).astype(np.int64)
    return Cells(joinids, label, sparse.csr_matrix(counts))


def parts_of(sizes: tuple[int, ...], n_genes: int, n_classes: int = 4) -> list[Cells]:
    """Cells of several shards, every joinid once."""
    starts = np.cumsum([0, *sizes[:-1]])
    return [
        random_cells(size, n_genes, n_classes, seed=i, first_joinid=int(start))
        for i, (size, start) in enumerate(zip(sizes, starts, strict=True))
    ]


def rows_of(counts: sparse.csr_matrix) -> SparseRows:
    """Counts of scipy's type as the ingest holds them, or as they are if one is no integer."""
    whole = np.array_equal(counts.data, np.floor(counts.data))
    return SparseRows(
        counts.indptr.astype(np.int64),
        counts.indices.astype(np.uint16),
        Counts.of(counts.data.astype(np.uint32)) if whole else counts.data.astype(np.float32),
    )


def csr_of(rows: SparseRows, n_genes: int) -> sparse.csr_matrix:
    """Counts of the ingest as scipy's type, in the order in which they are held."""
    values = rows.counts.wide().astype(np.float32)
    return sparse.csr_matrix((values, rows.genes, rows.indptr), shape=(len(rows), n_genes))


def genes_of(n_genes: int) -> pd.DataFrame:
    """Names of some genes, as genes.parquet has them."""
    gene = range(n_genes)
    return pd.DataFrame(
        {
            "feature_id": [f"ENSG{number:011d}" for number in gene],
            "feature_name": [f"GENE{number}" for number in gene],
        }
    )


def write_cells(path: Path, cells: Cells, split: str = "train") -> None:
    """Write cells to one shard."""
    counts, n_genes = rows_of(cells.expression), cells.expression.shape[1]
    write_shard(path, cells.soma_joinid, cells.label, counts, split, genes_of(n_genes))


def write_shards(folder: Path, splits: dict[str, list[Cells]]) -> Path:
    """Write shards of each split and their manifest; returns the path of the manifest."""
    paths: dict[str, list[Path]] = {}
    n_genes = 0
    for split, parts in splits.items():
        for number, cells in enumerate(parts):
            path = folder / split / f"part-{number:05d}.zarr.zip"
            write_cells(path, cells, split)
            paths.setdefault(split, []).append(path)
            n_genes = cells.expression.shape[1]
    write_manifest(folder / "manifest.json", n_genes, paths)
    return folder / "manifest.json"
