"""A run that is killed again and again ends with the results of one that is left alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from repository_copy import NOTHING, ODD, FinishedRun, copy_repository, snakemake
from results import TARGETS, Run, differing

pytestmark = pytest.mark.faults

SEED = 20261126
KILLS = 32
# a kill comes within these seconds after its share of the jobs has ended: in the next jobs, or,
# where that share had ended before, while Snakemake starts
SPREAD = 4.0


def test_the_same_command_goes_on_after_every_kill(
    undisturbed: FinishedRun,
    tmp_path_factory: pytest.TempPathFactory,
    report: Callable[[str, str], None],
) -> None:
    folder = copy_repository(tmp_path_factory.mktemp(f"killed {ODD}"))
    results = folder / "results-tiny"
    rng = np.random.default_rng(SEED)
    places = np.sort(rng.uniform(0, 0.97, KILLS)) * sum(undisturbed.first.jobs.values())
    delays = rng.uniform(0, SPREAD, KILLS)
    runs, done = [], 0
    try:
        for number, (place, delay) in enumerate(zip(places, delays, strict=True)):
            run = Run(folder, *TARGETS)
            runs.append(run)
            ended = run.ends_before(jobs=place - done) or run.ends_before(seconds=delay)
            assert not ended, f"it did not go on after {number} kills: {run.output[-5000:]}"
            run.kill(with_its_jobs=number % 2 == 1)
            done += run.finished_jobs
        last = Run(folder, *TARGETS)
        runs.append(last)
        assert last.wait() == 0, last.output[-5000:]
    finally:
        for run in runs:
            run.clean_up()
    different = differing(results, undisturbed.results)
    report(
        f"{KILLS} kills of one run, by the same command each time",
        f"{len(different)} of its files differ",
    )
    assert different == []
    assert left_behind(results) == []
    assert NOTHING in snakemake(folder, *TARGETS, "-n").output


def left_behind(results: Path) -> list[str]:
    """Temporary files, locks of the folder, and records of files that are gone."""
    return [
        path.name
        for path in results.rglob(".*")
        if re.search(r"\.\d+\.part(\.|$)", path.name)
        or path.name.startswith(".run.lock")
        or (path.suffix == ".sha256" and not path.with_name(path.name[1:-7]).is_file())
    ]
