"""Write how often the models are right for what they say: bins of p and of s, ID and OOD."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from hce.command import run_script
from hce.evaluation.calibration import calibration_of
from hce.evaluation.predictions import predicted_files, read_prediction
from hce.hierarchy.files import read_reachability
from hce.tables import of_seeds, write_table

COLUMNS = ["class", "predicted_class", "probability", "score"]


def main() -> None:
    """Read the predictions of all models, write one row a bin."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--predictions", type=Path, nargs="+", required=True, help="Parquet file of each model"
    )
    parser.add_argument("--reachability", type=Path, required=True, help="reachability.npz")
    parser.add_argument("--data-source", required=True, help="named in the table")
    parser.add_argument("--output", type=Path, required=True, help="CSV to write")
    arguments = parser.parse_args()
    reachability, _ = read_reachability(arguments.reachability)
    parts = []
    for file, path in predicted_files(arguments.predictions).items():
        part = calibration_of(read_prediction(path, COLUMNS), reachability)
        parts.append(part.assign(**file._asdict()))
    table = pd.concat(parts, ignore_index=True)
    write_table(table, arguments.output, of_seeds(arguments.data_source, table["seed"]))


if __name__ == "__main__":
    run_script(main)
