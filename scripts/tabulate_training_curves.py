"""Write the course of every training: loss and validation macro F1, epoch by epoch."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from hce.command import run_script
from hce.tables import of_seeds, read_table, write_table

COLUMNS = ["epoch", "train_loss", "validation_loss", "validation_macro_f1"]


def main() -> None:
    """Read the histories of the models, write them as one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--histories", type=Path, nargs="*", required=True, help="history.csv files, or none"
    )
    parser.add_argument("--data-source", required=True, help="named in the table")
    parser.add_argument("--output", type=Path, required=True, help="CSV to write")
    arguments = parser.parse_args()
    parts = []
    for path in arguments.histories:
        # models/ARCHITECTURE/LOSS/seedSEED/history.csv
        architecture, loss, seed = path.parts[-4:-1]
        history = read_table(path, COLUMNS)
        best = history["validation_macro_f1"].idxmax()
        part = history.assign(architecture=architecture, loss=loss)
        parts.append(part.assign(seed=int(seed.removeprefix("seed")), best=part.index == best))
    if parts:
        table = pd.concat(parts, ignore_index=True)
        source = of_seeds(arguments.data_source, table["seed"])
    else:
        # nothing was trained: one row that names the data
        table = pd.DataFrame([{}], columns=[*COLUMNS, "architecture", "loss", "seed", "best"])
        source = arguments.data_source
    write_table(table, arguments.output, source)


if __name__ == "__main__":
    run_script(main)
