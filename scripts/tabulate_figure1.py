"""Write the source data of Fig. 1a-e."""

from __future__ import annotations

import argparse
from pathlib import Path

from hce.command import run_script
from hce.figures.atlas import overview, split_sizes
from hce.figures.scores import id_scores, scores_of_runs, with_id_level
from hce.tables import read_table, write_table


def main() -> None:
    """Read the tables, write one CSV a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--atlas-summary", type=Path, required=True, help="atlas_summary.tsv")
    parser.add_argument("--atlas-composition", type=Path, required=True, help="its composition")
    parser.add_argument("--macro-f1-runs", type=Path, required=True, help="macro_f1_runs.tsv")
    for figure in ("fig1a", "fig1b", "fig1c", "fig1d", "fig1e"):
        parser.add_argument(f"--{figure}", type=Path, required=True, help="CSV to write")
    arguments = parser.parse_args()
    summary = read_table(arguments.atlas_summary)
    composition = read_table(arguments.atlas_composition)
    runs = read_table(arguments.macro_f1_runs)
    test = id_scores(runs)
    ood = scores_of_runs(runs, "ce", "ood", "all")
    tables = {
        arguments.fig1a: overview(summary, composition, "atlas"),
        arguments.fig1b: overview(summary, composition, "ood"),
        arguments.fig1c: split_sizes(summary),
        arguments.fig1d: test,
        arguments.fig1e: with_id_level(ood, test),
    }
    for path, table in tables.items():
        write_table(table, path)


if __name__ == "__main__":
    run_script(main)
