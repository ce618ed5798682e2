"""Input that is broken, incomplete or of another run stops a job with an error that says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import tiledbsoma
import torch
from repository_copy import REPOSITORY
from shard_example import random_cells, write_shards

import fetch_ontology
import predict
import select_cells
import summarize_hierarchy
from hce.census.reading import open_release, read_obs
from hce.files import record_checksum, sha256
from hce.hierarchy.files import write_reachability
from hce.models import ModelFacts, build_model, save_model
from hce.shards import ShardReader
from hce.training.state import copy_weights

OboWriter = Callable[..., Path]
ScriptRunner = Callable[..., None]
PARENTS = {
    "CL:0000000": [],
    "CL:0000001": ["CL:0000000"],
    "CL:0000002": ["CL:0000001"],
    "CL:0000003": ["CL:0000001"],
}


# --- the Census -----------------------------------------------------------------------------------


def test_an_empty_folder_is_no_census(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"{tmp_path}: cannot be opened as a Census release"):
        open_release(tmp_path.as_posix())


def test_a_folder_that_does_not_exist_is_no_census(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere: cannot be opened.*check census\.\*\.uri"):
        open_release((tmp_path / "nowhere").as_posix())


def test_another_soma_collection_is_no_census(tmp_path: Path) -> None:
    uri = (tmp_path / "store").as_posix()
    with tiledbsoma.Collection.create(uri) as collection:
        collection.add_new_collection("census_info")
    with pytest.raises(ValueError, match="no Census: census_data is missing"):
        open_release(uri)


def census_of(folder: Path, obs: pd.DataFrame) -> SimpleNamespace:
    """A real SOMA table in the place of a Census's obs."""
    table = pa.Table.from_pandas(obs, preserve_index=False)
    uri = (folder / "obs").as_posix()
    with tiledbsoma.DataFrame.create(uri, schema=table.schema, domain=[(0, len(obs) - 1)]) as frame:
        frame.write(table)
    return SimpleNamespace(experiment=SimpleNamespace(obs=tiledbsoma.DataFrame.open(uri)))


def example_obs(**columns: list[object]) -> pd.DataFrame:
    """Two cells with every column that is read."""
    names = ["dataset_id", "donor_id", "assay", "cell_type", "cell_type_ontology_term_id"]
    names += ["tissue", "tissue_general", "tissue_general_ontology_term_id"]
    names += ["disease", "disease_ontology_term_id"]
    cells = {"soma_joinid": [0, 1]} | {name: ["a", "b"] for name in names}
    return pd.DataFrame(cells | {"is_primary_data": [True, False]} | columns)


def test_a_census_without_a_cell_that_passes_the_filter_is_refused(tmp_path: Path) -> None:
    census = census_of(tmp_path, example_obs(assay=["10x 3' v3", "10x 3' v3"]))
    assert read_obs(census, ["10x 3' v3"]).num_rows == 1
    with pytest.raises(ValueError, match=r"no cell passes the filter .*10x 5' v1"):
        read_obs(census, ["10x 5' v1"])


@pytest.mark.parametrize("listed", ["10X 3' v3", "10x 3\u2032 v3", "10x_3'_v3", " 10x 3' v3"])
def test_an_assay_in_another_spelling_is_named_as_the_cells_have_it(
    tmp_path: Path, listed: str
) -> None:
    """Also beside another that passes: its cells would be missing without a word."""
    names = ["10x 3' v3", "10x 5' v1"]
    census = census_of(tmp_path, example_obs(assay=names, is_primary_data=[True, True]))
    for assays in ([listed], [listed, "10x 5' v1"]):
        with pytest.raises(ValueError, match="no cell has the assay") as error:
            read_obs(census, assays)
        assert f'no cell has the assay {listed!r}, but some have "10x 3\' v3"; ' in str(error.value)
    # one that the release lacks, or has too, is no other spelling
    assert read_obs(census, ["10x 3' v2", "10x 5' v1"]).num_rows == 1
    assert read_obs(census, [listed, *names]).num_rows == 2
    with pytest.raises(ValueError, match=r"those of the cells \[\"10x 3' v3\", \"10x 5' v1\"\]"):
        read_obs(census, ["Drop-seq"])


def test_a_census_without_a_column_is_refused(tmp_path: Path) -> None:
    census = census_of(tmp_path, example_obs().drop(columns=["donor_id", "disease"]))
    with pytest.raises(ValueError, match="obs has no column donor_id, disease"):
        read_obs(census, ["10x 3' v3"])


# --- the ontology ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"CL:0000001": ["CL:0000002"]}, r"is_a relations form a cycle: CL:000000\d -> CL"),
        ({"CL:0000003": ["CL:0000099"]}, "CL:0000003 is_a CL:0000099, which the file does not"),
    ],
)
def test_a_broken_ontology_does_not_become_the_ontology_of_the_run(
    write_obo: OboWriter,
    run_script: ScriptRunner,
    tmp_path: Path,
    changes: dict[str, list[str]],
    message: str,
) -> None:
    file = write_obo(PARENTS | changes)
    with pytest.raises(ValueError, match=rf"{file}: .*{message}"):
        run_script(
            fetch_ontology, file=file, obo=tmp_path / "cl.obo", checksum=tmp_path / "cl.sha256"
        )
    assert list(tmp_path.iterdir()) == []


