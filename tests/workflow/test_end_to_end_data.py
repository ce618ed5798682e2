"""Cells, genes, shards and hierarchy of a finished run against independent implementations.

These read the stores with cellxgene_census and the ontology with obonet, and use nothing of hce.
"""

from __future__ import annotations

from collections import Counter
from math import ceil
from pathlib import Path

import anndata
import cellxgene_census
import networkx as nx
import numpy as np
import obonet
import pandas as pd
import pytest
from repository_copy import FinishedRun
from scipy import sparse
from shard_reading import read_anndata
from sklearn.utils.class_weight import compute_class_weight

pytestmark = [
    pytest.mark.end_to_end,
    # anndata itself, when it gets integer names of cells from the Census
    pytest.mark.filterwarnings("ignore:Transforming to str index"),
]

ASSAYS = [
    "10x 5' v2",
    "10x 3' v3",
    "10x 3' v2",
    "10x 5' v1",
    "10x 3' v1",
    "10x 3' transcription profiling",
    "10x 5' transcription profiling",
]
# config/tiny.yaml
ROOT, MIN_CELLS, MIN_TECH_SAMPLES, MIN_ANCESTORS, ROW_GROUP = "CL:0000255", 8, 3, 1, 16
TRAIN, OOD = "2023-05-15", "2023-12-15"


def store(run: FinishedRun, release: str) -> str:
    """Where a release lies."""
    return (run.results / "simulated_census" / release).as_posix()


def read_obs(run: FinishedRun, release: str) -> pd.DataFrame:
    """Primary 10x cells of a release with their collection and technical sample."""
    with cellxgene_census.open_soma(uri=store(run, release)) as census:
        obs = census["census_data"]["homo_sapiens"].obs.read().concat().to_pandas()
        datasets = census["census_info"]["datasets"].read().concat().to_pandas()
    obs = obs[obs["is_primary_data"] & obs["assay"].isin(ASSAYS)].sort_values("soma_joinid")
    obs["collection"] = obs["dataset_id"].map(datasets.set_index("dataset_id")["collection_id"])
    obs["donor"] = obs["dataset_id"] + "_" + obs["donor_id"]
    return obs


class Ontology:
    """The Cell Ontology of a run: current terms, and what became of obsolete ones."""

    def __init__(self, path: Path) -> None:
        self.terms = obonet.read_obo(path)  # edges lead from child to parent
        every = obonet.read_obo(path, ignore_obsolete=False)
        self.replaced_by = {
            term: content["replaced_by"][0]
            for term, content in every.nodes(data=True)
            if "replaced_by" in content
        }

    def current(self, term: str) -> str:
        """The term itself, or the one that replaced it."""
        return self.replaced_by.get(term, term)

    def ancestors(self, term: str) -> set[str]:
        """All terms above, without the term itself."""
        return nx.descendants(self.terms, self.current(term))


@pytest.fixture(scope="module")
def ontology(finished_run: FinishedRun) -> Ontology:
    """The Cell Ontology of the run."""
    return Ontology(finished_run.results / "ontology" / "cl.obo")


@pytest.fixture(scope="module")
def cells(finished_run: FinishedRun) -> pd.DataFrame:
    """The table of cells that the run made, text as text."""
    table = pd.read_parquet(finished_run.results / "atlas" / "cells.parquet")
    categories = table.select_dtypes("category").columns
    return table.astype(dict.fromkeys(categories, str))


def selected_types(obs: pd.DataFrame, ontology: Ontology) -> list[str]:
    """Ontology term ids of the cell types that are kept, sorted by label."""
    kept = []
    for (label, term), part in obs.groupby(["cell_type", "cell_type_ontology_term_id"]):
        if (
            len(part) >= MIN_CELLS
            and part["donor"].nunique() > MIN_TECH_SAMPLES
            and ROOT in ontology.ancestors(term)
            and len(ontology.ancestors(term)) > MIN_ANCESTORS
        ):
            kept.append((label, term))
    return [term for _, term in sorted(kept)]


