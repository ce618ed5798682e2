"""Scores of one model on one split for every grouping of the cells (results/scores)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hce.metrics import f1_scores, hierarchy_correct

# groupings whose groups are sets of cells; each group is scored by its macro averages
CELL_GROUPINGS = ("study", "tissue", "disease", "assay")
# contexts that a cell may share with the training set or not (Supplementary Figs. 9 and 10)
CONTEXTS = ("tissue", "disease")
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
        The table of cells of this split: soma_joinid, class, study, tissue, disease, assay,
        cell_type_ontology_term_id.
    reachability
        Bool C x C.
    ood_labels
        Class indices that occur in the OOD test; the paper's ID numbers are over these.
    seen
        For tissue and disease, the values that occur in training.

    Returns
    -------
    pandas.DataFrame
        Long table: grouping, group, precision, recall, f1, support (cells), n_labels. A row is
        the macro average over the labels present in the group, but for grouping cell_type, where
        it is that of the one label. Grouping overall has the groups all and ood_labels.

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
    for grouping in CELL_GROUPINGS:
        groups = joined[grouping].astype("category")
        parts.append(grouped_scores(true, predicted, reachability, groups, grouping))
    for context in CONTEXTS:
        unseen = (~joined[context].isin(seen[context])).to_numpy().astype(np.int8)
        # the stubs know lists of codes only
        codes = pd.Categorical.from_codes(unseen, ["seen", "unseen"])  # type: ignore[arg-type]
        groups = pd.Series(codes)
        grouping = f"{context}_in_training"
        parts.append(grouped_scores(true, predicted, reachability, groups, grouping))
    return pd.concat(parts, ignore_index=True)


def grouped_scores(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    reachability: ArrayLike,
    groups: pd.Series,
    grouping: str,
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
    n_labels = np.maximum(present.sum(axis=1), 1)
    values = {
        "precision": right / np.maximum(predicted, 1),
        "recall": right / np.maximum(support, 1),
        "f1": 2 * right / np.maximum(predicted + support, 1),
    }
    macro = {name: np.where(present, v, 0).sum(axis=1) / n_labels for name, v in values.items()}
    table = pd.DataFrame({"group": groups.cat.categories.astype(str), **macro})
    table = table.assign(grouping=grouping, support=support.sum(axis=1), n_labels=n_labels)
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
