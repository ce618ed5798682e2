"""The table of cells: one row a cell of train, val, test and ood (results/atlas/cells.parquet)."""

from __future__ import annotations

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
from hce.ontology import current_ids, resolve

# columns of the Census that the table carries, under the names the pipeline uses
METADATA = {
    "dataset_id": "dataset_id",
    "assay": "assay",
    "tissue_general": "tissue",
    "disease": "disease",
}


def read_obs_columns(path: str | Path) -> pd.DataFrame:
    """Read obs.parquet for the selection, text as categoricals.

    One column at a time: read at once, 28 million rows need three times their memory.
    """
    columns = ["soma_joinid", "donor_id", "cell_type", "cell_type_ontology_term_id", *METADATA]
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
        soma_joinid, split (position in `SPLITS`), class, study, donor and metadata.
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


def cells_table(
    atlas: pd.DataFrame, ood: pd.DataFrame, cell_types: pd.DataFrame, shuffle_seed: int
) -> pd.DataFrame:
    """Join atlas and OOD cells into the final table; the two are used up.

    Returns
    -------
    pandas.DataFrame
        soma_joinid, split, class, cell_type_ontology_term_id, cell_type, dataset_id, study, donor,
        assay, tissue, disease, shuffle_key (uint64, the global order of the shards; see
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
    for name in ("dataset_id", "study", "donor", "assay", "tissue", "disease"):
        columns[name] = union_categoricals([atlas.pop(name), ood.pop(name)])
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
    study = datasets.set_index("dataset_id")["collection_id"]
    unlisted = dataset.cat.categories.difference(study.index)
    if len(unlisted):
        raise ValueError(
            f"dataset {unlisted[0]} has cells, but is not in census_info/datasets of its release"
        )
    columns: dict[str, pd.api.extensions.ExtensionArray | NDArray] = {
        "soma_joinid": obs["soma_joinid"].to_numpy()[rows],
        "split": split,
        "class": labels,
    }
    codes, studies = pd.factorize(study.loc[dataset.cat.categories], sort=True)
    study_of = codes[dataset.cat.codes]
    columns["study"] = pd.Categorical.from_codes(study_of, studies)  # type: ignore[arg-type]
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
