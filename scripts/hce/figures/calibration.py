"""Calibration: how often the models are right for what they say, by p and by s."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hce.figures.style import (
    DOUBLE_COLUMN_MM,
    INK,
    LOSS_COLORS,
    RULE,
    id_note,
    loss_handles,
    name_runs,
    new_figure,
)
from hce.names import LOSS_NAMES, LOSSES, known_architectures

HEIGHT_MM = 174.0
STATEMENTS = {
    "p_label": "Prediction is the label (%)",
    "p_right": "Prediction is label or finer (%)",
    "s": "Label is prediction or finer (%)",
}
LINES = {"ood": "solid", "test": (0, (2, 1.5))}
SPLIT_NAMES = {"ood": "new studies (OOD)", "test": "held-out donors (ID)"}


def draw_calibration(table: pd.DataFrame) -> Figure:
    """Draw a column an architecture, a row a statement that a probability can be about."""
    architectures = known_architectures(table["architecture"])
    handles = [
        *loss_handles(),
        *(Line2D([], [], color=INK, linestyle=LINES[k], label=SPLIT_NAMES[k]) for k in LINES),
        Line2D([], [], color=RULE, label="right as often as said"),
    ]
    title = "Calibration of the predictions: p = softmax, s = R p"
    note = "Line, mean over seeds of 15 bins (bins of fewer than 20 cells left out); no test"
    note += id_note(table)
    fig = new_figure(DOUBLE_COLUMN_MM, HEIGHT_MM, title, handles, note=note)
    axes = fig.subplots(len(STATEMENTS), len(architectures), squeeze=False)
    for column, architecture in enumerate(architectures):
        part = table[table["architecture"] == architecture]
        axes[0, column].set_title(name_runs(architecture, part, "not run"))
        for ax, measure in zip(axes[:, column], STATEMENTS, strict=True):
            _draw_panel(ax, part[part["measure"] == measure], measure)
            ax.set_xlabel(f"{measure[0]} of the predicted type (%)")
            if column == 0:
                ax.set_ylabel(STATEMENTS[measure])
    return fig


def _draw_panel(ax: Axes, part: pd.DataFrame, measure: str) -> None:
    ax.plot([0, 100], [0, 100], color=RULE, linewidth=0.8, zorder=0)
    written = []
    for loss in LOSSES:
        for split, line in LINES.items():
            rows = part[(part["loss"] == loss) & (part["split"] == split)]
            if rows.empty:
                continue
            pooled = _mean_bins(rows)
            style = {"color": LOSS_COLORS[loss], "linestyle": line, "linewidth": 1.1}
            ax.plot(100 * pooled["confidence"], 100 * pooled["accuracy"], **style)
            errors = rows.drop_duplicates("seed")["ece"]
            written.append(f"{LOSS_NAMES[loss]} {split.upper()[:3]}: {_spread(errors)}")
    ticks = range(0, 101, 20)
    ax.set(xlim=(0, 100), ylim=(0, 100), xticks=ticks, yticks=ticks)
    text = "\n".join(["ECE, points", *written]).replace("TES", "ID")
    if written:
        # where no curve runs
        low = measure == "p_right"
        where = {"transform": ax.transAxes, "va": "bottom" if low else "top", "linespacing": 1.3}
        x, y = (0.53, 0.03) if low else (0.04, 0.98)
        ax.text(x, y, text, **where)


def _mean_bins(rows: pd.DataFrame) -> pd.DataFrame:
    """Confidence and accuracy of each bin over the seeds, where a bin has cells enough."""
    kept = rows[rows["cells"] >= 20]
    return kept.groupby("bin")[["confidence", "accuracy"]].mean()


def _spread(errors: pd.Series) -> str:
    mean, sd = 100 * errors.mean(), 100 * errors.std(ddof=1)
    return f"{mean:.1f} ± {sd:.1f}" if np.isfinite(sd) else f"{mean:.1f} (n = 1)"
