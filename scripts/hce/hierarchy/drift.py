"""How the hierarchy of the classes changes between ontology releases, and what that does to scores.

The predictions stay; only the hierarchy that says which of them are right is another.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hce.hierarchy.classes import summarize_hierarchy
from hce.metrics import f1_scores_from_confusion


def changed_relations(
    matrices: Mapping[str, NDArray[np.bool_]], reference: str, labels: list[str]
) -> pd.DataFrame:
    """Pairs (ancestor, descendant) that a release has and the reference has not, or the reverse.

    Parameters
    ----------
    matrices
        Release: bool C x C, R over the same classes in the same order.
    reference
        The release that the run uses.
    labels
        Names of the C classes.

    Returns
    -------
    pandas.DataFrame
        release, change (`added` | `removed`), ancestor, descendant.
    """
    rows = []
    for release, matrix in matrices.items():
        for change, found in (
            ("added", matrix & ~matrices[reference]),
            ("removed", matrices[reference] & ~matrix),
        ):
            rows += [
                (release, change, labels[above], labels[below])
                for above, below in np.argwhere(found)
            ]
    return pd.DataFrame(rows, columns=["release", "change", "ancestor", "descendant"])


def hierarchy_sizes(matrices: Mapping[str, NDArray[np.bool_]], reference: str) -> pd.DataFrame:
    """Relations and kinds of classes of each release, and how many differ from the reference.

    Returns
    -------
    pandas.DataFrame
        release, is_reference, relations (entries of R off the diagonal), internal, leaves,
        isolated, added, removed.
    """
    rows = []
    for release, matrix in matrices.items():
        counts = summarize_hierarchy(matrix)
        rows.append(
            {
                "release": release,
                "is_reference": release == reference,
                "relations": counts["off_diagonal_entries"],
                **{name: counts[name] for name in ("internal", "leaves", "isolated")},
                "added": int((matrix & ~matrices[reference]).sum()),
                "removed": int((matrices[reference] & ~matrix).sum()),
            }
        )
    return pd.DataFrame(rows)


def confusion_matrix(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], n_classes: int
) -> NDArray[np.int64]:
    """Integer C x C: cells with label i (row) and prediction j (column)."""
    cells = np.bincount(labels * n_classes + predicted, minlength=n_classes**2)
    return cells.reshape(n_classes, n_classes)


def scores_by_release(
    confusion: NDArray[np.int64], matrices: Mapping[str, NDArray[np.bool_]]
) -> pd.DataFrame:
    """Macro F1 of one model with the hierarchy of each release: release, macro_f1."""
    scores = {
        release: f1_scores_from_confusion(confusion, matrix)["f1"].mean()
        for release, matrix in matrices.items()
    }
    return pd.DataFrame({"release": list(scores), "macro_f1": list(scores.values())})


def changes_in_words(changes: pd.DataFrame, release: str, most: int = 3) -> str:
    """The changes of one release as text, `+ ancestor › descendant`; only so many, then a count."""
    rows = changes[changes["release"] == release]
    signs = {"added": "+", "removed": "−"}
    words = [f"{signs[str(r.change)]} {r.ancestor} › {r.descendant}" for r in rows.itertuples()]
    more = [f"and {len(words) - most} more"] if len(words) > most else []
    return "; ".join(words[:most] + more)
