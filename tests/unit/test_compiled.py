"""Compiled loops work where neither the checkout nor HOME can be written to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hce import compiled

SCRIPTS = Path(__file__).parents[2] / "scripts"
# a folder that not even root can make one in
NOWHERE = "/proc/nowhere"
CALL = """
import numpy as np
from hce.loader.kernels import densify
out = np.empty((1, 3), np.float32)
arrays = np.array([0, 2]), np.array([0, 2], np.int32), np.array([1, 5], np.float32)
densify(*arrays, out, 0, 1)
print(out.tolist(), densify.stats.cache_hits)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the library that no compiled loop can be kept beside."""
    ignored = shutil.ignore_patterns("__pycache__")
    library = shutil.copytree(SCRIPTS / "hce", tmp_path / "scripts" / "hce", ignore=ignored)
    (library / "loader" / "__pycache__").touch()  # a file where the folder belongs
    return tmp_path / "scripts"


def call(checkout: Path, scratch: Path | str) -> str:
    """Run a loop in a process of its own; returns what it gave and how often it was on disk."""
    homeless = {"HOME": NOWHERE, "XDG_CACHE_HOME": NOWHERE, "TMPDIR": str(scratch)}
    environment = os.environ | homeless | {"PYTHONPATH": str(checkout)}
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", CALL], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_checkout_and_a_home_that_cannot_be_written_to(checkout: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    assert call(checkout, scratch).startswith("[[1.0, 0.0, 5.0]] Counter()")
    kept = list(scratch.rglob("*.densify-*.nbi"))
    assert len(kept) == 1
    assert not call(checkout, scratch).endswith("Counter()")  # compiled once


def test_a_folder_of_somebody_else_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled.tempfile, "gettempdir", lambda: str(tmp_path))
    folder = compiled.scratch_folder()
    assert folder is not None
    assert compiled.scratch_folder() == folder
    folder.chmod(0o777)
    assert compiled.scratch_folder() is None
    folder.chmod(0o700)
    monkeypatch.setattr(compiled.os, "getuid", lambda: folder.stat().st_uid + 1)
    folder.rename(tmp_path / f"hce-numba-{compiled.os.getuid()}")
    assert compiled.scratch_folder() is None
    monkeypatch.setattr(compiled.tempfile, "gettempdir", lambda: NOWHERE)
    assert compiled.scratch_folder() is None


def test_without_any_folder_each_process_compiles(checkout: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    (scratch / f"hce-numba-{os.getuid()}").mkdir(parents=True)
    (scratch / f"hce-numba-{os.getuid()}").chmod(0o777)
    assert call(checkout, scratch) == "[[1.0, 0.0, 5.0]] Counter()"
