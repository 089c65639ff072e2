# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""A headless Chromium, driven through its DevTools protocol."""

import base64
import json
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

from websockets.sync.client import connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE = 90.0
"""Seconds until a page must show what is waited for."""

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
    # No name is looked up: whatever is not on loopback is not there.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


class Browser:
    """One page of a browser, while the context is entered.

    Args:
        directory: where it keeps its profile.
        width: of its window, in pixels.
        height: of its window, in pixels.
    """

    def __init__(self, directory: Path, width: int = 1440, height: int = 1000) -> None:
        self._directory = directory
        self._command = [
            CHROMIUM or "chromium",
            *_FLAGS,
            f"--window-size={width},{height}",
            f"--user-data-dir={directory}",
            "about:blank",
        ]
        self._calls = 0

    def __enter__(self) -> "Browser":
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        active = self._directory / "DevToolsActivePort"
        deadline = time.monotonic() + PATIENCE
        while not (active.exists() and active.read_text()):
            assert time.monotonic() < deadline, "the browser did not come up"
            time.sleep(0.2)
        port = active.read_text().split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as response:
            (page,) = [each for each in json.load(response) if each["type"] == "page"]
        self._socket = connect(page["webSocketDebuggerUrl"], max_size=None, proxy=None)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait(PATIENCE)

    def open(self, url: str) -> None:
        """Goes to a page."""
        self._call("Page.navigate", url=url)

    def wait_for(self, text: str) -> None:
        """Returns when the page shows the text."""
        self._wait(f"document.body.innerText.includes({json.dumps(text)})", text)

    def click(self, label: str) -> None:
        """Clicks on the tab of that name."""
        tab = f"[...document.querySelectorAll('[role=tab]')].find(e => e.innerText.trim() === {json.dumps(label)})"
        self._wait(f"!!{tab}", label)
        where = self._evaluate(f"(() => {{ const r = {tab}.getBoundingClientRect(); return [r.x + 9, r.y + 9] }})()")
        for kind in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, x=where[0], y=where[1], button="left", clickCount=1)

    def screenshot(self) -> bytes:
        """What the window shows, as PNG."""
        return base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"])

    def _wait(self, condition: str, what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self._evaluate(condition):
            assert time.monotonic() < deadline, f"the page does not show {what!r}"
            time.sleep(0.3)

    def _evaluate(self, expression: str) -> Any:
        return self._call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def _call(self, method: str, **parameters: Any) -> Any:
        self._calls += 1
        self._socket.send(json.dumps({"id": self._calls, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(PATIENCE))
            if message.get("id") == self._calls:
                assert "result" in message, message
                return message["result"]
