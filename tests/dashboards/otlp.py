# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Receivers of OTLP on the loopback interface, over gRPC and over HTTP: they decode what comes, and keep it."""

import gzip
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_service
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_service
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

_ROUTES = {
    "/v1/traces": trace_service.ExportTraceServiceRequest,
    "/v1/metrics": metrics_service.ExportMetricsServiceRequest,
}


@dataclass
class Received:
    """What arrived: the messages, and what each of them showed as its authorization."""

    url: str = ""
    messages: list[Any] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)

    def keep(self, message: Any, authorization: str | None) -> None:
        """A message has arrived."""
        self.messages.append(message)
        self.authorizations.append(authorization)

    @property
    def spans(self) -> list[Span]:
        """All spans."""
        return [span for message in self.messages for resource in getattr(message, "resource_spans", [])
                for scope in resource.scope_spans for span in scope.spans]  # fmt: skip

    @property
    def services(self) -> set[str]:
        """The names of the services that sent something."""
        return {
            attributes(resource.resource.attributes)["service.name"]
            for message in self.messages
            for resource in [*getattr(message, "resource_spans", []), *getattr(message, "resource_metrics", [])]
        }

    @property
    def metrics(self) -> dict[str, Metric]:
        """The metrics of the last export, by name."""
        [*_, last] = [message for message in self.messages if hasattr(message, "resource_metrics")]
        return {
            metric.name: metric
            for resource in last.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


def attributes(pairs: Any) -> dict[str, Any]:
    """Attributes as Python values."""
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind or "string_value")


@contextmanager
def grpc_receiver() -> Iterator[Received]:
    """Receives over gRPC."""
    received = Received()

    def keep(request: Any, context: grpc.ServicerContext) -> None:
        received.keep(request, dict(context.invocation_metadata()).get("authorization"))

    class Traces(TraceServiceServicer):
        def Export(self, request: Any, context: grpc.ServicerContext) -> Any:
            keep(request, context)
            return trace_service.ExportTraceServiceResponse()

    class Metrics(MetricsServiceServicer):
        def Export(self, request: Any, context: grpc.ServicerContext) -> Any:
            keep(request, context)
            return metrics_service.ExportMetricsServiceResponse()

    server = grpc.server(ThreadPoolExecutor(2))
    add_TraceServiceServicer_to_server(Traces(), server)
    add_MetricsServiceServicer_to_server(Metrics(), server)
    received.url = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield received
    finally:
        server.stop(grace=None).wait()


@contextmanager
def http_receiver() -> Iterator[Received]:
    """Receives protobuf over HTTP."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            assert self.headers["content-type"] == "application/x-protobuf"
            received.keep(_ROUTES[self.path].FromString(body), self.headers.get("authorization"))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """The tests look at what was received."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


RECEIVERS = {"grpc": grpc_receiver, "http/protobuf": http_receiver}
"""By the name that ``OTEL_EXPORTER_OTLP_PROTOCOL`` has for the protocol."""
