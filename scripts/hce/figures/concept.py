"""The T-cell example of Fig. 2a: what cross-entropy and hierarchical cross-entropy see."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

EPS = 1e-6
EXAMPLE_LABEL = "CL:0000084"
# Logits of a cell that some studies call "T cell" and others by a finer name. They are an
# illustration, chosen so that the model is sure of a T cell and unsure which; all else is computed.
EXAMPLE_LOGITS = {
    "CL:0000084": 0.2,  # T cell
    "CL:0000789": 0.0,  # alpha-beta T cell
    "CL:0000624": 2.0,  # CD4-positive, alpha-beta T cell
    "CL:0000625": 1.4,  # CD8-positive, alpha-beta T cell
    "CL:0000798": 0.6,  # gamma-delta T cell
    "CL:0000236": -0.6,  # B cell: outside the T-cell subtree, its mass stays
}


def concept_table(
    cell_types: pd.DataFrame, reachability: NDArray[np.bool_], term_ids: Sequence[str]
) -> pd.DataFrame:
    """Compute p = softmax(logits), s = R p and both losses for the example.

    Parameters
    ----------
    cell_types
        Rows of cell_types.tsv.
    reachability
        Bool C x C, R of the run.
    term_ids
        C term ids, the order of R.

    Returns
    -------
    pandas.DataFrame
        One row a type of the example that the run has: ontology_term_id, label, is_target, parent
        (its nearest ancestor within the example, empty for none), logit, p, s, loss_ce = -log(p)
        and loss_hce = -log(s + 1e-6), both as if this type were the label. If the run has none of
        the types, one row without values.
    """
    position = {term_id: index for index, term_id in enumerate(term_ids)}
    shown = [term_id for term_id in EXAMPLE_LOGITS if term_id in position]
    rows = [position[term_id] for term_id in shown]
    matrix = reachability[np.ix_(rows, rows)]
    logits = np.array([EXAMPLE_LOGITS[term_id] for term_id in shown])
    p = np.exp(logits) / np.exp(logits).sum()
    s = matrix.astype(float) @ p
    names = cell_types.set_index("ontology_term_id")["label"]
    table = pd.DataFrame(
        {
            "ontology_term_id": shown,
            "label": [names[term_id] for term_id in shown],
            "is_target": [term_id == EXAMPLE_LABEL for term_id in shown],
            "parent": _nearest_ancestors(matrix, shown),
            "logit": logits,
            "p": p,
            "s": s,
            "loss_ce": -np.log(p),
            "loss_hce": -np.log(s + EPS),
        }
    )
    return table if shown else table.reindex([0])


def _nearest_ancestors(matrix: NDArray[np.bool_], term_ids: list[str]) -> list[str]:
    """Of each type's ancestors the one with the fewest descendants, or an empty text."""
    n_descendants = matrix.sum(axis=1)
    nearest = []
    for column in range(len(term_ids)):
        ancestors = [row for row in np.flatnonzero(matrix[:, column]) if row != column]
        best = min(ancestors, key=lambda row: n_descendants[row], default=None)
        nearest.append("" if best is None else term_ids[best])
    return nearest
