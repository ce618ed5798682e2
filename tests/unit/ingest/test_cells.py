"""The table of cells on a Census small enough to follow by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from hce.atlas import tech_samples
from hce.ingest.cells import (
    atlas_cells,
    cells_table,
    context_labels,
    ood_cells,
    unite_labels,
)
from hce.ontology import read_obo

PARENTS = {"CL:0000001": [], "CL:0000002": ["CL:0000001"], "CL:0000003": ["CL:0000001"]}
REPLACED = "[Term]\nid: CL:0000030\nname: old\nis_obsolete: true\nreplaced_by: CL:0000003"
CELL_TYPES = pd.DataFrame(
    {"ontology_term_id": ["CL:0000003", "CL:0000002"], "label": ["Alpha", "beta"]}
)
DATASETS = pd.DataFrame({"dataset_id": ["d1", "d2", "d3"], "collection_id": ["A", "B", "A"]})


def make_obs(rows: list[tuple[str, str, str]], first_joinid: int = 10) -> pd.DataFrame:
    """Cells of (dataset, donor, ontology term id), with a context that tells them apart."""
    obs = pd.DataFrame(rows, columns=["dataset_id", "donor_id", "cell_type_ontology_term_id"])
    obs["soma_joinid"] = first_joinid + np.arange(len(obs))
    obs["assay"], obs["disease"] = "10x 3' v3", "normal"
    obs["disease_ontology_term_id"] = "PATO:0000461"
    obs["tissue"] = [f"upper lobe {number}" for number in range(len(obs))]
    obs["tissue_general"] = ["lung" if number % 2 else "skin" for number in range(len(obs))]
    ids = {"lung": "UBERON:0002048", "skin": "UBERON:0002097"}
    obs["tissue_general_ontology_term_id"] = obs["tissue_general"].map(ids)
    return obs.astype({"dataset_id": "category", "donor_id": "category"})


@pytest.fixture(scope="module")
def graph(write_obo: Callable[..., Path]) -> nx.DiGraph:
    """Three terms and an obsolete one."""
    return read_obo(write_obo(PARENTS, REPLACED))


def test_tech_samples_are_dataset_and_donor_in_order_of_appearance() -> None:
    rows = [("d2", "x", ""), ("d1", "x", ""), ("d2", "x", ""), ("d1", "a", ""), ("d2", "a", "")]
    samples = tech_samples(make_obs(rows))
    assert samples.tolist() == ["d2_x", "d1_x", "d2_x", "d1_a", "d2_a"]
    assert samples.cat.categories.tolist() == ["d2_x", "d1_x", "d1_a", "d2_a"]


def test_tech_samples_of_one_name_stay_apart() -> None:
    rows = [("1", "1_2", ""), ("1_1", "2", ""), ("1", "1_2", "")]
    samples = tech_samples(make_obs(rows))
    assert samples.cat.codes.tolist() == [0, 1, 0]
    assert samples.nunique() == 2


def test_tech_samples_keep_the_index_of_a_filtered_table() -> None:
    obs = make_obs([("d2", "x", ""), ("d1", "x", ""), ("d1", "b", "")]).iloc[[2, 0]]
    samples = tech_samples(obs)
    assert samples.index.tolist() == [2, 0]
    assert samples.cat.categories.tolist() == ["d1_b", "d2_x"]


def example_atlas() -> pd.DataFrame:
    """Cells of five donors in two datasets, and some of a type that is not kept."""
    rows = []
    for donor in ("v", "w", "x", "y", "z"):
        dataset = "d1" if donor < "x" else "d2"
        rows += [(dataset, donor, "CL:0000002"), (dataset, donor, "CL:0000001")]
        rows += [(dataset, donor, "CL:0000003"), (dataset, donor, "CL:0000002")]
    return make_obs(rows)


def test_atlas_cells_have_kept_types_and_a_split_by_donor() -> None:
    obs = example_atlas()
    cells = atlas_cells(obs, DATASETS, CELL_TYPES, 0.2, 0.2, split_seed=1, row_group=1)
    kept = obs[obs["cell_type_ontology_term_id"] != "CL:0000001"]
    assert cells["soma_joinid"].tolist() == kept["soma_joinid"].tolist()
    term_of_class = CELL_TYPES["ontology_term_id"].to_numpy()[cells["class"]]
    assert term_of_class.tolist() == kept["cell_type_ontology_term_id"].tolist()
    assert cells["dataset_id"].tolist() == kept["dataset_id"].tolist()
    assert cells["collection"].tolist() == ["A"] * 6 + ["B"] * 9
    assert cells["donor"].tolist() == [
        f"{dataset}_{donor}"
        for dataset, donor in zip(kept["dataset_id"], kept["donor_id"], strict=True)
    ]
    ids = kept["tissue_general_ontology_term_id"]
    assert cells["tissue_ontology_term_id"].tolist() == ids.tolist()
    assert (cells.groupby("donor", observed=True)["split"].nunique() == 1).all()
    assert cells.groupby("split")["donor"].nunique().to_dict() == {0: 3, 1: 1, 2: 1}


def test_each_split_is_cut_to_a_multiple_of_the_row_group() -> None:
    cells = atlas_cells(example_atlas(), DATASETS, CELL_TYPES, 0.2, 0.2, split_seed=1, row_group=2)
    assert cells["split"].value_counts().to_dict() == {0: 8, 1: 2, 2: 2}  # of 9, 3 and 3
    assert cells["soma_joinid"].is_monotonic_increasing


def test_cells_of_an_unlisted_dataset_are_refused() -> None:
    with pytest.raises(ValueError, match="dataset d2 has cells, but is not in census_info"):
        atlas_cells(example_atlas(), DATASETS.iloc[[0]], CELL_TYPES, 0.2, 0.2, 1, 1)


def test_ood_cells_are_of_new_datasets_and_known_types(graph: nx.DiGraph) -> None:
    obs = make_obs(
        [
            ("d1", "v", "CL:0000002"),  # dataset of the training release
            ("d3", "v", "CL:0000002"),
            ("d3", "u", "CL:0000001"),  # no class
            ("d3", "u", "CL:0000030"),  # replaced by a class
            ("d3", "u", "unknown"),
            ("d3", "u", "CL:0000003"),
        ]
    )
    cells = ood_cells(obs, DATASETS, DATASETS.iloc[:2], CELL_TYPES, graph)
    assert cells["soma_joinid"].tolist() == [11, 13, 15]
    assert cells["class"].tolist() == [1, 0, 0]
    # a new dataset of an old collection is new
    assert cells["collection"].tolist() == ["A"] * 3
    assert cells["donor"].tolist() == ["d3_v", "d3_u", "d3_u"]


def test_a_class_whose_id_was_replaced_is_found_under_its_new_id(graph: nx.DiGraph) -> None:
    classes = CELL_TYPES.assign(ontology_term_id=["CL:0000030", "CL:0000002"])
    obs = make_obs([("d3", "v", "CL:0000003"), ("d3", "v", "CL:0000030")])
    cells = ood_cells(obs, DATASETS, DATASETS.iloc[:2], classes, graph)
    assert cells["class"].tolist() == [0, 0]


@pytest.mark.parametrize("row", [("d1", "v", "CL:0000002"), ("d3", "v", "CL:0000001")])
def test_an_empty_ood_test_is_refused(graph: nx.DiGraph, row: tuple[str, str, str]) -> None:
    with pytest.raises(ValueError, match=r"OOD test is empty: \d cells lie in datasets"):
        ood_cells(make_obs([row]), DATASETS, DATASETS.iloc[:2], CELL_TYPES, graph)


def test_the_final_table_joins_both_with_names_and_keys(graph: nx.DiGraph) -> None:
    earlier = example_atlas()
    atlas = atlas_cells(earlier, DATASETS, CELL_TYPES, 0.2, 0.2, 1, 1)
    later = make_obs([("d3", "u", "CL:0000003"), ("d3", "v", "CL:0000002")])
    later["tissue_general"] = ["skin of body", "lung"]
    ood = ood_cells(later, DATASETS, DATASETS.iloc[:2], CELL_TYPES, graph)
    both = [context_labels(obs) for obs in (earlier, later)]
    labels = {name: unite_labels(*(of[name] for of in both)) for name in both[0]}
    cells = cells_table(atlas, ood, CELL_TYPES, labels, shuffle_seed=1)
    assert cells["split"].tolist()[-2:] == ["ood", "ood"]
    assert set(cells["split"][:-2]) == {"train", "val", "test"}
    assert cells["cell_type"].tolist()[-2:] == ["Alpha", "beta"]
    assert cells["cell_type"].cat.categories.tolist() == ["Alpha", "beta"]
    assert cells["cell_type_ontology_term_id"].tolist()[-2:] == ["CL:0000003", "CL:0000002"]
    assert cells["dataset_id"].tolist()[-2:] == ["d3", "d3"]
    # one name of a renamed tissue in all cells, the later release's
    assert set(cells["tissue"]) == {"lung", "skin of body"}
    names = cells.groupby("tissue_ontology_term_id", observed=True)["tissue"].agg(set)
    assert names.to_dict() == {"UBERON:0002048": {"lung"}, "UBERON:0002097": {"skin of body"}}
    assert set(cells["disease"]) == {"normal"}
    assert cells["donor"].tolist()[:1] + cells["donor"].tolist()[-1:] == ["d1_v", "d3_v"]
    assert cells["soma_joinid"].tolist()[-2:] == [10, 11]
    assert cells["shuffle_key"].dtype == np.uint64
    # one key a joinid: cell 10 of either release
    same_joinid = cells[cells["soma_joinid"] == 10]
    assert same_joinid["shuffle_key"].nunique() == 1
    assert cells[cells["split"] != "ood"]["shuffle_key"].is_unique


LABELS = {
    "renamed": (
        {"M:1": "gout", "M:2": "flu"},
        {"M:1": "gout disease"},
        {"M:1": ("M:1", "gout disease"), "M:2": ("M:2", "flu")},
    ),
    "two ids of one label": (
        {"M:1": "flu"},
        {"M:2": "flu"},
        {"M:1": ("M:1", "flu (M:1)"), "M:2": ("M:2", "flu (M:2)")},
    ),
    "files of the earlier release without ids": (
        {"flu": "flu", "gout": "gout"},
        {"M:2": "flu"},
        {"flu": ("M:2", "flu"), "gout": ("gout", "gout"), "M:2": ("M:2", "flu")},
    ),
    "files of the later release without ids, and an older label": (
        {"M:1": "gout"},
        {"gout": "gout", "M:1": "gout disease"},
        {"M:1": ("M:1", "gout disease"), "gout": ("M:1", "gout disease")},
    ),
    "no ids at all": ({"NA": "NA"}, {"NA": "NA"}, {"NA": ("NA", "NA")}),
}


@pytest.mark.parametrize("case", sorted(LABELS))
def test_terms_of_two_releases_have_one_name_each(case: str) -> None:
    earlier, later, expected = LABELS[case]
    table = unite_labels(pd.Series(earlier), pd.Series(later))
    found = {term: (row["id"], row["label"]) for term, row in table.iterrows()}
    assert found == expected


def test_a_cell_without_a_disease_is_refused() -> None:
    obs = make_obs([("d1", "v", "CL:0000002")]).assign(disease=None)
    with pytest.raises(ValueError, match="a cell has no disease"):
        context_labels(obs)
