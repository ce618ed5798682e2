"""Write the source data of the figure of the controls."""

from __future__ import annotations

import argparse
from pathlib import Path

from hce.command import run_script
from hce.figures.scores import control_gains
from hce.tables import read_table, write_table


def main() -> None:
    """Read the runs of the main run and of the control, write their gains."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--macro-f1-runs", type=Path, required=True, help="TSV of the main run")
    parser.add_argument("--finest-macro-f1-runs", type=Path, nargs="?", help="of the control")
    parser.add_argument("--output", type=Path, required=True, help="CSV to write")
    arguments = parser.parse_args()
    main_runs = read_table(arguments.macro_f1_runs)
    finest = arguments.finest_macro_f1_runs
    table = control_gains(main_runs, read_table(finest) if finest else None)
    write_table(table, arguments.output)


if __name__ == "__main__":
    run_script(main)
