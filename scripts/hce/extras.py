"""What to install where a public module misses a package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs(extra: str = "") -> Iterator[None]:
    """Import what a public module needs, directly or not; if that is missing, say how to get it.

    Parameters
    ----------
    extra
        Name in pyproject.toml's optional dependencies; empty for what is always installed.

    Raises
    ------
    ModuleNotFoundError
        With the remedy, if a package is missing; if it is a module of hce itself, as it is.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "hce"):
            raise
        wanted = f"hce[{extra}]" if extra else "hce"
        raise ModuleNotFoundError(
            f"{package} is missing: install '{wanted}' (from a clone: pip install "
            f"'.{wanted.removeprefix('hce')}')",
            name=error.name,
        ) from error
