"""2.6 million cells and 24 published tables of predictions, to every figure: minutes and memory.

The cells are those of config/tiny.yaml, drawn again with new numbers until there are as many as in
the paper; one table of predictions is written in the authors' columns, with probabilities of all
164 classes drawn from a seed, and stands for all 24. What is timed is the workflow itself, from
these files on, with --cores 2; memory is the greatest of any job (its benchmark file) and twice
that an upper bound of both. Nothing here is a result.

Run: python tests/benchmarks/bench_published.py --work FOLDER --output published.json
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts"))

from hce.hierarchy.files import read_cell_types  # noqa: E402
from hce.published.export import PredictionTable  # noqa: E402
from hce.published.layout import version_name  # noqa: E402
from hce.tables import read_table, write_table  # noqa: E402

SIZES = {"train": 15_240_192, "val": 3_473_408, "test": 3_475_456, "ood": 2_600_000}
SEEDS = 4
BATCH = 16_384


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder to work in (15 GB)")
    parser.add_argument("--output", type=Path, required=True, help="JSON to write")
    parser.add_argument("--share", type=float, default=1.0, help="of the cells, for a trial")
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    results, record = work / "results", work / "record"
    record.mkdir(parents=True, exist_ok=True)
    configuration = work / "bench.yaml"
    content = {
        "results": str(results),
        "seeds": list(range(SEEDS)),
        "models": {"source": "predictions"},
        "published": {"path": str(record)},
        "resources": {"memory": 6000},
    }
    configuration.write_text(yaml.safe_dump(content), encoding="utf-8")
    first = ("atlas/cells.parquet", "atlas/genes.parquet", "ontology/reachability.npz")
    run(configuration, *(str(results / name) for name in first))
    rng = np.random.default_rng(0)
    cells = inflate(results / "atlas" / "cells.parquet", arguments.share, rng)
    classes = read_cell_types(results / "ontology" / "cell_types.tsv")["label"].tolist()
    table = write_predictions(record / "one.table", cells, classes, rng)
    for architecture in ("linear", "mlp", "tabnet"):
        for loss in ("ce", "hce"):
            for seed in range(SEEDS):
                folder = record / version_name(architecture, loss, seed) / "checkpoints"
                folder.mkdir(parents=True, exist_ok=True)
                link = folder / f"{architecture}_detailed_results.parquet"
                link.unlink(missing_ok=True)
                link.symlink_to(table)
    del cells
    started = time.perf_counter()
    run(configuration, "all", "beyond")
    minutes = (time.perf_counter() - started) / 60
    jobs = pd.concat(
        pd.read_json(path, lines=True).assign(
            rule=path.relative_to(results / "benchmarks").parts[0].removesuffix(".jsonl")
        )
        for path in (results / "benchmarks").rglob("*.jsonl")
    )
    longest = jobs.groupby("rule").agg(
        jobs=("s", "size"), seconds=("s", "sum"), mb=("max_rss", "max")
    )
    report = {
        "minutes_to_all_figures": minutes,
        "greatest_job_mb": float(jobs["max_rss"].max()),
        "ood_cells": int(SIZES["ood"] * arguments.share),
        "tables": 6 * SEEDS,
        "table_gb": table.stat().st_size / 1e9,
        "rules": longest.sort_values("seconds", ascending=False).head(12).round(1).to_dict("index"),
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


def run(configuration: Path, *targets: str) -> None:
    """Run the workflow; what was put in place of a table counts, not what made it."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--rerun-triggers", "mtime"]
    files = ["--configfile", "config/tiny.yaml", str(configuration)]
    subprocess.run(
        [*command, *files, "--quiet", "all", "--", *targets],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": ""},
        check=True,
    )


def inflate(path: Path, share: float, rng: np.random.Generator) -> pd.DataFrame:
    """Draw the cells of each split again up to the paper's size; return those of the OOD test."""
    small = read_table(path)
    parts = []
    for split, size in SIZES.items():
        rows = np.flatnonzero(small["split"] == split)
        part = small.iloc[rng.choice(rows, int(size * share))].reset_index(drop=True)
        part["soma_joinid"] = np.arange(len(part)) * 2 + (10**9 if split == "ood" else 0)
        parts.append(part)
    write_table(pd.concat(parts, ignore_index=True), path)
    return parts[-1]


def write_predictions(
    path: Path, cells: pd.DataFrame, classes: list[str], rng: np.random.Generator
) -> Path:
    """A table of predictions of these cells, mostly right, in row groups of a batch."""
    cells = cells.assign(donor_id=cells["donor"])
    with PredictionTable(path, cells, classes) as table:
        for start in range(0, len(cells), BATCH):
            label = cells["class"].to_numpy()[start : start + BATCH]
            logits = rng.normal(0, 2, (len(label), len(classes))).astype(np.float32)
            logits[np.arange(len(label)), label] += 4
            p = np.exp(logits)
            p /= p.sum(axis=1, keepdims=True)
            table.add(cells["soma_joinid"].to_numpy()[start : start + BATCH], label, p)
    return path


if __name__ == "__main__":
    main()
