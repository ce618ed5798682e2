"""Predictions and scores of a finished run, computed again from weights, counts and ontology."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from repository_copy import TINY, FinishedRun, snakemake
from safetensors.numpy import load_file
from scipy import stats
from shard_reading import read_anndata
from sklearn.metrics import f1_score

import write_overview

pytestmark = pytest.mark.end_to_end


def predictions(run: FinishedRun, model: str, split: str) -> pd.DataFrame:
    """What one model said of each cell."""
    return pd.read_parquet(run.results / "predictions" / model / f"{split}.parquet")


def macro_f1(predicted: pd.DataFrame, reachability: NDArray[np.bool_], labels: set[int]) -> float:
    """Macro F1 with right predictions found pair by pair, by scikit-learn."""
    pairs = zip(predicted["class"], predicted["predicted_class"], strict=True)
    corrected = [true if reachability[true, guess] else guess for true, guess in pairs]
    present = sorted(set(predicted["class"]) & labels)
    return f1_score(predicted["class"], corrected, labels=present, average="macro", zero_division=0)


@pytest.mark.parametrize("model", ["linear/hce/seed0", "tabnet/ce/seed1"])
def test_macro_f1_is_that_of_scikit_learn(finished_run: FinishedRun, model: str) -> None:
    with np.load(finished_run.results / "ontology" / "reachability.npz") as content:
        reachability = content["reachability"]
    every = set(range(len(reachability)))
    in_ood = set(predictions(finished_run, model, "ood")["class"])
    table = pd.read_csv(finished_run.results / "tables" / "macro_f1_runs.tsv", sep="\t")
    table["model"] = (
        table["architecture"] + "/" + table["loss"] + "/seed" + table["seed"].astype(str)
    )
    ours = table[table["model"] == model].set_index(["split", "labels"])["macro_f1"]
    expected = {
        (split, name): macro_f1(predictions(finished_run, model, split), reachability, labels)
        for split, name, labels in (
            ("test", "all", every),
            ("test", "ood_labels", in_ood),
            ("ood", "all", every),
        )
    }
    assert ours.to_dict() == pytest.approx(expected, abs=1e-12)


def test_scores_exist_for_every_run_over_the_same_cells(finished_run: FinishedRun) -> None:
    table = pd.read_csv(finished_run.results / "tables" / "macro_f1_runs.tsv", sep="\t")
    runs = table.groupby(["architecture", "loss", "seed"]).size()
    assert len(runs) == 3 * 2 * 2
    assert (runs == 3).all()
    assert (table.groupby(["split", "labels"])[["n_cells", "n_labels"]].nunique() == 1).all(
        axis=None
    )
    assert set(table.loc[table["labels"] == "ood_labels", "n_labels"]) == {80}


def test_gain_and_p_value_follow_from_the_runs(finished_run: FinishedRun) -> None:
    tables = finished_run.results / "tables"
    runs = pd.read_csv(tables / "macro_f1_runs.tsv", sep="\t")
    table = pd.read_csv(tables / "macro_f1.tsv", sep="\t")
    assert len(table) == 3 * 3
    for row in table.itertuples():
        part = runs[
            (runs["architecture"] == row.architecture)
            & (runs["split"] == row.split)
            & (runs["labels"] == row.labels)
        ].sort_values("seed")
        ce, hce = (part.loc[part["loss"] == loss, "macro_f1"].to_numpy() for loss in ("ce", "hce"))
        test = stats.ttest_rel(hce, ce)
        assert row.gain_mean == pytest.approx((hce - ce).mean(), abs=1e-12)
        assert (row.t, row.p) == pytest.approx((test.statistic, test.pvalue), rel=1e-6)


def test_predictions_are_the_linear_map_of_the_normalized_counts(
    finished_run: FinishedRun,
) -> None:
    weights = load_file(finished_run.results / "models/linear/hce/seed1/model.safetensors")
    matrix, bias = weights["classifier.weight"], weights["classifier.bias"]
    with np.load(finished_run.results / "ontology" / "reachability.npz") as content:
        reachability = content["reachability"]
    for split in ("test", "ood"):
        said = predictions(finished_run, "linear/hce/seed1", split)
        paths = sorted((finished_run.results / "shards" / split).glob("part-*"))
        shards = [read_anndata(path) for path in paths]
        joinids = np.concatenate([shard.obs["soma_joinid"] for shard in shards])
        assert said["soma_joinid"].tolist() == joinids.tolist()
        counts = np.concatenate([shard.X.toarray() for shard in shards]).astype(float)
        total = np.maximum(counts.sum(axis=1, keepdims=True), 1)
        logits = np.log1p(counts / total * 1e4) @ matrix.T.astype(float) + bias
        probability = np.exp(logits - logits.max(axis=1, keepdims=True))
        probability /= probability.sum(axis=1, keepdims=True)
        assert (logits.argmax(axis=1) == said["predicted_class"]).all()
        np.testing.assert_allclose(said["probability"], probability.max(axis=1), rtol=1e-4)
        above = reachability[said["predicted_class"]]
        np.testing.assert_allclose(said["score"], (probability * above).sum(axis=1), rtol=1e-4)


def test_augmentation_vectors_are_clipped_differences(finished_run: FinishedRun) -> None:
    vectors = np.load(finished_run.results / "atlas" / "augmentations.npy")
    assert vectors.shape == (50, 100)
    assert vectors.dtype == np.float32
    size = np.abs(vectors[vectors != 0])
    assert size.min() > 0.25
    assert size.max() <= 1.5


def test_hierarchy_target_counts_the_paper_s_cell_types(finished_run: FinishedRun) -> None:
    done = snakemake(finished_run.folder, "hierarchy", *TINY)
    assert done.returncode == 0
    summary = finished_run.results / "ontology" / "hierarchy_summary.tsv"
    counts = pd.read_csv(summary, sep="\t").iloc[0]
    with np.load(finished_run.results / "ontology" / "reachability.npz") as content:
        matrix = content["reachability"]
    strict = matrix & ~np.eye(len(matrix), dtype=bool)
    assert counts["cell_types"] == 164
    assert counts["off_diagonal_entries"] == strict.sum()
    assert counts["internal"] == strict.any(axis=1).sum()
    assert counts["isolated"] == (~strict.any(axis=0) & ~strict.any(axis=1)).sum()
    assert counts["release"] == "cl/releases/2025-02-13"


def test_the_overview_shows_own_losses_after_ce_and_hce(
    finished_run: FinishedRun, run_script: Callable[..., None], tmp_path: Path
) -> None:
    tables = {
        option: finished_run.results / "tables" / f"{option}.tsv"
        for option in ("claims", "macro_f1", "per_study", "per_cell_type", "strata")
    }
    questions = ("decisions", "metrics", "new_study", "power")
    tables |= {name: finished_run.results / "tables" / f"{name}.tsv" for name in questions}
    tables |= {f"tableS{i}": finished_run.results / "tables" / f"tableS{i}.tsv" for i in (1, 2, 3)}
    data = finished_run.results / "figures" / "source_data"
    tables |= {"nodes": data / "figS3.csv", "edges": data / "figS3_edges.csv"}
    own = tmp_path / "own_losses.tsv"
    own.write_text("loss\tbaseline\tgain_mean\tdata_source\nfocal\tce\t0.125\tmine\n")
    run_script(
        write_overview,
        **tables,
        own_losses=own,
        figures=[finished_run.results / "figures" / "fig2b.png"],
        provenance=own,  # any table will do
        resources=own,
        cell_types=finished_run.results / "ontology" / "cell_types.tsv",
        template=finished_run.folder / "workflow" / "report" / "page.html.jinja",
        output=tmp_path / "overview.html",
    )
    page = (tmp_path / "overview.html").read_text()
    anchors = re.findall(r'<\w+ id="([\w-]+)"', page)
    assert anchors.index("own-losses") == anchors.index("macro-f1") + 1
    assert page.count(">0.125<") >= 1
