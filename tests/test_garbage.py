# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Streams that are collected as garbage in the worst of moments: inside telemetry's own locks."""

import gc
import threading

from opentelemetry.sdk.metrics import MeterProvider, SimpleFixedSizeExemplarReservoir
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.trace import SpanProcessor

from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor
from support.payloads import events, payload
from support.server import json_answer, sse_answer

CHAT = {"model": "gpt-5.6-sol", "messages": [{"role": "user", "content": "x"}]}


class CollectsGarbage(SpanProcessor):
    """Runs the collector while the SDK starts a span, once."""

    def __init__(self):
        self.armed = False

    def on_start(self, span, parent_context=None):
        if self.armed:
            self.armed = False
            gc.collect()


def test_a_stream_collected_inside_the_sdk_ends_after_the_next_call(server, client, instrument, telemetry):
    collector = CollectsGarbage()
    telemetry.tracer_provider.add_span_processor(collector)
    instrument()
    server.queue(
        sse_answer(events("chat_stream_no_usage.sse")), json_answer(payload("chat_completion_minimal_usage.json"))
    )
    api = client()
    gc.collect()
    gc.disable()
    try:
        stream = api.chat.completions.create(**CHAT, stream=True)
        next(stream)
        del stream
        collector.armed = True
        done = threading.Thread(target=lambda: api.chat.completions.create(**CHAT), daemon=True)
        done.start()
        done.join(timeout=60)
        assert not done.is_alive()
    finally:
        gc.enable()
    assert len(telemetry.spans()) == 2
    assert telemetry.open_spans() == []


def test_a_stream_collected_under_a_lock_of_the_sdk_does_not_wait_for_it(server, client, instrument, telemetry):
    armed = threading.Event()

    class Reservoir(SimpleFixedSizeExemplarReservoir):
        def _find_bucket_index(self, *args):
            if armed.is_set():
                armed.clear()
                gc.collect()
            return super()._find_bucket_index(*args)

    view = View(
        instrument_name="openai_cost.unpriced_operations",
        exemplar_reservoir_factory=lambda kind: lambda **options: Reservoir(**options),
    )
    reader = InMemoryMetricReader()
    meter_provider = MeterProvider([reader], views=[view], shutdown_on_exit=False)
    instrument(meter_provider=meter_provider)
    server.queue(*[sse_answer(events("chat_stream_no_usage.sse"))] * 2)
    api = client()
    gc.collect()
    gc.disable()
    try:
        # What the SDK's generator does when it is collected is what an application does: it closes the response.
        dropped, closed = (api.chat.completions.create(**CHAT, stream=True) for _ in range(2))
        next(dropped), next(closed)
        dropped.itself = dropped
        del dropped
        armed.set()
        done = threading.Thread(target=closed.close, daemon=True)
        done.start()
        done.join(timeout=60)
        assert not done.is_alive()
        assert not armed.is_set()
    finally:
        gc.enable()
    assert len(telemetry.spans()) == 2
    assert telemetry.open_spans() == []
    meter_provider.shutdown()


def test_a_stream_collected_anywhere_else_ends_at_once(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("chat_stream_no_usage.sse")))
    stream = client().chat.completions.create(**CHAT, stream=True)
    next(stream)
    del stream
    gc.collect()
    assert telemetry.span().attributes["openai_cost.unpriced.reason"] == "no_usage"


def test_a_postponed_end_is_done_at_the_latest_by_uninstrument(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("chat_stream_no_usage.sse")))
    stream = client().chat.completions.create(**CHAT, stream=True)
    OpenAICostInstrumentor._recorder.postpone(stream.response.stream._observer._end_abandoned)
    OpenAICostInstrumentor().uninstrument()
    assert telemetry.span().attributes["openai_cost.unpriced.reason"] == "no_usage"
    stream.close()
