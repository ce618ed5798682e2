"""Write the source data of Supplementary Figs. 9 and 10: gains in contexts seen and unseen."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from hce.figures.contexts import context_gains
from hce.files import write_atomically

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
    tests, runs = (
        pd.read_csv(path, sep="\t", keep_default_na=False, na_values=[""])
        for path in (arguments.strata, arguments.strata_runs)
    )
    for figure, context in CONTEXTS.items():
        cells = pd.read_parquet(
            arguments.cells, columns=[context], filters=[("split", "==", "train")]
        )
        table = context_gains(tests, runs, context, set(cells[context].unique()))
        with write_atomically(getattr(arguments, figure)) as temporary:
            table.to_csv(temporary, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
