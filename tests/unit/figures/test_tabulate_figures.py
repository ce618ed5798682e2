"""The figures' source data against values worked out by hand."""

from __future__ import annotations

import math

import figure_example as example
import numpy as np
import pandas as pd
import pytest
import torch

from hce.figures.atlas import overview, scores_of_runs, split_sizes, with_id_level
from hce.figures.concept import EXAMPLE_LOGITS, concept_table
from hce.figures.hierarchy_tables import (
    cell_type_gains,
    gains,
    ontology_edges,
    ontology_graph,
    ontology_nodes,
)
from hce.figures.scores import control_gains
from hce.loss import hierarchical_cross_entropy


def test_overview_keeps_eight_groups_and_adds_up_the_rest() -> None:
    table = overview(example.atlas_summary(), example.atlas_composition(), "atlas")
    headlines = table[table["part"] == "headline"].set_index("group")["value"]
    assert headlines.to_dict() == {
        "cells": 1000,
        "cell_types": 8,
        "donors": 100,
        "tissues": 12,
        "studies": 5,
    }
    tissues = table[table["part"] == "tissue"]
    assert tissues["group"].tolist() == [f"tissue {i:02d}" for i in range(8)] + ["4 others"]
    assert tissues["value"].tolist() == [150, 140, 130, 120, 110, 100, 90, 80, 70 + 60 + 50 + 40]
    assert table["in_atlas"].all()
    assert set(table["data_source"]) == {"simulated Census"}


def test_overview_of_ood_says_what_the_atlas_lacks() -> None:
    table = overview(example.atlas_summary(), example.atlas_composition(), "ood")
    new = table[~table["in_atlas"]]
    assert new[["part", "group"]].to_numpy().tolist() == [
        ["tissue", "saliva"],
        ["assay", "10x 5' v2"],
    ]


def test_overview_without_the_subset_says_so() -> None:
    summary = example.atlas_summary().query("subset != 'ood'")
    with pytest.raises(ValueError, match="0 rows with subset 'ood'"):
        overview(summary, example.atlas_composition(), "ood")


def test_split_sizes_are_shares_of_the_three_sets() -> None:
    table = split_sizes(example.atlas_summary())
    assert table["subset"].tolist() == ["train", "val", "test"]
    assert table["cells_share"].tolist() == pytest.approx([0.7, 0.1, 0.2])
    assert table["donors_share"].tolist() == pytest.approx([0.7, 0.15, 0.15])


def test_scores_take_the_asked_rows_and_list_what_did_not_run() -> None:
    runs = example.macro_f1_runs(["linear", "mlp"], 3)
    table = scores_of_runs(runs, "ce", "test", "ood_labels")
    linear = table[table["architecture"] == "linear"]
    assert linear["macro_f1"].tolist() == pytest.approx([0.80, 0.81, 0.82])
    assert linear["mean"].tolist() == pytest.approx([0.81] * 3)
    assert linear["sd"].tolist() == pytest.approx([0.01] * 3)
    missing = table[table["architecture"] == "tabnet"]
    assert missing["n_seeds"].tolist() == [0]
    assert missing["macro_f1"].isna().all()


def test_one_run_has_no_standard_deviation() -> None:
    table = scores_of_runs(example.macro_f1_runs(["mlp"], 1), "ce", "ood", "all")
    assert table.loc[table["architecture"] == "mlp", "sd"].isna().all()


def test_ood_scores_carry_the_id_level_of_their_architecture() -> None:
    runs = example.macro_f1_runs(["linear"], 2)
    test = scores_of_runs(runs, "ce", "test", "ood_labels")
    table = with_id_level(scores_of_runs(runs, "ce", "ood", "all"), test)
    assert table.loc[0, "id_mean"] == pytest.approx(0.805)
    assert table.loc[0, "mean"] == pytest.approx(0.505)


def test_gains_join_runs_and_tests() -> None:
    table = gains(example.macro_f1_runs(["linear"], 2), example.macro_f1(["linear"], 2, 0.03))
    linear = table[table["architecture"] == "linear"]
    assert linear[["loss", "seed"]].to_numpy().tolist() == [
        ["ce", 0],
        ["ce", 1],
        ["hce", 0],
        ["hce", 1],
    ]
    assert linear["macro_f1"].tolist() == pytest.approx([0.50, 0.51, 0.60, 0.61])
    assert set(linear["p_holm"]) == {0.03}
    # the control with the permuted hierarchy is no part of this figure
    assert set(table["loss"]) == {"ce", "hce"}


