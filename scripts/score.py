"""Score the predictions of some seeds' models on some splits for every grouping of the cells.

And count, for every decision rule, how many cells of each label are called what; on the OOD test by
dataset, donor and tissue too.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from hce.command import run_script
from hce.evaluation.calls import CALLS, UNIT_CALLS, UNITS, count_calls
from hce.evaluation.predictions import CALL_COLUMNS, read_prediction
from hce.evaluation.scores import (
    CELL_GROUPINGS,
    CONTEXTS,
    join_predictions,
    of_run,
    score_predictions,
)
from hce.hierarchy.files import read_cell_types, read_reachability
from hce.tables import read_table, write_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--splits",
        choices=("test", "ood"),
        nargs="+",
        required=True,
        help="train, val, test or ood",
    )
    parser.add_argument(
        "--predictions",
        type=Path,
        nargs="+",
        required=True,
        help="Parquet files: of all seeds for the first split, then for the next",
    )
    parser.add_argument(
        "--cells",
        type=Path,
        required=True,
        help="cells.parquet: the selected cells with their split",
    )
    parser.add_argument(
        "--cell-types", type=Path, required=True, help="cell_types.tsv: the classes"
    )
    parser.add_argument(
        "--reachability", type=Path, required=True, help="reachability.npz: R of the classes"
    )
    parser.add_argument(
        "--architecture", required=True, help="linear, mlp, tabnet or a name of your own"
    )
    parser.add_argument("--loss", required=True, help="ce, hce or a name of your own")
    parser.add_argument("--seeds", type=int, nargs="+", required=True, help="of the models")
    parser.add_argument(
        "--scores",
        type=Path,
        nargs="+",
        required=True,
        help="Parquet files to write, in the order of the predictions",
    )
    parser.add_argument("--calls", type=Path, required=True, help="Parquet file to write: counts")
    parser.add_argument(
        "--unit-calls", type=Path, required=True, help="Parquet file to write: counts by unit, OOD"
    )
    arguments = parser.parse_args()

    columns = ["soma_joinid", "class", "cell_type_ontology_term_id"]
    columns += [*CELL_GROUPINGS.values(), *CONTEXTS.values(), *UNITS]
    columns = list(dict.fromkeys(columns))
    said = ["soma_joinid", "class", *CALL_COLUMNS.values()]
    training = read_split(arguments.cells, "train", list(CONTEXTS.values()))
    seen = {context: set(training[column].unique()) for context, column in CONTEXTS.items()}
    del training
    reachability, _ = read_reachability(arguments.reachability)
    in_ood = read_cell_types(arguments.cell_types)["in_ood"]
    files = iter(zip(arguments.predictions, arguments.scores, strict=True))
    calls, unit_calls = [], []
    for split in arguments.splits:
        cells = read_split(arguments.cells, split, columns)
        for seed in arguments.seeds:
            predictions, output = next(files)
            prediction = read_prediction(predictions, said)
            scores = score_predictions(
                prediction, cells, reachability, np.flatnonzero(in_ood), seen
            )
            joined = join_predictions(prediction, cells)
            calls.append(count_calls(joined).assign(seed=seed, split=split))
            if split == "ood":
                unit_calls.append(count_calls(joined, UNITS).assign(seed=seed))
            scores = of_run(scores, arguments.architecture, arguments.loss, seed, split)
            overall = scores[scores["grouping"] == "overall"]
            print(overall[["split", "seed", "group", "f1", "support", "n_labels"]].to_string())
            write_table(scores, output)
    write_table(pd.concat(calls, ignore_index=True)[CALLS], arguments.calls)
    write_table(pd.concat(unit_calls, ignore_index=True)[UNIT_CALLS], arguments.unit_calls)


def read_split(path: Path, split: str, columns: list[str]) -> pd.DataFrame:
    """Columns of the cells of one split; the others are dropped while reading."""
    return read_table(path, columns=columns, filters=[("split", "==", split)])


if __name__ == "__main__":
    run_script(main)
