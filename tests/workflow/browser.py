"""A headless Chromium, spoken to in the W3C WebDriver protocol through its own driver."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
# without these Chromium asks for updates and the like at every start
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--allow-file-access-from-files",
]


class Browser:
    """One session of the browser."""

    def __init__(self, port: int, profile: Path) -> None:
        self.address = f"http://127.0.0.1:{port}"
        options = {"binary": CHROMIUM, "args": [*FLAGS, f"--user-data-dir={profile}"]}
        capabilities = {"goog:chromeOptions": options}
        capabilities["goog:loggingPrefs"] = {"performance": "ALL", "browser": "ALL"}
        answer = self._post("/session", {"capabilities": {"alwaysMatch": capabilities}})
        self.address += f"/session/{answer['sessionId']}"

    def open(self, path: Path) -> None:
        """Open a local file and wait until it is loaded."""
        self._post("/url", {"url": path.resolve().as_uri()})

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what JavaScript returns, with `arguments[0]`, ... in its body."""
        return self._post("/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, script: str, seconds: float = 20) -> Any:
        """Return the first true value of a script."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := self.run(script):
                return value
            time.sleep(0.1)
        raise TimeoutError(f"not true after {seconds} s: {script}")

    def type(self, selector: str, text: str) -> None:
        """Type into an element, as a user does."""
        query = {"using": "css selector", "value": selector}
        element = next(iter(self._post("/element", query).values()))
        self._post(f"/element/{element}/value", {"text": text})

    def point_at(self, x: float, y: float) -> None:
        """Move the mouse to a place of the window."""
        steps = [
            {"type": "pointerMove", "duration": 50, "x": int(x) + aside, "y": int(y)}
            for aside in (5, 0)
        ]
        mouse = {"type": "pointer", "id": "mouse", "actions": steps}
        self._post("/actions", {"actions": [mouse]})

    def resize(self, width: int, height: int) -> None:
        """Give the page this size in CSS pixels, also below the smallest window."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        command = {"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics}
        self._post("/goog/cdp/execute", command)

    def screenshot(self, path: Path) -> None:
        """Write what is seen now as PNG."""
        path.write_bytes(base64.b64decode(self._request("/screenshot", None)))

    def requests(self) -> list[str]:
        """Return the addresses that the browser asked for since the last call."""
        entries = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        sent = [entry for entry in entries if entry["method"] == "Network.requestWillBeSent"]
        return [entry["params"]["request"]["url"] for entry in sent]

    def errors(self) -> list[str]:
        """Return the severe messages of the console since the last call."""
        return [e["message"] for e in self._log("browser") if e["level"] == "SEVERE"]

    def close(self) -> None:
        """End the session, and with it Chromium."""
        self._request("", None, "DELETE")

    def _log(self, kind: str) -> list[dict[str, Any]]:
        return self._post("/se/log", {"type": kind})

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return self._request(path, body)

    def _request(self, path: str, body: dict[str, Any] | None, method: str | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.address + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """Start Chromium with an empty profile in `folder`, and end it with its driver."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    driver = subprocess.Popen([DRIVER, f"--port={port}"], stdout=subprocess.DEVNULL)
    try:
        _wait_for(port)
        browser = Browser(port, folder / "profile")
        try:
            yield browser
        finally:
            browser.close()
    finally:
        driver.terminate()
        driver.wait()


def _wait_for(port: int) -> None:
    for _ in range(100):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/status", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise TimeoutError("chromedriver did not start within 10 s")