def test_an_ontology_file_with_another_checksum_is_refused(
    write_obo: OboWriter, run_script: ScriptRunner, tmp_path: Path
) -> None:
    file, target = write_obo(PARENTS), tmp_path / "cl.obo"
    outputs = {"obo": target, "checksum": tmp_path / "cl.obo.sha256"}
    right = sha256(file)
    wrong = "0" * 64
    with pytest.raises(ValueError, match=rf"{file}: SHA-256 is {right}, expected {wrong}"):
        run_script(fetch_ontology, file=file, sha256=wrong, **outputs)
    assert not target.exists()
    run_script(fetch_ontology, file=file, sha256=right, **outputs)
    assert target.read_text() == file.read_text()
    assert outputs["checksum"].read_text() == f"{right}  cl.obo\n"


def test_an_ontology_that_was_changed_since_it_was_fetched_is_refused(
    write_obo: OboWriter, run_script: ScriptRunner, tmp_path: Path
) -> None:
    source, table = write_obo(PARENTS), tmp_path / "datasets.tsv"
    record_checksum(source, sha256(source))
    table.write_text(f"name\turl\tsha256\n{source.name}\thttps://a/b\t\n")
    target, summary = tmp_path / "run" / "cl.obo", tmp_path / "summary.tsv"
    outputs = {"obo": target, "checksum": tmp_path / "run" / "cl.obo.sha256"}
    run_script(fetch_ontology, file=source, datasets=table, **outputs)
    assert sorted(path.name for path in target.parent.iterdir()) == ["cl.obo", "cl.obo.sha256"]
    # the one that was downloaded, and the one that the steps of the run read
    errors = {source: r"since it came from https://a/b\. Delete", target: "Delete it"}
    for path, error in errors.items():
        path.write_text(path.read_text() + "\n")
        with pytest.raises(ValueError, match=rf"{path}: SHA-256 is .* expected .*{error}"):
            if path == source:
                run_script(fetch_ontology, file=source, datasets=table, **outputs)
            else:
                types = REPOSITORY / "config" / "cell_types.tsv"
                run_script(summarize_hierarchy, ontology=path, cell_types=types, output=summary)
    assert not summary.exists()


# --- the selection --------------------------------------------------------------------------------


@pytest.fixture
def select(run_script: ScriptRunner, write_obo: OboWriter, tmp_path: Path) -> ScriptRunner:
    """Function (cell types in cells, options) that selects among 20 cells of 10 donors a type."""

    def run(terms: list[str], **options: object) -> None:
        cells = pd.DataFrame({"cell_type_ontology_term_id": np.repeat(terms, 20)})
        cells["donor_id"] = [f"donor {number % 10}" for number in range(len(cells))]
        cells["soma_joinid"] = range(len(cells))
        cells["cell_type"] = "label of " + cells["cell_type_ontology_term_id"]
        for name in ("assay", "tissue_general", "disease"):
            cells[name] = cells[f"{name}_ontology_term_id"] = name
        files = {}
        for release in ("train", "ood"):
            obs, datasets = (
                tmp_path / f"{release}.parquet",
                tmp_path / f"{release}_datasets.parquet",
            )
            cells.assign(dataset_id=release).to_parquet(obs)
            table = {"dataset_id": [release], "collection_id": [f"collection of {release}"]}
            pd.DataFrame(table).to_parquet(datasets)
            files |= {f"{release}_obs": obs, f"{release}_datasets": datasets}
        settings = {"root": "CL:0000000", "min_cells": 1, "min_tech_samples": 1}
        settings |= {"min_ancestors": 1, "validation_share": 0.2, "test_share": 0.2}
        settings |= {"split_seed": 1, "row_group": 1, "shuffle_seed": 1}
        settings |= {"ontology": write_obo(PARENTS), "cells": tmp_path / "cells.parquet"}
        run_script(select_cells, **files, **(settings | options))

    return run


def test_enough_cell_types_are_selected(select: ScriptRunner, tmp_path: Path) -> None:
    select(["CL:0000002", "CL:0000003", "CL:0000001"])
    cells = pd.read_parquet(tmp_path / "cells.parquet")
    assert cells.groupby("split", observed=True).size().to_dict() == {
        "train": 24,
        "val": 8,
        "test": 8,
        "ood": 40,
    }


