# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""A process of its own, and what its instrumentations wrote to the console."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import support
from support.server import Server

TESTS = Path(support.__file__).parent.parent


@dataclass(frozen=True)
class Printed:
    """What the console exporters of a process wrote."""

    spans: list[dict[str, Any]]
    metrics: dict[str, list[dict[str, Any]]]
    """Data points by name of the metric, from all scopes together."""

    def with_attribute(self, name: str) -> list[dict[str, Any]]:
        """The spans that have this attribute."""
        return [span for span in self.spans if name in span["attributes"]]

    def count(self, metric: str, **having: Any) -> int:
        """How many records a histogram has whose attributes include those given."""
        return sum(
            point["count"]
            for point in self.metrics.get(metric, [])
            if all(point["attributes"].get(key) == value for key, value in having.items())
        )


def launcher() -> Sequence[str]:
    """The command that starts Python with every instrumentation that is installed."""
    found = shutil.which("opentelemetry-instrument", path=sysconfig.get_path("scripts"))
    if found is None:
        pytest.skip("opentelemetry-instrument is not installed beside this Python")
    return (found, sys.executable)


def finished(
    code: str, server: Server, *, command: Sequence[str] = (sys.executable,), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run code with the test's server as ``SERVER``; the process must succeed."""
    ended = ended_somehow(code, server, command=command, **environment)
    assert ended.returncode == 0, ended.stderr
    return ended


def ended_somehow(
    code: str, server: Server, *, command: Sequence[str] = (sys.executable,), **environment: str
) -> subprocess.CompletedProcess[str]:
    """The same, whether or not the process succeeds."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    paths = [str(TESTS), *(path for path in sys.path if path.endswith("src")), os.environ.get("PYTHONPATH", "")]
    settings = {"SERVER": server.url, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    return subprocess.run(
        [*command, "-c", textwrap.dedent(code)],
        env={**clean, **settings, **environment},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def run(code: str, server: Server, *, command: Sequence[str] = (sys.executable,), **environment: str) -> Printed:
    """Run code with the test's server as ``SERVER`` and the console as exporter."""
    exporters = {
        "OTEL_TRACES_EXPORTER": "console",
        "OTEL_METRICS_EXPORTER": "console",
        "OTEL_LOGS_EXPORTER": "none",
    }
    return _read(finished(code, server, command=command, **exporters, **environment).stdout)


def _read(text: str) -> Printed:
    spans: list[dict[str, Any]] = []
    metrics: dict[str, list[dict[str, Any]]] = {}
    for document in _documents(text):
        if "resource_metrics" not in document:
            spans.append(document)
            continue
        for resource in document["resource_metrics"]:
            for scope in resource["scope_metrics"]:
                for metric in scope["metrics"]:
                    metrics.setdefault(metric["name"], []).extend(metric["data"]["data_points"])
    return Printed(spans, metrics)


def _documents(text: str) -> Iterator[dict[str, Any]]:
    decoder, position = json.JSONDecoder(), 0
    while (start := text.find("{", position)) >= 0:
        document, position = decoder.raw_decode(text, start)
        yield document
