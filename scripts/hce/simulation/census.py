"""A simulated Census: cell types, collections that disagree about granularity, and their counts.

What it can show: the parameters were searched until the picture was qualitatively the paper's. The
effect of the hierarchical loss in it has one stated cause, collections that annotate at different
granularity, and shrinks or reverses when that cause is removed (`annotation`, a wrong hierarchy).
Its two releases have the columns and the order that the Census builder gives them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import networkx as nx
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from hce.simulation.annotation import annotate, collection_policies
from hce.simulation.cells import add_contaminants, cell_numbers, check_floors, draw_cells
from hce.simulation.collection import Collections, draw_collections
from hce.simulation.counts import draw_genes, protein_coding_genes, simulate_counts
from hce.simulation.parameters import SimulationParameters
from hce.simulation.types import Hierarchy, build_hierarchy, type_states
from hce.simulation.vocabulary import (
    ASSAYS,
    DISEASES,
    ETHNICITIES,
    FOREIGN_TYPES,
    FORMER_LABELS,
    OTHER_ASSAYS,
    SEXES,
    STAGES,
    SUSPENSIONS,
    TISSUES,
    Term,
)


@dataclass(frozen=True)
class SimulatedRelease:
    """One release of the Census.

    Attributes
    ----------
    obs, var, datasets
        Tables with the columns of the release, without soma_joinid: that is the row number.
    counts
        float32 csr, rows of obs x rows of var.
    finest
        Ontology term id of the finest label of each cell, str rows of obs: the truth behind the
        reported label, which the store does not hold.
    kept
        Bool rows of obs, cells that are neither contaminants nor of foreign types.
    """

    obs: pd.DataFrame
    var: pd.DataFrame
    datasets: pd.DataFrame
    counts: sparse.csr_matrix
    finest: NDArray[np.str_]
    kept: NDArray[np.bool_]


def describe_cells(
    cells: pd.DataFrame, label: NDArray[np.int64], hierarchy: Hierarchy, collections: Collections
) -> pd.DataFrame:
    """Spell the table of cells out in obs columns.

    Parameters
    ----------
    cells
        N cells (`add_contaminants`).
    label
        int N, reported label; >= C are the `FOREIGN_TYPES`.
    hierarchy, collections
        C labels, S collections.

    Returns
    -------
    pandas.DataFrame
        N x the 21 obs columns of Census schema 1.0.0 but soma_joinid, in its order.
    """
    donors = collections.donors.loc[cells["donor"]]
    own = [Term(str(n), str(i)) for n, i in zip(hierarchy.labels, hierarchy.term_ids, strict=True)]
    types = [*own, *(foreign.cell_type for foreign in FOREIGN_TYPES)]
    nucleus = collections.datasets["nucleus"].to_numpy()[donors["dataset"]]
    terms: dict[str, tuple[Sequence[Term], ArrayLike]] = {
        "assay": ((*ASSAYS, *OTHER_ASSAYS), cells["assay"]),
        "cell_type": (types, label),
        "development_stage": (STAGES, donors["stage"]),
        "disease": (DISEASES, donors["disease"]),
        "self_reported_ethnicity": (ETHNICITIES, donors["ethnicity"]),
        "sex": (SEXES, donors["sex"]),
        "tissue": ([tissue.tissue for tissue in TISSUES], cells["tissue"]),
        "tissue_general": ([tissue.general for tissue in TISSUES], cells["tissue"]),
    }
    columns: dict[str, NDArray] = {"dataset_id": _dataset_ids(cells["dataset"])}
    for name in ("assay", "cell_type", "development_stage", "disease"):
        columns |= _term_columns(name, *terms[name])
    columns["donor_id"] = np.array(
        [
            f"simulated donor {collection + 1:02d}-{number}"
            for collection, number in zip(
                collections.donors["collection"], collections.donors["number"], strict=True
            )
        ],
        dtype=object,
    )[cells["donor"]]
    columns["is_primary_data"] = cells["is_primary"].to_numpy(bool)
    for name in ("self_reported_ethnicity", "sex"):
        columns |= _term_columns(name, *terms[name])
    columns["suspension_type"] = np.array(SUSPENSIONS, dtype=object)[nucleus.astype(int)]
    for name in ("tissue", "tissue_general"):
        columns |= _term_columns(name, *terms[name])
    return pd.DataFrame(columns)


def with_former_labels(obs: pd.DataFrame) -> pd.DataFrame:
    """The diseases and tissues of the first release by the labels that its terms had then."""
    former = {f"{name}_ontology_term_id": name for name in ("disease", "tissue", "tissue_general")}
    return obs.assign(
        **{
            name: obs[term_id].map(FORMER_LABELS).fillna(obs[name])
            for term_id, name in former.items()
        }
    )


def build_datasets(collections: Collections) -> pd.DataFrame:
    """Spell the datasets out; a study is a dataset.

    Returns
    -------
    pandas.DataFrame
        One row a dataset, the columns of Census schema 1.2.0 but soma_joinid and
        dataset_total_cell_count, and is_new. The last row is a further dataset of the last
        collection.
    """
    collection = np.append(collections.datasets["collection"], len(collections) - 1)
    number = np.arange(1, len(collection) + 1)
    dataset_id = _dataset_ids(number - 1)
    return pd.DataFrame(
        {
            "collection_id": [f"00000000-0000-4000-8000-{n:012d}" for n in collection + 1],
            "collection_name": [f"Simulated collection {n:02d}" for n in collection + 1],
            "collection_doi": [f"10.0000/simulated.{n:02d}" for n in collection + 1],
            "dataset_id": dataset_id,
            "dataset_version_id": [f"{i[:14]}5{i[15:]}" for i in dataset_id],
            "dataset_title": [f"Simulated study {n:02d}" for n in number],
            "dataset_h5ad_path": [f"{i}.h5ad" for i in dataset_id],
            "is_new": collections.is_ood[collection],
        }
    )


def restrict_to_datasets(release: SimulatedRelease, dataset_ids: pd.Series) -> SimulatedRelease:
    """The part of a release that some of its datasets make up."""
    rows = release.obs["dataset_id"].isin(dataset_ids).to_numpy()
    return replace(
        release,
        obs=release.obs[rows],
        datasets=release.datasets[release.datasets["dataset_id"].isin(dataset_ids)],
        counts=release.counts[rows],
        finest=release.finest[rows],
        kept=release.kept[rows],
    )


def shuffle_release(release: SimulatedRelease, rng: np.random.Generator) -> SimulatedRelease:
    """Order datasets, cells and genes as a build of the Census would: each build in its own way.

    Datasets come in random order, the cells of each together; the order of the genes is random.

    Returns
    -------
    SimulatedRelease
        With dataset_total_cell_count in the table of datasets.
    """
    datasets = release.datasets.iloc[rng.permutation(len(release.datasets))]
    position = pd.Series(np.arange(len(datasets)), index=datasets["dataset_id"])
    rows = np.lexsort((rng.random(len(release.obs)), position[release.obs["dataset_id"]]))
    columns = rng.permutation(len(release.var))
    counts = release.counts[rows][:, columns]
    counts.sort_indices()
    cells_of = release.obs["dataset_id"].value_counts()
    total = datasets["dataset_id"].map(cells_of).fillna(0).astype(np.int64)
    return SimulatedRelease(
        obs=release.obs.iloc[rows].reset_index(drop=True),
        var=release.var.iloc[columns].reset_index(drop=True),
        datasets=datasets.assign(dataset_total_cell_count=total).reset_index(drop=True),
        counts=counts,
        finest=release.finest[rows],
        kept=release.kept[rows],
    )


def add_statistics(release: SimulatedRelease) -> SimulatedRelease:
    """Add the columns that Census schema 1.2.0 has over 1.0.0, computed from the counts.

    Returns
    -------
    SimulatedRelease
        obs with raw_sum, nnz, raw_mean_nnz, raw_variance_nnz (of the nonzero counts, the variance
        with n - 1; 0 where they are not defined) and n_measured_vars; var with nnz and
        n_measured_obs.
    """
    counts = release.counts
    nnz = np.diff(counts.indptr)
    total = np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel()
    squares = np.asarray(counts.astype(np.float64).power(2).sum(axis=1)).ravel()
    mean = np.divide(total, nnz, out=np.zeros(len(nnz)), where=nnz > 0)
    spread = np.maximum(squares - nnz * mean**2, 0)
    variance = np.divide(spread, nnz - 1, out=np.zeros(len(nnz)), where=nnz > 1)
    obs = release.obs.assign(
        raw_sum=total,
        nnz=nnz.astype(np.int64),
        raw_mean_nnz=mean,
        raw_variance_nnz=variance,
        n_measured_vars=np.int64(counts.shape[1]),
    )
    cells_of_gene = np.bincount(counts.indices, minlength=counts.shape[1])
    var = release.var.assign(
        nnz=cells_of_gene.astype(np.int64), n_measured_obs=np.int64(counts.shape[0])
    )
    return replace(release, obs=obs, var=var)


def _dataset_ids(codes: ArrayLike) -> NDArray:
    code = np.asarray(codes)
    names = [f"00000000-0000-4000-9000-{n:012d}" for n in range(1, code.max() + 2)]
    return np.array(names, dtype=object)[code]


def _term_columns(name: str, terms: Sequence[Term], codes: ArrayLike) -> dict[str, NDArray]:
    code = np.asarray(codes)
    return {
        name: np.array([term.label for term in terms], dtype=object)[code],
        f"{name}_ontology_term_id": np.array([term.term_id for term in terms], dtype=object)[code],
    }


@dataclass(frozen=True)
class SimulatedCensus:
    """Two releases of a simulated Census.

    Attributes
    ----------
    train
        The first release, in the columns of Census schema 1.0.0 (2023-05-15).
    ood
        The second release: all datasets of the first and the new collections, in the columns of
        schema 1.2.0 (2023-12-15).
    protein_coding_genes
        Ensembl id as index, one column gene_names.
    """

    train: SimulatedRelease
    ood: SimulatedRelease
    protein_coding_genes: pd.DataFrame


def simulate(
    parameters: SimulationParameters, graph: nx.DiGraph, cell_types: pd.DataFrame
) -> SimulatedCensus:
    """Simulate the two releases.

    Parameters
    ----------
    parameters
        Of the generative model.
    graph
        The Cell Ontology (`hce.ontology.read_obo`).
    cell_types
        One row a label: label, ontology_term_id, in_ood_test (bool).

    Returns
    -------
    SimulatedCensus
        The same for the same parameters, ontology and cell types.

    Raises
    ------
    ValueError
        If the parameters cannot give every label enough cells, donors and collections.
    """
    hierarchy = build_hierarchy(graph, cell_types)
    collections = draw_collections(hierarchy, parameters)
    policies = collection_policies(hierarchy, collections, parameters)
    numbers = cell_numbers(hierarchy, collections, policies.reported(hierarchy), parameters)
    cells = draw_cells(hierarchy, collections, numbers, parameters)
    cells = add_contaminants(cells, hierarchy, collections, parameters)
    label = annotate(cells, hierarchy, collections, policies, parameters)
    check_floors(cells, label, hierarchy, collections, parameters)
    genes = draw_genes(parameters)
    states = type_states(hierarchy, len(collections), parameters)
    is_model_gene = (genes["kind"] == "model").to_numpy()
    counts = simulate_counts(cells, collections, states, is_model_gene, parameters)
    datasets = build_datasets(collections)
    foreign = [foreign.cell_type.term_id for foreign in FOREIGN_TYPES]
    both = SimulatedRelease(
        obs=describe_cells(cells, label, hierarchy, collections),
        var=genes[["feature_id", "feature_name", "feature_length"]],
        datasets=datasets.drop(columns="is_new"),
        counts=counts,
        finest=np.concatenate([hierarchy.term_ids, foreign])[cells["finest"]],
        kept=cells["kept"].to_numpy(bool),
    )
    old = datasets.loc[~datasets["is_new"], "dataset_id"]
    first = restrict_to_datasets(both, old)
    first = replace(
        first,
        obs=with_former_labels(first.obs),
        datasets=first.datasets.drop(columns="dataset_version_id"),
    )
    return SimulatedCensus(
        train=shuffle_release(first, parameters.stream("release", "train")),
        ood=add_statistics(shuffle_release(both, parameters.stream("release", "ood"))),
        protein_coding_genes=protein_coding_genes(genes),
    )
