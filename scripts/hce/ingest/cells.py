"""The table of cells: one row a cell of train, val, test and ood (results/atlas/cells.parquet)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pandas.api.types import union_categoricals

from hce.atlas import SPLITS, split_cells, tech_samples
from hce.files import checked
from hce.ingest.order import shuffle_keys
from hce.names import distinct
from hce.ontology import current_ids, resolve

IDS = "_ontology_term_id"
# contexts of a cell that are ontology terms: label and id in the Census
CONTEXTS = {
    "tissue": ("tissue_general", "tissue_general" + IDS),
    "disease": ("disease", "disease" + IDS),
}
# columns of the Census that the table carries, under the names the pipeline uses
METADATA = {"assay": "assay", **{ids: name + IDS for name, (_, ids) in CONTEXTS.items()}}


def read_obs_columns(path: str | Path) -> pd.DataFrame:
    """Read obs.parquet for the selection, text as categoricals.

    One column at a time: read at once, 28 million rows need three times their memory.
    """
    columns = ["soma_joinid", "dataset_id", "donor_id", "cell_type", "cell_type" + IDS, "assay"]
    columns += [column for pair in CONTEXTS.values() for column in pair]
    path = checked(path)
    return pd.DataFrame(
        {name: pq.read_table(path, columns=[name])[name].to_pandas() for name in columns}
    )


def atlas_cells(
    obs: pd.DataFrame,
    datasets: pd.DataFrame,
    cell_types: pd.DataFrame,
    validation_share: float,
    test_share: float,
    split_seed: int,
    row_group: int,
) -> pd.DataFrame:
    """Cells of the training release, split by technical sample.

    Parameters
    ----------
    obs
        Cells that passed the value filter, in order of soma_joinid.
    datasets
        The release's datasets.
    cell_types
        The classes (`hce.atlas.select_cell_types`).
    validation_share, test_share, split_seed, row_group
        See `hce.atlas.split_cells`.

    Returns
    -------
    pandas.DataFrame
        soma_joinid, split (position in `SPLITS`), class, dataset_id, collection, donor, assay, and
        the ids of tissue and disease.
    """
    position = pd.Series(cell_types.index, index=cell_types["ontology_term_id"])
    labels = _map_categories(obs["cell_type_ontology_term_id"], position)
    rows = np.flatnonzero(labels >= 0)
    samples = tech_samples(obs[["dataset_id", "donor_id"]].iloc[rows])
    split = split_cells(samples, validation_share, test_share, split_seed, row_group)
    rows, samples, split = rows[split >= 0], samples[split >= 0], split[split >= 0]
    return _columns(obs, rows, datasets, split, labels[rows], samples)


def ood_cells(
    obs: pd.DataFrame,
    datasets: pd.DataFrame,
    train_datasets: pd.DataFrame,
    cell_types: pd.DataFrame,
    graph: nx.DiGraph,
) -> pd.DataFrame:
    """Cells of the later release in datasets that the training release does not have.

    Cell types are matched by ontology term id, following replaced ids: labels get renamed between
    releases.

    Raises
    ------
    ValueError
        If no such cell has one of the cell types.
    """
    new = ~obs["dataset_id"].isin(train_datasets["dataset_id"]).to_numpy()
    current = resolve(graph, cell_types["ontology_term_id"].tolist())
    position = pd.Series(cell_types.index, index=current)
    in_release = obs["cell_type_ontology_term_id"].astype("category").cat.categories
    known = current_ids(graph, in_release)
    table = pd.Series({term: position.get(now, -1) for term, now in known.items()})
    labels = _map_categories(obs["cell_type_ontology_term_id"], table)
    rows = np.flatnonzero(new & (labels >= 0))
    if len(rows) == 0:
        raise ValueError(
            f"OOD test is empty: {new.sum()} cells lie in datasets that the training release does "
            "not have (dataset_id), none with a cell type of the training set; check census.ood"
        )
    split = np.full(len(rows), SPLITS.index("ood"), dtype=np.int8)
    samples = tech_samples(obs[["dataset_id", "donor_id"]].iloc[rows])
    return _columns(obs, rows, datasets, split, labels[rows], samples)


def context_labels(obs: pd.DataFrame) -> dict[str, pd.Series]:
    """Label of each ontology term id of the tissues and diseases of a release (the first in order).

    Raises
    ------
    ValueError
        If a cell has no label or no id.
    """
    tables = {}
    for name, columns in CONTEXTS.items():
        labels, ids = (obs[column].astype("category").cat for column in columns)
        for column, values in zip(columns, (labels, ids), strict=True):
            if (values.codes < 0).any():
                raise ValueError(f"a cell has no {column}; the store is no Census")
        label = np.full(len(ids.categories), -1)
        label[ids.codes.to_numpy()[::-1]] = labels.codes.to_numpy()[::-1]
        there = label >= 0
        text = labels.categories[label[there]].astype(str)
        tables[name] = pd.Series(text, index=ids.categories[there].astype(str))
    return tables


def unite_labels(earlier: pd.Series, later: pd.Series) -> pd.DataFrame:
    """What the terms of two releases are called: ontologies rename terms between them.

    Parameters
    ----------
    earlier, later
        Label of each id (`context_labels`). An id that is its own label is none: it stands for the
        one term of that label, if either release has one.

    Returns
    -------
    pandas.DataFrame
        By id as the releases have it: id, and label, the later release's. One id has one label and
        one label one id: two ids of one label have themselves added.
    """
    both = pd.concat([earlier, later])
    terms = both[both != both.index]
    of_label = terms.index.to_series().groupby(terms.to_numpy()).agg(lambda ids: sorted(set(ids)))
    table = both[~both.index.duplicated(keep="last")].rename("label").to_frame()
    ids = [
        of_label[label][0] if label == i and len(of_label.get(label, ())) == 1 else i
        for i, label in table["label"].items()
    ]
    labels = distinct(table["label"].loc[sorted(set(ids))])
    return pd.DataFrame({"id": ids, "label": labels[ids].to_numpy()}, index=table.index)


def cells_table(
    atlas: pd.DataFrame,
    ood: pd.DataFrame,
    cell_types: pd.DataFrame,
    labels: Mapping[str, pd.DataFrame],
    shuffle_seed: int,
) -> pd.DataFrame:
    """Join atlas and OOD cells into the final table; the two are used up.

    Parameters
    ----------
    atlas, ood
        What `atlas_cells` and `ood_cells` give.
    cell_types
        The classes.
    labels
        What `unite_labels` gives, for tissue and disease.
    shuffle_seed
        Of the order of the shards.

    Returns
    -------
    pandas.DataFrame
        soma_joinid, split, class, cell_type_ontology_term_id, cell_type, dataset_id (the study),
        collection, donor, assay, tissue_ontology_term_id, tissue, disease_ontology_term_id,
        disease, shuffle_key (uint64, the global order of the shards; see
        `hce.atlas.shuffle_keys`). Atlas cells first, each part in order of soma_joinid.
    """
    columns: dict[str, pd.api.extensions.ExtensionArray | NDArray] = {}
    soma_joinid = np.concatenate([part["soma_joinid"].to_numpy() for part in (atlas, ood)])
    columns["soma_joinid"] = soma_joinid
    split = np.concatenate([atlas.pop("split"), ood.pop("split")])
    # the stubs know lists of codes only, here and below
    columns["split"] = pd.Categorical.from_codes(split, list(SPLITS))  # type: ignore[arg-type]
    label = np.concatenate([atlas.pop("class"), ood.pop("class")])
    columns["class"] = label
    for name, column in (
        ("cell_type_ontology_term_id", "ontology_term_id"),
        ("cell_type", "label"),
    ):
        names = cell_types[column].tolist()
        columns[name] = pd.Categorical.from_codes(label, names)  # type: ignore[arg-type]
    # each column leaves its part as it is joined, so that 25 million cells are never there twice
    for name in ("dataset_id", "collection", "donor", "assay"):
        columns[name] = union_categoricals([atlas.pop(name), ood.pop(name)])
    for name in CONTEXTS:
        found = union_categoricals([atlas.pop(name + IDS), ood.pop(name + IDS)])
        table = labels[name].loc[found.categories]
        code, ids = pd.factorize(table["id"], sort=True)
        codes = code.astype(np.int16)[found.codes]
        table = table.drop_duplicates("id").set_index("id").loc[ids]
        for column, names in ((name + IDS, list(ids)), (name, table["label"].tolist())):
            columns[column] = pd.Categorical.from_codes(codes, names)  # type: ignore[arg-type]
    columns["shuffle_key"] = shuffle_keys(soma_joinid, shuffle_seed)
    return pd.DataFrame(columns, copy=False)


def _columns(
    obs: pd.DataFrame,
    rows: NDArray[np.int64],
    datasets: pd.DataFrame,
    split: NDArray[np.int8],
    labels: NDArray[np.int16],
    samples: pd.Series,
) -> pd.DataFrame:
    dataset = _kept_categories(obs["dataset_id"], rows)
    collection = datasets.set_index("dataset_id")["collection_id"]
    unlisted = dataset.cat.categories.difference(collection.index)
    if len(unlisted):
        raise ValueError(
            f"dataset {unlisted[0]} has cells, but is not in census_info/datasets of its release"
        )
    columns: dict[str, pd.api.extensions.ExtensionArray | NDArray] = {
        "soma_joinid": obs["soma_joinid"].to_numpy()[rows],
        "split": split,
        "class": labels,
    }
    columns["dataset_id"] = dataset.array
    codes, collections = pd.factorize(collection.loc[dataset.cat.categories], sort=True)
    of_cell = codes[dataset.cat.codes]
    columns["collection"] = pd.Categorical.from_codes(of_cell, collections)  # type: ignore[arg-type]
    columns["donor"] = samples.cat.remove_unused_categories().array
    for census_name, name in METADATA.items():
        columns[name] = _kept_categories(obs[census_name], rows).array
    return pd.DataFrame(columns)


def _kept_categories(values: pd.Series, rows: NDArray[np.int64]) -> pd.Series:
    """Rows of a column as a categorical of the values that occur in them."""
    return values.astype("category").iloc[rows].cat.remove_unused_categories()


def _map_categories(values: pd.Series, table: pd.Series) -> NDArray[np.int16]:
    """Map a column through a table, -1 where it has no entry, once per category."""
    values = values.astype("category")
    mapped = table.reindex(values.cat.categories).fillna(-1).to_numpy(np.int16)
    return mapped[values.cat.codes.to_numpy()]
