"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hce.files import ABANDONED_SECONDS, HOST, checked, sha256, write_atomically


def write(path: Path, text: str) -> None:
    """Write a file atomically."""
    with write_atomically(path) as temporary:
        temporary.write_text(text)


def names(folder: Path) -> list[str]:
    """Names of all files, hidden ones too, but for the records of what was written."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".sha256")


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


@pytest.fixture(scope="module")
def dead_process() -> int:
    """Id of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_what_a_killed_process_left_is_removed_and_nothing_else(
    tmp_path: Path, dead_process: int
) -> None:
    end = f"{HOST}.{dead_process}.part"
    stays = [f".0-of-2.{end}.tsv", f".10-of-2.{end}.arrow", f".0-of-2.x.{end}.arrow", "0-of-2.tsv"]
    for name in [f".0-of-2.{end}.arrow", *stays]:
        (tmp_path / name).write_text("half")
    write(tmp_path / "0-of-2.arrow", "whole")
    assert names(tmp_path) == sorted(["0-of-2.arrow", *stays])


def test_files_of_another_host_are_removed_when_they_are_old(tmp_path: Path) -> None:
    new, old = (tmp_path / f".table.other-{name}.1.part.tsv" for name in ("new", "old"))
    for path, age in ((new, 0.9), (old, 1.1)):
        path.write_text("half")
        os.utime(path, (time.time() - age * ABANDONED_SECONDS,) * 2)
    write(tmp_path / "table.tsv", "whole")
    assert names(tmp_path) == [new.name, "table.tsv"]


def test_a_second_writer_does_not_disturb_the_first(tmp_path: Path) -> None:
    path = tmp_path / "table.tsv"
    code = "import sys; from pathlib import Path; from hce.files import write_atomically\n"
    code += f"with write_atomically({path.as_posix()!r}) as temporary:\n"
    code += "    temporary.write_text('first'); print('written', flush=True); sys.stdin.read()"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    first = subprocess.Popen([sys.executable, "-c", code], env=environment, text=True, **pipes)
    assert first.stdout.readline() == "written\n"
    write(path, "second")
    assert path.read_text() == "second"
    first.communicate("", timeout=20)
    assert first.returncode == 0
    assert (path.read_text(), names(tmp_path)) == ("first", ["table.tsv"])


@pytest.mark.parametrize("bit", [0, 77, -1])
def test_a_file_that_has_changed_since_is_refused(tmp_path: Path, bit: int) -> None:
    path = tmp_path / "table.tsv"
    write(path, "class\tf1\nT cell\t0.5\n")
    content = bytearray(path.read_bytes())
    assert checked(path) == path
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{path}: SHA-256 is [0-9a-f]{{64}}, expected"):
        checked(path)
    # without its record it is the user's own
    (tmp_path / ".table.tsv.sha256").unlink()
    assert checked(path) == path
    (tmp_path / "table.tsv.sha256").write_text(f"{'0' * 64}  table.tsv\n")
    with pytest.raises(ValueError, match=r"delete .*/table\.tsv\.sha256"):
        checked(path)


def test_a_file_that_is_written_again_is_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "table.tsv"
    for text in ("before", "after"):
        write(path, text)
        assert checked(path).read_text() == text
    write(tmp_path / "figure.pdf", "nobody reads it back")
    assert sorted(p.name for p in tmp_path.glob(".*")) == [".table.tsv.sha256"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("I/O error: No space left on device (os error 28)"),
        OSError("[Errno 28] Error writing bytes to file. Detail: No space left on device"),
        OSError("6016 requested and 2016 written"),
    ],
)
def test_a_full_disk_is_said_with_the_file_in_the_words_of_no_library(
    tmp_path: Path, error: Exception
) -> None:
    path = tmp_path / "model.safetensors"
    said = rf"{path}: not written: No space left on device\. Make room, and the same command"
    with pytest.raises(OSError, match=said) as caught, write_atomically(path) as temporary:
        temporary.write_text("half")
        raise error
    assert caught.value.errno == errno.ENOSPC
    assert names(tmp_path) == []


def test_half_a_record_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk has room for the file and none for its record."""
    written = Path.write_text

    def full(self: Path, text: str, encoding: str | None = None) -> int:
        written(self, text, encoding)
        if self.suffix == ".sha256":
            written(self, "")
            raise OSError(errno.ENOSPC, "No space left on device")
        return len(text)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="not written: No space left"):
        write(tmp_path / "table.tsv", "text")
    assert list(tmp_path.glob(".*")) == []


def test_a_folder_and_a_device_are_not_replaced(tmp_path: Path) -> None:
    for path in (tmp_path, Path(os.devnull)):
        with pytest.raises(ValueError, match=rf"{path}: is there and no regular file"):
            write(path, "text")
    assert names(tmp_path) == []


def test_sha256_is_that_of_hashlib(tmp_path: Path) -> None:
    content = bytes(range(256)) * 10_000
    (tmp_path / "file").write_bytes(content)
    assert sha256(tmp_path / "file") == hashlib.sha256(content).hexdigest()
