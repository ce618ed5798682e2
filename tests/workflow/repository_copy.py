"""Copies of the repository's files, and snakemake runs in them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

REPOSITORY = Path(__file__).parents[2]
TINY = ("--configfile", "config/tiny.yaml")
NOTHING = "Nothing to be done"
# part of the names of folders and files; a shell that reads it leaves a file
ODD = """it's "odd" $(touch executed) `touch executed` ü 🧬"""
SPEED_COLUMNS = ["cells_per_second", "data_wait_share"]
# time and memory differ; TileDB names its files after the time
DIFFERENT = ("benchmarks", "logs", "simulated_census")


@dataclass(frozen=True)
class Snakemake:
    """What a call of snakemake said."""

    returncode: int
    output: str

    @property
    def jobs(self) -> dict[str, int]:
        """Number of jobs of each rule in the (first) table of jobs, without target rules."""
        table = re.search(r"^job +count\n[- ]+\n((?:\w+ +\d+\n)+)", self.output, re.M)
        rows = [line.split() for line in table.group(1).splitlines()] if table else []
        return {rule: int(count) for rule, count in rows if rule not in ("all", "total")}


def snakemake(folder: Path, *arguments: str, **variables: str) -> Snakemake:
    """Call snakemake in a copy of the repository, with the environment of these tests.

    Environment variables can be set; PYTHONPATH takes a sitecustomize.py to break things with.
    """
    binaries = Path(sys.executable).parent
    environment = os.environ | {
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        # the code under test is that of the copy
        "PYTHONPATH": "",
    }
    environment |= variables
    done = subprocess.run(
        [binaries / "snakemake", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
        check=False,
    )
    return Snakemake(done.returncode, done.stdout)


@dataclass(frozen=True)
class FinishedRun:
    """A copy of the repository in which the workflow has run to the end."""

    folder: Path
    first: Snakemake

    @property
    def results(self) -> Path:
        """Where config/tiny.yaml puts everything."""
        return self.folder / "results-tiny"

    def copy_cells(self, name: str) -> Path:
        """Start another folder of results that has everything up to the cells, but no counts."""
        other = self.folder / name
        other.mkdir()
        # in the order of the workflow and with new time stamps, so that nothing looks outdated
        shutil.copy(self.results / "run.json", other)
        for part in ("ontology", "simulated_census", "census", "atlas"):
            shutil.copytree(self.results / part, other / part, copy_function=shutil.copy)
        return other


@dataclass(frozen=True)
class Code:
    """The scripts and their library in a copy of the repository, to be edited."""

    scripts: Path

    def file(self, definition: str) -> Path:
        """The file of the library, or script, in which a definition stands."""
        (path,) = (p for p in self.scripts.rglob("*.py") if f"\n{definition}" in p.read_text())
        return path

    def replace(self, definition: str, old: str, new: str) -> None:
        """Replace the first text of its kind in a definition."""
        path = self.file(definition)
        before, after = path.read_text().split(f"\n{definition}")
        after = f"\n{definition}{after}"
        assert old in after
        path.write_text(before + after.replace(old, new, 1))

    def texts(self) -> dict[Path, str]:
        """Every file."""
        return {path: path.read_text() for path in self.scripts.rglob("*.py")}


def copy_repository(target: Path) -> Path:
    """Copy every file of the repository that is not ignored: what a fresh clone would have."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        source = REPOSITORY / name
        if source.is_symlink() or source.is_file():  # a deleted file is listed until committed
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name, follow_symlinks=False)
    return target


def results_of(results: Path, paths: Iterable[Path] | None = None) -> dict[str, bytes]:
    """Content of every result, or of some, that depends on neither machine nor time, by path."""
    contents = {}
    for path in sorted(results.rglob("*") if paths is None else paths):
        name = path.relative_to(results)
        # the history of a training has times, so the claim of its cost, and the records of both
        timed = (".history.csv.sha256", ".claims.tsv.sha256")
        other = name.parts[0] in DIFFERENT or path.name in timed
        if other or not path.is_file():
            continue
        contents[name.as_posix()] = path.read_bytes()
        if path.name == "history.csv":
            table = pd.read_csv(path, float_precision="round_trip").drop(columns=SPEED_COLUMNS)
            contents[name.as_posix()] = table.to_csv(index=False).encode()
        if path.name == "claims.tsv":
            lines = path.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if not line.startswith("cost\t")]
            contents[name.as_posix()] = "\n".join(kept).encode()
    return contents
