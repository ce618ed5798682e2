"""What `snakemake check` finds before a run: each fault in a sentence, nothing written."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from repository_copy import REPOSITORY, FinishedRun, copy_repository, snakemake

import check_run

ScriptRunner = Callable[..., None]
DATASETS = REPOSITORY / "config" / "datasets.tsv"


def configuration(results: Path) -> dict:
    """Of a run on the stores that the tiny run has simulated, as if they were released."""
    return {
        "census": {
            "source": "released",
            "organism": "homo_sapiens",
            "assays": ["10x 3' v2", "10x 3' v3", "10x 5' v2"],
            "gene_list": str(results / "simulated_census" / "protein_coding_genes.parquet"),
            "s3": {"region": None, "anonymous": True, "endpoint": None},
            "fractional_counts": "keep",
            "missing_genes": "refuse",
        },
        "ontology": {"source": "file", "path": str(results / "ontology/cl.obo"), "sha256": None},
        "selection": {"root": "CL:0000000"},
        "resources": {
            **{"gpus": 0, "train_threads": 1, "memory": 100, "train_memory": 200},
            **{"runtime": 60, "train_runtime": 60},
        },
        "results": str(results),
        "source": "trained",
    }


@pytest.fixture
def check(
    finished_run: FinishedRun, run_script: ScriptRunner, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Function (changes of sections, uris) that checks and returns what it said."""

    def run(uris: dict[str, str] | None = None, **sections: dict) -> str:
        results = finished_run.results
        config = copy.deepcopy(configuration(results))
        for name, changes in sections.items():
            config[name] |= changes
        stores = results / "simulated_census"
        found = {"train": str(stores / "2023-05-15"), "ood": str(stores / "2023-12-15")}
        options = {"config": json.dumps(config), "uris": json.dumps(found | (uris or {}))}
        try:
            run_script(check_run, datasets=DATASETS, **options)
        except SystemExit as error:
            return f"{capsys.readouterr().out}{error}"
        return capsys.readouterr().out

    return run


def verdicts(said: str) -> dict[str, str]:
    """The verdict of each line of the table, by what was looked at."""
    found = {}
    for line in said.splitlines():
        for verdict in ("right", "will fail", "cannot be told"):
            if line.startswith(verdict):
                found[line[16:].split("  ")[0].strip()] = verdict
    return found


def test_releases_that_fit(check: Callable[..., str]) -> None:
    said = check()
    found = verdicts(said)
    assert "Nothing of" in said and "will fail" not in found.values()
    for what in ("OOD: new datasets", "genes: list", "genes: later release", "train: counts"):
        assert found[what] == "right", said
    for what in ("ood: counts", "ontology", "ontology: cell types of ood", "memory: train_memory"):
        assert found[what] == "right", said
    assert "2,000 cells read" in said and "genes a cell on average" in said


@pytest.mark.parametrize(
    ("changes", "what", "because"),
    [
        ({"selection": {"root": "CL:9999999"}}, "ontology: root", "its roots: CL:0000000"),
        ({"resources": {"train_memory": 10**9}}, "memory: train_memory", "1,000,000,000 MB"),
        ({"census": {"organism": "mus_musculus"}}, "", "has no cells of mus_musculus"),
        ({"census": {"gene_list": "no/such.parquet"}}, "census.gene_list no/such", "no such file"),
        ({"uris": {"ood": "no/such/store"}}, "ood: no/such/store", "check census.*.uri"),
    ],
)
def test_each_fault_is_a_sentence(
    check: Callable[..., str], changes: dict, what: str, because: str
) -> None:
    said = check(**changes)
    failing = [line for line in said.splitlines() if line.startswith("will fail")]
    assert any(what in line and because in line for line in failing), said
    assert "would fail: mend these before the run" in said


def test_one_release_twice_has_no_new_dataset(
    check: Callable[..., str], finished_run: FinishedRun
) -> None:
    same = str(finished_run.results / "simulated_census" / "2023-05-15")
    assert verdicts(check(uris={"ood": same}))["OOD: new datasets"] == "will fail"


def test_genes_of_another_list_and_labels_of_another_ontology(
    check: Callable[..., str], tmp_path: Path
) -> None:
    other = tmp_path / "genes.parquet"
    pd.DataFrame({"gene_names": ["Actb", "Cd4"]}).to_parquet(other)
    ontology = tmp_path / "cl.obo"
    ontology.write_text("format-version: 1.2\nontology: cl\n\n[Term]\nid: CL:0000000\nname: cell\n")
    said = check(census={"gene_list": str(other)}, ontology={"path": str(ontology)})
    found = verdicts(said)
    assert found["genes: list"] == "will fail"
    assert found["ontology: cell types of train"] == "will fail"
    assert "ontology.path is of another release" in said


def test_gpu_that_is_not_there(check: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    said = check(resources={"gpus": 1})
    assert verdicts(said)["GPU"] == "will fail"
    assert "set resources.gpus to 0" in said


def test_small_disk_is_told_by_how_much(
    check: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for free, verdict in ((1e-6, "will fail"), (1e6, "right")):
        monkeypatch.setattr("hce.ingest.preflight.free_disk", lambda _, free=free: free)
        assert verdicts(check())["disk"] == verdict


def test_the_rule_writes_its_log_alone(tmp_path: Path) -> None:
    """On a configuration whose Census the run would make: nothing can be told of it yet."""
    folder = copy_repository(tmp_path)
    run = snakemake(folder, "check", "--configfile", "config/tiny.yaml")
    assert run.returncode == 0, run.output
    assert "cannot be told  Census" in run.output
    written = [path for path in (folder / "results-tiny").rglob("*") if path.is_file()]
    assert [path.name for path in written] == ["check_run.log"]


def test_a_release_that_does_not_open_stops_the_run_before_its_first_job(tmp_path: Path) -> None:
    folder = copy_repository(tmp_path)
    (folder / "resources").mkdir()
    for name in ("genes.parquet", "cl.obo"):
        (folder / "resources" / name).write_text("")
    (folder / "own.yaml").write_text(
        "results: results-own\n"
        "census:\n"
        "  source: released\n"
        "  train: {release: '2023-05-15', uri: no/such/store}\n"
        "  ood: {release: '2023-12-15', uri: no/such/store}\n"
        "  gene_list: resources/genes.parquet\n"
        "ontology: {source: file, path: resources/cl.obo}\n"
    )
    (folder / "config" / "config.yaml").unlink()
    run = snakemake(folder, "--configfile", "own.yaml")
    assert run.returncode != 0
    assert "no/such/store: " in run.output and "check census.*.uri" in run.output
    assert "before the first job" in run.output
    assert not (folder / "results-own" / "run.json").exists()


@pytest.mark.parametrize(("target", "refused"), [("all", True), ("hierarchy", False)])
def test_a_gpu_that_is_not_there_stops_the_run_before_its_first_job(
    tmp_path: Path, target: str, refused: bool
) -> None:
    """If a job of the run will ask for it."""
    folder = copy_repository(tmp_path)
    options = ("--configfile", "config/tiny.yaml", "--config", "resources={gpus: 1}")
    run = snakemake(folder, *options, "--", target, CUDA_VISIBLE_DEVICES="")
    assert (run.returncode != 0) == refused, run.output
    assert ("resources.gpus is 1, but PyTorch" in run.output) == refused
    assert ("Set resources.gpus to 0" in run.output) == refused
    assert (folder / "results-tiny" / "ontology").exists() != refused
