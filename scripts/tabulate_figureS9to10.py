"""Write the source data of Supplementary Figs. 9 and 10: gains in contexts seen and unseen."""

from __future__ import annotations

import argparse
from pathlib import Path

from hce.command import run_script
from hce.figures.contexts import context_gains
from hce.tables import read_table, write_table

CONTEXTS = {"figS9": "disease", "figS10": "tissue"}


def main() -> None:
    """Read the scores of the strata and the contexts of the training cells, write two CSVs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strata", type=Path, required=True, help="strata.tsv")
    parser.add_argument("--strata-runs", type=Path, required=True, help="strata_runs.tsv")
    parser.add_argument("--cells", type=Path, required=True, help="cells.parquet")
    for figure in CONTEXTS:
        parser.add_argument(f"--{figure}", type=Path, required=True, help="CSV to write")
    arguments = parser.parse_args()
    # "NA" may be a name; only an empty field is a missing value
    tests, runs = (read_table(path) for path in (arguments.strata, arguments.strata_runs))
    for figure, context in CONTEXTS.items():
        cells = read_table(arguments.cells, columns=[context], filters=[("split", "==", "train")])
        table = context_gains(tests, runs, context, set(cells[context].unique()))
        write_table(table, getattr(arguments, figure))


if __name__ == "__main__":
    run_script(main)
