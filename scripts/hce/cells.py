"""The table of cells: one row a cell of train, val, test and ood (results/atlas/cells.parquet)."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hce.atlas import SPLITS, shuffle_keys, split_cells, tech_samples
from hce.ontology import resolve

# columns of the Census that the table carries, under the names the pipeline uses
METADATA = {
    "dataset_id": "dataset_id",
    "assay": "assay",
    "tissue_general": "tissue",
    "disease": "disease",
}


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
        soma_joinid, split (position in `hce.atlas.SPLITS`), class, study, donor and metadata.
    """
    terms = obs["cell_type_ontology_term_id"].astype("category")
    kept = obs[terms.isin(cell_types["ontology_term_id"]).to_numpy()]
    samples = tech_samples(kept)
    split = split_cells(samples, validation_share, test_share, split_seed, row_group)
    kept, samples, split = kept[split >= 0], samples[split >= 0], split[split >= 0]
    position = pd.Series(cell_types.index, index=cell_types["ontology_term_id"])
    labels = _map_categories(kept["cell_type_ontology_term_id"], position)
    return _columns(kept, datasets, split, labels, samples)


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
    replacements = graph.graph["replacements"]
    known = [term for term in in_release if term in graph or term in replacements]
    table = pd.Series({term: position.get(resolve(graph, [term])[0], -1) for term in known})
    labels = _map_categories(obs["cell_type_ontology_term_id"], table)
    kept = new & (labels >= 0)
    if not kept.any():
        raise ValueError(
            f"OOD test is empty: {new.sum()} cells lie in datasets that the training release does "
            "not have, none with a cell type of the training set; check census.ood.release"
        )
    cells = obs[kept]
    split = np.full(len(cells), SPLITS.index("ood"), dtype=np.int8)
    return _columns(cells, datasets, split, labels[kept], tech_samples(cells))


def cells_table(
    atlas: pd.DataFrame, ood: pd.DataFrame, cell_types: pd.DataFrame, shuffle_seed: int
) -> pd.DataFrame:
    """Join atlas and OOD cells into the final table.

    Returns
    -------
    pandas.DataFrame
        soma_joinid, split, class, cell_type_ontology_term_id, cell_type, dataset_id, study, donor,
        assay, tissue, disease, shuffle_key (uint64, the global order of the shards; see
        `hce.atlas.shuffle_keys`). Atlas cells first, each part in order of soma_joinid.
    """
    parts = []
    for part in (atlas, ood):
        part = part.copy()
        part["shuffle_key"] = shuffle_keys(part["soma_joinid"].to_numpy(), shuffle_seed)
        parts.append(part)
    text = ["dataset_id", "study", "donor", "assay", "tissue", "disease"]
    for column in text:
        both = pd.api.types.union_categoricals([part[column] for part in parts])
        for part in parts:
            part[column] = part[column].cat.set_categories(both.categories)
    cells = pd.concat(parts, ignore_index=True)
    cells["split"] = pd.Categorical.from_codes(cells["split"], list(SPLITS))
    for name, column in (
        ("cell_type_ontology_term_id", "ontology_term_id"),
        ("cell_type", "label"),
    ):
        cells[name] = pd.Categorical.from_codes(cells["class"], cell_types[column].tolist())
    order = ["soma_joinid", "split", "class", "cell_type_ontology_term_id", "cell_type"]
    return cells[[*order, *text, "shuffle_key"]]


def _columns(
    obs: pd.DataFrame,
    datasets: pd.DataFrame,
    split: NDArray[np.int8],
    labels: NDArray[np.int16],
    samples: pd.Series,
) -> pd.DataFrame:
    study = datasets.set_index("dataset_id")["collection_id"]
    used = obs["dataset_id"].astype("category").cat.remove_unused_categories()
    unlisted = used.cat.categories.difference(study.index)
    if len(unlisted):
        raise ValueError(
            f"dataset {unlisted[0]} has cells, but is not in census_info/datasets of its release"
        )
    columns = {"soma_joinid": obs["soma_joinid"], "split": split, "class": labels}
    columns["study"] = used.map(study).astype("category")
    columns["donor"] = samples.cat.remove_unused_categories()
    for census_name, name in METADATA.items():
        columns[name] = obs[census_name].astype("category").cat.remove_unused_categories()
    return pd.DataFrame(columns).reset_index(drop=True)


def _map_categories(values: pd.Series, table: pd.Series) -> NDArray[np.int16]:
    """Map a column through a table, -1 where it has no entry, once per category."""
    values = values.astype("category")
    mapped = table.reindex(values.cat.categories).fillna(-1).to_numpy(np.int16)
    return mapped[values.cat.codes.to_numpy()]
