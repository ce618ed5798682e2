"""Downloads of files whose checksum is known, or recorded when they are first downloaded."""

from __future__ import annotations

import re
import shutil
from http.client import IncompleteRead
from pathlib import Path
from typing import Any, cast

import pooch
import requests
from tqdm import tqdm

from hce.files import checksum_record, record_checksum, sha256, write_atomically

# seconds without a byte before the download counts as failed
TIMEOUT = 60
# further attempts, with pauses of 1, 2, 3, ... seconds: servers are busy for moments
RETRIES = 3
# seconds between two lines of progress in a log
PROGRESS_SECONDS = 5
BLOCK_BYTES = 2**20
# how a page of a proxy, a login or an error begins
WEB_PAGE = re.compile(
    rb"(\xef\xbb\xbf)?\s*(<!--.*?-->\s*)*<(!doctype html|html|head|body)\b", re.I | re.S
)


class _Downloader(pooch.HTTPDownloader):
    """pooch's, with a line of progress for each attempt; it knows what came last.

    Parameters
    ----------
    partial
        Where what came of a cut transfer is kept, to go on from; None starts again.
    """

    checksum: str | None = None
    is_web_page = False

    def __init__(self, partial: Path | None) -> None:
        super().__init__(chunk_size=BLOCK_BYTES, timeout=TIMEOUT)
        self.partial = partial

    def __call__(self, url: str, output_file: str, *arguments: Any, **options: Any) -> None:
        # pooch sets the total when the server has said it, and takes a bar without one for none
        bar = tqdm(desc=url, total=1, unit="B", unit_scale=True, mininterval=PROGRESS_SECONDS)
        with bar as self.progressbar:
            if self.partial is None:
                super().__call__(url, output_file, *arguments, **options)
            else:
                self._go_on(url, self.partial, *arguments, **options)
                shutil.move(self.partial, output_file)
        self.checksum = sha256(output_file)
        with Path(output_file).open("rb") as handle:
            self.is_web_page = WEB_PAGE.match(handle.read(4096)) is not None
        if self.is_web_page:
            raise ValueError(f"{url}: a web page came in place of the file")

    def _go_on(self, url: str, partial: Path, *arguments: Any, **options: Any) -> None:
        """Fetch what a partial file lacks, or all where the server does not know parts."""
        with partial.open("ab") as file:
            begun = file.tell()

            def look(response: Any, *_: Any, **__: Any) -> None:
                # other than 206, Partial Content: the whole file comes, or no part begins there
                if begun and ((response.ok and response.status_code != 206) or _is_past(response)):
                    file.truncate(0)

            headers = {"Accept-Encoding": "identity"}
            if begun:
                headers["Range"] = f"bytes={begun}-"
            self.kwargs |= {"headers": headers, "hooks": {"response": look}}
            super().__call__(url, cast(str, file), *arguments, **options)


def _is_past(response: Any) -> bool:
    return response.status_code == 416


def download(url: str, path: str | Path, expected: str | None) -> str:
    """Download a file to `path`, atomically, and record its checksum beside it.

    What fails is tried again: from where it was cut, in a later call too, if the checksum that it
    must have is known, else from the start. Proxies are those of the environment (https_proxy,
    no_proxy), as are certificates (REQUESTS_CA_BUNDLE).

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
        If the file has another checksum, or is a web page. Nothing is left at `path`.
    OSError
        If the server cannot be reached, stops answering or sends less than it announced.
    """
    # without a checksum nobody would see that two parts are of two files
    downloader = _Downloader(Path(f"{path}.partial") if expected else None)
    otherwise = f"or put the file at {path} yourself: it is verified before it is used"
    with write_atomically(path) as temporary:
        folder, name = temporary.parent, temporary.name
        fetcher = pooch.create(folder, "", None, registry={name: expected}, urls={name: url})
        fetcher.retry_if_failed = RETRIES
        try:
            fetcher.fetch(name, downloader=downloader)
        except OSError as error:
            raise OSError(
                f"{url}: {_reason(error)}. {RETRIES + 1} attempts failed: check the network and "
                f"the proxy of this machine (https_proxy) and run snakemake again, {otherwise}"
            ) from error
        except ValueError as error:
            if downloader.is_web_page:
                raise ValueError(
                    f"{error}, {RETRIES + 1} times, from a proxy, a login or a failing server: "
                    f"open the address in a browser and run snakemake again later, {otherwise}"
                ) from error
            raise ValueError(
                f"{url}: SHA-256 is {downloader.checksum}, expected {expected}. The file changed "
                "at its source or was damaged on the way; if the new one is wanted, put its "
                f"checksum into config/datasets.tsv or delete {checksum_record(path)}"
            ) from error
        checksum = sha256(temporary)
        record_checksum(path, checksum)
        # pooch's temporary file is readable by its owner alone
        temporary.chmod(checksum_record(path).stat().st_mode)
    return checksum


def remote_bytes(url: str) -> int | None:
    """Size of a file as its server says it; None if it cannot be asked or does not say."""
    try:
        # as it is: of a compressed answer it would be another size
        headers = {"Accept-Encoding": "identity"}
        answer = requests.head(url, headers=headers, allow_redirects=True, timeout=TIMEOUT)
        answer.raise_for_status()
        return int(answer.headers["Content-Length"])
    except (requests.RequestException, KeyError, ValueError):
        return None


def _reason(error: BaseException) -> str:
    """What went wrong, in words: how much came, if the transfer was cut."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, IncompleteRead):
            # urllib3 counts what http.client would hold
            came, missing = cast(int, cause.partial), cause.expected or 0
            return f"{came} of {came + missing} bytes came"
        cause = cause.__cause__ or cause.__context__
    return str(error)
