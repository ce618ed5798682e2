"""A wrong configuration is refused before any job, by a message that names key and value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from repository_copy import REPOSITORY, TINY, Snakemake, copy_repository, snakemake
from snakemake.exceptions import WorkflowError
from test_paper_configuration import merged, read

from configuration import complete

BAD = {
    "unknown architecture": (
        {"architectures": ["linear", "transformer"]},
        ["'transformer' is not one of linear, mlp, tabnet", "models.transformer.file is missing"],
    ),
    "secret of a bucket": (
        {"census": {"s3": {"vfs.s3.aws_secret_access_key": "never-to-be-seen"}}},
        ["census.s3: vfs.s3.aws_secret_access_key is a secret", "AWS_SECRET_ACCESS_KEY"],
    ),
    "password of a proxy": (
        {"census": {"s3": {"vfs.s3.proxy_password": "never-to-be-seen"}}},
        ["vfs.s3.proxy_password is a secret", "TILEDB_VFS_S3_PROXY_PASSWORD"],
    ),
    "half a proxy": (
        {"census": {"s3": {"proxy_host": "proxy"}}},
        ["census.s3: proxy_host and proxy_port are given together"],
    ),
    "address in place of a host": (
        {"census": {"s3": {"proxy_host": "http://proxy", "proxy_port": 3128}}},
        ["census.s3.proxy_host: 'http://proxy' does not match", "without scheme"],
    ),
    "typo in the way to a bucket": (
        {"census": {"s3": {"regoin": "eu-west-1"}}},
        ["census.s3.regoin: no such key; did you mean region?"],
    ),
    "unknown policy for fractions": (
        {"census": {"fractional_counts": "round"}},
        ["'round' is not one of", "census.fractional_counts:"],
    ),
    "unknown loss": (
        {"losses": ["ce", "hce", "focal"]},
        ["'focal' is not one of ce, hce", "own_losses.focal.file is missing"],
    ),
    "own loss without its file": (
        {"losses": ["ce", "hce", "focal"], "own_losses": {"focal": {"file": "mine/focal.py"}}},
        ["own_losses.focal.file: there is no file mine/focal.py"],
    ),
    "own loss with a typo": (
        {"losses": ["ce", "hce", "focl"], "own_losses": {"focal": {"file": "Snakefile"}}},
        ["'focl' is not one of ce, hce", "no such key; did you mean focal?"],
    ),
    "own loss that is not trained with": (
        {"own_losses": {"focal": {"file": "Snakefile"}}},
        ["own_losses.focal: no model would be trained", "add focal to losses or take own_losses."],
    ),
    "own loss with a name of the paper": (
        {"own_losses": {"hce": {"file": "Snakefile"}}},
        ["own_losses.hce: hce is a loss of this workflow; take another name"],
    ),
    "own loss with the name of a control": (
        {"own_losses": {"hce_permuted": {"file": "Snakefile"}}},
        ["own_losses.hce_permuted: hce_permuted is a loss of this workflow"],
    ),
    "own loss in place of HCE": (
        {"losses": ["ce", "focal"], "own_losses": {"focal": {"file": "Snakefile"}}},
        ["losses: hce is missing; every other loss is compared with CE and HCE"],
    ),
    "seed that is text": (
        {"seeds": [0, "a"]},
        ["'a' is not of type 'integer'", "seeds[1]:"],
    ),
    "negative seed": ({"seeds": [-1]}, ["-1 is less than the minimum", "seeds[0]:"]),
    "negative threshold": (
        {"selection": {"min_cells": -5}},
        ["-5 is less than the minimum", "selection.min_cells:"],
    ),
    "typo in a section": (
        {"selectoin": {"min_cells": 5}},
        ["selectoin: no such key; did you mean selection?"],
    ),
    "typo in a key": (
        {"training": {"bath_size": 64}},
        ["training.bath_size: no such key; did you mean batch_size?"],
    ),
    "batch that is no multiple of TabNet's virtual batch": (
        {"training": {"batch_size": 100}},
        ["training.batch_size 100", "models.tabnet.virtual_batch_size 32"],
    ),
    "shares that leave no training set": (
        {"split": {"validation": 0.6, "test": 0.4}},
        ["split.validation", "0.6", "split.test", "0.4"],
    ),
    "released Census without its address": (
        {"census": {"source": "released"}},
        ["census.train.uri is missing", "soma collection"],
    ),
    "released Census with files that nobody would read": (
        {
            "census": {
                "source": "released",
                "gene_list": "genes.parquet",
                "train": {"uri": "a"},
                "ood": {"uri": "b", "files": ["new.h5ad"]},
            }
        },
        ["census.ood.files is given", "set census.source to h5ad"],
    ),
    "release that is no release": (
        {"census": {"train": {"release": "latest"}}},
        ["'latest' does not match", "census.train.release:"],
    ),
    "organism that is no name of the Census": (
        {"census": {"organism": "Mus musculus"}},
        ["'Mus musculus' does not match", "census.organism:"],
    ),
    "ontology file without a path": (
        {"ontology": {"source": "file"}},
        ["ontology.path is missing"],
    ),
    "ontology file that does not exist": (
        {"ontology": {"source": "file", "path": "elsewhere/cl.obo"}},
        ["Missing input files", "elsewhere/cl.obo"],
    ),
    "negative size of the simulation": (
        {"simulation": {"cells_train": -3}},
        ["-3 is less than the minimum", "simulation.cells_train:"],
    ),
}


def refused(folder: Path, *arguments: str) -> Snakemake:
    """Call snakemake -n, which must fail before it plans or writes anything, in few words."""
    said = snakemake(folder, "-n", *arguments)
    assert said.returncode != 0
    assert len(said.output.splitlines()) < 30
    assert said.jobs == {}
    return said


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A fresh clone."""
    return copy_repository(tmp_path)


