"""Which cells are in the atlas: scTab's selection, donor split and class weights.

Source: theislab/scTab, notebooks/store_creation/01_download_data (selection) and
02_create_train_val_test_split; the papers say "at least 30 donors" where the code says more than.
"""

from __future__ import annotations

from collections import Counter
from math import ceil
from typing import TYPE_CHECKING

from hce.extras import needs

with needs("metrics"):
    import numpy as np
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import networkx as nx

# in pieces and in the table of cells a split is its position here
SPLITS = ("train", "val", "test", "ood")


def tech_samples(obs: pd.DataFrame) -> pd.Series:
    """Name the technical sample of each cell, dataset_id + "_" + donor_id.

    This is what scTab and the paper count as donors: one donor in two datasets is two.

    Parameters
    ----------
    obs
        N cells with dataset_id and donor_id.

    Returns
    -------
    pandas.Series
        Categorical N, with the index of `obs`; categories in order of first appearance.

    Raises
    ------
    ValueError
        If a cell has no dataset or donor.
    """
    pairs = obs[["dataset_id", "donor_id"]].astype("category")
    for column in pairs:
        if (pairs[column].cat.codes < 0).any():
            raise ValueError(f"a cell has no {column}, so its technical sample is unknown")
    keys = pairs["dataset_id"].cat.codes.to_numpy(np.int64)
    keys *= len(pairs["donor_id"].cat.categories)
    keys += pairs["donor_id"].cat.codes.to_numpy()
    codes, first = pd.factorize(keys)
    dataset, donor = np.divmod(first, max(len(pairs["donor_id"].cat.categories), 1))
    names = [
        f"{pairs['dataset_id'].cat.categories[i]}_{pairs['donor_id'].cat.categories[j]}"
        for i, j in zip(dataset, donor, strict=True)
    ]
    if len(set(names)) < len(names):
        # a_b of c and a of b_c
        names = [f"{name} ({number})" for number, name in enumerate(names)]
    # the stubs know lists of codes only
    sample = pd.Categorical.from_codes(codes, names)  # type: ignore[arg-type]
    return pd.Series(sample, index=obs.index)


def merge_replaced(obs: pd.DataFrame, graph: nx.DiGraph) -> tuple[pd.DataFrame, dict[str, str]]:
    """Give cells of an ontology term their current id where they have several ids for it.

    An obsolete id and its replacement would be two classes of one term. An id that has been
    replaced, but is the only one of its term, stays as it is.

    Parameters
    ----------
    obs
        N cells with cell_type and cell_type_ontology_term_id.
    graph
        The Cell Ontology (`hce.ontology.read_obo`), which names the merged cells.

    Returns
    -------
    cells : pandas.DataFrame
        `obs` itself where there is nothing to merge, else a table that shares its other columns.
    merged : dict
        Id in `obs` to current id, of the merged ones.
    """
    from hce.ontology import current_ids

    terms = obs["cell_type_ontology_term_id"].astype("category")
    codes, ids = terms.cat.codes.to_numpy(), terms.cat.categories
    # by codes and categories: 28 million cells are not compared as text
    used = ids[np.bincount(codes[codes >= 0], minlength=len(ids)) > 0]
    current = current_ids(graph, used)
    n_ids = Counter(current.values())
    merged = {term: now for term, now in current.items() if n_ids[now] > 1}
    if not merged:
        return obs, {}
    new_codes, new_ids = pd.factorize(np.array([merged.get(i, i) for i in ids], dtype=object))
    # the last is for cells without an id, whose code is -1
    new_codes = np.append(new_codes, -1)[codes]
    new = pd.Categorical.from_codes(new_codes, new_ids)  # type: ignore[arg-type]
    terms = pd.Series(new, index=obs.index)
    labels = obs["cell_type"].astype("category").copy()
    for now in sorted(set(merged.values())):
        name = graph.nodes[now].get("name", now)
        if name not in labels.cat.categories:
            labels = labels.cat.add_categories([name])
        labels[terms == now] = name
    merged = {term: now for term, now in merged.items() if term != now}
    cells = obs.copy(deep=False)
    cells["cell_type_ontology_term_id"], cells["cell_type"] = terms, labels
    return cells, merged


