# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The floor: the bare OpenTelemetry work of one observed call, with every value known beforehand.

One span with the attributes that openai_cost puts on it, and the same histogram records: nothing is read, priced or decided. What
an instrumentation spends beyond this is its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import openai
from opentelemetry.context import attach, detach, get_current
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import SpanKind, set_span_in_context

Attributes = Mapping[str, Any]
AT_CREATION = (
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "server.address",
    "server.port",
    "openai.api.type",
    "gen_ai.request.model",
)


class Floor:
    """Looks like an instrumentor; repeats what was recorded for one call.

    Args:
        span: a span that openai_cost made for the call.
        records: name, value and attributes of every histogram record it made.
    """

    def __init__(self, span: ReadableSpan, records: list[tuple[str, float, Attributes]]) -> None:
        attributes = dict(span.attributes or {})
        self._name = span.name
        self._first = {
            key: value for key, value in attributes.items() if key in AT_CREATION or key.startswith("gen_ai.request.")
        }
        self._then = {key: value for key, value in attributes.items() if key not in self._first}
        self._records = records

    def instrument(self, tracer_provider: TracerProvider, meter_provider: MeterProvider, **_: object) -> None:
        """Replaces the client's choke point."""
        tracer, meter = tracer_provider.get_tracer("floor"), meter_provider.get_meter("floor")
        histograms = {name: meter.create_histogram(name) for name, _, _ in self._records}
        original = openai.OpenAI.request
        # On the concrete class, where other instrumentations put theirs, and leave the original when they go.
        self._own = openai.OpenAI.__dict__.get("request")
        floor = self

        def request(client: object, *args: object, **kwargs: object) -> object:
            context = get_current()
            span = tracer.start_span(floor._name, context, SpanKind.CLIENT, floor._first)
            context = set_span_in_context(span, context)
            token = attach(context)
            try:
                result = original(client, *args, **kwargs)
            finally:
                detach(token)
            span.set_attributes(floor._then)
            for name, value, attributes in floor._records:
                histograms[name].record(value, attributes, context)
            span.end()
            return result

        openai.OpenAI.request = request

    def uninstrument(self) -> None:
        """Puts the original back."""
        if self._own is None:
            del openai.OpenAI.request
        else:
            openai.OpenAI.request = self._own
