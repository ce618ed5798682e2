"""Source data of Fig. 2 and Supplementary Figs. 2-4: HCE against CE on the ontology.

Supplementary Figs. 2-4 show the whole hierarchy at a glance: an overview places its layers below
each other. The immune lineage, where most types have relatives, is drawn again in three panels with
the names and numbers of its types.
"""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd

from hce.figures.atlas import scores_of_runs
from hce.figures.layout import ISOLATED, Page, classify_edges, lay_out, layers
from hce.figures.style import is_significant, short_cell_type, wrap_label
from hce.names import known_architectures

PAGE = Page()
ROW_MM = 2.3
# area of a node is proportional to its training cells; the smallest stay visible
LARGEST_DIAMETER_MM = 3.2
SMALLEST_DIAMETER_MM = 0.8
NODE_GAP_MM = 0.15
# mean width of a 6 pt character; the room beside a name for its symbol alone, and with "+0.12*"
CHARACTER_MM = 1.15
SYMBOL_MM = 5.0
SYMBOL_AND_NUMBER_MM = 13.0


def gains(runs: pd.DataFrame, tests: pd.DataFrame) -> pd.DataFrame:
    """OOD macro F1 of every run of CE and HCE, with the test of each architecture (Fig. 2b).

    Parameters
    ----------
    runs, tests
        Rows of macro_f1_runs.tsv and of macro_f1.tsv.

    Returns
    -------
    pandas.DataFrame
        Columns of `scores_of_runs` and loss, gain_mean, gain_sd, n_pairs, p, p_holm (the last five
        the same for all rows of an architecture).
    """
    parts = [scores_of_runs(runs, loss, "ood", "all").assign(loss=loss) for loss in ("ce", "hce")]
    table = pd.concat(parts, ignore_index=True)
    rows = tests[(tests["split"] == "ood") & (tests["labels"] == "all")].set_index("architecture")
    rows = rows.rename(columns={"n_seeds": "n_pairs"})
    for column in ("gain_mean", "gain_sd", "n_pairs", "p", "p_holm"):
        table[column] = table["architecture"].map(rows[column])
    order = {name: place for place, name in enumerate(known_architectures(runs["architecture"]))}
    table = table.sort_values(
        ["architecture", "loss", "seed"],
        key=lambda column: column.map(order) if column.name == "architecture" else column,
    )
    return table.reset_index(drop=True)


def cell_type_gains(
    tests: pd.DataFrame, runs: pd.DataFrame, architecture: str, split: str
) -> pd.DataFrame:
    """F1 difference HCE - CE of each cell type and run, largest mean first (Fig. 2c).

    Parameters
    ----------
    tests, runs
        Rows of per_cell_type.tsv and of per_cell_type_runs.tsv.
    architecture, split
        Which rows to take.

    Returns
    -------
    pandas.DataFrame
        One row a cell type and seed: rank (from 0), ontology_term_id, label, node_kind, seed,
        delta, delta_mean, p, p_holm, significant, n_seeds, architecture, data_source. Without a
        pair of runs one row, in which only the last two are filled.
    """
    test = tests[(tests["architecture"] == architecture) & (tests["split"] == split)]
    test = test.sort_values(["delta", "label"], ascending=[False, True]).reset_index(drop=True)
    test = test.assign(rank=test.index, delta_mean=test["delta"])
    differences = _paired_differences(runs, architecture, split)
    columns = ["rank", "ontology_term_id", "label", "node_kind", "delta_mean", "p", "p_holm"]
    table = test[columns].merge(differences, on="ontology_term_id", how="left")
    table["significant"] = [is_significant(p) for p in table["p_holm"]]
    table["n_seeds"] = table.groupby("ontology_term_id")["seed"].transform("count")
    columns = [*columns[:4], "seed", "delta", *columns[4:], "significant", "n_seeds"]
    table = table.sort_values(["rank", "seed"])[columns]
    if table.empty:
        table = table.reindex([0])
    return table.assign(architecture=architecture, data_source=runs["data_source"].iloc[0])


