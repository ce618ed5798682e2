"""Write how specific the safe calls are at each threshold, and how often they are right."""

from __future__ import annotations

import argparse
from pathlib import Path

from hce.command import run_script
from hce.evaluation.calls import read_calls
from hce.evaluation.hierarchy_metrics import Hierarchy
from hce.hierarchy.files import read_cell_types
from hce.statistics.risk_coverage import risk_coverage
from hce.tables import of_seeds, write_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--calls", type=Path, nargs="+", required=True, help="threshold_calls of each model"
    )
    parser.add_argument(
        "--cell-types", type=Path, required=True, help="cell_types.tsv: the classes"
    )
    parser.add_argument(
        "--reachability", type=Path, required=True, help="reachability.npz: R of the classes"
    )
    parser.add_argument("--data-source", required=True, help="named in the table")
    parser.add_argument("--output", type=Path, required=True, help="CSV to write: source data")
    arguments = parser.parse_args()
    classes = read_cell_types(arguments.cell_types)
    hierarchy = Hierarchy.read(classes, arguments.reachability)
    calls = read_calls(arguments.calls)
    table = risk_coverage(calls, hierarchy)
    write_table(table, arguments.output, of_seeds(arguments.data_source, calls["seed"]))


if __name__ == "__main__":
    run_script(main)
