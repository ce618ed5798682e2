"""Write the source data of Supplementary Figs. 5-8: where the gain of HCE sits."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from hce.command import run_script
from hce.figures.cell_types import cell_type_gains
from hce.figures.gains import (
    correlation_tests,
    gain_points,
    group_tests,
    one_family,
    type_properties,
)
from hce.hierarchy.files import read_cell_types
from hce.tables import read_table, write_table

# figure: the property on its axis, the column of its groups, those that are compared
KINDS = {
    "figS5": ("descendants", "node_kind", [("internal", "leaf")]),
    "figS6": (
        "relatives",
        "node_group",
        [
            ("internal", "connected leaf"),
            ("connected leaf", "isolated leaf"),
            ("internal", "isolated leaf"),
        ],
    ),
}
# within them a correlation is not that of being an internal node
WITHIN = ("all", "internal", "leaf")
TRAINING_PROPERTIES = ["n_cells", "n_studies", "n_tissues", "n_assays"]
ARCHITECTURES = ("linear", "tabnet")
OUTPUTS = ("figS5", "figS5-tests", "figS6", "figS6-tests", "figS7", "figS8", "figS8-tests")


def main() -> None:
    """Read the tables, write one CSV a figure and one for its tests."""
    parser = argparse.ArgumentParser(description=__doc__)
    for source in ("per-cell-type", "per-cell-type-runs", "cell-types"):
        parser.add_argument(f"--{source}", type=Path, required=True, help="TSV to read")
    for output in OUTPUTS:
        parser.add_argument(f"--{output}", type=Path, required=True, help="CSV to write")
    arguments = parser.parse_args()
    tests = read_table(arguments.per_cell_type)
    runs = read_table(arguments.per_cell_type_runs)
    properties = type_properties(read_cell_types(arguments.cell_types))
    source = tests["data_source"].iloc[0]
    tables = {}
    for figure, (name, grouping, pairs) in KINDS.items():
        points = gain_points(tests, properties, [name], grouping)
        of_figure = [group_tests(points, pairs), correlation_tests(points)]
        tables[figure] = points
        tables[f"{figure}_tests"] = one_family(of_figure, figure, source)
    points = gain_points(tests, properties, TRAINING_PROPERTIES, "node_kind")
    tables["figS8"] = points
    tables["figS8_tests"] = one_family([correlation_tests(points, WITHIN)], "figS8", source)
    gains = [cell_type_gains(tests, runs, name, "ood") for name in ARCHITECTURES]
    tables["figS7"] = pd.concat(gains, ignore_index=True)
    for name, table in tables.items():
        write_table(table, getattr(arguments, name))


if __name__ == "__main__":
    run_script(main)