def test_an_obsolete_id_and_its_replacement_are_one_class(
    select: ScriptRunner,
    write_obo: OboWriter,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    obsolete = "[Term]\nid: CL:0000009\nname: old\nis_obsolete: true\nreplaced_by: CL:0000003"
    ontology = write_obo(PARENTS, obsolete)
    classes = {}
    for terms in (["CL:0000002", "CL:0000003", "CL:0000009"], ["CL:0000002", "CL:0000009"]):
        select(terms, ontology=ontology)
        cells = pd.read_parquet(tmp_path / "cells.parquet").query("split == 'ood'")
        classes[len(terms)] = cells["cell_type_ontology_term_id"].value_counts().to_dict()
    # two ids are merged, one alone keeps its name
    assert classes == {
        3: {"CL:0000003": 40, "CL:0000002": 20},
        2: {"CL:0000009": 20, "CL:0000002": 20},
    }
    assert capsys.readouterr().out.count("merged: CL:0000009 into CL:0000003, which replaced") == 1


@pytest.mark.parametrize(
    ("terms", "left"), [(["CL:0000001"], 0), (["CL:0000001", "CL:0000002"], 1)]
)
def test_fewer_than_two_cell_types_are_refused(
    select: ScriptRunner, tmp_path: Path, terms: list[str], left: int
) -> None:
    with pytest.raises(ValueError, match=rf"{left} cell types left of {len(terms)} .*`selection`"):
        select(terms)
    assert not (tmp_path / "cells.parquet").exists()


def test_a_cell_type_that_the_ontology_lacks_is_named(select: ScriptRunner) -> None:
    with pytest.raises(ValueError, match=r"cl\.obo .*no term CL:0000077"):
        select(["CL:0000002", "CL:0000003", "CL:0000077"])


def test_an_ontology_without_the_root_is_refused(select: ScriptRunner) -> None:
    with pytest.raises(ValueError, match=r"cl\.obo: no term CL:0000255; its roots: CL:0000000"):
        select(["CL:0000002", "CL:0000003"], root="CL:0000255")


def test_too_few_cells_for_a_row_group_are_refused(select: ScriptRunner) -> None:
    with pytest.raises(ValueError, match=r"split val has 8 cells.*row group of 16.*row_group"):
        select(["CL:0000002", "CL:0000003"], row_group=16)


# --- shards and models ----------------------------------------------------------------------------


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Shards of one split: 2 shards of cells with 6 genes and 3 classes."""
    parts = [random_cells(40, 6, 3, seed, first_joinid=100 * seed) for seed in (1, 2)]
    return write_shards(tmp_path / "shards", {"test": parts})


def test_a_shard_cut_short_is_found_when_it_is_opened(manifest: Path) -> None:
    shard = manifest.parent / "test" / "part-00001.zarr.zip"
    content = shard.read_bytes()
    shard.write_bytes(content[:-100])
    message = rf"{shard}: has {len(content) - 100} bytes.*cut short.*run snakemake again"
    with pytest.raises(ValueError, match=message):
        ShardReader(manifest, "test")


def test_a_shard_changed_on_disk_is_found_when_it_is_read(manifest: Path) -> None:
    shard = manifest.parent / "test" / "part-00001.zarr.zip"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    reader = ShardReader(manifest, "test")
    with pytest.raises(ValueError, match=rf"{shard}: its SHA-256 differs.*Delete it and run"):
        list(reader.in_order(10))


def test_a_missing_shard_is_named(manifest: Path) -> None:
    shard = manifest.parent / "test" / "part-00000.zarr.zip"
    shard.unlink()
    with pytest.raises(FileNotFoundError, match=rf"{shard}: listed in .*, but missing"):
        ShardReader(manifest, "test")


@pytest.mark.parametrize(
    ("n_genes", "terms", "message"),
    [
        (7, ["CL:1", "CL:2", "CL:3"], "trained on 7 genes, the cells have 6"),
        (6, ["CL:1", "CL:2"], "trained on 2 cell types, which are not the 3 of this run"),
        (6, ["CL:1", "CL:3", "CL:2"], r"trained on 3 cell types, .*\(or not in this order\)"),
    ],
)
def test_a_model_of_other_genes_or_classes_predicts_nothing(
    manifest: Path,
    run_script: ScriptRunner,
    tmp_path: Path,
    n_genes: int,
    terms: list[str],
    message: str,
) -> None:
    model, cell_types = tmp_path / "model.safetensors", tmp_path / "cell_types.tsv"
    network = build_model("linear", n_genes, len(terms))
    genes, matrix = [f"GENE{i}" for i in range(n_genes)], np.eye(len(terms), dtype=bool)
    facts = ModelFacts("linear", {}, genes, genes, terms, terms, matrix)
    save_model(model, copy_weights(network), facts)
    table = pd.DataFrame({"index": range(3), "ontology_term_id": ["CL:1", "CL:2", "CL:3"]})
    table.to_csv(cell_types, sep="\t", index=False)
    write_reachability(tmp_path / "reachability.npz", np.eye(3, dtype=bool), terms)
    threads = torch.get_num_threads()
    with pytest.raises(ValueError, match=rf"{model}: {message}"):
        run_script(
            predict,
            models=[model],
            manifest=manifest,
            cell_types=cell_types,
            reachability=tmp_path / "reachability.npz",
            splits=["test"],
            device="cpu",
            threads=threads,
            seeds=[0],
            threshold_calls=tmp_path / "predictions" / "threshold_calls.parquet",
            predictions=[tmp_path / "predictions" / "test.parquet"],
        )
    assert list(tmp_path.glob("predictions/*")) == []
