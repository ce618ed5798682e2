"""Write the scorecard: the paper's numbers beside ours."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from hce.files import write_atomically
from hce.statistics.published import compare_with_published, read_published


def main() -> None:
    """Read the published numbers and our tables, write one row a number."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", type=Path, required=True, help="config/published.yaml")
    parser.add_argument("--atlas-summary", type=Path, required=True, help="atlas_summary.tsv")
    parser.add_argument("--macro-f1", type=Path, required=True, help="macro_f1.tsv")
    parser.add_argument("--output", type=Path, required=True, help="reproduction.tsv to write")
    arguments = parser.parse_args()
    tables = {
        "atlas_summary": pd.read_csv(arguments.atlas_summary, sep="\t"),
        "macro_f1": pd.read_csv(arguments.macro_f1, sep="\t"),
    }
    scorecard = compare_with_published(read_published(arguments.published), tables)
    with write_atomically(arguments.output) as temporary:
        scorecard.to_csv(temporary, sep="\t", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
