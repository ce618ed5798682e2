"""Three small real studies of blood, through the door for own files: what holds on any data.

The studies are no part of the project. They are looked for in `real` in the folder named by the
environment variable HCE_REFERENCE, else in ../shared/reference beside the project; without them
these tests are skipped. HCE_REAL_SEEDS=0,1,2,3 and HCE_REAL_EPOCHS=30 make the trial of
docs/real-cells.md of them, which `pytest -s` prints.
"""

from __future__ import annotations

import os
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import yaml
from repository_copy import REPOSITORY, copy_repository, snakemake

FOLDER = Path(os.environ.get("HCE_REFERENCE", str(REPOSITORY.parent / "shared" / "reference")))
STUDIES = ("zheng2017", "pbmc3k", "onek1k")
ONTOLOGY = "cl-simple-2026-03-26.obo.gz"
SEEDS = [int(seed) for seed in os.environ.get("HCE_REAL_SEEDS", "0,1").split(",")]
EPOCHS = int(os.environ.get("HCE_REAL_EPOCHS", "3"))
SMALL = {
    "architectures": ["linear", "mlp"],
    "seeds": SEEDS,
    "selection": {"min_cells": 50, "min_tech_samples": 3, "min_ancestors": 0},
    "split": {"row_group": 16},
    "shards": {
        "parts": 1,
        "ranges": {"train": 1, "ood": 1},
        "buckets": dict.fromkeys(("train", "val", "test", "ood"), 1),
    },
    "augmentation": {
        "n_cells": 10_000,
        "n_clusters": 20,
        "min_cluster_size": 20,
        "n_vectors": 200,
    },
    "training": {"batch_size": 256, "max_epochs": EPOCHS, "patience": 5},
}
TABLES = ("macro_f1", "per_cell_type", "decisions", "metrics", "new_study")


def write_studies(folder: Path) -> None:
    """The studies with the genes that all of them have (one was published with 1,000)."""
    files = {name: ad.read_h5ad(FOLDER / "real" / f"{name}.h5ad") for name in STUDIES}
    shared = sorted(set.intersection(*(set(cells.var_names) for cells in files.values())))
    for name, cells in files.items():
        cells[:, shared].copy().write_h5ad(folder / f"{name}.h5ad")


@pytest.fixture(scope="module", params=["pbmc3k", "zheng2017"])
def trial(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train on two studies, test on the third; returns the results folder."""
    missing = [name for name in STUDIES if not (FOLDER / "real" / f"{name}.h5ad").is_file()]
    if missing or not (FOLDER / ONTOLOGY).is_file():
        pytest.skip(f"no real studies in {FOLDER}; set HCE_REFERENCE to their folder")
    folder = copy_repository(tmp_path_factory.mktemp(f"real-{request.param}"))
    write_studies(folder)
    train = [f"{name}.h5ad" for name in STUDIES if name != request.param]
    configuration = SMALL | {
        "results": "results-real",
        "census": {
            "source": "h5ad",
            "train": {"release": "2020-01-01", "files": train},
            "ood": {"release": "2021-01-01", "files": [f"{request.param}.h5ad"]},
            "assays": ["10x 3' v1", "10x 3' v2"],
        },
        "ontology": {"source": "file", "path": str(FOLDER / ONTOLOGY)},
    }
    (folder / "config" / "real.yaml").write_text(yaml.safe_dump(configuration))
    # else the demo's configuration would be below it
    (folder / "config" / "config.yaml").unlink()
    wanted = [f"results-real/tables/{name}.tsv" for name in TABLES]
    run = snakemake(folder, "--cores", "2", "--configfile", "config/real.yaml", "--", *wanted)
    assert run.returncode == 0, run.output[-5000:]
    return folder / "results-real"


def test_every_cell_and_label_of_a_real_study_is_scored(trial: Path) -> None:
    tables = {name: pd.read_csv(trial / "tables" / f"{name}.tsv", sep="\t") for name in TABLES}
    cells = pd.read_parquet(trial / "atlas" / "cells.parquet")
    ood = cells[cells["split"] == "ood"]
    assert len(ood) > 1000
    per_type = tables["per_cell_type"][tables["per_cell_type"]["split"] == "ood"]
    for _, part in per_type.groupby("architecture"):
        assert set(part["label"]) == set(ood["cell_type"])
        assert part["support"].sum() == len(ood)
    whole = tables["macro_f1"][tables["macro_f1"]["split"] == "ood"]
    assert np.isfinite(whole["gain_mean"]).all()
    assert whole[["ce_mean", "hce_mean"]].gt(0).all(axis=None)
    (source,) = set(whole["data_source"])
    assert source.startswith("h5ad files, 2020-01-01 and 2021-01-01, seed")
    decisions = tables["decisions"]
    paper = decisions[(decisions["metric"] == "corrected_f1") & (decisions["split"] == "ood")]
    gain = paper[paper["rule"] == "argmax"].set_index("architecture")["delta_mean"]
    pd.testing.assert_series_equal(
        gain.sort_index(),
        whole.set_index("architecture")["gain_mean"].sort_index(),
        check_names=False,
    )
    # one study says nothing of the next
    meta = tables["new_study"][tables["new_study"]["method"] == "meta-analysis"]
    assert meta["prediction_low"].isna().all()
    columns = ["architecture", "metric", "rule", "ce_mean", "hce_mean", "delta_mean", "delta_sd"]
    print(decisions.loc[decisions["split"] == "ood", columns].round(3).to_string())
