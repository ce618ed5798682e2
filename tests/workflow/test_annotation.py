"""Annotation with the models of a run: equal to predict, by script and by rule."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from repository_copy import TINY, FinishedRun, snakemake
from scipy import sparse
from zarr.storage import ZipStore

pytestmark = pytest.mark.end_to_end
THRESHOLD = 0.8  # decoding.threshold, which predict takes


def cells_of(run: FinishedRun, split: str) -> anndata.AnnData:
    """The cells of a split as a user would have them, genes by symbol and in another order."""
    shards = [
        anndata.io.read_zarr(ZipStore(path, mode="r"))
        for path in sorted((run.results / "shards" / split).glob("part-*"))
    ]
    counts = sparse.vstack(
        [sparse.csr_matrix(shard.X.toarray().astype(np.float32)) for shard in shards]
    )
    joinids = np.concatenate([shard.obs["soma_joinid"] for shard in shards])
    labels = np.concatenate([shard.obs["label"] for shard in shards])
    types = pd.read_csv(run.results / "ontology" / "cell_types.tsv", sep="\t")
    obs = pd.DataFrame({"cell_type": types["label"].to_numpy()[labels]}, index=joinids.astype(str))
    symbols = shards[0].var["feature_name"].to_numpy()
    order = np.random.default_rng(0).permutation(len(symbols))
    return anndata.AnnData(counts[:, order], obs=obs, var=pd.DataFrame(index=symbols[order]))


@pytest.mark.parametrize("architecture", ["linear", "mlp", "tabnet"])
def test_calls_are_those_of_predict_cell_by_cell(
    finished_run: FinishedRun, tmp_path: Path, architecture: str
) -> None:
    run = f"{architecture}/hce/seed1"
    cells_of(finished_run, "ood").write_h5ad(tmp_path / "cells.h5ad")
    command = [sys.executable, str(finished_run.folder / "scripts" / "annotate.py")]
    command += ["--model", str(finished_run.results / "models" / run / "model.safetensors")]
    command += [str(tmp_path / "cells.h5ad"), "--table", str(tmp_path / "table.parquet")]
    subprocess.run([*command, "--threshold", str(THRESHOLD), "--threads", "1"], check=True)
    said = pd.read_parquet(tmp_path / "table.parquet")
    predicted = pd.read_parquet(finished_run.results / "predictions" / run / "ood.parquet")
    assert said["cell"].tolist() == predicted["soma_joinid"].astype(str).tolist()
    types = pd.read_csv(finished_run.results / "ontology" / "cell_types.tsv", sep="\t")
    label = dict(zip(types["label"], types["index"], strict=True))
    seen = (said["hce_counts"] > 0).to_numpy()
    assert seen.mean() > 0.9
    called = said["hce_cell_type"].astype(object).map(label)[seen]
    assert called.tolist() == predicted["predicted_class"][seen].tolist()
    probability = predicted["probability"]
    np.testing.assert_allclose(said["hce_probability"][seen], probability[seen], rtol=1e-5)
    safe = said["hce_safe"].astype(object).map(label).fillna(-1).to_numpy(int)
    # predict calls a root whatever its score
    reached = seen & (predicted["safe_score"] >= THRESHOLD).to_numpy()
    assert (safe[reached] == predicted["safe_class"][reached]).all()
    assert (safe[~reached] == -1).all()
    np.testing.assert_allclose(
        said["hce_safe_score"][seen], predicted["safe_score"][seen], rtol=1e-5
    )


def test_files_of_the_configuration_are_annotated_by_all_seeds(finished_run: FinishedRun) -> None:
    folder = finished_run.folder
    cells = cells_of(finished_run, "test")
    cells.write_h5ad(folder / "-my cells.h5ad")
    configuration = folder / "annotate.yaml"
    configuration.write_text('annotate: {mine: "./-my cells.h5ad"}\nresults: results-tiny\n')
    refused = snakemake(folder, "annotations", *TINY, configuration.name)
    assert "annotate.mine: './-my cells.h5ad' would be taken for an option" in refused.output
    (folder / "-my cells.h5ad").rename(folder / "my cells.h5ad")
    configuration.write_text('annotate: {mine: "my cells.h5ad"}\nresults: results-tiny\n')
    done = snakemake(folder, "annotations", *TINY, configuration.name)
    assert done.jobs == {"annotate_cells": 1, "annotations": 1}, done.output[-3000:]
    # other tests of the finished run shall not find it
    for part in ("benchmarks", "logs"):
        shutil.rmtree(finished_run.results / part / "annotate_cells")
    annotated = anndata.read_h5ad(finished_run.results / "annotations" / "mine.h5ad")
    assert annotated.obs["cell_type"].tolist() == cells.obs["cell_type"].tolist()
    models = annotated.uns["hce"]["models"]
    assert (models["architecture"].tolist(), models["loss"].tolist()) == (["mlp"] * 2, ["hce"] * 2)
    assert models["data_source"].tolist() == ["simulated Census"] * 2
    wrong = snakemake(
        folder, "annotations", *TINY, configuration.name, "--config", "annotation={loss: own}"
    )
    assert "annotation.loss: 'own' is not one of losses (ce, hce)" in wrong.output
