"""Take the ID scores that the authors published for those of their imported models.

Their predictions of these cells are not published. Where there are no scores, the table is empty,
and what needs them says so in its place.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from hce.command import run_script
from hce.evaluation.scores import of_run
from hce.files import checked
from hce.hierarchy.files import read_cell_types
from hce.published.id_scores import import_id_scores
from hce.published.layout import ID_FOLDER, Version, find_id_tables, run_name
from hce.tables import write_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the record lies")
    parser.add_argument(
        "--choose", type=json.loads, default={}, help="files that are to be taken, by run, JSON"
    )
    parser.add_argument("--architecture", required=True, help="linear, mlp or tabnet")
    parser.add_argument("--loss", required=True, help="ce or hce")
    parser.add_argument("--seeds", type=int, nargs="+", required=True, help="of the models")
    parser.add_argument(
        "--records", type=Path, nargs="+", required=True, help="their hyperparameters.json"
    )
    parser.add_argument("--cell-types", type=Path, required=True, help="cell_types.tsv of the run")
    parser.add_argument(
        "--scores", type=Path, nargs="+", required=True, help="Parquet files to write"
    )
    arguments = parser.parse_args()
    cell_types = read_cell_types(arguments.cell_types)
    runs = zip(arguments.seeds, arguments.records, arguments.scores, strict=True)
    for seed, record, output in runs:
        number = json.loads(checked(record).read_text(encoding="utf-8"))["imported"]["version"]
        run = (arguments.architecture, arguments.loss, seed)
        version = Version(*run[:2], seed if number is None else number)
        tables = find_id_tables(arguments.folder, version, run_name(*run), arguments.choose)
        found = ", ".join(tables.values())
        print(f"{run_name(*run)}: {found or f'no ID scores ({ID_FOLDER}/.../*_metrics.csv)'}")
        scores = import_id_scores({name: Path(path) for name, path in tables.items()}, cell_types)
        write_table(of_run(scores, *run, "test"), output)


if __name__ == "__main__":
    run_script(main)
