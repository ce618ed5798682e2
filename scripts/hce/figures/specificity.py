"""How specific labels and calls are: their depth in the ontology."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from hce.figures.style import DOUBLE_COLUMN_MM, INK, LOSS_COLORS, new_figure, say_empty
from hce.names import LOSS_NAMES, LOSSES, architecture_name, known_architectures

HEIGHT_MM = 104.0
SPLIT_NAMES = {"ood": "New studies (OOD)", "test": "Held-out donors (ID)"}
LINES = {"argmax": "solid", "safe": (0, (2, 1.5))}
RULE_NAMES = {"argmax": "argmax", "safe": "safe, s ≥ τ"}


def draw_specificity(table: pd.DataFrame) -> Figure:
    """Draw a column an architecture, a row a test: cells at each depth or deeper."""
    architectures = known_architectures(table["architecture"])
    handles = [Line2D([], [], color=INK, linewidth=1.4, label="label")]
    handles += [
        Line2D(
            [],
            [],
            color=LOSS_COLORS[loss],
            linestyle=LINES[rule],
            linewidth=1.1,
            label=f"{LOSS_NAMES[loss]}, {RULE_NAMES[rule]}",
        )
        for rule in LINES
        for loss in LOSSES
    ]
    title = "How specific are the calls?"
    note = "Lines, share of the cells at a depth or below it, all seeds together; no test"
    fig = new_figure(DOUBLE_COLUMN_MM, HEIGHT_MM, title, handles, note=note)
    axes = fig.subplots(
        len(SPLIT_NAMES), len(architectures), squeeze=False, sharey=True, sharex=True
    )
    for row, (split, name) in zip(axes, SPLIT_NAMES.items(), strict=True):
        row[0].set_ylabel(f"{name}\ncells this deep or deeper (%)")
        for ax, architecture in zip(row, architectures, strict=True):
            runs = table[table["architecture"] == architecture]
            _draw_panel(ax, runs[runs["split"] == split])
            if not runs["split"].eq(split).any():
                say_empty(ax, runs)
            if split == "ood":
                ran = "" if (table["architecture"] == architecture).any() else ": not run"
                ax.set_title(architecture_name(architecture) + ran)
            else:
                ax.set_xlabel("depth in the Cell Ontology")
    return fig


def _draw_panel(ax: Axes, part: pd.DataFrame) -> None:
    for (series, rule), rows in part.groupby(["series", "rule"], dropna=False):
        if series == "label":
            style = {"color": INK, "linewidth": 1.4}
        elif rule in LINES:
            style = {"color": LOSS_COLORS[series], "linewidth": 1.1, "linestyle": LINES[rule]}
        else:
            continue
        shares = rows.set_index("depth")["share"].sort_index()
        shares = shares.reindex(
            range(int(part["depth"].min()), int(part["depth"].max()) + 1), fill_value=0
        )
        deeper = 100 * shares[::-1].cumsum()[::-1]
        ax.step(deeper.index, deeper, where="mid", **style)
    ax.set(ylim=(0, 102))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
