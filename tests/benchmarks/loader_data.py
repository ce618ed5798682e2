"""Simulated cells for the loader benchmark, as our shards and as normalized compressed rows."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from hce.shards import write_manifest, write_shard
from hce.storage.files import ShardFiles
from hce.storage.rows import Counts, SparseRows

N_GENES, DENSITY, N_CLASSES = 19_331, 0.10, 164


def draw_counts(n_cells: int, rng: np.random.Generator) -> SparseRows:
    """Raw counts of some cells: genes differ in how often they are seen, most counts are small."""
    seen = rng.beta(0.4, 3.6, N_GENES).astype(np.float32)
    seen *= DENSITY / seen.mean()
    sizes, genes = [], []
    for _ in range(n_cells):
        found = np.flatnonzero(rng.random(N_GENES, dtype=np.float32) < seen).astype(np.uint16)
        genes.append(found)
        sizes.append(len(found))
    indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    counts = np.ceil(rng.lognormal(0, 1, indptr[-1])).astype(np.uint32)
    return SparseRows(indptr, np.concatenate(genes), Counts.of(counts))


def gene_names(n_genes: int) -> pd.DataFrame:
    """Names of so many genes, as long as those of human genes."""
    genes = range(n_genes)
    return pd.DataFrame(
        {
            "feature_id": [f"ENSG{gene:011d}" for gene in genes],
            "feature_name": [f"GENE{gene}" for gene in genes],
        }
    )


def write_data(folder: Path, n_cells: int, n_shards: int, seed: int) -> Path:
    """Write shards of one split, train; returns the manifest."""
    rng = np.random.default_rng(seed)
    paths = []
    for number in range(n_shards):
        size = n_cells // n_shards
        rows = draw_counts(size, rng)
        joinid = np.arange(number * size, (number + 1) * size, dtype=np.int64)
        label = rng.integers(N_CLASSES, size=size).astype(np.int16)
        paths.append(folder / "train" / f"part-{number:05d}.zarr.zip")
        write_shard(paths[-1], joinid, label, rows, "train", gene_names(N_GENES))
    write_manifest(folder / "manifest.json", N_GENES, {"train": paths})
    return folder / "manifest.json"


def normalized_rows(manifest: Path) -> tuple[sparse.csr_matrix, np.ndarray]:
    """All cells as scipy's compressed rows of normalized float32, and their labels."""
    shards = ShardFiles(manifest, "train")
    parts = [shards.read(position) for position in range(len(shards.shards))]
    matrix = sparse.vstack([part.expression for part in parts], format="csr")
    return matrix, np.concatenate([part.label for part in parts])
