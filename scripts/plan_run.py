"""Report what a run needs, from the tables of cells and genes, and check that the disk has it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd

from hce.files import write_atomically
from hce.ingest.plan import (
    Settings,
    Trainings,
    disk_needed,
    estimate,
    free_disk,
    network_report,
    shard_rows,
    slice_report,
    training_report,
)
from hce.ingest.slice_table import Quota
from hce.published.fetch import listed_bytes
from hce.published.layout import Layout
from hce.published.plan import published_plan
from hce.tables import read_table

# of transfer at 100 Mbit/s
HOURS_A_GB = 8 / 0.1 / 3600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--cells",
        type=Path,
        required=True,
        help="cells.parquet: the selected cells with their split",
    )
    parser.add_argument("--genes", type=Path, required=True, help="genes of the model")
    parser.add_argument("--ranges", nargs="+", required=True, help="train=240 ood=28")
    parser.add_argument("--shards", nargs="+", required=True, help="shards of each split")
    parser.add_argument("--n-models", type=int, required=True, help="how many are trained")
    parser.add_argument(
        "--trainings", nargs="?", help="hce.ingest.plan.Trainings, JSON; left out: none is trained"
    )
    parser.add_argument("--bench", type=Path, help="bench.json of make bench, if there is one")
    parser.add_argument(
        "--published", type=Path, nargs="?", help="files.json of find_published.py, if there is one"
    )
    parser.add_argument("--datasets", type=Path, required=True, help="config/datasets.tsv")
    parser.add_argument("--uris", type=json.loads, required=True, help="of train and ood, JSON")
    parser.add_argument("--slice", required=True, help="section slice of the configuration, JSON")
    parser.add_argument(
        "--slice-table", type=Path, nargs="*", help="what it holds, if there is one"
    )
    parser.add_argument("--tiles", type=Path, help="folder in which fetched tiles are kept")
    parser.add_argument("--results", type=Path, required=True, help="where the disk is checked")
    parser.add_argument("--plan", type=Path, required=True, help="text file to write")
    arguments = parser.parse_args()
    if arguments.published:
        plan_published(arguments.published, arguments.cells, arguments.datasets, arguments.plan)
        return
    columns = ["soma_joinid", "split", "shuffle_key", "class"]
    quota = Quota.from_section(json.loads(arguments.slice))
    columns += ["slice_rank"] if quota.cells_per_type else []
    cells = read_table(arguments.cells, columns=columns)
    settings = Settings(numbers(arguments.ranges), numbers(arguments.shards), arguments.n_models)
    # without a training, the cells of some splits are read alone
    read = cells if arguments.trainings else cells[cells["split"].isin(settings.shards)]
    stages = estimate(read, settings)
    needed, free = disk_needed(stages), free_disk(arguments.results)
    text = report(cells, stages, needed, free) + network_report(arguments.uris)
    for path in arguments.slice_table or ():
        text += slice_report(read_table(path), cells, quota, arguments.tiles is not None)
    genes = read_table(arguments.genes)
    text += genes_report(genes)
    if arguments.trainings:
        trainings = Trainings(**json.loads(arguments.trainings))
        train, validation = (
            shard_rows(cells, split, settings.shards[split]) for split in ("train", "val")
        )
        text += training_report(trainings, train, validation, len(genes), arguments.bench) + "\n"
    else:
        text += f"Trainings: none; {settings.n_models} published checkpoints are imported.\n"
    print(text, end="")
    if needed > free:
        raise SystemExit(
            f"{arguments.results}: {free:,.1f} GB are free, {needed:,.1f} GB are needed. Free some "
            "space, or set `results` in the configuration to a larger disk"
        )
    with write_atomically(arguments.plan) as temporary:
        temporary.write_text(text)


def plan_published(files: Path, cells: Path, datasets: Path, plan: Path) -> None:
    """Write the plan of a run on published predictions."""
    n_cells = len(read_table(cells, ["soma_joinid"], filters=[("split", "==", "ood")]))
    layout = Layout.read(files)
    paths = map(Path, layout.predictions.values())
    text = published_plan(paths, n_cells, size_of=partial(listed_bytes, datasets))
    text += "".join(f"{note}\n" for note in layout.notes)
    print(text, end="")
    with write_atomically(plan) as temporary:
        temporary.write_text(text, encoding="utf-8")


def numbers(pairs: list[str]) -> dict[str, int]:
    """Parse name=number arguments."""
    return {name: int(value) for name, value in (pair.split("=") for pair in pairs)}


def report(cells: pd.DataFrame, stages: pd.DataFrame, needed: float, free: float) -> str:
    """Format the plan for a person."""
    formats: dict[str | int, Callable[..., str]] = {
        "largest_file_cells": "{:,.0f}".format,
        "memory_mb": "{:,.0f}".format,
        "disk_gb": "{:,.1f}".format,
        "transfer_gb": "{:,.1f}".format,
        "core_hours": "{:,.2f}".format,
    }
    sizes = cells["split"].value_counts().reindex(["train", "val", "test", "ood"])
    lines = ["Cells: " + ", ".join(f"{name} {size:,}" for name, size in sizes.items())]
    in_ood = cells.loc[cells["split"] == "ood", "class"].nunique()
    lines += [f"Cell types: {cells['class'].nunique():,}, {in_ood:,} of them OOD", ""]
    lines.append(stages.to_string(index=False, na_rep="", formatters=formats))
    gb = stages["transfer_gb"].sum()
    lines += [
        "",
        f"Disk: {needed:,.1f} GB at most, {free:,.1f} GB free. Pieces (fetch_counts) are removed "
        "as the shards are written.",
        f"Time to shards: {stages['core_hours'].sum():,.1f} core hours at the measured rates, "
        f"beside the transfer of {gb:,.1f} GB from the store: {gb * HOURS_A_GB:,.1f} hours at "
        "100 Mbit/s.",
    ]
    return "\n".join(lines) + "\n"


def genes_report(genes: pd.DataFrame) -> str:
    """How many genes of the model the OOD release has."""
    if "in_ood" not in genes:
        return ""
    there, n_genes = int(genes["in_ood"].sum()), len(genes)
    said = f"Genes: {n_genes:,}, of which the OOD release has {there:,} ({there / n_genes:.2%})"
    return f"{said}{'' if there == n_genes else '; the counts of the others are taken as 0'}.\n"


if __name__ == "__main__":
    main()
