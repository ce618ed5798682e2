"""Mistakes and ontology drift against numbers worked out by hand."""

from __future__ import annotations

from pathlib import Path

import figure_example as example
import numpy as np
import pandas as pd
import pytest

from hce.evaluation.calibration import calibration_of, expected_calibration_error, reliability
from hce.evaluation.confusion import RELATIONS, corrected_counts, relation_counts, relation_matrix
from hce.evaluation.predictions import Predicted, paired_runs, predicted_files, read_prediction
from hce.hierarchy.drift import (
    changed_relations,
    changes_in_words,
    confusion_matrix,
    hierarchy_sizes,
    scores_by_release,
)
from hce.metrics import macro_f1

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


def test_reliability_is_binned_by_confidence() -> None:
    table = reliability(np.array([0.05, 0.95, 0.9, 1.0]), np.array([True, True, False, True]), 10)
    assert table["bin"].tolist() == [0, 9]
    assert table["cells"].tolist() == [1, 3]
    assert table["confidence"].tolist() == pytest.approx([0.05, 0.95])
    assert table["accuracy"].tolist() == pytest.approx([1, 2 / 3])
    error = (1 * 0.95 + 3 * (0.95 - 2 / 3)) / 4
    assert expected_calibration_error(table) == pytest.approx(error)


def test_the_three_statements_have_their_own_right_answers() -> None:
    # label T cell called CD4 (finer), label CD4 called T cell (coarser), a neuron called right
    predictions = pd.DataFrame(
        {
            "class": [T_CELL, CD4, NEURON],
            "predicted_class": [CD4, T_CELL, NEURON],
            "probability": [0.5, 0.5, 0.5],
            "score": [0.9, 0.9, 0.9],
        }
    )
    table = calibration_of(predictions, example.reachability()).set_index("measure")
    assert table["accuracy"].to_dict() == pytest.approx(
        {"p_label": 1 / 3, "p_right": 2 / 3, "s": 2 / 3}
    )
    assert table["confidence"].to_dict() == pytest.approx(
        {"p_label": 0.5, "p_right": 0.5, "s": 0.9}
    )
    assert table.at["s", "ece"] == pytest.approx(0.9 - 2 / 3)


def test_predictions_are_told_apart_by_their_paths(tmp_path: Path) -> None:
    names = ["mlp/ce/seed0/ood", "mlp/hce/seed0/ood", "mlp/ce/seed12/ood", "linear/ce/seed0/test"]
    files = predicted_files([tmp_path / f"{name}.parquet" for name in names])
    assert list(files)[2] == Predicted("mlp", "ce", 12, "ood")
    assert paired_runs(files, ("ce", "hce")) == [("mlp", 0)]
    for wrong in ("mlp/ce/ood.parquet", "mlp/ce/seedX/ood.parquet", "mlp/ce/seed0/ood.csv"):
        with pytest.raises(ValueError, match=r"expected .*ARCHITECTURE"):
            predicted_files([Path(wrong)])
    with pytest.raises(FileNotFoundError, match="run the rule predict"):
        read_prediction(tmp_path / "none.parquet", ["class"])
