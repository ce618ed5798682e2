"""Source data of Supplementary Figs. 2-4: the whole hierarchy at a glance, its dense part enlarged.

The overview places the layers of the hierarchy below each other. The immune lineage, where most
types have relatives, is drawn again in three panels with the names and numbers of its types.
"""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd

from hce.figure2_tables import ontology_graph
from hce.figure_text import short_cell_type, wrap_label
from hce.ontology_layout import ISOLATED, Page, classify_edges, lay_out, layers

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
PANEL_PAGE = Page(columns=1, column_width=86.0, margin=0.0, layer_step=4.6)
ROW_MM = 3.1
NODE_GAP_MM = 0.2
CHARACTER_MM = 1.36
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
        What `hce.figure2_tables.ontology_nodes` gives for one architecture.

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
        placed = _enlarged(indexed.loc[chosen].copy(), part)
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
        (parent, child, "outline" if nodes.at[child, "primary_parent"] == parent else "second")
        for parent, child in sorted(graph.edges)
    ]
    return pd.DataFrame(rows, columns=["parent", "child", "kind"]).assign(via_x_mm=np.nan)


def _enlarged(nodes: pd.DataFrame, graph: nx.DiGraph) -> pd.DataFrame:
    """Lay out the types of one panel as an outline with room for larger names."""
    depth = layers(graph)
    texts = []
    for row in nodes.itertuples():
        room = PANEL_PAGE.column_width - depth[row.Index] * PANEL_PAGE.layer_step - BESIDE_MM
        characters = max(int(room / CHARACTER_MM), 20)
        texts.append(wrap_label(short_cell_type(row.label), characters))
    nodes["text"] = texts
    lines = nodes["text"].str.count("\n") + 1
    heights = np.maximum(lines * ROW_MM, nodes["diameter_mm"] + NODE_GAP_MM)
    layout = lay_out(graph, heights.to_dict(), PANEL_PAGE)
    for column in ("block", "layer", "x_mm", "y_mm", "primary_parent"):
        nodes[column] = layout[column]
    return nodes
