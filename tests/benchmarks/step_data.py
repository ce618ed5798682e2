"""Simulated cells for the step benchmarks: 19,331 genes, a tenth of the counts not zero."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from loader_data import gene_names

from hce.shards import write_manifest, write_shard
from hce.storage.rows import Counts, SparseRows

N_GENES, N_CLASSES, DENSITY = 19_331, 164, 0.1


def write_cells(folder: Path, n_shards: int, cells_a_shard: int) -> Path:
    """Write shards of cells with random genes, for training and as few for validation."""
    paths = []
    for shard in range(n_shards):
        rng = np.random.default_rng([7, shard])
        present = rng.random((cells_a_shard, N_GENES), dtype=np.float32) < DENSITY
        sizes = present.sum(axis=1)
        indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        genes = np.nonzero(present)[1].astype(np.uint16)
        counts = Counts.of(rng.geometric(0.5, len(genes)).astype(np.uint32))
        joinid = np.arange(shard * cells_a_shard, (shard + 1) * cells_a_shard)
        label = rng.integers(N_CLASSES, size=cells_a_shard).astype(np.int16)
        paths.append(folder / f"{shard}.zarr.zip")
        rows = SparseRows(indptr, genes, counts)
        write_shard(paths[-1], joinid, label, rows, "train", gene_names(N_GENES))
    write_manifest(folder / "manifest.json", N_GENES, {"train": paths, "val": paths[:1]})
    return folder / "manifest.json"


def random_hierarchy() -> np.ndarray:
    """A reachability matrix with a few descendants a class, bool C x C."""
    rng = np.random.default_rng(0)
    reach = np.eye(N_CLASSES, dtype=bool)
    for child in range(1, N_CLASSES):
        if rng.random() < 0.7:
            reach[:, child] |= reach[:, rng.integers(child)]
    return reach
