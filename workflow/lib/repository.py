"""Files of the repository, wherever Snakemake runs: data, scripts, and what these do."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fingerprint import library
from hce.ingest.datasets import known_checksum, read_listed


@dataclass(frozen=True)
class Repository:
    """The repository, as the rules of one reading of the workflow see it.

    Attributes
    ----------
    folder
        Where it lies, seen from the working folder.
    commit
        Of its files, where they are no clone.
    downloads
        Folder of what is downloaded.
    """

    folder: Path
    commit: str | None
    downloads: Path

    def file(self, name: str) -> str:
        """Path of a file."""
        return (self.folder / name).as_posix()

    def script(self, name: str) -> Path:
        """Path of the script of a rule, a parameter that Snakemake does not compare between runs.

        It compares text and numbers; a clone may lie elsewhere tomorrow.
        """
        return self.folder / "scripts" / f"{name}.py"

    def fingerprint(self, name: str, *further: str) -> Callable[[Any], str]:
        """What a script does, as a parameter: where it differs, the rule runs again.

        Parameters
        ----------
        name
            The script.
        further
            Definitions that the script reaches by a name on its command line: hce.module:name.
        """
        scripts = (self.folder / "scripts").resolve()

        def get_fingerprint(wildcards: Any) -> str:
            return library(scripts).fingerprint(name, *further)

        return get_fingerprint

    @property
    def version(self) -> list[str] | Callable[[Any, Any], list[str]]:
        """Where the provenance has the commit of the code from, as arguments of its script."""
        if self.commit:
            return ["--commit", self.commit]

        def get_clone(wildcards: Any, output: Any) -> list[str]:
            # Snakemake does not compare what may follow from the output: a clone may move
            return ["--repository", self.folder.as_posix()]

        return get_clone

    # --- config/datasets.tsv ---

    @property
    def datasets(self) -> Path:
        """The table, a parameter that Snakemake does not compare between runs."""
        return self.folder / "config" / "datasets.tsv"

    @property
    def dataset_names(self) -> str:
        """Names of the files that can be downloaded, as a pattern."""
        return "|".join(map(re.escape, read_listed(self.datasets)))

    def checksum(self, wildcards: Any) -> str:
        """SHA-256 that a download must have: the table's, or that of its first download."""
        _, checksum = known_checksum(self.datasets, self.downloads / wildcards.name)
        assert checksum is not None, "a download leaves its checksum beside it"
        return checksum
