"""A table of the record is there for as long as it is read."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pooch
import pytest

from hce.published.fetch import at_hand, listed_bytes
from hce.published.rows import record_rows, tables_in_turn

NAME = "tb_logs/mlp/version_0/mlp_detailed_results.parquet"
CONTENT = b"PAR1 and so on"


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where a server of one table is; nothing waits between attempts."""
    monkeypatch.setattr(pooch.core.time, "sleep", lambda seconds: None)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "table.parquet").write_bytes(CONTENT)

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(tmp_path / "server"))  # type: ignore[arg-type]

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/table.parquet"
    server.shutdown()
    server.server_close()


def write_rows(folder: Path, url: str, sha256: str = "") -> Path:
    """config/datasets.tsv with the table, a checkpoint and a file of something else."""
    header = "name\tversion\turl\tsha256\tlicense\tuse\n"
    names = [f"published/{NAME}", "published/tb_logs/mlp/a.ckpt", "genes.parquet"]
    path = folder / "datasets.tsv"
    path.write_text(header + "".join(f"{name}\t1\t{url}\t{sha256}\t\t\n" for name in names))
    return path


@pytest.mark.parametrize("keep", [True, False])
def test_a_table_is_there_while_it_is_read(tmp_path: Path, url: str, keep: bool) -> None:
    datasets, path = write_rows(tmp_path, url), tmp_path / "published" / NAME
    for _ in range(2):
        with at_hand(path, datasets, keep):
            assert path.read_bytes() == CONTENT
        assert path.is_file() == keep
    # the second time it had to be the same
    (tmp_path / "server" / "table.parquet").write_bytes(b"another")
    if not keep:
        with pytest.raises(ValueError, match="SHA-256 is"), at_hand(path, datasets, keep):
            pass
    else:
        path.write_bytes(b"damaged")
        with pytest.raises(ValueError, match="changed or damaged"), at_hand(path, datasets, keep):
            pass


def test_a_table_stays_where_its_reading_fails(tmp_path: Path, url: str) -> None:
    datasets, path = write_rows(tmp_path, url), tmp_path / "published" / NAME
    with pytest.raises(ValueError, match="no class"), at_hand(path, datasets, keep=False):
        raise ValueError("no class")
    assert path.is_file()
    with at_hand(path, datasets, keep=False):
        pass
    assert not path.exists()


def test_a_users_own_file_is_never_deleted(tmp_path: Path, url: str) -> None:
    datasets = write_rows(tmp_path, url, hashlib.sha256(CONTENT).hexdigest())
    listed, other = tmp_path / "published" / NAME, tmp_path / "other.parquet"
    for path in (listed, other):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONTENT)
        with at_hand(path, datasets, keep=False):
            pass
        assert path.is_file()


def test_the_size_is_asked_for_without_the_file(tmp_path: Path, url: str) -> None:
    datasets, path = write_rows(tmp_path, url), tmp_path / "published" / NAME
    assert listed_bytes(datasets, path) == len(CONTENT)
    (tmp_path / "server" / "table.parquet").unlink()
    assert listed_bytes(datasets, path) is None


def test_rows_of_the_record(tmp_path: Path) -> None:
    datasets = write_rows(tmp_path, "http://nowhere")
    assert record_rows(datasets) == [NAME, "tb_logs/mlp/a.ckpt"]
    assert tables_in_turn(datasets) == [NAME]
    # an archive has them
    with datasets.open("a") as file:
        file.write("published/record.tar.gz\t1\thttp://nowhere\t\t\t\n")
    assert tables_in_turn(datasets) == []
