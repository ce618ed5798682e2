"""The conda environments are what `make envs` derives from the lock and the code of each stage.

That each is complete is shown by running its rules in it alone: `make test-envs`.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from repository_copy import REPOSITORY, copy_repository, snakemake

import check_environments
import derive_environments
import stage_rules

STAGES = stage_rules.stages()
SMALL = "import numpy\nimport yaml\nfrom hce.loss import build_loss\n\n\ndef f(table):\n"


@pytest.mark.parametrize("stage", STAGES)
def test_environment_is_what_the_code_and_the_lock_say(stage: str) -> None:
    written = (REPOSITORY / "envs" / f"{stage}.yaml").read_text(encoding="utf-8")
    assert written == derive_environments.environment(stage), "run `make envs`"


def test_there_is_no_environment_without_a_stage() -> None:
    assert sorted(path.stem for path in (REPOSITORY / "envs").glob("*.yaml")) == STAGES


@pytest.mark.parametrize("stage", STAGES)
def test_every_package_is_pinned_at_the_version_of_the_tests(stage: str) -> None:
    lines = (REPOSITORY / "requirements.txt").read_text().splitlines()
    lock = dict(line.split("==") for line in lines if "==" in line)
    versions = check_environments.packages(stage)
    assert versions
    assert versions == {name: lock[name] for name in versions}


def test_every_rule_with_a_script_has_an_environment() -> None:
    listed = subprocess.run(
        ["grep", "-rhoE", r"script\(\"\w+\"\)", REPOSITORY / "workflow" / "rules"],
        capture_output=True,
        text=True,
        check=True,
    )
    named = set(re.findall(r'"(\w+)"', listed.stdout))
    assert {rule.script for rule in stage_rules.rules()} == named
    stage = {rule.name: rule.stage for rule in stage_rules.rules()}
    # a rule that takes over another's environment
    assert stage["compare_controls"] == stage["compare_losses"] == "analysis"
    assert stage["draw_figS7"] == stage["draw_controls"] == "analysis"


def test_what_draws_is_no_job_of_a_cluster() -> None:
    drawing = [rule for rule in stage_rules.rules() if rule.name.startswith("draw_")]
    assert len(drawing) > 20
    assert [rule.name for rule in drawing if not rule.local] == []


def test_every_rule_but_the_download_is_run_in_its_environment(tmp_path: Path) -> None:
    """The environments' own run plans every rule with a script, as `make test-envs` demands."""
    folder = copy_repository(tmp_path)
    check_environments.write_own_loss(folder)
    check_environments.write_slice(folder)
    check_environments.write_published(folder)
    written = {}
    made = ("SIMULATED", "SLICE", "OWN_LOSS", "PUBLISHED", "CHECKPOINTS")
    for files in (getattr(check_environments, name) for name in made):
        targets = check_environments.TARGETS[files]
        planned = snakemake(folder, "-n", "--configfile", *files, "--", *targets).jobs
        written[files] = {name: ["file"] for name in planned}
    # the two that take files of a user, which the environments' own run writes
    assert check_environments.never_run(written) == ["annotate_cells", "convert_h5ad"]
    written[check_environments.OWN_FILES] = {"convert_h5ad": ["file"]}
    written[check_environments.OWN_CELL_TYPES] = {"annotate_cells": ["file"]}
    assert check_environments.never_run(written) == []


def test_packages_are_found_wherever_the_code_hides_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "script.py"
    script.write_text(SMALL + "    import sklearn.cluster\n    table.to_parquet('file')\n")
    assert stage_rules.imported_packages({script}) == {"numpy", "yaml", "sklearn"}
    monkeypatch.setattr(derive_environments, "code", lambda stage: {script})
    expected = {"numpy", "pyyaml", "scikit-learn", "pyarrow"}
    assert derive_environments.direct_packages("any") == expected


def test_a_package_outside_the_lock_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "script.py"
    script.write_text("import tensorflow\n")
    monkeypatch.setattr(derive_environments, "code", lambda stage: {script})
    with pytest.raises(ValueError, match=r"imports tensorflow, not in requirements\.txt"):
        derive_environments.environment("any")


def test_every_direct_requirement_is_in_the_lock() -> None:
    text = (REPOSITORY / "requirements.in").read_text().lower()
    direct = dict(re.findall(r"^([\w-]+)==(\S+)", text, re.M))
    lines = (REPOSITORY / "requirements.txt").read_text().lower().splitlines()
    lock = dict(line.split("==") for line in lines if "==" in line)
    assert {name: lock.get(name) for name in direct} == direct
