"""Metrics of calls on a hierarchy, from the counts of each label and call.

The paper forgives a call that is finer than the label. Whether HCE is better, or only no longer
punished, shows in the others:

======================== ============================================================ ======
`corrected_f1`           macro F1, finer calls right (the paper; `hce.metrics`)       higher
`exact_f1`               macro F1, only the label itself right                        higher
`lenient_f1`             macro F1, finer calls right, coarser ones half right         higher
`accuracy`               share of the calls that are the label                        higher
`hierarchical_precision` share of the calls' ancestors that are the labels' too       higher
`hierarchical_recall`    share of the labels' ancestors that are the calls' too       higher
`hierarchical_f`         their harmonic mean                                          higher
`hierarchical_f_ic`      the same, ancestors weighted by their information content    higher
`distance`               steps from the label to the call by a common ancestor        lower
======================== ============================================================ ======

The ancestors of a class include it (Kiritchenko et al. 2006; Silla & Freitas 2011); the
hierarchical ones are sums over cells before they are divided. Over `cells` each cell counts the
same, over `labels` each label does, whichever its cells (accuracy is then the balanced accuracy).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csgraph, csr_matrix

from hce.evaluation.confusion import RELATIONS, relation_matrix
from hce.hierarchy.files import read_reachability
from hce.ontology import direct_parents

# metric: whether more is better
METRICS = {
    "corrected_f1": True,
    "exact_f1": True,
    "lenient_f1": True,
    "accuracy": True,
    "hierarchical_precision": True,
    "hierarchical_recall": True,
    "hierarchical_f": True,
    "hierarchical_f_ic": True,
    "distance": False,
}
F1_METRICS = ("corrected_f1", "exact_f1", "lenient_f1")
COARSER_COUNTS = 0.5


@dataclass(frozen=True)
class Hierarchy:
    """What the metrics need of the classes.

    Parameters
    ----------
    reachability
        Bool C x C.
    n_cells
        Integer C, training cells of each class, from which its information content follows.
    depth
        Integer C, steps from the root of the ontology.
    """

    reachability: NDArray[np.bool_]
    n_cells: NDArray[np.int64]
    depth: NDArray[np.int64]

    @classmethod
    def read(cls, cell_types: pd.DataFrame, reachability: Path) -> Hierarchy:
        """Of a run: its table of cell types (`read_cell_types`) and the file of its R."""
        n_cells, depth = (cell_types[name].to_numpy(np.int64) for name in ("n_cells", "depth"))
        return cls(read_reachability(reachability)[0], n_cells, depth)

    @cached_property
    def information(self) -> NDArray[np.float64]:
        """Information content of each class in bits: -log2 of its share of the training cells.

        The cells of its descendants are its own, too; a class without any counts as having one.
        """
        cells = np.maximum(self.reachability @ self.n_cells, 1)
        return np.log2(max(self.n_cells.sum(), 1) / cells).clip(min=0)

    @cached_property
    def leaves(self) -> NDArray[np.bool_]:
        """Bool C, classes without descendants."""
        return self.reachability.sum(axis=1) == 1

    @cached_property
    def relations(self) -> NDArray[np.int8]:
        """What each call is to each label (`hce.evaluation.confusion.relation_matrix`)."""
        return relation_matrix(self.reachability)

    @cached_property
    def distances(self) -> NDArray[np.float64]:
        """C x C: fewest steps from one class up to a common ancestor and down to the other.

        Steps lead over the classes alone; above their roots stands one more node, so that there is
        always a common ancestor.
        """
        n_classes = len(self.reachability)
        steps = np.zeros((n_classes + 1, n_classes + 1))
        for child, parents in enumerate(direct_parents(self.reachability)):
            steps[parents or [n_classes], child] = 1
        down = csgraph.shortest_path(csr_matrix(steps), unweighted=True)[:, :n_classes]
        return np.min(down[:, :, None] + down[:, None, :], axis=0)

    def shared(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """C x C: weight of the ancestors that two classes share; on the diagonal, of each alone."""
        above = self.reachability.astype(float)  # [ancestor, class]
        return above.T @ (weight[:, None] * above)


def metric_values(
    confusion: NDArray[np.int64], hierarchy: Hierarchy, labels: NDArray[np.int64] | None = None
) -> pd.DataFrame:
    """Every metric of one model's calls.

    Parameters
    ----------
    confusion
        Integer C x C, cells with label i (row) and call j (column).
    hierarchy
        Of the C classes.
    labels
        Class indices to average over; those without a cell are left out. Cells of other labels
        still count as false positives. Default: every label present.

    Returns
    -------
    pandas.DataFrame
        metric, over (`cells` or `labels`), value.

    Raises
    ------
    ValueError
        If there is no cell with one of the labels.
    """
    present = np.flatnonzero(confusion.sum(axis=1))
    if labels is not None:
        present = np.intersect1d(present, labels)
    if len(present) == 0:
        raise ValueError("metrics of no cells do not exist: no cell has one of the labels")
    rows = [
        (name, "labels", _macro_f1(confusion, credit, present))
        for name, credit in _credits(hierarchy).items()
    ]
    cells = confusion[present].astype(float)
    shares = cells / cells.sum(axis=1, keepdims=True)
    for over, counts in (("cells", cells), ("labels", shares)):
        whole = np.zeros(confusion.shape)
        whole[present] = counts
        found = {
            "accuracy": np.trace(whole) / whole.sum(),
            **_ancestor_metrics(whole, hierarchy),
            "distance": (whole * hierarchy.distances).sum() / whole.sum(),
        }
        rows += [(name, over, float(value)) for name, value in found.items()]
    return pd.DataFrame(rows, columns=["metric", "over", "value"])


def _credits(hierarchy: Hierarchy) -> dict[str, NDArray[np.float64]]:
    """C x C for each F1: how right a call (column) is for a label (row)."""
    finer = hierarchy.reachability.astype(float)
    return {
        "corrected_f1": finer,
        "exact_f1": np.eye(len(finer)),
        "lenient_f1": np.maximum(finer, COARSER_COUNTS * finer.T),
    }


def _macro_f1(
    confusion: NDArray[np.int64], credit: NDArray[np.float64], labels: NDArray[np.int64]
) -> float:
    """Macro F1 over some labels; what a call is not right for is a false positive of its class."""
    right = (confusion * credit).sum(axis=1)
    wrong = (confusion * (1 - credit)).sum(axis=0)
    f1 = 2 * right / np.maximum(right + wrong + confusion.sum(axis=1), 1)
    return float(f1[labels].mean())


def _ancestor_metrics(counts: NDArray[np.float64], hierarchy: Hierarchy) -> dict[str, float]:
    found = {}
    ones = np.ones(len(counts))
    for ending, weight in (("", ones), ("_ic", hierarchy.information)):
        shared = hierarchy.shared(weight)
        each = np.diag(shared)
        both = (counts * shared).sum()
        called, true = counts.sum(axis=0) @ each, counts.sum(axis=1) @ each
        if not ending:
            found["hierarchical_precision"] = both / called
            found["hierarchical_recall"] = both / true
        # nothing to find where one class holds all training cells, and says nothing
        found[f"hierarchical_f{ending}"] = 2 * both / (called + true) if called + true else np.nan
    return found


def specificity(confusion: NDArray[np.int64], hierarchy: Hierarchy) -> pd.DataFrame:
    """How specific labels and calls are, and what the calls are to the labels.

    Returns
    -------
    pandas.DataFrame
        quantity, value. For `label` and `call`: `..._leaf_share`, `..._depth` and
        `..._information` (means over cells; depth in the ontology, information content in bits);
        `share_` and each of `hce.evaluation.confusion.RELATIONS`.
    """
    total = confusion.sum()
    found = {}
    for name, cells in (("label", confusion.sum(axis=1)), ("call", confusion.sum(axis=0))):
        found[f"{name}_leaf_share"] = cells[hierarchy.leaves].sum() / total
        found[f"{name}_depth"] = cells @ hierarchy.depth / total
        found[f"{name}_information"] = cells @ hierarchy.information / total
    relations = np.bincount(
        hierarchy.relations.ravel(), weights=confusion.ravel(), minlength=len(RELATIONS)
    )
    found |= {f"share_{name}": n / total for name, n in zip(RELATIONS, relations, strict=True)}
    return pd.DataFrame({"quantity": list(found), "value": list(found.values())})
