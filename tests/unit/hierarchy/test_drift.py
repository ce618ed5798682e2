"""Ontology drift against numbers worked out by hand."""

from __future__ import annotations

import figure_example as example
import numpy as np
import pandas as pd
import pytest

from hce.hierarchy.drift import (
    changed_relations,
    changes_in_words,
    confusion_matrix,
    hierarchy_sizes,
    scores_by_release,
)
from hce.metrics import macro_f1

LEUKOCYTE, T_CELL, ALPHA_BETA, CD4, CD8, GAMMA_DELTA, B_CELL, NEURON = range(8)


def releases() -> dict[str, np.ndarray]:
    """R of the example, and of a release in which the gamma-delta T cell is a T cell no more."""
    later = example.reachability()
    later[T_CELL, GAMMA_DELTA] = False
    later[NEURON, B_CELL] = True
    return {"old": example.reachability(), "new": later}


def test_changes_between_releases_are_named() -> None:
    matrices = releases()
    changes = changed_relations(matrices, "old", example.LABELS)
    assert changes.to_numpy().tolist() == [
        ["new", "added", "neuron", "B cell"],
        ["new", "removed", "T cell", "gamma-delta T cell"],
    ]
    words = "+ neuron › B cell; − T cell › gamma-delta T cell"
    assert changes_in_words(changes, "new") == words
    assert changes_in_words(changes, "new", most=1) == "+ neuron › B cell; and 1 more"
    assert changes_in_words(changes, "old") == ""
    sizes = hierarchy_sizes(matrices, "old").set_index("release")
    kinds = ["relations", "internal", "leaves", "isolated", "added", "removed"]
    assert sizes.loc["old", kinds].tolist() == [12, 3, 5, 1, 0, 0]
    assert sizes.loc["new", kinds].tolist() == [12, 4, 4, 0, 1, 1]


def test_predictions_are_scored_with_the_hierarchy_of_each_release() -> None:
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 8, (2, 400))
    predicted = np.where(rng.random(400) < 0.5, labels, predicted)
    confusion = confusion_matrix(labels, predicted, 8)
    assert confusion.sum() == 400 and confusion[3, 4] == ((labels == 3) & (predicted == 4)).sum()
    table = scores_by_release(confusion, releases()).set_index("release")["macro_f1"]
    for release, matrix in releases().items():
        assert table[release] == pytest.approx(macro_f1(labels, predicted, matrix))
    assert table["old"] != table["new"]


def test_scores_are_a_row_a_release() -> None:
    table = scores_by_release(np.diag([3, 2, 0, 1, 1, 1, 1, 1]), releases())
    expected = pd.DataFrame({"release": ["old", "new"], "macro_f1": [1.0, 1.0]})
    pd.testing.assert_frame_equal(table, expected)
