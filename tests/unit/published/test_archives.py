"""Archives of strangers: nothing leaves the folder, and a folder is whole or not there."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from hce.published.archives import archives_at, unpack


def write_tar(path: Path, *more: tarfile.TarInfo, mode: str = "w:gz") -> Path:
    """Write an archive with a file in a folder, then what is given."""
    with tarfile.open(path, mode) as archive:
        one = tarfile.TarInfo("logs/version_0/model.ckpt")
        one.size = 3000
        archive.addfile(one, io.BytesIO(bytes(range(250)) * 12))
        for member in more:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, 1 if kind == tarfile.REGTYPE else 0
    return info


def write_zip(path: Path, *more: tuple[str, int]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("logs/version_0/model.ckpt", bytes(range(250)) * 12)
        for name, mode in more:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, "target")
    return path


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.xz"])
def test_an_archive_is_unpacked(tmp_path: Path, name: str) -> None:
    if name == "a.zip":
        archive = write_zip(tmp_path / name)
    else:
        archive = write_tar(tmp_path / name, mode=f"w:{name[6:]}")
    folder = unpack(archive, tmp_path / "there" / "it is")
    assert (folder / "logs/version_0/model.ckpt").read_bytes() == bytes(range(250)) * 12
    assert [p.name for p in folder.parent.iterdir()] == ["it is"]
    with pytest.raises(FileExistsError, match=r"it is: is there; remove it"):
        unpack(archive, folder)


BAD_TAR = {
    "../out": member("../out"),
    "/out": member("/out"),
    "a/../../out": member("a/../../out"),
    "link": member("link", tarfile.SYMTYPE, "/etc/passwd"),
    "inner": member("inner", tarfile.SYMTYPE, "logs"),
    "hard": member("hard", tarfile.LNKTYPE, "logs/version_0/model.ckpt"),
    "device": member("device", tarfile.CHRTYPE),
    "pipe": member("pipe", tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("name", BAD_TAR)
def test_a_tar_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    archive = write_tar(tmp_path / "bad.tar.gz", BAD_TAR[name])
    with pytest.raises(ValueError, match=rf"bad\.tar\.gz: {name} .* it is not unpacked"):
        unpack(archive, tmp_path / "folder")
    assert [p.name for p in tmp_path.iterdir()] == ["bad.tar.gz"]


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("../out", stat.S_IFREG),
        ("/out", stat.S_IFREG),
        ("C:/out", stat.S_IFREG),
        ("a/../../out", 0),
        ("link", stat.S_IFLNK),
        ("device", stat.S_IFCHR),
    ],
)
def test_a_zip_that_leads_out_is_refused(tmp_path: Path, name: str, mode: int) -> None:
    archive = write_zip(tmp_path / "bad.zip", (name, mode))
    with pytest.raises(ValueError, match=rf"bad\.zip: {name} .* it is not unpacked"):
        unpack(archive, tmp_path / "folder")
    assert [p.name for p in tmp_path.iterdir()] == ["bad.zip"]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a.zip", -20),
        ("a.tar", 1500),
        ("a.tar", 512 + 3072),  # where a member ends
        *((f"a.tar.{kind}", kept) for kind in ("gz", "xz", "bz2") for kept in (-5, -20, 100, 0)),
    ],
)
def test_a_cut_archive_is_said_and_leaves_nothing(tmp_path: Path, name: str, kept: int) -> None:
    archive = tmp_path / name
    if name == "a.zip":
        write_zip(archive)
    else:
        write_tar(archive, mode=f"w:{name[6:]}")
    archive.write_bytes(archive.read_bytes()[:kept])
    with pytest.raises(ValueError, match=rf"{name}: is no zip or tar .* fetch it again"):
        unpack(archive, tmp_path / "folder")
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_changed_zip_is_said(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip")
    content = bytearray(archive.read_bytes())
    content[80] ^= 1
    archive.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.zip: is no zip .* fetch it again"):
        unpack(archive, tmp_path / "folder")


def test_an_archive_that_does_not_fit_the_disk_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = write_zip(tmp_path / "a.zip")
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 10}))
    with pytest.raises(OSError, match=r"a\.zip: holds 0\.0 GB more, and .* make room"):
        unpack(archive, tmp_path / "folder")
    with pytest.raises(FileNotFoundError, match=r"b\.zip: no such archive"):
        unpack(tmp_path / "b.zip", tmp_path / "folder")


def test_a_record_is_in_archives_only_where_nothing_is_unpacked(tmp_path: Path) -> None:
    one, other = tmp_path / "checkpoints.tar.gz", tmp_path / "results.ZIP"
    for path in (one, other, tmp_path / "README.md", tmp_path / ".hidden.zip"):
        path.touch()
    assert archives_at(tmp_path) == [one, other]
    assert archives_at(one) == [one]
    assert archives_at(tmp_path / "missing") == []
    (tmp_path / "tb_logs").mkdir()
    assert archives_at(tmp_path) == []


def test_a_tar_that_ends_with_a_zip_is_no_zip(tmp_path: Path) -> None:
    """A checkpoint is a zip, and the last file of an archive of checkpoints."""
    inner = write_zip(tmp_path / "model.ckpt").read_bytes()
    last = member("logs/version_1/model.ckpt")
    last.size = len(inner)
    with tarfile.open(tmp_path / "record.tar", "w") as archive:
        archive.addfile(last, io.BytesIO(inner))
    folder = unpack(tmp_path / "record.tar", tmp_path / "record")
    assert (folder / last.name).read_bytes() == inner
