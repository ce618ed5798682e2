"""Our run, exported as the authors' files and imported again, gives the same tables."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pandas as pd
import pytest
import yaml
from repository_copy import TINY, FinishedRun, Snakemake, snakemake

pytestmark = pytest.mark.end_to_end

RUNS = [f"linear_{loss}" for loss in ("ce", "hce")]
LISTINGS = [f"results-tiny/export/predictions_{run}.txt" for run in RUNS]
LISTINGS += [f"results-tiny/export/checkpoints_{run}_{seed}.txt" for run in RUNS for seed in (0, 1)]
RESULTS = "results-published"
OF_CHECKPOINTS = "results-checkpoints"
TABLES_OF_CHECKPOINTS = ["tables/macro_f1_runs.tsv", "tables/published_agreement.tsv", "plan.txt"]
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
        for rule in ("export_predictions", "export_model"):
            shutil.rmtree(finished_run.results / part / rule)
    return run_on(finished_run, RESULTS, "predictions", record, TARGETS)


@pytest.fixture(scope="module")
def of_checkpoints(
    imported: Imported, finished_run: FinishedRun, tmp_path_factory: pytest.TempPathFactory
) -> Imported:
    """The same on the exported checkpoints, from an archive of the same record."""
    configuration = yaml.safe_load((imported.folder / f"{RESULTS}.yaml").read_text())
    record = configuration["published"]["path"]
    archive = shutil.make_archive(
        str(tmp_path_factory.mktemp("it's an archive") / "r"), "tar", record
    )
    return run_on(
        finished_run, OF_CHECKPOINTS, "checkpoints", Path(archive).parent, TABLES_OF_CHECKPOINTS
    )


def run_on(
    finished: FinishedRun, results: str, source: str, record: Path, targets: list[str]
) -> Imported:
    """Run the linear model on what is published of it and on the cells of the finished run."""
    folder = finished.folder
    content = {
        "results": results,
        "architectures": ["linear"],
        "models": {"source": source},
        "published": {"path": str(record)},
    }
    (folder / f"{results}.yaml").write_text(yaml.safe_dump(content))
    configuration = (*TINY, f"{results}.yaml")
    started = snakemake(folder, "--cores", "1", *configuration, "--", f"{results}/run.json")
    assert started.returncode == 0, started.output[-3000:]
    for part in ("ontology", "simulated_census", "census", "atlas"):
        # what is sampled of the training cells is of no use to a published model
        shutil.copytree(
            finished.results / part,
            folder / results / part,
            copy_function=shutil.copy,
            ignore=shutil.ignore_patterns("*augmentations.npy*"),
        )
    paths = [f"{results}/{target}" for target in targets]
    run = snakemake(folder, "--cores", "1", *configuration, "--", *paths)
    assert run.returncode == 0, run.output[-5000:]
    return Imported(finished.results, folder / results, run, configuration, folder)


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


def test_checkpoints_need_the_counts_of_the_ood_release_alone(of_checkpoints: Imported) -> None:
    jobs = of_checkpoints.run.jobs
    once = ("unpack_published", "shuffle_shards", "list_shards", "compare_published")
    assert {name: jobs[name] for name in once} == dict.fromkeys(once, 1)
    assert jobs["fetch_counts"] == jobs["import_id_scores"] == jobs["predict"] == 2
    assert jobs["import_model"] == 4
    assert not jobs.keys() & {"train_model", "sample_augmentations"}
    shards = (of_checkpoints.results / "shards").iterdir()
    assert {path.name for path in shards if path.is_dir()} <= {"ood", "pieces"}
    plan = (of_checkpoints.results / "plan.txt").read_text()
    assert "Trainings: none; 4 published checkpoints are imported." in plan
    assert "shuffle_shards ood" in plan and "shuffle_shards train" not in plan


def test_imported_models_predict_to_the_last_bit_what_the_trained_ones_do(
    of_checkpoints: Imported,
) -> None:
    files = sorted(of_checkpoints.results.joinpath("predictions").rglob("ood.parquet"))
    assert len(files) == 4
    for path in files:
        ours = of_checkpoints.trained / path.relative_to(of_checkpoints.results)
        assert ours.read_bytes() == path.read_bytes()
    ours, theirs = read_both(of_checkpoints, "tables/macro_f1_runs.tsv")
    ours = ours[ours["architecture"] == "linear"].reset_index(drop=True)
    pd.testing.assert_frame_equal(ours, theirs)


def test_imported_models_agree_with_the_published_predictions(of_checkpoints: Imported) -> None:
    table = pd.read_csv(of_checkpoints.results / "tables" / "published_agreement.tsv", sep="\t")
    assert table["cells"].tolist() == [700] * 4
    assert (table["same_class"] == 1).all() and (table["max_dp"] == 0).all()
    assert set(table["data_source"]) == {"simulated Census; published checkpoints"}


def test_what_a_checkpoint_carries_is_compared_and_recorded(of_checkpoints: Imported) -> None:
    model = of_checkpoints.results / "models" / "linear" / "hce" / "seed1"
    imported = json.loads((model / "hyperparameters.json").read_text())["imported"]
    expected = {"hierarchy": "equal", "class_weights": "equal", "version": 1}
    assert {name: imported[name] for name in expected} == expected
    assert "class_weights: equal" in of_checkpoints.run.output


def test_imported_models_predict_the_held_out_donors_if_asked(of_checkpoints: Imported) -> None:
    (of_checkpoints.folder / "both.yaml").write_text("published: {splits: [test, ood]}\n")
    results = of_checkpoints.results.name
    predicted = "predictions/linear/ce/seed0/test.parquet"
    targets = [f"{results}/{predicted}", f"{results}/scores/linear/ce/seed0/test.parquet"]
    options = ("--cores", "1", *of_checkpoints.configuration, "both.yaml", "--")
    run = snakemake(of_checkpoints.folder, *options, *targets)
    assert run.returncode == 0, run.output[-3000:]
    # the test cells alone, and no training
    shards = (of_checkpoints.results / "shards").iterdir()
    assert {path.name for path in shards if path.is_dir()} - {"pieces"} == {"test", "ood"}
    assert not run.jobs.keys() & {"train_model", "sample_augmentations", "import_id_scores"}
    ours = of_checkpoints.trained / predicted
    assert ours.read_bytes() == (of_checkpoints.results / predicted).read_bytes()


def test_a_table_is_downloaded_when_it_is_read_and_let_go(
    imported: Imported, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same record from a server: each table once, none left, the same predictions."""
    configuration = yaml.safe_load((imported.folder / f"{RESULTS}.yaml").read_text())
    record = Path(configuration["published"].pop("path"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    datasets = imported.folder / "config" / "datasets.tsv"
    listed = datasets.read_text()
    (imported.folder / "from_server.yaml").write_text(yaml.safe_dump(configuration))
    before = {p: p.read_bytes() for p in imported.results.rglob("predictions/linear/**/*.parquet")}
    files = [path for path in sorted(record.rglob("[!.]*.*")) if path.is_file()]
    names = [path.relative_to(record).as_posix() for path in files]
    with served(record) as (url, requests):
        rows = [f"published/{name}\t1\t{url}/{name}\t\tCC-BY\ttest" for name in names]
        datasets.write_text(listed + "\n".join(rows) + "\n")
        targets = [f"{RESULTS}/plan.txt", f"{RESULTS}/calls/linear/ce/threshold_calls.parquet"]
        run = snakemake(imported.folder, "--cores", "1", *TINY, "from_server.yaml", "--", *targets)
    datasets.write_text(listed)
    assert run.returncode == 0, run.output[-3000:]
    # no checkpoint, no table of HCE, and the scores
    fetched = [name for kind, name in requests if kind == "GET"]
    assert sorted(name for name in fetched if name.endswith(".parquet")) == sorted(
        f"/{name}" for name in names if name.endswith(".parquet") and "hierarchical" not in name
    )
    assert not any(name.endswith(".ckpt") for name in fetched)
    assert len(fetched) == len(set(fetched)) and any(name.endswith(".csv") for name in fetched)
    assert not list((imported.folder / "resources" / "published").rglob("*.parquet"))
    assert "4 tables of predictions are downloaded, 0.0 GB, one after the other" in run.output
    assert before and before == {path: path.read_bytes() for path in before}


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """A web server of a folder: its address, and what it was asked for."""
    asked: list[tuple[str, str]] = []

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_request(self, *arguments: object) -> None:
            asked.append((self.command, unquote(self.path)))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


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
        (
            {
                "results": "results-other",
                "models": {"source": "checkpoints"},
                "published": {"splits": ["test"]},
            },
            "published.splits: ood is missing",
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
