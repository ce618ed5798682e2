"""Hierarchy-corrected F1 against loops over cells and scikit-learn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_recall_fscore_support

from hce.metrics import f1_scores, f1_scores_from_confusion, hierarchy_correct, macro_f1

HierarchyMaker = Callable[..., np.ndarray]
COLUMNS = ["label", "precision", "recall", "f1", "support"]

seeds = st.integers(0, 2**32 - 1)
class_counts = st.integers(1, 10)


def make_labels(seed: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted classes of 1 to 60 cells; not every class occurs."""
    rng = np.random.default_rng(seed)
    n_cells = int(rng.integers(1, 61))
    kinds = rng.choice(n_classes, size=max(1, n_classes * 2 // 3), replace=False)
    y_true = rng.choice(kinds, n_cells)
    y_pred = np.where(rng.random(n_cells) < 0.3, y_true, rng.integers(0, n_classes, n_cells))
    return y_true, y_pred


def scores_in_a_loop(
    y_true: np.ndarray, y_pred: np.ndarray, reach: np.ndarray
) -> dict[int, tuple[float, float, float, int]]:
    """Precision, recall, F1, support by label, counted cell by cell from the definition."""
    counts = {int(label): [0, 0, 0] for label in range(len(reach))}  # tp, fp, fn
    for label, prediction in zip(y_true.tolist(), y_pred.tolist(), strict=True):
        if reach[label, prediction]:
            counts[label][0] += 1
        else:
            counts[prediction][1] += 1
            counts[label][2] += 1
    scores = {}
    for label in sorted(set(y_true.tolist())):
        tp, fp, fn = counts[label]
        precision = tp / (tp + fp) if tp + fp else 0.0
        scores[label] = (precision, tp / (tp + fn), 2 * tp / (2 * tp + fp + fn), tp + fn)
    return scores


@given(seed=seeds, n_classes=class_counts)
def test_correction_in_a_loop(make_hierarchy: HierarchyMaker, seed: int, n_classes: int) -> None:
    """A prediction that is the label or below it becomes the label; no other one changes."""
    reach = make_hierarchy(seed, n_classes)
    y_true, y_pred = make_labels(seed, n_classes)
    expected = [
        t if reach[t, p] else p for t, p in zip(y_true.tolist(), y_pred.tolist(), strict=True)
    ]
    assert hierarchy_correct(y_true, y_pred, reach).tolist() == expected


def test_finer_is_right_and_coarser_is_wrong() -> None:
    """T cell > CD4 T cell: CD4 answers T cell, T cell does not answer CD4."""
    chain = np.array([[True, True], [False, True]])
    assert hierarchy_correct([0, 1], [1, 0], chain).tolist() == [0, 0]
    scores = f1_scores([0, 1], [1, 0], chain).set_index("label")
    # T cell: one right, one false positive; CD4: nothing right
    assert scores.loc[0, "precision"] == pytest.approx(0.5)
    assert scores.loc[0, "recall"] == pytest.approx(1.0)
    assert scores.loc[0, "f1"] == pytest.approx(2 / 3)
    assert scores.loc[1, ["precision", "recall", "f1"]].tolist() == [0, 0, 0]
    assert macro_f1([0, 1], [1, 0], chain) == pytest.approx(1 / 3)


@given(seed=seeds, n_classes=class_counts)
def test_scores_in_a_loop(make_hierarchy: HierarchyMaker, seed: int, n_classes: int) -> None:
    """All four numbers of all labels are those counted cell by cell."""
    reach = make_hierarchy(seed, n_classes)
    y_true, y_pred = make_labels(seed, n_classes)
    scores = f1_scores(y_true, y_pred, reach)
    expected = scores_in_a_loop(y_true, y_pred, reach)
    assert list(scores.columns) == COLUMNS
    assert scores["label"].tolist() == list(expected)
    np.testing.assert_allclose(
        scores[COLUMNS[1:]].to_numpy(float), list(expected.values()), rtol=1e-12
    )
    mean = np.mean([row[2] for row in expected.values()])
    assert macro_f1(y_true, y_pred, reach) == pytest.approx(mean, rel=1e-12)


@given(seed=seeds, n_classes=class_counts)
def test_scores_are_sklearn_on_corrected(
    make_hierarchy: HierarchyMaker, seed: int, n_classes: int
) -> None:
    """They are scikit-learn's scores of the corrected predictions, over the labels present."""
    reach = make_hierarchy(seed, n_classes)
    y_true, y_pred = make_labels(seed, n_classes)
    present = np.unique(y_true)
    expected = precision_recall_fscore_support(
        y_true, hierarchy_correct(y_true, y_pred, reach), labels=present, zero_division=0
    )
    scores = f1_scores(y_true, y_pred, reach)
    np.testing.assert_array_equal(scores["label"], present)
    np.testing.assert_allclose(scores[COLUMNS[1:]].to_numpy(float).T, expected, rtol=1e-12)


@given(seed=seeds, n_classes=class_counts)
def test_flat_hierarchy_is_sklearn(seed: int, n_classes: int) -> None:
    """With R = I nothing is corrected."""
    y_true, y_pred = make_labels(seed, n_classes)
    flat = np.eye(n_classes, dtype=bool)
    np.testing.assert_array_equal(hierarchy_correct(y_true, y_pred, flat), y_pred)
    expected = f1_score(y_true, y_pred, labels=np.unique(y_true), average="macro", zero_division=0)
    assert macro_f1(y_true, y_pred, flat) == pytest.approx(expected, rel=1e-12)


@given(seed=seeds, n_classes=class_counts)
def test_perfect_prediction_is_one(
    make_hierarchy: HierarchyMaker, seed: int, n_classes: int
) -> None:
    """The labels themselves, or any descendants of them, score 1 everywhere."""
    reach = make_hierarchy(seed, n_classes)
    y_true, _ = make_labels(seed, n_classes)
    rng = np.random.default_rng(seed)
    below = np.array([rng.choice(np.flatnonzero(reach[label])) for label in y_true])
    for prediction in (y_true, below):
        scores = f1_scores(y_true, prediction, reach)
        assert (scores[["precision", "recall", "f1"]] == 1).all(axis=None)
        assert macro_f1(y_true, prediction, reach) == 1.0


@given(seed=seeds, n_classes=class_counts)
def test_invariant_to_renumbered_classes(
    make_hierarchy: HierarchyMaker, seed: int, n_classes: int
) -> None:
    """Renumbering classes everywhere moves the rows of the table and changes no number."""
    reach = make_hierarchy(seed, n_classes)
    y_true, y_pred = make_labels(seed, n_classes)
    new = np.random.default_rng(seed).permutation(n_classes)
    old = np.argsort(new)
    renumbered = f1_scores(new[y_true], new[y_pred], reach[np.ix_(old, old)])
    renumbered["label"] = old[renumbered["label"]]
    pd.testing.assert_frame_equal(
        renumbered.sort_values("label").reset_index(drop=True), f1_scores(y_true, y_pred, reach)
    )


@given(seed=seeds, n_classes=class_counts)
def test_invariant_to_the_order_of_cells(
    make_hierarchy: HierarchyMaker, seed: int, n_classes: int
) -> None:
    """Cells are a set."""
    reach = make_hierarchy(seed, n_classes)
    y_true, y_pred = make_labels(seed, n_classes)
    order = np.random.default_rng(seed).permutation(len(y_true))
    pd.testing.assert_frame_equal(
        f1_scores(y_true[order], y_pred[order], reach), f1_scores(y_true, y_pred, reach)
    )


@given(seed=seeds, n_classes=class_counts)
def test_more_hierarchy_never_lowers_recall(
    make_hierarchy: HierarchyMaker, seed: int, n_classes: int
) -> None:
    """What was right stays right when more predictions count as right."""
    y_true, y_pred = make_labels(seed, n_classes)
    flat = f1_scores(y_true, y_pred, np.eye(n_classes, dtype=bool))
    corrected = f1_scores(y_true, y_pred, make_hierarchy(seed, n_classes))
    assert (corrected["recall"] >= flat["recall"]).all()
    assert (corrected["f1"] >= flat["f1"]).all()


@given(seed=seeds, n_classes=class_counts)
def test_asked_labels_are_rows_of_the_whole(
    make_hierarchy: HierarchyMaker, seed: int, n_classes: int
) -> None:
    """Asking for labels picks rows: every cell still counts, absent labels have no row."""
    reach = make_hierarchy(seed, n_classes)
    y_true, y_pred = make_labels(seed, n_classes)
    rng = np.random.default_rng(seed)
    asked = rng.choice(n_classes, size=int(rng.integers(1, n_classes + 1)), replace=False)
    whole = f1_scores(y_true, y_pred, reach)
    expected = whole[whole["label"].isin(asked)].reset_index(drop=True)
    pd.testing.assert_frame_equal(f1_scores(y_true, y_pred, reach, labels=asked), expected)


@given(seed=seeds, n_classes=class_counts)
def test_scores_from_confusion(make_hierarchy: HierarchyMaker, seed: int, n_classes: int) -> None:
    """Counts of (label, prediction) hold all that the scores need."""
    reach = make_hierarchy(seed, n_classes)
    y_true, y_pred = make_labels(seed, n_classes)
    confusion = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(confusion, (y_true, y_pred), 1)
    pd.testing.assert_frame_equal(
        f1_scores_from_confusion(confusion, reach), f1_scores(y_true, y_pred, reach)
    )


def test_classes_only_predicted_do_not_enter_the_mean() -> None:
    """The mean runs over the labels of the cells; a class that is only predicted has no row."""
    flat = np.eye(3, dtype=bool)
    assert macro_f1([0, 0, 1, 1], [0, 2, 1, 1], flat) == pytest.approx((2 / 3 + 1) / 2)
    assert f1_scores([0, 0, 1, 1], [0, 2, 1, 1], flat)["label"].tolist() == [0, 1]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.uint32, np.int64])
