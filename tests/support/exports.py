# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Telemetry as real exporters write it: spans and metrics of ours, made with the SDK and sent through its console exporters."""

import io
from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    ConsoleMetricExporter,
    MetricExporter,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor, SpanExporter

PRICED = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-a",
    "gen_ai.response.model": "gpt-a-2026-08-21",
    "gen_ai.usage.input_tokens": 3000,
    "gen_ai.usage.output_tokens": 500,
    "gen_ai.usage.cache_read.input_tokens": 1024,
    "gen_ai.usage.reasoning.output_tokens": 200,
    "gen_ai.usage.cost.amount": 0.0183136,
    "gen_ai.usage.cost.currency": "USD",
    "gen_ai.usage.cost.source": "local",
    "openai_cost.status": "priced",
    "openai_cost.input": 0.0083136,
    "openai_cost.cache_read": 0.0004096,
    "openai_cost.output": 0.01,
    "openai_cost.reasoning": 0.004,
    "openai_cost.pricing.tier": "standard",
    "openai_cost.pricing.source": "bundled",
    "openai_cost.pricing.version": "2026-11-22",
    "tenant.id": "acme",
}
UNPRICED = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "velo-1",
    "openai_cost.status": "unpriced",
    "openai_cost.unpriced.reason": "unknown_model",
}
FAILED = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-b",
    "error.type": "openai.RateLimitError",
    "openai_cost.status": "unpriced",
    "openai_cost.unpriced.reason": "error",
}
NO_CALL = {"http.request.method": "POST", "url.path": "/help"}

RESOURCE = Resource({"service.name": "help-desk", "service.version": "1.2"})


def export_spans(exporter: SpanExporter, spans: Iterable[Mapping[str, Any]], end: int | None = None) -> None:
    """Makes spans with these attributes and sends them through the exporter, one by one.

    Args:
        exporter: of the SDK.
        spans: attributes of each.
        end: nanoseconds since the epoch at which they end.
    """
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    for attributes in spans:
        span = tracer.start_span("chat gpt-a", attributes=dict(attributes), start_time=end)
        span.end(end)
    provider.shutdown()


def export_metrics(exporter: MetricExporter, exports: int = 2) -> None:
    """Counts one priced call of 0.5 and 0.25 before each export, and one without a price before the first."""
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=float("inf"))
    provider = MeterProvider([reader], resource=RESOURCE, shutdown_on_exit=False)
    meter = provider.get_meter("test")
    cost = meter.create_histogram("gen_ai.client.operation.cost", "{cost}")
    parts = meter.create_counter("openai_cost.cost", "{cost}")
    kinds = meter.create_counter("openai_cost.tokens", "{token}")
    tokens = meter.create_histogram("gen_ai.client.token.usage", "{token}")
    unpriced = meter.create_counter("openai_cost.unpriced_operations", "{operation}")
    duration = meter.create_histogram("gen_ai.client.operation.duration", "s")
    common = {"gen_ai.operation.name": "chat", "gen_ai.response.model": "gpt-a", "tenant.id": "acme"}
    priced = {**common, "gen_ai.usage.cost.currency": "USD", "gen_ai.usage.cost.source": "local"}
    unpriced.add(1, {**common, "gen_ai.response.model": "velo-1", "openai_cost.unpriced.reason": "unknown_model"})
    for _ in range(exports):
        for amount in (0.5, 0.25):
            cost.record(amount, priced)
            duration.record(1.5, common)
        for component, amount in (("input_uncached", 0.4), ("cache_read", 0.05), ("output_visible", 0.3)):
            parts.add(amount, {**priced, "openai_cost.component": component})
        for kind, count in (("input", 100), ("cache_read", 20), ("output", 30), ("reasoning", 10)):
            kinds.add(count, {**priced, "openai_cost.token.kind": kind})
        tokens.record(120, {**common, "gen_ai.token.type": "input"})
        tokens.record(40, {**common, "gen_ai.token.type": "output"})
        provider.force_flush()
    provider.shutdown()


def console(*spans: Mapping[str, Any], end: int | None = None) -> str:
    """What the SDK's console exporter prints for these spans."""
    out = io.StringIO()
    export_spans(ConsoleSpanExporter(out=out), spans, end)
    return out.getvalue()


def console_metrics(*, delta: bool = False) -> str:
    """What the SDK's console exporter prints for two exports of metrics, and once more at the end."""
    out = io.StringIO()
    temporality = AggregationTemporality.DELTA if delta else AggregationTemporality.CUMULATIVE
    preferred = {Counter: temporality, Histogram: temporality}
    export_metrics(ConsoleMetricExporter(out=out, preferred_temporality=preferred))
    return out.getvalue()
