"""The workflow, run once to the end on the smallest configuration, and its scripts one by one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from repository_copy import ODD, TINY, FinishedRun, copy_repository, snakemake


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give all tests of the finished run to one worker: another would run it once more."""
    for item in items:
        if "finished_run" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("finished_run"))


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """Run config/tiny.yaml in a copy of the repository (a minute or more)."""
    folder = copy_repository(tmp_path_factory.mktemp(f"repository {ODD}"))
    run = snakemake(folder, *TINY)
    assert run.returncode == 0, run.output[-5000:]
    return FinishedRun(folder, run)


@pytest.fixture
def run_script(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Function (script, its options by name) that calls the script as from a shell."""

    def run(script: ModuleType, **options: object) -> None:
        arguments = [Path(script.__file__).name]
        for name, value in options.items():
            values = value if isinstance(value, list) else [value]
            arguments += [f"--{name.replace('_', '-')}", *map(str, values)]
        monkeypatch.setattr(sys, "argv", arguments)
        script.main()

    return run
