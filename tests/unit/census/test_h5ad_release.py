"""A user's h5ad files become a release; what would have to be guessed is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from h5ad_example import make_file, write_file
from numpy.typing import NDArray
from scipy import sparse

from hce.census.h5ad import file_names, read_gene_id, read_release
from hce.census.reading import open_release, read_datasets, read_genes, read_obs
from hce.census.writing import CensusTables, write_store
from hce.names import study_names

Change = Callable[[anndata.AnnData], None]


def counts_of(tables: CensusTables) -> NDArray[np.float32]:
    """All counts, dense."""
    return sparse.vstack(list(tables.counts)).toarray()


def test_counts_follow_their_genes_into_the_store(tmp_path: Path) -> None:
    """Two files with other genes in another order: each count stays with its cell and gene."""
    first, second = make_file(1), make_file(2)[:, 3:].copy()
    paths = [write_file(data, tmp_path / f"{n}.h5ad") for n, data in (("a", first), ("b", second))]
    tables = read_release(paths)
    assert tables.counts.shape == (400, 17)
    common = tables.var["feature_id"].tolist()
    assert common == [gene for gene in first.var_names if gene in set(second.var_names)]
    expected = np.vstack([data[:, common].X.toarray() for data in (first, second)])
    np.testing.assert_array_equal(counts_of(tables), expected)
    write_store(tmp_path / "soma", tables, "2030-01-01", layout="2023-12-15")
    with open_release(str(tmp_path / "soma")) as census:
        obs = read_obs(census, ["10x 3' v3"]).to_pandas()
        datasets, genes = read_datasets(census), read_genes(census)
    assert obs["dataset_id"].value_counts().to_dict() == {"a": 200, "b": 200}
    donors = [*first.obs["donor_id"], *second.obs["donor_id"]]
    assert obs["donor_id"].tolist() == donors
    assert set(obs["tissue_general"]) == {"blood"}
    assert datasets["collection_id"].tolist() == ["a", "b"]
    assert genes["feature_id"].tolist() == common


def test_raw_counts_beside_normalized_values_are_taken(tmp_path: Path) -> None:
    data = make_file(1)
    data.raw = data.copy()
    data.X = data.X.log1p()
    tables = read_release([write_file(data, tmp_path / "a.h5ad")])
    np.testing.assert_array_equal(counts_of(tables), data.raw.X.toarray())


def rename_labels(data: anndata.AnnData) -> None:
    data.obs["cell_type_ontology_term_id"] = "T cell"


def leave_a_gap(data: anndata.AnnData) -> None:
    data.obs["donor_id"] = data.obs["donor_id"].where(np.arange(len(data)) > 2)


def repeat_a_gene(data: anndata.AnnData) -> None:
    data.var_names = ["ENSG00000000001", *data.var_names[1:-1], "ENSG00000000001"]


def damage(path: Path) -> None:
    """Let obs have more cells than X."""
    with h5py.File(path, "r+") as file:
        file["X"].attrs["shape"] = np.array([150, 20])


REFUSED: dict[str, tuple[Change, str]] = {
    "no matrix": (lambda data: setattr(data, "X", None), "no counts, neither in raw.X nor in X"),
    "normalized": (lambda data: setattr(data, "X", data.X.log1p()), "which is no count"),
    "negative": (lambda data: setattr(data, "X", -data.X), "X holds -.*, which is no count"),
    "no ontology ids": (
        lambda data: data.obs.drop(columns="cell_type_ontology_term_id", inplace=True),
        "obs has no column cell_type_ontology_term_id",
    ),
    "labels in place of ids": (rename_labels, "'T cell' is no Cell Ontology term"),
    "no tissue": (
        lambda data: data.obs.drop(columns="tissue", inplace=True),
        "obs has no column tissue or tissue_general",
    ),
    "unknown donors": (leave_a_gap, "obs column donor_id has 3 gaps"),
    "another organism": (
        lambda data: data.obs.insert(0, "organism", "Mus musculus"),
        r"has Mus musculus, but census\.organism is homo_sapiens \(Homo sapiens\)",
    ),
    "a gene twice": (repeat_a_gene, "gene ENSG00000000001 occurs twice"),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
@pytest.mark.filterwarnings("ignore:Variable names are not unique")
def test_what_would_be_guessed_is_refused(tmp_path: Path, case: str) -> None:
    change, message = REFUSED[case]
    data = make_file(1)
    change(data)
    path = write_file(data, tmp_path / "mine.h5ad")
    with pytest.raises(ValueError, match=message) as error:
        read_release([path])
    assert str(path) in str(error.value)


def test_the_organism_of_the_files_can_be_another(tmp_path: Path) -> None:
    data = make_file(1)
    data.obs["organism"] = "Mus musculus"
    path = write_file(data, tmp_path / "mine.h5ad")
    assert len(read_release([path], "mus_musculus").obs) == 200


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = write_file(make_file(1), tmp_path / "a.h5ad")
    damage(path)
    with pytest.raises(ValueError, match=r"a\.h5ad: X has 150 rows .* for 200 cells and 20 genes"):
        read_release([path])


def test_files_without_a_common_gene_are_refused(tmp_path: Path) -> None:
    first, second = make_file(1), make_file(2)
    second.var_names = [f"symbol{i}" for i in range(second.n_vars)]
    paths = [write_file(data, tmp_path / f"{n}.h5ad") for n, data in (("a", first), ("b", second))]
    with pytest.raises(ValueError, match=r"b\.h5ad: no gene in common"):
        read_release(paths)


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.h5ad"
    path.write_text("cell,gene,count\n")
    with pytest.raises(ValueError, match=r"table\.h5ad: not a readable h5ad file"):
        read_release([path])


@pytest.mark.parametrize("place", ["X/data", "obs/donor_id/codes", "X"])
def test_compression_that_cannot_be_undone_is_named(tmp_path: Path, place: str) -> None:
    """As hdf5plugin writes it, which is not installed here."""
    data = make_file(1)
    data.X = data.X.toarray() if place == "X" else data.X
    path = write_file(data, tmp_path / "a.h5ad")
    with h5py.File(path, "r+") as file:
        attributes, shape = dict(file[place].attrs), file[place].shape
        del file[place]
        created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        created.set_chunk(shape)
        created.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (3,))
        space = h5py.h5s.create_simple(shape)
        stored = h5py.h5d.create(file.id, place.encode(), h5py.h5t.NATIVE_FLOAT, space, created)
        stored.write_direct_chunk((0,) * len(shape), b"(\xb5/\xfd")
        file[place].attrs.update(attributes)
    message = rf"a\.h5ad: {place} is compressed by zstd \(32015\), .* compression='gzip'"
    with pytest.raises(ValueError, match=message):
        read_release([path])


def test_counts_that_cannot_be_read_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the first, which are read before anything is written."""
    monkeypatch.setattr("hce.census.h5ad.BLOCK_ENTRIES", 100)
    data = make_file(1)
    path = tmp_path / "a.h5ad"
    data.write_h5ad(path, compression="gzip")
    with h5py.File(path) as file:
        chunk = file["X/data"].id.get_chunk_info(file["X/data"].id.get_num_chunks() - 1)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset : chunk.byte_offset + chunk.size] = bytes(chunk.size)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.h5ad: not a readable h5ad file \("):
        list(read_release([path]).counts)


def test_a_dataset_in_two_collections_is_refused(tmp_path: Path) -> None:
    data = make_file(1)
    data.obs["collection_id"] = np.where(np.arange(len(data)) < 9, "one", "other")
    with pytest.raises(ValueError, match="dataset a lies in two collections"):
        read_release([write_file(data, tmp_path / "a.h5ad")])


# --- names that stand in for ids ------------------------------------------------------------------


def test_files_of_one_name_are_two_studies(tmp_path: Path) -> None:
    """In one release, and in two: the dataset of an OOD file must not be one of training."""
    paths = []
    for number, folder in enumerate("abc"):
        (tmp_path / folder).mkdir()
        paths.append(write_file(make_file(number), tmp_path / folder / "filtered.h5ad"))
    train, ood = (read_release(paths[:2], others=paths[2:]), read_release(paths[2:], others=paths))
    assert train.datasets["dataset_id"].tolist() == ["a/filtered", "b/filtered"]
    assert train.obs["dataset_id"].value_counts().to_dict() == {
        "a/filtered": 200,
        "b/filtered": 200,
    }
    assert ood.datasets["dataset_id"].tolist() == ["c/filtered"]
    assert study_names(pd.concat([train.datasets, ood.datasets])).tolist() == [
        "a/filtered",
        "b/filtered",
        "c/filtered",
    ]


# --- ontology term ids of tissues and diseases ----------------------------------------------------

CONTEXTS: dict[str, tuple[dict[str, object], dict[str, str]]] = {
    "none": ({}, {"tissue_general": "blood", "disease": "normal"}),
    "of a Census": (
        {
            "tissue_general": "body fluid",
            "tissue_ontology_term_id": "UBERON:0000178",
            "tissue_general_ontology_term_id": "UBERON:0006314",
            "disease_ontology_term_id": "PATO:0000461",
        },
        {"tissue_general": "UBERON:0006314", "disease": "PATO:0000461"},
    ),
    # what the id is of is the tissue then
    "of the tissue alone": (
        {"tissue_ontology_term_id": "UBERON:0000178"},
        {"tissue_general": "UBERON:0000178", "disease": "normal"},
    ),
    "of a finer tissue": (
        {"tissue_general": "body fluid", "tissue_ontology_term_id": "UBERON:0000178"},
        {"tissue_general": "body fluid", "disease": "normal"},
    ),
    "that are none": ({"disease_ontology_term_id": "unknown"}, {"disease": "normal"}),
    "several": (
        {"disease_ontology_term_id": "MONDO:0005148 || MONDO:0005812"},
        {"disease": "MONDO:0005148 || MONDO:0005812"},
    ),
}


@pytest.mark.parametrize("case", sorted(CONTEXTS))
def test_the_label_stands_for_a_term_id_that_is_not_there(tmp_path: Path, case: str) -> None:
    columns, expected = CONTEXTS[case]
    data = make_file(1)
    for name, value in columns.items():
        data.obs[name] = value
    obs = read_release([write_file(data, tmp_path / "a.h5ad")]).obs
    for name, term in expected.items():
        assert set(obs[f"{name}_ontology_term_id"]) == {term}


@pytest.mark.parametrize(
    ("paths", "others", "names"),
    [
        (["x/a.h5ad", "b.h5ad"], [], ["a", "b"]),
        (["x/y/a.h5ad", "z/y/a.h5ad", "q.h5ad"], [], ["x/y/a", "z/y/a", "q"]),
        (["x/a.h5ad"], ["y/a.h5ad"], ["x/a"]),
        (["p/a.h5ad", "q/p/a.h5ad"], [], [f"{Path.cwd().name}/p/a", "q/p/a"]),
        # one file in both releases is one study, and no new one
        (["x/a.h5ad"], ["./x/a.h5ad"], ["a"]),
        (["a.b.h5ad"], ["a.c.h5ad"], ["a.b"]),
    ],
)
def test_a_name_is_what_tells_files_apart(
    paths: list[str], others: list[str], names: list[str]
) -> None:
    assert file_names([*map(Path, paths)], [*map(Path, others)]) == names


@pytest.mark.parametrize("again", ["a.h5ad", "x/../a.h5ad"])
def test_a_file_that_is_listed_twice_is_refused(again: str) -> None:
    with pytest.raises(ValueError, match=r"a\.h5ad: is listed twice"):
        file_names([Path("a.h5ad"), Path("b.h5ad"), Path(again)])


def test_files_that_only_their_suffix_tells_apart_are_refused() -> None:
    with pytest.raises(ValueError, match="differs by its suffix only"):
        file_names([Path("a.h5ad"), Path("a.h5")])


# --- genes ----------------------------------------------------------------------------------------


def test_genes_with_and_without_version_are_the_same(tmp_path: Path) -> None:
    first, second = make_file(1), make_file(2)
    expected = np.vstack([data[:, first.var_names].X.toarray() for data in (first, second)])
    ids = first.var_names.tolist()
    second.var_names = [f"{gene}.{n}" if n else gene for n, gene in enumerate(second.var_names)]
    paths = [write_file(data, tmp_path / f"{n}.h5ad") for n, data in (("a", first), ("b", second))]
    tables = read_release(paths)
    assert tables.var["feature_id"].tolist() == ids
    np.testing.assert_array_equal(counts_of(tables), expected)


@pytest.mark.parametrize(
    ("gene", "read"),
    [
        ("ENSG00000000003.15", "ENSG00000000003"),
        ("ENSMUSG00000000001.5", "ENSMUSG00000000001"),
        ("ENSG00000002586.20_PAR_Y", "ENSG00000002586_PAR_Y"),
        ("AC010642.1", "AC010642.1"),
        ("ERCC-00002", "ERCC-00002"),
        ("ENSG00000000003.a", "ENSG00000000003.a"),
    ],
)
def test_only_versions_of_ensembl_are_stripped(gene: str, read: str) -> None:
    assert read_gene_id(gene) == read


def test_two_versions_of_a_gene_are_refused(tmp_path: Path) -> None:
    data = make_file(1)
    data.var_names = ["ENSG00000000077.1", "ENSG00000000077.2", *data.var_names[2:]]
    with pytest.raises(ValueError, match=r"ENSG00000000077 occurs twice in var \(.*\.1, .*\.2\)"):
        read_release([write_file(data, tmp_path / "a.h5ad")])


@pytest.mark.parametrize(("shared", "refused"), [(10, False), (9, True), (2, True)])
def test_each_file_shares_at_least_half_of_its_genes(
    tmp_path: Path, shared: int, refused: bool
) -> None:
    """Also where the guard of the gene list sees the intersection only."""
    first, second = make_file(1), make_file(2)[:, :shared].copy()
    paths = [write_file(data, tmp_path / f"{n}.h5ad") for n, data in (("a", first), ("b", second))]
    if not refused:
        assert len(read_release(paths).var) == shared
        return
    message = rf"a\.h5ad: only {shared} of its 20 genes .* and {shared} in .*b\.h5ad; the index"
    with pytest.raises(ValueError, match=message):
        read_release(paths)


@pytest.mark.parametrize("gap", [None, "nan", " "])
def test_a_gene_without_an_id_is_refused(tmp_path: Path, gap: str | None) -> None:
    data = make_file(1)
    path = write_file(data, tmp_path / "a.h5ad")
    with h5py.File(path, "r+") as file:
        ids = file["var"][file["var"].attrs["_index"]]
        ids[4] = gap or ""
    with pytest.raises(ValueError, match="the index of var has 1 gaps"):
        read_release([path])
