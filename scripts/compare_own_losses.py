"""Compare a user's own losses with CE and with HCE over seeds."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from hce.command import run_script
from hce.figures.own_losses import own_loss_gains
from hce.statistics.tables import overall_runs, own_loss_table
from hce.tables import of_seeds, read_table, write_table


def main() -> None:
    """Read the scores of all models, write the comparison and the runs that it is made of."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--scores", type=Path, nargs="+", required=True, help="Parquet file of each model's scores"
    )
    parser.add_argument("--losses", nargs="+", required=True, help="the own losses")
    parser.add_argument("--data-source", required=True, help="named in the tables")
    parser.add_argument("--table", type=Path, required=True, help="TSV to write")
    parser.add_argument("--runs", type=Path, required=True, help="TSV to write")
    parser.add_argument("--source-data", type=Path, required=True, help="CSV to write")
    arguments = parser.parse_args()
    scores = pd.concat([read_table(path) for path in arguments.scores], ignore_index=True)
    runs = overall_runs(scores)
    tests = own_loss_table(runs, arguments.losses)
    tables = {arguments.table: tests, arguments.runs: runs}
    tables[arguments.source_data] = own_loss_gains(tests, runs)
    source = of_seeds(arguments.data_source, scores["seed"])
    for path, table in tables.items():
        write_table(table, path, source)


if __name__ == "__main__":
    run_script(main)
