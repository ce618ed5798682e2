"""A full disk is said where the log of the failed job has no room for it."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

import disk


@pytest.mark.parametrize(("free", "said"), [(4096, "4,096 bytes left"), (2**30, "")])
def test_a_full_disk_is_said_by_the_run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    free: int,
    said: str,
) -> None:
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    monkeypatch.setattr(disk, "logger", logging.getLogger("of the test"))
    disk.say_if_full(tmp_path)
    assert said in caplog.text
    assert ("its disk is full" in caplog.text) == bool(said)
    disk.say_if_full(tmp_path / "not made yet")
