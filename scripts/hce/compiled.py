"""Loops that numba compiles and keeps on disk, so that the next process need not compile them.

Importing numba takes 0.4 s: import modules of such loops where they are needed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

import numba

Loop = TypeVar("Loop", bound=Callable[..., object])


def compiled(fastmath: bool | set[str] = False) -> Callable[[Loop], Loop]:
    """Return a decorator: numba's njit without the GIL, kept where this machine lets it be kept.

    Numba keeps it in NUMBA_CACHE_DIR if that is set, beside the source, or in the user's cache, and
    raises where it can write to none: a checkout that others own, on nodes without a HOME. Then it
    is a folder for temporary files, which a node's next jobs find again.

    Parameters
    ----------
    fastmath
        As of `numba.njit`.
    """

    def jit(loop: Loop, cache: bool) -> Loop:
        return cast("Loop", numba.njit(loop, cache=cache, nogil=True, fastmath=fastmath))

    def decorate(loop: Loop) -> Loop:
        try:
            return jit(loop, cache=True)
        except RuntimeError:  # "no locator available"
            folder = scratch_folder()
            if folder is not None:
                os.environ["NUMBA_CACHE_DIR"] = str(folder)
                numba.config.reload_config()
            return jit(loop, cache=folder is not None)

    return decorate


def scratch_folder() -> Path | None:
    """Return a folder for temporary files that nobody else writes to, or None."""
    try:
        folder = Path(tempfile.gettempdir()) / f"hce-numba-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.stat()
    except OSError:
        return None
    # what lies there is run
    private = found.st_uid == os.getuid() and not found.st_mode & 0o022
    return folder if private else None
