"""What a script says in its log when it is done: the files that it read and wrote, with their rows.

Whatever reads and writes files of the workflow tells so (`hce.files.tell`); a script whose `main`
is run by `run_script` prints it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from hce.files import logger

NAMED = 4


class _Files(logging.Handler):
    """Collects what is told."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, dict[Path, int | None]] = {"read": {}, "wrote": {}}

    def emit(self, record: logging.LogRecord) -> None:
        done, path, rows = record.args  # type: ignore[misc]
        known = self.files[str(done)]
        known[Path(str(path))] = rows if isinstance(rows, int) else known.get(Path(str(path)))

    def lines(self) -> list[str]:
        """A line for what was read, and one for what was written."""
        return [f"{done} {_named(files)}" for done, files in self.files.items() if files]


def run_script(main: Callable[[], None]) -> None:
    """Run the main function of a script, then print which files it read and wrote."""
    files, level, passed_on = _Files(), logger.level, logger.propagate
    logger.addHandler(files)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        main()
    finally:
        logger.removeHandler(files)
        logger.setLevel(level)
        logger.propagate = passed_on
    print(*files.lines(), sep="\n", flush=True)


def _named(files: dict[Path, int | None]) -> str:
    """The first files with their rows, and what the others have in all."""
    said = [
        path.as_posix() + ("" if rows is None else f" ({rows:,} rows)")
        for path, rows in files.items()
    ]
    if len(said) <= NAMED:
        return ", ".join(said)
    others = list(files.values())[NAMED:]
    rows = sum(row for row in others if row is not None)
    more = f"{len(others)} more" + (f" ({rows:,} rows)" if rows else "")
    return ", ".join([*said[:NAMED], more])
