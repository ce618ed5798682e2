"""Positions for the cell ontology's graph on a page, so that every node can carry its name.

Each node of a lineage has a row of its own, its children below it and one layer to the right, as in
an indented outline. Lines therefore run left of the names and never through them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import networkx as nx
import numpy as np
import pandas as pd

from hce.ontology import depths

ISOLATED = "isolated"
# the kinds of edges
OUTLINE, SECOND_PARENT = "outline", "second_parent"


@dataclass(frozen=True)
class Page:
    """The space that the graph is laid out in, in millimeters, and the size of its letters."""

    columns: int = 2
    column_width: float = 90.0
    margin: float = 3.0
    layer_step: float = 3.6
    block_gap: float = 2.0
    isolated_header: float = 5.0
    isolated_columns: int = 2
    row: float = 2.3
    node_gap: float = 0.15
    # of a name, in points
    size: float = 6.0


def lay_out(graph: nx.DiGraph, heights: Mapping[int, float], page: Page) -> pd.DataFrame:
    """Place every node of a directed acyclic graph on the page.

    Parameters
    ----------
    graph
        Edges lead from parent to child, without those that other edges imply. Nodes are class
        indices; what the hierarchy leaves open is ordered by them.
    heights
        Height in millimeters that the row of each node needs (its symbol and its name).
    page
        The space to fill.

    Returns
    -------
    pandas.DataFrame
        One row a node, index = node: block (the first root of its lineage as text, or `isolated`),
        layer, x_mm (from the left), y_mm (from the top), primary_parent (under which it stands;
        missing for a root). Nodes are sorted by place.

    Raises
    ------
    ValueError
        If the graph has a cycle or a node has no height.
    """
    without = sorted(set(graph) - set(heights))
    if without:
        raise ValueError(f"no height for the node {without[0]} ({len(without)} in all)")
    layer = depths(graph)
    components = sorted(map(sorted, nx.weakly_connected_components(graph)))
    # rows (node, x, y) of each block and how far it reaches down
    blocks: dict[str, tuple[list[tuple[int, float, float]], float]] = {}
    primary: dict[int, int] = {}
    for lineage in sorted((part for part in components if len(part) > 1), key=len, reverse=True):
        order, parents = _outline(graph.subgraph(lineage), layer)
        primary |= parents
        ends = np.cumsum([heights[node] for node in order])
        rows = [
            (node, layer[node] * page.layer_step, end - heights[node] / 2)
            for node, end in zip(order, ends, strict=True)
        ]
        blocks[str(min(set(lineage) - set(parents)))] = rows, ends[-1]
    isolated = [part[0] for part in components if len(part) == 1]
    if isolated:
        blocks[ISOLATED] = _isolated_grid(isolated, heights, page)
    placed: list[tuple[int, str, int, float, float]] = []
    for column, names in enumerate(_pack({name: size for name, (_, size) in blocks.items()}, page)):
        left, top = column * page.column_width + page.margin, page.margin
        for name in names:
            rows, size = blocks[name]
            placed += [(node, name, layer[node], left + x, top + y) for node, x, y in rows]
            top += size + page.block_gap
    table = pd.DataFrame(placed, columns=["node", "block", "layer", "x_mm", "y_mm"])
    table["primary_parent"] = table["node"].map(primary).astype("Int64")
    return table.set_index("node")


def classify_edges(graph: nx.DiGraph, layout: pd.DataFrame, page: Page) -> pd.DataFrame:
    """Tell the edges of the outline from those to a second parent, and route the latter.

    Returns
    -------
    pandas.DataFrame
        One row an edge: parent, child, kind (`outline` | `second_parent`), via_x_mm: how far left
        the line of a second parent must swing so that it meets no node or name on its way (NaN for
        the outline's).
    """
    rows: list[tuple[int, int, str, float]] = []
    for child in sorted(layout.index):
        for parent in sorted(graph.predecessors(child)):
            if parent == layout.at[child, "primary_parent"]:
                rows.append((parent, child, OUTLINE, np.nan))
            else:
                via = _leftmost_between(layout, parent, child) - page.layer_step / 2
                rows.append((parent, child, SECOND_PARENT, via))
    return pd.DataFrame(rows, columns=["parent", "child", "kind", "via_x_mm"])


def _outline(graph: nx.DiGraph, layer: Mapping[int, int]) -> tuple[list[int], dict[int, int]]:
    """Order of the rows and each node's primary parent: second parents as close as can be.

    Both choices that the hierarchy leaves open (which of several deepest parents, the order of
    siblings) are improved one at a time until the lines to second parents get no shorter.
    """
    # the deepest parents, so that a node stands next to its nearest relatives
    choices = {
        node: [up for up in sorted(graph.predecessors(node)) if layer[up] == layer[node] - 1]
        for node in sorted(graph)
    }
    primary = {node: parents[0] for node, parents in choices.items() if parents}
    order, span = _order_siblings(graph, primary)
    for node, parents in choices.items():
        for parent in parents[1:]:
            other = {**primary, node: parent}
            other_order, other_span = _order_siblings(graph, other)
            if other_span < span:
                primary, order, span = other, other_order, other_span
    return order, primary


def _order_siblings(graph: nx.DiGraph, primary: Mapping[int, int]) -> tuple[list[int], int]:
    children: dict[int | None, list[int]] = {}
    for node in sorted(graph):
        children.setdefault(primary.get(node), []).append(node)
    second = [(parent, child) for parent, child in graph.edges if primary[child] != parent]
    best = _span(children, second)
    improved = True
    while improved:
        improved = False
        for siblings in children.values():
            for here in range(len(siblings) - 1):
                siblings[here : here + 2] = siblings[here : here + 2][::-1]
                span = _span(children, second)
                if span < best:
                    best, improved = span, True
                else:
                    siblings[here : here + 2] = siblings[here : here + 2][::-1]
    return _preorder(children), best


def _preorder(children: Mapping[int | None, list[int]]) -> list[int]:
    order: list[int] = []
    stack = list(reversed(children[None]))
    while stack:
        node = stack.pop()
        order.append(node)
        stack.extend(reversed(children.get(node, [])))
    return order


def _span(children: Mapping[int | None, list[int]], second: list[tuple[int, int]]) -> int:
    row = {node: position for position, node in enumerate(_preorder(children))}
    return sum(abs(row[parent] - row[child]) for parent, child in second)


def _isolated_grid(
    isolated: list[int], heights: Mapping[int, float], page: Page
) -> tuple[list[tuple[int, float, float]], float]:
    """Rows of the isolated nodes, columns filled one after the other, and how far they reach."""
    share = sum(heights[node] for node in isolated) / page.isolated_columns
    ends = [page.isolated_header] * page.isolated_columns
    rows, column = [], 0
    for node in isolated:
        middle = ends[column] + heights[node] / 2
        if middle - page.isolated_header > share and column < page.isolated_columns - 1:
            column, middle = column + 1, page.isolated_header + heights[node] / 2
        rows.append((node, column * page.column_width / page.isolated_columns, middle))
        ends[column] += heights[node]
    return rows, max(ends)


def _pack(sizes: Mapping[str, float], page: Page) -> list[list[str]]:
    """Give each block to the column that is shortest so far, the largest blocks first."""
    columns: list[list[str]] = [[] for _ in range(page.columns)]
    filled = [0.0] * page.columns
    for name in sorted(sizes, key=lambda block: -sizes[block]):
        shortest = int(np.argmin(filled))
        columns[shortest].append(name)
        filled[shortest] += sizes[name] + page.block_gap
    # the isolated nodes close their column
    return [sorted(names, key=lambda name: name == ISOLATED) for names in columns]


def _leftmost_between(layout: pd.DataFrame, parent: int, child: int) -> float:
    top, bottom = sorted((layout.at[parent, "y_mm"], layout.at[child, "y_mm"]))
    same = layout["block"] == layout.at[child, "block"]
    between = layout[same & layout["y_mm"].between(top, bottom)]
    return float(between["x_mm"].min())
