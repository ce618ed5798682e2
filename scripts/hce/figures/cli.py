"""The command line that the drawing scripts share: source data in, PDF and PNG out."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from hce.figures.style import read_source_data, save_figure, single_data_source, stamp


def draw_from_command_line(draw: Callable[[pd.DataFrame], Figure], description: str) -> None:
    """Read --source-data, draw it, stamp its data source on it, write --pdf and --png."""
    arguments = _parser(description).parse_args()
    table = read_source_data(arguments.source_data)
    _finish(draw(table), table, arguments)


def draw_two_tables_from_command_line(
    draw: Callable[[pd.DataFrame, pd.DataFrame], Figure], second: str, description: str
) -> None:
    """Do the same for a figure of two tables, the other given by an option called `second`."""
    parser = _parser(description)
    parser.add_argument(f"--{second}", type=Path, required=True, help=f"CSV: its {second}")
    arguments = parser.parse_args()
    table = read_source_data(arguments.source_data)
    _finish(draw(table, read_source_data(getattr(arguments, second))), table, arguments)


def _parser(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--source-data", type=Path, required=True, help="CSV: what is drawn")
    parser.add_argument("--pdf", type=Path, required=True, help="vector figure to write")
    parser.add_argument("--png", type=Path, required=True, help="300 dpi figure to write")
    return parser


def _finish(fig: Figure, table: pd.DataFrame, arguments: argparse.Namespace) -> None:
    stamp(fig, single_data_source(table, arguments.source_data))
    save_figure(fig, arguments.pdf, arguments.png)
