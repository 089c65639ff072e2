# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Command lines as a document shows them, in processes of their own that talk to a server on loopback."""

import json
import os
import shlex
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from opentelemetry.instrumentation.openai_cost.demo.__main__ import embedded_environment
from support.clients import OPENAI_VERSION

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 60.0
"""Seconds after which a process is too slow."""

_INSTRUMENTORS = entry_points(group="opentelemetry_instrumentor")

needs_entry_point = pytest.mark.skipif(
    "openai_cost" not in _INSTRUMENTORS.names,
    reason="the distribution is not installed, so opentelemetry-instrument cannot find it",
)

needs_current_client = pytest.mark.skipif(
    OPENAI_VERSION < (1, 99), reason="what is shown to readers is written for the clients of today"
)


def environment(base_url: str, **changes: str) -> dict[str, str]:
    """The environment in which a process talks to the server at ``base_url``, and finds this interpreter's commands.

    Other instrumentations that happen to be installed are left out.
    """
    scripts = [str(Path(sys.executable).parent), sysconfig.get_path("scripts"), os.environ.get("PATH", "")]
    kept = embedded_environment(base_url, {**os.environ, "PATH": os.pathsep.join(scripts)})
    exporters = {name: value for name, value in kept.items() if not name.endswith("_EXPORTER")}
    others = sorted({entry.name for entry in _INSTRUMENTORS} - {"openai_cost"})
    return {
        **exporters,
        "PYTHONUNBUFFERED": "1",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": ",".join(others),
        **changes,
    }


def run(command: str, env: Mapping[str, str], directory: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Runs one line of a shell script; the process must succeed."""
    result = subprocess.run(
        shlex.split(command), env=dict(env), cwd=directory, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result


def console_spans(output: str) -> list[dict[str, Any]]:
    """The spans that OpenTelemetry's console exporter printed, between whatever else was."""
    decoder = json.JSONDecoder()
    spans: list[dict[str, Any]] = []
    position = output.find("{\n")
    while position >= 0:
        span, end = decoder.raw_decode(output, position)
        spans.append(span)
        position = output.find("{\n", end)
    return spans


def free_port() -> int:
    """A port of the loopback interface that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def fetch(url: str) -> str:
    """A page."""
    with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
        return response.read().decode()


def fetch_when_up(url: str) -> str:
    """A page of a server that is about to come up."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            return fetch(url)
        except urllib.error.HTTPError:
            raise
        except urllib.error.URLError:
            assert time.monotonic() < deadline, "the server did not come up"
            time.sleep(0.1)
