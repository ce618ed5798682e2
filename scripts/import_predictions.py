"""Take the authors' predictions of the OOD cells, and their ID scores, for ours.

One table after the other, of all seeds of an architecture and loss; one that is not there is
downloaded, and let go before the next.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from hce.command import run_script
from hce.evaluation.scores import of_run
from hce.evaluation.thresholds import THRESHOLD_CALLS
from hce.hierarchy.files import read_cell_types, read_reachability
from hce.published.fetch import at_hand
from hce.published.id_scores import import_id_scores
from hce.published.layout import Layout, run_name
from hce.published.predictions import import_predictions
from hce.tables import read_table, write_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=Path, required=True, help="JSON of find_published.py")
    parser.add_argument("--architecture", required=True, help="linear, mlp or tabnet")
    parser.add_argument("--loss", required=True, help="ce or hce")
    parser.add_argument("--seeds", type=int, nargs="+", required=True, help="those of the run")
    parser.add_argument("--cells", type=Path, required=True, help="cells.parquet of the run")
    parser.add_argument("--cell-types", type=Path, required=True, help="cell_types.tsv of the run")
    parser.add_argument(
        "--reachability", type=Path, required=True, help="reachability.npz of the run"
    )
    parser.add_argument(
        "--threshold", type=float, default=0.5, help="least score s of a step of the safe call"
    )
    for name, what in (
        ("predictions", "of the OOD cells"),
        ("scores", "of the ID cells, as far as they are published"),
    ):
        parser.add_argument(
            f"--{name}", type=Path, nargs="+", required=True, help=f"Parquet files to write, {what}"
        )
    parser.add_argument("--threshold-calls", type=Path, required=True, help="Parquet file to write")
    parser.add_argument("--datasets", type=Path, required=True, help="config/datasets.tsv")
    parser.add_argument("--keep", action="store_true", help="what is downloaded stays")
    arguments = parser.parse_args()
    layout = Layout.read(arguments.files)
    cell_types = read_cell_types(arguments.cell_types)
    reachability, _ = read_reachability(arguments.reachability)
    columns = ["soma_joinid", "class"]
    cells = read_table(arguments.cells, columns, filters=[("split", "==", "ood")])
    counted = []
    outputs = zip(arguments.seeds, arguments.predictions, arguments.scores, strict=True)
    for seed, predictions, scores in outputs:
        name = run_name(arguments.architecture, arguments.loss, seed)
        path = Path(layout.predictions[name])
        with at_hand(path, arguments.datasets, arguments.keep):
            counts, agreement = import_predictions(
                path,
                cells,
                cell_types["label"].tolist(),
                reachability,
                arguments.threshold,
                predictions,
            )
        print(f"{name}: {agreement}", flush=True)
        counted.append(counts.table().assign(split="ood", seed=seed))
        tables = {table: Path(path) for table, path in layout.id_tables[name].items()}
        imported = import_id_scores(tables, cell_types)
        run = (arguments.architecture, arguments.loss, seed, "test")
        write_table(of_run(imported, *run), scores)
    table = pd.concat(counted, ignore_index=True)[THRESHOLD_CALLS]
    write_table(table, arguments.threshold_calls)


if __name__ == "__main__":
    run_script(main)
