# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Real OpenTelemetry providers that keep what was recorded, and short ways to read it."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    HistogramDataPoint,
    InMemoryMetricReader,
    Metric,
    NumberDataPoint,
)
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler

Point = HistogramDataPoint | NumberDataPoint


@dataclass(frozen=True)
class Instrument:
    """How an instrument describes itself."""

    name: str
    unit: str
    description: str
    kind: str
    """``Histogram``, ``Sum`` or ``Gauge``: the kind of its data."""
    boundaries: tuple[float, ...] | None
    """Upper bounds of a histogram's buckets."""


class _Open(SpanProcessor):
    """Keeps the spans that have started and not ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.spans: dict[int, ReadableSpan] = {}

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        with self._lock:
            self.spans[id(span)] = span

    def on_end(self, span: ReadableSpan) -> None:
        with self._lock:
            for key, started in list(self.spans.items()):
                if started.get_span_context() == span.get_span_context():
                    del self.spans[key]


class Telemetry:
    """One tracer provider and one meter provider with everything they recorded."""

    def __init__(self, sampler: Sampler = ALWAYS_ON) -> None:
        self._exporter = InMemorySpanExporter()
        self._open = _Open()
        self._reader = InMemoryMetricReader()
        self.tracer_provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(self._open)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meter_provider = MeterProvider([self._reader], shutdown_on_exit=False)

    def close(self) -> None:
        """Shut the providers down."""
        self.tracer_provider.shutdown()
        self.meter_provider.shutdown()

    def spans(self) -> tuple[ReadableSpan, ...]:
        """The spans that have ended, in the order in which they did."""
        return self._exporter.get_finished_spans()

    def open_spans(self) -> list[ReadableSpan]:
        """The spans that have started and not ended."""
        return list(self._open.spans.values())

    def span(self) -> ReadableSpan:
        """The only span; it has ended."""
        assert not self.open_spans(), f"not ended: {[span.name for span in self.open_spans()]}"
        spans = self.spans()
        assert len(spans) == 1, f"expected one span, got {[span.name for span in spans]}"
        return spans[0]

    def attributes(self) -> dict[str, Any]:
        """The attributes of the only span."""
        return dict(self.span().attributes or {})

    def _metrics(self) -> list[Metric]:
        data = self._reader.get_metrics_data()
        if data is None:
            return []
        return [
            metric for resource in data.resource_metrics for scope in resource.scope_metrics for metric in scope.metrics
        ]

    def metric_names(self) -> set[str]:
        """The names of all metrics that have a data point."""
        return {metric.name for metric in self._metrics() if list(metric.data.data_points)}

    def points(self, name: str) -> list[tuple[dict[str, Any], Any]]:
        """The data points of a metric: attributes, and the SDK's point (``sum``, ``count`` or ``value``)."""
        return [
            (dict(point.attributes or {}), point)
            for metric in self._metrics()
            if metric.name == name
            for point in metric.data.data_points
        ]

    def all_points(self) -> list[tuple[dict[str, Any], Any]]:
        """The data points of all metrics."""
        return [
            (dict(point.attributes or {}), point) for metric in self._metrics() for point in metric.data.data_points
        ]

    def point(self, name: str, **having: Any) -> tuple[dict[str, Any], Any]:
        """The only data point of a metric whose attributes include those given (``**{"a.b": "c"}``)."""
        found = [
            (attributes, point)
            for attributes, point in self.points(name)
            if all(attributes.get(key) == value for key, value in having.items())
        ]
        assert len(found) == 1, f"expected one point of {name}, got {[attributes for attributes, _ in found]}"
        return found[0]

    def metric(self, name: str) -> Instrument:
        """How the only instrument of that name describes itself."""
        found = [metric for metric in self._metrics() if metric.name == name]
        assert len(found) == 1, f"expected one metric {name}, got {len(found)} among {self.metric_names()}"
        points = list(found[0].data.data_points)
        boundaries = points[0].explicit_bounds if isinstance(points[0], HistogramDataPoint) else None
        return Instrument(
            name=found[0].name,
            unit=found[0].unit or "",
            description=found[0].description or "",
            kind=type(found[0].data).__name__,
            boundaries=None if boundaries is None else tuple(boundaries),
        )

    def scopes(self) -> set[tuple[str, str | None, str | None]]:
        """Name, version and schema URL of every scope that recorded a span or a metric."""
        found = {span.instrumentation_scope for span in self.spans()}
        data = self._reader.get_metrics_data()
        if data is not None:
            found |= {scope.scope for resource in data.resource_metrics for scope in resource.scope_metrics}
        return {(scope.name, scope.version, scope.schema_url) for scope in found if scope is not None}


def instrumenting(instrumentor: Any, telemetry: Telemetry) -> Iterator[Callable[..., Any]]:
    """Gives ``start(**options)``, which instruments with the test's providers; undone afterwards whatever happens."""

    def start(**options: Any) -> Any:
        options.setdefault("tracer_provider", telemetry.tracer_provider)
        options.setdefault("meter_provider", telemetry.meter_provider)
        instrumentor.instrument(**options)
        return instrumentor

    yield start
    if instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.uninstrument()
