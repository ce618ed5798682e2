"""The learning curve: OOD macro F1 of CE and HCE, and their gain, against the training cells."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from hce.figures.style import (
    DOUBLE_COLUMN_MM,
    GRID,
    INK,
    LOSS_COLORS,
    dot_handle,
    format_count,
    loss_handles,
    name_runs,
    new_figure,
)
from hce.names import known_architectures

HEIGHT_MM = 107.0


def draw_learning_curve(table: pd.DataFrame) -> Figure:
    """Draw a column an architecture: macro F1 of CE and HCE and, below, the gain.

    Parameters
    ----------
    table
        Macro F1 of every run: architecture, loss, seed, split, labels, macro_f1, train_cells,
        cells_per_type (missing where all training cells of the run were used).
    """
    table = table[table["split"] == "ood"]
    architectures = known_architectures(table["architecture"])
    handles = [*loss_handles(), dot_handle("run, or pair of one seed", INK)]
    sizes = table.drop_duplicates("train_cells").sort_values("train_cells")
    said = ", ".join(f"{n:,.0f}" for n in sizes["cells_per_type"].dropna())
    note = f"At most {said} training cells a type, and all; equally many steps; no test"
    title = "OOD macro F1 against the number of training cells"
    fig = new_figure(DOUBLE_COLUMN_MM, HEIGHT_MM, title, handles, note=note)
    axes = fig.subplots(2, len(architectures), sharex=True, sharey="row", squeeze=False)
    for (upper, lower), architecture in zip(axes.T, architectures, strict=True):
        part = table[table["architecture"] == architecture]
        upper.set_title(name_runs(architecture, part, "not run"))
        for loss, color in LOSS_COLORS.items():
            runs = part[part["loss"] == loss]
            _draw_line(upper, runs.set_index("train_cells")["macro_f1"], color)
        pairs = part.pivot_table("macro_f1", ["train_cells", "seed"], "loss", observed=True)
        if {"ce", "hce"} <= set(pairs):
            gain = (pairs["hce"] - pairs["ce"]).dropna().droplevel("seed")
            _draw_line(lower, gain, INK)
        lower.axhline(0, color=INK, linewidth=0.6)
        lower.set_xlabel("Training cells")
        for ax in (upper, lower):
            ax.set_xscale("log")
            ax.xaxis.set_major_locator(FixedLocator(sizes["train_cells"].tolist()))
            ax.xaxis.set_minor_locator(NullLocator())
            ax.yaxis.set_major_locator(MaxNLocator(5))
            ax.grid(axis="y", color=GRID)
        lower.set_xticklabels([format_count(n) for n in sizes["train_cells"]])
    axes[0, 0].set_ylabel("OOD macro F1 (%)")
    axes[1, 0].set_ylabel("HCE − CE (points)")
    return fig


def _draw_line(ax: Axes, runs: pd.Series, color: str) -> None:
    """Runs as dots and their means as a line, by the number of training cells."""
    percent = 100 * runs
    ax.plot(percent.index, percent, "o", color=color, markersize=2, alpha=0.6)
    means = percent.groupby(level=0).mean()
    ax.plot(means.index, means, "-", color=color)