def rate_cell_types(
    obs: pd.DataFrame,
    graph: nx.DiGraph,
    root: str,
    min_cells: int,
    min_tech_samples: int,
    min_ancestors: int,
) -> pd.DataFrame:
    """Which cell types have enough cells and donors and are specific enough (scTab), and why not.

    Parameters
    ----------
    obs
        Cells of the training release that passed the value filter: cell_type,
        cell_type_ontology_term_id, dataset_id, donor_id.
    graph
        The Cell Ontology (`hce.ontology.read_obo`).
    root
        Ontology term id; kept cell types are descendants of it.
    min_cells
        A cell type has at least this many cells.
    min_tech_samples
        A cell type has more than this many technical samples.
    min_ancestors
        A cell type has more than this many ancestors in the Cell Ontology.

    Returns
    -------
    pandas.DataFrame
        One row a cell type of the release, sorted by label: ontology_term_id (as in `obs`), label,
        cells, samples, left_out (the reason; empty for a class).

    Raises
    ------
    ValueError
        If a cell has no cell type, or one with enough cells, or the root, is not in the ontology.
    """
    # here: most importers of this module have no ontology, and networkx takes 0.3 s
    import networkx as nx

    from hce.ontology import resolve, resolve_root

    types = _count_cell_types(obs)
    # a term that the Census itself calls unknown is not a cell type
    types = types[types.index != "unknown"]
    left_out = pd.Series("", index=types.index, dtype=object)
    left_out[types["samples"] <= min_tech_samples] = (
        f"at most {min_tech_samples} technical samples (selection.min_tech_samples)"
    )
    left_out[types["cells"] < min_cells] = f"fewer than {min_cells} cells (selection.min_cells)"
    try:
        root = resolve_root(graph, root)
    except ValueError as error:
        raise ValueError(f"selection.root: {error}") from error
    below_root = nx.descendants(graph, root)
    rest = left_out.index[left_out == ""]
    for term, current in zip(rest, resolve(graph, rest.tolist()), strict=True):
        if current not in below_root:
            left_out[term] = f"not below {root} (selection.root)"
        elif len(nx.ancestors(graph, current)) <= min_ancestors:
            left_out[term] = f"at most {min_ancestors} ancestors (selection.min_ancestors)"
    return types.assign(left_out=left_out).sort_values("label").reset_index()


def select_cell_types(rated: pd.DataFrame) -> pd.DataFrame:
    """The classes: cell types that are not left out.

    Parameters
    ----------
    rated
        What `rate_cell_types` gives.

    Returns
    -------
    pandas.DataFrame
        One row a class, sorted by label: ontology_term_id, label.

    Raises
    ------
    ValueError
        If fewer than two types are left, or two of them have one label.
    """
    kept = rated[rated["left_out"] == ""]
    if len(kept) < 2:
        reasons = rated.loc[rated["left_out"] != "", "left_out"].value_counts()
        counts = "; ".join(f"{n} with {reason}" for reason, n in reasons.items())
        raise ValueError(
            f"{len(kept)} cell types left of {len(rated)} after selection: {counts}; lower the "
            "thresholds under `selection` in the configuration"
        )
    twice = kept[kept["label"].duplicated(keep=False)]
    if len(twice):
        label = twice["label"].iloc[0]
        terms = ", ".join(twice.loc[twice["label"] == label, "ontology_term_id"])
        raise ValueError(
            f"cell_type {label!r} is the label of several cell types: {terms}; give each term a "
            "label of its own, or the cells one term"
        )
    return kept[["ontology_term_id", "label"]].reset_index(drop=True)


def _count_cell_types(obs: pd.DataFrame) -> pd.DataFrame:
    """Label (the first in order), cells and technical samples of each ontology term id."""
    terms = obs["cell_type_ontology_term_id"].astype("category")
    labels = obs["cell_type"].astype("category")
    for column in (terms, labels):
        if (column.cat.codes < 0).any():
            raise ValueError(f"a cell has no {column.name}; the store is no Census")
    samples = tech_samples(obs)
    n_terms, n_samples = len(terms.cat.categories), len(samples.cat.categories)
    # counting in arrays of codes: a groupby over 28 million rows needs gigabytes
    code = terms.cat.codes.to_numpy()
    label = np.zeros(n_terms, dtype=np.int64)
    label[code[::-1]] = labels.cat.codes.to_numpy()[::-1]
    pairs = code.astype(np.int64) * n_samples + samples.cat.codes.to_numpy()
    seen = np.bincount(pairs, minlength=n_terms * n_samples).reshape(n_terms, n_samples) > 0
    table = pd.DataFrame(
        {
            "label": labels.cat.categories[label].astype(str),
            "cells": np.bincount(code, minlength=n_terms),
            "samples": seen.sum(axis=1),
        },
        index=pd.Index(terms.cat.categories.astype(str), name="ontology_term_id"),
    )
    return table[table["cells"] > 0]


