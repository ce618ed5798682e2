"""Scores of one model on one split for every grouping of the cells (results/scores)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hce.metrics import f1_scores, hierarchy_correct

# groupings whose groups are sets of cells, and the column of the table of cells that says which;
# each group is scored by its macro averages
CELL_GROUPINGS = {
    "study": "dataset_id",
    "tissue": "tissue",
    "disease": "disease",
    "assay": "assay",
}
# contexts that a cell may share with the training set or not (Supplementary Figs. 9 and 10), and
# their ontology term ids, which decide
CONTEXTS = {"tissue": "tissue_ontology_term_id", "disease": "disease_ontology_term_id"}
SEEN = ["seen", "unseen"]
COLUMNS = ["grouping", "group", "precision", "recall", "f1", "support", "n_labels"]


def score_predictions(
    predictions: pd.DataFrame,
    cells: pd.DataFrame,
    reachability: NDArray[np.bool_],
    ood_labels: NDArray[np.int64],
    seen: dict[str, set[str]],
) -> pd.DataFrame:
    """Score one model's predictions on one split.

    Parameters
    ----------
    predictions
        soma_joinid, class, predicted_class.
    cells
        The table of cells of this split: soma_joinid, class, cell_type_ontology_term_id, and the
        columns of `CELL_GROUPINGS` and `CONTEXTS`.
    reachability
        Bool C x C.
    ood_labels
        Class indices that occur in the OOD test; the paper's ID numbers are over these.
    seen
        For tissue and disease, the ontology term ids that occur in training.

    Returns
    -------
    pandas.DataFrame
        Long table: grouping, group, precision, recall, f1, support (cells), n_labels. A row is
        the macro average over the labels present in the group, but for grouping cell_type, where
        it is that of the one label. Grouping overall has the groups all and ood_labels. The groups
        seen and unseen of tissue_in_training and disease_in_training have labels of their own; in
        tissue_in_training_labels_in_both, ... the same cells are scored over the labels that both
        groups have, if there are any.

    Raises
    ------
    ValueError
        If the predictions are not of exactly these cells, or their labels differ.
    """
    joined = join_predictions(predictions, cells)
    true, predicted = joined["class"].to_numpy(), joined["predicted_class"].to_numpy()
    scores = f1_scores(true, predicted, reachability)
    terms = joined["cell_type_ontology_term_id"].cat.categories
    per_type = scores.assign(
        grouping="cell_type", group=terms[scores["label"]].to_numpy(), n_labels=1
    )
    shared = scores[scores["label"].isin(ood_labels)]
    parts = [_macro(scores, "all"), _macro(shared, "ood_labels"), per_type[COLUMNS]]
    for grouping, column in CELL_GROUPINGS.items():
        groups = joined[column].astype("category")
        parts.append(grouped_scores(true, predicted, reachability, groups, grouping))
    for context, column in CONTEXTS.items():
        unseen = ~joined[column].isin(seen[context]).to_numpy()
        # the stubs know lists of codes only
        codes = pd.Categorical.from_codes(unseen.view(np.int8), SEEN)  # type: ignore[arg-type]
        groups = pd.Series(codes)
        name = f"{context}_in_training"
        both = np.intersect1d(true[unseen], true[~unseen])
        for grouping, labels in ((name, None), (f"{name}_labels_in_both", both)):
            parts.append(grouped_scores(true, predicted, reachability, groups, grouping, labels))
    return pd.concat(parts, ignore_index=True)


def of_run(
    scores: pd.DataFrame, architecture: str, loss: str, seed: int, split: str
) -> pd.DataFrame:
    """The same table with first columns that say which run and split it is of."""
    table = scores.copy()
    values = (architecture, loss, seed, split)
    for place, name in enumerate(("architecture", "loss", "seed", "split")):
        table.insert(place, name, values[place])
    return table


def grouped_scores(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    reachability: ArrayLike,
    groups: pd.Series,
    grouping: str,
    labels: NDArray[np.integer] | None = None,
) -> pd.DataFrame:
    """Macro precision, recall and F1 of each group of cells, over the labels present in it.

    Parameters
    ----------
    y_true, y_pred
        Integer N, class indices.
    reachability
        Bool C x C.
    groups
        Categorical N; categories without a cell are left out.
    grouping
        Name of the grouping.
    labels
        Class indices to average over; all if left out. Support is the cells of these, but what is
        wrongly predicted as one of them counts in all cells of the group.
    """
    n_classes, n_groups = len(np.asarray(reachability)), len(groups.cat.categories)
    corrected = hierarchy_correct(y_true, y_pred, reachability)
    true = np.asarray(y_true, dtype=np.int64)
    offset = groups.cat.codes.to_numpy(np.int64) * n_classes

    def count(cells: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.bincount(cells, minlength=n_groups * n_classes).reshape(n_groups, n_classes)

    support, predicted = count(offset + true), count(offset + corrected)
    right = count((offset + true)[true == corrected])
    present = support > 0
    if labels is not None:
        present &= np.isin(np.arange(n_classes), labels)
    n_labels = np.maximum(present.sum(axis=1), 1)
    values = {
        "precision": right / np.maximum(predicted, 1),
        "recall": right / np.maximum(support, 1),
        "f1": 2 * right / np.maximum(predicted + support, 1),
    }
    macro = {name: np.where(present, v, 0).sum(axis=1) / n_labels for name, v in values.items()}
    table = pd.DataFrame({"group": groups.cat.categories.astype(str), **macro})
    table = table.assign(
        grouping=grouping, support=(support * present).sum(axis=1), n_labels=n_labels
    )
    return table.loc[table["support"] > 0, COLUMNS]


def _macro(scores: pd.DataFrame, group: str) -> pd.DataFrame:
    means = scores[["precision", "recall", "f1"]].mean().to_frame().T
    return means.assign(
        grouping="overall", group=group, support=scores["support"].sum(), n_labels=len(scores)
    )[COLUMNS]


def join_predictions(predictions: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """The cells, in order of soma_joinid, with what one model said of them.

    Raises
    ------
    ValueError
        If the predictions are not of exactly these cells, or their labels differ.
    """
    if len(predictions) != len(cells):
        raise ValueError(f"{len(predictions)} predictions for {len(cells)} cells")
    # both have each soma_joinid once, so sorting both aligns them; a merge takes ten times as long
    ours, theirs = (np.argsort(table["soma_joinid"].to_numpy()) for table in (predictions, cells))
    predictions, cells = predictions.iloc[ours], cells.iloc[theirs].reset_index(drop=True)
    joinid = cells["soma_joinid"].to_numpy()
    same = (predictions["soma_joinid"].to_numpy() == joinid).all()
    once = (joinid[1:] != joinid[:-1]).all()
    if not (same and once and (predictions["class"].to_numpy() == cells["class"]).all()):
        raise ValueError("the predictions are not of these cells; run predict again")
    said = predictions.columns.difference(["soma_joinid", "class"])
    return cells.assign(**{name: predictions[name].to_numpy() for name in said})
