"""config/datasets.tsv: where files come from, and which checksum they must have.

The workflow reads it, too; nothing here imports more than the standard library.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from hce.files import recorded_checksum, verify_checksum


def read_listed(datasets: str | Path) -> dict[str, dict[str, str]]:
    """Read the table: version, url, sha256 (may be empty), license and use of each file name."""
    with Path(datasets).open(newline="", encoding="utf-8") as handle:
        return {row["name"]: row for row in csv.DictReader(handle, delimiter="\t")}


def listed_name(rows: Iterable[str], path: str | Path) -> str | None:
    """The name of a table's row that a path ends with; a name may have folders."""
    parts = Path(path).parts
    for name in rows:
        own = Path(name).parts
        if parts[-len(own) :] == own:
            return name
    return None


def known_checksum(datasets: str | Path, path: str | Path) -> tuple[str, str | None]:
    """Look up where a file comes from and which SHA-256 it must have.

    Parameters
    ----------
    datasets
        Table of every external file: name, version, url, sha256, license, use.
    path
        The file; the end of its path selects the row. A checksum that the table does not give is
        taken from the record that its first download left beside it (`hce.files.checksum_record`).

    Returns
    -------
    tuple of (str, str or None)
        The url, and 64 hexadecimal digits or None if the file was never downloaded.

    Raises
    ------
    ValueError
        If the table has no such name.
    """
    rows = read_listed(datasets)
    name = listed_name(rows, path)
    if name is None:
        there = ", ".join(sorted(rows))
        raise ValueError(f"{datasets}: no file {Path(path).name}, only {there}")
    return rows[name]["url"], rows[name]["sha256"] or recorded_checksum(path)


def verify_download(path: str | Path, datasets: str | Path | None) -> None:
    """Refuse a downloaded file that is no longer what the table or its first download says.

    Parameters
    ----------
    path
        The file. One of a user's own is in no table and has no record: it is not looked at.
    datasets
        The table; None where only the record counts.

    Raises
    ------
    ValueError
        If its SHA-256 is another.
    """
    rows = read_listed(datasets) if datasets else {}
    listed = rows.get(listed_name(rows, path) or "")
    if listed is None:
        verify_checksum(path)
    elif Path(path).is_file():
        remedy = (
            f"it was changed or damaged since it came from {listed['url']}. Delete it, and it is "
            f"downloaded again; give a file of your own another name than {datasets} has"
        )
        verify_checksum(path, listed["sha256"] or None, remedy)
