"""Our run, exported as the authors' files and imported again, gives the same tables."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import yaml
from repository_copy import TINY, FinishedRun, Snakemake, snakemake

pytestmark = [pytest.mark.end_to_end, pytest.mark.xdist_group("end_to_end")]

LISTINGS = [f"results-tiny/export/predictions_linear_{loss}.txt" for loss in ("ce", "hce")]
RESULTS = "results-published"
TARGETS = [
    "tables/claims.tsv",
    "tables/decisions.tsv",
    "tables/metrics_runs.tsv",
    "tables/new_study.tsv",
    "figures/fig1d.png",
    "figures/decisions.png",
    "figures/frontier.png",
    "figures/training_curves.png",
    "figures/source_data/calibration.csv",
    "figures/source_data/risk_coverage.csv",
    "plan.txt",
]
KEYS = ["architecture", "loss", "split"]


@dataclass(frozen=True)
class Imported:
    """A run on the exported predictions of the linear model, and the run that they are of."""

    trained: Path
    results: Path
    run: Snakemake
    configuration: tuple[str, ...]
    folder: Path


@pytest.fixture(scope="module")
def imported(finished_run: FinishedRun, tmp_path_factory: pytest.TempPathFactory) -> Imported:
    folder = finished_run.folder
    exported = snakemake(folder, "--cores", "1", *TINY, "--", *LISTINGS)
    assert exported.returncode == 0, exported.output[-3000:]
    # other tests of the finished run shall not find it
    record = tmp_path_factory.mktemp("record") / "it's the record"
    shutil.move(finished_run.results / "export", record)
    for part in ("logs", "benchmarks"):
        shutil.rmtree(finished_run.results / part / "export_predictions")
    content = {
        "results": RESULTS,
        "architectures": ["linear"],
        "models": {"source": "predictions"},
        "published": {"path": str(record)},
    }
    (folder / "published-tiny.yaml").write_text(yaml.safe_dump(content))
    configuration = (*TINY, "published-tiny.yaml")
    started = snakemake(folder, "--cores", "1", *configuration, "--", f"{RESULTS}/run.json")
    assert started.returncode == 0, started.output[-3000:]
    for part in ("ontology", "simulated_census", "census", "atlas"):
        shutil.copytree(
            finished_run.results / part, folder / RESULTS / part, copy_function=shutil.copy
        )
    targets = [f"{RESULTS}/{target}" for target in TARGETS]
    run = snakemake(folder, "--cores", "1", *configuration, "--", *targets)
    assert run.returncode == 0, run.output[-5000:]
    return Imported(finished_run.results, folder / RESULTS, run, configuration, folder)


def read_both(imported: Imported, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A text table of both runs, as text, without where the data come from."""
    separator = "\t" if name.endswith(".tsv") else ","
    ours, theirs = (
        pd.read_csv(results / name, sep=separator, dtype=str).drop(columns="data_source")
        for results in (imported.trained, imported.results)
    )
    return ours, theirs


def test_no_counts_are_read_and_nothing_is_trained(imported: Imported) -> None:
    jobs = imported.run.jobs
    assert jobs["find_published"] == 1 and jobs["import_predictions"] == 2
    assert not jobs.keys() & {"fetch_counts", "shuffle_shards", "train_model", "predict"}
    assert not (imported.results / "shards").exists()
    assert "linear/hce/seed1: y_pred is the most probable class in all 700" in imported.run.output


def test_predictions_come_back_to_the_last_bit(imported: Imported) -> None:
    files = sorted(imported.results.rglob("ood.parquet"))
    assert len(files) == 2 * 4
    files += sorted(imported.results.rglob("*calls.parquet"))
    for path in files:
        ours = pd.read_parquet(imported.trained / path.relative_to(imported.results))
        theirs = pd.read_parquet(path)
        if "split" in ours:
            ours = ours[ours["split"] == "ood"].reset_index(drop=True)
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


@pytest.mark.parametrize(
    "name", ["macro_f1_runs", "per_cell_type_runs", "per_study_runs", "strata_runs", "metrics_runs"]
)
def test_tables_of_runs_are_the_same_to_the_last_digit(imported: Imported, name: str) -> None:
    """Of the ID test there is what is published: overall and by cell type."""
    ours, theirs = read_both(imported, f"tables/{name}.tsv")
    ours = ours[ours["architecture"] == "linear"]
    if name not in ("macro_f1_runs", "per_cell_type_runs"):
        ours = ours[ours["split"] == "ood"]
    assert len(theirs) > 3
    pd.testing.assert_frame_equal(ours.reset_index(drop=True), theirs)


def test_id_scores_are_those_that_were_published(imported: Imported) -> None:
    runs = pd.read_csv(imported.results / "tables" / "macro_f1_runs.tsv", sep="\t")
    held_out = runs[runs["split"] == "test"]
    assert (
        held_out.groupby("loss")["labels"].unique().map(set).tolist() == [{"all", "ood_labels"}] * 2
    )


def test_tables_and_claims_say_whose_models_they_are_of(imported: Imported) -> None:
    claims = pd.read_csv(imported.results / "tables" / "claims.tsv", sep="\t", index_col="id")
    assert set(claims["data_source"]) == {"simulated Census; published predictions"}
    assert claims.loc["best_epoch", "verdict"] == "cannot be told from these data"
    assert "this run has no such number" in claims.loc["best_epoch", "why"]
    assert re.fullmatch(r"Linear \d+\.\d+", claims.loc["ood_macro_f1", "ours"])
    curves = pd.read_csv(imported.results / "figures/source_data/training_curves.csv")
    assert curves["epoch"].isna().all() and len(curves) == 1


def test_the_plan_counts_the_published_files(imported: Imported) -> None:
    plan = (imported.results / "plan.txt").read_text()
    assert "4 tables of predictions" in plan and "shuffle_shards" not in plan


def test_a_missing_seed_stops_the_run_with_its_name(imported: Imported) -> None:
    seeds = ("--config", "seeds=[0,1,2]")
    target = f"{RESULTS}/published/files.json"
    run = snakemake(imported.folder, "--cores", "1", *imported.configuration, *seeds, "--", target)
    assert run.returncode != 0
    assert "no predictions (*_detailed_results.parquet) of linear/ce/seed2" in run.output


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"published": {"path": None}}, "published.path is missing: models.source is predictions"),
        (
            {"published": {"path": "nowhere"}},
            "published.path: there is no folder or archive nowhere",
        ),
        (
            {"annotate": {"own": "cells.h5ad"}, "annotation": {"architecture": "linear"}},
            "annotate: models.source is predictions, so there",
        ),
        ({"results": "results-tiny"}, "results-tiny/ holds a run on other data"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(
    imported: Imported, tmp_path: Path, change: dict, message: str
) -> None:
    changed = tmp_path / "changed.yaml"
    changed.write_text(yaml.safe_dump(change))
    run = snakemake(imported.folder, "-n", *imported.configuration, str(changed))
    assert run.returncode != 0 and message in run.output
