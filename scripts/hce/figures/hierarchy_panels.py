"""The hierarchy at a glance, and the immune lineage enlarged (Supplementary Figs. 2-4).

An overview places the layers of the hierarchy below each other. The immune lineage, where most
types have relatives, is drawn again in three panels with the names and numbers of its types.
"""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle

from hce.figures.hierarchy import (
    EDGE_COLOR,
    FOOTER_MM,
    HEADER_MM,
    LARGEST_DIAMETER_MM,
    SECOND_PARENT_COLOR,
    draw_curve,
    draw_nodes,
    draw_outline,
    hierarchy_figure,
    ontology_graph,
    page_axes,
    place_nodes,
)
from hce.figures.layout import ISOLATED, OUTLINE, SECOND_PARENT, Page, classify_edges
from hce.figures.style import (
    MARGIN_MM,
    QUIET,
    TEXT_PT,
    TITLE_PT,
    Panel,
    short_cell_type,
    wrap_label,
    write_beside,
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
# between the circles of the types that have no relative, of which a row takes a bit over half
ISOLATED_GAP_MM = 0.6
ISOLATED_WIDTH_MM = 110.0
# larger letters than in Fig. 2d
PANEL_PAGE = Page(
    columns=1,
    column_width=86.0,
    margin=LARGEST_DIAMETER_MM / 2,
    layer_step=4.6,
    row=3.1,
    node_gap=0.2,
    size=TEXT_PT,
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
        that has the node, if any); x_mm from the left and y_mm from the top of the view. A type of
        a panel has one row in each of the two views.
    pandas.DataFrame
        view, parent, child (class indices), kind, via_x_mm, data_source.
    """
    graph = ontology_graph(cell_types)
    indexed = nodes.set_index("index")
    members = _members(indexed)
    owner = {node: letter for letter, chosen in members.items() for node in chosen}
    indexed["panel"] = pd.Series(owner, dtype=object).reindex(indexed.index)
    views = [_overview(indexed).assign(view=OVERVIEW)]
    edges = [_overview_edges(graph, indexed).assign(view=OVERVIEW)]
    for letter, chosen in members.items():
        if len(chosen) < 2:
            continue
        part = graph.subgraph(chosen)
        placed = place_nodes(indexed.loc[chosen], part, PANEL_PAGE, BESIDE_MM)[indexed.columns]
        views.append(placed.assign(view=letter))
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
    isolated_step = nodes.loc[alone, "diameter_mm"].max() + ISOLATED_GAP_MM
    a_row = int(ISOLATED_WIDTH_MM / isolated_step) if len(alone) else 1
    row, place = np.divmod(np.arange(len(alone)), a_row)
    x = pd.concat([x, pd.Series((place + 0.5) * isolated_step, index=alone)])
    y = nodes["layer"] * LAYER_MM
    y[alone] = (deepest + ISOLATED_GAP_LAYERS) * LAYER_MM + row * isolated_step
    return placed.assign(x_mm=x, y_mm=y)


def _overview_edges(graph: nx.DiGraph, nodes: pd.DataFrame) -> pd.DataFrame:
    rows = [
        (parent, child, OUTLINE if nodes.at[child, "primary_parent"] == parent else SECOND_PARENT)
        for parent, child in sorted(graph.edges)
    ]
    return pd.DataFrame(rows, columns=["parent", "child", "kind"]).assign(via_x_mm=np.nan)


NAMES_MM = 24.0
ROOT_NAME_MM = 21.0
OVERVIEW_FOOT_MM = 9.0
PANEL_TITLE_MM = 6.0
PANEL_FOOT_MM = 4.0
COLUMNS_MM = {"a": 3.0, "b": 93.0, "c": 93.0}
SHADE = "#F1F4F8"


def draw_ontology_panels(nodes: pd.DataFrame, edges: pd.DataFrame) -> Figure:
    """Draw Supplementary Figs. 2-4: the overview and, below it, the enlarged panels."""
    views = dict(tuple(nodes.groupby("view")))
    lines = dict(tuple(edges.groupby("view")))
    whole = views[OVERVIEW]
    upper = overview_depth(whole)
    # how far each column of panels reaches down
    ends = dict.fromkeys(COLUMNS_MM.values(), upper)
    places = {}
    for view in [view for view in COLUMNS_MM if view in views]:
        left, depth = COLUMNS_MM[view], views[view]["y_mm"].max() + PANEL_FOOT_MM
        places[view] = (left, ends[left] + PANEL_TITLE_MM, depth)
        ends[left] += PANEL_TITLE_MM + depth
    fig = hierarchy_figure(whole, max(ends.values()))
    top = max(ends.values()) + FOOTER_MM
    ax = page_axes(fig, (MARGIN_MM, top), (WIDTH_MM, upper))
    _shade_panels(ax, whole.assign(y_mm=whole["y_mm"] + NAMES_MM))
    _draw_overview(ax, whole.assign(y_mm=whole["y_mm"] + NAMES_MM), lines.get(OVERVIEW, edges))
    for view, (left, down, depth) in places.items():
        ax = page_axes(fig, (left, top - down), (PANEL_PAGE.column_width, depth))
        heading = f"{view}  {PANELS[view][1]}"
        write_beside(ax, heading, (0, 0), (0, 5), size=TITLE_PT, weight="bold")
        draw_outline(ax, views[view], lines[view], TEXT_PT)
    return fig


def overview_depth(nodes: pd.DataFrame) -> float:
    """Room in millimeters that the overview needs below the keys."""
    return NAMES_MM + nodes["y_mm"].max() + OVERVIEW_FOOT_MM


def draw_overview(
    nodes: pd.DataFrame, edges: pd.DataFrame, panel: Panel | None = None
) -> Figure | SubFigure:
    """Draw the overview of Supplementary Figs. 2-4 alone, as a page has room for Fig. 2d.

    In a panel the layers stand as close as its height asks for.
    """
    whole, lines = (table[table["view"] == OVERVIEW] for table in (nodes, edges))
    depth = room = overview_depth(whole)
    if panel is not None:
        room = panel.height_mm - HEADER_MM - FOOTER_MM
    # without numbers beside the nodes there is no star to explain
    fig = hierarchy_figure(whole.assign(p_holm=np.nan), depth, panel)
    ax = page_axes(fig, (MARGIN_MM, room + FOOTER_MM), (WIDTH_MM, room))
    ax.set_ylim(depth, 0)
    _draw_overview(ax, whole.assign(y_mm=whole["y_mm"] + NAMES_MM), lines)
    return fig


def _draw_overview(ax: Axes, nodes: pd.DataFrame, edges: pd.DataFrame) -> None:
    places = nodes.set_index("index")[["x_mm", "y_mm"]]
    # second parents first, so that the tree stays on top
    for edge in edges.sort_values("kind", ascending=False).itertuples():
        (x, y), (down_x, down_y) = places.loc[edge.parent], places.loc[edge.child]
        middle = (y + down_y) / 2
        color = EDGE_COLOR if edge.kind == OUTLINE else SECOND_PARENT_COLOR
        draw_curve(ax, [(x, y), (x, middle), (down_x, middle), (down_x, down_y)], color, 0.5)
    draw_nodes(ax, nodes)
    upright = {"rotation": 90, "ha": "center", "va": "bottom"}
    roots = nodes[nodes["primary_parent"].isna() & (nodes["block"] != ISOLATED)]
    for row in roots.itertuples():
        name = wrap_label(short_cell_type(row.label), ROOT_NAME_MM)
        ax.text(row.x_mm, row.y_mm - row.diameter_mm / 2 - 1, name, **upright)
    alone = nodes[nodes["block"] == ISOLATED]
    if len(alone):
        text = f"{len(alone)} types without a relative among the {len(nodes)}"
        beside = {"va": "center_baseline", "color": QUIET}
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
        size = (right - left, bottom - top)
        ax.add_patch(Rectangle((left, top), *size, facecolor=SHADE, zorder=-3))
        where = {"fontsize": TITLE_PT, "fontweight": "bold", "va": "top"}
        ax.text(left + 0.7, top + 0.7, str(letter), **where)
