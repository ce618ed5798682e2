"""The hierarchy at a glance, and the immune lineage enlarged (Supplementary Figs. 2-4).

An overview places the layers of the hierarchy below each other. The immune lineage, where most
types have relatives, is drawn again in three panels with the names and numbers of its types.
"""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from hce.figures.hierarchy import (
    EDGE_COLOR,
    SECOND_PARENT_COLOR,
    draw_edges,
    draw_header,
    draw_nodes,
    ontology_graph,
    place_nodes,
    write_names,
)
from hce.figures.layout import ISOLATED, OUTLINE, SECOND_PARENT, Page, classify_edges
from hce.figures.style import (
    DOUBLE_COLUMN_MM,
    INK,
    QUIET,
    SMALL_PT,
    TEXT_PT,
    TITLE_PT,
    add_axes_mm,
    new_figure,
    short_cell_type,
    text_mm,
    wrap_label,
)

OVERVIEW = "overview"
# a panel holds a root and what stands below it, less what an earlier panel already has
PANELS = {
    "a": ("CL:0000084", "T cells"),
    "b": ("CL:0000542", "other lymphocytes"),
    "c": ("CL:0000738", "other leukocytes"),
}
WIDTH_MM = 174.0
LAYER_MM = 6.5
BLOCK_GAP_SLOTS = 2.2
ISOLATED_GAP_LAYERS = 1.4
ISOLATED_STEP_MM = (2.2, 3.6)
ISOLATED_PER_ROW = 50
# larger letters than in Fig. 2d
PANEL_PAGE = Page(
    columns=1,
    column_width=86.0,
    margin=0.0,
    layer_step=4.6,
    row=3.1,
    node_gap=0.2,
    character=1.36,
    fewest_characters=20,
)
BESIDE_MM = 17.0
EDGE_COLUMNS = ["view", "parent", "child", "kind", "via_x_mm"]


