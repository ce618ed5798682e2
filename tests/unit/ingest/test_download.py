"""Downloads from a real server on this machine: checksums are recorded, then enforced."""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pooch
import pytest

import download as download_script
from hce.files import checksum_record
from hce.ingest import download as download_module
from hce.ingest.datasets import known_checksum, verify_download
from hce.ingest.download import RETRIES, download

CONTENT = b"format-version: 1.2\n" * 5_000
CHECKSUM = hashlib.sha256(CONTENT).hexdigest()
HEADER = "name\tversion\turl\tsha256\tlicense\tuse\n"


@dataclass
class Server:
    """Answers every request with `content`, of which it sends only the first `sent` bytes.

    The first answers have the statuses of `first` and the lengths of `first_sent`.
    """

    url: str = ""
    content: bytes = CONTENT
    sent: int | None = None
    status: int = 200
    first: list[int] = field(default_factory=list)
    first_sent: list[int] = field(default_factory=list)
    hangs: bool = False
    knows_parts: bool = False
    ranges: list[str | None] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that a download would have waited between its attempts; nothing waits here."""
    asked: list[float] = []
    monkeypatch.setattr(pooch.core.time, "sleep", asked.append)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return asked


@pytest.fixture
def server() -> Iterator[Server]:
    """A server whose answers a test can change."""
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests.append(self.path)
            part = self.headers["Range"]
            state.ranges.append(part)
            begin = int(part[6:-1]) if part and state.knows_parts else 0
            status = 206 if begin else state.status
            self.send_response(state.first.pop(0) if state.first else status)
            self.send_header("Content-Length", str(len(state.content) - begin))
            self.end_headers()
            sent = state.first_sent.pop(0) if state.first_sent else state.sent
            self.wfile.write(state.content[begin:sent])
            self.wfile.flush()
            if state.hangs:
                state.released.wait(10)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        state.url = f"http://127.0.0.1:{http.server_port}/cl.obo"
        yield state
        state.released.set()
        http.shutdown()
        thread.join()


@pytest.fixture
def run_script(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], Path]:
    """Function (name, checksum in the table) that calls the script; returns the file's path."""

    def run(name: str = "cl.obo", checksum: str = "") -> Path:
        datasets = tmp_path / "datasets.tsv"
        datasets.write_text(f"{HEADER}cl.obo\tv1\t{server.url}\t{checksum}\tCC-BY-4.0\ttest\n")
        output = tmp_path / "resources" / name
        arguments = ["download.py", "--datasets", str(datasets), "--output", str(output)]
        monkeypatch.setattr(sys, "argv", arguments)
        download_script.main()
        return output

    return run


def files_in(folder: Path) -> list[str]:
    """Names of all files in a folder, hidden ones too."""
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_the_first_download_records_the_checksum_and_later_ones_must_have_it(
    server: Server, run_script: Callable[..., Path]
) -> None:
    path = run_script()
    assert path.read_bytes() == CONTENT
    assert checksum_record(path).read_text() == f"{CHECKSUM}  cl.obo\n"
    path.unlink()
    assert run_script().read_bytes() == CONTENT
    path.unlink()
    server.content = CONTENT[::-1]
    changed = hashlib.sha256(server.content).hexdigest()
    message = (
        rf"{server.url}: SHA-256 is {changed}, expected {CHECKSUM}\..*config/datasets\.tsv or "
        rf"delete {path}\.sha256"
    )
    with pytest.raises(ValueError, match=message):
        run_script()
    assert files_in(path.parent) == ["cl.obo.sha256"]
    assert checksum_record(path).read_text() == f"{CHECKSUM}  cl.obo\n"
    checksum_record(path).unlink()
    assert run_script().read_bytes() == server.content
    assert len(server.requests) == 4 + RETRIES


def test_the_checksum_of_the_table_is_enforced_from_the_start(
    run_script: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=rf"SHA-256 is {CHECKSUM}, expected {'0' * 64}"):
        run_script(checksum="0" * 64)
    assert files_in(tmp_path / "resources") == []
    assert run_script(checksum=CHECKSUM).read_bytes() == CONTENT


def test_the_table_wins_over_the_record_of_an_earlier_download(
    run_script: Callable[..., Path],
) -> None:
    path = run_script()
    with pytest.raises(ValueError, match=rf"expected {'1' * 64}"):
        run_script(checksum="1" * 64)
    assert path.read_bytes() == CONTENT  # the file that was there is still there


