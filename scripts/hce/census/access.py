"""How a release is reached over the network, and what a failure means in one sentence.

TileDB has its own client for S3, which takes no proxy from `https_proxy` and knows only what it is
told. What it says of a failure holds a code of the server or of curl; the sentence comes from that.
"""

from __future__ import annotations

import json
import os
import re
from argparse import ArgumentParser
from collections.abc import Mapping

# On a disk small buffers are the fastest: decoded tiles stay in the processor's cache, and memory
# is used again instead of being asked for. 8 and 16 MiB against 16 and 64 MiB gave 1.15 times the
# cells a CPU second and an eighth of the page faults (`make bench-ingest`'s store).
LOCAL_SETTINGS = {
    "soma.init_buffer_bytes": 8 * 1024**2,
    "sm.mem.tile_upper_memory_limit": 16 * 1024**2,
}
# Over a network every read waits, so fewer and larger ones are faster: at 80 ms a request, 16 and
# 64 MiB gave 4,000 cells a second, 64 and 256 MiB 5,000 (against a local S3-like server).
REMOTE_SETTINGS = {
    "soma.init_buffer_bytes": 64 * 1024**2,
    "sm.mem.tile_upper_memory_limit": 256 * 1024**2,
    "vfs.s3.connect_max_tries": 10,
    "vfs.s3.connect_timeout_ms": 30_000,
    "vfs.s3.request_timeout_ms": 30_000,
}
# to say within a minute that nobody answers; reading for hours is more patient
HASTY_SETTINGS = {
    "vfs.s3.connect_max_tries": 2,
    "vfs.s3.connect_timeout_ms": 10_000,
    "vfs.s3.request_timeout_ms": 10_000,
}
# where the Census's own bucket is
REGION = "us-west-2"
PUBLIC_BUCKET = "cellxgene-census-public-us-west-2"

Settings = dict[str, str | int]


def add_argument(parser: ArgumentParser) -> None:
    """Give a script the option --s3, whose default the workflow sets in the environment."""
    parser.add_argument(
        "--s3",
        type=json.loads,
        default=os.environ.get("HCE_S3", "{}"),
        help="section census.s3 of the configuration, JSON (default: the variable HCE_S3)",
    )


def is_local(uri: str) -> bool:
    """Whether a store is a folder of this machine."""
    return "://" not in uri or uri.startswith("file:")


def settings(uri: str, s3: Mapping[str, object]) -> Settings:
    """Settings of TileDB for a store.

    Parameters
    ----------
    uri
        Folder or address of the store.
    s3
        Section `census.s3` of the configuration: region, anonymous, endpoint, proxy_host,
        proxy_port, and any setting of TileDB by its own name (vfs.*), which wins. What is not there
        has the value of the Census's own bucket.

    Returns
    -------
    dict
        For `tiledb_config`. Credentials are none of them: TileDB takes those of the environment.
    """
    if is_local(uri):
        return dict(LOCAL_SETTINGS)
    chosen: Settings = dict(REMOTE_SETTINGS)
    chosen["vfs.s3.region"] = str(s3.get("region") or REGION)
    chosen["vfs.s3.no_sign_request"] = "true" if s3.get("anonymous", True) else "false"
    if endpoint := s3.get("endpoint"):
        scheme, _, host = str(endpoint).rpartition("://")
        chosen["vfs.s3.scheme"] = scheme or "https"
        chosen["vfs.s3.endpoint_override"] = host.rstrip("/")
        # bucket.host is a name that few servers but Amazon's have
        chosen["vfs.s3.use_virtual_addressing"] = "false"
    for key in ("proxy_host", "proxy_port"):
        if s3.get(key):
            chosen[f"vfs.s3.{key}"] = str(s3[key])
    own = {key: value for key, value in s3.items() if key.startswith("vfs.")}
    return chosen | {key: _text(value) for key, value in own.items()}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def reason(uri: str, error: Exception, s3: Mapping[str, object]) -> str:
    """What a failure of TileDB means, and which key of the configuration is to be changed."""
    said = str(error)
    code = _first(r"\[Exception: (\w+)\]", said)
    status = _first(r"\[HTTP Response Code: (\d+)\]", said)
    curl = _first(r"curlCode: (\d+)", said)
    if is_local(uri):
        return (
            f"cannot be opened as a Census release ({said}); check census.*.uri in the "
            "configuration"
        )
    bucket = uri.split("://")[1].split("/")[0]
    if code == "NoSuchBucket":
        where = s3.get("endpoint") or "Amazon's S3"
        return f"{where} has no bucket {bucket}; check census.*.uri, or set census.s3.endpoint"
    # Amazon's answers to a request at the wrong place
    if status == "301" or code in ("PermanentRedirect", "AuthorizationHeaderMalformed"):
        region = _first(r"'x-amz-bucket-region' = '([\w-]+)'", said)
        given = s3.get("region") or REGION
        return (
            f"bucket {bucket} is not in region {given}; set census.s3.region to "
            f"{region or 'that of the bucket'}"
        )
    if status == "407" or "response 407" in said:
        return (
            "the proxy asks for a name and a password; give them in the environment "
            "(TILEDB_VFS_S3_PROXY_USERNAME, TILEDB_VFS_S3_PROXY_PASSWORD), not in census.s3"
        )
    if status in ("401", "403") or code in ("ExpiredToken", "InvalidToken"):
        named = code or status
        if s3.get("anonymous", True):
            return (
                f"the server refuses access without credentials ({named}); check census.*.uri, or "
                "set census.s3.anonymous to false and give credentials in the environment "
                "(AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)"
            )
        return (
            f"the server refuses the credentials of the environment ({named}); check AWS_PROFILE, "
            "or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or set census.s3.anonymous to true "
            "for a public bucket"
        )
    if curl:
        what = _first(r"curlCode: \d+, ([^;]+)", said)
        if s3.get("proxy_host"):
            proxy = f"{s3['proxy_host']}:{s3.get('proxy_port') or 'no port'}"
            return (
                f"cannot be reached through proxy {proxy} ({what}); check census.s3.proxy_host and "
                "proxy_port, or take them out"
            )
        return (
            f"{s3.get('endpoint') or 'the bucket'} cannot be reached ({what}); check the network "
            "and census.s3.endpoint, or, behind a proxy, set census.s3.proxy_host and proxy_port "
            "(https_proxy is not looked at)"
        )
    if status == "404" or "does not exist" in said:
        return gone(uri, bucket)
    return f"cannot be read ({said})"


def gone(uri: str, bucket: str) -> str:
    """What to do about a release that is not there."""
    if bucket != PUBLIC_BUCKET:
        return "no store is there; check census.*.uri"
    return (
        "the Census's bucket does not have this release, or no longer; check census.*.uri, or read "
        "a local copy (made with `aws s3 sync --no-sign-request`) or the authors' store "
        "(docs/versions.md)"
    )


def _first(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text)
    return found[1] if found else None
