# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""A Flask application of ``examples``, run as its README says, and what reaches a collector from it."""

from __future__ import annotations

import re
import shlex
import subprocess
import time
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import pytest

from opentelemetry.instrumentation.openai_cost.demo.server import DemoServer
from support.processes import ROOT, TIMEOUT, environment, fetch_when_up, free_port
from support.server import Server, bytes_answer

needs_flask = pytest.mark.skipif(
    not (find_spec("flask") and find_spec("opentelemetry.exporter.otlp.proto.http")),
    reason="Flask and the OTLP exporter are not installed",
)


@dataclass(frozen=True)
class Sent:
    """What an application sent to the collector."""

    spans: list[Any]
    metrics: dict[str, list[Any]]
    """Data points by the metric's name, as of the last report."""
    authorizations: set[str]


def visit(example: str, demo: DemoServer, collector: Server, calls: int) -> Sent:
    """Runs an example against the embedded server, opens its page that often, and waits for its telemetry."""
    lines = (ROOT / "examples" / example / "README.md").read_text(encoding="utf-8").splitlines()
    settings = dict(
        pair.split("=", 1)
        for line in lines
        if line.startswith("export ")
        for pair in shlex.split(line.removeprefix("export "))
    )
    settings["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
    settings |= {
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_METRIC_EXPORT_INTERVAL": "300",
        "OPENAI_API_BASE": demo.base_url,
    }
    (command,) = (line for line in lines if line.startswith("opentelemetry-instrument "))
    command = re.sub(r"--port \d+", f"--port {(port := free_port())}", command)
    for signal in ("traces", "metrics"):
        collector.route("POST", f"/v1/{signal}", bytes_answer(b"", content_type="application/x-protobuf"))
    with subprocess.Popen(shlex.split(command), env=environment(demo.base_url, **settings), cwd=ROOT) as process:
        try:
            for _ in range(calls):
                assert fetch_when_up(f"http://127.0.0.1:{port}/completion").strip()
            return _wait(collector, calls)
        finally:
            process.terminate()
            process.wait(TIMEOUT)


def attributes(of: Any) -> dict[str, Any]:
    """Attributes of an OTLP span or data point as plain values; lists are left out."""
    return {each.key: getattr(each.value, str(each.value.WhichOneof("value"))) for each in of.attributes}


def _wait(collector: Server, calls: int) -> Sent:
    deadline = time.monotonic() + TIMEOUT
    while True:
        sent = _decode(collector)
        costs = sent.metrics.get("gen_ai.client.operation.cost", [])
        if len(sent.spans) >= 2 * calls and sum(point.count for point in costs) >= calls:
            return sent
        assert time.monotonic() < deadline, f"only this reached the collector: {sent}"
        time.sleep(0.1)


def _decode(collector: Server) -> Sent:
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    spans: list[Any] = []
    metrics: dict[str, list[Any]] = {}
    requests = list(collector.requests)
    for request in requests:
        if request.path == "/v1/traces":
            traces = ExportTraceServiceRequest.FromString(request.body)
            spans += [span for of in traces.resource_spans for scope in of.scope_spans for span in scope.spans]
        elif request.path == "/v1/metrics":
            report = ExportMetricsServiceRequest.FromString(request.body)
            for of in report.resource_metrics:
                for scope in of.scope_metrics:
                    metrics |= {one.name: list(one.histogram.data_points) for one in scope.metrics}
    return Sent(spans, metrics, {request.headers["authorization"] for request in requests})
