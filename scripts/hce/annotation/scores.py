"""How good calls are where a file has labels, and how coarse the threshold makes them.

A coarse call is a statement, too: "T cell" of a CD4-positive T cell is right, though it leaves
something open. So a call is wrong if it is neither the label nor above nor below it, and resolved
if it is the label or below it (the paper's rule).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hce.annotation.calls import Calls
from hce.metrics import macro_f1
from hce.models import ModelFacts

THRESHOLDS = tuple(round(0.05 * i, 2) for i in range(2, 20))


def depth_table(calls: Calls, threshold: float) -> pd.DataFrame:
    """Cells called at each depth: level (0 is no call, 1 a root), cells, share."""
    cells = np.bincount(calls.steps(threshold), minlength=calls.path.shape[1] + 1)
    table = pd.DataFrame({"level": np.arange(len(cells)), "cells": cells})
    return _named(table.assign(share=table["cells"] / max(len(calls), 1)))


def label_classes(values: pd.Series, facts: ModelFacts) -> NDArray[np.int64]:
    """Class of each label, -1 for one that is no class of the model.

    Parameters
    ----------
    values
        Ontology term ids or names, whichever more of them are.

    Raises
    ------
    ValueError
        If none is a class of the model.
    """
    best = np.full(len(values), -1)
    for names in (facts.term_ids, facts.labels):
        places = {name: i for i, name in enumerate(names)}
        found = values.astype(object).map(places).fillna(-1).to_numpy(np.int64)
        best = max(best, found, key=lambda classes: int((classes >= 0).sum()))
    if (best < 0).all():
        raise ValueError(
            f"obs column {values.name}: no value ({values.iloc[0]}, ...) is a cell type of the "
            f"model ({facts.term_ids[0]}, {facts.labels[0]}, ...); --labels takes a column of "
            "ontology term ids or of their names"
        )
    return best


def label_scores(
    calls: Calls, label: NDArray[np.int64], facts: ModelFacts, threshold: float
) -> dict[str, float]:
    """Scores over the cells that have a label among the classes, and counts.

    Parameters
    ----------
    label
        int64 N, -1 for cells that are left out, as those without counts are.

    Returns
    -------
    dict
        cells; macro_f1, hierarchy-corrected, of the argmax; and of the safe calls: called (share
        of the cells), right (share of the calls), resolved (share of the cells).
    """
    row = risk_coverage(calls, label, facts, [threshold]).iloc[0]
    scored = (label >= 0) & (calls.argmax >= 0)
    return {
        "cells": int(scored.sum()),
        "macro_f1": macro_f1(label[scored], calls.argmax[scored], facts.reachability),
        "called": float(row["called"]),
        "right": 1 - float(row["wrong"]),
        "resolved": float(row["resolved"]),
    }


def risk_coverage(
    calls: Calls,
    label: NDArray[np.int64],
    facts: ModelFacts,
    thresholds: Sequence[float] = THRESHOLDS,
) -> pd.DataFrame:
    """What each threshold buys: a row a threshold.

    Returns
    -------
    pandas.DataFrame
        threshold; called, share of the cells; level, mean depth of the calls (a root is 1);
        wrong, share of the calls that contradict the label; expected, what the scores say of it
        (mean of 1 - s); resolved, share of the cells whose call is the label or below it. NaN
        where nothing is called.
    """
    scored = (label >= 0) & (calls.argmax >= 0)
    true, reach = label[scored], facts.reachability
    rows = []
    for threshold in thresholds:
        safe, score = (values[scored] for values in calls.safe(threshold))
        made = safe >= 0
        below = reach[true[made], safe[made]]
        above = reach[safe[made], true[made]]
        any_call = bool(made.any())
        rows.append(
            {
                "threshold": threshold,
                "called": made.mean(),
                "level": calls.steps(threshold)[scored][made].mean() if any_call else np.nan,
                "wrong": (~(below | above)).mean() if any_call else np.nan,
                "expected": (1 - score[made]).mean() if any_call else np.nan,
                "resolved": below.sum() / max(len(made), 1),
            }
        )
    return _named(pd.DataFrame(rows))


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """With an index of text, as AnnData stores tables."""
    return table.set_axis(table.index.astype(str), axis=0)
