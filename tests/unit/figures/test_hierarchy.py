"""The hierarchy with the difference of each type: places, areas, edges, names."""

from __future__ import annotations

from pathlib import Path

import figure_example as example
import numpy as np
import pandas as pd
import pytest
from drawn_example import ontology
from figure_checks import assert_legible, texts

from hce.figures.cell_types import cell_type_gains, draw_cell_types
from hce.figures.hierarchy import draw_ontology, ontology_edges, ontology_graph, ontology_nodes

REPOSITORY = Path(__file__).parents[3]


def test_ontology_nodes_have_areas_proportional_to_cells() -> None:
    nodes = ontology_nodes(example.cell_types(), example.per_cell_type(2), "mlp")
    diameter = nodes.set_index("label")["diameter_mm"]
    assert (diameter["leukocyte"] / diameter["T cell"]) ** 2 == pytest.approx(4)
    delta = nodes.set_index("label")["delta"]
    assert np.isnan(delta["B cell"])
    assert delta["neuron"] == pytest.approx(0.505)
    assert nodes.set_index("label")["block"]["neuron"] == "isolated"


def test_colors_of_all_architectures_have_one_scale() -> None:
    mlp = example.per_cell_type(2)
    tests = pd.concat([mlp, mlp.assign(architecture="linear", delta=1.5 * mlp["delta"])])
    for architecture in ("linear", "mlp"):
        nodes = ontology_nodes(example.cell_types(), tests, architecture)
        # the largest difference, 1.5 x 0.505, rounded up to a tenth
        assert set(nodes["color_bound"]) == {0.8}


def test_ontology_edges_are_the_parents_of_the_table() -> None:
    types = example.cell_types()
    nodes = ontology_nodes(types, example.per_cell_type(2), "mlp")
    edges = ontology_edges(types, nodes)
    found = {
        (example.TERM_IDS[edge.child], example.TERM_IDS[edge.parent]) for edge in edges.itertuples()
    }
    expected = {(child, up) for child, parents in example.PARENTS.items() for up in parents}
    assert found == expected
    assert set(edges["kind"]) == {"outline"}


def test_unknown_parent_is_an_error() -> None:
    types = example.cell_types()
    types.loc[1, "parents"] = "CL:9999999"
    with pytest.raises(ValueError, match="parent CL:9999999 of class 1"):
        ontology_graph(types)


def test_fig2d_names_every_type_and_writes_the_differences() -> None:
    written = texts(ontology("mlp", 4))
    assert "CD4⁺ αβ T cell" in written
    assert "No relative among the 8 types" in written
    # neuron: 0.1 x 7 - 0.2 + mean of 0, 0.01, 0.02, 0.03
    assert "+0.52*" in written
    # B cell is not in the OOD set: its name stands, without a difference
    assert "B cell" in written and sum(text.startswith(("+", "−")) for text in written) >= 7


@pytest.mark.parametrize("seed", range(3))
def test_the_164_names_are_legible_in_any_hierarchy(seed: int) -> None:
    types = pd.read_csv(REPOSITORY / "config/cell_types.tsv", sep="\t")
    rng = np.random.default_rng(seed)
    # a type's parent stands before it; every fourth type has none
    places = [int(rng.integers(max(0, i - 12), i)) if i % 4 else -1 for i in range(164)]
    parents = [types["ontology_term_id"][up] if up >= 0 else np.nan for up in places]
    children = set(places)
    kind = ["internal" if i in children else "leaf" for i in range(164)]
    alone = [
        "isolated" if up < 0 and i not in children else "connected" for i, up in enumerate(places)
    ]
    types = types.rename(columns={"in_ood_test": "in_ood"}).assign(
        index=range(164),
        parents=parents,
        node_kind=kind,
        connectivity=alone,
        n_cells=rng.lognormal(5, 1, 164).astype(int) + 30,
    )
    ood = types[types["in_ood"]]
    tests = ood[["ontology_term_id", "label", "node_kind"]].assign(
        architecture="mlp", split="ood", delta=rng.normal(0.1, 0.2, len(ood)), p_holm=0.01, p=0.001
    )
    tests["data_source"] = example.SOURCE
    nodes = ontology_nodes(types, tests, "mlp")
    assert_legible("fig2d", draw_ontology(nodes, ontology_edges(types, nodes)))
    runs = tests.assign(seed=0).merge(pd.DataFrame({"loss": ["ce", "hce"]}), how="cross")
    runs["f1"] = np.where(runs["loss"] == "hce", 0.5 + runs["delta"], 0.5)
    assert_legible("fig2c", draw_cell_types(cell_type_gains(tests, runs, "mlp", "ood")))
