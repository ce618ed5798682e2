"""What the paper's test could have found: the smallest gain it sees, for each cell type."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hce.figures.style import (
    DOUBLE_COLUMN_MM,
    GRID,
    ID_LEVEL_COLOR,
    INK,
    LOSS_COLORS,
    QUIET,
    RULE,
    dot_handle,
    new_figure,
)
from hce.names import architecture_name, known_architectures
from hce.statistics.power import FINDABLE, FOUND, HIDDEN, UNTESTED

HEIGHT_MM = 84.0
COLORS = {FOUND: LOSS_COLORS["hce"], FINDABLE: "#56B4E9", HIDDEN: ID_LEVEL_COLOR, UNTESTED: RULE}
TOP = 100.0


def draw_power(table: pd.DataFrame) -> Figure:
    """Draw a column an architecture; types by the gain that their test finds in 4 of 5 cases."""
    architectures = known_architectures(table["architecture"])
    handles = [
        *(dot_handle(f"gain {verdict}", color) for verdict, color in COLORS.items()),
        Line2D([], [], color=INK, linewidth=1.1, label="detectable"),
    ]
    title = "What could the test of each cell type have found?"
    note = "Detectable, the true gain that is found in 4 of 5 repetitions (first step of Holm)"
    fig = new_figure(DOUBLE_COLUMN_MM, HEIGHT_MM, title, handles, note=note)
    axes = fig.subplots(1, len(architectures), sharey=True, squeeze=False)[0]
    axes[0].set_ylabel("OOD gain in F1 (points)")
    for ax, architecture in zip(axes, architectures, strict=True):
        part = table[table["architecture"] == architecture]
        _draw_panel(ax, part.sort_values("detectable", na_position="first"))
        counts = part["verdict"].value_counts().reindex(list(COLORS), fill_value=0)
        name = architecture_name(architecture)
        found = f"{name}: {counts[FOUND]} of {len(part)} found, {counts[HIDDEN]} could not be"
        ax.set_title(found if len(part) else f"{name}: not run")
        ax.set_xlabel("cell types, by detectable gain")
    return fig


def _draw_panel(ax: Axes, part: pd.DataFrame) -> None:
    places = range(len(part))
    reach = (100 * part["detectable"]).clip(upper=TOP)
    ax.plot(places, reach, color=INK, linewidth=1.1)
    colors = [COLORS[verdict] for verdict in part["verdict"]]
    ax.scatter(places, 100 * part["delta"], c=colors, s=7, zorder=3, linewidth=0)
    ax.axhline(0, color=QUIET, linewidth=0.6)
    ax.set(xlim=(-1, max(len(part), 1)), ylim=(min(-40, 100 * part["delta"].min() - 5), TOP + 4))
    ax.set_xticks([])
    ax.grid(axis="y", color=GRID)
