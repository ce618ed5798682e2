"""The two simulated releases: genes, datasets, cells and what is new in the second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import yaml

from hce.census import model_genes
from hce.ontology import read_obo
from hce.ontology_sources import format_obo, read_package_terms
from hce.simulation import SimulatedCensus, simulate
from hce.simulation_habitats import HABITATS
from hce.simulation_parameters import SimulationParameters
from hce.simulation_types import Hierarchy, build_hierarchy
from hce.simulation_vocabulary import TISSUES

ROOT = Path(__file__).parents[2]
CONFIG = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
CELL_TYPES = pd.read_csv(ROOT / "config" / "cell_types.tsv", sep="\t")
SMALL = {
    "genes": 60,
    "studies_train": 8,
    "studies_ood": 5,
    "donors_train": 6,
    "donors_ood": 3,
    "cells_train": 2800,
    "cells_ood": 700,
    "tissues_per_study": 6,
    "two_dataset_studies": 0.25,
    "min_tech_samples_per_label": 6,
    "min_cells_per_label": 10,
    "min_cells_per_ood_label": 4,
    "rare_type_cells": 5,
}


def small_parameters(**changes: Any) -> SimulationParameters:
    return SimulationParameters.from_dict({**CONFIG["simulation"], **SMALL, **changes})


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> nx.DiGraph:
    path = tmp_path_factory.mktemp("ontology") / "cl.obo"
    path.write_text(format_obo(read_package_terms("2025-02-13"), "2025-02-13"))
    return read_obo(path)


@pytest.fixture(scope="module")
def hierarchy(graph: nx.DiGraph) -> Hierarchy:
    return build_hierarchy(graph, CELL_TYPES)


@pytest.fixture(scope="module")
def census(graph: nx.DiGraph) -> SimulatedCensus:
    return simulate(small_parameters(), graph, CELL_TYPES)


def new_cells(census: SimulatedCensus) -> np.ndarray:
    return ~census.ood.obs["dataset_id"].isin(census.train.datasets["dataset_id"]).to_numpy()


def test_genes_match_by_symbol_to_the_model(census: SimulatedCensus) -> None:
    parameters = small_parameters()
    listed = census.protein_coding_genes
    assert len(listed) == parameters.genes + parameters.renamed_genes
    var = census.train.var.assign(soma_joinid=range(len(census.train.var)))
    assert len(model_genes(var, listed["gene_names"])) == parameters.genes
    renamed = census.train.var.query("feature_name.str.contains('_ENSG')")
    assert set(renamed["feature_id"]) <= set(listed.index)
    assert len(renamed) == parameters.renamed_genes
    assert set(census.train.var["feature_id"]) == set(census.ood.var["feature_id"])
    assert not census.train.var["feature_id"].equals(census.ood.var["feature_id"])


def test_second_release_holds_the_cells_of_the_first(census: SimulatedCensus) -> None:
    old = census.ood.obs["dataset_id"].isin(census.train.datasets["dataset_id"]).to_numpy()
    totals = [
        pd.DataFrame(
            {
                "dataset": release.obs["dataset_id"],
                "donor": release.obs["donor_id"],
                "label": release.obs["cell_type"],
                "molecules": np.asarray(release.counts.sum(axis=1)).ravel(),
            }
        )[cells]
        .sort_values(["dataset", "donor", "label", "molecules"])
        .reset_index(drop=True)
        for release, cells in ((census.train, slice(None)), (census.ood, old))
    ]
    pd.testing.assert_frame_equal(*totals)
    per_gene = [
        pd.Series(
            np.asarray(release.counts[cells].sum(axis=0)).ravel(), release.var["feature_id"]
        ).sort_index()
        for release, cells in ((census.train, slice(None)), (census.ood, old))
    ]
    pd.testing.assert_series_equal(*per_gene)
    assert not old[: old.sum()].all(), "joinids must differ between the releases"


def test_new_studies_bring_something_unseen(census: SimulatedCensus) -> None:
    new = census.ood.obs[new_cells(census) & census.ood.kept]
    kept = census.train.obs[census.train.kept]
    for column in ("tissue_general", "disease", "assay"):
        assert set(new[column]) - set(kept[column]), column
        assert set(new[column]) & set(kept[column]), column


def test_cells_live_in_their_habitats(census: SimulatedCensus, hierarchy: Hierarchy) -> None:
    assert set(HABITATS) <= set(hierarchy.term_ids)
    organs = np.array([tissue.general.label for tissue in TISSUES])
    habitat = {
        term_id: set(organs[row])
        for term_id, row in zip(hierarchy.term_ids, hierarchy.habitats, strict=True)
    }
    pairs = set(zip(census.ood.finest, census.ood.obs["tissue_general"], strict=True))
    assert all(organ in habitat[term] for term, organ in pairs if term in habitat)
    assert habitat["CL:0000084"] == set(organs) - {"eye"}  # T cell


def test_datasets_are_contiguous_and_named_as_simulated(census: SimulatedCensus) -> None:
    for release in (census.train, census.ood):
        changes = (release.obs["dataset_id"] != release.obs["dataset_id"].shift()).sum()
        assert changes == release.obs["dataset_id"].nunique() == len(release.datasets)
        assert release.datasets["dataset_total_cell_count"].sum() == len(release.obs)
        assert release.datasets["collection_name"].str.startswith("Simulated study").all()
        assert release.datasets["collection_id"].nunique() < len(release.datasets)
        assert release.var["feature_name"].str.startswith("SIM").all()


def test_statistics_of_the_second_release(census: SimulatedCensus) -> None:
    dense = census.ood.counts[:50].toarray().astype(float)
    expected = pd.DataFrame(
        [
            (row.sum(), len(v), v.mean() if len(v) else 0, v.var(ddof=1) if len(v) > 1 else 0)
            for row in dense
            for v in [row[row > 0]]
        ],
        columns=["raw_sum", "nnz", "raw_mean_nnz", "raw_variance_nnz"],
    )
    pd.testing.assert_frame_equal(census.ood.obs[expected.columns].head(50), expected)
    assert (census.ood.var["nnz"] == census.ood.counts.getnnz(axis=0)).all()
