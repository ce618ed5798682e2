"""An S3 server on this machine, moto's, with the faults of real ones before it, and a proxy."""

from __future__ import annotations

import logging
import re
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

KEY = "AKIAEXAMPLE"


class Server:
    """A WSGI application that answers as moto does, or with a fault.

    Attributes
    ----------
    region
        Of the buckets: requests for another one are sent away, signed ones by their signature,
        others by the name of Amazon's host.
    key
        What a request must be signed with; None takes all.
    every
        Which requests fail: every tenth, every one, none (0).
    fault
        drop closes the connection, slow says SlowDown.
    requests
        How many came.
    """

    def __init__(self) -> None:
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.port = self.tls_port = 0
        self.reset()

    def reset(self) -> None:
        self.region, self.key = "us-west-2", None
        self.every, self.fault, self.requests = 0, "drop", 0

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        self.requests += 1
        signed = re.search(r"Credential=(\w+)/\d+/([\w-]+)/", environ.get("HTTP_AUTHORIZATION", ""))
        host = re.match(r"s3\.([\w-]+)\.amazonaws", environ.get("HTTP_HOST", ""))
        answer = None
        if self.every and self.requests % self.every == 0:
            if self.fault == "drop":
                environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
                raise ConnectionResetError
            answer = error("SlowDown", 503)
        elif self.key and not signed:
            answer = error("AccessDenied", 403)
        elif self.key and signed and signed[1] != self.key:
            answer = error("InvalidAccessKeyId", 403)
        elif signed and signed[2] != self.region:
            answer = error("AuthorizationHeaderMalformed", 400, self.region)
        elif host and host[1] != self.region:
            answer = error("PermanentRedirect", 301, self.region)
        return (answer or self.moto)(environ, start)


def error(code: str, status: int, region: str | None = None) -> Response:
    """What S3 answers."""
    text = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code></Error>"
    headers = {"x-amz-bucket-region": region} if region else {}
    return Response(text, status, headers, content_type="application/xml")


class Quiet(WSGIRequestHandler):
    """Says nothing of each request."""

    def log(self, *_: Any) -> None:
        pass


class Proxy(ThreadingTCPServer):
    """A proxy as clusters have: a tunnel to a host that a client names (CONNECT).

    Attributes
    ----------
    to
        Port of this machine that stands for every host.
    hosts
        What was asked for.
    """

    daemon_threads = True

    def __init__(self, to: int) -> None:
        super().__init__(("127.0.0.1", 0), Tunnel)
        self.to, self.hosts = to, set[str]()


class Tunnel(StreamRequestHandler):
    """One connection through it."""

    server: Proxy

    def handle(self) -> None:
        method, host, _ = self.rfile.readline().decode().split()
        while self.rfile.readline().strip():
            pass
        assert method == "CONNECT"
        self.server.hosts.add(host)
        with socket.create_connection(("127.0.0.1", self.server.to)) as there:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=pump, args=(there, self.request), daemon=True)
            back.start()
            pump(self.request, there)
            back.join()


def pump(source: socket.socket, to: socket.socket) -> None:
    """Pass bytes on until one side has no more."""
    with suppress(OSError):
        while content := source.recv(2**16):
            to.sendall(content)
        to.shutdown(socket.SHUT_WR)


@contextmanager
def running(server: Any) -> Iterator[None]:
    """Serve in a thread."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield
    server.shutdown()


@contextmanager
def s3_server() -> Iterator[Server]:
    """The server, plain at server.port and with TLS at server.tls_port."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = Server()
    options = {"threaded": True, "request_handler": Quiet}
    plain = make_server("127.0.0.1", 0, application, **options)
    secure = make_server("127.0.0.1", 0, application, ssl_context="adhoc", **options)
    application.port, application.tls_port = plain.server_port, secure.server_port
    with running(plain), running(secure):
        yield application


def upload(server: Server, folder: Path, bucket: str, prefix: str) -> None:
    """Put the files of a folder into a public bucket."""
    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{server.port}",
        region_name=server.region,
        aws_access_key_id=KEY,
        aws_secret_access_key="x",
    )
    there = {"LocationConstraint": server.region}
    if bucket not in [b["Name"] for b in client.list_buckets()["Buckets"]]:
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration=there)
    for path in folder.rglob("*"):
        if path.is_file():
            key = f"{prefix}/{path.relative_to(folder).as_posix()}"
            client.put_object(Bucket=bucket, Key=key, Body=path.read_bytes(), ACL="public-read")
