"""What a run will need, estimated from the table of cells alone, before the long work starts.

Hours of the trainings come from measured steps: those of `make bench` on this machine, if there
are any, else those of docs/performance.md.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from hce.ingest.counts import TILE_ROWS, scatter_ranges
from hce.ingest.order import buckets
from hce.ingest.slice_table import Quota
from hce.storage.residency import MB, Kept, Size, divide, overhead

# Measured by `make bench-ingest` on a Census-shaped store of 19,331 genes and 2,005 nonzero counts
# a cell: bytes a cell in pieces and shards, and cells a second of one core, start-up included.
BYTES_PER_CELL = {"pieces": 6_060, "shards": 2_880}
CELLS_PER_CORE_SECOND = {"fetch_counts": 10_700, "shuffle_shards": 23_400}
# X/raw of such a store, per cell of the range read: 52.5 MB for 16,384 rows
TRANSFER_PER_CELL = 3_200
# nonzero counts of a cell of such a store
NONZERO = 2_000
# `python tests/benchmarks/bench_loader.py`: cells a second that two cores decode from the disk
STREAMED_PER_SECOND = 53_000
# soma_joinid, class, predicted class and probability of one cell of one model
PREDICTION_BYTES = 16
# 16-bit genes and one byte a count; an upper bound, since a fetch job holds one block of its range
HELD_PER_CELL = 3 * NONZERO
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
        rows.append(_gather(f"shuffle_shards {name}", shard_rows(cells, name, n_shards)))
    tested = split[np.isin(split, ["test", "ood"])]
    size = settings.n_models * len(tested) * PREDICTION_BYTES / 1e9
    files = settings.n_models * len(np.unique(tested))
    rows.append({"stage": "predict", "files": files, "disk_gb": size})
    return pd.DataFrame(rows)


def shard_rows(cells: pd.DataFrame, split: str, n_shards: int) -> np.ndarray:
    """Return how many cells each shard of a split will have, int64."""
    keys = cells["shuffle_key"].to_numpy()[(cells["split"] == split).to_numpy()]
    return np.bincount(buckets(keys, n_shards), minlength=n_shards)


def disk_needed(stages: pd.DataFrame) -> float:
    """Disk needed at the worst moment, in GB: shards are complete while pieces still exist."""
    return float(stages["disk_gb"].sum())


def slice_report(table: pd.DataFrame, cells: pd.DataFrame, quota: Quota, kept: bool) -> str:
    """What a slice holds, what it lacks, and how what is read grows with it, for the plan.

    Parameters
    ----------
    table
        `hce.ingest.slice_table.describe_slice`.
    cells
        soma_joinid, split and, if it has a quota, slice_rank of its cells.
    quota
        What it was to hold.
    kept
        Whether tiles that were fetched are kept.
    """
    lines = [f"Slice: {len(cells):,} of {table['available'].sum():,} cells that its limits leave."]
    split = cells["split"].astype(str).to_numpy()
    tile = cells["soma_joinid"].to_numpy() // TILE_ROWS * 2 + (split == "ood")
    read = len(np.unique(tile)) * TILE_ROWS
    most_cells = quota.cells_per_type or 0
    for part in (4, 2, 1) if most_cells else ():
        smaller = replace(quota, cells_per_type=max(most_cells // part, 1))
        most = pd.Series(split).map({name: smaller.of(name) for name in np.unique(split)})
        chosen = cells["slice_rank"].to_numpy() <= most.to_numpy()
        rows = len(np.unique(tile[chosen])) * TILE_ROWS
        lines.append(
            f"  {smaller.cells_per_type:,} a type: {chosen.sum():,} cells, "
            f"{rows * TRANSFER_PER_CELL / 1e9:,.1f} GB from the store ({rows // TILE_ROWS:,} tiles)"
        )
    if kept:
        disk = read * BYTES_PER_CELL["shards"] / 1e9
        lines.append(f"  Fetched tiles are kept: {disk:,.1f} GB of disk (slice.keep_tiles).")
    short = table[table["cells"] < table["wanted"]]
    for part_name, lacking in short.groupby("split", sort=False):
        names = ", ".join(
            f"{row.cell_type} {row.cells:,} of {row.wanted:,}" for row in lacking.itertuples()
        )
        lines.append(f"  Not filled in {part_name} ({len(lacking)} types; slice.min_gain): {names}")
    if quota.cells_per_type and (table["cells"] == table["available"]).all():
        lines.append("  The slice holds every selected cell: it is no smaller than the data.")
    return "\n".join(lines) + "\n"


def network_report(uris: Mapping[str, str]) -> str:
    """What is still read over the network, for the plan, of releases that lie at some URIs."""
    far = [uri for uri in uris.values() if "://" in uri]
    if not far:
        return "Network: not needed from here on, both releases are on this machine's disks.\n"
    return (
        f"Network: needed by the jobs fetch_counts, which read {' and '.join(far)}. The files of "
        "config/datasets.tsv and the tables of cells are here already.\n"
    )


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


# `make bench` on two busy cores (docs/performance.md): seconds a training cell, data included
CPU_SECONDS = {"linear": 1 / 8_900, "mlp": 1 / 14_600, "tabnet": 0.6 / 2048}
# `tests/benchmarks/bench_steps.py` on an NVIDIA H100 with 4 threads, cells in the host's memory
GPU_SECONDS = {"linear": 2.55e-3 / 2048, "mlp": 5.42e-3 / 2048, "tabnet": 33.7e-3 / 2048}
BASIS = (
    "steps of the paper's networks measured on {} (docs/performance.md), in proportion to the "
    "genes; early stopping left out. `make bench` measures this machine's"
)
# the paper's
GENES, BATCH = 19_331, 2048
# of a validation cell: forward alone
VALIDATION_SHARE = 1 / 3


@dataclass(frozen=True)
class Trainings:
    """The part of the configuration that memory and time of the trainings depend on.

    Attributes
    ----------
    models
        Trainings of each architecture.
    max_epochs, batch_size, shuffle_window, residency
        Of section training.
    n_vectors
        Augmentation vectors.
    memory, runtime
        Of a training, in MB and minutes.
    gpu
        Whether it gets one.
    """

    models: dict[str, int]
    max_epochs: int
    batch_size: int
    shuffle_window: int
    residency: str
    n_vectors: int
    memory: int
    runtime: int
    gpu: bool


def training_hours(
    trainings: Trainings, n_train: int, n_validation: int, n_genes: int, bench: Path | None
) -> tuple[dict[str, float], str]:
    """Estimate the hours of all trainings of each architecture, on a GPU or on two cores.

    Parameters
    ----------
    trainings
        Trainings of each architecture and epochs at most.
    n_train, n_validation
        Cells of an epoch.
    n_genes
        Genes of the model; steps were measured with the paper's and are taken in proportion.
    bench
        bench.json of `make bench`; used if it was measured on the kind of device of the run.

    Returns
    -------
    tuple
        Hours by architecture, and a sentence that says what they rest on.
    """
    measured = _measured(bench, trainings.gpu)
    seconds = GPU_SECONDS if trainings.gpu else CPU_SECONDS
    basis = BASIS.format("an NVIDIA H100" if trainings.gpu else "two cores")
    if measured is not None:
        seconds, device = measured
        basis = f"steps measured on {device} by `make bench`; loading and early stopping left out"
    cells = (n_train + VALIDATION_SHARE * n_validation) * n_genes / GENES
    hours = {
        name: n * trainings.max_epochs * cells * seconds[name] / 3600
        for name, n in trainings.models.items()
        if name in seconds  # nothing is known of a user's own architecture
    }
    return hours, basis


def _sizes(
    trainings: Trainings, train: np.ndarray, validation: np.ndarray
) -> tuple[list[Size], int]:
    splits = ((train, trainings.shuffle_window), (validation, 1))
    sizes = [Size.of(rows.tolist(), (rows * NONZERO).tolist(), window) for rows, window in splits]
    return sizes, overhead(GENES, trainings.batch_size, trainings.n_vectors, trainings.gpu)


def training_memory(
    trainings: Trainings, train: np.ndarray, validation: np.ndarray
) -> tuple[Kept, Kept]:
    """Return where a training will keep its cells on the host.

    Parameters
    ----------
    trainings
        Their memory, and what decides how much of it the cells get.
    train, validation
        Cells of each shard; each cell is taken to have as many nonzero counts as in the Census.

    Raises
    ------
    ValueError
        If the memory is too small; names resources.train_memory.
    """
    sizes, beside = _sizes(trainings, train, validation)
    kept = divide(sizes, [trainings.residency] * 2, trainings.memory * MB, beside)
    return kept[0], kept[1]


def training_report(
    trainings: Trainings,
    train: np.ndarray,
    validation: np.ndarray,
    n_genes: int,
    bench: Path | None,
) -> str:
    """What all trainings take and what each may take, for the plan; as `training_memory`."""
    n_train, n_validation = int(train.sum()), int(validation.sum())
    hours, basis = training_hours(trainings, n_train, n_validation, n_genes, bench)
    unit = "GPU hours" if trainings.gpu else "hours of two cores"
    parts = ", ".join(f"{name} {value:,.1f}" for name, value in hours.items())
    lines = [
        f"Trainings: {sum(trainings.models.values())} of up to {trainings.max_epochs} epochs take "
        f"{sum(hours.values()):,.1f} {unit} ({parts}): {basis}.",
        f"A training gets {trainings.memory:,} MB (resources.train_memory) and "
        f"{trainings.runtime:,} minutes (resources.train_runtime).",
    ]
    try:
        kept, kept_validation = training_memory(trainings, train, validation)
    except ValueError as error:
        return "\n".join([*lines, f"It would be refused: {error}."])
    lines.append(f"Training cells: {kept}. Validation cells: {kept_validation}.")
    if trainings.gpu and trainings.residency == "auto":
        whole = (n_train + n_validation) * 4 * NONZERO / 1e9
        lines[-1] += f" On a GPU with room for all {whole:,.1f} GB: device."
    if "stream" in (kept.residency, kept_validation.residency):
        sizes, beside = _sizes(trainings, train, validation)
        enough = -(-(sum(size.whole for size in sizes) + beside) // MB)
        minutes = (n_train + n_validation) / STREAMED_PER_SECOND / 60
        lines.append(
            f"Streaming, an epoch takes {minutes:,.1f} minutes or more, all of them "
            f"{trainings.max_epochs * minutes:,.0f}: two cores decode {STREAMED_PER_SECOND:,} "
            f"cells/s. With resources.train_memory {enough} all cells would stay in memory."
        )
    return "\n".join(lines)


def _measured(bench: Path | None, gpu: bool) -> tuple[dict[str, float], str] | None:
    if bench is None or not bench.is_file():
        return None
    content = json.loads(bench.read_text())
    if (content["device"] != "cpu") != gpu:
        return None
    step = content["step_seconds"]
    names = {"linear": "linear", "mlp": "mlp", "tabnet": "tabnet, ours"}
    return {name: step[key] / BATCH for name, key in names.items()}, content["device"]