# by Snakemake itself; the others by the function that it calls, which takes a hundredth of the time
BY_SNAKEMAKE = ("ontology file that does not exist", "seed that is text", "typo in a section")


@pytest.mark.parametrize("case", BY_SNAKEMAKE)
def test_wrong_value_is_named_before_any_job(repository: Path, case: str) -> None:
    values, fragments = BAD[case]
    (repository / "bad.yaml").write_text(yaml.safe_dump(values))
    output = refused(repository, *TINY, "bad.yaml").output
    assert [fragment for fragment in fragments if fragment not in output] == [], output
    assert list(repository.glob("results*")) == []


@pytest.mark.parametrize("case", sorted(BAD.keys() - set(BY_SNAKEMAKE)))
def test_wrong_value_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, case: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("Snakefile").touch()  # a file that is there
    values, fragments = BAD[case]
    config = merged(merged(read("config.yaml"), read("tiny.yaml")), values)
    with pytest.raises(WorkflowError) as error:
        complete(config, [], ["bad.yaml"], REPOSITORY)
    said = str(error.value)
    assert [fragment for fragment in fragments if fragment not in said] == [], said
    assert "never-to-be-seen" not in said and len(said.splitlines()) < 10


def edit_default_configuration(repository: Path, *path: str) -> None:
    """Take a key out of config/config.yaml."""
    file = repository / "config" / "config.yaml"
    content: dict[str, Any] = yaml.safe_load(file.read_text())
    section = content
    for key in path[:-1]:
        section = section[key]
    del section[path[-1]]
    file.write_text(yaml.safe_dump(content))


@pytest.mark.parametrize(
    ("missing", "fragment"),
    [
        (["census"], "the configuration has no section census"),
        (["simulation"], "section simulation is missing: census.source is simulated"),
    ],
)
def test_missing_key_is_named_before_any_job(
    repository: Path, missing: list[str], fragment: str
) -> None:
    edit_default_configuration(repository, *missing)
    assert fragment in refused(repository).output


@pytest.mark.parametrize("content", ["", "{", "[]", '{"census": 3}', "\0"])
def test_a_damaged_record_of_the_run_is_named(repository: Path, content: str) -> None:
    stamp = repository / "results" / "run.json"
    stamp.parent.mkdir()
    stamp.write_text(content)
    done = refused(repository)
    assert "results/run.json: is damaged" in done.output
    assert "--config results=OTHER" in done.output
    assert stamp.read_text() == content


def test_the_results_of_another_run_are_not_touched(repository: Path) -> None:
    config = yaml.safe_load((repository / "config" / "config.yaml").read_text())
    stamp = repository / "results" / "run.json"
    stamp.parent.mkdir()
    other = {name: config[name] for name in ("census", "ontology", "simulation")}
    other["simulation"]["sd_collection"] = 12.5
    stamp.write_text(json.dumps(other))
    done = snakemake(repository)
    assert done.returncode != 0
    assert "results/ holds a run on other data (results/run.json)" in done.output
    assert "simulation.sd_collection: 12.5 there, 0.7 now" in done.output
    assert "--config results=OTHER" in done.output
    assert [path.name for path in stamp.parent.iterdir()] == ["run.json"]
    assert json.loads(stamp.read_text())["simulation"]["sd_collection"] == 12.5
    elsewhere = snakemake(repository, "-n", "--config", "results=other")
    assert elsewhere.returncode == 0
    assert elsewhere.jobs["simulate_census"] == 1


def test_the_default_configuration_plans_24_trainings(repository: Path) -> None:
    planned = snakemake(repository, "-n")
    assert planned.returncode == 0
    assert planned.jobs["train_model"] == 24
    # one job for all seeds of an architecture and loss
    assert planned.jobs["predict"] == planned.jobs["score"] == 6


def test_the_table_of_own_losses_needs_one(repository: Path) -> None:
    output = refused(repository, "results/tables/own_losses.tsv").output
    assert "losses has no loss beside ce and hce" in output


def test_seeds_can_be_given_on_the_command_line(repository: Path) -> None:
    planned = snakemake(repository, "-n", "--config", "seeds=[0,1]", "architectures=[linear,mlp]")
    assert planned.returncode == 0, planned.output
    assert planned.jobs["train_model"] == 2 * 2 * 2
    wrong = refused(repository, "--config", "seeds=[0,a]")
    assert "'a' is not of type 'integer'" in wrong.output
