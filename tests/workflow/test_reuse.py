"""The workflow runs from another folder, and as a module of another workflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from repository_copy import copy_repository, snakemake
from test_paper_configuration import merged, read

MODULE = """
module hce:
    snakefile: {snakefile!r}
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
    text = MODULE.format(snakefile=f"{repository}/Snakefile", config=config)
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
