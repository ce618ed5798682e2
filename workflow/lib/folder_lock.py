"""One run at a time fills a results folder; a run that was killed holds nothing.

Snakemake's own lock belongs to the folder that it works in and does not know whether its owner is
alive: after a kill the same command is refused until somebody unlocks, and two clones that write
to one results folder do not see each other. This lock belongs to the results folder, says who holds
it, and is taken over from a run that is gone.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

import psutil
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

NAME = ".run.lock"
# a process of another host cannot be looked up: its run is alive while it touches its lock
BEAT_SECONDS = 20.0
SILENT_SECONDS = 180.0


def hold(results: str | Path) -> None:
    """Hold a results folder until this process ends.

    Raises
    ------
    WorkflowError
        If another run that is alive holds it (names host, process, folder and time), or the disk
        is full.
    """
    path = Path(results) / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    own = _this_process()
    for _ in range(3):
        try:
            with path.open("x") as handle:
                json.dump(own, handle)
            break
        except FileExistsError:
            _take_over(path)
        except OSError as error:
            path.unlink(missing_ok=True)  # half of a record would hold the folder
            raise WorkflowError(
                f"{path}: not written: {error.strerror}. Make room, and the same command goes on."
            ) from error
    else:
        raise WorkflowError(f"{path}: another run has just taken it; try again later.")
    atexit.register(_release, path, own)
    threading.Thread(target=_beat, args=(path,), daemon=True).start()


def announce() -> None:
    """Tell the jobs of this process whose they are: what outlives it writes nothing (hce.files)."""
    os.environ["HCE_RUN"] = f"{socket.gethostname()} {os.getpid()}"


def _this_process() -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "process": os.getpid(),
        "started": psutil.Process().create_time(),
        "folder": str(Path.cwd()),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


def _take_over(path: Path) -> None:
    """Remove the lock of a run that is gone, or refuse."""
    text = ""
    try:
        text = path.read_text()
        holder = json.loads(text)
        who = "process {process} on {host}, started in {folder} at {since}".format(**holder)
        alive = _is_alive(path, holder)
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError):
        # half written: it has just begun and will be complete, or was killed just then
        who, alive = "a run whose record is not complete", False
        try:
            while path.read_text() == text and _age(path) < BEAT_SECONDS:
                time.sleep(0.2)
        except FileNotFoundError:
            return
    if alive:
        raise WorkflowError(
            f"{path.parent}/ is being filled by another run: {who}. Wait for it or stop it, or use "
            f"another results folder (--config results=OTHER). If there is no such run, remove "
            f"{path}."
        )
    # unless another has taken it over since
    with contextlib.suppress(FileNotFoundError):
        if path.read_text() == text:
            path.unlink()
            logger.info(f"Taking {path.parent}/ over from a run that is gone: {who}.")


def _is_alive(path: Path, holder: dict[str, Any]) -> bool:
    if holder["host"] != socket.gethostname():
        return _age(path) < SILENT_SECONDS
    try:
        # process ids are used again
        return abs(psutil.Process(holder["process"]).create_time() - holder["started"]) < 1
    except psutil.NoSuchProcess:
        return False


def _age(path: Path) -> float:
    """Seconds since a file was touched, by the clock of its file system."""
    probe = path.with_name(f"{NAME}.{socket.gethostname()}.{os.getpid()}")
    probe.touch()
    try:
        return probe.stat().st_mtime - path.stat().st_mtime
    finally:
        probe.unlink()


def _beat(path: Path) -> None:
    while True:
        time.sleep(BEAT_SECONDS)
        with contextlib.suppress(OSError):  # removed with the results, or out of reach for now
            os.utime(path)


def _release(path: Path, own: dict[str, Any]) -> None:
    # it may be removed with the results, or another's by now
    with contextlib.suppress(OSError, ValueError):
        if json.loads(path.read_text()) == own:
            path.unlink()
