"""What a run says of the disk of its results where their logs cannot: they lie on it, too."""

from __future__ import annotations

import shutil
from pathlib import Path

from snakemake.logging import logger

# with this much a log has room for its error
LITTLE = 2**20


def say_if_full(results: str | Path) -> None:
    """Say that the disk is full, if it is: the log of the job that failed for it may be empty."""
    if Path(results).is_dir() and (free := shutil.disk_usage(results).free) < LITTLE:
        logger.error(
            f"{results}/: its disk is full ({free:,} bytes left). Make room, and the same command "
            "goes on."
        )
