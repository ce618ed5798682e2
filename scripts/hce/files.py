"""Writing files so that a reader never sees half of one, nor one that has changed since."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)


def _host() -> str:
    """Where process numbers mean what they say: a host, or a container that has its own."""
    name = re.sub(r"[^\w-]", "-", socket.gethostname().split(".")[0]) or "host"
    namespace = Path("/proc/self/ns/pid")  # Linux
    return f"{name}-{namespace.stat().st_ino}" if namespace.exists() else name


HOST = _host()
# after this, a temporary file of another host is nobody's: a writer touches its file all the time,
# and no two clocks of a cluster differ by a day
ABANDONED_SECONDS = 24 * 3600.0
# formats without a checksum of the whole file: what was written is recorded beside it
RECORDED = (".csv", ".json", ".npy", ".npz", ".parquet", ".tsv", ".zip")
# no room: on the disk, of a quota, by a limit of the process
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def write_atomically(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path` and move it there when the block succeeds.

    The SHA-256 of a file of one of the `RECORDED` formats is kept beside it, for `checked`.

    What an earlier process left of the same file when it was killed is removed. Processes that
    write the same file at the same time, on one host or on several that share a folder, do not
    disturb each other: the temporary file is named after host and process, and the last one that
    finishes gives the file.

    Parameters
    ----------
    path
        Where the file shall be. Missing parent folders are made.

    Yields
    ------
    Path
        The temporary file to write; it keeps the suffix of `path`, because writers choose
        their format by it. It is removed if the block raises.

    Raises
    ------
    ValueError
        If `path` is a folder or a device.
    ProcessLookupError
        If the run that started this process is gone; see `refuse_orphans`.
    OSError
        If the disk is full.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise ValueError(f"{path}: is there and no regular file, so it is not replaced")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{HOST}.{os.getpid()}.part{path.suffix}")
    remove_abandoned(path)
    try:
        yield temporary
        recorded = path.suffix in RECORDED and not checksum_record(path).exists()
        digest = sha256(temporary) if recorded else None
        refuse_orphans(path)
        temporary.replace(path)
        # a kill between the two is no harm: the job that did not end is run again
        if digest:
            record = hidden_record(path)
            try:
                record.write_text(f"{digest}  {path.name}\n", encoding="utf-8")
            except OSError:
                record.unlink(missing_ok=True)  # half of it
                raise
        tell("wrote", path)
    except Exception as error:
        if number := _no_room(error):
            reason = os.strerror(number)
            raise OSError(
                number, f"{path}: not written: {reason}. Make room, and the same command goes on"
            ) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _no_room(error: Exception) -> int | None:
    """Which of the errors of `FULL` it is; libraries in other languages say so in words only."""
    numbers = {os.strerror(number): number for number in FULL}
    if isinstance(error, OSError) and error.errno in FULL:
        return error.errno
    # numpy says how much of an array was written, and not why no more
    numbers["requested and"] = errno.ENOSPC
    return next((number for text, number in numbers.items() if text in str(error)), None)


def refuse_orphans(path: str | Path) -> None:
    """Refuse to write where the run that this job belongs to is gone.

    The main process may be killed and its jobs live on; a newer run, perhaps with other settings,
    must not find their files in place of its own. Snakemake's process says which it is in the
    variable HCE_RUN ("HOST PROCESS"); a script that is started by hand has none.

    Raises
    ------
    ProcessLookupError
        If that process is gone.
    """
    host, _, process = os.environ.get("HCE_RUN", "").rpartition(" ")
    if host == HOST and not is_running(int(process)):
        raise ProcessLookupError(
            f"{path}: not written, because the run that started this job, process {process}, "
            "is gone; a newer one may use the folder"
        )


def is_running(process: int) -> bool:
    """Whether there is a process of this number on this host."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's
    return True


def remove_abandoned(path: Path) -> None:
    """Remove the temporary files of `path` whose writers are gone, and no others.

    A process of this host is looked up. That of another host cannot be, also not by a lock on the
    file, because a network file system may keep locks to one host; there the age decides.
    """
    pattern = re.compile(
        rf"\.{re.escape(path.stem)}\.([\w-]+)\.(\d+)\.part{re.escape(path.suffix)}"
    )
    for other in path.parent.iterdir():
        match = pattern.fullmatch(other.name)
        if match and is_abandoned(other, match[1], int(match[2])):
            other.unlink(missing_ok=True)


def is_abandoned(path: Path, host: str, process: int) -> bool:
    """Whether the process that wrote a temporary file is gone."""
    if host == HOST:
        return not is_running(process)
    try:
        return time.time() - path.stat().st_mtime > ABANDONED_SECONDS
    except FileNotFoundError:
        return False


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def checksum_record(path: str | Path) -> Path:
    """Where the checksum of a file is kept: `path` with .sha256 added."""
    return Path(f"{path}.sha256")


def hidden_record(path: str | Path) -> Path:
    """Where `write_atomically` keeps the checksum of a file."""
    return Path(path).with_name(f".{Path(path).name}.sha256")


def record_checksum(path: str | Path, checksum: str, record: str | Path | None = None) -> None:
    """Write the SHA-256 of a file beside it, as `sha256sum --check` reads it.

    Parameters
    ----------
    path, checksum
        The file and its checksum.
    record
        Where to write; `checksum_record(path)` if None.
    """
    with write_atomically(record or checksum_record(path)) as temporary:
        temporary.write_text(f"{checksum}  {Path(path).name}\n")


def recorded_checksum(path: str | Path) -> str | None:
    """The SHA-256 that was written beside a file; None if there is none.

    It lies in `path` with .sha256 added where people look, and else, for what `write_atomically`
    has written, in a hidden file of that name.

    Raises
    ------
    ValueError
        If there is a record without a checksum.
    """
    for record in (checksum_record(path), hidden_record(path)):
        if record.is_file():
            words = record.read_text(encoding="utf-8", errors="replace").split()
            if not words:
                raise ValueError(f"{record}: is empty; delete it if {path} is as you want it")
            return words[0]
    return None


def checked(path: str | Path) -> Path:
    """Return the path of a file that is as it was written, for whoever is about to read it."""
    verify_checksum(path)
    tell("read", path)
    return Path(path)


def tell(done: str, path: str | Path, rows: int | None = None) -> None:
    """Tell whoever listens (`hce.command`) that a file was read or wrote, and its rows."""
    logger.info("%s %s %s", done, path, rows)


def verify_checksum(path: str | Path, expected: str | None = None, remedy: str = "") -> None:
    """Refuse a file that is not the one that was recorded; without a record, any will do.

    Parameters
    ----------
    path
        The file.
    expected
        SHA-256 that it must have; None for that of the record beside it, if there is one.
    remedy
        What to do about another one.

    Raises
    ------
    ValueError
        If it has another.
    """
    expected = expected or recorded_checksum(path)
    if expected is None or not Path(path).is_file():
        return  # a file that is missing is for its reader to name
    if (checksum := sha256(path)) != expected:
        record = checksum_record(path)
        record = record if record.is_file() else hidden_record(path)
        remedy = remedy or (
            "the disk has changed it since it was written, or somebody. Delete it, and the same "
            f"command makes it again; if you have changed it on purpose, delete {record}"
        )
        raise ValueError(f"{path}: SHA-256 is {checksum}, expected {expected}; {remedy}")
