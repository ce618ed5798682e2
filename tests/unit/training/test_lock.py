"""Two processes never fill the same folder at the same time."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hce.training.lock import sole_writer

HOLD = """
import sys
from pathlib import Path
from hce.training.lock import sole_writer
with sole_writer(Path(sys.argv[1]), sys.argv[2], lambda line: None):
    print("holds", flush=True)
    if sys.stdin.readline() == "fail\\n":
        sys.exit(1)
"""
Holder = Callable[[str], subprocess.Popen]


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Holder]:
    """Function (key) -> a process that holds the folder until it reads a line."""
    started = []

    def start(key: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path), key],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "holds\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_and_tell(folder: Path, holder: subprocess.Popen, line: str, key: str = "a") -> bool:
    """What a second writer learns; the first is sent a line as soon as it is waited for."""
    said = []

    def report(text: str) -> None:
        said.append(text)
        holder.stdin.write(line)
        holder.stdin.flush()

    with sole_writer(folder, key, report) as finished:
        assert said == [f"waiting for another process that fills {folder}"]
        return finished


def test_a_second_copy_waits_and_steps_aside(tmp_path: Path, hold: Holder) -> None:
    assert wait_and_tell(tmp_path, hold("a"), "go\n")


def test_a_second_copy_goes_on_where_the_first_failed(tmp_path: Path, hold: Holder) -> None:
    assert not wait_and_tell(tmp_path, hold("a"), "fail\n")


def test_other_work_in_the_same_folder_waits_and_is_done(tmp_path: Path, hold: Holder) -> None:
    assert not wait_and_tell(tmp_path, hold("b"), "go\n")


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path, hold: Holder) -> None:
    holder = hold("a")
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    said: list[str] = []
    with sole_writer(tmp_path, "a", said.append) as finished:
        assert not finished
    assert said == []


def test_work_that_nobody_waited_for_is_done_again(tmp_path: Path) -> None:
    for _ in range(2):
        with sole_writer(tmp_path / "new", "a") as finished:
            assert not finished


def test_a_file_system_without_locks_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: object, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    said: list[str] = []
    with sole_writer(tmp_path, "a", said.append) as finished:
        assert not finished
    assert len(said) == 1
    assert "has no locks" in said[0]
