"""Can a release be read? Asked within a minute, before any job depends on it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TypeVar

import cellxgene_census

from hce.census.access import HASTY_SETTINGS, PUBLIC_BUCKET, gone
from hce.census.reading import OBS_COLUMNS, Release, open_release
from hce.census.schema import HOMO_SAPIENS

Given = TypeVar("Given")
SECONDS = 50.0
VAR_COLUMNS = ("soma_joinid", "feature_id", "feature_name")


def check_release(
    uri: str,
    organism: str = HOMO_SAPIENS,
    s3: Mapping[str, object] | None = None,
    seconds: float = SECONDS,
) -> dict[str, str]:
    """Open a release as the jobs will, and see that its tables have what they read.

    Parameters
    ----------
    uri, organism, s3
        As of `hce.census.reading.open_release`; timeouts are short.
    seconds
        After which there is no answer: TileDB itself repeats a request for ever where a server says
        that it is busy (503).

    Returns
    -------
    dict
        What the release says of itself (census_info/summary), such as census_schema_version.

    Raises
    ------
    ValueError
        If it cannot be read; one sentence with the key to change.
    """

    def look() -> dict[str, str]:
        with open_release(uri, organism, HASTY_SETTINGS | dict(s3 or {})) as release:
            return _summary(release)

    try:
        return _in_time(look, seconds)
    except TimeoutError:
        raise ValueError(
            f"{uri}: does not open within {seconds:.0f} s: the server is busy (503), or nothing "
            "answers; try again later, or check census.s3 and the network"
        ) from None


def retraction(uri: str, seconds: float = 10.0) -> str | None:
    """Say that a release of the Census's own bucket was withdrawn, if its makers say so.

    Raises
    ------
    OSError
        If they cannot be asked.
    """
    parts = uri.split("/")
    if f"s3://{PUBLIC_BUCKET}/" not in uri or "cell-census" not in parts[:-1]:
        return None
    name = parts[parts.index("cell-census") + 1]
    try:
        directory = _in_time(
            lambda: cellxgene_census.get_census_version_directory(retracted=None), seconds
        )
    except (OSError, ValueError) as error:  # TimeoutError is one, and what requests raises
        raise OSError(f"the directory of Census releases cannot be read ({error})") from error
    if name not in directory:
        return f"{uri}: {gone(uri, PUBLIC_BUCKET)}"
    if not directory[name].get("flags", {}).get("retracted"):
        return None
    said = directory[name].get("retraction")
    why = said["reason"] if said else "no reason given"
    return f"{uri}: this release was retracted ({why}); take another in census.*.uri"


def _summary(release: Release) -> dict[str, str]:
    table = release.census["census_info"]["summary"].read().concat().to_pandas()
    summary = dict(zip(table["label"], table["value"], strict=True))
    rna = release.experiment.ms["RNA"]
    tables = [
        ("obs", release.experiment.obs.keys(), (*OBS_COLUMNS, "is_primary_data")),
        ("var of RNA", rna.var.keys(), VAR_COLUMNS),
        ("X of RNA", rna.X, ("raw",)),
    ]
    for name, there, needed in tables:
        missing = [column for column in needed if column not in there]
        if missing:
            schema = summary.get("census_schema_version", "unknown")
            raise ValueError(
                f"{release.census.uri}: {name} has no {', '.join(missing)}: this release has "
                f"another schema ({schema}) than can be read; check census.*.uri"
            )
    return summary


def _in_time(function: Callable[[], Given], seconds: float) -> Given:
    """What a function returns or raises; TimeoutError if it does neither, and goes on behind."""
    given: list[Given] = []
    raised: list[Exception] = []

    def run() -> None:
        try:
            given.append(function())
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError
    if raised:
        raise raised[0]
    return given[0]
