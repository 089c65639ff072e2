# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""A Prometheus server on the loopback interface, and its HTTP API."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboards.distribution import Tools

_PATIENCE = 60.0
"""Seconds."""


@dataclass(frozen=True)
class Sample:
    """One element of an instant vector."""

    labels: dict[str, str]
    value: float


class Prometheus:
    """A running server.

    Args:
        tools: its programs.
        directory: for its configuration, its log and its data.
        configuration: prometheus.yml; JSON is YAML.
        arguments: more of the command line.
    """

    def __init__(
        self, tools: Tools, directory: Path, configuration: dict[str, Any], arguments: Sequence[str] = ()
    ) -> None:
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.tools = tools
        self._log = directory / "prometheus.log"
        file = directory / "prometheus.yml"
        file.write_text(json.dumps(configuration), encoding="utf-8")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    str(tools.prometheus),
                    f"--config.file={file}",
                    f"--storage.tsdb.path={directory / 'data'}",
                    "--storage.tsdb.retention.time=30d",
                    f"--web.listen-address=127.0.0.1:{port}",
                    *arguments,
                ],
                stdout=log,
                stderr=log,
            )
        wait_until(self._ready, "Prometheus is ready", self.log)

    def close(self) -> None:
        """Stops it."""
        self._process.terminate()
        self._process.wait(timeout=_PATIENCE)

    def log(self) -> str:
        """The end of its log."""
        return self._log.read_text(encoding="utf-8")[-3000:]

    def query(self, expression: str, at: float | None = None) -> list[Sample]:
        """An instant vector; a scalar is a vector of one."""
        data = self.api("query", query=expression, time=repr(time.time() if at is None else at))
        if data["resultType"] == "scalar":
            return [Sample({}, float(data["result"][1]))]
        return [Sample(each["metric"], float(each["value"][1])) for each in data["result"]]

    def query_range(self, expression: str, start: float, end: float, step: int) -> list[dict[str, Any]]:
        """Series with their values."""
        return self.api("query_range", query=expression, start=repr(start), end=repr(end), step=str(step))["result"]

    def api(self, path: str, **parameters: str) -> Any:
        """What an endpoint of the API answers."""
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=_PATIENCE) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None

    def post(self, path: str, body: bytes, content_type: str) -> None:
        """Sends something to the server."""
        request = urllib.request.Request(f"{self.url}{path}", data=body, headers={"content-type": content_type})
        with urllib.request.urlopen(request, timeout=_PATIENCE):
            pass

    def _ready(self) -> bool:
        assert self._process.poll() is None, self.log()
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5):
                return True
        except OSError:
            return False


def wait_until(true: Callable[[], bool], what: str, log: Callable[[], str] = str) -> None:
    """Waits for something to become true, a minute at most."""
    end = time.monotonic() + _PATIENCE
    while not true():
        assert time.monotonic() < end, f"in vain: {what}\n{log()}"
        time.sleep(0.1)


def promtool(tools: Tools, *arguments: str, directory: Path | None = None) -> str:
    """Runs promtool; what it says.

    Raises:
        AssertionError: it says that something is wrong.
    """
    command = [str(tools.promtool), *arguments]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _free_port() -> int:
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        return int(candidate.getsockname()[1])
