"""Compare predictions of imported checkpoints with the published ones, cell by cell."""

from __future__ import annotations

import argparse
from pathlib import Path

from hce.command import run_script
from hce.evaluation.predictions import predicted_files
from hce.published.agreement import compare_predictions, unmatched
from hce.tables import write_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    form = ".../ARCHITECTURE/LOSS/seedSEED/SPLIT.parquet"
    parser.add_argument("--ours", type=Path, nargs="+", required=True, help=form)
    parser.add_argument("--published", type=Path, nargs="+", required=True, help=form)
    parser.add_argument("--data-source", required=True, help="named in the table")
    parser.add_argument("--output", type=Path, required=True, help="TSV to write")
    arguments = parser.parse_args()
    ours, published = (predicted_files(paths) for paths in (arguments.ours, arguments.published))
    for sentence in unmatched(ours, published):
        print(sentence)
    table = compare_predictions(ours, published)
    print(table.to_string(index=False))
    write_table(table, arguments.output, arguments.data_source)


if __name__ == "__main__":
    run_script(main)
