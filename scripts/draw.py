"""Draw a figure from its source data, as PDF and PNG, and stamp on it where the data come from."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from hce.command import run_script
from hce.figures.style import save_figure, single_data_source, stamp, use_typeface
from hce.tables import read_table


def main() -> None:
    """Read the tables, hand them to the function that draws, save what it returns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "figure", help="function that draws it, as hce.figures.registry names it: MODULE:FUNCTION"
    )
    parser.add_argument(
        "--source-data", type=Path, nargs="+", required=True, help="CSV: what is drawn"
    )
    parser.add_argument("--pdf", type=Path, required=True, help="vector figure to write")
    parser.add_argument("--png", type=Path, required=True, help="300 dpi figure to write")
    parser.add_argument(
        "--typeface", type=Path, nargs="*", default=[], help="font files in place of DejaVu Sans"
    )
    arguments = parser.parse_args()
    use_typeface(arguments.typeface)
    module, function = arguments.figure.split(":")
    draw = getattr(importlib.import_module(module), function)
    tables = [read_table(path) for path in arguments.source_data]
    fig = draw(*tables)
    stamp(fig, single_data_source(tables, arguments.source_data))
    save_figure(fig, arguments.pdf, arguments.png)


if __name__ == "__main__":
    run_script(main)
