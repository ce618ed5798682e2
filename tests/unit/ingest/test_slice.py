"""A slice: nested, filled as far as tiles are worth reading, and read in few of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hce.ingest.counts import TILE_ROWS
from hce.ingest.slice import rank_cells
from hce.ingest.slice_table import (
    Quota,
    describe_slice,
    limit_cells,
    read_selected,
    read_taken,
    slice_cells,
    tiles_of,
)
from hce.tables import write_table

SHARES = {"train": 1.0, "val": 0.5, "test": 0.5, "ood": 1.0}
SPLITS = list(SHARES)
LUNG = "UBERON:0002048"
NO_LIMITS: dict[str, list[str]] = {"tissues": [], "diseases": [], "datasets": []}
DATASETS = pd.DataFrame(
    {"dataset_id": ["d0", "d1", "d2", "d3"], "collection_name": ["Atlas"] * 4}
    | {"dataset_title": ["Lung I", "Lung II", "Skin", "Lung III"]}
)


def make_cells(
    label: np.ndarray, joinid: np.ndarray, split: np.ndarray, donor: np.ndarray
) -> pd.DataFrame:
    """The table of cells; donors of one letter are of one dataset, a dataset of one tissue."""
    dataset = pd.Categorical([f"d{name % 4}" for name in donor])
    skin = donor % 4 == 2
    types = [f"CL:{number:07d}" for number in range(label.max() + 1)]
    return pd.DataFrame(
        {
            "soma_joinid": joinid,
            "split": pd.Categorical.from_codes(split, SPLITS),
            "class": label.astype(np.int16),
            "cell_type_ontology_term_id": pd.Categorical.from_codes(label, types),
            "cell_type": pd.Categorical.from_codes(label, [f"type {t[-2:]}" for t in types]),
            "dataset_id": dataset,
            "collection": dataset,
            "donor": pd.Categorical([f"donor {name}" for name in donor]),
            "assay": pd.Categorical(["10x 3' v3"] * len(label)),
            "tissue_ontology_term_id": pd.Categorical(np.where(skin, "UBERON:2", LUNG)),
            "tissue": pd.Categorical(np.where(skin, "skin", "lung")),
            "disease_ontology_term_id": pd.Categorical(["PATO:0000461"] * len(label)),
            "disease": pd.Categorical(["normal"] * len(label)),
        }
    )


def random_cells(seed: int, n_cells: int = 6000, n_types: int = 6) -> pd.DataFrame:
    """Cells in a few tiles of either release, types of very different frequency."""
    rng = np.random.default_rng(seed)
    frequency = 4.0 ** -np.arange(n_types)
    label = rng.choice(n_types, n_cells, p=frequency / frequency.sum())
    label[:n_types] = np.arange(n_types)
    donor = np.sort(rng.integers(0, 12, n_cells))
    split = rng.integers(0, 3, 12)[donor]
    split[: n_types * 2] = np.repeat([0, 3], n_types)
    ood = rng.random(n_cells) < 0.2
    split = np.where(ood, 3, split)
    joinid = np.sort(rng.choice(10 * TILE_ROWS, n_cells, replace=False))
    order = np.argsort(split == 3, kind="stable")
    return make_cells(label[order], joinid[order], split[order], donor[order])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 300), st.floats(0, 1), st.integers(0, 3))
def test_ranks_are_counted_from_1_in_each_type_and_split_and_do_not_depend_on_how_many_are_asked(
    seed: int, most: int, min_gain: float, slice_seed: int
) -> None:
    cells = random_cells(seed)
    ranks = rank_cells(cells, SHARES, most, min_gain, slice_seed)
    for _, rank in pd.Series(ranks).groupby([cells["split"], cells["class"]], observed=True):
        found = np.sort(rank[rank > 0])
        assert found.tolist() == list(range(1, len(found) + 1))
    more = rank_cells(cells, SHARES, 4 * most, min_gain, slice_seed)
    assert np.array_equal(more[ranks > 0], ranks[ranks > 0])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_type_gets_its_quota_or_all_its_cells_if_every_tile_is_worth_reading(
    seed: int,
) -> None:
    cells = random_cells(seed)
    quota = Quota(100, {"val": 0.5, "test": 0.5, "ood": 1.0}, 0.0, seed)
    taken = slice_cells(cells, quota)
    table = describe_slice(cells, taken, quota)
    assert (table["cells"] == table["wanted"]).all()
    assert (table["wanted"] <= table["split"].map({"train": 100, "ood": 100}).fillna(50)).all()
    assert table["cells"].sum() == len(taken)
    assert taken["soma_joinid"].is_monotonic_increasing or (taken["split"] == "ood").any()


def test_a_larger_slice_contains_the_smaller_one_and_another_seed_takes_other_cells() -> None:
    cells = random_cells(5)
    small, large, other = (
        set(slice_cells(cells, Quota(n, SHARES, 0.2, seed)).index)
        for n, seed in ((20, 0), (50, 0), (20, 1))
    )
    assert small < large
    assert small != other
    assert set(slice_cells(cells, Quota(20, SHARES, 0.2, 0)).index) == small


def test_one_tile_that_has_every_type_is_read_before_many_that_have_one_each() -> None:
    n_types, per_tile = 8, 40
    pure = [np.full(n_types * per_tile, label) for label in range(n_types)]
    mixed = np.repeat(np.arange(n_types), per_tile)
    label = np.concatenate([*pure, mixed])
    tile = np.repeat(np.arange(n_types + 1), n_types * per_tile)
    place = np.tile(np.arange(n_types * per_tile), n_types + 1)
    n = len(label)
    cells = make_cells(label, tile * TILE_ROWS + place, np.zeros(n, int), np.zeros(n, int))
    for target, tiles in ((32, {n_types}), (64, set(range(n_types + 1)))):
        ranks = rank_cells(cells, SHARES, target, 0.25, 0)
        chosen = (ranks > 0) & (ranks <= target)
        assert set(tile[chosen]) == tiles


def test_a_tile_that_adds_little_is_not_read() -> None:
    # one cell of a rare type in each of 50 tiles
    n = 50
    common = np.arange(500)
    joinid = np.concatenate([common, (1 + np.arange(n)) * TILE_ROWS])
    label = np.concatenate([np.zeros(500, int), np.ones(n, int)])
    cells = make_cells(label, joinid, np.zeros(len(label), int), np.zeros(len(label), int))
    thrifty, all_of_it = (rank_cells(cells, SHARES, 64, gain, 0) for gain in (0.5, 0.0))
    assert (thrifty[label == 1] > 0).sum() == 0
    assert (all_of_it[label == 1] > 0).sum() == n
    with pytest.raises(ValueError, match=r"no training cell of type 01 .* lower slice.min_gain"):
        slice_cells(cells, Quota(64, SHARES, 0.5, 0))


def test_donors_share_a_type_while_they_have_cells() -> None:
    donor = np.repeat(np.arange(8), 200)
    n = len(donor)
    cells = make_cells(np.zeros(n, int), np.arange(n), np.zeros(n, int), donor)
    ranks = rank_cells(cells, SHARES, 32, 0.5, 0)
    assert np.bincount(donor[(ranks > 0) & (ranks <= 32)]).tolist() == [4] * 8


def test_limits_name_ids_or_names_and_leave_classes_that_are_trained_there() -> None:
    cells = random_cells(7, n_types=3)
    # the rarest type has training cells in one dataset alone
    cells = cells[(cells["class"] < 2) | (cells["dataset_id"] == "d2")]
    lung = limit_cells(cells, NO_LIMITS | {"tissues": ["lung"]}, DATASETS)
    assert set(lung["tissue"]) == {"lung"}
    assert lung["cell_type"].cat.categories.tolist() == ["type 00", "type 01"]
    assert lung["class"].tolist() == lung["cell_type"].cat.codes.tolist()
    assert set(lung["dataset_id"]) == {"d0", "d1", "d3"}
    by_id = limit_cells(cells, NO_LIMITS | {"tissues": [LUNG]}, DATASETS)
    pd.testing.assert_frame_equal(by_id, lung)
    titles = ["Lung I", "Lung II (Atlas)", "d3"]
    by_title = limit_cells(cells, NO_LIMITS | {"datasets": titles}, DATASETS)
    pd.testing.assert_frame_equal(by_title, lung)
    assert limit_cells(cells, NO_LIMITS, DATASETS) is cells


def test_a_slice_is_completed_with_the_other_columns_of_its_cells(tmp_path: Path) -> None:
    cells = random_cells(3).reset_index(drop=True).assign(shuffle_key=lambda t: -t["soma_joinid"])
    write_table(cells, tmp_path / "selected.parquet")
    selected = read_selected(tmp_path / "selected.parquet")
    assert "assay" not in selected
    limited = limit_cells(selected, NO_LIMITS | {"tissues": ["lung"]}, DATASETS)
    taken = slice_cells(limited, Quota(20, SHARES, 0.1, 0))
    whole = read_taken(tmp_path / "selected.parquet", taken)
    assert whole.columns.tolist() == [*cells.columns, "slice_rank"]
    for name in cells.columns.difference(["class", "cell_type", "cell_type_ontology_term_id"]):
        expected = cells.loc[taken.index, name].astype(object).tolist()
        assert whole[name].astype(object).tolist() == expected, name
    assert whole["tissue"].cat.categories.tolist() == ["lung"]
    assert whole["cell_type"].tolist() == cells.loc[taken.index, "cell_type"].tolist()
    assert whole["class"].tolist() == whole["cell_type"].cat.codes.tolist()


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"tissues": ["lungs"]}, r"slice.tissues: no selected cell has 'lungs'; there are lung"),
        ({"datasets": ["Skim"]}, r"slice.datasets: no selected cell has 'Skim'; there are Skin"),
        ({"diseases": ["x"]}, r"slice.diseases: no selected cell has 'x'; there are"),
        ({"tissues": ["skin"]}, r"no cell of split \w+ in slice.tissues skin"),
    ],
)
def test_limits_that_leave_nothing_are_refused(limits: dict, message: str) -> None:
    cells = random_cells(8)
    skin = (cells["tissue"] == "skin").to_numpy()
    cells = cells[~(skin & cells["split"].isin(["val", "test", "ood"]).to_numpy())]
    with pytest.raises(ValueError, match=message):
        limit_cells(cells, NO_LIMITS | limits, DATASETS)


def test_tiles_are_counted_by_release() -> None:
    joinid = np.array([0, 1, 5 * TILE_ROWS, 3, 2 * TILE_ROWS])
    cells = make_cells(np.zeros(5, int), joinid, np.array([0, 0, 1, 3, 3]), np.zeros(5, int))
    assert tiles_of(cells) == {"train": (2, 6), "ood": (2, 3)}
