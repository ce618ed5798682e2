"""What a run on published predictions will need: disk and time, from the sizes of the files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from hce.evaluation.predictions import SCHEMA

# docs/performance.md, "Published predictions": cells of one table that a core imports and scores in
# a second of its own
IMPORTED_PER_SECOND = 70_000
SCORED_PER_SECOND = 400_000
CELL_BYTES = sum(field.type.bit_width // 8 for field in SCHEMA)
# of a cell in read_obs, measured on 28 million rows: ten columns, text as dictionaries
OBS_BYTES = 97


def published_plan(
    paths: Iterable[Path],
    n_cells: int,
    n_obs: int | None = None,
    size_of: Callable[[Path], int | None] = lambda path: None,
) -> str:
    """Say what is read, how much disk the results take and how long it lasts, as text.

    Parameters
    ----------
    paths
        The tables of predictions; those that are not there are downloaded when they are read.
    n_cells
        OOD cells, which each of them has.
    n_obs
        Cells of both releases, if they were not read yet.
    size_of
        Bytes of a table that is not there, if that can be known.
    """
    paths = list(paths)
    there = [path.stat().st_size for path in paths if path.is_file()]
    rows = n_cells * len(paths)
    hours = rows * (1 / IMPORTED_PER_SECOND + 1 / SCORED_PER_SECOND) / 3600
    lines = []
    if there:
        lines.append(
            f"{len(there)} tables of predictions, {sum(there) / 1e9:,.1f} GB, of {n_cells:,} OOD "
            "cells each; read in place, piece by piece, and not copied."
        )
    if len(there) < len(paths):
        lines.append(said_of_downloads(size_of(path) for path in paths if not path.is_file()))
    lines += [
        f"Disk: {rows * CELL_BYTES / 1e9:,.1f} GB at most for what is kept of them.",
        f"Time: about {hours:,.1f} core hours to import and score them; no counts, no training.",
    ]
    if n_obs:
        lines.append(
            f"obs of both releases, {n_obs:,} cells, is read first: "
            f"{n_obs * OBS_BYTES / 1e9:,.1f} GB in memory."
        )
    return "\n".join(lines) + "\n"


def said_of_downloads(of_each: Iterable[int | None]) -> str:
    """Say what is downloaded: tables of so many bytes, None where the server does not say."""
    sizes = list(of_each)
    known = [size for size in sizes if size is not None]
    said = f"{sum(known) / 1e9:,.1f} GB" if known else "of unknown size"
    if known and len(known) < len(sizes):
        said += f" and {len(sizes) - len(known)} of unknown size"
    most = f", {max(known) / 1e9:,.1f} GB at most" if known else ""
    return (
        f"{len(sizes)} tables of predictions are downloaded, {said}, one after the other in each "
        f"job; one that was read is let go, so each job holds one{most} (all of them with "
        "published.keep)."
    )
