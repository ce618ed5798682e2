"""What kind of type a cell is mistaken for, and which mistakes of CE HCE does not make."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hce.ontology import direct_parents

# what a prediction is to the label, from right to farthest
RELATIONS = ("label", "finer", "coarser", "sibling", "lineage", "elsewhere")
RIGHT = ("label", "finer")


def relation_matrix(reachability: NDArray[np.bool_]) -> NDArray[np.int8]:
    """What each class is to each label.

    Parameters
    ----------
    reachability
        Bool C x C, R[i, j]: class j is class i or a descendant of it.

    Returns
    -------
    numpy.ndarray
        int8 C x C, entry [label, prediction] a position in RELATIONS: the label itself; `finer`, a
        descendant of it; `coarser`, an ancestor; `sibling`, a class with a direct parent in common;
        `lineage`, any other class that is connected to the label through the hierarchy;
        `elsewhere`, a class that is not.
    """
    n_classes = len(reachability)
    parents = np.zeros((n_classes, n_classes), dtype=bool)
    for child, above in enumerate(direct_parents(reachability)):
        parents[child, above] = True
    siblings = parents.astype(np.int64) @ parents.T.astype(np.int64) > 0
    lineage = np.empty(n_classes, dtype=np.int64)
    linked: nx.Graph[int] = nx.from_numpy_array(reachability | reachability.T)
    for number, classes in enumerate(nx.connected_components(linked)):
        lineage[list(classes)] = number
    same = lineage[:, None] == lineage[None, :]
    conditions = [np.eye(n_classes, dtype=bool), reachability, reachability.T, siblings, same]
    return np.select(conditions, range(len(conditions)), len(conditions)).astype(np.int8)


def relation_counts(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], relations: NDArray[np.int8]
) -> pd.Series:
    """Cells of each relation between prediction and label; index = RELATIONS."""
    counts = np.bincount(relations[labels, predicted], minlength=len(RELATIONS))
    return pd.Series(counts, index=list(RELATIONS), name="cells")


def corrected_counts(
    labels: NDArray[np.int64],
    ce: NDArray[np.int64],
    hce: NDArray[np.int64],
    relations: NDArray[np.int8],
) -> pd.DataFrame:
    """Of the cells in each relation under CE, how many are right under HCE.

    Returns
    -------
    pandas.DataFrame
        relation (of CE's prediction), cells, right_with_hce. For the relations that are right under
        CE, cells - right_with_hce are those that HCE loses.
    """
    under_ce = relations[labels, ce]
    right = relations[labels, hce] < len(RIGHT)
    cells = np.bincount(under_ce, minlength=len(RELATIONS))
    kept = np.bincount(under_ce[right], minlength=len(RELATIONS))
    return pd.DataFrame({"relation": RELATIONS, "cells": cells, "right_with_hce": kept})
