"""Files of the repository as the rules see them, from wherever Snakemake works."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from repository_copy import REPOSITORY, TINY, copy_repository, snakemake
from snakemake.exceptions import WorkflowError

from repository import Repository
from snakemake_private import find_repository, hosted_commit

TABLE = "name\tversion\turl\tsha256\nknown.obo\t1\thttps://a\tabc\nnew.obo\t2\thttps://b\t\n"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository with a table of two files, one without a checksum but downloaded before."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "datasets.tsv").write_text(TABLE)
    (tmp_path / "new.obo.sha256").write_text("def  new.obo\n")
    return Repository(tmp_path, None, tmp_path)


def test_a_download_has_the_checksum_of_the_table_or_of_its_first_time(
    repository: Repository,
) -> None:
    assert repository.checksum(SimpleNamespace(name="known.obo")) == "abc"
    assert repository.checksum(SimpleNamespace(name="new.obo")) == "def"
    assert re.fullmatch(repository.dataset_names, "known.obo")
    assert not re.fullmatch(repository.dataset_names, "knownXobo")


def test_what_snakemake_compares_does_not_say_where_the_clone_is(repository: Repository) -> None:
    # text and numbers are compared, if no function of the output gives them
    assert not isinstance(repository.script("score"), str)
    assert repository.script("score") == repository.folder / "scripts" / "score.py"
    assert "output" in repository.version.__code__.co_varnames
    assert repository.version(None, None) == ["--repository", str(repository.folder)]
    hosted = Repository(repository.folder, "0a1b", repository.folder)
    assert hosted.version == ["--commit", "0a1b"]


def test_a_fingerprint_is_computed_when_a_job_asks() -> None:
    asked = Repository(REPOSITORY, None, Path("resources")).fingerprint("no_such_script")
    with pytest.raises(FileNotFoundError, match="no_such_script"):
        asked(None)


def test_a_rule_file_without_a_folder_is_refused() -> None:
    workflow = SimpleNamespace(current_basedir="https://example.org/workflow/rules")
    with pytest.raises(WorkflowError, match=r"example\.org/workflow/rules has none: clone"):
        find_repository(workflow)
    assert hosted_commit("anything else") is None


def test_the_list_of_rules_is_readable_and_every_figure_has_a_short_name(tmp_path: Path) -> None:
    folder = copy_repository(tmp_path)
    listed = snakemake(folder, "--list", *TINY).output.splitlines()
    assert not [line for line in listed if line.startswith("finest_")]
    assert len(listed) < 120
    said = dict(line.split(" ", 1) for line in listed if line.startswith(("draw_", "compare_")))
    assert said["draw_fig2b"] == ("(Figure 2, b: OOD macro F1, CE against HCE: snakemake fig2b)")
    assert "wrong hierarchies" in said["compare_controls"]
    for figure in ("fig2b", "figS3", "decisions"):
        planned = snakemake(folder, "--dry-run", figure, *TINY)
        assert planned.jobs[f"draw_{figure}"] == 1, planned.output[-2000:]
        assert len([job for job in planned.jobs if job.startswith("draw_")]) == 1
