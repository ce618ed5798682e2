"""The user's command runs the tiny configuration: as jobs of the cluster, to the same results."""

from __future__ import annotations

import re
from collections import Counter

import pandas as pd
import pytest
from repository_copy import NOTHING, TINY, FinishedRun, results_of
from user_run import GPU, GPU_RULES, HEAVY, Job, UserRun, unfinished

pytestmark = pytest.mark.slurm


@pytest.fixture(scope="module")
def run(both_runs: tuple[FinishedRun, UserRun]) -> UserRun:
    """The run on the cluster, at its end."""
    return both_runs[1]


@pytest.fixture(scope="module")
def jobs(run: UserRun) -> list[Job]:
    """Its jobs."""
    return run.jobs()


def rule_of(job: Job) -> str:
    """Rule of a job, from the comment that squeue shows."""
    return re.fullmatch(r"rule_(.+?)(?:_wildcards_.*)?", job.comment).group(1)


def test_every_job_ran_once_and_ended_well(jobs: list[Job]) -> None:
    assert {job.state for job in jobs} == {"COMPLETED"}
    counts = Counter(rule_of(job) for job in jobs)
    assert counts == {rule: count for rule, (count, _, _) in HEAVY.items()}


def test_jobs_have_the_partition_memory_time_and_gpu_they_asked_for(jobs: list[Job]) -> None:
    for job in jobs:
        rule = rule_of(job)
        assert job.account == "lab"
        assert job.partition == ("gpu" if rule in GPU_RULES else "cpu")
        assert job.resources.get("gres/gpu") == ("1" if rule in GPU_RULES else None)
        if rule in HEAVY:
            assert (job.memory, job.minutes) == HEAVY[rule][1:], rule
            assert job.resources["cpu"] == "1"


def test_the_results_are_those_of_a_local_run(run: UserRun, local_run: FinishedRun) -> None:
    here, there = (results_of(one.folder / "results-tiny") for one in (local_run, run))
    assert here.keys() == there.keys()
    assert len(here) > 100
    assert [name for name in here if here[name] != there[name]] == []


def test_it_leaves_logs_an_efficiency_report_and_nothing_in_the_queue(
    run: UserRun, jobs: list[Job]
) -> None:
    logs = run.folder / "results/logs/slurm"
    assert {path.stem for path in logs.rglob("*.log")} == {job.id for job in jobs}
    (report,) = logs.glob("efficiency_report_*.csv")
    rows = pd.read_csv(report, dtype=str)
    assert set(rows["MainJobID"]) == {job.id for job in jobs}
    assert len(rows) == len(jobs)
    assert unfinished(run.folder) == []


def test_a_second_run_has_nothing_to_do(run: UserRun) -> None:
    again = UserRun(run.folder, *TINY, "--set-resources", *GPU)
    again.succeed(60)
    assert NOTHING in again.output
    assert again.jobs() == []
