"""Write how often the models are right for what they say: bins of p and of s, ID and OOD."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from hce.calibration import calibration_of
from hce.files import write_atomically
from hce.hierarchy_files import read_reachability
from hce.prediction_files import read_prediction, runs_of

COLUMNS = ["class", "predicted_class", "probability", "score"]


def main() -> None:
    """Read the predictions of all models, write one row a bin."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--predictions", type=Path, required=True, help="folder of all models")
    parser.add_argument("--architectures", nargs="+", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--reachability", type=Path, required=True, help="reachability.npz")
    parser.add_argument("--data-source", required=True, help="named in the table")
    parser.add_argument("--output", type=Path, required=True, help="CSV to write")
    arguments = parser.parse_args()
    reachability, _ = read_reachability(arguments.reachability)
    parts = []
    for architecture, seed in runs_of(arguments.architectures, arguments.seeds):
        for loss in ("ce", "hce"):
            for split in ("test", "ood"):
                run = (architecture, loss, seed)
                predictions = read_prediction(arguments.predictions, run, split, COLUMNS)
                part = calibration_of(predictions, reachability)
                parts.append(
                    part.assign(architecture=architecture, loss=loss, seed=seed, split=split)
                )
    table = pd.concat(parts, ignore_index=True).assign(data_source=arguments.data_source)
    with write_atomically(arguments.output) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
