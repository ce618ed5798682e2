"""Write what cells of the OOD set are mistaken for with CE and with HCE."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hce.command import run_script
from hce.evaluation.confusion import corrected_counts, relation_counts, relation_matrix
from hce.evaluation.predictions import Predicted, paired_runs, predicted_files, read_prediction
from hce.hierarchy.files import read_reachability
from hce.names import LOSSES
from hce.tables import of_seeds, write_table

COLUMNS = ["soma_joinid", "class", "predicted_class"]


def main() -> None:
    """Read the predictions pair by pair, write the relations and the corrected mistakes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--predictions", type=Path, nargs="+", required=True, help="Parquet file of each model"
    )
    parser.add_argument("--reachability", type=Path, required=True, help="reachability.npz")
    parser.add_argument("--data-source", required=True, help="named in the tables")
    parser.add_argument("--relations", type=Path, required=True, help="CSV to write")
    parser.add_argument("--corrected", type=Path, required=True, help="CSV to write")
    arguments = parser.parse_args()
    relations = relation_matrix(read_reachability(arguments.reachability)[0])
    counts, corrected = [], []
    files = predicted_files(arguments.predictions)
    for file, path in files.items():
        table = read_prediction(path, COLUMNS)
        found = relation_counts(*_classes(table), relations).rename_axis("relation")
        counts.append(found.reset_index().assign(**file._asdict()))
    for architecture, seed in paired_runs(files, LOSSES):
        ce, hce = (
            read_prediction(files[Predicted(architecture, loss, seed, "ood")], COLUMNS)
            for loss in LOSSES
        )
        if not np.array_equal(ce["soma_joinid"], hce["soma_joinid"]):
            raise ValueError(f"{architecture}, seed {seed}: CE and HCE predict other cells")
        moved = corrected_counts(*_classes(ce), _classes(hce)[1], relations)
        corrected.append(moved.assign(architecture=architecture, seed=seed))
    tables = {arguments.relations: counts, arguments.corrected: corrected}
    source = of_seeds(arguments.data_source, (file.seed for file in files))
    for path, parts in tables.items():
        write_table(pd.concat(parts, ignore_index=True), path, source)


def _classes(table: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Labels and predictions as class indices."""
    return table["class"].to_numpy(np.int64), table["predicted_class"].to_numpy(np.int64)


if __name__ == "__main__":
    run_script(main)
