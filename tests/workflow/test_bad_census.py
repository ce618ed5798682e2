"""A Census or gene list that cannot be right is named, before the scatter where possible."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import tiledbsoma
from shard_example import csr_of

import fetch_counts
import read_obs
import select_genes
from hce.census.check import check_release
from hce.files import record_checksum, sha256
from hce.ingest.shuffle import gather_part
from hce.tables import write_table
from plan_run import genes_report

ScriptRunner = Callable[..., None]
GENES = ["A", "B", "C", "D"]
COUNTS = np.array([[0, 2, 0, 1], [3, 0, 0, 0], [1, 1, 1, 1]], dtype=np.float32)
TEXT = ["dataset_id", "donor_id", "cell_type", "cell_type_ontology_term_id"]
TEXT += ["tissue_general", "tissue_general_ontology_term_id"]
TEXT += ["disease", "disease_ontology_term_id"]
OBS = pd.DataFrame({"soma_joinid": [0, 1, 2], "assay": "10x 3' v3", "is_primary_data": True})
OBS = OBS.assign(**{name: name for name in TEXT})
VAR = pd.DataFrame({"soma_joinid": range(4), "feature_id": [f"ENSG{g}" for g in GENES]})
VAR = VAR.assign(feature_name=GENES)


def add_table(
    parent: tiledbsoma.Collection, name: str, table: pd.DataFrame, index: str = "soma_joinid"
) -> None:
    """Add a data frame to a collection."""
    content = pa.Table.from_pandas(table, preserve_index=False)
    domain = [(0, int(table[index].max()))]
    frame = parent.add_new_dataframe(
        name, schema=content.schema, index_column_names=[index], domain=domain
    )
    # in the handle that made it, values of an enumeration would be lost
    frame.close()
    with tiledbsoma.DataFrame.open(frame.uri, "w") as opened:
        opened.write(content)


def write_census(
    folder: Path,
    obs: pd.DataFrame = OBS,
    var: pd.DataFrame = VAR,
    counts: np.ndarray = COUNTS,
    organism: str = "homo_sapiens",
    index: str = "soma_joinid",
) -> Path:
    """Write a store with the parts of a Census that the workflow reads."""
    rows, columns = np.nonzero(counts)
    with tiledbsoma.Collection.create(folder.as_posix()) as census:
        datasets = pd.DataFrame({"soma_joinid": [0], "dataset_id": "d", "collection_id": "c"})
        info = census.add_new_collection("census_info")
        add_table(info, "datasets", datasets)
        summary = pd.DataFrame({"soma_joinid": [0], "label": "census_schema_version"})
        add_table(info, "summary", summary.assign(value="9.0.0"))
        organisms = census.add_new_collection("census_data")
        experiment = organisms.add_new_collection(organism, tiledbsoma.Experiment)
        add_table(experiment, "obs", obs, index)
        rna = experiment.add_new_collection("ms").add_new_collection("RNA", tiledbsoma.Measurement)
        add_table(rna, "var", var)
        layers = rna.add_new_collection("X")
        layer = layers.add_new_sparse_ndarray("raw", type=pa.float32(), shape=counts.shape)
        entries = {"soma_dim_0": rows, "soma_dim_1": columns, "soma_data": counts[rows, columns]}
        layer.write(pa.table(entries))
    return folder


@pytest.fixture
def read(run_script: ScriptRunner, tmp_path: Path) -> Callable[[Path], pd.DataFrame]:
    """Function (store) that reads its cells as the workflow does."""

    def run(store: Path) -> pd.DataFrame:
        obs, datasets = tmp_path / "read" / "obs.parquet", tmp_path / "read" / "datasets.parquet"
        run_script(read_obs, uri=store, assays=["10x 3' v3"], obs=obs, datasets=datasets)
        return pd.read_parquet(obs)

    return run


@pytest.fixture
def select(run_script: ScriptRunner, tmp_path: Path) -> Callable[..., list[str]]:
    """Function (store, gene list, other release) that selects the genes as the workflow does."""

    def run(store: Path, listed: pd.DataFrame, **ood: Path | str) -> list[str]:
        gene_list, genes = tmp_path / "gene_list.parquet", tmp_path / "genes.parquet"
        listed.to_parquet(gene_list)
        run_script(select_genes, uri=store, gene_list=gene_list, genes=genes, **ood)
        return pd.read_parquet(genes)["feature_name"].tolist()

    return run


@pytest.fixture
def fetch(run_script: ScriptRunner, tmp_path: Path) -> Callable[..., Path]:
    """Function (store, genes of the model) that fetches the counts of cells 0 and 2."""

    def run(store: Path, genes: list[str], **more: str) -> Path:
        write_table(pd.DataFrame({"feature_id": genes}), tmp_path / "genes.parquet")
        cells = pd.DataFrame({"soma_joinid": [0, 2], "split": "ood", "class": [0, 1]})
        cells["shuffle_key"] = np.array([1, 2], dtype=np.uint64)
        cells["dataset_id"] = "d"
        write_table(cells, tmp_path / "cells.parquet")
        piece = tmp_path / "pieces" / "piece.arrow"
        files = {"cells": tmp_path / "cells.parquet", "genes": tmp_path / "genes.parquet"}
        options = {"splits": ["ood"], "range": 0, "n_ranges": 1, "piece": piece}
        run_script(fetch_counts, uri=store, **files, **options, **more)
        return piece

    return run


def test_a_valid_store_passes(
    read: Callable[..., pd.DataFrame],
    select: Callable[..., list[str]],
    fetch: Callable[..., Path],
    tmp_path: Path,
) -> None:
    store = write_census(tmp_path / "store")
    assert read(store)["soma_joinid"].tolist() == [0, 1, 2]
    assert select(store, pd.DataFrame({"gene_names": ["D", "B", "E"]})) == ["B", "D"]
    piece = fetch(store, ["ENSGB", "ENSGD"])
    keys = pd.Series(np.array([1, 2], dtype=np.uint64), index=[0, 2])
    joinids, label, counts = gather_part([piece], "ood", 0, keys)
    assert (joinids.tolist(), label.tolist()) == ([0, 2], [0, 1])
    assert csr_of(counts, 2).toarray().tolist() == [[2, 1], [1, 1]]


def test_enumerations_of_later_releases_are_read_as_text_that_is_there(
    read: Callable[[Path], pd.DataFrame], tmp_path: Path
) -> None:
    """Two diseases of a cell stay one text, which is a context of its own."""
    both = "COVID-19 || type 2 diabetes mellitus"
    plain = OBS.assign(disease=["normal", both, "normal"], donor_id=["1", "01", "NA"])
    listed = plain.copy()
    for name in ("assay", *TEXT):
        listed[name] = pd.Categorical(plain[name], [*plain[name].unique(), "of no cell"])
    found = read(write_census(tmp_path / "listed", listed))
    pd.testing.assert_frame_equal(found, read(write_census(tmp_path / "plain", plain)))
    assert found["disease"].tolist() == ["normal", both, "normal"]
    assert "of no cell" not in found["disease"].cat.categories


@pytest.mark.parametrize(
    ("tables", "missing"),
    [
        ({"obs": OBS.drop(columns="disease")}, "obs has no disease"),
        ({"var": VAR.drop(columns="feature_name")}, "var of RNA has no feature_name"),
    ],
)
def test_a_release_of_another_schema_is_known_before_it_is_read(
    tmp_path: Path, tables: dict[str, pd.DataFrame], missing: str
) -> None:
    store = write_census(tmp_path / "store", **tables)
    said = rf"{missing}: this release has another schema \(9\.0\.0\) .*check census\.\*\.uri"
    with pytest.raises(ValueError, match=said):
        check_release(store.as_posix())


@pytest.mark.parametrize("script", [read_obs, select_genes, fetch_counts])
def test_a_release_without_the_organism_is_refused_by_every_reader(
    read: Callable[..., pd.DataFrame],
    select: Callable[..., list[str]],
    fetch: Callable[..., Path],
    tmp_path: Path,
    script: ModuleType,
) -> None:
    store = write_census(tmp_path / "store", organism="mus_musculus")
    message = rf"{store}: has no cells of homo_sapiens, only of mus_musculus; set census.organism"
    with pytest.raises(ValueError, match=message):
        if script is read_obs:
            read(store)
        elif script is select_genes:
            select(store, pd.DataFrame({"gene_names": GENES}))
        else:
            fetch(store, VAR["feature_id"].tolist())
    assert [path.suffix for path in tmp_path.rglob("read/*")] == []
    assert list(tmp_path.rglob("pieces/*")) == []


def test_a_release_that_does_not_exist_is_named_before_anything_is_written(
    read: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"/2022-02-30: cannot be opened as a Census release"):
        read(tmp_path / "2022-02-30")
    assert not (tmp_path / "read").exists()


@pytest.mark.parametrize("column", ["is_primary_data", "assay", "disease_ontology_term_id"])
def test_a_missing_column_is_named_before_anything_is_written(
    read: Callable[..., pd.DataFrame], tmp_path: Path, column: str
) -> None:
    store = write_census(tmp_path / "store", obs=OBS.drop(columns=column))
    with pytest.raises(ValueError, match=rf"{store}.*obs has no column {column}"):
        read(store)
    assert not (tmp_path / "read").exists()


def test_a_soma_joinid_that_appears_twice_is_refused(
    read: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    # a table that is indexed by soma_joinid cannot hold one twice
    rows = OBS.assign(row=[0, 1, 2], soma_joinid=[4, 1, 4])
    store = write_census(tmp_path / "store", obs=rows, index="row")
    with pytest.raises(ValueError, match=rf"{store}.*a soma_joinid appears twice"):
        read(store)
    assert not (tmp_path / "read").exists()


def test_cells_in_any_order_are_put_in_order(
    read: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    rows = OBS.assign(row=[0, 1, 2], soma_joinid=[4, 1, 3], donor_id=["x", "y", "z"])
    obs = read(write_census(tmp_path / "store", obs=rows, index="row"))
    assert obs["soma_joinid"].tolist() == [1, 3, 4]
    assert obs["donor_id"].tolist() == ["y", "z", "x"]


# --- the gene list --------------------------------------------------------------------------------


def test_a_gene_list_without_a_gene_of_the_census_is_refused(
    select: Callable[..., list[str]], tmp_path: Path
) -> None:
    store = write_census(tmp_path / "store")
    ids = pd.DataFrame({"gene_names": VAR["feature_id"]})  # ids where symbols should be
    with pytest.raises(ValueError, match=r"no symbol of the gene list.*such as A, B, C"):
        select(store, ids)
    assert not (tmp_path / "genes.parquet").exists()


def test_the_gene_list_of_another_organism_is_refused(
    select: Callable[..., list[str]], tmp_path: Path
) -> None:
    many = pd.DataFrame(
        {"soma_joinid": range(30), "feature_id": [f"ENSMUSG{i}" for i in range(30)]}
    )
    many["feature_name"] = ["C3", *(f"Gene{i}" for i in range(29))]
    store = write_census(tmp_path / "store", var=many)
    human = pd.DataFrame({"gene_names": ["C3", *(f"GENE{i}" for i in range(50))]})
    with pytest.raises(ValueError, match=r"of its 51 symbols, 1 are genes .*census\.organism"):
        select(store, human)
    assert not (tmp_path / "genes.parquet").exists()
    # a short list in a large release, and a small panel under a long list
    assert select(store, human.head(1)) == ["C3"]
    panel = write_census(tmp_path / "panel", var=many.head(4))
    assert select(panel, human) == ["C3"]


def test_an_ood_release_without_a_gene_is_refused_before_any_count_is_read(
    select: Callable[..., list[str]], tmp_path: Path
) -> None:
    store = write_census(tmp_path / "store")
    other = write_census(tmp_path / "other", var=VAR[VAR["feature_name"] != "B"])
    listed = pd.DataFrame({"gene_names": GENES})
    with pytest.raises(ValueError, match=r"other: the release lacks 1 of the model's 4 genes"):
        select(store, listed, ood_uri=other)
    assert not (tmp_path / "genes.parquet").exists()
    assert select(store, listed, ood_uri=store) == GENES


def test_genes_that_an_ood_release_lacks_can_be_left_out(
    select: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = write_census(tmp_path / "store")
    other = write_census(tmp_path / "other", var=VAR[VAR["feature_name"] != "B"])
    listed = pd.DataFrame({"gene_names": GENES})
    assert select(store, listed, ood_uri=other, ood_genes="shared") == ["A", "C", "D"]
    assert "left out 1 genes that the OOD release lacks: ENSGB B\n" in capsys.readouterr().out
    few = write_census(tmp_path / "few", var=VAR.head(1))
    with pytest.raises(ValueError, match=r"few: has 1 of the 4 genes of .*store, and lacks ENSGB"):
        select(store, listed, ood_uri=few, ood_genes="shared")


def test_genes_that_an_ood_release_lacks_can_count_as_zero(
    select: Callable[..., list[str]],
    fetch: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """B lies nowhere in var: what X holds in its column is no gene of the model."""
    store = write_census(tmp_path / "store")
    other = write_census(tmp_path / "other", var=VAR[VAR["feature_name"] != "B"])
    listed = pd.DataFrame({"gene_names": GENES})
    assert select(store, listed, ood_uri=other, ood_genes="zero") == GENES
    assert "take counts of 0 for 1 genes that the OOD release lacks: ENSGB B" in (
        capsys.readouterr().out
    )
    genes = pd.read_parquet(tmp_path / "genes.parquet")
    assert genes["in_ood"].tolist() == [True, False, True, True]
    assert genes_report(genes) == (
        "Genes: 4, of which the OOD release has 3 (75.00%); the counts of the others are taken as "
        "0.\n"
    )
    assert genes_report(genes.assign(in_ood=True)).endswith("has 4 (100.00%).\n")
    ids = genes["feature_id"].tolist()
    with pytest.raises(ValueError, match=r"unless census\.missing_genes is zero"):
        fetch(other, ids)
    piece = fetch(other, ids, missing_genes="zero")
    keys = pd.Series(np.array([1, 2], dtype=np.uint64), index=[0, 2])
    counts = gather_part([piece], "ood", 0, keys)[2]
    assert csr_of(counts, 4).toarray().tolist() == [[0, 0, 0, 1], [1, 0, 1, 1]]
    few = write_census(tmp_path / "few", var=VAR.head(1))
    with pytest.raises(ValueError, match=r"few: has 1 of the 4 genes of .*store, and lacks ENSGB"):
        select(store, listed, ood_uri=few, ood_genes="zero")


def test_all_genes_of_a_symbol_are_kept(
    select: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = write_census(tmp_path / "store", var=VAR.assign(feature_name=["A", "B", "A", "D"]))
    assert select(store, pd.DataFrame({"gene_names": ["A", "D"]})) == ["A", "A", "D"]
    assert "symbol A has 2 genes, all are kept: ENSGA, ENSGC\n" in capsys.readouterr().out


def test_a_gene_list_without_its_column_is_refused(
    select: Callable[..., list[str]], tmp_path: Path
) -> None:
    store = write_census(tmp_path / "store")
    with pytest.raises(
        ValueError, match=r"gene_list\.parquet: no column gene_names, only symbol, id"
    ):
        select(store, pd.DataFrame({"symbol": GENES, "id": GENES}))


def test_a_symbol_listed_twice_gives_its_gene_once(
    select: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # scTab's own list names 7 of its 19,350 symbols twice
    store = write_census(tmp_path / "store")
    assert select(store, pd.DataFrame({"gene_names": ["D", "A", "D"]})) == ["A", "D"]
    assert "2 genes of 3 listed" in capsys.readouterr().out


def test_a_gene_that_the_census_has_twice_is_refused(
    select: Callable[..., list[str]], tmp_path: Path
) -> None:
    var = VAR.assign(feature_id=["ENSGA", "ENSGB", "ENSGA", "ENSGD"])
    store = write_census(tmp_path / "store", var=var)
    with pytest.raises(ValueError, match="gene ENSGA occurs twice in the Census"):
        select(store, pd.DataFrame({"gene_names": GENES}))


def test_a_gene_list_that_is_no_parquet_file_is_refused(
    run_script: ScriptRunner, tmp_path: Path
) -> None:
    gene_list, genes = tmp_path / "gene_list.parquet", tmp_path / "genes.parquet"
    gene_list.write_text("gene_names\nA\n")
    store = write_census(tmp_path / "store")
    with pytest.raises(pa.ArrowInvalid, match="Parquet"):
        run_script(select_genes, uri=store, gene_list=gene_list, genes=genes)
    assert not genes.exists()


def test_a_gene_list_that_is_no_longer_the_one_that_was_downloaded_is_refused(
    select: Callable[..., list[str]], tmp_path: Path
) -> None:
    store, listed = write_census(tmp_path / "store"), pd.DataFrame({"gene_names": GENES})
    assert select(store, listed) == GENES
    table = tmp_path / "datasets.tsv"
    row = f"gene_list.parquet\thttps://a/b\t{sha256(tmp_path / 'gene_list.parquet')}\n"
    table.write_text(f"name\turl\tsha256\n{row}")
    assert select(store, listed, datasets=table) == GENES
    (tmp_path / "genes.parquet").unlink()
    with pytest.raises(ValueError, match=r"gene_list\.parquet: SHA-256 is .*https://a/b\. Delete"):
        select(store, listed.head(2), datasets=table)
    record_checksum(tmp_path / "gene_list.parquet", "0" * 64)
    with pytest.raises(ValueError, match=rf"expected {'0' * 64}; .*gene_list\.parquet\.sha256"):
        select(store, listed)
    assert not (tmp_path / "genes.parquet").exists()


# --- the counts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [-1.0, np.inf, np.nan])
def test_values_that_are_no_counts_are_named_and_leave_no_piece(
    fetch: Callable[..., Path], tmp_path: Path, wrong: float
) -> None:
    counts = COUNTS.copy()
    counts[2, 1] = wrong
    store = write_census(tmp_path / "store", counts=counts)
    message = rf"{store}.*raw count {wrong} in cell 2 is no count"
    with pytest.raises(ValueError, match=message):
        fetch(store, ["ENSGA", "ENSGB"])
    assert list(tmp_path.rglob("pieces/*")) == []
    # where the gene is not wanted, nothing is wrong
    assert fetch(store, ["ENSGA", "ENSGD"]).exists()