def expected_atlas(obs: pd.DataFrame, terms: list[str]) -> pd.DataFrame:
    """Cells of train, val and test as scTab's notebooks choose them."""
    kept = obs[obs["cell_type_ontology_term_id"].isin(terms)].reset_index(drop=True)
    donors = kept["donor"].unique()
    np.random.default_rng(1).shuffle(donors)
    n_held_out = ceil(0.15 * len(donors))
    split_of = pd.Series("train", index=donors)
    split_of.iloc[-2 * n_held_out : -n_held_out] = "val"
    split_of.iloc[-n_held_out:] = "test"
    split = kept["donor"].map(split_of).to_numpy()
    rng = np.random.default_rng(1)
    parts = []
    for name in ("train", "val", "test"):
        rows = rng.permutation(np.flatnonzero(split == name))
        chosen = kept.iloc[rows[: len(rows) - len(rows) % ROW_GROUP]]
        parts.append(chosen.assign(split=name))
    return pd.concat(parts).sort_values("soma_joinid")


def assert_same_cells(ours: pd.DataFrame, expected: pd.DataFrame, terms: list[str]) -> None:
    """Compare every column that later stages use."""
    expected = expected.assign(
        **{"class": expected["cell_type_ontology_term_id"].map(terms.index)},
        tissue_ontology_term_id=expected["tissue_general_ontology_term_id"],
    )
    columns = ["soma_joinid", "split", "class", "cell_type_ontology_term_id", "dataset_id"]
    columns += ["collection", "donor", "assay", "tissue_ontology_term_id"]
    columns += ["disease_ontology_term_id"]
    pd.testing.assert_frame_equal(
        ours[columns].reset_index(drop=True),
        expected[columns].reset_index(drop=True),
        check_dtype=False,
    )


def test_selection_and_split_are_those_of_an_independent_implementation(
    finished_run: FinishedRun, cells: pd.DataFrame, ontology: Ontology
) -> None:
    train = read_obs(finished_run, TRAIN)
    terms = selected_types(train, ontology)
    assert len(terms) == 164
    expected = expected_atlas(train, terms)
    assert_same_cells(cells[cells["split"] != "ood"], expected, terms)
    later = read_obs(finished_run, OOD)
    new = ~later["dataset_id"].isin(train["dataset_id"])
    ood = later[new & later["cell_type_ontology_term_id"].isin(terms)].assign(split="ood")
    assert ood["cell_type_ontology_term_id"].nunique() == 80
    assert_same_cells(cells[cells["split"] == "ood"], ood, terms)


def test_what_must_be_filtered_out_was_there(
    finished_run: FinishedRun, cells: pd.DataFrame
) -> None:
    with cellxgene_census.open_soma(uri=store(finished_run, TRAIN)) as census:
        obs = census["census_data"]["homo_sapiens"].obs.read().concat().to_pandas()
    kept = obs["soma_joinid"].isin(cells.loc[cells["split"] != "ood", "soma_joinid"])
    dropped = obs[~kept]
    assert (~dropped["is_primary_data"]).sum() >= 60
    assert (~dropped["assay"].isin(ASSAYS)).sum() >= 40
    assert dropped["cell_type_ontology_term_id"].nunique() > 5
    assert obs.loc[kept, "is_primary_data"].all()


def test_splits_share_no_donor_and_ood_shares_no_dataset(cells: pd.DataFrame) -> None:
    donors = {split: set(part["donor"]) for split, part in cells.groupby("split")}
    assert sum(len(part) for part in donors.values()) == len(set.union(*donors.values()))
    datasets = cells.groupby(cells["split"] == "ood")["dataset_id"].agg(set)
    assert datasets[True].isdisjoint(datasets[False])


def shard_triples(run: FinishedRun, splits: list[str]) -> Counter[tuple[int, str, float]]:
    """(soma_joinid, feature_id, count) of every nonzero count in shards, as anndata reads them."""
    found: Counter[tuple[int, str, float]] = Counter()
    for split in splits:
        for path in (run.results / "shards" / split).glob("part-*"):
            data = read_anndata(path)
            # scipy's tocoo takes no positions of 16 bits (README)
            x = data.X
            entries = sparse.csr_matrix((x.data, x.indices, x.indptr), shape=x.shape).tocoo()
            joinid = data.obs["soma_joinid"].to_numpy()[entries.row]
            names = data.var_names.to_numpy()[entries.col]
            found.update(zip(joinid, names, entries.data.astype(float), strict=True))
    return found


