"""One process at a time fills a folder.

After the main process of a run was killed, its jobs live on in the cluster, and a second copy of
one may be started. Files are written atomically, so two copies never mix their bytes, but each
would take the other's checkpoints for its own and do the work twice.
"""

from __future__ import annotations

import errno
import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

# what flock says on a file system without locks
NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL}


@contextmanager
def sole_writer(folder: Path, key: str, report: Callable[[str], None] = print) -> Iterator[bool]:
    """Hold a folder for the time of the block; wait for another process that holds it.

    The kernel keeps the lock, so that of a killed process is free at once. On NFS (version 4, or 3
    with lockd) Linux turns flock into a lock of the server, which holds between nodes and is freed
    when a node dies; other shared file systems do so too, or, mounted without, lock within a
    node only. A file system that refuses locks is reported, and the block runs without.

    Parameters
    ----------
    folder
        Is made if missing. It keeps a small file, `.lock`: removed, two processes could hold two.
    key
        Names the work; see `yields`.
    report
        Is told what is waited for.

    Yields
    ------
    bool
        Whether another process has finished work of the same key while this one waited, so that
        there is nothing left to do.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+") as handle:
        waited = wait_for_lock(handle, folder, report)
        handle.seek(0)
        finished = waited and handle.read() == key
        if not finished:
            handle.truncate(0)
        yield finished
        # not reached when the block raises
        handle.truncate(0)
        handle.write(key)


def wait_for_lock(handle: IO[str], folder: Path, report: Callable[[str], None]) -> bool:
    """Lock an open file; returns whether another process had to be waited for."""
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            report(f"waiting for another process that fills {folder}")
            fcntl.flock(handle, fcntl.LOCK_EX)
            return True
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        report(f"{folder}: its file system has no locks ({error}), going on without")
        return False
