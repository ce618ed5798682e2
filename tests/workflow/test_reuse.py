"""The workflow runs from another folder, and as a module: of a clone, or of a hosted repository."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from repository_copy import NOTHING, copy_repository, snakemake
from test_paper_configuration import merged, read

MODULE = """
module hce:
    snakefile: {snakefile}
{config}

use rule * from hce as hce_*
"""
ONTOLOGY = "mine/ontology/cl.obo"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone that nobody writes to."""
    return copy_repository(tmp_path_factory.mktemp("repository"))


@pytest.fixture
def own() -> dict[str, Any]:
    """A user's complete configuration."""
    return merged(merged(read("config.yaml"), read("tiny.yaml")), {"results": "mine"})


def import_as_module(repository: Path, folder: Path, config: str) -> None:
    """Write a Snakefile that imports the workflow."""
    text = MODULE.format(snakefile=repr(f"{repository}/Snakefile"), config=config)
    (folder / "Snakefile").write_text(text)


def files(folder: Path) -> set[str]:
    """Everything in a folder, whatever git ignores included."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_it_runs_in_another_folder(repository: Path, own: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(own))
    before = files(repository)
    place = ("--snakefile", f"{repository}/Snakefile", "--directory", f"{tmp_path}")
    place += ("--configfile", f"{tmp_path}/own.yaml")
    # from a third folder, so that no path works by chance
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    planned = snakemake(elsewhere, *place, "-n")
    assert planned.returncode == 0, planned.output
    assert planned.jobs["train_model"] == 2 * 3 * 2
    done = snakemake(elsewhere, *place, "--", ONTOLOGY)
    assert done.returncode == 0, done.output
    assert (tmp_path / ONTOLOGY).read_text().startswith("format-version:")
    assert {path for path in files(repository) - before if "__pycache__" not in path} == set()


def test_a_clone_may_move(own: dict[str, Any], tmp_path: Path) -> None:
    clone, folder = copy_repository(tmp_path / "here" / "clone"), tmp_path / "mine"
    folder.mkdir()
    (folder / "own.yaml").write_text(yaml.safe_dump(own))
    options = ("--configfile", "own.yaml", "--", ONTOLOGY)
    done = snakemake(folder, "--snakefile", f"{clone}/Snakefile", *options)
    assert done.returncode == 0, done.output
    moved = clone.rename(tmp_path / "there")
    again = snakemake(folder, "--snakefile", f"{moved}/Snakefile", *options)
    assert NOTHING in again.output, again.output


def test_it_is_a_module_of_another_workflow(
    repository: Path, own: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({"hce": own}))
    import_as_module(repository, tmp_path, '    config: config["hce"]')
    snakefile = tmp_path / "Snakefile"
    snakefile.write_text('configfile: "own.yaml"\n' + snakefile.read_text())
    # seeds is a key of the module's configuration that the outer one has not
    planned = snakemake(tmp_path, "-n", "--cores", "1", "--config", "seeds=[0]")
    assert planned.returncode == 0, planned.output
    assert planned.jobs["hce_train_model"] == 2 * 3 * 2
    done = snakemake(tmp_path, "--cores", "1", "--", ONTOLOGY)
    assert done.returncode == 0, done.output
    assert (tmp_path / ONTOLOGY).exists()


def test_an_importing_workflow_keeps_its_own_default_target(
    repository: Path, own: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(own))
    import_as_module(repository, tmp_path, "    config: config")
    snakefile = tmp_path / "Snakefile"
    first = f'configfile: "own.yaml"\n\nrule mine:\n    input: {ONTOLOGY!r}\n'
    snakefile.write_text(first + snakefile.read_text())
    planned = snakemake(tmp_path, "-n", "--cores", "1")
    assert planned.jobs == {"mine": 1, "hce_record_run": 1, "hce_fetch_ontology": 1}


@pytest.fixture
def hosted(tmp_path: Path) -> dict[str, str]:
    """Environment in which github.com/lab/hce, tag v1, is a repository of this machine."""
    repository = copy_repository(tmp_path / "hosted")
    author = ["-c", "user.name=lab", "-c", "user.email=lab@example.org"]
    for command in (["init"], ["add", "."], [*author, "commit", "-m", "all"], ["tag", "v1"]):
        git(repository, *command)
    settings = tmp_path / "gitconfig"
    address = f"url.{repository.as_uri()}.insteadOf"
    git(repository, "config", "--file", f"{settings}", address, "https://github.com/lab/hce")
    return {"GIT_CONFIG_GLOBAL": f"{settings}", "XDG_CACHE_HOME": f"{tmp_path / 'cache'}"}


def git(repository: Path, *arguments: str) -> str:
    """What a command of git prints."""
    command = ["git", "-C", f"{repository}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_it_is_a_module_from_a_hosting_service(
    hosted: dict[str, str], own: dict[str, Any], tmp_path: Path
) -> None:
    # what snakedeploy writes
    snakefile = 'github("lab/hce", path="Snakefile", tag="v1")'
    text = MODULE.format(snakefile=snakefile, config="    config: config")
    (tmp_path / "Snakefile").write_text(text)
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(own))
    options = ("--cores", "2", "--configfile", "own.yaml")
    planned = snakemake(tmp_path, *options, "-n", "--", "hce_overview", **hosted)
    assert planned.returncode == 0, planned.output
    assert planned.jobs["hce_train_model"] == 2 * 3 * 2
    cells = "mine/atlas/cells.parquet"
    done = snakemake(tmp_path, *options, "--", cells, **hosted)
    assert done.returncode == 0, done.output
    assert (tmp_path / cells).exists()
    commit = git(tmp_path / "hosted", "rev-parse", "v1")
    shown = snakemake(tmp_path, *options, "-n", "-p", "--", "mine/provenance.tsv", **hosted)
    assert f"record_provenance.py --commit {commit} " in shown.output
    again = snakemake(tmp_path, *options, "--", cells, **hosted)
    assert NOTHING in again.output


@pytest.mark.parametrize(
    ("config", "fragments"),
    [
        ("", ["Workflow defines configfile config/config.yaml but it is not present"]),
        ("    config: {}", ["no section census and no section ontology", "`config:`"]),
    ],
)
def test_a_module_without_configuration_is_refused(
    repository: Path, tmp_path: Path, config: str, fragments: list[str]
) -> None:
    import_as_module(repository, tmp_path, config)
    said = snakemake(tmp_path, "-n", "--cores", "1")
    assert said.returncode != 0
    assert [fragment for fragment in fragments if fragment not in said.output] == [], said.output
    assert not (tmp_path / "results").exists()
