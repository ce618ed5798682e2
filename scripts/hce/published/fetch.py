"""A table of predictions for as long as it is read: of 2.6 million cells, one has gigabytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hce.files import checksum_record
from hce.ingest.datasets import known_checksum, listed_name, read_listed, verify_download
from hce.ingest.download import download, remote_bytes


@contextmanager
def at_hand(path: Path, datasets: Path, keep: bool) -> Iterator[None]:
    """Download a table if it is not there, and let it go once it was read.

    It stays where the reading fails, so that it is not downloaded again once the cause is mended.
    One that this pipeline did not download stays too: no record of a checksum lies beside it.

    Parameters
    ----------
    path
        The table. The end of the path is its row in `datasets`; without one it is the user's own.
    datasets
        config/datasets.tsv.
    keep
        Whether it stays.

    Raises
    ------
    ValueError
        If it has another checksum than its row or its first download says.
    OSError
        If it cannot be downloaded.
    """
    listed = listed_name(read_listed(datasets), path) is not None
    if listed and not path.is_file():
        url, expected = known_checksum(datasets, path)
        download(url, path, expected)
    elif listed:
        verify_download(path, datasets)
    yield
    if listed and not keep and checksum_record(path).is_file():
        path.unlink()


def listed_bytes(datasets: Path, path: Path) -> int | None:
    """Size of a table that is not there, by its server; None if that does not say."""
    url, _ = known_checksum(datasets, path)
    return remote_bytes(url)
