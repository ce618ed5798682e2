"""A slice of a Census, through the workflow: planned, fetched by tiles, grown without fetching."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import anndata as ad
import pandas as pd
import pytest
import yaml
from repository_copy import TINY, FinishedRun, copy_repository, snakemake
from test_real_cells import FOLDER, ONTOLOGY, SMALL, STUDIES, write_studies

from hce.tables import read_table

SLICE = {"shares": {"val": 0.5, "test": 0.5, "ood": 0.5}, "min_gain": 0.1}


@pytest.fixture(scope="module")
def released(finished_run: FinishedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose configuration takes the simulated stores of a run for releases."""
    folder = copy_repository(tmp_path_factory.mktemp("slice"))
    stores = finished_run.results / "simulated_census"
    tiny = yaml.safe_load((folder / "config" / "tiny.yaml").read_text())
    census = {"source": "released", "gene_list": str(stores / "protein_coding_genes.parquet")}
    for name, release in (("train", "2023-05-15"), ("ood", "2023-12-15")):
        census[name] = {"release": release, "uri": str(stores / release)}
    configuration = tiny | {"results": "results-slice", "census": census, "slice": SLICE}
    (folder / "slice.yaml").write_text(yaml.safe_dump(configuration))
    return folder


def run(folder: Path, size: int, *targets: str) -> str:
    """Make some targets with a slice of this size."""
    done = snakemake(
        *(folder, "--cores", "2", "--configfile", "slice.yaml"),
        *("--config", f"slice={{cells_per_type: {size}}}", "--", *targets),
    )
    assert done.returncode == 0, done.output[-3000:]
    return done.output


def fetched(folder: Path) -> list[int]:
    """Tiles that the last run fetched, and those that it found."""
    said = "".join(
        path.read_text() for path in (folder / "results-slice/logs/fetch_counts").rglob("*.log")
    )
    found = re.findall(r"([\d,]+) tiles fetched, ([\d,]+) were there", said)
    return [sum(int(pair[i]) for pair in found) for i in (0, 1)]


def test_a_slice_is_planned_then_fetched_and_grows_without_fetching(released: Path) -> None:
    planned = run(released, 5, "plan")
    assert "5 a type: " in planned and "tiles are kept" in planned
    assert not (released / "results-slice/shards").exists()
    manifest = "results-slice/shards/manifest.json"
    run(released, 5, manifest)
    small = read_table(released / "results-slice/atlas/cells.parquet")
    n_tiles, none = fetched(released)
    assert n_tiles > 0 and none == 0
    run(released, 10, manifest)
    large = read_table(released / "results-slice/atlas/cells.parquet")
    assert fetched(released) == [0, n_tiles]  # two tiles a release: all are there
    keys = ["split", "soma_joinid"]
    assert len(small.merge(large, on=keys)) == len(small) < len(large)
    table = read_table(released / "results-slice/tables/slice.tsv")
    assert (table["cells"] <= table["wanted"]).all()
    assert (table.loc[table["split"] == "train", "wanted"] <= 10).all()
    assert set(table["data_source"]) == {
        "CELLxGENE Census 2023-05-15 and 2023-12-15, 10 training cells a type at most"
    }
    sizes = table.groupby("split")["cells"].sum()
    assert sizes.to_dict() == large["split"].value_counts().to_dict()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("{cells_per_type: 0}", "cells_per_type: 0 is less than the minimum of 1"),
        ("{tissues: [lunge]}", "slice.tissues: no selected cell has 'lunge'"),
    ],
)
def test_a_slice_that_cannot_be_is_refused_before_counts_are_read(
    released: Path, given: str, message: str
) -> None:
    done = snakemake(
        *(released, "--cores", "2", "--configfile", "slice.yaml", "--show-failed-logs"),
        *("--config", f"slice={given}", "results=results-refused", "--", "plan"),
    )
    assert done.returncode != 0
    assert message in done.output


def test_tiny_has_a_learning_curve_to_its_last_point(
    finished_run: FinishedRun, tmp_path: Path
) -> None:
    # other tests count what the run has left
    folder = Path(shutil.copytree(finished_run.folder, tmp_path / "copy", symlinks=True))
    done = snakemake(
        *(folder, "--cores", "2", *TINY, "--config"),
        *("learning_curve={cells_per_type: [8], architectures: [linear]}",),
        *("--", "learning_curve"),
    )
    assert done.returncode == 0, done.output[-3000:]
    table = read_table(folder / "results-tiny/figures/source_data/learning_curve.csv")
    ood = table[table["split"] == "ood"]
    # two sizes, two losses, two seeds
    assert len(ood) == 8
    sizes = ood.groupby("train_cells")["cells_per_type"].first()
    assert sizes.index.is_monotonic_increasing
    assert sizes.iloc[0] == 8 and pd.isna(sizes.iloc[1])
    runs = read_table(finished_run.results / "tables/macro_f1_runs.tsv")
    mine = runs[(runs["architecture"] == "linear") & (runs["split"] == "ood")]
    last = ood[ood["cells_per_type"].isna()]
    assert sorted(last["macro_f1"]) == pytest.approx(sorted(mine["macro_f1"]))


def test_a_slice_of_real_cells_has_its_quotas(tmp_path: Path) -> None:
    missing = [name for name in STUDIES if not (FOLDER / "real" / f"{name}.h5ad").is_file()]
    if missing or not (FOLDER / ONTOLOGY).is_file():
        pytest.skip(f"no real studies in {FOLDER}; set HCE_REFERENCE to their folder")
    folder = copy_repository(tmp_path)
    write_studies(folder)
    configuration = SMALL | {
        "results": "results-real",
        "census": {
            "source": "h5ad",
            "train": {"release": "2020-01-01", "files": ["onek1k.h5ad", "zheng2017.h5ad"]},
            "ood": {"release": "2021-01-01", "files": ["pbmc3k.h5ad"]},
            "assays": ["10x 3' v1", "10x 3' v2"],
        },
        "ontology": {"source": "file", "path": str(FOLDER / ONTOLOGY)},
        "slice": {"cells_per_type": 60} | SLICE,
    }
    (folder / "config" / "real.yaml").write_text(yaml.safe_dump(configuration))
    (folder / "config" / "config.yaml").unlink()
    targets = ("results-real/shards/manifest.json", "plan")
    done = snakemake(folder, "--cores", "2", "--configfile", "config/real.yaml", "--", *targets)
    assert done.returncode == 0, done.output[-5000:]
    table = read_table(folder / "results-real/tables/slice.tsv")
    train = table[table["split"] == "train"]
    assert (train["cells"] > 0).all()
    assert (train["wanted"] == train["available"].clip(upper=60)).all()
    assert (train["cells"] == train["wanted"]).mean() > 0.5
    n_cells = sum(
        ad.read_h5ad(folder / f"{name}.h5ad", backed="r").n_obs for name in ("onek1k", "zheng2017")
    )
    assert train["cells"].sum() < n_cells / 4
