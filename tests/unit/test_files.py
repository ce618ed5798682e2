"""Files are written whole or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from hce.files import sha256, write_atomically


def write(path: Path, text: str) -> None:
    """Write a file atomically."""
    with write_atomically(path) as temporary:
        temporary.write_text(text)


def names(folder: Path) -> list[str]:
    """Names of all files, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.tsv"
    with write_atomically(path) as temporary:
        assert (temporary.parent, temporary.suffix) == (path.parent, ".tsv")
        temporary.write_text("a")
        assert not path.exists()
    assert names(path.parent) == ["table.tsv"]
    write(path, "b")
    assert path.read_text() == "b"


def test_a_failed_write_leaves_the_file_of_before(tmp_path: Path) -> None:
    path = tmp_path / "table.tsv"
    write(path, "before")
    with pytest.raises(RuntimeError), write_atomically(path) as temporary:
        temporary.write_text("half of the")
        raise RuntimeError
    assert names(tmp_path) == ["table.tsv"]
    assert path.read_text() == "before"


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    stays = [".0-of-2.1.part.tsv", ".10-of-2.7.part.arrow", ".0-of-2.x.7.part.arrow", "0-of-2.tsv"]
    for name in [".0-of-2.7.part.arrow", f".0-of-2.{os.getpid()}0.part.arrow", *stays]:
        (tmp_path / name).write_text("half")
    write(tmp_path / "0-of-2.arrow", "whole")
    assert names(tmp_path) == sorted(["0-of-2.arrow", *stays])


def test_a_folder_and_a_device_are_not_replaced(tmp_path: Path) -> None:
    for path in (tmp_path, Path(os.devnull)):
        with pytest.raises(ValueError, match=rf"{path}: is there and no regular file"):
            write(path, "text")
    assert names(tmp_path) == []


def test_sha256_is_that_of_hashlib(tmp_path: Path) -> None:
    content = bytes(range(256)) * 10_000
    (tmp_path / "file").write_bytes(content)
    assert sha256(tmp_path / "file") == hashlib.sha256(content).hexdigest()
