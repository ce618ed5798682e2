"""Write the source data of Supplementary Fig. 1."""

from __future__ import annotations

import argparse
from pathlib import Path

from hce.command import run_script
from hce.figures.studies import study_scores
from hce.tables import read_table, write_table


def main() -> None:
    """Read the scores of the studies, write one CSV."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-study", type=Path, required=True, help="per_study.tsv")
    parser.add_argument("--per-study-runs", type=Path, required=True, help="per_study_runs.tsv")
    parser.add_argument("--figS1", type=Path, required=True, help="CSV to write")
    arguments = parser.parse_args()
    table = study_scores(read_table(arguments.per_study), read_table(arguments.per_study_runs))
    write_table(table, arguments.figS1)


if __name__ == "__main__":
    run_script(main)
