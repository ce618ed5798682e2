"""Which interpreter `make env` takes, and what it says if there is none that fits."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from repository_copy import REPOSITORY

MAKE = shutil.which("make")
pytestmark = pytest.mark.skipif(MAKE is None, reason="make is not there")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository without an environment; `bin` has a shell and nothing else."""
    for name in ("Makefile", ".python-version", "requirements.txt"):
        shutil.copy(REPOSITORY / name, tmp_path)
    (tmp_path / "bin").mkdir()
    for tool in ("sh", "cat", "touch"):
        (tmp_path / "bin" / tool).symlink_to(str(shutil.which(tool)))
    return tmp_path


def install(folder: Path, name: str, version: tuple[int, int]) -> None:
    """An interpreter that says it is of a version; 0.0 is a shim without one."""
    fits = (3, 11) <= version <= (3, 13)
    script = folder / "bin" / name
    script.write_text(f'#!/bin/sh\ntest "$1" = -m || exit {0 if fits else 1}\n')
    script.chmod(0o755)


def make_env(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`make env` with the interpreters of the folder; one that fits would only be named."""
    environment = {"PATH": str(folder / "bin"), "HOME": str(folder), "LC_ALL": "C"}
    command = [str(MAKE), "env", "--just-print", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("interpreters", "chosen"),
    [
        ({"python3.11": (3, 11), "python3.13": (3, 13)}, "python3.11"),
        ({"python3.11": (0, 0), "python3.12": (3, 12)}, "python3.12"),
        ({"python3": (3, 13)}, "python3"),
        ({"python3": (3, 14), "python3.13": (3, 13)}, "python3.13"),
    ],
)
def test_make_env_takes_the_first_that_fits(
    folder: Path, interpreters: dict[str, tuple[int, int]], chosen: str
) -> None:
    for name, version in interpreters.items():
        install(folder, name, version)
    assert f'"{folder}/bin/{chosen}" -m venv .venv' in make_env(folder).stdout


@pytest.mark.parametrize("given", [[], ["PYTHON=python3"]])
def test_make_env_says_what_it_needs(folder: Path, given: list[str]) -> None:
    install(folder, "python3", (3, 14))
    environment = {"PATH": str(folder / "bin"), "HOME": str(folder)}
    done = subprocess.run(
        [str(MAKE), "env", *given], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "Python 3.11, 3.12 or 3.13 is needed, got" in done.stdout
    assert "PYTHON=/path/to/python3.12" in done.stdout
    assert not (folder / ".venv").exists()
