"""Draw Fig. 2b: OOD macro F1 with cross-entropy and with hierarchical cross-entropy."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from hce.figures.bars import FILL_ALPHA, draw_bar, footnote, label_architectures, score_figure
from hce.figures.cli import draw_from_command_line
from hce.figures.style import (
    INK,
    LOSS_COLORS,
    QUIET,
    SMALL_PT,
    format_p,
    format_seeds,
    format_signed,
    is_significant,
)
from hce.names import LOSS_NAMES

OFFSETS = {"ce": -0.2, "hce": 0.2}
WIDTH = 0.34


def draw(table: pd.DataFrame) -> Figure:
    """Return Fig. 2b from its source data."""
    fig, ax = score_figure("Out of distribution: new studies")
    architectures = list(dict.fromkeys(table["architecture"]))
    n_text = []
    for place, architecture in enumerate(architectures):
        rows = table[table["architecture"] == architecture]
        tops = [
            draw_bar(ax, place + offset, rows[rows["loss"] == loss], WIDTH, LOSS_COLORS[loss])
            for loss, offset in OFFSETS.items()
        ]
        if rows["macro_f1"].notna().any():
            _write_means(ax, place, rows)
            _write_gain(ax, place, tops, rows.iloc[0])
        n_text.append(format_seeds(rows.drop_duplicates("loss")["n_seeds"]))
    label_architectures(ax, architectures, n_text)
    handles = [
        Patch(facecolor=LOSS_COLORS[loss], alpha=FILL_ALPHA, label=LOSS_NAMES[loss])
        for loss in OFFSETS
    ]
    ax.legend(
        handles=handles,
        ncols=2,
        loc="lower right",
        bbox_to_anchor=(1.01, 1.0),
        borderpad=0,
        handlelength=1.2,
        columnspacing=1.2,
    )
    footnote(fig, list(table["n_seeds"]), "P, paired t-test (Holm)")
    return fig


def _write_gain(ax: Axes, place: int, tops: list[float], row: pd.Series) -> None:
    """Write the gain and its adjusted p over a bracket that spans the two bars."""
    left, right, level = place + OFFSETS["ce"], place + OFFSETS["hce"], max(tops) + 4
    if not np.isfinite(row["gain_mean"]):
        return
    marked = is_significant(row["p_holm"])
    ends = [tops[0] + 1.5, level, level, tops[1] + 1.5]
    ax.plot([left, left, right, right], ends, color=INK if marked else QUIET, linewidth=0.6)
    gain = f"{format_signed(100 * row['gain_mean'], 1)} points"
    for offset, text, weight in (
        (9.5, gain, "bold" if marked else "normal"),
        (2.0, format_p(row["p_holm"]), "normal"),
    ):
        ax.annotate(
            text,
            (place, level),
            (0, offset),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=SMALL_PT,
            fontweight=weight,
            color=INK if marked else QUIET,
        )


def _write_means(ax: Axes, place: int, rows: pd.DataFrame) -> None:
    """Write each mean into the foot of its bar, where no dot can hide it."""
    for loss, offset in OFFSETS.items():
        mean = rows.loc[rows["loss"] == loss, "mean"].iloc[0]
        if np.isfinite(mean):
            ax.text(place + offset, 2, f"{100 * mean:.1f}", fontsize=SMALL_PT, ha="center")


if __name__ == "__main__":
    draw_from_command_line(draw, __doc__)
