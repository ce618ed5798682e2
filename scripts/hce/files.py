"""Writing files so that a reader never sees half of one, and the checksums kept beside them."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOST = re.sub(r"[^\w-]", "-", socket.gethostname().split(".")[0]) or "host"
# after this, a temporary file of another host is nobody's: a writer touches its file all the time,
# and no two clocks of a cluster differ by a day
ABANDONED_SECONDS = 24 * 3600.0


@contextmanager
def write_atomically(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path` and move it there when the block succeeds.

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
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise ValueError(f"{path}: is there and no regular file, so it is not replaced")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{HOST}.{os.getpid()}.part{path.suffix}")
    remove_abandoned(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


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
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass  # it runs, as another user
        return False
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

    Raises
    ------
    ValueError
        If there is a record without a checksum.
    """
    record = checksum_record(path)
    if not record.is_file():
        return None
    words = record.read_text().split()
    if not words:
        raise ValueError(f"{record}: is empty; delete it if {path} is as you want it")
    return words[0]


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
    checksum = sha256(path) if expected else None
    if checksum != expected:
        remedy = remedy or (
            f"it was changed or damaged since it was written. Make it anew, or delete "
            f"{checksum_record(path)} if you changed it on purpose"
        )
        raise ValueError(f"{path}: SHA-256 is {checksum}, expected {expected}; {remedy}")
