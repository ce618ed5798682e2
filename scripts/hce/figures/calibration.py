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
    SMALL_PT,
    TEXT_PT,
    add_axes_mm,
    legend_mm,
    loss_handles,
    name_runs,
    new_figure,
    text_mm,
    write_note,
)
from hce.names import LOSS_NAMES, LOSSES, known_architectures

HEIGHT_MM = 174.0
PANEL_MM = (46.0, 42.0)
LEFT_MM, STEP_MM = 15.0, 56.5
ROWS_MM = {"p_label": 117.0, "p_right": 65.0, "s": 13.0}
STATEMENTS = {
    "p_label": "Prediction is the label (%)",
    "p_right": "Prediction is label or finer (%)",
    "s": "Label is prediction or finer (%)",
}
LINES = {"ood": "solid", "test": (0, (2, 1.5))}
SPLIT_NAMES = {"ood": "new studies (OOD)", "test": "held-out donors (ID)"}


def draw_calibration(table: pd.DataFrame) -> Figure:
    """Draw a column an architecture, a row a statement that a probability can be about."""
    title = "Calibration of the predictions: p = softmax, s = R p"
    fig = new_figure(DOUBLE_COLUMN_MM, HEIGHT_MM, title)
    for column, architecture in enumerate(known_architectures(table["architecture"])):
        part = table[table["architecture"] == architecture]
        left = LEFT_MM + column * STEP_MM
        above = ROWS_MM["p_label"] + PANEL_MM[1] + 1.5
        text_mm(fig, left, above, name_runs(architecture, part, "not run"), TEXT_PT)
        for measure, bottom in ROWS_MM.items():
            ax = add_axes_mm(fig, left, bottom, *PANEL_MM)
            _draw_panel(ax, part[part["measure"] == measure], measure)
            ax.set_xlabel(f"{measure[0]} of the predicted type (%)")
            if column == 0:
                ax.set_ylabel(STATEMENTS[measure])
    _draw_legend(fig)
    note = "Line, mean over seeds of 15 bins (bins of fewer than 20 cells left out); no test"
    write_note(fig, note)
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
    ax.set(xlim=(0, 100), ylim=(0, 100))
    ax.set_xticks(range(0, 101, 20))
    ax.set_yticks(range(0, 101, 20))
    text = "\n".join(["ECE, points", *written]).replace("TES", "ID")
    if written:
        # where no curve runs
        low = measure == "p_right"
        where = {"transform": ax.transAxes, "va": "bottom" if low else "top", "linespacing": 1.3}
        x, y = (0.53, 0.03) if low else (0.04, 0.98)
        ax.text(x, y, text, fontsize=SMALL_PT, **where)


def _mean_bins(rows: pd.DataFrame) -> pd.DataFrame:
    """Confidence and accuracy of each bin over the seeds, where a bin has cells enough."""
    kept = rows[rows["cells"] >= 20]
    return kept.groupby("bin")[["confidence", "accuracy"]].mean()


def _spread(errors: pd.Series) -> str:
    mean, sd = 100 * errors.mean(), 100 * errors.std(ddof=1)
    return f"{mean:.1f} ± {sd:.1f}" if np.isfinite(sd) else f"{mean:.1f} (n = 1)"


def _draw_legend(fig: Figure) -> None:
    splits = [
        Line2D([], [], color=INK, linestyle=line, label=SPLIT_NAMES[split])
        for split, line in LINES.items()
    ]
    diagonal = Line2D([], [], color=RULE, label="right as often as said")
    legend_mm(fig, [*loss_handles(), *splits, diagonal], LEFT_MM, HEIGHT_MM - 9.5)
