"""Each conda environment has exactly the versions that the tests run with, and what it needs."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
STAGES = sorted(path.stem for path in (REPOSITORY / "envs").glob("*.yaml"))
# package names on conda-forge and import names, where they differ from the package index
CONDA_NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
IMPORT_NAMES = {"pyyaml": "yaml", "scikit-learn": "sklearn"}


def pinned(stage: str) -> dict[str, str]:
    """Packages of an environment with their versions, by their name on the package index."""
    content = yaml.safe_load((REPOSITORY / "envs" / f"{stage}.yaml").read_text())
    versions = {}
    for entry in content["dependencies"]:
        lines = entry["pip"] if isinstance(entry, dict) else [entry]
        for line in lines:
            name, _, version = line.replace("==", "=").partition("=")
            versions[CONDA_NAMES.get(name, name)] = version
    return versions


def imported_packages(paths: set[Path]) -> set[str]:
    """Top-level packages outside the standard library that files import."""
    names = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add((node.module or "").split(".")[0])
    return names - set(sys.stdlib_module_names) - {"hce"}


def code_of_stage(stage: str) -> set[Path]:
    """Scripts of the rules that use an environment, and the modules they reach."""
    reached: set[Path] = set()
    for rules in (REPOSITORY / "workflow" / "rules").glob("*.smk"):
        for block in re.split(r"\n(?=rule )", rules.read_text()):
            script = re.search(r'script\("(\w+)"\)', block)
            if script and f"envs/{stage}.yaml" in block:
                waiting = [REPOSITORY / "scripts" / f"{script.group(1)}.py"]
                while waiting:
                    path = waiting.pop()
                    reached.add(path)
                    for module in re.findall(r"^from hce\.(\w+) import", path.read_text(), re.M):
                        library = REPOSITORY / "scripts" / "hce" / f"{module}.py"
                        if library not in reached:
                            waiting.append(library)
    return reached


@pytest.mark.parametrize("stage", STAGES)
def test_versions_are_those_of_the_lock(stage: str) -> None:
    lines = (REPOSITORY / "requirements.txt").read_text().splitlines()
    lock = dict(line.split("==") for line in lines if "==" in line)
    versions = pinned(stage)
    assert versions.pop("python").startswith("3.11")
    versions.pop("pip", None)
    assert versions == {name: lock[name] for name in versions}


@pytest.mark.parametrize("stage", STAGES)
def test_environment_holds_what_its_scripts_import(stage: str) -> None:
    packages = {IMPORT_NAMES.get(name, name).replace("-", "_") for name in pinned(stage)}
    code = code_of_stage(stage)
    assert code
    assert imported_packages(code) - packages == set()


def test_every_direct_requirement_is_in_the_lock() -> None:
    text = (REPOSITORY / "requirements.in").read_text().lower()
    direct = dict(re.findall(r"^([\w-]+)==(\S+)", text, re.M))
    lines = (REPOSITORY / "requirements.txt").read_text().lower().splitlines()
    lock = dict(line.split("==") for line in lines if "==" in line)
    assert {name: lock.get(name) for name in direct} == direct
