"""The generative model: what it promises about labels, cells, collections and counts."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_simulation import CELL_TYPES, CONFIG, small_parameters

from hce.atlas import rate_cell_types, select_cell_types, tech_samples
from hce.ontology import reachability
from hce.simulation.annotation import collection_policies, draw_policies
from hce.simulation.census import SimulatedCensus, SimulatedRelease, simulate
from hce.simulation.collection import draw_collections
from hce.simulation.parameters import SimulationParameters
from hce.simulation.types import Hierarchy

TEN_X = (
    "10x 5' v2",
    "10x 3' v3",
    "10x 3' v2",
    "10x 5' v1",
    "10x 3' v1",
    "10x 3' transcription profiling",
    "10x 5' transcription profiling",
)


def passes_value_filter(release: SimulatedRelease) -> np.ndarray:
    return (release.obs["is_primary_data"] & release.obs["assay"].isin(TEN_X)).to_numpy()


def new_cells(census: SimulatedCensus) -> np.ndarray:
    return ~census.ood.obs["dataset_id"].isin(census.train.datasets["dataset_id"]).to_numpy()


def selected_labels(census: SimulatedCensus, graph: nx.DiGraph, **thresholds: Any) -> set[str]:
    obs = census.train.obs[passes_value_filter(census.train)]
    rated = rate_cell_types(obs, graph, **thresholds)
    return set(select_cell_types(rated)["ontology_term_id"])


def ood_labels(census: SimulatedCensus) -> set[str]:
    kept = passes_value_filter(census.ood) & new_cells(census)
    found = set(census.ood.obs.loc[kept, "cell_type_ontology_term_id"])
    return found & set(CELL_TYPES["ontology_term_id"])


@pytest.mark.parametrize("annotation", ["policy", "finest", "cell"])
def test_selection_leaves_exactly_the_labels(graph: nx.DiGraph, annotation: str) -> None:
    census = simulate(small_parameters(annotation=annotation), graph, CELL_TYPES)
    labels = selected_labels(
        census, graph, root="CL:0000255", min_cells=8, min_tech_samples=3, min_ancestors=1
    )
    assert labels == set(CELL_TYPES["ontology_term_id"])
    assert ood_labels(census) == set(CELL_TYPES.query("in_ood_test")["ontology_term_id"])


def test_default_configuration(graph: nx.DiGraph) -> None:
    parameters = SimulationParameters.from_dict(CONFIG["simulation"])
    census = simulate(parameters, graph, CELL_TYPES)
    assert selected_labels(census, graph, **CONFIG["selection"]) == set(
        CELL_TYPES["ontology_term_id"]
    )
    assert ood_labels(census) == set(CELL_TYPES.query("in_ood_test")["ontology_term_id"])
    kept = census.train.obs[census.train.kept]
    assert len(kept) == parameters.cells_train
    assert tech_samples(kept).nunique() == parameters.collections_train * parameters.donors_train
    new = census.ood.datasets.merge(census.ood.obs[new_cells(census) & census.ood.kept])
    assert new["collection_id"].nunique() == parameters.collections_ood
    model = census.train.var["feature_name"].isin(census.protein_coding_genes["gene_names"])
    nonzero = (census.train.counts[census.train.kept][:, model.to_numpy()] > 0).mean()
    assert 0.07 < nonzero < 0.10


@settings(max_examples=6)
@given(seed=st.integers(0, 2**31), annotation=st.sampled_from(["policy", "finest", "cell"]))
def test_floors_hold_for_any_seed(graph: nx.DiGraph, seed: int, annotation: str) -> None:
    parameters = small_parameters(seed=seed, annotation=annotation)
    census = simulate(parameters, graph, CELL_TYPES)
    obs = census.train.obs[census.train.kept].merge(census.train.datasets, on="dataset_id")
    by_label = obs.assign(sample=tech_samples(obs)).groupby("cell_type")
    assert len(by_label) == len(CELL_TYPES)
    assert by_label.size().min() >= parameters.min_cells_per_label
    assert by_label["collection_id"].nunique().min() >= parameters.min_collections_per_label
    assert by_label["sample"].nunique().min() >= parameters.min_tech_samples_per_label
    new = census.ood.obs[census.ood.kept & new_cells(census)]
    assert new["cell_type"].value_counts().min() >= parameters.min_cells_per_ood_label


@pytest.mark.parametrize("annotation", ["finest", "cell"])
def test_annotation_changes_nothing_but_labels(
    census: SimulatedCensus, graph: nx.DiGraph, annotation: str
) -> None:
    other = simulate(small_parameters(annotation=annotation), graph, CELL_TYPES)
    labels = ["cell_type", "cell_type_ontology_term_id"]
    for ours, theirs in ((census.train, other.train), (census.ood, other.ood)):
        assert (ours.counts != theirs.counts).nnz == 0
        pd.testing.assert_frame_equal(
            ours.obs.drop(columns=labels), theirs.obs.drop(columns=labels)
        )
        assert (ours.finest == theirs.finest).all()
        assert (ours.obs["cell_type"] != theirs.obs["cell_type"]).any()
        at_finest = theirs.obs["cell_type_ontology_term_id"] == theirs.finest
        assert at_finest.all() == (annotation == "finest")


def test_the_same_parameters_give_the_same_census(
    census: SimulatedCensus, graph: nx.DiGraph
) -> None:
    again = simulate(small_parameters(), graph, CELL_TYPES)
    other = simulate(small_parameters(seed=2), graph, CELL_TYPES)
    pd.testing.assert_frame_equal(census.ood.obs, again.ood.obs)
    assert (census.ood.counts != again.ood.counts).nnz == 0
    assert not census.ood.obs["cell_type"].equals(other.ood.obs["cell_type"])


def test_reported_label_is_the_finest_or_above_it(
    census: SimulatedCensus, graph: nx.DiGraph
) -> None:
    term_ids = CELL_TYPES["ontology_term_id"].tolist()
    reached = pd.DataFrame(reachability(graph, term_ids), term_ids, term_ids).stack()
    for release in (census.train, census.ood):
        own = np.isin(release.finest, term_ids)
        pairs = zip(
            release.obs.loc[own, "cell_type_ontology_term_id"], release.finest[own], strict=True
        )
        assert reached.loc[list(pairs)].all()


@settings(max_examples=25)
@given(seed=st.integers(0, 2**31))
def test_any_policy_stops_at_the_first_label_not_subdivided(
    graph: nx.DiGraph, hierarchy: Hierarchy, seed: int
) -> None:
    policies = draw_policies(
        hierarchy, np.array([False]), small_parameters(), np.random.default_rng(seed)
    )
    reported = policies.reported(hierarchy)[0]
    for finest in range(len(hierarchy)):
        path = [finest]
        while policies.parent[0, path[0]] >= 0:
            path.insert(0, int(policies.parent[0, path[0]]))
        stops = [label for label in path[:-1] if not policies.split[0, label]]
        assert reported[finest] == (stops[0] if stops else finest)


def test_a_collection_that_does_not_subdivide_t_cells_calls_all_of_them_t_cell(
    census: SimulatedCensus, graph: nx.DiGraph, hierarchy: Hierarchy
) -> None:
    parameters = small_parameters()
    collections = draw_collections(hierarchy, parameters)
    policies = collection_policies(hierarchy, collections, parameters)
    t_cell = hierarchy.labels.tolist().index("T cell")
    stops = (policies.reported(hierarchy)[:, t_cell] == t_cell) & ~policies.split[:, t_cell]
    term_ids = hierarchy.term_ids.tolist()
    below = hierarchy.term_ids[reachability(graph, term_ids)[t_cell]]
    obs = census.ood.obs.merge(census.ood.datasets, on="dataset_id", how="left")
    t_cells = obs[np.isin(census.ood.finest, below)]
    n_labels = t_cells.groupby("collection_name")["cell_type"].nunique()
    coarse = [f"Simulated collection {collection + 1:02d}" for collection in np.flatnonzero(stops)]
    assert len(coarse) >= 1
    assert (n_labels[coarse] == 1).all()
    assert set(t_cells.loc[t_cells["collection_name"].isin(coarse), "cell_type"]) == {"T cell"}
    assert n_labels.max() > 10


@pytest.mark.parametrize(
    ("release", "query"),
    [
        ("train", "not is_primary_data"),
        ("train", "assay == 'Smart-seq2'"),
        ("train", "assay == 'Drop-seq'"),
        ("train", "cell_type == 'native cell'"),
        ("train", "cell_type == 'eukaryotic cell'"),
        ("train", "cell_type == 'cultured cell'"),
        ("train", "cell_type == 'type B pancreatic cell'"),
        ("train", "cell_type == 'pancreatic A cell'"),
        ("ood", "cell_type == 'hepatocyte'"),
        ("ood", "raw_sum == 0"),
    ],
)
def test_holds_what_must_be_filtered_out(census: SimulatedCensus, release: str, query: str) -> None:
    assert len(getattr(census, release).obs.query(query)) >= 3


def test_contaminants_fail_the_rule_that_they_are_made_for(census: SimulatedCensus) -> None:
    obs = census.train.obs.assign(sample=tech_samples(census.train.obs))
    by_type = obs.groupby("cell_type")
    assert by_type.size()["pancreatic A cell"] < 8 <= by_type.size()["type B pancreatic cell"]
    samples = by_type["sample"].nunique()
    assert samples["type B pancreatic cell"] == 2
    assert samples[["native cell", "eukaryotic cell", "cultured cell"]].min() > 5
    only_ood = census.ood.obs.query("cell_type == 'hepatocyte'")["dataset_id"].unique()
    assert len(only_ood) == 1
    assert (
        census.ood.obs["dataset_id"] == only_ood[0]
    ).sum() == small_parameters().ood_only_type_cells