def ontology_nodes(
    cell_types: pd.DataFrame, tests: pd.DataFrame, architecture: str
) -> pd.DataFrame:
    """Every class with its place on the page, its size and its OOD difference (Fig. 2d).

    Parameters
    ----------
    cell_types, tests
        Rows of cell_types.tsv and of per_cell_type.tsv.
    architecture
        Whose differences to take.

    Returns
    -------
    pandas.DataFrame
        index (class index), ontology_term_id, label, text (the name as drawn), node_kind,
        n_cells_train, in_ood, delta (NaN if not among the OOD cells), p_holm, significant, block,
        layer, x_mm, y_mm, primary_parent, diameter_mm, architecture, data_source.
    """
    nodes = cell_types.set_index("index").rename(columns={"n_cells": "n_cells_train"})
    scale = LARGEST_DIAMETER_MM / np.sqrt(nodes["n_cells_train"].max())
    diameter = np.maximum(np.sqrt(nodes["n_cells_train"]) * scale, SMALLEST_DIAMETER_MM)
    graph = ontology_graph(cell_types)
    nodes["text"] = _wrapped_names(nodes, layers(graph))
    lines = nodes["text"].str.count("\n") + 1
    heights = np.maximum(lines * ROW_MM, diameter + NODE_GAP_MM)
    layout = lay_out(graph, heights.to_dict(), PAGE)
    test = tests[(tests["architecture"] == architecture) & (tests["split"] == "ood")]
    test = test.set_index("ontology_term_id")
    nodes = nodes.join(layout).assign(diameter_mm=diameter, architecture=architecture)
    for column in ("delta", "p_holm"):
        nodes[column] = nodes["ontology_term_id"].map(test[column])
    nodes["significant"] = [is_significant(p) for p in nodes["p_holm"]]
    columns = ["ontology_term_id", "label", "text", "node_kind", "n_cells_train", "in_ood", "delta"]
    columns += ["p_holm", "significant", "block", "layer", "x_mm", "y_mm"]
    columns += ["primary_parent", "diameter_mm"]
    nodes = nodes[[*columns, "architecture"]].assign(data_source=tests["data_source"].iloc[0])
    return nodes.rename_axis("index").reset_index()


def ontology_edges(cell_types: pd.DataFrame, nodes: pd.DataFrame) -> pd.DataFrame:
    """The edges between the classes and how to draw them, with parents and children by index."""
    edges = classify_edges(ontology_graph(cell_types), nodes.set_index("index"), PAGE)
    return edges.assign(data_source=nodes["data_source"].iloc[0])


def ontology_graph(cell_types: pd.DataFrame) -> nx.DiGraph:
    """The hierarchy among the classes: nodes are class indices, edges parent -> child.

    Raises
    ------
    ValueError
        If a parent is not itself one of the classes.
    """
    index = dict(zip(cell_types["ontology_term_id"], cell_types["index"], strict=True))
    graph = nx.DiGraph()
    graph.add_nodes_from(cell_types["index"])
    for child, parents in zip(cell_types["index"], cell_types["parents"], strict=True):
        for parent in [] if pd.isna(parents) else str(parents).split("|"):
            if parent not in index:
                raise ValueError(f"cell_types.tsv: parent {parent} of class {child} is no class")
            graph.add_edge(index[parent], child)
    return graph


def _wrapped_names(nodes: pd.DataFrame, layer: dict[int, int]) -> list[str]:
    """Break each name so that it ends, with its number, before its column does."""
    names = []
    for row in nodes.itertuples():
        width = PAGE.column_width
        if row.connectivity == "isolated":
            width /= PAGE.isolated_columns
        beside = SYMBOL_AND_NUMBER_MM if row.in_ood else SYMBOL_MM
        room = width - layer[row.Index] * PAGE.layer_step - beside
        names.append(wrap_label(short_cell_type(row.label), int(room / CHARACTER_MM)))
    return names


def _paired_differences(runs: pd.DataFrame, architecture: str, split: str) -> pd.DataFrame:
    rows = runs[(runs["architecture"] == architecture) & (runs["split"] == split)]
    wide = rows.pivot_table(index=["ontology_term_id", "seed"], columns="loss", values="f1")
    wide = wide.reindex(columns=["ce", "hce"]).dropna()
    return (wide["hce"] - wide["ce"]).rename("delta").reset_index()


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
PANEL_ROW_MM = 3.1
PANEL_NODE_GAP_MM = 0.2
PANEL_CHARACTER_MM = 1.36
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
        What `hce.figures.hierarchy_tables.ontology_nodes` gives for one architecture.

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
        characters = max(int(room / PANEL_CHARACTER_MM), 20)
        texts.append(wrap_label(short_cell_type(row.label), characters))
    nodes["text"] = texts
    lines = nodes["text"].str.count("\n") + 1
    heights = np.maximum(lines * PANEL_ROW_MM, nodes["diameter_mm"] + PANEL_NODE_GAP_MM)
    layout = lay_out(graph, heights.to_dict(), PANEL_PAGE)
    for column in ("block", "layer", "x_mm", "y_mm", "primary_parent"):
        nodes[column] = layout[column]
    return nodes
