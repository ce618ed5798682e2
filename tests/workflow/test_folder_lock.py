"""A results folder is filled by one run at a time, and a killed run does not hold it."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from repository_copy import REPOSITORY, TINY, FinishedRun, snakemake
from snakemake.exceptions import WorkflowError

import folder_lock
from hce.files import write_atomically

HOLD = """
import logging, sys
logging.basicConfig(level=logging.INFO)
sys.path[:0] = sys.argv[1].split(":")
import folder_lock
folder_lock.hold(sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""


def start_holder(results: Path, folder: Path) -> subprocess.Popen[str]:
    """Start a process that holds a results folder until its input ends."""
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HOLD,
            f"{REPOSITORY}/workflow/lib:{REPOSITORY}/scripts",
            str(results),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    )
    assert holder.stdout is not None
    if holder.stdout.readline() != "held\n":
        holder.wait(60)
    return holder


def end(holder: subprocess.Popen[str]) -> str:
    """Let a process end; returns what it said on standard error."""
    return holder.communicate("", timeout=60)[1]


def record(results: Path) -> dict[str, Any]:
    """Who holds a folder."""
    return json.loads((results / folder_lock.NAME).read_text())


def test_a_second_run_is_refused_and_told_of_the_first(tmp_path: Path) -> None:
    results = tmp_path / "results"
    first = start_holder(results, tmp_path)
    assert record(results)["process"] == first.pid
    other_clone = tmp_path / "clone"
    other_clone.mkdir()
    second = start_holder(results, other_clone)
    said = end(second)
    assert second.returncode != 0
    assert f"is being filled by another run: process {first.pid} on" in said
    assert f"started in {tmp_path} at" in said
    assert "--config results=OTHER" in said
    assert record(results)["process"] == first.pid
    assert end(first) == ""
    assert list(results.iterdir()) == []


def test_the_folder_of_a_killed_run_is_taken_over(tmp_path: Path) -> None:
    first = start_holder(tmp_path, tmp_path)
    first.kill()
    first.communicate()
    assert record(tmp_path)["process"] == first.pid
    second = start_holder(tmp_path, tmp_path)
    assert record(tmp_path)["process"] == second.pid
    assert f"from a run that is gone: process {first.pid}" in end(second)


def test_a_process_id_that_is_used_again_is_not_its_owner(tmp_path: Path) -> None:
    first = start_holder(tmp_path, tmp_path)
    held = record(tmp_path)
    end(first)
    (tmp_path / folder_lock.NAME).write_text(json.dumps(held | {"process": os.getpid()}))
    second = start_holder(tmp_path, tmp_path)
    assert record(tmp_path)["process"] == second.pid
    end(second)


@pytest.mark.parametrize(("silent", "taken"), [(0.5, False), (1.5, True)])
def test_a_run_on_another_host_is_alive_while_it_touches_its_lock(
    tmp_path: Path, silent: float, taken: bool
) -> None:
    path = tmp_path / folder_lock.NAME
    held = {"host": "elsewhere", "process": 1, "started": 0, "folder": "/", "since": "then"}
    path.write_text(json.dumps(held))
    os.utime(path, (time.time() - silent * folder_lock.SILENT_SECONDS,) * 2)
    second = start_holder(tmp_path, tmp_path)
    said = end(second)
    assert (second.returncode == 0) == taken
    assert "process 1 on elsewhere" in said
    assert [entry.name for entry in tmp_path.iterdir()] == ([] if taken else [path.name])


def test_a_record_that_was_cut_short_is_waited_for_and_holds_no_longer(tmp_path: Path) -> None:
    """Its run was killed while it wrote: the same command goes on all the same."""
    path = tmp_path / folder_lock.NAME
    path.write_text('{"host": ')
    os.utime(path, (time.time() - folder_lock.BEAT_SECONDS + 2,) * 2)
    started = time.monotonic()
    second = start_holder(tmp_path, tmp_path)
    assert time.monotonic() - started > 1
    assert record(tmp_path)["process"] == second.pid
    assert "whose record is not complete" in end(second)


def test_a_run_that_has_just_begun_is_waited_for_until_it_says_who_it_is(tmp_path: Path) -> None:
    first = start_holder(tmp_path, tmp_path)
    path = tmp_path / folder_lock.NAME
    whole = path.read_text()
    path.write_text(whole[:9])
    Timer(2, path.write_text, [whole]).start()
    assert f"by another run: process {first.pid} on" in end(start_holder(tmp_path, tmp_path))
    end(first)


def test_a_full_disk_is_named_and_nothing_holds_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(folder_lock.json, "dump", full)
    with pytest.raises(WorkflowError, match=r"\.run\.lock: not written: No space left.*goes on"):
        folder_lock.hold(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_outlives_its_run_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.tsv"
    folder_lock.announce()
    try:
        with write_atomically(path) as temporary:
            temporary.write_text("ours")
        host = os.environ["HCE_RUN"].split()[0]
        gone = subprocess.Popen(["true"])
        gone.wait()
        monkeypatch.setenv("HCE_RUN", f"{host} {gone.pid}")
        with (
            pytest.raises(ProcessLookupError, match=rf"table\.tsv: not written.*{gone.pid}"),
            write_atomically(path) as temporary,
        ):
            temporary.write_text("an orphan's")
        assert {entry.name for entry in tmp_path.iterdir()} == {"table.tsv", ".table.tsv.sha256"}
        assert path.read_text() == "ours"
        # a job of a cluster does not see the processes of the host that submitted it
        monkeypatch.setenv("HCE_RUN", f"not-{host} {gone.pid}")
        with write_atomically(path) as temporary:
            temporary.write_text("a node's")
        assert path.read_text() == "a node's"
    finally:
        del os.environ["HCE_RUN"]


@pytest.mark.end_to_end
def test_after_a_kill_the_same_command_goes_on(finished_run: FinishedRun) -> None:
    folder, results = finished_run.folder, finished_run.results
    table = results / "tables" / "tableS1.tsv"
    before = table.read_bytes()
    command = [
        Path(sys.executable).parent / "snakemake",
        *TINY,
        "--forcerun",
        "tabulate_hyperparameters",
    ]
    killed = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    lock = results / folder_lock.NAME
    log = results / "logs" / "tabulate_hyperparameters.log"
    log.unlink()
    deadline = time.monotonic() + 120
    while not (lock.exists() and log.exists()):  # the job is running
        assert time.monotonic() < deadline
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    again = snakemake(folder, *TINY)
    assert again.returncode == 0, again.output
    assert f"from a run that is gone: process {killed.pid}" in again.output
    assert again.jobs["tabulate_hyperparameters"] == 1
    assert table.read_bytes() == before
    assert not lock.exists()
