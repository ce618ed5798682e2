"""Draw the controls: HCE's OOD gain when its cause is there, when it is removed, and reversed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from hce.figures.bars import FILL_ALPHA, draw_bar, footnote, label_architectures, score_figure
from hce.figures.cli import draw_from_command_line
from hce.figures.style import INK, LOSS_COLORS, SMALL_PT, format_seeds, format_signed

# color and name of each condition, and where its bar stands
CONDITIONS = {
    "main": (LOSS_COLORS["hce"], "HCE", -0.3),
    "finest": ("#56B4E9", "HCE, finest annotation", 0.0),
    "permuted": (LOSS_COLORS["hce_permuted"], "HCE, R permuted", 0.3),
}
WIDTH = 0.25


def draw(table: pd.DataFrame) -> Figure:
    """Return the figure of the controls from its source data."""
    fig, ax = score_figure("OOD gain over CE, and its controls")
    architectures = list(dict.fromkeys(table["architecture"]))
    n_text, ends = [], [0.0]
    for place, architecture in enumerate(architectures):
        rows = table[table["architecture"] == architecture]
        for condition, (color, _, offset) in CONDITIONS.items():
            part = rows[rows["condition"] == condition]
            end = draw_bar(ax, place + offset, part, WIDTH, color, "gain")
            _write_mean(ax, place + offset, end, 100 * part["mean"].iloc[0])
            ends.append(end)
        n_text.append(format_seeds(rows.drop_duplicates("condition")["n_seeds"]))
    _scale(ax, min(ends), max(ends))
    label_architectures(ax, architectures, n_text)
    handles = [Patch(facecolor=c, alpha=FILL_ALPHA, label=n) for c, n, _ in CONDITIONS.values()]
    where = {"loc": "lower right", "bbox_to_anchor": (1.01, 1.0)}
    ax.legend(handles=handles, ncols=3, handlelength=1, columnspacing=1, borderpad=0, **where)
    footnote(fig, list(table["n_seeds"]), "")
    return fig


def _scale(ax: Axes, low: float, high: float) -> None:
    """Room for the numbers beyond the bars, and a line at no gain."""
    margin = max(0.12 * (high - low), 1.0)
    ax.set_ylim(low - margin if low < 0 else 0, high + margin)
    ax.yaxis.set_major_locator(MaxNLocator(6))
    ax.set_ylabel("Gain in macro F1 (points)", labelpad=2)
    ax.axhline(0, color=INK, linewidth=0.6)
    ax.spines["bottom"].set_visible(False)


def _write_mean(ax: Axes, x: float, end: float, mean: float) -> None:
    if not np.isfinite(mean):
        return
    up = mean >= 0
    ax.annotate(
        format_signed(mean, 1),
        (x, end),
        (0, 2.5 if up else -2.5),
        textcoords="offset points",
        ha="center",
        va="bottom" if up else "top",
        fontsize=SMALL_PT,
    )


if __name__ == "__main__":
    draw_from_command_line(draw, __doc__)
