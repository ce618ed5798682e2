"""The simulation against its formulas, and its answers to parameters that make no sense."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_simulation import CELL_TYPES, CONFIG

from hce.simulation.census import simulate
from hce.simulation.parameters import SimulationParameters
from hce.simulation.types import build_hierarchy, type_states

SIMULATION = CONFIG["simulation"]
NUMBERS = sorted(set(SIMULATION) - {"annotation"})
WHOLE_NUMBERS = [name for name in NUMBERS if isinstance(SIMULATION[name], int)]
NO_VARIATION = {name: 0.0 for name in NUMBERS if name.startswith("sd_") and name != "sd_abundance"}


def parameters(**changes: Any) -> SimulationParameters:
    return SimulationParameters.from_dict({**SIMULATION, **changes})


def test_counts_are_negative_binomial(graph: nx.DiGraph) -> None:
    given_values = {**NO_VARIATION, "genes": 100, "noncoding_genes": 0, "renamed_genes": 0}
    census = simulate(
        parameters(**given_values, library_median=300, dispersion=0.5, empty_cells=0),
        graph,
        CELL_TYPES,
    )
    counts = census.train.counts.toarray()
    mean = 300 / 100
    assert counts.mean() == pytest.approx(mean, rel=0.01)
    assert counts.var() == pytest.approx(mean + 0.5 * mean**2, rel=0.02)
    # the probability of no molecule is (1 + φμ)^(-1/φ)
    assert (counts == 0).mean() == pytest.approx((1 + 0.5 * mean) ** -2, rel=0.02)


def test_without_dispersion_counts_are_poisson(graph: nx.DiGraph) -> None:
    given_values = {**NO_VARIATION, "genes": 100, "noncoding_genes": 0, "renamed_genes": 0}
    census = simulate(parameters(**given_values, dispersion=0), graph, CELL_TYPES)
    counts = census.train.counts.toarray()
    assert counts.var() == pytest.approx(counts.mean(), rel=0.02)


def test_types_diffuse_down_the_hierarchy(graph: nx.DiGraph) -> None:
    hierarchy = build_hierarchy(graph, CELL_TYPES)
    wide = parameters(
        programs=4000, programs_per_gene=4, collection_biology=0, sd_type=2.0, decay=0.5
    )
    state = type_states(hierarchy, 2, wide)
    np.testing.assert_array_equal(state[0], state[1])  # r = 0: no biology of a collection
    labels = hierarchy.labels.tolist()
    root, child = labels.index("keratinocyte"), labels.index("T-helper 17 cell")
    assert state[0, root].var() == pytest.approx(2.0**2, rel=0.1)
    sibling = labels.index("T-helper 22 cell")
    depth = hierarchy.depth[child]
    assert depth == hierarchy.depth[sibling] == 7
    # siblings differ by two innovations of their depth
    expected = 2 * (2.0 * 0.5**depth) ** 2
    assert (state[0, child] - state[0, sibling]).var() == pytest.approx(expected, rel=0.1)


def test_collections_differ_in_biology(graph: nx.DiGraph) -> None:
    hierarchy = build_hierarchy(graph, CELL_TYPES)
    state = type_states(hierarchy, 2, parameters(programs=4000, collection_biology=0.7))
    root = hierarchy.labels.tolist().index("keratinocyte")
    difference = state[0, root] - state[1, root]
    assert difference.var() == pytest.approx(2 * 0.7**2, rel=0.1)


def test_hierarchy_has_the_depths_and_nodes_of_the_ontology(graph: nx.DiGraph) -> None:
    hierarchy = build_hierarchy(graph, CELL_TYPES)
    depth = dict(zip(hierarchy.labels, hierarchy.depth, strict=True))
    assert [depth[name] for name in ("leukocyte", "lymphocyte", "T cell", "keratinocyte")] == [
        0,
        1,
        2,
        0,
    ]
    assert hierarchy.internal.sum() == 47
    position = np.argsort(hierarchy.order)
    assert all(
        position[parent] < position[child]
        for child, parents in enumerate(hierarchy.parents)
        for parent in parents
    )


@given(name=st.sampled_from(NUMBERS), size=st.floats(0.001, 1e6))
def test_negative_values_are_refused(name: str, size: float) -> None:
    value = -int(size + 1) if name in WHOLE_NUMBERS else -size
    with pytest.raises(ValueError, match=rf"simulation\.{name} is -"):
        parameters(**{name: value})


@given(name=st.sampled_from(NUMBERS), value=st.sampled_from(["1", None, True, float("nan"), [1]]))
def test_values_of_another_type_are_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"simulation\.{name} is .*; use a"):
        parameters(**{name: value})


@given(name=st.sampled_from(sorted(SIMULATION)))
def test_missing_parameters_are_refused(name: str) -> None:
    values = {key: value for key, value in SIMULATION.items() if key != name}
    with pytest.raises(ValueError, match=rf"simulation\.{name} is missing"):
        SimulationParameters.from_dict(values)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"anotation": "finest"}, r"simulation\.anotation = 'finest': no such parameter"),
        ({"annotation": "coarse"}, r"use one of policy, finest, cell"),
        ({"type_presence": 1.5}, r"simulation\.type_presence is 1\.5; use .* at most 1"),
        ({"genes": 0}, r"simulation\.genes is 0; use a whole number of at least 1"),
        ({"genes": 10.5}, r"simulation\.genes is 10\.5; use a whole number"),
        ({"programs_per_gene": 49}, r"more than the 48 of simulation\.programs"),
        ({"min_collections_per_label": 31}, r"more than the 30 of simulation\.collections_train"),
        ({"library_median": 0}, r"library_median is 0"),
    ],
)
def test_parameters_that_make_no_sense(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parameters(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"cells_train": 9000},
            r"cells_train is 9000: collection \d+ has 300 cells",
        ),
        (
            {"collections_train": 5},
            r"collections_train is 5: too few collections sample",
        ),
        ({"collections_ood": 2}, r"collections_ood is 2: too few collections sample"),
        (
            {"tissues_per_collection": 17},
            r"tissues_per_collection is 17; there are only 16",
        ),
        ({"min_tech_samples_per_label": 40}, r"tech_samples, fewer than 40: raise simulation"),
    ],
)
def test_parameters_that_cannot_give_a_census(
    graph: nx.DiGraph, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        simulate(parameters(**changes), graph, CELL_TYPES)


def test_table_of_cell_types_is_checked(graph: nx.DiGraph) -> None:
    with pytest.raises(ValueError, match="no column in_ood_test"):
        simulate(parameters(), graph, CELL_TYPES.drop(columns="in_ood_test"))
    with pytest.raises(ValueError, match="in_ood_test"):
        simulate(parameters(), graph, CELL_TYPES.assign(in_ood_test="yes"))
    stranger = pd.DataFrame(
        {"label": ["hepatocyte"], "ontology_term_id": ["CL:0000182"], "in_ood_test": [True]}
    )
    with pytest.raises(ValueError, match="no habitat for CL:0000182"):
        simulate(parameters(), graph, pd.concat([CELL_TYPES, stranger], ignore_index=True))
