"""Whatever SLURM says of a job, or no longer says, the job ends for Snakemake."""

from __future__ import annotations

import asyncio
import inspect
import logging
import sys
from types import SimpleNamespace

import pytest
from repository_copy import REPOSITORY

import slurm_guard
from slurm_guard import LONGEST_INTERVAL, PATIENCE_SECONDS, JobStates, WorkflowError

SOON, LATE = PATIENCE_SECONDS / 2, PATIENCE_SECONDS


@pytest.mark.parametrize("state", ["COMPLETED", "FAILED", "TIMEOUT", "OUT_OF_MEMORY", "RUNNING"])
def test_a_plain_state_stays(state: str) -> None:
    assert JobStates().judge({"1": state}, 0.0) == {"1": state}


@pytest.mark.parametrize("state", ["CANCELLED by 1000", "CANCELLED+"])
def test_a_state_is_one_word(state: str) -> None:
    assert JobStates().judge({"1": state}, 0.0) == {"1": "CANCELLED"}


@pytest.mark.parametrize("state", ["PREEMPTED", "NODE_FAIL"])
def test_a_job_that_slurm_took_away_is_waited_for_and_then_given_up(state: str) -> None:
    states = JobStates()
    assert states.judge({"1": state}, 0.0) == {"1": "PENDING"}
    assert states.judge({"1": state}, SOON) == {"1": "PENDING"}
    assert states.judge({"1": state}, LATE) == {"1": "CANCELLED"}


@pytest.mark.parametrize("state", ["PREEMPTED", "NODE_FAIL"])
def test_a_job_that_slurm_starts_again_goes_on(state: str) -> None:
    states = JobStates()
    states.judge({"1": state}, 0.0)
    assert states.judge({"1": "PENDING"}, SOON) == {"1": "PENDING"}
    assert states.judge({"1": "RUNNING"}, 10 * LATE) == {"1": "RUNNING"}
    # patience starts anew
    assert states.judge({"1": state}, 11 * LATE) == {"1": "PENDING"}


def test_a_job_that_slurm_forgets_is_given_up() -> None:
    states = JobStates()
    states.active = {"1", "2"}
    states.judge({"1": "RUNNING", "2": "RUNNING"}, 0.0)
    assert states.judge({"2": "RUNNING"}, 100.0) == {"1": "PENDING", "2": "RUNNING"}
    assert states.judge({"2": "RUNNING"}, 100.0 + LATE) == {"1": "CANCELLED", "2": "RUNNING"}
    states.active = {"2"}
    assert states.judge({"2": "RUNNING"}, 100.0 + 2 * LATE) == {"2": "RUNNING"}


def test_a_job_that_slurm_forgets_before_the_first_look_is_given_up() -> None:
    states = JobStates()
    states.active = {"1"}
    assert states.judge({}, 0.0, 2 * LATE) == {"1": "PENDING"}
    assert states.judge({}, LATE, 2 * LATE) == {"1": "PENDING"}
    assert states.judge({}, 2 * LATE, 2 * LATE) == {"1": "CANCELLED"}


def test_a_job_that_slurm_lists_late_goes_on() -> None:
    states = JobStates()
    states.active = {"1"}
    states.judge({}, 0.0)
    assert states.judge({"1": "RUNNING"}, SOON) == {"1": "RUNNING"}
    assert states.judge({}, LATE) == {"1": "PENDING"}


def test_a_job_that_has_ended_may_be_forgotten() -> None:
    states = JobStates()
    states.active = {"1"}
    states.judge({"1": "COMPLETED"}, 0.0)
    states.active = set()
    assert states.judge({}, 100.0) == {}


class Plugin:
    """As much of the executor plugin as the guard touches."""

    def __init__(self, answer: tuple[dict[str, str] | None, float | None]) -> None:
        self.checked: list[list[SimpleNamespace]] = []

        def check_active_jobs(executor: object, active_jobs: list[SimpleNamespace]) -> None:
            self.checked.append(active_jobs)

        self.Executor = type("Executor", (), {"check_active_jobs": check_active_jobs})

        async def query_job_status(
            command: str, logger: logging.Logger
        ) -> tuple[dict[str, str] | None, float | None]:
            return answer

        self.query_job_status = query_job_status


def ask(monkeypatch: pytest.MonkeyPatch, plugin: Plugin) -> tuple[dict[str, str], float]:
    """What the plugin learns from a query once it is watched."""
    monkeypatch.setitem(sys.modules, "snakemake_executor_plugin_slurm", plugin)
    slurm_guard.watch_jobs()
    return asyncio.run(plugin.query_job_status("squeue", logging.getLogger()))


def test_no_job_is_forgotten_while_slurm_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(monkeypatch, Plugin((None, None))) == ({}, 0.0)


def test_a_run_gives_up_when_slurm_is_away_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm_guard, "GIVE_UP_SECONDS", -1.0)
    with pytest.raises(WorkflowError, match="has not answered"):
        ask(monkeypatch, Plugin((None, None)))


def test_an_answer_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(monkeypatch, Plugin(({"1": "CANCELLED by 0"}, 0.1))) == ({"1": "CANCELLED"}, 0.1)


def test_submitted_jobs_are_known_before_slurm_lists_them(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = Plugin(({}, 0.1))
    ask(monkeypatch, plugin)
    job = SimpleNamespace(external_jobid="7")
    plugin.Executor().check_active_jobs([job])
    assert plugin.checked == [[job]]
    answer = asyncio.run(plugin.query_job_status("squeue", logging.getLogger()))
    assert answer == ({"7": "PENDING"}, 0.1)


def test_the_plugin_has_what_the_guard_replaces() -> None:
    plugin = pytest.importorskip("snakemake_executor_plugin_slurm")
    assert asyncio.iscoroutinefunction(plugin.query_job_status)
    assert asyncio.iscoroutinefunction(plugin.Executor.sleep)
    assert inspect.isasyncgenfunction(plugin.Executor.check_active_jobs)
    assert hasattr(plugin.Executor, "next_seconds_between_status_checks")


def test_the_longest_interval_fits_the_profile() -> None:
    profile = (REPOSITORY / "profiles" / "slurm" / "config.yaml").read_text()
    line = next(line for line in profile.splitlines() if "init-seconds" in line)
    assert 3 * int(line.split(":")[1]) >= LONGEST_INTERVAL
    assert f"slurm-jobname-prefix: {slurm_guard.JOB_NAME.rstrip('_')}\n" in profile


def test_without_a_cluster_the_way_without_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_answer(*command: str) -> str:
        raise WorkflowError(f"{command[0]}: no cluster")

    monkeypatch.setattr(slurm_guard, "run", no_answer)
    with pytest.raises(WorkflowError, match=r"squeue: no cluster\n.*--executor local"):
        slurm_guard.prepare(SimpleNamespace())
