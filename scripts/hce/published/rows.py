"""Which files of the authors' record config/datasets.tsv lists.

Their names begin with `published/`, and go on as the file lies in the record. Tables of predictions
are the largest of them: each is downloaded when it is read, not before, and let go afterwards.
"""

from __future__ import annotations

from pathlib import Path

from hce.ingest.datasets import read_listed
from hce.published.archives import SUFFIXES

RECORD = "published/"
PREDICTIONS = "_detailed_results.parquet"
CHECKPOINT = ".ckpt"


def record_rows(datasets: str | Path) -> list[str]:
    """The files that can be downloaded, relative to the folder of the record."""
    names = read_listed(datasets)
    return [name.removeprefix(RECORD) for name in names if name.startswith(RECORD)]


def record_archives(datasets: str | Path) -> list[str]:
    """Those of them that are archives, in which the others lie then."""
    return [name for name in record_rows(datasets) if name.lower().endswith(SUFFIXES)]


def tables_in_turn(datasets: str | Path) -> list[str]:
    """Those of them that are tables of predictions; none where the record comes in archives."""
    if record_archives(datasets):
        return []
    return [name for name in record_rows(datasets) if name.endswith(PREDICTIONS)]
