"""Downloads from a real server on this machine: checksums are recorded, then enforced."""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import download as download_script
from hce.ingest import download as download_module
from hce.ingest.download import checksum_record, download, known_checksum

CONTENT = b"format-version: 1.2\n" * 5_000
CHECKSUM = hashlib.sha256(CONTENT).hexdigest()
HEADER = "name\tversion\turl\tsha256\tlicense\tuse\n"


@dataclass
class Server:
    """Answers every request with `content`, of which it sends only the first `sent` bytes."""

    url: str = ""
    content: bytes = CONTENT
    sent: int | None = None
    status: int = 200
    hangs: bool = False
    requests: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def server() -> Iterator[Server]:
    """A server whose answers a test can change."""
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests.append(self.path)
            self.send_response(state.status)
            self.send_header("Content-Length", str(len(state.content)))
            self.end_headers()
            self.wfile.write(state.content[: state.sent])
            self.wfile.flush()
            if state.hangs:
                state.released.wait(10)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
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
    assert len(server.requests) == 4


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


def test_a_name_that_the_table_lacks_is_refused(run_script: Callable[..., Path]) -> None:
    with pytest.raises(ValueError, match=r"datasets\.tsv: no file other\.obo, only cl\.obo"):
        run_script("other.obo")


def test_the_table_of_the_repository_names_every_file_with_its_source() -> None:
    datasets = Path(__file__).parents[3] / "config" / "datasets.tsv"
    url, checksum = known_checksum(datasets, "anywhere/scTab-features.parquet")
    assert url.startswith("https://github.com/theislab/scTab/")
    assert checksum == "dd3ba56793678216d89217703e47e7955bfc09403110eb74d7c395f97a67501c"
    url, checksum = known_checksum(datasets, "anywhere/cl-simple-2023-05-22.obo")
    assert "/v2023-05-22/" in url
    assert checksum is None
