"""The hierarchy at a glance and its enlarged panels."""

from __future__ import annotations

import itertools
from pathlib import Path

import figure_example as example
import numpy as np
import pandas as pd
import pytest
import supplement_example as supplement
from figure_checks import assert_legible, texts

from hce.figures.hierarchy import ontology_nodes
from hce.figures.hierarchy_panels import draw_ontology_panels, panel_tables

REPOSITORY = Path(__file__).parents[3]


def test_panels_share_out_the_immune_types() -> None:
    nodes, edges = supplement.panels("mlp", 2)
    views = nodes.groupby("view")["label"].apply(sorted).to_dict()
    assert len(views["overview"]) == 8
    # without a class lymphocyte there is no panel b; B cell stands with the other leukocytes
    assert views["a"] == sorted(example.LABELS[1:6])
    assert views["c"] == ["B cell", "leukocyte"]
    whole = nodes[nodes["view"] == "overview"].set_index("label")
    below = whole.loc[["CD4-positive, alpha-beta T cell", "CD8-positive, alpha-beta T cell"]]
    assert whole.at["alpha-beta T cell", "x_mm"] == pytest.approx(below["x_mm"].mean())
    assert (below["y_mm"] > whole.at["alpha-beta T cell", "y_mm"]).all()
    leaves = whole.loc[[label for label in whole.index if label not in ("leukocyte", "T cell")]]
    assert leaves.groupby("y_mm")["x_mm"].apply(lambda x: x.is_unique).all()
    assert len(edges[edges["view"] == "overview"]) == 6


def test_a_small_hierarchy_is_legible_and_its_circles_stay_apart() -> None:
    lone = "lymphoid lineage restricted progenitor cell"
    extra = pd.DataFrame({"label": [lone, "basal cell", "pericyte", "goblet cell", "platelet"]})
    extra["index"] = range(8, 13)
    extra["ontology_term_id"] = [f"CL:{place:07d}" for place in range(5)]
    extra["parents"] = [None, "CL:0000000", None, None, None]
    types = pd.concat([example.cell_types(), extra], ignore_index=True)
    types = types.assign(n_cells=100, in_ood=True)
    tests = types[["ontology_term_id", "label"]].assign(
        architecture="mlp", split="ood", delta=0.1, p_holm=0.01, data_source=example.SOURCE
    )
    placed, edges = panel_tables(types, ontology_nodes(types, tests, "mlp"))
    assert_legible("figS2", draw_ontology_panels(placed, edges))
    whole = placed[placed["view"] == "overview"]
    for one, other in itertools.combinations(whole.itertuples(), 2):
        distance = np.hypot(one.x_mm - other.x_mm, one.y_mm - other.y_mm)
        assert distance > (one.diameter_mm + other.diameter_mm) / 2, (one.label, other.label)


def test_the_hierarchy_of_the_paper_is_legible() -> None:
    types = pd.read_csv(REPOSITORY / "config/cell_types.tsv", sep="\t")
    index = {label: place for place, label in enumerate(types["label"])}
    immune = [label for label in types["label"] if "T cell" in label and label != "T cell"]
    parents: dict[str, str] = {label: "T cell" for label in immune}
    parents |= {"T cell": "lymphocyte", "B cell": "lymphocyte", "lymphocyte": "leukocyte"}
    terms = types["ontology_term_id"]
    types = types.rename(columns={"in_ood_test": "in_ood"}).assign(
        index=range(len(types)),
        parents=[terms[index[parents[k]]] if k in parents else None for k in types["label"]],
        node_kind=["internal" if k in parents.values() else "leaf" for k in types["label"]],
        connectivity=[
            "connected" if k in parents or k in parents.values() else "isolated"
            for k in types["label"]
        ],
        n_cells=[30 + 7 * place for place in range(len(types))],
    )
    ood = types[types["in_ood"]]
    tests = ood[["ontology_term_id", "label"]].assign(
        architecture="mlp", split="ood", delta=0.1, p_holm=0.01, data_source=example.SOURCE
    )
    placed, edges = panel_tables(types, ontology_nodes(types, tests, "mlp"))
    fig = draw_ontology_panels(placed, edges)
    assert_legible("figS2", fig)
    # leukocyte is then the only other leukocyte, which is no panel
    assert {"a  T cells", "b  other lymphocytes"} <= set(texts(fig))
    assert "c  other leukocytes" not in texts(fig)
