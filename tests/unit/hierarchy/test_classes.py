"""What each class is, on a hierarchy drawn by hand.

0 ─► 1 ─► 3        4 ─► 5        6
└──► 2 ─► 3
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from hce.hierarchy.classes import (
    cell_type_table,
    node_kinds,
    permute_hierarchy,
    random_hierarchy,
    summarize_hierarchy,
)
from hce.hierarchy.files import read_cell_types, read_reachability, write_reachability
from hce.ontology import depths, direct_parents, reachability, read_obo

TERMS = [f"CL:000000{number}" for number in range(7)]
PARENTS = {
    "CL:0000100": [],
    "CL:0000000": ["CL:0000100"],
    "CL:0000001": ["CL:0000000"],
    "CL:0000002": ["CL:0000000"],
    "CL:0000003": ["CL:0000001", "CL:0000002"],
    "CL:0000004": ["CL:0000100"],
    "CL:0000200": ["CL:0000004"],  # not a class, but a step on the way to one
    "CL:0000005": ["CL:0000200"],
    "CL:0000006": ["CL:0000100"],
}


@pytest.fixture(scope="module")
def graph(write_obo: Callable[..., Path]) -> nx.DiGraph:
    """The hierarchy above under a root."""
    return read_obo(write_obo(PARENTS))


@pytest.fixture(scope="module")
def matrix() -> NDArray[np.bool_]:
    """Its reachability."""
    matrix = np.eye(7, dtype=bool)
    for parent, child in ((0, 1), (0, 2), (0, 3), (1, 3), (2, 3), (4, 5)):
        matrix[parent, child] = True
    return matrix


def test_node_kinds(matrix: NDArray[np.bool_]) -> None:
    kinds = node_kinds(matrix)
    assert kinds["descendants"].tolist() == [3, 1, 1, 0, 1, 0, 0]
    assert kinds["node_kind"].tolist() == [
        *["internal"] * 3,
        "leaf",
        "internal",
        "leaf",
        "leaf",
    ]
    assert kinds["connectivity"].tolist() == ["connected"] * 6 + ["isolated"]


def test_summary_counts_nodes_and_entries(matrix: NDArray[np.bool_]) -> None:
    assert summarize_hierarchy(matrix) == {
        "cell_types": 7,
        "off_diagonal_entries": 6,
        "internal": 4,
        "leaves": 3,
        "isolated": 1,
    }


def test_cell_type_table(matrix: NDArray[np.bool_], graph: nx.DiGraph) -> None:
    assert np.array_equal(reachability(graph, TERMS), matrix)
    label = np.array([0, 1, 2, 3, 4, 5, 6, 6, 6, 5, 6, 2])
    split = ["train"] * 9 + ["val", "test", "ood"]
    contexts = {
        "donor": list("abababababab"),
        "dataset_id": ["s"] * 11 + ["t"],
        "tissue": ["lung"] * 8 + ["skin"] * 4,
        "assay": ["v2"] * 12,
    }
    cells = pd.DataFrame({"class": label, "split": split} | contexts)
    cells = cells.astype(dict.fromkeys(["split", *contexts], "category"))
    cells["cell_type_ontology_term_id"] = pd.Categorical.from_codes(label, TERMS)
    cells["cell_type"] = pd.Categorical.from_codes(label, [f"type {term}" for term in TERMS])
    table = cell_type_table(cells, matrix, graph)
    assert table["index"].tolist() == list(range(7))
    assert table["ontology_term_id"].tolist() == TERMS
    assert table["label"].tolist() == [f"type {term}" for term in TERMS]
    assert table["parents"].tolist() == [
        "",
        TERMS[0],
        TERMS[0],
        f"{TERMS[1]}|{TERMS[2]}",
        "",
        TERMS[4],
        "",
    ]
    assert table["depth"].tolist() == [1, 2, 2, 3, 1, 3, 1]
    assert table["n_cells"].tolist() == [1, 1, 1, 1, 1, 1, 3]
    assert table["class_weight"].tolist() == pytest.approx([9 / 7] * 6 + [9 / 21])
    assert table["n_donors"].tolist() == [1, 1, 1, 1, 1, 1, 2]
    assert table["n_tissues"].tolist() == [1, 1, 1, 1, 1, 2, 2]
    assert table["n_studies"].tolist() == table["n_assays"].tolist() == [1] * 7
    assert table["in_ood"].tolist() == [False, False, True, False, False, False, False]


def test_a_permuted_hierarchy_has_the_same_shape_and_other_labels(
    matrix: NDArray[np.bool_],
) -> None:
    permuted = permute_hierarchy(matrix, seed=1)
    assert not np.array_equal(permuted, matrix)
    assert np.array_equal(permute_hierarchy(matrix, seed=1), permuted)
    assert not np.array_equal(permute_hierarchy(matrix, seed=2), permuted)
    assert summarize_hierarchy(permuted) == summarize_hierarchy(matrix)
    one, other = (nx.from_numpy_array(m, create_using=nx.DiGraph) for m in (matrix, permuted))
    assert nx.is_isomorphic(one, other)


def test_reachability_is_read_as_written(matrix: NDArray[np.bool_], tmp_path: Path) -> None:
    write_reachability(tmp_path / "reachability.npz", matrix, TERMS)
    read, terms = read_reachability(tmp_path / "reachability.npz")
    assert read.dtype == bool
    assert np.array_equal(read, matrix)
    assert terms == TERMS


def test_a_table_of_classes_that_lost_its_order_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cell_types.tsv"
    table = pd.DataFrame({"index": [0, 1, 2], "label": ["NA", "b", "c"]})
    table.to_csv(path, sep="\t", index=False)
    assert read_cell_types(path)["label"].tolist() == ["NA", "b", "c"]
    table.iloc[[0, 2]].to_csv(path, sep="\t", index=False)
    with pytest.raises(ValueError, match=rf"{path}: column index is not 0, 1, 2"):
        read_cell_types(path)


def test_random_trees_have_the_depths_and_one_parent_each(
    make_hierarchy: Callable[..., NDArray[np.bool_]],
) -> None:
    matrix = make_hierarchy(4, 30, 0.2)
    random = random_hierarchy(matrix, seed=1)
    assert not np.array_equal(random, matrix)
    assert np.array_equal(random_hierarchy(matrix, seed=1), random)
    assert not np.array_equal(random_hierarchy(matrix, seed=2), random)
    parents = direct_parents(random)
    assert max(map(len, parents)) == 1

    def levels(of: NDArray[np.bool_]) -> list[int]:
        graph = nx.DiGraph((p, c) for c, row in enumerate(direct_parents(of)) for p in row)
        graph.add_nodes_from(range(len(of)))
        depth = depths(graph)
        return [depth[c] for c in range(len(of))]

    assert levels(random) == levels(matrix)
    # a partial order, which the loss asks for
    assert np.array_equal((random.astype(int) @ random.astype(int)) > 0, random)
