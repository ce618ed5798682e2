"""Text and paths of a configuration, brought into one form or refused.

Every rule quotes what it hands to the shell, so that a path may hold spaces, quotes and dollar
signs; what Snakemake itself gives a meaning cannot be quoted, and is refused here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

from snakemake.exceptions import WorkflowError

from configuration_errors import key_name

Config = dict[str, Any]
Key = tuple[str | int, ...]

# keys whose values are paths of files and folders; * is any key or position
PATHS = (
    "results",
    "census.gene_list",
    "census.train.uri",
    "census.ood.uri",
    "census.train.files.*",
    "census.ood.files.*",
    "ontology.path",
    "models.*.file",
    "own_losses.*.file",
    "annotate.*",
    "published.path",
)
# a release names a folder
NAMES = ("census.train.release", "census.ood.release", "ontology.release")
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# wildcards and path variables of Snakemake
SNAKEMAKE_CHARACTERS = re.compile(r"[{}<>]")
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def normalize(config: Config) -> None:
    """Bring the paths of a configuration into one form, in place: ~/out/./x/ is HOME/out/x.

    Addresses (s3://...) stay as they are.

    Raises
    ------
    WorkflowError
        If a text has control characters, or a path or name what Snakemake or a command line would
        take for something else; names key and value.
    """
    for key, text in list(_texts(config)):
        if CONTROL_CHARACTERS.search(text):
            _refuse(key, text, "has a control character, such as a line end")
        if _is_one_of(key, NAMES) and re.search(r"[/\\]|^\.|^-", text):
            _refuse(key, text, "names a folder: no slash, and no dot or dash at its start")
        if _is_one_of(key, PATHS):
            _put(config, key, _normal_path(key, text))


def _normal_path(key: Key, text: str) -> str:
    if ADDRESS.match(text):
        return text
    if SNAKEMAKE_CHARACTERS.search(text):
        _refuse(key, text, "has one of { } < >, which mean something else to Snakemake")
    if not text.strip():
        _refuse(key, text, "is no path")
    try:
        path = os.path.normpath(Path(text).expanduser())
    except RuntimeError:
        _refuse(key, text, "is in the folder of a user that there is not")
    if path.startswith("-"):
        _refuse(key, text, "would be taken for an option; give it another name")
    if key == ("results",) and PurePosixPath(path) in (PurePosixPath("."), PurePosixPath("/")):
        _refuse(key, text, "is no folder of its own; name one, for example results")
    return path


def _texts(value: object, key: Key = ()) -> Iterator[tuple[Key, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, entry in value.items():
            yield from _texts(entry, (*key, name))
    elif isinstance(value, list):
        for position, entry in enumerate(value):
            yield from _texts(entry, (*key, position))


def _is_one_of(key: Key, patterns: tuple[str, ...]) -> bool:
    for pattern in patterns:
        parts = pattern.split(".")
        if len(parts) == len(key) and all(
            part in ("*", str(name)) for part, name in zip(parts, key, strict=True)
        ):
            return True
    return False


def _put(config: Config, key: Key, text: str) -> None:
    section: Any = config
    for name in key[:-1]:
        section = section[name]
    section[key[-1]] = text


def _refuse(key: Key, text: str, why: str) -> NoReturn:
    raise WorkflowError(f"{key_name(key)}: {text!r} {why}.")