def test_any_integer_dtype(make_hierarchy: HierarchyMaker, dtype: type[np.integer]) -> None:
    """Small integer types do not overflow with 200 classes."""
    reach = make_hierarchy(3, 200, 0.02)
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.integers(0, 200, 5000), rng.integers(0, 200, 5000)
    expected = np.mean([row[2] for row in scores_in_a_loop(y_true, y_pred, reach).values()])
    assert macro_f1(y_true.astype(dtype), y_pred.astype(dtype), reach) == pytest.approx(expected)


def test_inputs_are_not_modified(make_hierarchy: HierarchyMaker) -> None:
    """The correction is a copy."""
    reach = make_hierarchy(1, 6)
    y_true, y_pred = make_labels(1, 6)
    copies = y_true.copy(), y_pred.copy(), reach.copy()
    corrected = hierarchy_correct(y_true, y_pred, reach)
    corrected[:] = 0
    for array, copy in zip((y_true, y_pred, reach), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize(
    ("y_true", "y_pred"),
    [([0, 1], [0]), ([0, 3], [0, 1]), ([0, 1], [0, 3]), ([0, -1], [0, 1]), ([0, 1], [0, -1])],
    ids=["lengths", "label too large", "prediction too large", "label < 0", "prediction < 0"],
)
def test_bad_indices_raise(y_true: list[int], y_pred: list[int]) -> None:
    """Negative indices do not count from the end, and lengths are not broadcast."""
    flat = np.eye(3, dtype=bool)
    for function in (hierarchy_correct, f1_scores, macro_f1):
        with pytest.raises(ValueError):
            function(y_true, y_pred, flat)


def test_other_bad_arguments_raise() -> None:
    """Fractions as classes, a table as R, no cells at all."""
    flat = np.eye(3, dtype=bool)
    with pytest.raises(ValueError, match="integer"):
        hierarchy_correct([0.5, 1.0], [0, 1], flat)
    with pytest.raises(ValueError, match="square"):
        hierarchy_correct([0, 1], [0, 1], np.ones((2, 3), dtype=bool))
    with pytest.raises(ValueError):
        macro_f1([], [], flat)
    with pytest.raises(ValueError):
        f1_scores([0, 1], [0, 1], flat, labels=[7])
