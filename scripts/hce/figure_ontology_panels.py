"""The hierarchy at a glance with its immune part enlarged (Supplementary Figs. 2-4)."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from hce.figure_ontology import (
    EDGE_COLOR,
    SECOND_PARENT_COLOR,
    draw_edges,
    draw_header,
    draw_nodes,
    write_names,
)
from hce.figure_style import (
    DOUBLE_COLUMN_MM,
    INK,
    QUIET,
    SMALL_PT,
    TEXT_PT,
    TITLE_PT,
    add_axes_mm,
    new_figure,
    text_mm,
)
from hce.figure_text import short_cell_type, wrap_label
from hce.ontology_layout import ISOLATED
from hce.ontology_panels import OVERVIEW

HEADER_MM = 15.0
NAMES_MM = 22.0
ROOT_CHARACTERS = 22
OVERVIEW_FOOT_MM = 9.0
PANEL_TITLE_MM = 6.0
PANEL_FOOT_MM = 4.0
FOOTER_MM = 5.0
SIDE_MM = 3.0
COLUMNS_MM = {"a": 3.0, "b": 93.0, "c": 93.0}
PANEL_MM = 86.0
SHADE = "#F1F4F8"


def draw_ontology_panels(nodes: pd.DataFrame, edges: pd.DataFrame) -> Figure:
    """Draw the overview and, below it, the enlarged panels.

    Parameters
    ----------
    nodes, edges
        Source data as made by `hce.ontology_panels.panel_tables`, with the column color_bound: the
        difference at the ends of the color scale.
    """
    whole = nodes[nodes["view"] == OVERVIEW]
    views = {v: nodes[nodes["view"] == v] for v in COLUMNS_MM if (nodes["view"] == v).any()}
    sizes = {v: part["y_mm"].max() + PANEL_TITLE_MM + PANEL_FOOT_MM for v, part in views.items()}
    columns = {left: 0.0 for left in COLUMNS_MM.values()}
    for view, size in sizes.items():
        columns[COLUMNS_MM[view]] += size
    upper = NAMES_MM + whole["y_mm"].max() + OVERVIEW_FOOT_MM
    height = HEADER_MM + upper + max(columns.values()) + FOOTER_MM
    fig = new_figure(DOUBLE_COLUMN_MM, height)
    bound = float(nodes["color_bound"].iloc[0])
    norm = Normalize(-bound, bound)
    draw_header(fig, whole, norm, height)
    _draw_overview(fig, whole, edges[edges["view"] == OVERVIEW], norm, height - HEADER_MM)
    tops = dict.fromkeys(columns, height - HEADER_MM - upper)
    for view, part in views.items():
        left = COLUMNS_MM[view]
        _draw_panel(fig, part, edges[edges["view"] == view], norm, (left, tops[left]))
        tops[left] -= sizes[view]
    return fig


def _axes(fig: Figure, left: float, top: float, width: float, depth: float, above: float) -> Axes:
    """Axes in millimeters, y downward, whose zero lies `above` below their upper edge."""
    ax = add_axes_mm(fig, left, top - above - depth, width, above + depth)
    ax.set(xlim=(0, width), ylim=(depth, -above))
    ax.set_axis_off()
    return ax


def _draw_overview(
    fig: Figure, nodes: pd.DataFrame, edges: pd.DataFrame, norm: Normalize, top: float
) -> None:
    width, depth = DOUBLE_COLUMN_MM - 2 * SIDE_MM, nodes["y_mm"].max() + OVERVIEW_FOOT_MM
    ax = _axes(fig, SIDE_MM, top, width, depth, NAMES_MM)
    _shade_panels(ax, nodes)
    places = nodes.set_index("index")[["x_mm", "y_mm"]]
    # second parents first, so that the tree stays on top
    for edge in edges.sort_values("kind", ascending=False).itertuples():
        (x, y), (down_x, down_y) = places.loc[edge.parent], places.loc[edge.child]
        middle = (y + down_y) / 2
        curve = Path(
            [(x, y), (x, middle), (down_x, middle), (down_x, down_y)],
            [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4],
        )
        color = EDGE_COLOR if edge.kind == "outline" else SECOND_PARENT_COLOR
        ax.add_patch(PathPatch(curve, fill=False, edgecolor=color, linewidth=0.5))
    draw_nodes(ax, nodes, norm)
    upright = {"rotation": 90, "ha": "center", "va": "bottom", "fontsize": SMALL_PT}
    roots = nodes[nodes["primary_parent"].isna() & (nodes["block"] != ISOLATED)]
    for row in roots.itertuples():
        name = wrap_label(short_cell_type(row.label), ROOT_CHARACTERS)
        ax.text(row.x_mm, row.y_mm - row.diameter_mm / 2 - 1, name, **upright)
    alone = nodes[nodes["block"] == ISOLATED]
    if len(alone):
        text = f"{len(alone)} types without a relative among the {len(nodes)}"
        beside = {"va": "center_baseline", "fontsize": SMALL_PT, "color": QUIET}
        ax.text(alone["x_mm"].max() + 3, alone["y_mm"].iloc[0], text, **beside)


def _shade_panels(ax: Axes, nodes: pd.DataFrame) -> None:
    """Lay a shade under the types of each panel, with its letter."""
    for letter, part in nodes.dropna(subset=["panel"]).groupby("panel"):
        # a root stands over what other panels show: its own leaves say where a panel is
        leaves = part[~part["index"].isin(nodes["primary_parent"])]
        if len(part) < 2 or leaves.empty:
            continue
        left, right = leaves["x_mm"].min() - 1, leaves["x_mm"].max() + 1
        top, bottom = part["y_mm"].min() - 2, part["y_mm"].max() + 2.5
        corner = (left, top)
        box = Rectangle(corner, right - left, bottom - top, facecolor=SHADE, zorder=-3)
        ax.add_patch(box)
        where = {"fontsize": TITLE_PT, "fontweight": "bold", "va": "top"}
        ax.text(left + 0.7, top + 0.7, str(letter), color=INK, **where)


def _draw_panel(
    fig: Figure,
    nodes: pd.DataFrame,
    edges: pd.DataFrame,
    norm: Normalize,
    corner: tuple[float, float],
) -> None:
    left, top = corner
    view, title = nodes["view"].iloc[0], nodes["title"].iloc[0]
    text_mm(fig, left, top - 3.5, f"{view}  {title}", TITLE_PT, weight="bold")
    depth = nodes["y_mm"].max() + PANEL_FOOT_MM / 2
    ax = _axes(fig, left, top - PANEL_TITLE_MM, PANEL_MM, depth, 0.0)
    inset = nodes["diameter_mm"].max() / 2
    shifted = nodes.assign(x_mm=nodes["x_mm"] + inset)
    moved = edges.assign(via_x_mm=edges["via_x_mm"] + inset)
    draw_edges(ax, moved, shifted.set_index("index"))
    draw_nodes(ax, shifted, norm)
    write_names(ax, shifted, TEXT_PT)
