"""Write the scorecard: the paper's numbers beside ours."""

from __future__ import annotations

import argparse
from pathlib import Path

from hce.statistics.published import compare_with_published, read_published
from hce.tables import read_table, write_table


def main() -> None:
    """Read the published numbers and our tables, write one row a number."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", type=Path, required=True, help="config/published.yaml")
    parser.add_argument("--atlas-summary", type=Path, required=True, help="atlas_summary.tsv")
    parser.add_argument("--macro-f1", type=Path, required=True, help="macro_f1.tsv")
    parser.add_argument("--output", type=Path, required=True, help="reproduction.tsv to write")
    arguments = parser.parse_args()
    tables = {
        "atlas_summary": read_table(arguments.atlas_summary),
        "macro_f1": read_table(arguments.macro_f1),
    }
    scorecard = compare_with_published(read_published(arguments.published), tables)
    write_table(scorecard, arguments.output)


if __name__ == "__main__":
    main()
