"""Risk-coverage: how specific a model dares to be, and how often it is right then.

A safe call descends while s = R p reaches a threshold, so the threshold trades how much a call says
for how often it is right. s of a call is the probability that the label is the call or a finer
class, and that is what `right` means here. Where the call is finer than the label nobody can tell
(the label does not say which of its subtypes the cell is): `finer`, which the paper takes as right.
The true share of right calls lies between `right` and `right` + `finer`.
"""

from __future__ import annotations

import pandas as pd

from hce.evaluation.hierarchy_metrics import Hierarchy

RUN = ["architecture", "loss", "seed", "split", "threshold"]


def risk_coverage(calls: pd.DataFrame, hierarchy: Hierarchy) -> pd.DataFrame:
    """Means over the cells of every run at every threshold.

    Parameters
    ----------
    calls
        The columns of RUN, class, call (class indices), cells, score_sum (their sum of s).
    hierarchy
        Of the classes.

    Returns
    -------
    pandas.DataFrame
        The columns of RUN, cells, and means over them: said (s of the call), right (share whose
        label is the call or below it), finer (share whose call lies below the label), depth (of the
        call in the ontology) and information (of the call, in bits).
    """
    label, call = calls["class"].to_numpy(), calls["call"].to_numpy()
    reach, cells = hierarchy.reachability, calls["cells"]
    right = reach[call, label]
    sums = calls[RUN].assign(
        cells=cells,
        said=calls["score_sum"],
        right=cells * right,
        finer=cells * (reach[label, call] & ~right),
        depth=cells * hierarchy.depth[call],
        information=cells * hierarchy.information[call],
    )
    table = sums.groupby(RUN, sort=False).sum().reset_index()
    means = ["said", "right", "finer", "depth", "information"]
    table[means] = table[means].div(table["cells"], axis=0)
    return table
