"""The Cell Ontology of the package and the small simulation, made once."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import pytest
from small_simulation import CELL_TYPES, small_parameters

from hce.hierarchy.releases import format_obo, read_package_terms
from hce.ontology import read_obo
from hce.simulation.census import SimulatedCensus, simulate
from hce.simulation.types import Hierarchy, build_hierarchy


@pytest.fixture(scope="session")
def ontology(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Cell Ontology release of the simulation, as an OBO file."""
    path = tmp_path_factory.mktemp("ontology") / "cl.obo"
    path.write_text(format_obo(read_package_terms("2025-02-13"), "2025-02-13"))
    return path


@pytest.fixture(scope="session")
def graph(ontology: Path) -> nx.DiGraph:
    """The same as a graph."""
    return read_obo(ontology)


@pytest.fixture(scope="session")
def hierarchy(graph: nx.DiGraph) -> Hierarchy:
    """The hierarchy of the simulated cell types."""
    return build_hierarchy(graph, CELL_TYPES)


@pytest.fixture(scope="session")
def census(graph: nx.DiGraph) -> SimulatedCensus:
    """The small simulation."""
    return simulate(small_parameters(), graph, CELL_TYPES)
