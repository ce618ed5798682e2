"""What each class is in the hierarchy and in the atlas (results/ontology/cell_types.tsv)."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hce.atlas import balanced_class_weights
from hce.ontology import depths, direct_parents, resolve


def node_kinds(matrix: NDArray[np.bool_]) -> pd.DataFrame:
    """Classify nodes as the paper does (Methods, "Cell ontology").

    Parameters
    ----------
    matrix
        Bool C x C, reachability.

    Returns
    -------
    pandas.DataFrame
        node_kind (internal: has a descendant among the classes; leaf: has none), connectivity
        (isolated: neither ancestor nor descendant among the classes; else connected), descendants
        (their number).
    """
    strict = matrix & ~np.eye(len(matrix), dtype=bool)
    descendants = strict.sum(axis=1)
    connected = strict.any(axis=0) | strict.any(axis=1)
    return pd.DataFrame(
        {
            "node_kind": np.where(descendants > 0, "internal", "leaf"),
            "connectivity": np.where(connected, "connected", "isolated"),
            "descendants": descendants,
        }
    )


def summarize_hierarchy(matrix: NDArray[np.bool_]) -> dict[str, int]:
    """Count classes, entries of R off the diagonal, internal nodes, leaves and isolated nodes."""
    kinds = node_kinds(matrix)
    return {
        "cell_types": len(matrix),
        "off_diagonal_entries": int(kinds["descendants"].sum()),
        "internal": int((kinds["node_kind"] == "internal").sum()),
        "leaves": int((kinds["node_kind"] == "leaf").sum()),
        "isolated": int((kinds["connectivity"] == "isolated").sum()),
    }


def cell_type_table(
    cells: pd.DataFrame, matrix: NDArray[np.bool_], graph: nx.DiGraph
) -> pd.DataFrame:
    """Describe each class: its place in the hierarchy, its cells, its weight in training.

    Parameters
    ----------
    cells
        The table of cells (`hce.ingest.cells.cells_table`).
    matrix
        Bool C x C, reachability over the classes.
    graph
        The Cell Ontology; depth is the longest path from a root to the term.

    Returns
    -------
    pandas.DataFrame
        One row a class; n_cells counts training cells; donors, studies, tissues and assays those of
        the whole atlas (train, val and test).
    """
    term_ids = cells["cell_type_ontology_term_id"].cat.categories.tolist()
    split = cells["split"]
    label = cells["class"].to_numpy(np.int64)
    atlas, training = (split != "ood").to_numpy(), label[(split == "train").to_numpy()]
    depth = depths(graph)
    table = pd.DataFrame(
        {
            "index": np.arange(len(term_ids)),
            "ontology_term_id": term_ids,
            "label": cells["cell_type"].cat.categories,
        }
    )
    table = table.join(node_kinds(matrix))
    table["parents"] = ["|".join(term_ids[p] for p in row) for row in direct_parents(matrix)]
    table["depth"] = [depth[term] for term in resolve(graph, term_ids)]
    table["n_cells"] = np.bincount(training, minlength=len(term_ids))
    counted = {"donors": "donor", "studies": "dataset_id", "tissues": "tissue", "assays": "assay"}
    for plural, name in counted.items():
        values = cells[name].cat
        pairs = label[atlas] * len(values.categories) + values.codes.to_numpy()[atlas]
        seen = np.bincount(pairs, minlength=len(term_ids) * len(values.categories)) > 0
        table[f"n_{plural}"] = seen.reshape(len(term_ids), -1).sum(axis=1)
    table["class_weight"] = balanced_class_weights(training, len(term_ids))
    table["in_ood"] = np.bincount(label[~atlas], minlength=len(term_ids)) > 0
    return table


def random_hierarchy(matrix: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
    """Random trees with as many classes at each depth as R has: a control of its shape alone.

    Each class keeps its depth (longest path from a root of R) and gets one parent at random among
    the classes one level above.
    """
    rng = np.random.default_rng(seed)
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(len(matrix)))
    graph.add_edges_from((p, c) for c, row in enumerate(direct_parents(matrix)) for p in row)
    depth = depths(graph)
    level = np.array([depth[c] for c in range(len(matrix))])
    random = np.eye(len(matrix), dtype=bool)
    for here in range(1, level.max(initial=0) + 1):
        for child in np.flatnonzero(level == here):
            parent = rng.choice(np.flatnonzero(level == here - 1))
            random[:, child] |= random[:, parent]
    return random


def permute_hierarchy(matrix: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
    """Permute the labels of R: a hierarchy of the same shape that says nothing about the cells.

    A control: the loss that uses it has everything of HCE but the knowledge.
    """
    order = np.random.default_rng(seed).permutation(len(matrix))
    return matrix[np.ix_(order, order)]
