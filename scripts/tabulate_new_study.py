"""Ask whether the gain holds in the next study or tissue, and what the seeds could have found."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from hce.command import run_script
from hce.evaluation.calls import read_calls
from hce.figures.new_study import forest_rows
from hce.hierarchy.files import read_reachability
from hce.names import sort_as_known
from hce.statistics.decisions import PAPER_RULE
from hce.statistics.new_study import gains_by, over_seeds
from hce.statistics.power import detectable
from hce.tables import of_seeds, read_table, write_table

UNITS = {"study": "dataset_id", "tissue": "tissue"}
POWER_COLUMNS = ["architecture", "split", "ontology_term_id", "label", "n_seeds", "n_tests"]
POWER_COLUMNS += ["ce_mean", "delta", "delta_sd", "p_holm"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--unit-calls", type=Path, nargs="+", required=True, help="Parquet file of each model"
    )
    parser.add_argument(
        "--reachability", type=Path, required=True, help="reachability.npz: R of the classes"
    )
    parser.add_argument("--macro-f1", type=Path, required=True, help="TSV: the tests over seeds")
    parser.add_argument("--per-cell-type", type=Path, required=True, help="TSV")
    parser.add_argument("--study-names", type=Path, required=True, help="figS1.csv")
    parser.add_argument("--data-source", required=True, help="named in the tables")
    for name, what in {
        "new-study": "TSV to write: bootstrap and meta-analysis",
        "new-study-units": "TSV to write: the gain in each study and tissue",
        "power": "TSV to write: what the test of each cell type could have found",
        "study-figure": "CSV to write: source data",
        "tissue-figure": "CSV to write: source data",
        "power-figure": "CSV to write: source data",
    }.items():
        parser.add_argument(f"--{name}", type=Path, required=True, help=what)
    arguments = parser.parse_args()

    studies = read_table(arguments.study_names)
    names = dict(zip(studies["dataset_id"], studies["study"], strict=True))
    reachability, _ = read_reachability(arguments.reachability)
    calls = read_calls(arguments.unit_calls)
    calls = calls[calls["rule"] == PAPER_RULE]
    source = of_seeds(arguments.data_source, calls["seed"])
    wholes, singles = [], []
    for architecture, part in calls.groupby("architecture", sort=False):
        for kind, column in UNITS.items():
            whole, single = gains_by(part, reachability, column)
            wholes.append(whole.assign(architecture=architecture, kind=kind))
            singles.append(single.assign(architecture=architecture, kind=kind))
    units = pd.concat(singles, ignore_index=True)
    units.insert(0, "name", [names.get(unit, unit) for unit in units["unit"]])
    summary = pd.concat([*wholes, over_seeds(read_table(arguments.macro_f1))], ignore_index=True)
    keys = ["architecture", "kind"]
    units, summary = (
        table[[*keys, *table.columns.drop(keys)]]
        for table in (sort_as_known(units, keys), sort_as_known(summary, keys))
    )
    types = read_table(arguments.per_cell_type)
    types = types[types["split"] == "ood"].reset_index(drop=True)
    families = [detectable(part) for _, part in types.groupby("architecture", sort=False)]
    power = types[POWER_COLUMNS].join(pd.concat(families))
    write_table(summary, arguments.new_study, source)
    write_table(units, arguments.new_study_units, source)
    write_table(power, arguments.power, source)
    write_table(power, arguments.power_figure, source)
    for kind, path in (("study", arguments.study_figure), ("tissue", arguments.tissue_figure)):
        write_table(forest_rows(units, summary, kind), path, source)
    print(summary.to_string())
    print(power.groupby(["architecture", "verdict"], sort=False).size().to_string())


if __name__ == "__main__":
    run_script(main)
