"""Metrics on the hierarchy against sets cell by cell, scikit-learn, networkx and hiclass."""

from __future__ import annotations

from collections.abc import Callable

import hiclass.metrics
import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score, recall_score

from hce.evaluation.confusion import RELATIONS
from hce.evaluation.hierarchy_metrics import METRICS, Hierarchy, metric_values, specificity
from hce.metrics import macro_f1

HierarchyMaker = Callable[..., NDArray[np.bool_]]
seeds = st.integers(0, 2**32 - 1)
class_counts = st.integers(1, 9)


def make_cells(seed: int, n_classes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Labels and calls of 1 to 50 cells, a third of them right."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(n_classes, size=int(rng.integers(1, 51)))
    calls = rng.integers(n_classes, size=len(labels))
    return labels, np.where(rng.random(len(labels)) < 0.33, labels, calls)


def hierarchy_of(reachability: NDArray[np.bool_], seed: int = 0) -> Hierarchy:
    """With training cells and depths at random."""
    rng = np.random.default_rng(seed)
    n_classes = len(reachability)
    return Hierarchy(reachability, rng.integers(0, 1000, n_classes), rng.integers(1, 15, n_classes))


def count(labels: NDArray[np.int64], calls: NDArray[np.int64], n_classes: int) -> NDArray[np.int64]:
    """Cells of each label and call, one by one."""
    confusion = np.zeros((n_classes, n_classes), dtype=np.int64)
    for label, call in zip(labels, calls, strict=True):
        confusion[label, call] += 1
    return confusion


def values(
    labels: NDArray[np.int64],
    calls: NDArray[np.int64],
    hierarchy: Hierarchy,
    among: NDArray[np.int64] | None = None,
) -> dict[tuple[str, str], float]:
    """What `metric_values` finds, by metric and what it is averaged over."""
    confusion = count(labels, calls, len(hierarchy.reachability))
    table = metric_values(confusion, hierarchy, among)
    return {(row.metric, row.over): row.value for row in table.itertuples()}


@given(seed=seeds, n_classes=class_counts)
def test_flat_metrics_are_those_of_scikit_learn(
    make_hierarchy: HierarchyMaker, seed: int, n_classes: int
) -> None:
    reach = make_hierarchy(seed, n_classes)
    labels, calls = make_cells(seed, n_classes)
    found = values(labels, calls, hierarchy_of(reach))
    present = np.unique(labels)
    exact = f1_score(labels, calls, labels=present, average="macro", zero_division=0)
    assert found["exact_f1", "labels"] == pytest.approx(exact)
    assert found["corrected_f1", "labels"] == pytest.approx(macro_f1(labels, calls, reach))
    assert found["accuracy", "cells"] == pytest.approx(accuracy_score(labels, calls))
    balanced = recall_score(labels, calls, labels=present, average="macro", zero_division=0)
    assert found["accuracy", "labels"] == pytest.approx(balanced)


@given(seed=seeds, n_classes=class_counts)
def test_hierarchical_metrics_from_sets_of_ancestors(
    make_hierarchy: HierarchyMaker, seed: int, n_classes: int
) -> None:
    reach = make_hierarchy(seed, n_classes)
    labels, calls = make_cells(seed, n_classes)
    hierarchy = hierarchy_of(reach, seed)
    found = values(labels, calls, hierarchy)
    above = [{a for a in range(n_classes) if reach[a, c]} for c in range(n_classes)]
    total = max(int(hierarchy.n_cells.sum()), 1)
    content = [
        max(np.log2(total / max(sum(int(hierarchy.n_cells[d]) for d in np.flatnonzero(row)), 1)), 0)
        for row in reach
    ]
    share = {label: np.mean(labels == label) for label in set(labels.tolist())}
    for over in "cells", "labels":
        sums = np.zeros((2, 3))
        for label, call in zip(labels.tolist(), calls.tolist(), strict=True):
            weight = 1.0 if over == "cells" else 1 / share[label]
            for row, of in enumerate((lambda c: 1.0, lambda c: content[c])):
                sets = (above[label] & above[call], above[call], above[label])
                sums[row] += [weight * sum(of(c) for c in one) for one in sets]
        (both, called, true), (both_ic, called_ic, true_ic) = sums
        assert found["hierarchical_precision", over] == pytest.approx(both / called)
        assert found["hierarchical_recall", over] == pytest.approx(both / true)
        assert found["hierarchical_f", over] == pytest.approx(2 * both / (called + true))
        if called_ic + true_ic > 0:
            expected = 2 * both_ic / (called_ic + true_ic)
            assert found["hierarchical_f_ic", over] == pytest.approx(expected)


def test_hierarchical_metrics_of_a_tree_are_those_of_hiclass() -> None:
    """a over b and c, c over d: paths from the root, of different lengths."""
    reach = np.array([[1, 1, 1, 1], [0, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 1]], dtype=bool)
    paths = np.array([["a", "", ""], ["a", "b", ""], ["a", "c", ""], ["a", "c", "d"]])
    labels = np.array([1, 1, 3, 3, 2, 0, 3])
    calls = np.array([1, 3, 2, 3, 3, 1, 0])
    found = values(labels, calls, hierarchy_of(reach))
    for name, function in (
        ("hierarchical_precision", hiclass.metrics.precision),
        ("hierarchical_recall", hiclass.metrics.recall),
        ("hierarchical_f", hiclass.metrics.f1),
    ):
        assert found[name, "cells"] == pytest.approx(function(paths[labels], paths[calls]))


@given(seed=seeds, n_classes=class_counts)
def test_distances_by_networkx(make_hierarchy: HierarchyMaker, seed: int, n_classes: int) -> None:
    reach = make_hierarchy(seed, n_classes)
    graph = nx.DiGraph([(int(a), int(b)) for a, b in np.argwhere(reach) if a != b])
    graph.add_nodes_from(range(n_classes))
    tree = nx.transitive_reduction(graph)
    tree.add_edges_from([("top", c) for c in range(n_classes) if tree.in_degree(c) == 0])
    steps = dict(nx.all_pairs_shortest_path_length(tree))
    expected = [
        [
            min(steps[a][i] + steps[a][j] for a in tree if i in steps[a] and j in steps[a])
            for j in range(n_classes)
        ]
        for i in range(n_classes)
    ]
    assert np.array_equal(hierarchy_of(reach).distances, expected)


def test_lenient_counts_a_coarser_call_half() -> None:
    """Class 0 over class 1: of four cells labeled 1, one is called 1, two 0; one 0 is called 1."""
    reach = np.array([[1, 1], [0, 1]], dtype=bool)
    found = values(np.array([1, 1, 1, 0]), np.array([1, 0, 0, 1]), hierarchy_of(reach))
    # label 1: 1 + 2/2 right, 1 missed, nothing wrong; label 0: right, and 2/2 wrong
    assert found["lenient_f1", "labels"] == pytest.approx((2 * 2 / 5 + 2 / 3) / 2)
    assert found["corrected_f1", "labels"] == pytest.approx((2 / 4 + 2 / 4) / 2)
    assert found["exact_f1", "labels"] == pytest.approx((2 * 1 / (1 + 1 + 3) + 0) / 2)
    assert found["distance", "cells"] == pytest.approx(3 / 4)


@given(seed=seeds, n_classes=class_counts)
def test_perfect_calls_have_perfect_metrics(
    make_hierarchy: HierarchyMaker, seed: int, n_classes: int
) -> None:
    labels, _ = make_cells(seed, n_classes)
    reach = make_hierarchy(seed, n_classes)
    for (name, _), value in values(labels, labels, hierarchy_of(reach, seed)).items():
        if not (name == "hierarchical_f_ic" and np.isnan(value)):
            assert value == pytest.approx(1.0 if METRICS[name] else 0.0)


def test_some_labels_alone() -> None:
    """The other cells still count as wrongly called."""
    reach = np.eye(3, dtype=bool)
    labels, calls = np.array([0, 0, 1, 2]), np.array([0, 0, 0, 2])
    found = values(labels, calls, hierarchy_of(reach), np.array([0]))
    assert found["exact_f1", "labels"] == pytest.approx(4 / 5)
    assert found["accuracy", "cells"] == 1
    with pytest.raises(ValueError, match="metrics of no cells do not exist"):
        values(labels, calls, hierarchy_of(np.eye(4, dtype=bool)), np.array([3]))


def test_specificity_by_hand() -> None:
    """Class 0 over 1 and 2; the labels 0, 1, 1, 2 are called 1, 1, 0, 1."""
    reach = np.array([[1, 1, 1], [0, 1, 0], [0, 0, 1]], dtype=bool)
    hierarchy = Hierarchy(reach, np.array([0, 4, 4]), np.array([3, 4, 6]))
    confusion = count(np.array([0, 1, 1, 2]), np.array([1, 1, 0, 1]), 3)
    table = specificity(confusion, hierarchy)
    found = dict(zip(table["quantity"], table["value"], strict=True))
    assert found["label_leaf_share"] == found["call_leaf_share"] == 0.75
    assert found["label_depth"] == pytest.approx(17 / 4)
    assert found["call_depth"] == pytest.approx(15 / 4)
    assert found["call_information"] == pytest.approx(3 / 4)
    shares = {"label": 1, "finer": 1, "coarser": 1, "sibling": 1, "lineage": 0, "elsewhere": 0}
    assert set(shares) == set(RELATIONS)
    for name, cells in shares.items():
        assert found[f"share_{name}"] == cells / 4
