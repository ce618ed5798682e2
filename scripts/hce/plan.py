"""What a run will need, estimated from the table of cells alone, before the long work starts."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hce.counts import TILE_ROWS, scatter_ranges
from hce.shuffle_order import buckets

# Measured by `make bench-ingest` on a Census-shaped store of 19,331 genes and 2,005 nonzero counts
# a cell: bytes a cell in pieces and shards, and cells a second of one core, start-up included.
BYTES_PER_CELL = {"pieces": 6_060, "shards": 2_340}
CELLS_PER_CORE_SECOND = {"fetch_counts": 10_700, "shuffle_shards": 23_400}
# X/raw of such a store, per cell of the range read: 52.5 MB for 16,384 rows
TRANSFER_PER_CELL = 3_200
# soma_joinid, class, predicted class and probability of one cell of one model
PREDICTION_BYTES = 16
# 16-bit genes and one byte a count; an upper bound, since a fetch job holds one block of its range
HELD_PER_CELL = 3 * 2_000
BASE_MEMORY = 600e6


@dataclass(frozen=True)
class Settings:
    """The part of the configuration that the estimates depend on."""

    ranges: dict[str, int]
    shards: dict[str, int]
    n_models: int


def estimate(cells: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Estimate jobs, memory, disk and time of each stage.

    Parameters
    ----------
    cells
        soma_joinid, split and shuffle_key of the table of cells.
    settings
        Ranges of each release, shards of each split, and how many models will predict.

    Returns
    -------
    pandas.DataFrame
        One row a stage: stage, files (a job holds one at a time), largest_file_cells,
        memory_mb, disk_gb, transfer_gb, core_hours. Numbers that a stage does not have are NaN.
    """
    split = cells["split"].astype(str).to_numpy()
    joinid = cells["soma_joinid"].to_numpy()
    rows = []
    for release, n_ranges in settings.ranges.items():
        chosen = joinid[(split == "ood") == (release == "ood")]
        rows.append(_scatter(f"fetch_counts {release}", chosen, n_ranges))
    for name, n_shards in settings.shards.items():
        keys = cells["shuffle_key"].to_numpy()[split == name]
        sizes = np.bincount(buckets(keys, n_shards), minlength=n_shards)
        rows.append(_gather(f"shuffle_shards {name}", sizes))
    tested = int(np.isin(split, ["test", "ood"]).sum())
    size = settings.n_models * tested * PREDICTION_BYTES / 1e9
    rows.append({"stage": "predict", "files": 2 * settings.n_models, "disk_gb": size})
    return pd.DataFrame(rows)


def disk_needed(stages: pd.DataFrame) -> float:
    """Disk needed at the worst moment, in GB: shards are complete while pieces still exist."""
    return float(stages["disk_gb"].sum())


def free_disk(folder: str | Path) -> float:
    """Free disk where a folder is or will be, in GB."""
    path = Path(folder).absolute()
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free / 1e9


def _scatter(stage: str, joinids: np.ndarray, n_ranges: int) -> dict[str, float | str]:
    bounds = scatter_ranges(joinids, n_ranges)
    sizes = np.diff(np.searchsorted(joinids, [bounds[0][0], *(end for _, end in bounds)]))
    read = len(np.unique(joinids // TILE_ROWS)) * TILE_ROWS
    return {
        "stage": stage,
        "files": n_ranges,
        "largest_file_cells": sizes.max(),
        "memory_mb": (BASE_MEMORY + sizes.max() * HELD_PER_CELL) / 1e6,
        "disk_gb": len(joinids) * BYTES_PER_CELL["pieces"] / 1e9,
        "transfer_gb": read * TRANSFER_PER_CELL / 1e9,
        "core_hours": len(joinids) / CELLS_PER_CORE_SECOND["fetch_counts"] / 3600,
    }


def _gather(stage: str, sizes: np.ndarray) -> dict[str, float | str]:
    return {
        "stage": stage,
        "files": len(sizes),
        "largest_file_cells": sizes.max(),
        # the shard, and room for the next one that is a little larger
        "memory_mb": (BASE_MEMORY + 2 * sizes.max() * HELD_PER_CELL) / 1e6,
        "disk_gb": sizes.sum() * BYTES_PER_CELL["shards"] / 1e9,
        "core_hours": sizes.sum() / CELLS_PER_CORE_SECOND["shuffle_shards"] / 3600,
    }
