# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Broken telemetry: whatever the application's own processors, samplers, exporters and instruments raise, it does not see."""

import contextlib
import logging

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    InMemoryMetricReader,
    MetricExporter,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Sampler

from promises.accounts import counted
from support.expect import ask, chat, streamed
from support.server import json_answer, sse_answer
from support.telemetry import Telemetry

OURS = "opentelemetry.instrumentation.openai_cost"


class Broken(Exception):
    """What everything here raises."""


class BrokenAtStart(SpanProcessor):
    def on_start(self, span, parent_context=None):
        raise Broken


class BrokenAtEnd(SpanProcessor):
    def on_end(self, span):
        raise Broken


class BrokenSpans(SpanExporter):
    def export(self, spans):
        raise Broken


class BrokenSampler(Sampler):
    def should_sample(self, *args, **kwargs):
        raise Broken

    def get_description(self):
        return "broken"


class BrokenIds(IdGenerator):
    def generate_span_id(self):
        raise Broken

    def generate_trace_id(self):
        raise Broken


class BrokenMetrics(MetricExporter):
    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        raise Broken

    def force_flush(self, timeout_millis=10_000):
        return True

    def shutdown(self, timeout_millis=30_000, **kwargs):
        return None


class BrokenInstrument:
    def record(self, *args, **kwargs):
        raise Broken

    add = record


class BrokenMeterProvider(MeterProvider):
    """A provider whose named instruments raise."""

    def __init__(self, readers, broken):
        super().__init__(readers, shutdown_on_exit=False)
        self._is_broken = broken

    def get_meter(self, *args, **kwargs):
        meter, broken = super().get_meter(*args, **kwargs), self._is_broken

        def replace(make):
            return lambda name, *rest, **options: BrokenInstrument() if name in broken else make(name, *rest, **options)

        meter.create_histogram = replace(meter.create_histogram)
        meter.create_counter = replace(meter.create_counter)
        return meter


def processed_by(processor):
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    return provider


BROKEN_TRACING = {
    "a processor that raises at the start": lambda: processed_by(BrokenAtStart()),
    "a processor that raises at the end": lambda: processed_by(BrokenAtEnd()),
    "an exporter that raises": lambda: processed_by(SimpleSpanProcessor(BrokenSpans())),
    "an exporter that raises in the background": lambda: processed_by(BatchSpanProcessor(BrokenSpans())),
    "a sampler that raises": lambda: TracerProvider(sampler=BrokenSampler(), shutdown_on_exit=False),
    "a generator of ids that raises": lambda: TracerProvider(id_generator=BrokenIds(), shutdown_on_exit=False),
}


def two_calls(server, client):
    """A call and a stream, each read to the end: what the application got."""
    server.queue(json_answer(chat()), sse_answer(streamed()))
    return repr(ask(client)), repr(list(ask(client, stream=True)))


@pytest.fixture
def bare(server, client):
    """What the application gets without the instrumentation."""
    return two_calls(server, client())


@pytest.mark.parametrize("make", BROKEN_TRACING.values(), ids=BROKEN_TRACING.keys())
def test_broken_tracing_is_not_seen_and_costs_no_money(server, client, bare, instrument, telemetry, make, caplog):
    provider = make()
    instrument(tracer_provider=provider)
    assert two_calls(server, client()) == bare
    assert counted(telemetry) == (2, 0)
    provider.shutdown()
    assert len([line for line in caplog.records if line.name == OURS and line.levelno >= logging.WARNING]) <= 1


def test_an_exporter_of_metrics_that_raises_is_not_seen(server, client, bare, instrument):
    reader = PeriodicExportingMetricReader(BrokenMetrics(), export_interval_millis=3_600_000)
    provider = MeterProvider([reader], shutdown_on_exit=False)
    instrument(meter_provider=provider)
    assert two_calls(server, client()) == bare
    # Some releases of the SDK log what the exporter raises, others hand it on to whoever flushes.
    with contextlib.suppress(Broken):
        provider.force_flush()
    with contextlib.suppress(Broken):
        provider.shutdown()


@pytest.mark.parametrize("broken", ["gen_ai.client.operation.duration", "gen_ai.client.token.usage"])
def test_an_instrument_that_raises_costs_no_money(server, client, bare, instrument, broken):
    reader = InMemoryMetricReader()
    provider = BrokenMeterProvider([reader], {broken})
    instrument(meter_provider=provider)
    assert two_calls(server, client()) == bare
    data = reader.get_metrics_data()
    names = {metric.name for one in data.resource_metrics for scope in one.scope_metrics for metric in scope.metrics}
    assert "gen_ai.client.operation.cost" in names
    assert broken not in names
    provider.shutdown()


def test_a_cost_that_cannot_be_recorded_is_on_the_span_all_the_same(server, client, bare, instrument, telemetry):
    provider = BrokenMeterProvider([], {"gen_ai.client.operation.cost", "openai_cost.unpriced_operations"})
    instrument(meter_provider=provider)
    assert two_calls(server, client()) == bare
    assert [span.attributes["gen_ai.usage.cost.amount"] for span in telemetry.spans()] == [0.035, 0.035]
    assert telemetry.open_spans() == []
    provider.shutdown()


def test_providers_that_are_shut_down_are_not_seen(server, client, bare, instrument):
    closed = Telemetry()
    instrument(tracer_provider=closed.tracer_provider, meter_provider=closed.meter_provider)
    assert two_calls(server, client()) == bare
    closed.close()
    assert two_calls(server, client()) == bare
