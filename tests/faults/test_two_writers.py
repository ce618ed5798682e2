"""Two runs on one results folder, and two processes on one file."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from repository_copy import ODD, REPOSITORY, TINY, FinishedRun, copy_repository
from results import Run, compared

from hce.files import checked

pytestmark = pytest.mark.faults

ROUNDS = 300
WRITE = f"""
import sys
sys.path.insert(0, sys.argv[1])
from hce.files import write_atomically
for _ in range({ROUNDS}):
    with write_atomically(sys.argv[2]) as temporary:
        temporary.write_text(sys.argv[3] * 50_000)
"""


def test_the_second_of_two_clones_is_refused_and_the_first_is_not_disturbed(
    undisturbed: FinishedRun,
    tmp_path_factory: pytest.TempPathFactory,
    report: Callable[[str, str], None],
) -> None:
    shared = tmp_path_factory.mktemp(f"shared {ODD}") / "results"
    clones = [copy_repository(tmp_path_factory.mktemp(f"clone {ODD}")) for _ in range(2)]
    for clone in clones:
        (clone / "shared.yaml").write_text(f"results: |-\n  {shared}\n", encoding="utf-8")
    # until every kind of job has run that writes for others
    target = f"{shared}/predictions/linear/ce/seed0/test.parquet"
    runs = [Run(clone, *TINY, "shared.yaml", "--", target) for clone in clones]
    try:
        statuses = [run.wait() for run in runs]
    finally:
        for run in runs:
            run.clean_up()
    assert sorted(statuses) == [0, 1], [run.output[-3000:] for run in runs]
    (refused,) = (run for run in runs if run.process.returncode)
    assert "is being filled by another run: process" in refused.output
    ours, expected = compared(shared), compared(undisturbed.results)
    different = [name for name in ours if ours[name] != expected.get(name)]
    report("two runs at once on one folder", f"1 refused, {len(different)} files differ")
    assert len(ours) > 20
    assert different == []


@pytest.mark.parametrize("texts", ["aa", "ab"])
def test_two_processes_that_write_one_file_leave_a_whole_one(
    tmp_path: Path, report: Callable[[str, str], None], texts: str
) -> None:
    folder = tmp_path / ODD
    folder.mkdir()
    path = folder / "table.tsv"
    command = [sys.executable, "-c", WRITE, str(REPOSITORY / "scripts"), str(path)]
    writers = [subprocess.Popen([*command, text]) for text in texts]
    torn = 0
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            content = path.read_text()
            torn += len(content) != 50_000 or len(set(content)) != 1
        time.sleep(0.001)
    assert [writer.returncode for writer in writers] == [0, 0]
    report(f"{ROUNDS} times two writers of one file ({' and '.join(texts)})", f"{torn} torn")
    assert torn == 0
    assert sorted(entry.name for entry in folder.iterdir()) == [".table.tsv.sha256", "table.tsv"]
    if texts == "aa":  # as two copies of a job write
        checked(path)
