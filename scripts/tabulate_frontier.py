"""Set corrected against exact macro F1 for a ladder of losses from CE to HCE."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from hce.command import run_script
from hce.evaluation.calls import read_calls
from hce.evaluation.hierarchy_metrics import Hierarchy
from hce.figures.frontier import frontier_points
from hce.hierarchy.files import read_cell_types
from hce.statistics.decisions import metric_runs
from hce.tables import of_seeds, write_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--calls", type=Path, nargs="+", required=True, help="Parquet file of each model"
    )
    parser.add_argument(
        "--discounts", type=json.loads, required=True, help="of each loss by name, JSON"
    )
    parser.add_argument(
        "--cell-types", type=Path, required=True, help="cell_types.tsv: the classes"
    )
    parser.add_argument(
        "--reachability", type=Path, required=True, help="reachability.npz: R of the classes"
    )
    parser.add_argument("--data-source", required=True, help="named in the tables")
    parser.add_argument("--table", type=Path, required=True, help="TSV to write: every run")
    parser.add_argument("--output", type=Path, required=True, help="CSV to write: source data")
    arguments = parser.parse_args()
    classes = read_cell_types(arguments.cell_types)
    hierarchy = Hierarchy.read(classes, arguments.reachability)
    calls = read_calls(arguments.calls)
    runs = metric_runs(calls, hierarchy, np.flatnonzero(classes["in_ood"]))
    points = frontier_points(runs, arguments.discounts)
    keys = ["architecture", "split", "rule", "discount"]
    print(points.groupby(keys)[["exact_f1", "corrected_f1"]].mean().to_string())
    source = of_seeds(arguments.data_source, calls["seed"])
    write_table(points, arguments.table, source)
    write_table(points, arguments.output, source)


if __name__ == "__main__":
    run_script(main)
