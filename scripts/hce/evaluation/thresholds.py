"""Safe calls at a ladder of thresholds, counted while the models predict.

A cell has one walk down the hierarchy (`hce.decode.path`), and each threshold ends it somewhere.
Counted by label and call that is a table of some thousand rows, whatever the number of cells.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from hce import decode

# in per cent, so that a threshold of one table is that of another
THRESHOLDS = np.arange(5, 100, 5) / 100
THRESHOLD_CALLS = ["split", "seed", "threshold", "class", "call", "cells", "score_sum"]


class ThresholdCounts:
    """Counts the safe calls of one model, batch by batch.

    Parameters
    ----------
    n_classes
        C.
    """

    def __init__(self, n_classes: int) -> None:
        self.n_classes = n_classes
        shape = (len(THRESHOLDS) * n_classes, n_classes)
        # sparse: of the C^2 pairs of label and call few occur
        self._cells = sparse.csr_array(shape, dtype=np.int64)
        self._score_sum = sparse.csr_array(shape, dtype=np.float64)

    def add(
        self, label: NDArray[np.integer], classes: NDArray[np.int64], score: NDArray[np.floating]
    ) -> None:
        """Count some cells: labels (B) and what `hce.decode.path` gives of them (B x D)."""
        calls, said = [], []
        for threshold in THRESHOLDS:
            call = decode.stop(classes, score, threshold)
            place = (classes == call[:, None]).argmax(axis=1)
            calls.append(call)
            said.append(np.take_along_axis(score, place[:, None], axis=1)[:, 0])
        steps = np.repeat(np.arange(len(THRESHOLDS)), len(label))
        row = steps * self.n_classes + np.tile(label.astype(np.int64), len(THRESHOLDS))
        where, shape = (row, np.concatenate(calls)), self._cells.shape
        ones = np.ones(len(row), dtype=np.int64)
        self._cells = self._cells + sparse.csr_array((ones, where), shape=shape)
        sums = np.concatenate(said, dtype=np.float64)
        self._score_sum = self._score_sum + sparse.csr_array((sums, where), shape=shape)

    def table(self) -> pd.DataFrame:
        """Return threshold, class, call (class indices), cells and score_sum (of the calls' s)."""
        # no call has s = 0, so that both matrices have the same entries in the same order
        cells, score_sum = self._cells.tocoo(), self._score_sum.tocoo()
        return pd.DataFrame(
            {
                "threshold": THRESHOLDS[cells.row // self.n_classes],
                "class": cells.row % self.n_classes,
                "call": cells.col,
                "cells": cells.data,
                "score_sum": score_sum.data,
            }
        )