def read_census(run: FinishedRun, release: str, joinids: pd.Series) -> anndata.AnnData:
    """The cells as anyone gets them from the Census, with the genes of the list only."""
    listed = run.results / "simulated_census" / "protein_coding_genes.parquet"
    with cellxgene_census.open_soma(uri=store(run, release)) as census:
        data = cellxgene_census.get_anndata(
            census, "Homo sapiens", obs_coords=sorted(joinids.tolist())
        )
    return data[:, data.var["feature_name"].isin(pd.read_parquet(listed)["gene_names"])]


@pytest.mark.parametrize(("release", "splits"), [(TRAIN, ["train", "val", "test"]), (OOD, ["ood"])])
def test_shards_hold_exactly_the_counts_of_the_census(
    finished_run: FinishedRun, cells: pd.DataFrame, release: str, splits: list[str]
) -> None:
    joinids = cells.loc[cells["split"].isin(splits), "soma_joinid"]
    data = read_census(finished_run, release, joinids)
    assert data.shape == (len(joinids), 100)
    entries = data.X.tocoo()
    expected = Counter(
        zip(
            data.obs["soma_joinid"].to_numpy()[entries.row],
            data.var["feature_id"].to_numpy()[entries.col],
            entries.data.astype(float),
            strict=True,
        )
    )
    assert len(expected) > 9_000
    assert shard_triples(finished_run, splits) == expected


def test_genes_are_in_the_order_of_the_training_release(finished_run: FinishedRun) -> None:
    genes = pd.read_parquet(finished_run.results / "atlas" / "genes.parquet")
    with cellxgene_census.open_soma(uri=store(finished_run, TRAIN)) as census:
        var = census["census_data"]["homo_sapiens"].ms["RNA"].var.read().concat().to_pandas()
    with cellxgene_census.open_soma(uri=store(finished_run, OOD)) as census:
        later = census["census_data"]["homo_sapiens"].ms["RNA"].var.read().concat().to_pandas()
    in_train = var[var["feature_id"].isin(genes["feature_id"])].sort_values("soma_joinid")
    in_ood = later[later["feature_id"].isin(genes["feature_id"])].sort_values("soma_joinid")
    assert genes["feature_id"].tolist() == in_train["feature_id"].tolist()
    assert genes["feature_id"].tolist() != in_ood["feature_id"].tolist()


def test_shards_hold_the_cells_of_their_split_once_with_their_label(
    finished_run: FinishedRun, cells: pd.DataFrame
) -> None:
    for split, part in cells.groupby("split"):
        paths = sorted((finished_run.results / "shards" / split).glob("part-*"))
        shards = pd.concat([read_anndata(path).obs for path in paths])
        assert (shards["split"] == split).all()
        label = part.set_index("soma_joinid")["class"]
        assert sorted(shards["soma_joinid"]) == sorted(label.index)
        assert (label.loc[shards["soma_joinid"]].to_numpy() == shards["label"]).all()
        # in the order of the table the cells would come dataset by dataset
        assert not shards["soma_joinid"].is_monotonic_increasing


def test_reachability_is_the_ancestry_of_the_ontology(
    finished_run: FinishedRun, cells: pd.DataFrame, ontology: Ontology
) -> None:
    with np.load(finished_run.results / "ontology" / "reachability.npz") as content:
        matrix, terms = content["reachability"], content["term_ids"].tolist()
    labels = cells.drop_duplicates("class").set_index("class")["cell_type_ontology_term_id"]
    assert labels.sort_index().tolist() == terms
    expected = [
        [child == term or ontology.current(term) in ontology.ancestors(child) for child in terms]
        for term in terms
    ]
    assert np.array_equal(matrix, np.array(expected))
    assert matrix.diagonal().all()
    assert not (matrix & matrix.T & ~np.eye(len(terms), dtype=bool)).any()
    assert not ((matrix.astype(int) @ matrix.astype(int) > 0) & ~matrix).any()


def test_class_weights_are_those_of_scikit_learn(
    finished_run: FinishedRun, cells: pd.DataFrame
) -> None:
    table = pd.read_csv(finished_run.results / "ontology" / "cell_types.tsv", sep="\t")
    classes = cells.loc[cells["split"] == "train", "class"]
    expected = compute_class_weight("balanced", classes=np.arange(164), y=classes)
    np.testing.assert_allclose(table["class_weight"], expected, rtol=1e-12)
    assert table["n_cells"].tolist() == np.bincount(classes, minlength=164).tolist()
    in_ood = set(cells.loc[cells["split"] == "ood", "class"])
    assert set(table.loc[table["in_ood"], "index"]) == in_ood