def panel_tables(
    cell_types: pd.DataFrame, nodes: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Nodes and edges of the overview and of its enlarged panels.

    Parameters
    ----------
    cell_types
        Rows of cell_types.tsv.
    nodes
        What `hce.figures.hierarchy.ontology_nodes` gives for one architecture.

    Returns
    -------
    pandas.DataFrame
        The columns of `nodes` and view (`overview` or a letter), panel (the letter of the panel
        that has the node, if any), title (of the view); x_mm from the left and y_mm from the top of
        the view. A type of a panel has one row in each of the two views.
    pandas.DataFrame
        view, parent, child (class indices), kind, via_x_mm, data_source.
    """
    graph = ontology_graph(cell_types)
    indexed = nodes.set_index("index")
    members = _members(indexed)
    owner = {node: letter for letter, chosen in members.items() for node in chosen}
    indexed["panel"] = pd.Series(owner, dtype=object).reindex(indexed.index)
    views = [_overview(indexed).assign(view=OVERVIEW, title="")]
    edges = [_overview_edges(graph, indexed).assign(view=OVERVIEW)]
    for letter, chosen in members.items():
        if len(chosen) < 2:
            continue
        part = graph.subgraph(chosen)
        placed = place_nodes(indexed.loc[chosen], part, PANEL_PAGE, BESIDE_MM)[indexed.columns]
        views.append(placed.assign(view=letter, title=PANELS[letter][1]))
        edges.append(classify_edges(part, placed, PANEL_PAGE).assign(view=letter))
    table = pd.concat([view.rename_axis("index").reset_index() for view in views])
    lines = pd.concat(edges, ignore_index=True)[EDGE_COLUMNS]
    return table.reset_index(drop=True), lines.assign(data_source=nodes["data_source"].iloc[0])


def _members(nodes: pd.DataFrame) -> dict[str, list[int]]:
    """The class indices of each panel, found along the parents under which the types stand."""
    tree = nx.DiGraph()
    tree.add_nodes_from(nodes.index)
    parents = nodes["primary_parent"].dropna()
    tree.add_edges_from((int(parent), child) for child, parent in parents.items())
    index = {term: node for node, term in nodes["ontology_term_id"].items()}
    taken: set[int] = set()
    members = {}
    for letter, (root, _) in PANELS.items():
        found = {index[root], *nx.descendants(tree, index[root])} if root in index else set()
        members[letter] = sorted(found - taken)
        taken |= found
    return members


def _overview(nodes: pd.DataFrame) -> pd.DataFrame:
    """Place leaves side by side in the order of the outline, each parent over its children."""
    connected = nodes[nodes["block"] != ISOLATED]
    sizes = connected.groupby("block").size().sort_values(ascending=False, kind="stable")
    slots: dict[int, float] = {}
    start = 0.0
    for block in sizes.index:
        # rows of an outline are in preorder, so that children follow their parents
        order = connected[connected["block"] == block].sort_values("y_mm")
        children = order.groupby("primary_parent").groups
        for node in order.index:
            if node not in children:
                slots[node] = start
                start += 1
        for node in reversed(order.index):
            if node in children:
                below = [slots[child] for child in children[node]]
                slots[node] = (min(below) + max(below)) / 2
        start += BLOCK_GAP_SLOTS
    step = WIDTH_MM / max(start - BLOCK_GAP_SLOTS, 1.0)
    placed = nodes.copy()
    alone = nodes.index[nodes["block"] == ISOLATED]
    deepest = connected["layer"].max() if len(connected) else 0
    x = pd.Series(slots, dtype=float).add(0.5) * step
    row, place = np.divmod(np.arange(len(alone)), ISOLATED_PER_ROW)
    x = pd.concat([x, pd.Series((place + 0.5) * ISOLATED_STEP_MM[0], index=alone)])
    y = nodes["layer"] * LAYER_MM
    y[alone] = (deepest + ISOLATED_GAP_LAYERS) * LAYER_MM + row * ISOLATED_STEP_MM[1]
    return placed.assign(x_mm=x, y_mm=y)


def _overview_edges(graph: nx.DiGraph, nodes: pd.DataFrame) -> pd.DataFrame:
    rows = [
        (parent, child, OUTLINE if nodes.at[child, "primary_parent"] == parent else SECOND_PARENT)
        for parent, child in sorted(graph.edges)
    ]
    return pd.DataFrame(rows, columns=["parent", "child", "kind"]).assign(via_x_mm=np.nan)


PANELS_HEADER_MM = 15.0
NAMES_MM = 22.0
ROOT_CHARACTERS = 22
OVERVIEW_FOOT_MM = 9.0
PANEL_TITLE_MM = 6.0
PANEL_FOOT_MM = 4.0
PANELS_FOOTER_MM = 5.0
SIDE_MM = 3.0
COLUMNS_MM = {"a": 3.0, "b": 93.0, "c": 93.0}
PANEL_MM = 86.0
SHADE = "#F1F4F8"


def draw_ontology_panels(nodes: pd.DataFrame, edges: pd.DataFrame) -> Figure:
    """Draw Supplementary Figs. 2-4: the overview and, below it, the enlarged panels.

    Parameters
    ----------
    nodes, edges
        Source data as made by `panel_tables`, with the column
        color_bound: the difference at the ends of the color scale.
    """
    whole = nodes[nodes["view"] == OVERVIEW]
    views = {v: nodes[nodes["view"] == v] for v in COLUMNS_MM if (nodes["view"] == v).any()}
    sizes = {v: part["y_mm"].max() + PANEL_TITLE_MM + PANEL_FOOT_MM for v, part in views.items()}
    columns = {left: 0.0 for left in COLUMNS_MM.values()}
    for view, size in sizes.items():
        columns[COLUMNS_MM[view]] += size
    upper = NAMES_MM + whole["y_mm"].max() + OVERVIEW_FOOT_MM
    height = PANELS_HEADER_MM + upper + max(columns.values()) + PANELS_FOOTER_MM
    fig = new_figure(DOUBLE_COLUMN_MM, height)
    bound = float(nodes["color_bound"].iloc[0])
    norm = Normalize(-bound, bound)
    draw_header(fig, whole, norm, height)
    _draw_overview(fig, whole, edges[edges["view"] == OVERVIEW], norm, height - PANELS_HEADER_MM)
    tops = dict.fromkeys(columns, height - PANELS_HEADER_MM - upper)
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
        color = EDGE_COLOR if edge.kind == OUTLINE else SECOND_PARENT_COLOR
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
