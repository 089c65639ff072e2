# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Streams that are collected as garbage in the worst of moments: inside telemetry's own locks."""

import gc
import threading

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
        done.join(timeout=20)
        assert not done.is_alive()
    finally:
        gc.enable()
    assert len(telemetry.spans()) == 2
    assert telemetry.open_spans() == []


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
    OpenAICostInstrumentor._recorder.postpone(stream.response.stream._observer.abandon)
    OpenAICostInstrumentor().uninstrument()
    assert telemetry.span().attributes["openai_cost.unpriced.reason"] == "no_usage"
    stream.close()
