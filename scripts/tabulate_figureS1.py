"""Write the source data of Supplementary Fig. 1."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from hce.figures.studies import study_scores
from hce.files import write_atomically


def main() -> None:
    """Read the scores of the studies and their names, write one CSV."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-study", type=Path, required=True, help="per_study.tsv")
    parser.add_argument("--per-study-runs", type=Path, required=True, help="per_study_runs.tsv")
    parser.add_argument("--datasets", type=Path, required=True, help="datasets.parquet of the OOD")
    parser.add_argument("--figS1", type=Path, required=True, help="CSV to write")
    arguments = parser.parse_args()
    table = study_scores(
        pd.read_csv(arguments.per_study, sep="\t"),
        pd.read_csv(arguments.per_study_runs, sep="\t"),
        pd.read_parquet(arguments.datasets, columns=["collection_id", "collection_name"]),
    )
    with write_atomically(arguments.figS1) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