@pytest.mark.parametrize("sent", [0, 1, len(CONTENT) - 1])
def test_a_download_that_breaks_off_leaves_nothing(
    server: Server, run_script: Callable[..., Path], tmp_path: Path, sent: int
) -> None:
    server.sent = sent
    with pytest.raises(OSError, match=rf"{server.url}: {sent} of {len(CONTENT)} bytes came"):
        run_script()
    assert files_in(tmp_path / "resources") == []
    server.sent = None
    assert run_script().read_bytes() == CONTENT


def test_a_server_that_stops_answering_is_an_error(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download_module, "TIMEOUT", 0.2)
    server.sent, server.hangs = 100, True
    with pytest.raises(OSError, match="timed out"):
        download(server.url, tmp_path / "new" / "cl.obo", None)
    assert files_in(tmp_path / "new") == []


def test_a_file_that_the_server_does_not_have_is_an_error(server: Server, tmp_path: Path) -> None:
    server.status = 404
    with pytest.raises(OSError, match="404"):
        download(server.url, tmp_path / "new" / "cl.obo", None)
    assert files_in(tmp_path / "new") == []


def test_a_server_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="refused"):
        download("http://127.0.0.1:9/cl.obo", tmp_path / "new" / "cl.obo", None)
    assert files_in(tmp_path / "new") == []


def test_what_fails_for_a_moment_is_tried_again(
    server: Server, run_script: Callable[..., Path], pauses: list[float]
) -> None:
    server.first = [503, 503]
    path = run_script()
    assert path.read_bytes() == CONTENT
    assert checksum_record(path).read_text() == f"{CHECKSUM}  cl.obo\n"
    assert len(server.requests) == 3 and pauses == [1, 2]


def test_a_transfer_that_was_cut_starts_again_from_the_beginning(
    server: Server, run_script: Callable[..., Path], tmp_path: Path
) -> None:
    server.first_sent = [0, 70_000]
    path = run_script(checksum=CHECKSUM)
    assert path.read_bytes() == CONTENT and len(server.requests) == 3
    assert files_in(tmp_path / "resources") == ["cl.obo", "cl.obo.sha256"]


def test_an_error_names_the_address_and_what_to_do(
    server: Server, run_script: Callable[..., Path], tmp_path: Path
) -> None:
    server.status = 503
    message = rf"^{server.url}: 503 .*4 attempts failed: check the network and the proxy .*put the"
    with pytest.raises(OSError, match=rf"{message} file at {tmp_path}/resources/cl.obo yourself"):
        run_script()
    assert len(server.requests) == 1 + RETRIES


