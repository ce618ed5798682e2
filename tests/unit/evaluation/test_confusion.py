"""What cells are mistaken for, against numbers worked out by hand."""

from __future__ import annotations

import figure_example as example
import numpy as np

from hce.evaluation.confusion import RELATIONS, corrected_counts, relation_counts, relation_matrix

LEUKOCYTE, T_CELL, ALPHA_BETA, CD4, CD8, GAMMA_DELTA, B_CELL, NEURON = range(8)


def test_relations_of_a_prediction_to_the_label() -> None:
    relations = relation_matrix(example.reachability())
    expected = {
        (T_CELL, T_CELL): "label",
        (T_CELL, CD4): "finer",
        (CD4, LEUKOCYTE): "coarser",
        (CD4, CD8): "sibling",
        (T_CELL, B_CELL): "sibling",
        (CD4, GAMMA_DELTA): "lineage",
        (CD4, B_CELL): "lineage",
        (CD4, NEURON): "elsewhere",
        (NEURON, T_CELL): "elsewhere",
    }
    found = {pair: RELATIONS[relations[pair]] for pair in expected}
    assert found == expected
    # two types that nothing connects are not siblings because neither has a parent
    assert RELATIONS[relation_matrix(np.eye(2, dtype=bool))[0, 1]] == "elsewhere"


def test_mistakes_are_counted_and_paired() -> None:
    relations = relation_matrix(example.reachability())
    labels = np.array([CD4, CD4, CD4, CD4, T_CELL])
    ce = np.array([CD4, T_CELL, T_CELL, CD8, T_CELL])
    hce = np.array([CD4, CD4, CD8, CD4, NEURON])
    counts = relation_counts(labels, ce, relations)
    assert counts.to_dict() == {
        "label": 2,
        "finer": 0,
        "coarser": 2,
        "sibling": 1,
        "lineage": 0,
        "elsewhere": 0,
    }
    table = corrected_counts(labels, ce, hce, relations).set_index("relation")
    assert table.loc["coarser"].tolist() == [2, 1]
    assert table.loc["sibling"].tolist() == [1, 1]
    # the T cell that HCE calls a neuron is lost
    assert table.loc["label"].tolist() == [2, 1]
