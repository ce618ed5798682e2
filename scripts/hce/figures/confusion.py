"""What cells of the OOD set are mistaken for, and which mistakes of CE HCE does not make."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from hce.figures.bars import color_handles, draw_bars, write_beyond
from hce.figures.style import (
    DOUBLE_COLUMN_MM,
    INK,
    QUIET,
    architecture_colors,
    format_seeds,
    legend_above,
    new_figure,
)
from hce.names import (
    LOSS_NAMES,
    LOSSES,
    architecture_name,
    known_architectures,
)

HEIGHT_MM = 82.0
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
SMALLEST_SHARE = 0.05


def draw_confusion(relations: pd.DataFrame, corrected: pd.DataFrame) -> Figure:
    """Draw the shares of the relations and, beside them, the mistakes that HCE does not make."""
    title = "What cells of new studies are called, and the mistakes of CE that HCE does not make"
    note = "Left, mean share over seeds; right, bar, mean; dots, seeds; whisker, s.d.; no test"
    fig = new_figure(DOUBLE_COLUMN_MM, HEIGHT_MM, title, note=note)
    left, right = fig.subplots(1, 2)
    _draw_shares(left, relations)
    _draw_corrected(right, corrected)
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
                ax.text(1, place, "not run", color=QUIET, va="center")
            place += 1
        place += 0.5
    ax.set(xlim=(0, 100), ylim=(place - 1, -0.6))
    ax.set_yticks([y for y, _ in names], [name for _, name in names])
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("OOD cells (%)")
    ax.spines["left"].set_visible(False)
    handles = [Patch(color=color, label=name) for color, name in RELATIONS.values()]
    legend_above(ax, handles, 3)


def _stack(ax: Axes, y: float, shares: pd.Series) -> None:
    start = 0.0
    for relation, (color, _) in RELATIONS.items():
        share = 100 * shares.get(relation, 0.0)
        ax.barh(y, share, 0.78, left=start, color=color, linewidth=0)
        if share >= 100 * SMALLEST_SHARE:
            dark = relation in ("label", "sibling")
            inside = {"ha": "center", "va": "center"}
            ax.text(start + share / 2, y, f"{share:.0f}", color="white" if dark else INK, **inside)
        start += share


def _draw_corrected(ax: Axes, corrected: pd.DataFrame) -> None:
    """For each kind of mistake of CE, the share of its cells that HCE gets right."""
    table = corrected.assign(share=corrected["right_with_hce"] / corrected["cells"])
    ran = set(table["architecture"])
    found = {name: architecture_name(name) for name in known_architectures(ran) if name in ran}
    colors = {name: architecture_colors(found)[name] for name in found}
    by = ("relation", MISTAKES), ("architecture", colors)
    for bar in draw_bars(ax, table, "share", *by).dropna().itertuples():
        write_beyond(ax, bar.x, bar.end, f"{bar.mean:.0f}")
    ax.set(ylim=(0, 100))
    ax.set_ylabel("Right with HCE (%)")
    names = [RELATIONS[name][1].removeprefix("a ").replace(" ", "\n") for name in MISTAKES]
    ax.set_xticks(range(len(names)), names)
    counts = table.groupby("architecture")["seed"].nunique()
    seeds = f", {format_seeds(np.unique(counts))}" if len(counts) else ""
    title = f"Of CE's mistakes, right with HCE (same seed){seeds}"
    legend_above(ax, color_handles(found, colors), 3, title)
