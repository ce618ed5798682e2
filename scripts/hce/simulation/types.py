"""Cell types of the simulation: they diffuse down the Cell Ontology.

θ_v = mean over parents of θ_p + σ·decay^d(v)·ξ_v, ξ ~ N(0, I_k), d(v) = depth of v in the hierarchy
of the labels. Collections differ in biology too: in collection s the innovations are ξ_v + r·ζ_sv.
"""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hce.ontology import depths, direct_parents, reachability
from hce.simulation.parameters import SimulationParameters
from hce.simulation.vocabulary import FOREIGN_TYPES, habitats

COLUMNS = ("label", "ontology_term_id", "in_ood_test")


@dataclass(frozen=True)
class Hierarchy:
    """The C labels and their hierarchy.

    Each label has one finest type with the label's own index: a leaf is its own; a label with
    subtypes has one more, hidden child, the cells that fit none of its listed subtypes ("not
    otherwise specified").

    Attributes
    ----------
    term_ids, labels
        Str C.
    in_ood
        Bool C, whether the new collections report this label.
    parents
        For each label the indices of its parents among the labels.
    depth
        int C, longest path from a label without parents.
    order
        int C, every label after its parents.
    internal
        Bool C, whether the label has subtypes.
    habitats
        Bool C x tissues, where its cells are found.
    """

    term_ids: NDArray[np.str_]
    labels: NDArray[np.str_]
    in_ood: NDArray[np.bool_]
    parents: tuple[tuple[int, ...], ...]
    depth: NDArray[np.int64]
    order: NDArray[np.int64]
    internal: NDArray[np.bool_]
    habitats: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.term_ids)


def build_hierarchy(graph: nx.DiGraph, cell_types: pd.DataFrame) -> Hierarchy:
    """Lay the labels out along the Cell Ontology.

    Parameters
    ----------
    graph
        The Cell Ontology (`hce.ontology.read_obo`).
    cell_types
        One row a label: label, ontology_term_id, in_ood_test (bool).

    Raises
    ------
    ValueError
        If a column is missing, no label occurs in the new collections, or the ontology lacks a
        label.
    """
    missing = [column for column in COLUMNS if column not in cell_types]
    if missing:
        raise ValueError(f"the table of cell types has no column {', '.join(missing)}")
    in_ood = cell_types["in_ood_test"].to_numpy()
    if in_ood.dtype != bool or not in_ood.any():
        raise ValueError(
            "column in_ood_test of the table of cell types must hold True or False, with at least "
            "one True"
        )
    term_ids = cell_types["ontology_term_id"].to_numpy(str)
    reached = reachability(graph, term_ids.tolist())
    parents = tuple(tuple(row) for row in direct_parents(reached))
    strict = reached & ~np.eye(len(term_ids), dtype=bool)
    of_label = depths(nx.from_numpy_array(strict, create_using=nx.DiGraph))
    depth = np.array([of_label[label] for label in range(len(term_ids))])
    return Hierarchy(
        term_ids=term_ids,
        labels=cell_types["label"].to_numpy(str),
        in_ood=in_ood,
        parents=parents,
        depth=depth,
        order=np.argsort(depth, kind="stable"),
        internal=reached.sum(axis=1) > 1,
        habitats=habitats(term_ids.tolist(), parents),
    )


def type_states(
    hierarchy: Hierarchy, n_collections: int, parameters: SimulationParameters
) -> NDArray[np.float32]:
    """Expression programs of every finest type in every collection.

    Parameters
    ----------
    hierarchy
        The C labels.
    n_collections
        S.
    parameters
        Uses programs (k), sd_type (σ), decay, collection_biology (r).

    Returns
    -------
    numpy.ndarray
        float32 S x (C + F) x k; after the C finest types come the F types that the selection must
        filter out (`FOREIGN_TYPES`), which have no relatives.
    """
    n_labels, n_programs = len(hierarchy), parameters.programs
    n_nodes = 2 * n_labels + len(FOREIGN_TYPES)
    shared = parameters.stream("types").standard_normal((n_nodes, n_programs), dtype=np.float32)
    own = parameters.stream("types", "studies").standard_normal(
        (n_collections, n_nodes, n_programs), dtype=np.float32
    )
    innovation = parameters.sd_type * (shared + parameters.collection_biology * own)
    state = np.empty((n_collections, n_nodes, n_programs), dtype=np.float32)
    for label in hierarchy.order:
        state[:, label] = innovation[:, label] * parameters.decay ** hierarchy.depth[label]
        if hierarchy.parents[label]:
            state[:, label] += state[:, list(hierarchy.parents[label])].mean(axis=1)
    hidden = slice(n_labels, 2 * n_labels)
    step = (parameters.decay ** (hierarchy.depth + 1)).astype(np.float32)[:, None]
    state[:, hidden] = state[:, :n_labels] + step * innovation[:, hidden]
    finest = np.where(hierarchy.internal, np.arange(n_labels) + n_labels, np.arange(n_labels))
    state[:, 2 * n_labels :] = innovation[:, 2 * n_labels :]
    return state[:, np.concatenate([finest, np.arange(2 * n_labels, n_nodes)])]
