"""Write the source data of the learning curve: macro F1 of every run on nested training slices."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from hce.command import run_script
from hce.statistics.tables import overall_runs
from hce.tables import of_seeds, read_table, write_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--sizes", type=int, nargs="+", required=True, help="cells a type; 0 for the run itself"
    )
    parser.add_argument("--manifests", type=Path, nargs="+", required=True, help="of each size")
    parser.add_argument(
        "--scores", type=Path, nargs="+", required=True, help="equally many of each size, in order"
    )
    parser.add_argument("--data-source", required=True, help="named in the table")
    parser.add_argument("--output", type=Path, required=True, help="table to write")
    arguments = parser.parse_args()

    parts = np.array_split(np.array(arguments.scores, dtype=object), len(arguments.sizes))
    points = []
    for size, manifest, scores in zip(arguments.sizes, arguments.manifests, parts, strict=True):
        runs = overall_runs(pd.concat([read_table(path) for path in scores], ignore_index=True))
        train = json.loads(manifest.read_text())["splits"]["train"]
        # a slice is repeated within an epoch
        cells = sum({shard["path"]: shard["rows"] for shard in train}.values())
        runs.insert(0, "train_cells", cells)
        runs.insert(0, "cells_per_type", size if size else np.nan)
        points.append(runs)
        print(f"{cells:,} training cells: {len(runs)} scores")
    table = pd.concat(points, ignore_index=True)
    write_table(table, arguments.output, of_seeds(arguments.data_source, table["seed"]))


if __name__ == "__main__":
    run_script(main)
