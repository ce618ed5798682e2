"""Whether a model is right as often as it says: reliability and expected calibration error.

Three statements are looked at. p of the predicted class as the probability that it is the label
itself (what cross-entropy trains), and as the probability that it is right by the paper's rule, the
label or finer than it (what p of a model trained with HCE can mean, which does not say how finely a
collection annotates); s = R p of the predicted class as the probability that the label is that
class or finer.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

N_BINS = 15
MEASURES = ("p_label", "p_right", "s")


def reliability(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], n_bins: int = N_BINS
) -> pd.DataFrame:
    """Confidence and accuracy of the cells in bins of equal width between 0 and 1.

    Parameters
    ----------
    confidence
        Float N in [0, 1]; sums of probabilities may exceed 1 by rounding.
    right
        Bool N.

    Returns
    -------
    pandas.DataFrame
        bin (from 0; empty bins are left out), cells, confidence and accuracy (means of the bin).
    """
    bins = np.clip((np.asarray(confidence) * n_bins).astype(np.int64), 0, n_bins - 1)
    cells = np.bincount(bins, minlength=n_bins)
    filled = np.flatnonzero(cells)
    said = np.bincount(bins, weights=confidence, minlength=n_bins)[filled] / cells[filled]
    found = np.bincount(bins, weights=right, minlength=n_bins)[filled] / cells[filled]
    return pd.DataFrame(
        {"bin": filled, "cells": cells[filled], "confidence": said, "accuracy": found}
    )


def expected_calibration_error(table: pd.DataFrame) -> float:
    """Mean distance of confidence and accuracy over the bins, weighted by their cells."""
    distance = (table["confidence"] - table["accuracy"]).abs()
    return float((distance * table["cells"]).sum() / table["cells"].sum())


def calibration_of(predictions: pd.DataFrame, reachability: NDArray[np.bool_]) -> pd.DataFrame:
    """Reliability of the three statements of one model on one split.

    Parameters
    ----------
    predictions
        class, predicted_class, probability (p of the predicted class), score (its s).
    reachability
        Bool C x C.

    Returns
    -------
    pandas.DataFrame
        The columns of `reliability` and measure (one of MEASURES), ece (the same in all its rows).
    """
    labels = predictions["class"].to_numpy(np.int64)
    predicted = predictions["predicted_class"].to_numpy(np.int64)
    statements = {
        "p_label": (predictions["probability"], labels == predicted),
        "p_right": (predictions["probability"], reachability[labels, predicted]),
        "s": (predictions["score"], reachability[predicted, labels]),
    }
    parts = []
    for measure, (confidence, right) in statements.items():
        table = reliability(confidence.to_numpy(float), right)
        parts.append(table.assign(measure=measure, ece=expected_calibration_error(table)))
    return pd.concat(parts, ignore_index=True)
