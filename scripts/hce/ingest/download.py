"""Downloads of files whose checksum is known, or recorded when they are first downloaded."""

from __future__ import annotations

import csv
import shutil
import urllib.request
from pathlib import Path

from hce.files import sha256, write_atomically

# seconds without a byte before the download counts as failed
TIMEOUT = 60


def known_checksum(datasets: str | Path, path: str | Path) -> tuple[str, str | None]:
    """Look up where a file comes from and which SHA-256 it must have.

    Parameters
    ----------
    datasets
        Table of every external file: name, version, url, sha256, license, use.
    path
        The file; its name selects the row. A checksum that the table does not give is taken from
        the record that its first download left beside it (`checksum_record`).

    Returns
    -------
    tuple of (str, str or None)
        The url, and 64 hexadecimal digits or None if the file was never downloaded.

    Raises
    ------
    ValueError
        If the table has no such name.
    """
    name = Path(path).name
    with Path(datasets).open(newline="") as handle:
        rows = {row["name"]: row for row in csv.DictReader(handle, delimiter="\t")}
    if name not in rows:
        raise ValueError(f"{datasets}: no file {name}, only {', '.join(sorted(rows))}")
    record = checksum_record(path)
    recorded = record.read_text().split()[0] if record.is_file() else None
    return rows[name]["url"], rows[name]["sha256"] or recorded


def checksum_record(path: str | Path) -> Path:
    """Where the checksum of a first download is kept: `path` with .sha256 added."""
    return Path(f"{path}.sha256")


def download(url: str, path: str | Path, expected: str | None) -> str:
    """Download a file to `path`, atomically, and record its checksum beside it.

    Parameters
    ----------
    url
        Where from.
    path
        Where to.
    expected
        SHA-256 that it must have; None records the one it has.

    Returns
    -------
    str
        SHA-256, 64 hexadecimal digits.

    Raises
    ------
    ValueError
        If the file has another checksum. Nothing is left at `path`.
    OSError
        If the server cannot be reached, stops answering or sends less than it announced.
    """
    with write_atomically(path) as temporary:
        # the url comes from the project's own table
        with (
            urllib.request.urlopen(url, timeout=TIMEOUT) as answer,
            temporary.open("wb") as handle,
        ):
            announced = answer.headers.get("Content-Length")
            shutil.copyfileobj(answer, handle)
        size = temporary.stat().st_size
        if announced is not None and size != int(announced):
            raise OSError(f"{url}: {size} of {announced} bytes came; run snakemake again")
        checksum = sha256(temporary)
        if expected is not None and checksum != expected:
            raise ValueError(
                f"{url}: SHA-256 is {checksum}, expected {expected}. The file changed at its "
                "source or was damaged on the way; if the new one is wanted, put its checksum "
                f"into config/datasets.tsv or delete {checksum_record(path)}"
            )
    checksum_record(path).write_text(f"{checksum}  {Path(path).name}\n")
    return checksum
