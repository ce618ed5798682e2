"""OBO files and reachability against graphs that are built by hand or from a seed."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ontology_example import DIAMOND, OBSOLETE

from hce.ontology import depths, direct_parents, reachability, read_obo, resolve

HierarchyMaker = Callable[..., np.ndarray]
OboWriter = Callable[..., Path]


def random_terms(seed: int, n_terms: int) -> tuple[dict[str, list[str]], nx.DiGraph]:
    """Parents by term id of a random DAG, terms in random order, and the same DAG in networkx."""
    rng = np.random.default_rng(seed)
    ids = [f"CL:{number:07d}" for number in rng.choice(10**6, n_terms, replace=False)]
    parents = {
        term: [ids[j] for j in range(i) if rng.random() < 2 / n_terms] for i, term in enumerate(ids)
    }
    graph = nx.DiGraph()
    graph.add_nodes_from(ids)
    graph.add_edges_from((above, below) for below in ids for above in parents[below])
    return {ids[i]: parents[ids[i]] for i in rng.permutation(n_terms)}, graph


def reaches(parents: dict[str, list[str]], above: str, below: str) -> bool:
    """Whether a walk up from `below` meets `above`."""
    return below == above or any(reaches(parents, above, parent) for parent in parents[below])


def test_terms_names_and_edges(write_obo: OboWriter) -> None:
    """Nodes are the terms with their names, edges lead from parent to child."""
    graph = read_obo(write_obo(DIAMOND))
    assert isinstance(graph, nx.DiGraph)
    assert not graph.is_multigraph()
    assert dict(graph.nodes(data="name")) == {term: f"name of {term}" for term in DIAMOND}
    assert set(graph.edges) == {
        (parent, child) for child, parents in DIAMOND.items() for parent in parents
    }
    assert "2020-02-02" in graph.graph["release"]


def test_reachability_of_the_diamond(write_obo: OboWriter) -> None:
    """By hand: 1 reaches 1-5, 2 and 3 reach 4 and 5, 6 reaches itself."""
    graph = read_obo(write_obo(DIAMOND))
    matrix = reachability(graph, sorted(DIAMOND))
    assert matrix.dtype == np.bool_
    expected = [
        [1, 1, 1, 1, 1, 0],
        [0, 1, 0, 1, 1, 0],
        [0, 0, 1, 1, 1, 0],
        [0, 0, 0, 1, 1, 0],
        [0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 1],
    ]
    np.testing.assert_array_equal(matrix, np.array(expected, dtype=bool))


def test_paths_through_other_terms_count(write_obo: OboWriter) -> None:
    """1 reaches 5 though none of 2, 3, 4 is in the list."""
    graph = read_obo(write_obo(DIAMOND))
    matrix = reachability(graph, ["CL:0000005", "CL:0000001"])
    np.testing.assert_array_equal(matrix, [[True, False], [True, True]])


@given(seed=st.integers(0, 2**32 - 1), n_terms=st.integers(2, 20))
def test_reachability_of_random_dags(write_obo: OboWriter, seed: int, n_terms: int) -> None:
    """R is a partial order, and that of networkx and of walking up, for any list of terms."""
    parents, expected_graph = random_terms(seed, n_terms)
    graph = read_obo(write_obo(parents))
    assert set(graph.edges) == set(expected_graph.edges)
    rng = np.random.default_rng(seed)
    n_listed = int(rng.integers(1, n_terms + 1))
    listed = [str(term) for term in rng.choice(list(parents), n_listed, replace=False)]
    matrix = reachability(graph, listed)
    assert matrix.shape == (n_listed, n_listed)
    for i, above in enumerate(listed):
        descendants = nx.descendants(expected_graph, above) | {above}
        for j, below in enumerate(listed):
            assert matrix[i, j] == (below in descendants)
            assert matrix[i, j] == reaches(parents, above, below)
    assert matrix.diagonal().all()  # reflexive
    assert not (matrix & matrix.T & ~np.eye(n_listed, dtype=bool)).any()  # antisymmetric
    integers = matrix.astype(int)
    assert (matrix == (integers @ integers > 0)).all()  # transitive


@given(seed=st.integers(0, 2**32 - 1))
def test_order_of_terms_is_order_of_classes(write_obo: OboWriter, seed: int) -> None:
    """Another order of the list permutes rows and columns alike."""
    parents, _ = random_terms(seed, 12)
    graph = read_obo(write_obo(parents))
    terms = list(parents)
    order = np.random.default_rng(seed).permutation(len(terms))
    np.testing.assert_array_equal(
        reachability(graph, [terms[i] for i in order]),
        reachability(graph, terms)[np.ix_(order, order)],
    )


@given(seed=st.integers(0, 2**32 - 1), n_classes=st.integers(1, 12))
def test_direct_parents_are_the_transitive_reduction(
    make_hierarchy: HierarchyMaker, seed: int, n_classes: int
) -> None:
    """The pruned hierarchy keeps a link only where no class lies between; its closure is R."""
    matrix = make_hierarchy(seed, n_classes)
    closed = nx.DiGraph(
        list(zip(*np.nonzero(matrix & ~np.eye(n_classes, dtype=bool)), strict=True))
    )
    closed.add_nodes_from(range(n_classes))
    reduced = nx.transitive_reduction(closed)
    parents = direct_parents(matrix)
    assert len(parents) == n_classes
    for child, child_parents in enumerate(parents):
        assert sorted(child_parents) == sorted(reduced.predecessors(child))


def test_only_is_a_makes_descendants(write_obo: OboWriter) -> None:
    """part_of and develops_from are no subtypes; an is_a with qualifiers and comment is one."""
    more = """
