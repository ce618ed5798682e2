"""Columns of a user's h5ad file are read by what they must hold, whatever type a tool gave them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from h5ad_example import T_CELL, make_file, write_file
from scipy import sparse

from hce.census.h5ad import read_release
from hce.census.obs import GAPS, OPTIONAL, REQUIRED, read_column, read_text
from hce.census.schema import HOMO_SAPIENS
from hce.census.writing import CensusTables

ReadWith = Callable[..., CensusTables]
TEXT = sorted({*REQUIRED, *OPTIONAL} - {"is_primary_data"})


@pytest.fixture
def read_with(tmp_path: Path) -> ReadWith:
    """Function (columns of obs, keys of uns, organism) that reads a file of 200 cells with them."""

    def read(
        columns: dict[str, object], uns: dict[str, str] | None = None, organism: str = HOMO_SAPIENS
    ) -> CensusTables:
        data = make_file(1)
        for name, values in columns.items():
            data.obs[name] = values
        data.uns |= uns or {}
        return read_release([write_file(data, tmp_path / "mine.h5ad")], organism)

    return read


def changed(name: str, value: object) -> list[object]:
    """A column of the example whose cells 3 to 5 have another value."""
    data = make_file(1)
    column = data.obs[name] if name in data.obs else pd.Series(["tissue"] * data.n_obs)
    return [value if 3 <= i < 6 else there for i, there in enumerate(column)]


def first_two(true: object, false: object) -> list[object]:
    """Two cells that are true among 200."""
    return [true if i < 2 else false for i in range(200)]


@pytest.mark.parametrize(
    "flags",
    [
        first_two(True, False),
        first_two("True", "False"),
        first_two("TRUE", "FALSE"),
        first_two("yes", "no"),
        first_two(" 1", "0"),
        first_two("t", "f"),
        first_two(1, 0),
        first_two(1.0, 0.0),
        pd.Categorical(first_two("true", "false"), ["unused", "true", "false"]),
        pd.Categorical(first_two(True, False)),
        pd.array(first_two(True, False), dtype="boolean"),
    ],
)
def test_primary_data_is_what_the_column_says(read_with: ReadWith, flags: Sequence[object]) -> None:
    primary = read_with({"is_primary_data": flags}).obs["is_primary_data"]
    assert primary.dtype == bool
    assert primary.tolist() == first_two(True, False)


@pytest.mark.parametrize("value", ["maybe", 2, 0.5, "primary"])
def test_a_truth_value_that_is_none_is_named(read_with: ReadWith, value: object) -> None:
    with pytest.raises(ValueError, match=rf"is_primary_data '{value}' is .* \(2 cells\)"):
        read_with({"is_primary_data": first_two(value, type(value)(1))})


@pytest.mark.parametrize("gap", [*GAPS, " ", "\t", " nan\n"])
@pytest.mark.parametrize("name", TEXT)
def test_a_gap_is_one_in_whatever_words(read_with: ReadWith, name: str, gap: str) -> None:
    with pytest.raises(ValueError, match=rf"mine\.h5ad: obs column {name} has 3 gaps; fill them"):
        read_with({name: changed(name, gap)})


@pytest.mark.parametrize("flags", [first_two(np.nan, 1.0), first_two("nan", "True")])
def test_primary_data_has_no_gaps(read_with: ReadWith, flags: list[object]) -> None:
    with pytest.raises(ValueError, match="obs column is_primary_data has 2 gaps"):
        read_with({"is_primary_data": flags})


@pytest.mark.parametrize("name", ["NA", "N/A", "none", "01", "unknown", "1e3", "Ünïcode β"])
def test_names_that_look_like_something_else_stay_names(read_with: ReadWith, name: str) -> None:
    columns = dict.fromkeys(("donor_id", "cell_type", "dataset_id", "disease"), name)
    obs = read_with(columns).obs
    assert set(obs[[*columns]].to_numpy().ravel()) == {name}


@pytest.mark.parametrize("kind", ["int64", "float32", "float64", "category"])
def test_a_donor_that_is_stored_as_a_number_keeps_its_name(read_with: ReadWith, kind: str) -> None:
    donors = pd.Series(first_two(101, 7), dtype="float64" if kind == "category" else kind)
    obs = read_with({"donor_id": donors.astype(kind).to_numpy()}).obs
    assert obs["donor_id"].tolist() == first_two("101", "7")


@pytest.mark.parametrize("number", [1.5, np.inf])
def test_a_name_that_is_a_fraction_is_refused(read_with: ReadWith, number: float) -> None:
    with pytest.raises(ValueError, match=r"donor_id .*is a number and no name; .* \(2 cells\)"):
        read_with({"donor_id": first_two(number, 1.0)})


def test_control_characters_and_line_ends_are_mended_and_logged(
    read_with: ReadWith, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    labels = first_two("T\r\ncell\u200b", "a  b\t")
    assert read_with({"cell_type": labels}).obs["cell_type"].tolist() == first_two("T cell", "a b")
    (said,) = [message for message in caplog.messages if "column cell_type:" in message]
    assert "mine.h5ad: obs column cell_type: read 'T\\r\\ncell\\u200b' as 'T cell'" in said
    assert said.endswith("; 200 in all")


def test_every_column_that_cannot_be_read_is_named_at_once(read_with: ReadWith) -> None:
    columns = {"donor_id": changed("donor_id", "nan"), "is_primary_data": first_two("x", "yes")}
    with pytest.raises(
        ValueError, match=r"donor_id has 3 gaps.*; .*is_primary_data 'x' is neither"
    ):
        read_with(columns)


# --- cells that the Census has not ----------------------------------------------------------------

LEFT_OUT = {
    "unknown": ("cell_type_ontology_term_id", "unknown", "of unknown cell type"),
    "organoid": ("tissue_type", "organoid", r"of no tissue (tissue_type)"),
    "culture": ("tissue_type", "cell culture", r"of no tissue (tissue_type)"),
    "schema 3": ("tissue", "lung (organoid)", r"of no tissue (tissue)"),
}


@pytest.mark.parametrize("stored", ["by rows", "dense"])
@pytest.mark.parametrize("case", sorted(LEFT_OUT))
def test_cells_that_the_census_has_not_are_left_out_with_their_counts(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    case: str,
    stored: str,
) -> None:
    monkeypatch.setattr("hce.census.h5ad.BLOCK_ENTRIES", 77)
    caplog.set_level("INFO")
    name, value, reason = LEFT_OUT[case]
    data = make_file(1)
    data.obs[name] = changed(name, value)
    expected = np.delete(data.X.toarray(), [3, 4, 5], axis=0)
    data.X = data.X.toarray() if stored == "dense" else data.X
    tables = read_release([write_file(data, tmp_path / "a.h5ad")])
    np.testing.assert_array_equal(sparse.vstack(list(tables.counts)).toarray(), expected)
    assert tables.counts.shape == (len(tables.obs), 20) == (197, 20)
    donors = np.delete(data.obs["donor_id"].to_numpy(), [3, 4, 5])
    assert tables.obs["donor_id"].tolist() == donors.tolist()
    assert tables.datasets["dataset_total_cell_count"].tolist() == [197]
    assert any(f"left out 3 cells {reason}" in message for message in caplog.messages)


def test_a_file_of_no_tissue_is_refused(read_with: ReadWith) -> None:
    with pytest.raises(ValueError, match=r"no cell left of 200: all are .*no tissue"):
        read_with({"tissue_type": "organoid"})


def test_a_tissue_type_in_other_words_is_refused(read_with: ReadWith) -> None:
    with pytest.raises(ValueError, match=r"tissue_type 'tumor' is none of tissue, organoid, .*"):
        read_with({"tissue_type": first_two("tumor", "tissue")})


# --- organism -------------------------------------------------------------------------------------

MOUSE = {"organism": "Mus musculus", "organism_ontology_term_id": "NCBITaxon:10090"}


@pytest.mark.parametrize("place", ["obs", "uns"])
@pytest.mark.parametrize("key", sorted(MOUSE))
def test_another_organism_is_refused_wherever_it_is_named(
    read_with: ReadWith, place: str, key: str
) -> None:
    says: dict[str, str] = {key: MOUSE[key]}
    columns, uns = (says, {}) if place == "obs" else ({}, says)
    assert len(read_with(columns, uns, "mus_musculus").obs) == 200
    with pytest.raises(ValueError, match=rf"mine\.h5ad: {place} .*{key} has {MOUSE[key]}, but cen"):
        read_with(columns, uns)


def test_genes_of_another_organism_say_so_where_nothing_else_does(tmp_path: Path) -> None:
    data = make_file(1)
    data.var_names = data.var_names.str.replace("ENSG", "ENSMUSG")
    path = write_file(data, tmp_path / "a.h5ad")
    assert len(read_release([path], "mus_musculus").var) == 20
    with pytest.raises(ValueError, match=r"a\.h5ad: 20 of 20 genes \(ENSMUSG.* census\.organism"):
        read_release([path])


def test_a_cell_without_an_organism_is_refused(read_with: ReadWith) -> None:
    with pytest.raises(ValueError, match="organism has a gap, but"):
        read_with({"organism": pd.Categorical(first_two(None, "Homo sapiens"))})
    assert len(read_with({}, {"organism_ontology_term_id": "NCBITaxon:9606"}).obs) == 200


# --- genes, and the reader by itself --------------------------------------------------------------


def test_a_gap_among_the_symbols_is_the_id_of_the_gene(tmp_path: Path) -> None:
    data = make_file(1)
    data.var["feature_name"] = [None, "nan", *data.var["feature_name"][2:]]
    var = read_release([write_file(data, tmp_path / "a.h5ad")]).var
    assert var["feature_name"].tolist()[:3] == [
        *data.var_names[:2],
        data.var["feature_name"].iloc[2],
    ]


def test_a_value_that_no_cell_has_is_not_read() -> None:
    values = pd.Series(pd.Categorical([T_CELL] * 3, [T_CELL, "nan", "junk"]))
    assert read_column(values, read_text, "x").tolist() == [T_CELL] * 3
    none = pd.Series(pd.Categorical([], ["nan"]))
    assert len(read_column(none, read_text, "x")) == 0