def split_donors(
    samples: ArrayLike, val: float = 0.15, test: float = 0.15, seed: int = 1
) -> tuple[NDArray[np.str_], NDArray[np.str_], NDArray[np.str_]]:
    """Split technical samples into training, validation and test as scTab does.

    Parameters
    ----------
    samples
        Technical samples, repeated or not; their order of first appearance is what is shuffled.
    val, test
        Shares of the samples, rounded up.
    seed
        Of `numpy.random.default_rng`.

    Returns
    -------
    tuple of numpy.ndarray
        Sample names of train, val and test.

    Raises
    ------
    ValueError
        If a share is not in [0, 1) or the training set would be empty.
    """
    if not (0 <= val < 1 and 0 <= test < 1 and val + test < 1):
        raise ValueError(f"val={val} and test={test} must be shares that leave a training set")
    shuffled = pd.unique(np.asarray(samples))
    np.random.default_rng(seed).shuffle(shuffled)
    n_val, n_test = ceil(val * len(shuffled)), ceil(test * len(shuffled))
    n_train = len(shuffled) - n_val - n_test
    if n_train < 1:
        raise ValueError(
            f"{len(shuffled)} technical samples cannot be split into val={val} and test={test} "
            "with a training set left; use more donors or smaller shares"
        )
    return (
        shuffled[:n_train],
        shuffled[n_train : n_train + n_val],
        shuffled[n_train + n_val :],
    )


def split_cells(
    samples: pd.Series, val: float, test: float, seed: int, multiple: int
) -> NDArray[np.int8]:
    """Assign each cell to a split, and drop cells so that each split is a multiple of `multiple`.

    scTab permutes the cells of each split (train, then val, then test, with one generator) and cuts
    the rest after the last full row group. The permutation decides which cells are dropped.

    Parameters
    ----------
    samples
        Technical sample of each cell, categorical N, cells in order of soma_joinid.
    val, test, seed
        As in `split_donors`.
    multiple
        Cells of a row group; 1,024 in scTab.

    Returns
    -------
    numpy.ndarray
        int8 N: position in `SPLITS`, or -1 where the cell is dropped.

    Raises
    ------
    ValueError
        If a split has fewer cells than `multiple`.
    """
    parts = split_donors(np.asarray(samples.unique(), dtype=str), val, test, seed)
    rng = np.random.default_rng(seed)
    codes = samples.cat.codes.to_numpy()
    assigned = np.full(len(samples), -1, dtype=np.int8)
    for position, part in enumerate(parts):
        rows = rng.permutation(np.flatnonzero(samples.cat.categories.isin(part)[codes]))
        kept = len(rows) // multiple * multiple
        if kept == 0 and len(part):
            raise ValueError(
                f"split {SPLITS[position]} has {len(rows)} cells, fewer than one row group of "
                f"{multiple}; lower split.row_group or use more cells"
            )
        assigned[rows[:kept]] = position
    return assigned


def balanced_class_weights(y: ArrayLike, n_classes: int) -> NDArray[np.float64]:
    """Class weights N / (C n_i), scikit-learn's "balanced" (paper, "Implementation details").

    Parameters
    ----------
    y
        Integer N, class index of each training cell.
    n_classes
        C.

    Returns
    -------
    numpy.ndarray
        float64 C.

    Raises
    ------
    ValueError
        If a class has no cell: its weight would be infinite.
    """
    counts = np.bincount(np.asarray(y, dtype=np.int64), minlength=n_classes)
    if len(counts) > n_classes:
        raise ValueError(f"class index {len(counts) - 1} in y, but n_classes is {n_classes}")
    if (counts == 0).any():
        empty = np.flatnonzero(counts == 0).tolist()
        raise ValueError(
            f"no training cell for class {', '.join(map(str, empty[:5]))}: raise "
            "selection.min_cells or selection.min_tech_samples so that every class is trained"
        )
    return counts.sum() / (n_classes * counts)