def test_concept_equals_the_loss_of_the_library() -> None:
    table = concept_table(example.cell_types(), example.reachability(), np.array(example.TERM_IDS))
    assert table["p"].sum() == pytest.approx(1)
    by_label = table.set_index("label")
    inside = [label for label in by_label.index if label.endswith("T cell")]
    assert by_label.at["T cell", "s"] == pytest.approx(by_label.loc[inside, "p"].sum())
    assert by_label.at["B cell", "s"] == pytest.approx(by_label.at["B cell", "p"])
    # independent: the training loss on the shown types, alpha-beta's descendants being CD4 and CD8
    order = [example.TERM_IDS.index(term) for term in EXAMPLE_LOGITS]
    reach = torch.from_numpy(example.reachability()[np.ix_(order, order)])
    logits = torch.tensor([list(EXAMPLE_LOGITS.values())], dtype=torch.float64)
    for place in range(len(order)):
        expected = hierarchical_cross_entropy(logits, torch.tensor([place]), reach)
        assert table.at[place, "loss_hce"] == pytest.approx(expected.item(), rel=1e-6)
        assert table.at[place, "loss_ce"] == pytest.approx(-math.log(table.at[place, "p"]))


def test_concept_nests_each_type_under_its_nearest_ancestor() -> None:
    table = concept_table(example.cell_types(), example.reachability(), np.array(example.TERM_IDS))
    parent = dict(zip(table["ontology_term_id"], table["parent"], strict=True))
    assert parent["CL:0000624"] == "CL:0000789"
    assert parent["CL:0000798"] == "CL:0000084"
    assert parent["CL:0000084"] == ""


def test_cell_type_gains_are_sorted_and_marked_below_five_percent_only() -> None:
    table = cell_type_gains(example.per_cell_type(2), example.per_cell_type_runs(2), "mlp", "ood")
    first = table[table["rank"] == 0]
    assert first["label"].unique().tolist() == ["neuron"]
    assert first["delta"].tolist() == pytest.approx([0.5, 0.51])
    assert table["delta_mean"].is_monotonic_decreasing
    # p_holm of the others is exactly 0.05
    assert table.loc[table["significant"], "label"].unique().tolist() == ["neuron"]
    assert len(table) == 2 * 7


def test_cell_type_gains_without_runs_are_one_empty_row() -> None:
    table = cell_type_gains(
        example.per_cell_type(2), example.per_cell_type_runs(2), "tabnet", "ood"
    )
    assert len(table) == 1
    assert table["delta"].isna().all()
    assert table.iloc[0]["data_source"] == "simulated Census"


def test_ontology_nodes_have_areas_proportional_to_cells() -> None:
    nodes = ontology_nodes(example.cell_types(), example.per_cell_type(2), "mlp")
    diameter = nodes.set_index("label")["diameter_mm"]
    assert (diameter["leukocyte"] / diameter["T cell"]) ** 2 == pytest.approx(4)
    delta = nodes.set_index("label")["delta"]
    assert np.isnan(delta["B cell"])
    assert delta["neuron"] == pytest.approx(0.505)
    assert nodes.set_index("label")["block"]["neuron"] == "isolated"


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


def test_control_gains_are_paired_by_seed() -> None:
    main = example.macro_f1_runs(["linear"], 2)
    finest = main[(main["loss"] != "hce_permuted")].copy()
    finest.loc[finest["loss"] == "hce", "macro_f1"] -= 0.06
    table = control_gains(main, finest).sort_values("seed")
    table = table.set_index(["architecture", "condition"])["gain"].sort_index()
    assert table["linear", "main"].tolist() == pytest.approx([0.1, 0.1])
    assert table["linear", "finest"].tolist() == pytest.approx([0.04, 0.04])
    assert table["linear", "permuted"].tolist() == pytest.approx([-0.1, -0.1])
    assert table["tabnet", "main"].isna().all()


def test_controls_of_two_data_sources_are_refused() -> None:
    main = example.macro_f1_runs(["linear"], 1)
    finest = main.assign(data_source="another")
    with pytest.raises(ValueError, match="another"):
        control_gains(main, pd.DataFrame(finest))
