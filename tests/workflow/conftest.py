"""The workflow, run once to the end on the smallest configuration."""

from __future__ import annotations

import pytest
from repository_copy import TINY, FinishedRun, copy_repository, snakemake


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """Run config/tiny.yaml in a copy of the repository (a minute or more)."""
    folder = copy_repository(tmp_path_factory.mktemp("repository"))
    run = snakemake(folder, *TINY)
    assert run.returncode == 0, run.output[-5000:]
    return FinishedRun(folder, run)
