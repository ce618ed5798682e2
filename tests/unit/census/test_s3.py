"""Releases in buckets: other regions, credentials, proxies, faults; what fails is said at once."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cellxgene_census
import numpy as np
import pandas as pd
import pytest
from h5ad_example import make_file, write_file

pytest.importorskip("moto.server", reason="moto is not there (make env)")

from s3_server import KEY, Proxy, Server, running, s3_server, upload

from hce.census.access import PUBLIC_BUCKET
from hce.census.check import check_release, retraction
from hce.census.h5ad import read_release
from hce.census.reading import open_release, read_genes, read_obs
from hce.census.writing import write_store
from hce.ingest.counts import read_counts

URI = "s3://mirror/release/soma/"
N_CELLS = 200


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a release."""
    folder = tmp_path_factory.mktemp("store")
    tables = read_release([write_file(make_file(1), folder / "a.h5ad")])
    write_store(folder / "soma", tables, "2023-12-15")
    with s3_server() as server:
        upload(server, folder / "soma", "mirror", "release/soma")
        yield server


@pytest.fixture
def server(made: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server without faults; no credentials but those of the test."""
    made.reset()
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    return made


def at(server: Server, **more: object) -> dict[str, object]:
    """Section census.s3 for this server."""
    return {"endpoint": f"http://127.0.0.1:{server.port}", **more}


def through(proxy: Proxy, **more: object) -> dict[str, object]:
    """Section census.s3 for Amazon's hosts behind a proxy."""
    # the certificate is made up
    own = {"vfs.s3.verify_ssl": False, "vfs.s3.use_virtual_addressing": False}
    return {"proxy_host": "127.0.0.1", "proxy_port": proxy.server_address[1], **own, **more}


def read_everything(s3: dict[str, object]) -> tuple[int, int]:
    """Cells that pass the filter, and all counts, read as the jobs do."""
    with open_release(URI, s3=s3) as release:
        obs = read_obs(release, ["10x 3' v3"])
        genes = np.arange(len(read_genes(release)), dtype=np.int32)
        blocks = read_counts(release, np.arange(N_CELLS), genes, 20)
        total = sum(int(rows.counts.wide().sum()) for _, rows in blocks)
    return obs.num_rows, total


@pytest.fixture(scope="module")
def expected() -> tuple[int, int]:
    """What the store holds."""
    return N_CELLS, int(make_file(1).X.sum())


def refusal(uri: str, s3: dict[str, object], seconds: float = 20.0) -> str:
    """What the check says, in one sentence and in time."""
    begun = time.monotonic()
    with pytest.raises(ValueError) as caught:
        check_release(uri, s3=s3, seconds=seconds)
    assert time.monotonic() - begun < seconds + 1
    said = str(caught.value)
    assert said.startswith(uri)
    assert ". " not in said
    return said


def test_a_server_of_ones_own_is_read(server: Server, expected: tuple[int, int]) -> None:
    assert read_everything(at(server)) == expected
    assert check_release(URI, s3=at(server))["census_schema_version"] == "1.2.0"


def test_a_bucket_in_another_region_behind_a_proxy(
    server: Server, expected: tuple[int, int]
) -> None:
    server.region = "eu-central-1"
    with Proxy(server.tls_port) as proxy, running(proxy):
        said = refusal(URI, through(proxy))
        assert "not in region us-west-2; set census.s3.region to eu-central-1" in said
        assert read_everything(through(proxy, region="eu-central-1")) == expected
        assert proxy.hosts == {
            f"s3.{name}.amazonaws.com:443" for name in ("us-west-2", "eu-central-1")
        }


def test_a_bucket_that_needs_credentials(
    server: Server, expected: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.key = KEY
    said = refusal(URI, at(server))
    assert "refuses access without credentials" in said
    assert "set census.s3.anonymous to false" in said
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "never-to-be-seen")
    said = refusal(URI, at(server, anonymous=False))
    assert "refuses the credentials of the environment (InvalidAccessKeyId)" in said
    assert "never-to-be-seen" not in said
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    assert read_everything(at(server, anonymous=False)) == expected
    said = refusal(URI, at(server, anonymous=False, region="eu-west-1"))
    assert "not in region eu-west-1; set census.s3.region to us-west-2" in said


@pytest.mark.parametrize("fault", ["drop", "slow"])
def test_every_tenth_request_may_fail(
    server: Server, expected: tuple[int, int], fault: str
) -> None:
    server.every, server.fault = 10, fault
    assert read_everything(at(server)) == expected
    assert server.requests > 30


def test_a_server_that_is_busy_for_ever_is_given_up(server: Server) -> None:
    server.every, server.fault = 1, "slow"
    assert "does not open within 2 s: the server is busy (503)" in refusal(URI, at(server), 2.0)
    server.reset()  # or its threads go on


def test_what_is_not_there_is_named(server: Server) -> None:
    said = refusal("s3://nowhere/soma/", at(server))
    assert "127.0.0.1" in said
    assert "has no bucket nowhere; check census.*.uri" in said
    assert "no store is there; check census.*.uri" in refusal("s3://mirror/other/", at(server))
    upload(server, Path("/nonexistent"), PUBLIC_BUCKET, "")
    said = refusal(f"s3://{PUBLIC_BUCKET}/cell-census/2023-05-15/soma/", at(server))
    assert "does not have this release, or no longer" in said
    assert "aws s3 sync --no-sign-request" in said


def free_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_nobody_answers(server: Server) -> None:
    port = free_port()
    dead = {"proxy_host": "127.0.0.1", "proxy_port": port}
    said = refusal(URI, at(server, **dead))
    assert f"cannot be reached through proxy 127.0.0.1:{port} (Could not connect" in said
    assert "check census.s3.proxy_host and proxy_port" in said
    said = refusal(URI, {"endpoint": f"http://127.0.0.1:{port}"})
    assert "check the network and census.s3.endpoint" in said
    assert "https_proxy is not looked at" in said


def test_a_proxy_that_takes_connections_and_says_nothing(server: Server) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        mute = {"proxy_host": "127.0.0.1", "proxy_port": silent.getsockname()[1]}
        quick = {"vfs.s3.request_timeout_ms": 1000, "vfs.s3.connect_timeout_ms": 1000}
        assert "proxy 127.0.0.1" in refusal(URI, at(server, **mute, **quick))


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({}, None),
        ({"lts": True, "retracted": False}, None),
        ({"retracted": True}, r"this release was retracted \(wrong counts\)"),
    ],
)
def test_a_release_that_its_makers_withdrew(
    monkeypatch: pytest.MonkeyPatch, flags: dict[str, bool], said: str | None
) -> None:
    entry = {"flags": flags, "retraction": {"reason": "wrong counts", "date": "2030-01-01"}}
    asked: Callable[..., object] = lambda retracted: {"2023-05-15": entry}  # noqa: E731
    monkeypatch.setattr(cellxgene_census, "get_census_version_directory", asked)
    uri = f"s3://{PUBLIC_BUCKET}/cell-census/2023-05-15/soma/"
    found = retraction(uri)
    assert (found is None) == (said is None)
    assert found is None or pd.Series([found]).str.contains(said).all()
    assert "no longer" in str(retraction(uri.replace("05", "06")))
    assert retraction("s3://mirror/cell-census/2023-05-15/soma/") is None
    assert retraction("folder/cell-census/2023-05-15") is None
