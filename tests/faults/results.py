"""The runs of the campaign, and the results in which they must not differ."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from repository_copy import TINY, results_of

# everything that has a page in the report
TARGETS = ("all", "overview", *TINY)
# time and memory of the jobs, and the page that shows them; temporary with the default options
DIFFERENT = ("resources.tsv", ".resources.tsv.sha256", "overview.html", "shards/pieces/")
LIMIT = 600.0


def compared(results: Path) -> dict[str, bytes]:
    """Content of every file that two runs must have in common, hidden ones too, by path."""
    found = results_of(results)
    return {name: content for name, content in found.items() if not name.startswith(DIFFERENT)}


def differing(results: Path, expected: Path) -> list[str]:
    """Files that are not the same in both, or only in one of them."""
    ours, theirs = compared(results), compared(expected)
    return sorted(name for name in ours.keys() | theirs if ours.get(name) != theirs.get(name))


def executed(*folders: Path) -> list[Path]:
    """Files that a shell has made that read a name of `repository_copy.ODD` as a command."""
    return [path for folder in folders for path in folder.rglob("executed")]


class Run:
    """The user's command in a folder, in a process group of its own; output in a file.

    Parameters
    ----------
    folder
        A copy of the repository.
    arguments
        What follows the command.
    """

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.log = folder / f"run-{len(list(folder.glob('run-*.log')))}.log"
        binaries = Path(sys.executable).parent
        environment = os.environ | {
            "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": "",
        }
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [binaries / "snakemake", *arguments],
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """What it has said until now."""
        return self.log.read_text(errors="replace")

    @property
    def finished_jobs(self) -> int:
        """How many of its jobs have ended well."""
        return self.output.count("\nFinished jobid: ")

    def ends_before(self, jobs: float = math.inf, seconds: float = math.inf) -> bool:
        """Wait for its end, but not longer than until jobs have ended well or time is over."""
        started = time.monotonic()
        while self.process.poll() is None:
            waited = time.monotonic() - started
            if waited > seconds or self.finished_jobs >= jobs:
                return False
            assert waited < LIMIT, self.output[-3000:]
            time.sleep(0.02)
        return True

    def wait(self) -> int:
        """Wait for the end; returns the exit status."""
        self.ends_before()
        return self.process.returncode

    def kill(self, with_its_jobs: bool) -> None:
        """SIGKILL the main process, alone or with all jobs; those live on otherwise."""
        if with_its_jobs:
            os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.kill()
        self.process.wait()

    def clean_up(self) -> None:
        """End whatever is left of it: the test is over."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.process.wait()