[Term]
id: CL:0000030
name: with relations
is_a: CL:0000002 {is_inferred="true"} ! name of CL:0000002
relationship: part_of CL:0000006 ! name of CL:0000006
relationship: develops_from CL:0000003 ! name of CL:0000003
relationship: part_of CL:0000002 ! also a parent

[Typedef]
id: part_of
name: part of
"""
    graph = read_obo(write_obo(DIAMOND, more))
    assert set(graph.predecessors("CL:0000030")) == {"CL:0000002"}
    assert nx.ancestors(graph, "CL:0000030") == {"CL:0000001", "CL:0000002"}


def test_obsolete_terms_are_left_out(write_obo: OboWriter) -> None:
    """They are no nodes, but their replacements are remembered."""
    graph = read_obo(write_obo(DIAMOND, OBSOLETE))
    assert set(graph) == {*DIAMOND, "CL:0000023"}
    replacements = graph.graph["replacements"]
    assert replacements["CL:0000020"] == "CL:0000021"
    assert replacements["CL:0000024"] == "CL:0000023"
    assert "CL:0000001" not in replacements


def test_terms_of_other_ontologies_are_no_cell_types(write_obo: OboWriter) -> None:
    """A release also holds imported terms; a CL term below one of them is still read."""
    more = """
[Term]
id: UBERON:0000001
name: an organ

[Term]
id: CL:0000040
name: cell of an organ
is_a: CL:0000001 ! name of CL:0000001
is_a: UBERON:0000001 ! an organ
"""
    graph = read_obo(write_obo(DIAMOND, more))
    assert set(graph) == {*DIAMOND, "CL:0000040"}
    assert set(graph.predecessors("CL:0000040")) == {"CL:0000001"}


def test_resolve_follows_chains(write_obo: OboWriter) -> None:
    """Current ids stay, replaced and merged ones lead to the current one, order is kept."""
    graph = read_obo(write_obo(DIAMOND, OBSOLETE))
    asked = ["CL:0000025", "CL:0000001", "CL:0000020", "CL:0000024"]
    assert resolve(graph, asked) == ["CL:0000023", "CL:0000001", "CL:0000002", "CL:0000023"]
    assert resolve(graph, []) == []


def test_reachability_of_replaced_ids(write_obo: OboWriter) -> None:
    """Labels annotated with an old id stand where the new term stands."""
    graph = read_obo(write_obo(DIAMOND, OBSOLETE))
    matrix = reachability(graph, ["CL:0000005", "CL:0000020", "CL:0000024"])
    np.testing.assert_array_equal(matrix, [[1, 0, 0], [1, 1, 0], [0, 0, 1]])


def test_gzipped_file(write_obo: OboWriter, tmp_path: Path) -> None:
    """A compressed release is read as it is."""
    path = tmp_path / "cl.obo.gz"
    path.write_bytes(gzip.compress(write_obo(DIAMOND).read_bytes()))
    assert set(read_obo(path)) == set(DIAMOND)


@given(seed=st.integers(0, 10_000), n_terms=st.integers(1, 40))
def test_depth_is_the_longest_path_from_a_root(seed: int, n_terms: int) -> None:
    """Against a walk up from each term, in the graph and in its reachability."""
    parents, graph = random_terms(seed, n_terms)

    def longest(term: str) -> int:
        return max((longest(parent) + 1 for parent in parents[term]), default=0)

    found = depths(graph)
    assert found == {term: longest(term) for term in parents}
    assert depths(nx.transitive_closure_dag(graph)) == found
    assert max(found.values()) == nx.dag_longest_path_length(graph)


def test_depth_of_a_short_cut_and_of_a_cycle() -> None:
    """A short cut does not count; a hierarchy has no cycle."""
    assert depths(nx.DiGraph([(0, 1), (1, 2), (0, 2)])) == {0: 0, 1: 1, 2: 2}
    with pytest.raises(ValueError, match="cycle"):
        depths(nx.DiGraph([(0, 1), (1, 0)]))
