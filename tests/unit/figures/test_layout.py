"""The layout of the ontology: layers follow the edges, nothing lies on anything else."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hce.figures.layout import ISOLATED, Page, classify_edges, lay_out
from hce.ontology import direct_parents

PAGE = Page()


def random_graph(seed: int, n_nodes: int) -> nx.DiGraph:
    """Return a random hierarchy without implied edges, nodes in random order."""
    rng = np.random.default_rng(seed)
    reach = np.triu(rng.random((n_nodes, n_nodes)) < 1.5 / n_nodes, k=1) | np.eye(
        n_nodes, dtype=bool
    )
    for middle in range(n_nodes):
        reach |= np.outer(reach[:, middle], reach[middle, :])
    order = rng.permutation(n_nodes)
    graph = nx.DiGraph()
    graph.add_nodes_from(range(n_nodes))
    parents = direct_parents(reach[np.ix_(order, order)])
    graph.add_edges_from((up, child) for child, ups in enumerate(parents) for up in ups)
    return graph


def place(graph: nx.DiGraph, seed: int) -> tuple[dict[int, float], pd.DataFrame]:
    """Return random heights and the layout."""
    rng = np.random.default_rng(seed)
    heights = {node: float(rng.uniform(1.5, 4)) for node in graph}
    return heights, lay_out(graph, heights, PAGE)


@given(seed=st.integers(0, 10_000), n_nodes=st.integers(1, 40))
def test_layers_respect_edges_and_every_node_has_one_place(seed: int, n_nodes: int) -> None:
    graph = random_graph(seed, n_nodes)
    _, layout = place(graph, seed)
    assert sorted(layout.index) == sorted(graph)
    for parent, child in graph.edges:
        assert layout.at[parent, "layer"] < layout.at[child, "layer"]
        assert layout.at[parent, "x_mm"] < layout.at[child, "x_mm"]
        assert layout.at[parent, "block"] == layout.at[child, "block"]
    alone = {node for node in graph if graph.degree(node) == 0}
    assert set(layout.index[layout["block"] == ISOLATED]) == alone


@given(seed=st.integers(0, 10_000), n_nodes=st.integers(2, 40))
def test_no_two_rows_of_a_column_overlap(seed: int, n_nodes: int) -> None:
    graph = random_graph(seed, n_nodes)
    heights, layout = place(graph, seed)
    half = PAGE.column_width / PAGE.isolated_columns
    for column in range(PAGE.columns):
        in_column = layout[layout["x_mm"] // PAGE.column_width == column]
        trees = in_column[in_column["block"] != ISOLATED]
        alone = in_column[in_column["block"] == ISOLATED]
        groups = [trees] + [
            part for _, part in alone.groupby(alone["x_mm"] % PAGE.column_width // half)
        ]
        for rows in groups:
            ordered = rows.sort_values("y_mm")
            height = ordered.index.map(heights).to_numpy()
            distance = np.diff(ordered["y_mm"])
            assert (distance >= (height[1:] + height[:-1]) / 2 - 1e-9).all()
        if len(trees) and len(alone):
            assert trees["y_mm"].max() < alone["y_mm"].min()


@given(seed=st.integers(0, 10_000), n_nodes=st.integers(2, 30))
def test_lines_to_second_parents_pass_left_of_all_rows_between(seed: int, n_nodes: int) -> None:
    graph = random_graph(seed, n_nodes)
    _, layout = place(graph, seed)
    edges = classify_edges(graph, layout, PAGE)
    assert len(edges) == graph.number_of_edges()
    outline = edges[edges["kind"] == "outline"]
    assert sorted(outline["child"]) == sorted(node for node in graph if graph.in_degree(node))
    for edge in edges[edges["kind"] == "second_parent"].itertuples():
        ends = sorted((layout.at[edge.parent, "y_mm"], layout.at[edge.child, "y_mm"]))
        rows = layout[layout["y_mm"].between(*ends)]
        rows = rows[rows["block"] == layout.at[edge.child, "block"]]
        assert edge.via_x_mm < rows["x_mm"].min()


def test_layout_does_not_depend_on_the_order_of_insertion() -> None:
    graph = random_graph(3, 40)
    rng = np.random.default_rng(0)
    shuffled = nx.DiGraph()
    shuffled.add_nodes_from(rng.permutation(40).tolist())
    edges = list(graph.edges)
    shuffled.add_edges_from(edges[place] for place in rng.permutation(len(edges)))
    heights = dict.fromkeys(range(40), 2.0)
    first, second = lay_out(graph, heights, PAGE), lay_out(shuffled, heights, PAGE)
    pd.testing.assert_frame_equal(first, second)
    pd.testing.assert_frame_equal(
        classify_edges(graph, first, PAGE), classify_edges(shuffled, second, PAGE)
    )


def test_choice_of_parent_and_siblings_brings_second_parents_close() -> None:
    # 0 > (1, 2, 3); 4 under 1 and 3, which by number alone would have 2 between them
    graph = nx.DiGraph([(0, 1), (0, 2), (0, 3), (1, 4), (3, 4)])
    layout = lay_out(graph, dict.fromkeys(range(5), 1.0), PAGE)
    second = classify_edges(graph, layout, PAGE).query("kind == 'second_parent'").iloc[0]
    assert abs(layout.at[second["parent"], "y_mm"] - layout.at[second["child"], "y_mm"]) == 1.0


def test_cycle_and_missing_height_are_errors() -> None:
    with pytest.raises(ValueError, match="cycle"):
        lay_out(nx.DiGraph([(0, 1), (1, 0)]), {0: 1.0, 1: 1.0}, PAGE)
    with pytest.raises(ValueError, match="no height for the node 1"):
        lay_out(nx.DiGraph([(0, 1)]), {0: 1.0}, PAGE)
