"""Set ours beside every number and claim of the paper, and say which hold."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from hce.command import run_script
from hce.files import checked
from hce.hierarchy.files import read_cell_types
from hce.statistics.claims import read_claims
from hce.statistics.evidence import (
    drops,
    gain_ranks,
    group_gains,
    hierarchy_counts,
    step_cost,
    studies_without_gain,
    trainings,
)
from hce.statistics.verdicts import check_claims
from hce.tables import read_table, write_table

TABLES = ("atlas_summary", "macro_f1", "per_cell_type", "per_study", "strata")
TESTS = ("figS5_tests", "figS6_tests", "figS8_tests")


def main() -> None:
    """Read the claims and the results, write one row a claim."""
    arguments = _parse()
    tables = {name: read_table(getattr(arguments, name)) for name in (*TABLES, *TESTS)}
    cell_types = read_cell_types(arguments.cell_types)
    records = [json.loads(checked(path).read_text()) for path in arguments.records]
    made = trainings(records, [read_table(path) for path in arguments.histories])
    tables |= {
        "cell_types": cell_types,
        "paper_cell_types": read_table(arguments.paper_cell_types),
        "hierarchy": hierarchy_counts(cell_types),
        "drops": drops(tables["macro_f1"]),
        "studies": studies_without_gain(tables["per_study"]),
        "gain_ranks": gain_ranks(tables["per_cell_type"]),
        "group_gains": group_gains(tables["per_cell_type"]),
        "trainings": made,
        "step_cost": step_cost(made),
    }
    # of the cells alone: the paper's runs had seeds of their own
    source = str(tables["atlas_summary"]["data_source"].iloc[0])
    checked_claims = check_claims(read_claims(arguments.claims), tables, source)
    write_table(checked_claims, arguments.output)
    counts = checked_claims["verdict"].value_counts()
    print(f"{len(checked_claims)} claims: {', '.join(f'{n} {word}' for word, n in counts.items())}")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--claims", type=Path, required=True, help="config/claims.yaml")
    parser.add_argument("--paper-cell-types", type=Path, required=True, help="cell_types.tsv there")
    parser.add_argument("--cell-types", type=Path, required=True, help="cell_types.tsv of the run")
    for name in (*TABLES, *TESTS):
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=Path, required=True, help="table to read")
    for name, what in (("records", "hyperparameters.json"), ("histories", "history.csv")):
        help_text = f"{what} of each training, in one order"
        parser.add_argument(f"--{name}", type=Path, nargs="*", required=True, help=help_text)
    parser.add_argument("--output", type=Path, required=True, help="claims.tsv to write")
    return parser.parse_args()


if __name__ == "__main__":
    run_script(main)
