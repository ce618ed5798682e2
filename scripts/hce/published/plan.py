"""What a run on published predictions will need: disk and time, from the sizes of the files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hce.evaluation.predictions import SCHEMA

# docs/performance.md, "Published predictions": cells of one table that a core imports and scores in
# a second of its own
IMPORTED_PER_SECOND = 70_000
SCORED_PER_SECOND = 400_000
CELL_BYTES = sum(field.type.bit_width // 8 for field in SCHEMA)
# of a cell in read_obs, measured on 28 million rows: ten columns, text as dictionaries
OBS_BYTES = 97


def published_plan(paths: Iterable[Path], n_cells: int, n_obs: int | None = None) -> str:
    """Say what is read, how much disk the results take and how long it lasts, as text.

    Parameters
    ----------
    paths
        The tables of predictions.
    n_cells
        OOD cells, which each of them has.
    n_obs
        Cells of both releases, if they were not read yet.
    """
    sizes = [path.stat().st_size for path in paths]
    rows = n_cells * len(sizes)
    hours = rows * (1 / IMPORTED_PER_SECOND + 1 / SCORED_PER_SECOND) / 3600
    lines = [
        f"{len(sizes)} tables of predictions, {sum(sizes) / 1e9:,.1f} GB, of {n_cells:,} OOD cells "
        "each; read in place, piece by piece, and not copied.",
        f"Disk: {rows * CELL_BYTES / 1e9:,.1f} GB at most for what is kept of them.",
        f"Time: about {hours:,.1f} core hours to import and score them; no counts, no training.",
    ]
    if n_obs:
        lines.append(
            f"obs of both releases, {n_obs:,} cells, is read first: "
            f"{n_obs * OBS_BYTES / 1e9:,.1f} GB in memory."
        )
    return "\n".join(lines) + "\n"
