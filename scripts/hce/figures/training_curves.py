"""Training curves: validation macro F1 and losses of every run, epoch by epoch."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from hce.figures.style import (
    DOUBLE_COLUMN_MM,
    INK,
    LOSS_COLORS,
    QUIET,
    dot_handle,
    loss_handles,
    name_runs,
    new_figure,
)
from hce.names import known_architectures

HEIGHT_MM = 107.0
LOSS_LINES = {"train_loss": (0, (2, 1.5)), "validation_loss": "solid"}


def draw_training_curves(table: pd.DataFrame) -> Figure:
    """Draw a column an architecture: the scores of its runs and, below, their losses."""
    # without a training, one row names the data
    table = table.dropna(subset=["epoch"])
    architectures = known_architectures(table["architecture"])
    handles = [
        *loss_handles(),
        dot_handle("best epoch", INK),
        Line2D([], [], color=INK, label="validation cells"),
        Line2D([], [], color=INK, linestyle=LOSS_LINES["train_loss"], label="training cells"),
    ]
    note = "A line, a run; the two losses are different measures, their levels are not comparable"
    fig = new_figure(DOUBLE_COLUMN_MM, HEIGHT_MM, "Training curves", handles, note=note)
    axes = fig.subplots(2, len(architectures), sharex="col", squeeze=False)
    for (upper, lower), architecture in zip(axes.T, architectures, strict=True):
        part = table[table["architecture"] == architecture]
        upper.set_title(name_runs(architecture, part, "not trained"))
        _draw_runs(upper, lower, part)
        lower.set_xlabel("Epoch")
        lower.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        for ax in (upper, lower):
            ax.yaxis.set_major_locator(MaxNLocator(5))
            ax.grid(axis="y")
            if part.empty:
                ax.set(xticks=[], yticks=[])
                _say_missing(ax, "training curves")
        # of a published model the best epoch alone is known
        if len(part) and part[list(LOSS_LINES)].isna().all(axis=None):
            lower.set(yticks=[], xlim=(0, part["epoch"].max() + 1))
            _say_missing(lower, "the losses of each epoch")
    axes[0, 0].set_ylabel("Validation macro F1 (%)")
    axes[1, 0].set_ylabel("Weighted loss")
    return fig


def _say_missing(ax: Axes, needed: str) -> None:
    why = f"needs {needed},\nwhich this run does not have"
    ax.text(0.5, 0.5, why, color=QUIET, ha="center", transform=ax.transAxes)


def _draw_runs(upper: Axes, lower: Axes, part: pd.DataFrame) -> None:
    for (loss, _), run in part.groupby(["loss", "seed"]):
        style = {"color": LOSS_COLORS[loss], "linewidth": 0.9}
        upper.plot(run["epoch"], 100 * run["validation_macro_f1"], **style)
        best = run[run["best"].eq(True)]
        upper.plot(best["epoch"], 100 * best["validation_macro_f1"], "o", markersize=2.6, **style)
        for name, line in LOSS_LINES.items():
            lower.plot(run["epoch"], run[name], linestyle=line, **style)
    if len(part):
        lower.set_ylim(0, None)
