"""A disk that fills up at any place of a run is said, and once there is room the run goes on."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from flips import Job, Laboratory
from repository_copy import ODD, FinishedRun, copy_repository
from results import TARGETS, Run, compared, differing

pytestmark = pytest.mark.faults

SEED = 20261127
TIMES = 5
LIMIT_KIB = 8
PAGE = 4096


@pytest.fixture
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the repository whose results lie on a file system of their own."""
    folder = copy_repository(tmp_path_factory.mktemp(f"full {ODD}"))
    results = folder / "results-tiny"
    results.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(results)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mount.returncode:
        pytest.skip(f"cannot mount a small disk: {mount.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(results)], check=True)


def pages(folder: Path) -> int:
    """Bytes that the files below a folder take on a tmpfs."""
    return sum(-(-path.stat().st_size // PAGE) * PAGE for path in folder.rglob("*"))


def test_room_that_runs_out_is_named_and_nothing_half_written_is_left(
    undisturbed: FinishedRun, disk: Path, report: Callable[[str, str], None]
) -> None:
    results, expected = disk / "results-tiny", compared(undisturbed.results)
    # the store is TileDB's to write; what is full is said in its words
    store = pages(undisturbed.results / "simulated_census") + 2**20
    rest = pages(undisturbed.results) - store
    shares = np.sort(np.random.default_rng(SEED).uniform(0.05, 0.7, TIMES))
    unclear, half = [], []
    for share in shares:
        resize(results, int(store + share * rest))
        run = Run(disk, *TARGETS)
        try:
            status = run.wait()
        finally:
            run.clean_up()
        assert status != 0, f"there was room: {share}"
        if not re.search(r"results-tiny/\S*: (not written|its disk is full)", run.output):
            unclear.append(run.output[-3000:])
        there = compared(results)
        half += [name for name in there if there[name] != expected.get(name)]
    resize(results, 64 * 2**20)
    last = Run(disk, *TARGETS)
    try:
        assert last.wait() == 0, last.output[-5000:]
    finally:
        last.clean_up()
    different = differing(results, undisturbed.results)
    report(
        f"{TIMES} full disks in one run",
        f"{len(unclear)} unclear, {len(half)} files half written, {len(different)} differ",
    )
    assert (unclear, half, different) == ([], [], [])


def test_a_file_that_grows_beyond_the_limit_of_its_script_is_named(
    laboratory: Laboratory, report: Callable[[str, str], None]
) -> None:
    """Every way of writing, without a disk: the limit of a process ends in the same error."""
    largest: dict[str, tuple[int, Job]] = {}
    for job in laboratory.jobs:
        for output in job.outputs:
            size = (laboratory.folder / output).stat().st_size
            if size > largest.get(Path(output).suffix, (2 * LIMIT_KIB * 1024, job))[0]:
                largest[Path(output).suffix] = (size, job)
    outcomes = {suffix: laboratory.limit(job, LIMIT_KIB) for suffix, (_, job) in largest.items()}
    counts = Counter(outcome.name for outcome in outcomes.values())
    report(
        f"1 limit each for files of {len(outcomes)} formats ({' '.join(sorted(outcomes))})",
        ", ".join(f"{counts[name]} {name}" for name in ("refused", "unclear", "silent")),
    )
    assert {name: said for name, said in outcomes.items() if said.name != "refused"} == {}


def resize(results: Path, size: int) -> None:
    """Change how much fits on the disk."""
    command = ["mount", "-o", f"remount,size={size}", str(results)]
    subprocess.run(command, check=True)
