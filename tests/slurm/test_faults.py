"""A training on a cluster ends, with the result of an undisturbed one, whatever happens to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import faults
import pandas as pd
import pytest
from cluster import Cluster
from user_run import MODEL, OUTPUTS, Job, UserRun, accounted, unfinished

pytestmark = pytest.mark.slurm

SPEED_COLUMNS = ["cells_per_second", "data_wait_share"]
CopyFinished = Callable[[str], Path]


@pytest.fixture(scope="module")
def together(
    cluster: Cluster, uninterrupted: Path, copy_finished: CopyFinished
) -> Iterator[dict[str, Future]]:
    """Faults that leave each other alone, all at once, each in a folder of its own."""
    alone = [faults.over_time, faults.over_memory, faults.cancelled_by_user]
    alone += [faults.preempted_and_cancelled, faults.main_process_killed]
    folders = {fault.__name__: copy_finished(fault.__name__) for fault in alone}
    pool = ThreadPoolExecutor(len(alone))
    try:
        yield {name: pool.submit(getattr(faults, name), folders[name]) for name in folders}
    finally:
        UserRun.end_all()  # nothing, unless the tests are interrupted
        pool.shutdown()


def assert_same_training(folder: Path, uninterrupted: Path) -> None:
    """The model of a folder is that of the training that nothing disturbed."""
    trained = (folder / MODEL).parent
    for name in OUTPUTS[0], OUTPUTS[2]:
        assert (trained / name).read_bytes() == (uninterrupted / name).read_bytes()
    histories = [pd.read_csv(path / "history.csv") for path in (trained, uninterrupted)]
    pd.testing.assert_frame_equal(
        *(history.drop(columns=SPEED_COLUMNS) for history in histories), check_exact=True
    )
    left = {path.name for path in trained.iterdir() if path.suffix != ".sha256"}
    assert left == {".lock", *OUTPUTS}
    assert unfinished(folder) == []


def assert_resumed(folder: Path) -> None:
    """The last attempt went on where the one before was stopped."""
    log = folder / "results-tiny/logs/train_model/mlp/hce/seed0.log"
    assert "resuming in epoch" in log.read_text()


def states(jobs: list[Job]) -> list[str]:
    """How each start of a job ended, without by whom."""
    return [job.state.split()[0] for job in jobs]


def test_more_time_for_a_job_that_was_over_time(
    together: dict[str, Future], uninterrupted: Path
) -> None:
    run: UserRun = together["over_time"].result()
    jobs = run.jobs()
    assert states(jobs) == ["TIMEOUT", "COMPLETED"]
    assert [job.minutes for job in jobs] == [1, 2]
    assert_resumed(run.folder)
    assert_same_training(run.folder, uninterrupted)


def test_more_memory_for_a_job_that_was_over_memory(
    together: dict[str, Future], uninterrupted: Path
) -> None:
    run: UserRun = together["over_memory"].result()
    jobs = run.jobs()
    assert len(jobs) > 1
    assert [job.memory for job in jobs] == ["250M", "375M", "563M"][: len(jobs)]
    assert states(jobs)[-1] == "COMPLETED"
    assert set(states(jobs)[:-1]) <= {"FAILED", "OUT_OF_MEMORY", "CANCELLED"}
    logs = "".join(p.read_text() for p in (run.folder / "results/logs/slurm").rglob("*.log"))
    assert "memory limit" in logs
    assert_same_training(run.folder, uninterrupted)


def test_a_job_that_the_user_cancels_is_tried_again(
    together: dict[str, Future], uninterrupted: Path
) -> None:
    run: UserRun = together["cancelled_by_user"].result()
    assert states(run.jobs()) == ["CANCELLED", "COMPLETED"]
    assert_resumed(run.folder)
    assert_same_training(run.folder, uninterrupted)


def test_a_job_that_is_preempted_and_given_up_is_tried_again(
    together: dict[str, Future], uninterrupted: Path
) -> None:
    run: UserRun = together["preempted_and_cancelled"].result()
    jobs = run.jobs()
    assert states(jobs) == ["PREEMPTED", "COMPLETED"]
    assert {job.qos for job in jobs} == {"scavenge"}
    assert_resumed(run.folder)
    assert_same_training(run.folder, uninterrupted)


def test_a_killed_run_is_resumed_without_doing_anything_twice(
    together: dict[str, Future], uninterrupted: Path
) -> None:
    killed, refusal, resumed = together["main_process_killed"].result()
    (job,) = killed.jobs()
    assert f"SLURM still has 1 jobs of an earlier run in this folder: {job.id}" in refusal
    assert "python profiles/slurm/resume.py" in refusal
    assert f"Waiting for 1 jobs in SLURM: {job.id}" in resumed.output
    assert "Nothing to be done" in resumed.output
    assert accounted(folder=killed.folder) == [job]
    assert job.state == "COMPLETED"
    assert_same_training(killed.folder, uninterrupted)


def test_a_job_survives_the_controller_a_preemption_and_its_node(
    cluster: Cluster,
    together: dict[str, Future],
    uninterrupted: Path,
    copy_finished: CopyFinished,
) -> None:
    for future in together.values():
        future.exception()  # the node is theirs, too
    folder = copy_finished("controller_then_preemption_then_node")
    run = faults.controller_then_preemption_then_node(folder, cluster)
    jobs = run.jobs()
    assert states(jobs) == ["PREEMPTED", "NODE_FAIL", "COMPLETED"]
    assert len({job.id for job in jobs}) == 1, "submitted more than once"
    assert_resumed(folder)
    assert_same_training(folder, uninterrupted)


def test_a_job_that_slurm_forgets_is_tried_again(
    cluster: Cluster,
    together: dict[str, Future],
    uninterrupted: Path,
    copy_finished: CopyFinished,
) -> None:
    for future in together.values():
        future.exception()  # their jobs would be forgotten, too
    folder = copy_finished("forgotten")
    jobs = faults.forgotten(folder, cluster).jobs()
    assert len(jobs) == 2
    assert states(jobs)[-1] == "COMPLETED"
    assert_resumed(folder)
    assert_same_training(folder, uninterrupted)


def test_ctrl_c_leaves_no_job_behind(
    cluster: Cluster, copy_finished: CopyFinished, tmp_path: Path
) -> None:
    slow = tmp_path / "sbatch"
    slow.write_text('#!/bin/sh\nsleep 1\nexec /usr/bin/sbatch "$@"\n')
    slow.chmod(0o755)
    folder = copy_finished("interrupted")
    run = faults.interrupted(folder, tmp_path)
    assert unfinished(folder) == []
    ended = states(run.jobs())
    assert "CANCELLED" in ended
    assert set(ended) <= {"CANCELLED", "COMPLETED", "FAILED"}
