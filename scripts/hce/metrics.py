"""Hierarchy-corrected precision, recall and F1 (paper, "Evaluation protocol"; scTab).

A prediction is right if it is the label or one of its descendants. It is then counted as the label
itself; any other prediction, a coarser one included, is a false positive of the class predicted and
a false negative of the label.
"""

from __future__ import annotations

from hce.extras import needs

with needs("metrics"):
    import numpy as np
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray


def hierarchy_correct(
    y_true: ArrayLike, y_pred: ArrayLike, reachability: ArrayLike
) -> NDArray[np.int64]:
    """Replace every right prediction by the label it is right for.

    Parameters
    ----------
    y_true, y_pred
        Integer N, class indices.
    reachability
        Bool C x C, R[i, j]: class j is class i or a descendant of it.

    Returns
    -------
    numpy.ndarray
        int64 N, y_true where R[y_true, y_pred], else y_pred.

    Raises
    ------
    ValueError
        If the lengths differ or an index is not in [0, C).
    """
    matrix = np.asarray(reachability, dtype=bool)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"reachability must be square, got shape {matrix.shape}")
    true = _class_indices("y_true", y_true, len(matrix))
    predicted = _class_indices("y_pred", y_pred, len(matrix))
    if true.shape != predicted.shape:
        raise ValueError(f"y_true has {true.shape} entries, y_pred {predicted.shape}")
    return np.where(matrix[true, predicted], true, predicted)


def f1_scores(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    reachability: ArrayLike,
    labels: ArrayLike | None = None,
) -> pd.DataFrame:
    """Hierarchy-corrected precision, recall and F1 of each label present in `y_true`.

    Parameters
    ----------
    y_true, y_pred
        Integer N, class indices.
    reachability
        Bool C x C.
    labels
        Class indices to report; those without a cell in `y_true` are left out, since their recall
        does not exist. All cells count, whatever is reported. Default: every label present.

    Returns
    -------
    pandas.DataFrame
        label (class index, ascending), precision, recall, f1 (0 where nothing is right), support
        (cells with that label).
    """
    corrected = hierarchy_correct(y_true, y_pred, reachability)
    true = np.asarray(y_true, dtype=np.int64)
    n_classes = len(np.asarray(reachability))
    support = np.bincount(true, minlength=n_classes)
    predicted = np.bincount(corrected, minlength=n_classes)
    right = np.bincount(true[true == corrected], minlength=n_classes)
    return _scores(right, predicted, support, labels)


def macro_f1(y_true: ArrayLike, y_pred: ArrayLike, reachability: ArrayLike) -> float:
    """Unweighted mean of the hierarchy-corrected F1 over the labels present (paper, equation 1).

    Raises
    ------
    ValueError
        If there is no cell.
    """
    scores = f1_scores(y_true, y_pred, reachability)
    if scores.empty:
        raise ValueError("macro F1 of no cells does not exist: y_true is empty")
    return float(scores["f1"].mean())


def f1_scores_from_confusion(confusion: NDArray[np.int64], reachability: ArrayLike) -> pd.DataFrame:
    """`f1_scores` from counts, for evaluations that stream.

    Parameters
    ----------
    confusion
        Integer C x C, cells with label i (row) and prediction j (column).
    reachability
        Bool C x C.
    """
    matrix = np.asarray(reachability, dtype=bool)
    right = np.where(matrix, confusion, 0).sum(axis=1)
    predicted = np.where(matrix, 0, confusion).sum(axis=0) + right
    return _scores(right, predicted, confusion.sum(axis=1), None)


def _scores(
    right: NDArray[np.int64],
    predicted: NDArray[np.int64],
    support: NDArray[np.int64],
    labels: ArrayLike | None,
) -> pd.DataFrame:
    label = np.flatnonzero(support)
    if labels is not None:
        label = np.intersect1d(label, _class_indices("labels", labels, len(support)))
    right, predicted, support = right[label], predicted[label], support[label]
    return pd.DataFrame(
        {
            "label": label,
            "precision": right / np.maximum(predicted, 1),
            "recall": right / support,
            "f1": 2 * right / (predicted + support),
            "support": support,
        }
    )


def _class_indices(name: str, values: ArrayLike, n_classes: int) -> NDArray[np.int64]:
    indices = np.asarray(values)
    if indices.size == 0:
        return np.zeros(0, dtype=np.int64)
    if indices.ndim != 1 or not np.issubdtype(indices.dtype, np.integer):
        raise ValueError(f"{name} must be integer class indices, got {indices.dtype}")
    if indices.min() < 0 or indices.max() >= n_classes:
        raise ValueError(
            f"{name} must lie in [0, {n_classes}), got {indices.min()}..{indices.max()}"
        )
    return indices.astype(np.int64, copy=False)
