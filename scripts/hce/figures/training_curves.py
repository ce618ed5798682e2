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
    TEXT_PT,
    add_axes_mm,
    draw_grid,
    legend_mm,
    loss_handles,
    name_runs,
    new_figure,
    text_mm,
    write_note,
)
from hce.names import known_architectures

HEIGHT_MM = 107.0
PANEL_MM = (49.0, 34.0)
LEFT_MM, STEP_MM = 13.0, 57.5
ROWS_MM = {"validation_macro_f1": 57.0, "loss": 14.0}
LOSS_LINES = {"train_loss": (0, (2, 1.5)), "validation_loss": "solid"}


def draw_training_curves(table: pd.DataFrame) -> Figure:
    """Draw a column an architecture: the scores of its runs and, below, their losses."""
    fig = new_figure(DOUBLE_COLUMN_MM, HEIGHT_MM, "Training curves")
    for column, architecture in enumerate(known_architectures(table["architecture"])):
        part = table[table["architecture"] == architecture]
        left = LEFT_MM + column * STEP_MM
        upper, lower = (add_axes_mm(fig, left, bottom, *PANEL_MM) for bottom in ROWS_MM.values())
        above = ROWS_MM["validation_macro_f1"] + PANEL_MM[1] + 1.5
        text_mm(fig, left, above, name_runs(architecture, part, "not trained"), TEXT_PT)
        _draw_scores(upper, part, column)
        _draw_losses(lower, part, column)
    _draw_legend(fig)
    return fig


def _draw_scores(ax: Axes, part: pd.DataFrame, column: int) -> None:
    for (loss, _), run in part.groupby(["loss", "seed"]):
        color = LOSS_COLORS[loss]
        ax.plot(run["epoch"], 100 * run["validation_macro_f1"], color=color, linewidth=0.9)
        best = run[run["best"].eq(True)]
        ax.plot(best["epoch"], 100 * best["validation_macro_f1"], "o", color=color, markersize=2.6)
    _finish(ax, part, "Validation macro F1 (%)" if column == 0 else "")


def _draw_losses(ax: Axes, part: pd.DataFrame, column: int) -> None:
    for (loss, _), run in part.groupby(["loss", "seed"]):
        for name, line in LOSS_LINES.items():
            ax.plot(run["epoch"], run[name], color=LOSS_COLORS[loss], linestyle=line, linewidth=0.9)
    if len(part):
        ax.set_ylim(0, None)
    _finish(ax, part, "Weighted loss" if column == 0 else "")
    ax.set_xlabel("Epoch")


def _finish(ax: Axes, part: pd.DataFrame, name: str) -> None:
    ax.set_ylabel(name)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(5))
    draw_grid(ax)
    if part.empty:
        ax.set(xticks=[], yticks=[])


def _draw_legend(fig: Figure) -> None:
    handles = [
        *loss_handles(),
        Line2D([], [], color=INK, linestyle="none", marker="o", markersize=3, label="best epoch"),
        Line2D([], [], color=INK, label="validation cells"),
        Line2D([], [], color=INK, linestyle=LOSS_LINES["train_loss"], label="training cells"),
    ]
    legend_mm(fig, handles, LEFT_MM, HEIGHT_MM - 9.5)
    note = "A line, a run; the two losses are different measures, their levels are not comparable"
    write_note(fig, note)
