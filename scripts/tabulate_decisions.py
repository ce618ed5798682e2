"""Compare CE and HCE by every decision rule and metric, and how specific their calls are."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from hce.command import run_script
from hce.evaluation.calls import read_calls
from hce.evaluation.hierarchy_metrics import Hierarchy
from hce.hierarchy.files import read_cell_types
from hce.statistics.decisions import (
    COMPARED,
    PAPER_RULE,
    coarsened_runs,
    decision_table,
    depth_shares,
    metric_runs,
    metric_table,
    specificity_runs,
)
from hce.tables import of_seeds, write_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--calls", type=Path, nargs="+", required=True, help="Parquet file of each model"
    )
    parser.add_argument(
        "--cell-types", type=Path, required=True, help="cell_types.tsv: the classes"
    )
    parser.add_argument(
        "--reachability", type=Path, required=True, help="reachability.npz: R of the classes"
    )
    parser.add_argument("--data-source", required=True, help="named in the tables")
    for name, what in {
        "decisions": "TSV to write: what is left of the gain over CE by another rule",
        "metrics": "TSV to write: HCE against CE in every metric",
        "metrics-runs": "TSV to write: every metric of every run",
        "specificity": "TSV to write: leaf shares, depths and relations of every run",
        "decisions-figure": "CSV to write: source data",
        "metrics-figure": "CSV to write: source data",
        "specificity-figure": "CSV to write: source data",
        "granularity-figure": "CSV to write: source data",
    }.items():
        parser.add_argument(f"--{name}", type=Path, required=True, help=what)
    arguments = parser.parse_args()

    classes = read_cell_types(arguments.cell_types)
    hierarchy = Hierarchy.read(classes, arguments.reachability)
    calls = read_calls(arguments.calls)
    source = of_seeds(arguments.data_source, calls["seed"])
    runs = metric_runs(calls, hierarchy, np.flatnonzero(classes["in_ood"]))
    metrics, decisions = metric_table(runs), decision_table(runs)
    tests = decisions[
        ["architecture", "split", "labels", "metric", "rule", "delta_mean", "p_holm", "left"]
    ]
    compared = runs[runs["metric"].isin(COMPARED) & _paper_labels(runs)]
    paper = metrics[(metrics["rule"] == PAPER_RULE) & _paper_labels(metrics)]
    for table, path in (
        (decisions, arguments.decisions),
        (metrics, arguments.metrics),
        (runs, arguments.metrics_runs),
        (specificity_runs(calls, hierarchy), arguments.specificity),
        (compared.merge(tests, how="left"), arguments.decisions_figure),
        (paper, arguments.metrics_figure),
        (depth_shares(calls, hierarchy), arguments.specificity_figure),
        (coarsened_runs(calls, hierarchy), arguments.granularity_figure),
    ):
        write_table(table, path, source)
    print(decisions[decisions["split"] == "ood"].to_string())


def _paper_labels(table: pd.DataFrame) -> pd.Series:
    """The labels that the paper averages over: those of the OOD test, on both."""
    return (table["split"] == "ood") | (table["labels"] == "ood_labels")


if __name__ == "__main__":
    run_script(main)
