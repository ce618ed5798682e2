"""One undisturbed run to compare with, and a table of what came out, shown at the end."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flips import Laboratory
from repository_copy import ODD, FinishedRun, copy_repository, snakemake
from results import TARGETS, executed

RESULTS: list[tuple[str, str]] = []


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """A finished run that nothing disturbed; it keeps the pieces of the shuffle."""
    folder = copy_repository(tmp_path_factory.mktemp(f"undisturbed {ODD}"))
    run = snakemake(folder, *TARGETS, "--notemp")
    assert run.returncode == 0, run.output[-5000:]
    return FinishedRun(folder, run)


@pytest.fixture(scope="session")
def laboratory(undisturbed: FinishedRun, tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    """A copy of the finished run, to damage files in."""
    folder = tmp_path_factory.mktemp(f"laboratory {ODD}") / "repository"
    shutil.copytree(undisturbed.folder, folder, symlinks=True)
    return Laboratory(folder, undisturbed.folder)


@pytest.fixture
def report() -> Callable[[str, str], None]:
    """Function (what was done, what came of it) that adds a row to the table of results."""
    return lambda what, outcome: RESULTS.append((what, outcome))


@pytest.fixture(scope="session", autouse=True)
def nothing_is_executed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No shell has read the names of the folders of this session."""
    yield
    found = executed(tmp_path_factory.getbasetemp(), Path.cwd())
    RESULTS.append(("hostile names of folders", f"{len(found)} executed"))
    assert found == []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the rows of docs/reliability.md."""
    if not RESULTS:
        return
    terminalreporter.section(f"results of {time.strftime('%Y-%m-%d')}")
    for what, outcome in RESULTS:
        terminalreporter.write_line(f"| {what} | {outcome} |")
