"""What cells of the OOD set are mistaken for, and which mistakes of CE HCE does not make."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from hce.figures.bars import FILL_ALPHA, draw_bar
from hce.figures.style import (
    ARCHITECTURE_COLORS,
    DOUBLE_COLUMN_MM,
    INK,
    QUIET,
    SMALL_PT,
    TEXT_PT,
    add_axes_mm,
    format_seeds,
    legend_mm,
    new_figure,
    text_mm,
    write_beside,
    write_note,
)
from hce.names import (
    ARCHITECTURE_NAMES,
    LOSS_NAMES,
    LOSSES,
    architecture_name,
    known_architectures,
)

HEIGHT_MM = 82.0
LEFT_MM = (24.0, 14.0, 70.0, 46.0)
RIGHT_MM = (112.0, 14.0, 65.0, 46.0)
# relation of the prediction to the label: color and name; the first two are right
RELATIONS = {
    "label": ("#0072B2", "the label"),
    "finer": ("#56B4E9", "a finer type"),
    "coarser": ("#E69F00", "a coarser type"),
    "sibling": ("#D55E00", "a sibling"),
    "lineage": ("#CC79A7", "same lineage"),
    "elsewhere": ("#8C8C8C", "another lineage"),
}
MISTAKES = ("coarser", "sibling", "lineage", "elsewhere")
OFFSETS = {"linear": -0.27, "mlp": 0.0, "tabnet": 0.27}
SMALLEST_SHARE = 0.05


def draw_confusion(relations: pd.DataFrame, corrected: pd.DataFrame) -> Figure:
    """Draw the shares of the relations and, beside them, the mistakes that HCE does not make."""
    title = "What cells of new studies are called, and the mistakes of CE that HCE does not make"
    fig = new_figure(DOUBLE_COLUMN_MM, HEIGHT_MM, title)
    _draw_shares(add_axes_mm(fig, *LEFT_MM), relations)
    _draw_corrected(add_axes_mm(fig, *RIGHT_MM), corrected)
    level = LEFT_MM[1] + LEFT_MM[3] + 2
    text_mm(fig, RIGHT_MM[0] - 10, level, "Of CE's mistakes, right with HCE (same seed)", TEXT_PT)
    handles = [Patch(color=color, label=name) for color, name in RELATIONS.values()]
    legend_mm(fig, handles, 3, HEIGHT_MM - 10.5, handle=1, spacing=1.2)
    found = set(corrected["architecture"])
    handles = [
        Patch(color=ARCHITECTURE_COLORS[k], alpha=FILL_ALPHA, label=name)
        for k, name in ARCHITECTURE_NAMES.items()
        if k in found
    ]
    legend_mm(fig, handles, RIGHT_MM[0] + 20, HEIGHT_MM - 10.5, handle=1, spacing=1.2)
    note = "Left, mean share over seeds; right, bar, mean; dots, seeds; whisker, s.d.; no test"
    write_note(fig, note)
    return fig


def _draw_shares(ax: Axes, relations: pd.DataFrame) -> None:
    """A stacked bar a loss and architecture: the shares of the relations."""
    keys = ["architecture", "loss", "seed"]
    shares = relations.assign(
        share=relations["cells"] / relations.groupby(keys)["cells"].transform("sum")
    )
    means = shares.groupby(["architecture", "loss", "relation"])["share"].mean()
    names, place = [], 0.0
    for architecture in known_architectures(relations["architecture"]):
        rows = relations[relations["architecture"] == architecture]
        for loss in LOSSES:
            names.append((place, f"{architecture_name(architecture)} {LOSS_NAMES[loss]}"))
            if (rows["loss"] == loss).any():
                _stack(ax, place, means.loc[(architecture, loss)])
            else:
                ax.text(1, place, "not run", fontsize=SMALL_PT, color=QUIET, va="center")
            place += 1
        place += 0.5
    ax.set(xlim=(0, 100), ylim=(place - 1, -0.6))
    ax.set_yticks([y for y, _ in names], [name for _, name in names])
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("OOD cells (%)")
    ax.spines["left"].set_visible(False)


def _stack(ax: Axes, y: float, shares: pd.Series) -> None:
    start = 0.0
    for relation, (color, _) in RELATIONS.items():
        share = 100 * shares.get(relation, 0.0)
        ax.barh(y, share, 0.78, left=start, color=color, linewidth=0)
        if share >= 100 * SMALLEST_SHARE:
            dark = relation in ("label", "sibling")
            inside = {"ha": "center", "va": "center", "fontsize": SMALL_PT}
            ax.text(start + share / 2, y, f"{share:.0f}", color="white" if dark else INK, **inside)
        start += share


def _draw_corrected(ax: Axes, corrected: pd.DataFrame) -> None:
    """For each kind of mistake of CE, the share of its cells that HCE gets right."""
    table = corrected.assign(share=corrected["right_with_hce"] / corrected["cells"])
    for place, relation in enumerate(MISTAKES):
        for architecture, offset in OFFSETS.items():
            chosen = (table["relation"] == relation) & (table["architecture"] == architecture)
            rows = table[chosen & table["share"].notna()]
            mean, sd = rows["share"].mean(), rows["share"].std(ddof=1)
            rows = rows.assign(mean=mean, sd=sd)
            if rows.empty:
                continue
            color = ARCHITECTURE_COLORS[architecture]
            top = draw_bar(ax, place + offset, rows, 0.23, color, "share")
            write_beside(ax, f"{100 * mean:.0f}", (place + offset, top), (0, 2.5), ha="center")
    counts = table.groupby("architecture")["seed"].nunique()
    ax.set(ylim=(0, 100), xlim=(-0.6, len(MISTAKES) - 0.4))
    ax.set_ylabel("Right with HCE (%)")
    names = [RELATIONS[name][1].removeprefix("a ").replace(" ", "\n") for name in MISTAKES]
    ax.set_xticks(range(len(names)), names)
    ax.tick_params(axis="x", length=0, pad=3)
    if len(counts):
        where = {"transform": ax.transAxes, "ha": "right", "va": "top", "color": QUIET}
        ax.text(1, 1, format_seeds(np.unique(counts)), fontsize=SMALL_PT, **where)
