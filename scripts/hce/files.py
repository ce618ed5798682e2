"""Writing files so that a reader never sees half of one."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def write_atomically(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path` and move it there when the block succeeds.

    What an earlier process left of the same file when it was killed is removed.

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
    abandoned = re.compile(rf"\.{re.escape(path.stem)}\.\d+\.part{re.escape(path.suffix)}")
    for other in path.parent.iterdir():
        if abandoned.fullmatch(other.name):
            other.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
