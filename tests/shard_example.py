"""Small random cells and shards of them, for the tests of everything that reads shards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import sparse

from hce.shards import Cells, write_manifest, write_shard


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


def write_shards(folder: Path, splits: dict[str, list[Cells]]) -> Path:
    """Write shards of each split and their manifest; returns the path of the manifest."""
    paths: dict[str, list[Path]] = {}
    n_genes = 0
    for split, parts in splits.items():
        for number, cells in enumerate(parts):
            path = folder / split / f"part-{number:05d}.parquet"
            write_shard(path, cells)
            paths.setdefault(split, []).append(path)
            n_genes = cells.expression.shape[1]
    write_manifest(folder / "manifest.json", n_genes, paths)
    return folder / "manifest.json"
