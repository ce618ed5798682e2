"""The example of Fig. 2a against the loss of the library."""

from __future__ import annotations

import math

import figure_example as example
import numpy as np
import pytest
import torch
from drawn_example import concept
from figure_checks import texts

from hce.figures.concept import EXAMPLE_LOGITS, concept_table
from hce.loss import hierarchical_cross_entropy


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
    parent = dict(zip(table["ontology_term_id"], table["parent_id"], strict=True))
    assert parent["CL:0000624"] == "CL:0000789"
    assert parent["CL:0000798"] == "CL:0000084"
    assert parent["CL:0000084"] == ""


def test_fig2a_without_t_cells_says_so() -> None:
    for term_ids in (["CL:0000540"], ["CL:0000236", "CL:0000540"]):
        assert "T cell is not among the cell types of this run" in texts(concept(term_ids))
