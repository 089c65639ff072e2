# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""A real Phoenix server in a process of its own, on loopback, and the few questions that the tests ask it."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

START = 180.0
"""Seconds until it must be up: it makes its database first."""
PATIENCE = 60.0
"""Seconds until what was sent must be found."""

_SPANS = """
query ($filter: String) {
  projects(first: 50) { edges { node { id name spans(first: 100, filterCondition: $filter) { edges { node {
    id name trace { traceId } costSummary { total { cost } }
  } } } } } }
}
"""


class Phoenix:
    """The server, while the context is entered.

    Args:
        directory: where it keeps its database and its log.
    """

    def __init__(self, directory: Path) -> None:
        self.url = f"http://127.0.0.1:{(port := _free_port())}"
        self._log = directory / "phoenix.log"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PHOENIX_", "OTEL_"))},
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_PORT": str(port),
            "PHOENIX_GRPC_PORT": str(_free_port()),
            "PHOENIX_WORKING_DIR": str(directory),
            # Nothing leaves this machine.
            "PHOENIX_TELEMETRY_ENABLED": "false",
            "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
            "PHOENIX_DISABLE_AGENT_ASSISTANT": "true",
            "PHOENIX_ENABLE_MCP_SERVER": "false",
        }
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Phoenix":
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(Path(sys.executable).parent / "phoenix"), "serve"],
                env=self._environment,
                cwd=self._directory,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START
        while not self._is_up():
            assert self._process.poll() is None, self._log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, self._log.read_text(encoding="utf-8")
            time.sleep(0.5)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(PATIENCE)

    def spans(self, project: str, count: int) -> dict[str, dict[str, Any]]:
        """The attributes of a project's spans, by span id, as soon as there are that many."""
        deadline = time.monotonic() + PATIENCE
        while True:
            found: list[dict[str, Any]] = []
            try:
                found = self._get(f"/v1/projects/{project}/spans?limit=100")["data"]
            except urllib.error.HTTPError as error:
                if error.code != 404:  # the project is made with the first span
                    raise
            if len(found) >= count:
                return {span["context"]["span_id"]: span["attributes"] for span in found}
            assert time.monotonic() < deadline, f"{len(found)} of {count} spans were found"
            time.sleep(0.5)

    def listed(self, project: str, condition: str | None = None) -> list[dict[str, Any]]:
        """The project's spans as its page lists them, those that a filter lets through."""
        projects = self._post("/graphql", {"query": _SPANS, "variables": {"filter": condition}})["data"]["projects"]
        return [
            {**edge["node"], "project": each["node"]["id"]}
            for each in projects["edges"]
            if each["node"]["name"] == project
            for edge in each["node"]["spans"]["edges"]
        ]

    def _is_up(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5):
                return True
        except OSError:
            return False

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as response:
            return json.load(response)

    def _post(self, path: str, body: Any) -> Any:
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return json.load(response)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
