"""The table of cell types, and real Cell Ontology releases where they are at hand.

The releases are not part of the project. They are looked for in the folder named by the environment
variable HCE_REFERENCE, else in ../shared/reference beside the project; without them these tests are
skipped.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from hce.hierarchy.classes import node_kinds
from hce.ontology import direct_parents, reachability, read_obo, resolve
from hce.statistics.evidence import node_groups

PROJECT = Path(__file__).resolve().parents[2]
REFERENCE = Path(os.environ.get("HCE_REFERENCE", str(PROJECT.parent / "shared" / "reference")))
RELEASES = {
    "cl-isa-2024-04-05.obo.gz": {"entries": 381, "internal": 46, "leaf": 118, "isolated": 40},
    "cl-simple-2026-03-26.obo.gz": {"entries": 384, "internal": 47, "leaf": 117, "isolated": 40},
}


def reference_file(name: str) -> Path:
    """Path of a reference file, or skip the test that needs it."""
    path = REFERENCE / name
    if not path.is_file():
        pytest.skip(f"reference file {name} is not in {REFERENCE}; set HCE_REFERENCE to its folder")
    return path


@pytest.fixture(scope="module")
def cell_types() -> pd.DataFrame:
    """The project's table of the 164 cell types."""
    return pd.read_csv(PROJECT / "config" / "cell_types.tsv", sep="\t")


@pytest.fixture(scope="module", params=RELEASES)
def release(request: pytest.FixtureRequest) -> tuple[str, nx.DiGraph]:
    """A real release: file name and graph."""
    return request.param, read_obo(reference_file(request.param))


def test_cell_types_are_those_of_the_paper(cell_types: pd.DataFrame) -> None:
    """164 types, sorted by label, 80 of them in the OOD test, no id twice."""
    assert cell_types.columns.tolist() == ["label", "ontology_term_id", "in_ood_test"]
    assert len(cell_types) == 164
    assert cell_types["label"].tolist() == sorted(cell_types["label"])
    assert cell_types["label"].is_unique
    assert cell_types["ontology_term_id"].is_unique
    assert cell_types["ontology_term_id"].str.fullmatch(r"CL:\d{7}").all()
    assert cell_types["in_ood_test"].sum() == 80


def test_cell_types_equal_the_reference(cell_types: pd.DataFrame) -> None:
    """The project's copy of the facts is the reference's."""
    expected = pd.read_csv(reference_file("cell_types.csv"))
    pd.testing.assert_frame_equal(cell_types, expected[cell_types.columns.tolist()])


def test_counts_of_the_real_hierarchy(
    release: tuple[str, nx.DiGraph], cell_types: pd.DataFrame
) -> None:
    """Entries off the diagonal, internal nodes, leaves, isolated nodes of R over the 164 types."""
    name, graph = release
    matrix = reachability(graph, cell_types["ontology_term_id"].tolist())
    strict = matrix & ~np.eye(len(matrix), dtype=bool)
    internal, below_another = strict.any(axis=1), strict.any(axis=0)
    assert {
        "entries": int(strict.sum()),
        "internal": int(internal.sum()),
        "leaf": int((~internal).sum()),
        "isolated": int((~internal & ~below_another).sum()),
    } == RELEASES[name]


def test_ood_types_are_divided_as_the_text_of_the_paper_does(cell_types: pd.DataFrame) -> None:
    """Of the 80, 31 are internal nodes, 35 leaves with relatives and 14 without."""
    graph = read_obo(reference_file("cl-isa-2024-04-05.obo.gz"))
    kinds = node_kinds(reachability(graph, cell_types["ontology_term_id"].tolist()))
    counted = node_groups(kinds)[cell_types["in_ood_test"]].value_counts()
    assert counted.to_dict() == {"connected leaf": 35, "internal": 31, "isolated leaf": 14}


def test_real_hierarchy_is_a_partial_order(
    release: tuple[str, nx.DiGraph], cell_types: pd.DataFrame
) -> None:
    """Reflexive, antisymmetric, transitive; the closure of its direct parents is R again."""
    matrix = reachability(release[1], cell_types["ontology_term_id"].tolist())
    integers = matrix.astype(int)
    assert matrix.diagonal().all()
    assert (matrix & matrix.T).sum() == len(matrix)
    assert (matrix == (integers @ integers > 0)).all()
    closure = np.eye(len(matrix), dtype=bool)
    for child, parents in enumerate(direct_parents(matrix)):
        closure[parents, child] = True
    for middle in range(len(matrix)):
        closure |= np.outer(closure[:, middle], closure[middle])
    np.testing.assert_array_equal(closure, matrix)


def test_known_relations_hold(release: tuple[str, nx.DiGraph]) -> None:
    """T cell is above CD4-positive, alpha-beta T cell; B cell and T cell are apart."""
    t_cell, cd4, b_cell = "CL:0000084", "CL:0000624", "CL:0000236"
    matrix = reachability(release[1], [t_cell, cd4, b_cell])
    np.testing.assert_array_equal(matrix, [[1, 1, 0], [0, 1, 0], [0, 0, 1]])


def test_replaced_term_is_followed(cell_types: pd.DataFrame) -> None:
    """CL:4023070 of 2024 is CL:4023064 in 2026."""
    graph = read_obo(reference_file("cl-simple-2026-03-26.obo.gz"))
    assert "CL:4023070" not in graph
    assert resolve(graph, ["CL:4023070"]) == ["CL:4023064"]
    resolved = resolve(graph, cell_types["ontology_term_id"].tolist())
    assert len(set(resolved)) == 164


def test_release_of_2024_is_not_that_of_the_selection(cell_types: pd.DataFrame) -> None:
    """Some of the 164 have 7 ancestors or fewer there: the filter must use its own release."""
    graph = read_obo(reference_file("cl-isa-2024-04-05.obo.gz"))
    ancestors = [len(nx.ancestors(graph, term)) for term in cell_types["ontology_term_id"]]
    assert min(ancestors) <= 7
    assert "CL:0000003" not in graph  # native cell


def test_gene_list_is_that_of_sctab() -> None:
    """19,357 Ensembl ids with 19,350 symbols, the file of the published checksum."""
    path = reference_file("features.parquet")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest == "dd3ba56793678216d89217703e47e7955bfc09403110eb74d7c395f97a67501c"
    genes = pd.read_parquet(path)
    assert len(genes) == 19_357
    assert genes.index.is_unique or genes.select_dtypes("object").iloc[:, 0].is_unique
    assert genes["gene_names"].nunique() == 19_350
