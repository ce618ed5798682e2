"""Scores of every grouping against loops over cells and groups."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from hce.evaluation.scores import CELL_GROUPINGS, score_predictions

N_CLASSES, N_CELLS = 7, 300
TERMS = [f"CL:{number:07d}" for number in range(N_CLASSES)]
SEEN = {"tissue": {"T:lung", "T:gut"}, "disease": {"D:normal"}}


@pytest.fixture(scope="module")
def reachability(make_hierarchy: Callable[..., NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """A hierarchy of seven classes."""
    return make_hierarchy(3, N_CLASSES, 0.35)


@pytest.fixture(scope="module")
def cells() -> pd.DataFrame:
    """Cells with their context; class 6 occurs in no cell, tissue bone in no cell."""
    rng = np.random.default_rng(2)
    label = rng.integers(N_CLASSES - 1, size=N_CELLS).astype(np.int16)
    table = pd.DataFrame(
        {
            "soma_joinid": rng.permutation(N_CELLS),
            "class": label,
            "cell_type_ontology_term_id": pd.Categorical.from_codes(label, TERMS),
            "dataset_id": pd.Categorical(rng.choice(["s1", "s2", "s3"], N_CELLS)),
            "tissue": pd.Categorical(
                rng.choice(["lung", "skin", "gut"], N_CELLS), ["bone", "gut", "lung", "skin"]
            ),
            "disease": pd.Categorical(rng.choice(["normal", "flu"], N_CELLS)),
            "assay": pd.Categorical(["v3"] * N_CELLS),
        }
    )
    # label 5 is in no unseen tissue
    table.loc[table["class"] == 5, "tissue"] = "lung"
    for context in SEEN:
        ids = context[0].upper() + ":" + table[context].astype(str)
        table[f"{context}_ontology_term_id"] = ids.astype("category")
    return table


@pytest.fixture(scope="module")
def predictions(cells: pd.DataFrame) -> pd.DataFrame:
    """Predictions in another order than the cells, half of them right."""
    rng = np.random.default_rng(4)
    guess = np.where(
        rng.random(N_CELLS) < 0.5, cells["class"], rng.integers(N_CLASSES, size=N_CELLS)
    )
    table = cells[["soma_joinid", "class"]].assign(predicted_class=guess)
    return table.sample(frac=1, random_state=1)


def by_loop(
    pairs: list[tuple[int, int]], matrix: NDArray[np.bool_], labels: set[int]
) -> dict[str, float]:
    """Macro precision, recall and F1 over the labels present, cell by cell."""
    present = sorted({true for true, _ in pairs} & labels)
    rows = []
    for label in present:
        right = sum(true == label and matrix[label, guess] for true, guess in pairs)
        missed = sum(true == label and not matrix[label, guess] for true, guess in pairs)
        wrongly = sum(
            true != label and guess == label and not matrix[true, guess] for true, guess in pairs
        )
        precision = right / (right + wrongly) if right else 0.0
        recall = right / (right + missed)
        f1 = 2 * precision * recall / (precision + recall) if right else 0.0
        rows.append((precision, recall, f1, right + missed))
    means = np.mean([row[:3] for row in rows], axis=0)
    names = ("precision", "recall", "f1")
    return dict(zip(names, means, strict=True)) | {
        "support": sum(row[3] for row in rows),
        "n_labels": len(present),
    }


@pytest.fixture(scope="module")
def scores(
    predictions: pd.DataFrame, cells: pd.DataFrame, reachability: NDArray[np.bool_]
) -> pd.DataFrame:
    """Scores with three labels that also occur OOD, one of them without a cell."""
    table = score_predictions(predictions, cells, reachability, np.array([0, 3, 6]), SEEN)
    return table.set_index(["grouping", "group"])


@pytest.fixture(scope="module")
def joined(predictions: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """Cells with the class predicted for them."""
    said = predictions.set_index("soma_joinid")["predicted_class"]
    return cells.assign(predicted=said.loc[cells["soma_joinid"]].to_numpy())


def pairs_of(part: pd.DataFrame) -> list[tuple[int, int]]:
    """(label, prediction) of each cell."""
    return list(zip(part["class"].tolist(), part["predicted"].tolist(), strict=True))


def assert_row(row: pd.Series, expected: dict[str, float]) -> None:
    """Compare one row of scores."""
    assert row[list(expected)].astype(float).to_dict() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("group", "labels"), [("all", set(range(N_CLASSES))), ("ood_labels", {0, 3, 6})]
)
def test_overall_scores_equal_loops(
    scores: pd.DataFrame,
    joined: pd.DataFrame,
    reachability: NDArray[np.bool_],
    group: str,
    labels: set[int],
) -> None:
    expected = by_loop(pairs_of(joined), reachability, labels)
    assert_row(scores.loc[("overall", group)], expected)


def test_each_label_present_has_its_scores(
    scores: pd.DataFrame, joined: pd.DataFrame, reachability: NDArray[np.bool_]
) -> None:
    per_type = scores.loc["cell_type"]
    assert per_type.index.tolist() == TERMS[:-1]
    for label, term in enumerate(TERMS[:-1]):
        assert_row(per_type.loc[term], by_loop(pairs_of(joined), reachability, {label}))


@pytest.mark.parametrize("grouping", CELL_GROUPINGS)
def test_each_group_of_cells_is_scored_over_its_own_labels(
    scores: pd.DataFrame, joined: pd.DataFrame, reachability: NDArray[np.bool_], grouping: str
) -> None:
    table, column = scores.loc[grouping], CELL_GROUPINGS[grouping]
    assert set(table.index) == set(joined[column])
    for group, part in joined.groupby(column, observed=True):
        assert_row(table.loc[group], by_loop(pairs_of(part), reachability, set(range(N_CLASSES))))


@pytest.mark.parametrize("context", sorted(SEEN))
def test_contexts_of_training_are_scored_apart(
    scores: pd.DataFrame, joined: pd.DataFrame, reachability: NDArray[np.bool_], context: str
) -> None:
    seen = joined[f"{context}_ontology_term_id"].isin(SEEN[context])
    both = set(joined.loc[seen, "class"]) & set(joined.loc[~seen, "class"])
    assert len(both) == (5 if context == "tissue" else 6)
    for grouping, labels in (
        (f"{context}_in_training", set(range(N_CLASSES))),
        (f"{context}_in_training_labels_in_both", both),
    ):
        for group, part in joined.groupby(seen):
            expected = by_loop(pairs_of(part), reachability, labels)
            assert_row(scores.loc[(grouping, "seen" if group else "unseen")], expected)


def test_without_an_unseen_context_no_label_is_in_both(
    predictions: pd.DataFrame, cells: pd.DataFrame, reachability: NDArray[np.bool_]
) -> None:
    seen = {context: set(cells[f"{context}_ontology_term_id"]) for context in SEEN}
    table = score_predictions(predictions, cells, reachability, np.array([0]), seen)
    assert not table["grouping"].str.endswith("_labels_in_both").any()
    assert set(table.loc[table["grouping"] == "tissue_in_training", "group"]) == {"seen"}


def test_predictions_of_other_cells_are_refused(
    predictions: pd.DataFrame, cells: pd.DataFrame, reachability: NDArray[np.bool_]
) -> None:
    def score(said: pd.DataFrame) -> pd.DataFrame:
        return score_predictions(said, cells, reachability, np.array([0]), SEEN)

    with pytest.raises(ValueError, match="299 predictions for 300 cells"):
        score(predictions.iloc[1:])
    with pytest.raises(ValueError, match="not of these cells; run predict again"):
        score(predictions.assign(soma_joinid=predictions["soma_joinid"] + 1))
    with pytest.raises(ValueError, match="not of these cells; run predict again"):
        score(predictions.assign(**{"class": predictions["class"].to_numpy()[::-1]}))
