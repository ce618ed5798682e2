"""Write the source data of the figure of the controls."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from hce.figures.scores import control_gains
from hce.files import write_atomically


def main() -> None:
    """Read the runs of the main run and of the control, write their gains."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--macro-f1-runs", type=Path, required=True, help="TSV of the main run")
    parser.add_argument("--finest-macro-f1-runs", type=Path, required=True, help="of the control")
    parser.add_argument("--output", type=Path, required=True, help="CSV to write")
    arguments = parser.parse_args()
    main_runs = pd.read_csv(arguments.macro_f1_runs, sep="\t")
    finest_runs = pd.read_csv(arguments.finest_macro_f1_runs, sep="\t")
    table = control_gains(main_runs, finest_runs)
    with write_atomically(arguments.output) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
