"""The example of Fig. 2a against the loss of the library."""

from __future__ import annotations

import math

import figure_example as example
import numpy as np
import pandas as pd
import pytest
import torch
from drawn_example import concept
from figure_checks import assert_legible, lines, texts

from hce.figures.concept import concept_table, draw_concept
from hce.loss import hierarchical_cross_entropy

PAPER = ["CL:0000542", "CL:0000236", "CL:0000084", "CL:0000789", "CL:0000798"]
PAPER += ["CL:0000540", "CL:0000235"]
LABELS = ["lymphocyte", "B cell", "T cell", "alpha-beta T cell", "gamma-delta T cell"]
LABELS += ["neuron", "macrophage"]
# lymphocyte > (B cell, T cell > (alpha-beta, gamma-delta)); neuron and macrophage alone
REACHABILITY = np.eye(7, dtype=bool)
REACHABILITY[0, :5] = True
REACHABILITY[2, 3:5] = True


def paper_table() -> pd.DataFrame:
    """Return the source data of a run that has the seven types of the paper's figure."""
    types = pd.DataFrame({"ontology_term_id": PAPER, "label": LABELS})
    return concept_table(types, REACHABILITY, PAPER)


def test_concept_has_the_numbers_of_the_paper() -> None:
    table = paper_table().set_index("label")
    assert table["p"].tolist() == [0.1, 0.1, 0.2, 0.1, 0.5, 0, 0]
    assert table["s"].tolist() == pytest.approx([1.0, 0.1, 0.8, 0.1, 0.5, 0, 0])
    assert table["parent_id"].tolist() == ["", PAPER[0], PAPER[0], PAPER[2], PAPER[2], "", ""]
    assert table.index[table["is_target"]].tolist() == ["T cell"]
    written = lines(draw_concept(paper_table()))
    assert written.count("p = 0.0") == written.count("s = 0.0") == 2
    assert {"lymphocyte", "neuron", "macrophage", "p = 0.2", "s = 0.8", "s = 1.0"} <= set(written)
    assert_legible("fig2a", draw_concept(paper_table()))


def test_concept_equals_the_loss_of_the_library() -> None:
    table = paper_table()
    # independent: the training loss on logits whose softmax are these probabilities
    logits = torch.log(torch.tensor([table["p"].tolist()], dtype=torch.float64))
    reach = torch.from_numpy(REACHABILITY)
    for place, row in table.iterrows():
        expected = hierarchical_cross_entropy(logits, torch.tensor([place]), reach)
        assert row["loss_hce"] == pytest.approx(expected.item(), rel=1e-6)
        assert row["loss_ce"] == (pytest.approx(-math.log(row["p"])) if row["p"] else math.inf)


def test_concept_nests_each_type_under_its_nearest_ancestor() -> None:
    table = concept_table(example.cell_types(), example.reachability(), np.array(example.TERM_IDS))
    parent = dict(zip(table["ontology_term_id"], table["parent_id"], strict=True))
    assert parent["CL:0000789"] == "CL:0000084"
    assert parent["CL:0000798"] == "CL:0000084"
    assert parent["CL:0000084"] == ""


def test_without_t_cells_the_deepest_chain_of_the_run_is_drawn() -> None:
    # goods > (food > (fruit > apple, bread), tools); cars and boats alone
    names = ["goods", "food", "fruit", "apple", "bread", "tools", "cars", "boats"]
    reach = np.eye(8, dtype=bool)
    reach[0, :6] = reach[1, 2:5] = reach[2, 3] = True
    types = pd.DataFrame({"ontology_term_id": names, "label": names})
    table = concept_table(types, reach, names).set_index("label")
    assert table.index[table["is_target"]].tolist() == ["fruit"]
    # food, its other child, the label, its child; what has no relative among them
    assert table.index.tolist() == ["food", "bread", "fruit", "apple", "tools", "cars"]
    assert table["p"].sum() == pytest.approx(1)
    assert table.at["food", "s"] == pytest.approx(1)
    assert table.at["fruit", "s"] == pytest.approx(0.7 / 0.9)
    fig = draw_concept(table.reset_index())
    assert "Loss for the label “fruit”" in texts(fig)
    assert_legible("fig2a", fig)


def test_fig2a_without_any_relatives_says_so() -> None:
    for term_ids in (["CL:0000540"], ["CL:0000236", "CL:0000540"]):
        written = texts(concept(term_ids))
        assert "No type of this run has a relative among the others" in written
