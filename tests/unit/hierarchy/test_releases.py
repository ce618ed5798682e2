"""The Cell Ontology of the package, written as OBO, is the package's ontology."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import pytest

from hce.hierarchy.releases import PackageTerm, format_obo, package_releases, read_package_terms
from hce.ontology import read_obo, resolve

RELEASE = "2025-02-13"
TERMS: dict[str, PackageTerm] = {
    "CL:0000002": {"label": "two", "ancestors": {"CL:0000001": 1, "CL:0000002": 1}},
    "CL:0000001": {"label": "one", "ancestors": {}},
    "CL:0000003": {
        "label": "three",
        "ancestors": {"CL:0000002": 1, "CL:0000001": 2, "UBERON:1": 1},
    },
    "CL:0000004": {"label": "four", "deprecated": True, "replaced_by": "CL:0000003"},
    "CL:0000005": {"label": "five", "deprecated": True},
}


def write(path: Path, terms: dict[str, PackageTerm], release: str) -> nx.DiGraph:
    """Write terms as OBO and read them as a downloaded file is read."""
    path.write_text(format_obo(terms, release))
    return read_obo(path)


def test_terms_at_distance_one_become_parents(tmp_path: Path) -> None:
    graph = write(tmp_path / "cl.obo", TERMS, "2020-02-02")
    assert sorted(graph.edges) == [("CL:0000001", "CL:0000002"), ("CL:0000002", "CL:0000003")]
    assert dict(graph.nodes(data="name")) == {
        "CL:0000001": "one",
        "CL:0000002": "two",
        "CL:0000003": "three",
    }
    assert graph.graph["release"] == "cl/releases/2020-02-02"
    assert resolve(graph, ["CL:0000004"]) == ["CL:0000003"]


def test_terms_are_written_in_one_order() -> None:
    assert format_obo(dict(reversed(TERMS.items())), "x") == format_obo(TERMS, "x")


@pytest.fixture(scope="module")
def package_graph(tmp_path_factory: pytest.TempPathFactory) -> nx.DiGraph:
    """The release of the embedded run, through OBO."""
    return write(tmp_path_factory.mktemp("obo") / "cl.obo", read_package_terms(RELEASE), RELEASE)


def test_every_cell_type_of_the_package_keeps_its_ancestors(package_graph: nx.DiGraph) -> None:
    terms = read_package_terms(RELEASE)
    current = {term: entry for term, entry in terms.items() if not entry.get("deprecated")}
    cell_types = {term for term in current if term.startswith("CL:")}
    assert set(package_graph) == cell_types
    assert len(cell_types) > 2_000
    lost = {}
    for term in cell_types:
        expected = {a for a in current[term]["ancestors"] if a in cell_types} - {term}
        found = nx.ancestors(package_graph, term)
        if found != expected:
            lost[current[term]["label"]] = expected - found
    # parts of cells, which reach "cell" through the Gene Ontology only
    assert len(lost) == 8
    assert all(label.endswith(("cytoplasm", "nucleus", "chromatin")) for label in lost)
    assert set.union(*lost.values()) == {"CL:0000000"}


def test_the_release_of_the_default_run_is_in_the_package() -> None:
    assert RELEASE in package_releases()
    assert package_releases() == sorted(package_releases())


def test_an_unknown_release_is_refused_with_those_there_are() -> None:
    with pytest.raises(
        ValueError, match=rf"no Cell Ontology release '1999-01-01', only .*{RELEASE}"
    ):
        read_package_terms("1999-01-01")
