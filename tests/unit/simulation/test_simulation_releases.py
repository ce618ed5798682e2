"""The two simulated releases: genes, datasets, cells and what is new in the second."""

from __future__ import annotations

import numpy as np
import pandas as pd
from small_simulation import small_parameters

from hce.census.reading import model_genes
from hce.simulation.census import SimulatedCensus
from hce.simulation.types import Hierarchy
from hce.simulation.vocabulary import HABITATS, TISSUES


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


def test_new_collections_bring_something_unseen(census: SimulatedCensus) -> None:
    new = census.ood.obs[new_cells(census) & census.ood.kept]
    kept = census.train.obs[census.train.kept]
    for column in ("tissue_general", "disease", "assay"):
        term_id = f"{column}_ontology_term_id"
        assert set(new[term_id]) - set(kept[term_id]), column
        assert set(new[term_id]) & set(kept[term_id]), column


def test_a_disease_and_a_tissue_of_both_releases_are_renamed(census: SimulatedCensus) -> None:
    new = census.ood.obs[new_cells(census) & census.ood.kept]
    for column in ("disease", "tissue_general"):
        term_id = f"{column}_ontology_term_id"
        before = census.train.obs.groupby(term_id)[column].agg(set)
        now = new.groupby(term_id)[column].agg(set)
        both = before.index.intersection(now.index)
        renamed = [term for term in both if before[term].isdisjoint(now[term])]
        assert len(renamed) == 1 < len(both), column


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
        assert release.datasets["collection_name"].str.startswith("Simulated collection").all()
        assert release.datasets["dataset_title"].str.startswith("Simulated study").all()
        assert release.datasets["dataset_title"].is_unique
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
