"""Stores that the Census's own client opens and reads, with the schema of each release."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import cellxgene_census
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import tiledbsoma
from small_simulation import CONFIG, ROOT, SMALL

import simulate_census
from hce.census.reading import open_release, read_datasets, read_obs
from hce.census.writing import (
    CensusTables,
    _process_namespace,
    _replaced_folder,
    describe_content,
    write_store,
)
from hce.files import HOST
from hce.simulation.census import SimulatedCensus

RELEASES = ("2023-05-15", "2023-12-15")
ASSAYS = ["10x 5' v2", "10x 3' v3", "10x 3' v2", "10x 5' v1", "10x 3' v1"]
OBS_STRINGS = (
    "dataset_id assay assay_ontology_term_id cell_type cell_type_ontology_term_id "
    "development_stage development_stage_ontology_term_id disease disease_ontology_term_id "
    "donor_id is_primary_data self_reported_ethnicity self_reported_ethnicity_ontology_term_id "
    "sex sex_ontology_term_id suspension_type tissue tissue_ontology_term_id tissue_general "
    "tissue_general_ontology_term_id"
)
OBS_2023_05_15 = [
    ("soma_joinid", pa.int64()),
    *(
        (name, pa.bool_() if name == "is_primary_data" else pa.large_string())
        for name in OBS_STRINGS.split()
    ),
]
OBS = {
    "2023-05-15": OBS_2023_05_15,
    "2023-12-15": [
        *OBS_2023_05_15,
        ("raw_sum", pa.float64()),
        ("nnz", pa.int64()),
        ("raw_mean_nnz", pa.float64()),
        ("raw_variance_nnz", pa.float64()),
        ("n_measured_vars", pa.int64()),
    ],
}
VAR_2023_05_15 = [
    ("soma_joinid", pa.int64()),
    ("feature_id", pa.large_string()),
    ("feature_name", pa.large_string()),
    ("feature_length", pa.int64()),
]
VAR = {
    "2023-05-15": VAR_2023_05_15,
    "2023-12-15": [*VAR_2023_05_15, ("nnz", pa.int64()), ("n_measured_obs", pa.int64())],
}


@pytest.fixture(scope="module")
def tables(census: SimulatedCensus) -> dict[str, CensusTables]:
    return {
        name: CensusTables(release.obs, release.var, release.datasets, release.counts)
        for name, release in zip(RELEASES, (census.train, census.ood), strict=True)
    }


@pytest.fixture(scope="module")
def stores(
    tables: dict[str, CensusTables], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("stores")
    for name, release in tables.items():
        write_store(folder / name, release, name)
    return {name: folder / name for name in tables}


@pytest.mark.parametrize("name", RELEASES)
def test_schema_is_that_of_the_release(stores: dict[str, Path], name: str) -> None:
    with cellxgene_census.open_soma(uri=str(stores[name])) as census:
        human = census["census_data"]["homo_sapiens"]
        assert isinstance(human, tiledbsoma.Experiment)
        obs, var = human.obs.schema, human.ms["RNA"].var.schema
        assert list(zip(obs.names, obs.types, strict=True)) == OBS[name]
        assert list(zip(var.names, var.types, strict=True)) == VAR[name]
        raw = human.ms["RNA"].X["raw"]
        assert raw.type == pa.float32()
        assert raw.shape == (human.obs.count, human.ms["RNA"].var.count)
        assert set(census["census_info"]) == {"summary", "datasets", "summary_cell_counts"}
        datasets = census["census_info"]["datasets"].schema.names
        assert ("dataset_version_id" in datasets) == (name == "2023-12-15")


@pytest.mark.parametrize("name", RELEASES)
def test_tiles_and_filters_of_the_counts(stores: dict[str, Path], name: str) -> None:
    with cellxgene_census.open_soma(uri=str(stores[name])) as census:
        raw = census["census_data"]["homo_sapiens"].ms["RNA"].X["raw"]
        options = raw.schema_config_options()
    assert options.capacity == 65_536
    assert options.allows_duplicates
    assert (options.cell_order, options.tile_order) == ("row-major", "row-major")
    dims = json.loads(options.dims)
    assert [dims[dim]["tile"] for dim in ("soma_dim_0", "soma_dim_1")] == ["2048", "2048"]
    steps = {dim: [step["name"] for step in dims[dim]["filters"]] for dim in dims}
    # the checksum is ours, of what the disk holds
    assert steps == {
        "soma_dim_0": ["ZSTD", "CHECKSUM_SHA256"],
        "soma_dim_1": ["BYTESHUFFLE", "ZSTD", "CHECKSUM_SHA256"],
    }
    fragments = stores[name] / "census_data/homo_sapiens/ms/RNA/X/raw/__fragments"
    assert len(list(fragments.iterdir())) == 1


@pytest.mark.parametrize("name", RELEASES)
def test_tables_and_counts_come_back(
    stores: dict[str, Path], tables: dict[str, CensusTables], name: str
) -> None:
    with open_release(str(stores[name])) as release:
        human = release.census["census_data"]["homo_sapiens"]
        obs = human.obs.read().concat().to_pandas()
        var = human.ms["RNA"].var.read().concat().to_pandas()
        entries = human.ms["RNA"].X["raw"].read().coos().concat().to_scipy()
        datasets = read_datasets(release)
    for read, written in (
        (obs, tables[name].obs),
        (var, tables[name].var),
        (datasets, tables[name].datasets),
    ):
        assert (read.pop("soma_joinid") == np.arange(len(read))).all()
        pd.testing.assert_frame_equal(read, written)
    assert (entries.tocsr() != tables[name].counts).nnz == 0


@pytest.mark.parametrize("name", RELEASES)
def test_value_filter_equals_pandas(
    stores: dict[str, Path], tables: dict[str, CensusTables], name: str
) -> None:
    with open_release(str(stores[name])) as census:
        read = read_obs(census, ASSAYS).to_pandas()
    obs = tables[name].obs
    expected = obs[obs["is_primary_data"] & obs["assay"].isin(ASSAYS)]
    assert 0 < len(expected) < len(obs)
    assert (read["soma_joinid"] == expected.index).all()
    assert (read["cell_type"].astype(str) == expected["cell_type"].to_numpy()).all()


@pytest.mark.parametrize("name", RELEASES)
def test_summaries_count_the_cells(
    stores: dict[str, Path], tables: dict[str, CensusTables], name: str
) -> None:
    with cellxgene_census.open_soma(uri=str(stores[name])) as census:
        summary = census["census_info"]["summary"].read().concat().to_pandas()
        counts = census["census_info"]["summary_cell_counts"].read().concat().to_pandas()
    stated = summary.set_index("label")["value"]
    obs = tables[name].obs
    assert stated["census_build_date"] == name
    assert int(stated["total_cell_count"]) == len(obs)
    assert (counts.groupby("category")["total_cell_count"].sum() == len(obs)).all()
    unique = counts.groupby("category")["unique_cell_count"].sum()
    assert (unique == obs["is_primary_data"].sum()).all()
    t_cells = counts.query("category == 'cell_type' and label == 'T cell'").iloc[0]
    assert t_cells["total_cell_count"] == (obs["cell_type"] == "T cell").sum()
    assert t_cells["ontology_term_id"] == "CL:0000084"


# tiledbsoma hands its integer index to AnnData, which says that it makes text of it
@pytest.mark.filterwarnings("ignore:Transforming to str index")
def test_the_client_reads_anndata_and_presence(
    stores: dict[str, Path], tables: dict[str, CensusTables]
) -> None:
    name = "2023-05-15"
    genes = tables[name].var["feature_name"].iloc[[3, 5, 8]].tolist()
    with cellxgene_census.open_soma(uri=str(stores[name])) as census:
        cells = cellxgene_census.get_anndata(
            census,
            "Homo sapiens",
            obs_coords=[2, 4, 7],
            var_value_filter=f"feature_name in {genes}",
        )
        presence = cellxgene_census.get_presence_matrix(census, "Homo sapiens")
    expected = tables[name].counts[[2, 4, 7]][:, [3, 5, 8]]
    np.testing.assert_array_equal(cells.X.toarray(), expected.toarray())
    assert presence.shape == (len(tables[name].datasets), len(tables[name].var))
    assert presence.sum() == presence.shape[0] * presence.shape[1]


def write_by_command_line(folder: Path, ontology: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    options = {
        "ontology": ontology,
        "cell-types": ROOT / "config" / "cell_types.tsv",
        "parameters": json.dumps({**CONFIG["simulation"], **SMALL}),
        "train-release": RELEASES[0],
        "ood-release": RELEASES[1],
        "stores": folder,
        "genes": folder / "protein_coding_genes.parquet",
        "manifest": folder / "manifest.json",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    monkeypatch.setattr(sys, "argv", ["simulate_census.py", *words])
    simulate_census.main()
    return folder / "manifest.json"


def test_two_runs_give_the_same_manifest(
    ontology: Path,
    tables: dict[str, CensusTables],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = write_by_command_line(tmp_path / "1", ontology, monkeypatch)
    second = write_by_command_line(tmp_path / "2", ontology, monkeypatch)
    assert first.read_bytes() == second.read_bytes()
    stated = json.loads(first.read_text())["releases"]
    assert stated == {name: describe_content(tables[name]) for name in RELEASES}
    genes = pd.read_parquet(tmp_path / "1" / "protein_coding_genes.parquet")
    assert genes.columns.tolist() == ["gene_names"]
    assert genes.index.isin(tables[RELEASES[0]].var["feature_id"]).all()


def test_an_old_store_is_replaced_only_by_a_complete_one(
    tables: dict[str, CensusTables], tmp_path: Path
) -> None:
    name = "2023-05-15"
    folder = tmp_path / name
    good = tables[name]
    tiledbsoma.Collection.create(folder.as_posix()).close()
    (folder / "old").write_text("old")
    broken = dataclasses.replace(good, obs=good.obs.drop(columns="is_primary_data"))
    with pytest.raises(KeyError):
        write_store(folder, broken, name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (folder / "old").exists()
    write_store(folder, good, name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert not (folder / "old").exists()


def test_a_folder_that_is_no_store_is_kept(tables: dict[str, CensusTables], tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match=rf"{folder}: is there and no TileDB-SOMA store"):
        write_store(folder, tables[RELEASES[0]], RELEASES[0])
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "thesis.txt"]


# --- damage, and writers at the same time ---------------------------------------------------------


def test_a_flipped_bit_is_refused_wherever_it_is(
    tables: dict[str, CensusTables], tmp_path: Path
) -> None:
    """In each file of values; without a checksum half of these give other values instead."""
    name = "2023-12-15"
    write_store(tmp_path / name, tables[name], name)
    human = tmp_path / name / "census_data/homo_sapiens"
    arrays = (human / "ms/RNA/X/raw", human / "obs")
    # files of some bytes hold an offset that nobody reads, and which values are missing: none
    files = [
        path
        for array in arrays
        for path in array.rglob("__fragments/*/[ad]*.tdb")
        if path.stat().st_size > 64
    ]
    assert len(files) > 20
    for path in sorted(files):
        content = bytearray(path.read_bytes())
        content[len(content) * 2 // 3] ^= 4
        path.write_bytes(content)
        with (
            pytest.raises(ValueError, match=rf"{name}: cannot be read \(.*; if the disk"),
            open_release(str(tmp_path / name)) as release,
        ):
            if "raw" in path.parts:
                list(release.experiment.ms["RNA"].X["raw"].read().tables())
            else:
                release.experiment.obs.read().concat()
        content[len(content) * 2 // 3] ^= 4
        path.write_bytes(content)
    with open_release(str(tmp_path / name)) as release:
        assert read_obs(release, ASSAYS).num_rows


def test_writers_of_one_process_number_do_not_meet(tmp_path: Path) -> None:
    """As in two containers; what they have begun is there until both have ended."""
    folder = tmp_path / "store"
    with _replaced_folder(folder) as first, _replaced_folder(folder) as second:
        assert first != second
        for unfinished in (first, second):
            tiledbsoma.Collection.create(unfinished.as_posix()).close()
        (first / "first").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
    assert (folder / "first").exists()


def test_only_what_killed_writers_left_is_removed(
    tmp_path: Path,
) -> None:
    here = f"{HOST}.{_process_namespace()}"
    gone = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, check=True).stdout.decode()
    left = {
        f".store.{here}.{gone.strip()}.0a.part": False,
        f".store.{here}.{os.getppid()}.0a.part": True,
        f".store.{here}.{gone.strip()}.0a.kept": True,
        f".other.{here}.{gone.strip()}.0a.part": True,
        # a container whose processes are not to be seen from here
        f".store.{HOST}.1.{gone.strip()}.0a.part": True,
        f".store.elsewhere.1.{gone.strip()}.0a.part": False,
    }
    for name in left:
        (tmp_path / name / "in").mkdir(parents=True)
    for path in (tmp_path / name, tmp_path / name / "in"):
        os.utime(path, (0, 0))
    # a folder is as old as the newest that lies in it
    os.utime(tmp_path / f".store.{HOST}.1.{gone.strip()}.0a.part", (0, 0))
    with _replaced_folder(tmp_path / "store") as unfinished:
        tiledbsoma.Collection.create(unfinished.as_posix()).close()
    there = {path.name for path in tmp_path.iterdir()}
    assert there == {"store", *(name for name, stays in left.items() if stays)}


def test_a_store_of_a_run_that_is_gone_does_not_take_its_place(
    tables: dict[str, CensusTables], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "2023-05-15"
    tiledbsoma.Collection.create((tmp_path / name).as_posix()).close()
    (tmp_path / name / "newer").touch()
    monkeypatch.setenv("HCE_RUN", f"{HOST} {2**22 + 1}")
    with pytest.raises(ProcessLookupError, match=rf"{name}: not written, because the run"):
        write_store(tmp_path / name, tables[name], name)
    assert (tmp_path / name / "newer").exists()
    assert len(list(tmp_path.iterdir())) == 1