@pytest.mark.parametrize(
    "page",
    [
        b"<!DOCTYPE html><html>Sign in</html>",
        b"\xef\xbb\xbf\n <html lang=en>",
        b"<!-- busy\n-->\n<HEAD><title>503</title>",
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_web_page_in_place_of_the_file_is_refused_and_not_recorded(
    server: Server, run_script: Callable[..., Path], tmp_path: Path, page: bytes, known: bool
) -> None:
    server.content = page
    with pytest.raises(ValueError, match=rf"{server.url}: a web page came in place of the file"):
        run_script(checksum=CHECKSUM if known else "")
    assert files_in(tmp_path / "resources") == []
    server.content = CONTENT
    assert run_script().read_bytes() == CONTENT


def test_the_proxy_of_the_environment_is_used(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url.removesuffix("/cl.obo"))
    download("http://ontology.invalid/cl.obo", tmp_path / "cl.obo", CHECKSUM)
    assert server.requests == ["http://ontology.invalid/cl.obo"]


def test_others_may_read_a_download_as_any_file(server: Server, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("")
    download(server.url, tmp_path / "cl.obo", None)
    assert (tmp_path / "cl.obo").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_progress_is_in_the_log(
    run_script: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = run_script()
    out, err = capsys.readouterr()
    assert out.endswith(f"cl.obo, SHA-256 {CHECKSUM}\n") and str(path) in out
    assert "cl.obo: 100%" in err and "100k/100k" in err


def test_a_record_that_cannot_be_written_leaves_no_file_without_one(
    server: Server, tmp_path: Path
) -> None:
    path = tmp_path / "cl.obo"
    checksum_record(path).mkdir()
    with pytest.raises(ValueError, match=r"cl\.obo\.sha256: is there and no regular file"):
        download(server.url, path, None)
    assert not path.exists()


# --- before it is used ---


def test_a_download_is_verified_before_it_is_used(
    server: Server, run_script: Callable[..., Path], tmp_path: Path
) -> None:
    path, datasets = run_script(), tmp_path / "datasets.tsv"
    verify_download(path, datasets)
    verify_download(path, None)
    path.write_bytes(CONTENT[:-1])
    changed = hashlib.sha256(CONTENT[:-1]).hexdigest()
    message = rf"^{path}: SHA-256 is {changed}, expected {CHECKSUM};"
    with pytest.raises(
        ValueError, match=rf"{message} .* since it came from {server.url}\. Delete it"
    ):
        verify_download(path, datasets)
    with pytest.raises(ValueError, match=rf"{message} .*delete {path}\.sha256"):
        verify_download(path, None)


def test_the_table_verifies_a_file_that_was_put_there_by_hand(tmp_path: Path) -> None:
    datasets, path = tmp_path / "datasets.tsv", tmp_path / "cl.obo"
    datasets.write_text(f"{HEADER}cl.obo\tv1\thttps://a/cl.obo\t{CHECKSUM}\tCC-BY-4.0\ttest\n")
    path.write_bytes(CONTENT)
    verify_download(path, datasets)
    path.write_bytes(b"another")
    with pytest.raises(
        ValueError, match=rf"expected {CHECKSUM}; .* give a file of your own another"
    ):
        verify_download(path, datasets)
    own = path.rename(tmp_path / "own.obo")
    verify_download(own, datasets)  # neither listed nor recorded
    checksum_record(own).write_text("\n")
    with pytest.raises(ValueError, match=r"own\.obo\.sha256: is empty; delete it"):
        verify_download(own, datasets)


def test_a_name_that_the_table_lacks_is_refused(run_script: Callable[..., Path]) -> None:
    with pytest.raises(ValueError, match=r"datasets\.tsv: no file other\.obo, only cl\.obo"):
        run_script("other.obo")


@pytest.mark.parametrize("knows_parts", [True, False])
def test_a_cut_transfer_goes_on_where_it_was_cut(
    server: Server,
    run_script: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    knows_parts: bool,
) -> None:
    # what came of a block that is cut is lost
    monkeypatch.setattr("hce.ingest.download.BLOCK_BYTES", 500)
    server.knows_parts = knows_parts
    server.first_sent = [1000, 70_000]
    path = run_script(checksum=CHECKSUM)
    assert path.read_bytes() == CONTENT
    assert server.ranges[:2] == [None, "bytes=1000-"]
    assert len(server.ranges) == 3
    assert not path.with_name("cl.obo.partial").exists()


def test_a_later_run_goes_on_and_what_is_damaged_starts_again(
    server: Server, run_script: Callable[..., Path], tmp_path: Path
) -> None:
    server.knows_parts = True
    partial = tmp_path / "resources" / "cl.obo.partial"
    partial.parent.mkdir()
    partial.write_bytes(CONTENT[:5000])
    assert run_script(checksum=CHECKSUM).read_bytes() == CONTENT
    assert server.ranges == ["bytes=5000-"]
    partial.write_bytes(b"x" * 5000)
    assert run_script(checksum=CHECKSUM).read_bytes() == CONTENT
    assert server.ranges[1:] == ["bytes=5000-", None]


def test_without_a_checksum_it_starts_again(
    server: Server, run_script: Callable[..., Path]
) -> None:
    server.knows_parts = True
    server.first_sent = [1000]
    assert run_script().read_bytes() == CONTENT
    assert server.ranges == [None, None]


def test_names_may_have_folders(tmp_path: Path) -> None:
    """Two files of the authors' record differ in their folders alone."""
    datasets = tmp_path / "datasets.tsv"
    rows = [f"published/{n}/a.csv\tv\thttps://host/{n}\t{n * 64}\tl\tu" for n in "12"]
    header = "name\tversion\turl\tsha256\tlicense\tuse"
    datasets.write_text("\n".join([header, *rows]) + "\n")
    for n in "12":
        url, checksum = known_checksum(datasets, f"resources/published/{n}/a.csv")
        assert (url, checksum) == (f"https://host/{n}", n * 64)
    with pytest.raises(ValueError, match=r"no file a\.csv"):
        known_checksum(datasets, "resources/published/3/a.csv")


def test_the_table_of_the_repository_names_every_file_with_its_source() -> None:
    datasets = Path(__file__).parents[3] / "config" / "datasets.tsv"
    url, checksum = known_checksum(datasets, "anywhere/scTab-features.parquet")
    assert url.startswith("https://github.com/theislab/scTab/")
    assert checksum == "dd3ba56793678216d89217703e47e7955bfc09403110eb74d7c395f97a67501c"
    url, checksum = known_checksum(datasets, "anywhere/cl-simple-2023-05-22.obo")
    assert "/v2023-05-22/" in url
    assert checksum is None
