"""Unpacking an archive that somebody else made: nothing of it leaves its folder."""

from __future__ import annotations

import errno
import lzma
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from hce.files import refuse_orphans

SUFFIXES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
COPY_BYTES = 2**20
# what the libraries raise for bytes that are cut or changed; gzip and bz2 an OSError without number
DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
    *(EOFError, RuntimeError, OSError),
)


def archives_at(place: Path) -> list[Path]:
    """The archives that a record lies in, sorted; none where it is unpacked already.

    Parameters
    ----------
    place
        An archive, or a folder; one that holds a folder is taken to be unpacked.
    """
    if not place.is_dir():
        return [place] if place.is_file() else []
    inside = sorted(path for path in place.iterdir() if not path.name.startswith("."))
    if any(path.is_dir() for path in inside):
        return []
    return [path for path in inside if path.name.lower().endswith(SUFFIXES)]


def unpack(archive: str | Path, folder: str | Path) -> Path:
    """Unpack a zip or tar archive, compressed or not, into a folder that appears when it is whole.

    Parameters
    ----------
    archive
        Files and folders only.
    folder
        Must not be there.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    FileNotFoundError
        If there is no such archive.
    FileExistsError
        If the folder is there.
    ValueError
        If it is no archive, was cut, or has a member that is a link or a device or lies outside.
    OSError
        If the disk has no room for what it says that it holds.
    """
    archive, folder = Path(archive), Path(folder)
    if not archive.is_file():
        raise FileNotFoundError(f"{archive}: no such archive")
    if folder.exists():
        raise FileExistsError(f"{folder}: is there; remove it to unpack {archive} again")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        whole = Path(temporary) / "whole"
        whole.mkdir()
        try:
            if _begins_as_zip(archive):
                _unpack_zip(archive, whole)
            else:
                _unpack_tar(archive, whole)
        except DAMAGED as error:
            if isinstance(error, OSError) and error.errno:
                raise  # of the disk, not of what is unpacked
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise ValueError(
                f"{archive}: is no zip or tar archive, or cut or damaged ({reason}); fetch it again"
            ) from error
        refuse_orphans(folder)
        whole.rename(folder)
    return folder


def _begins_as_zip(archive: Path) -> bool:
    # by its end, as zipfile tells, a tar would be one whose last file is: a checkpoint is a zip
    with archive.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def _unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        members = file.infolist()
        for member in members:
            kind = stat.S_IFMT(member.external_attr >> 16)
            _check(archive, member.filename, kind in (0, stat.S_IFREG, stat.S_IFDIR))
        _check_room(archive, folder, sum(member.file_size for member in members))
        file.extractall(folder)


def _unpack_tar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive, "r:*") as file:
        for member in file:
            _check(archive, member.name, member.isreg() or member.isdir())
            _check_room(archive, folder, member.size)
            _write_member(file, member, folder / member.name)
        assert file.fileobj is not None
        # a block of zeros is the end; tarfile takes the end of the file for one
        if file.fileobj.tell() == file.offset:
            raise tarfile.ReadError("unexpected end of file")
        while file.fileobj.read(COPY_BYTES):
            pass  # the checksum of a compressed one comes last


def _write_member(file: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    # not by extract, whose filter Python 3.11 has from 3.11.4 on, and Debian's is 3.11.2; nothing
    # but its bytes is taken from a file that was checked
    if member.isdir():
        place.mkdir(parents=True, exist_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    source = file.extractfile(member)
    assert source is not None
    with source, place.open("wb") as target:
        shutil.copyfileobj(source, target, COPY_BYTES)


def _check(archive: Path, name: str, plain: bool) -> None:
    outside = PureWindowsPath(name).drive or PurePosixPath(name).is_absolute()
    if not plain:
        raise ValueError(f"{archive}: {name} is neither a file nor a folder; it is not unpacked")
    if outside or ".." in name.replace("\\", "/").split("/"):
        raise ValueError(f"{archive}: {name} lies outside of the archive; it is not unpacked")


def _check_room(archive: Path, folder: Path, needed: int) -> None:
    if needed > (free := shutil.disk_usage(folder).free):
        raise OSError(
            errno.ENOSPC,
            f"{archive}: holds {needed / 1e9:,.1f} GB more, and {folder.parent.parent} has "
            f"{free / 1e9:,.1f} GB left; make room",
        )
