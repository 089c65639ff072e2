# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""What attribution and roll-up add to a call: beginning and end of an operation, with and without them, in turns.

Without the client, whose time would hide a difference of microseconds: all of their work is where an operation begins and ends.
Much of it is the SDK's, which takes its time for every attribute of every measurement and span; so the bare OpenTelemetry work is
measured beside it, with every value known beforehand.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable

from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Span, SpanKind, set_span_in_context
from traffic import COMPLETION

from opentelemetry import baggage
from opentelemetry.instrumentation.openai_cost import endpoints
from opentelemetry.instrumentation.openai_cost.config import Config
from opentelemetry.instrumentation.openai_cost.pricing import PriceBook, bundled_data
from opentelemetry.instrumentation.openai_cost.provider import server
from opentelemetry.instrumentation.openai_cost.recorder import Recorder
from opentelemetry.instrumentation.openai_cost.rollup import Rollup

SCOPE = "opentelemetry.instrumentation.openai_cost"
LABELS = {"tenant.id": "acme", "feature": "search"}
OFF, ATTRIBUTION, ROLLUP, BOTH = "neither", "attribution", "roll-up", "both"


def additions(rounds: int, repeat: int = 20) -> tuple[dict[str, float], dict[str, float]]:
    """CPU seconds that two attributes, totals on two live spans, and both add to a call: medians over the rounds.

    Returns:
        What they add to an operation, and what they add to the bare OpenTelemetry work of one.
    """
    works: dict[tuple[str, bool], Callable[[], None]] = {}
    for name in (OFF, ATTRIBUTION, ROLLUP, BOTH):
        works[name, False], works[name, True] = _operation(name), _bare(name)
    times: dict[tuple[str, bool], list[float]] = {key: [] for key in works}
    order = random.Random(7)
    gc.collect()
    gc.disable()
    for round_number in range(rounds + 1):
        for key in order.sample(list(works), len(works)):
            started = time.process_time()
            for _ in range(repeat):
                works[key]()
            if round_number:
                times[key].append((time.process_time() - started) / repeat)
        gc.collect(0)
    gc.enable()

    def added(bare: bool) -> dict[str, float]:
        return {
            name: statistics.median(
                value - base for value, base in zip(times[name, bare], times[OFF, bare], strict=True)
            )
            for name in (ATTRIBUTION, ROLLUP, BOTH)
        }

    return added(False), added(True)


def _below_two_spans(tracers: TracerProvider) -> tuple[Context, list[Span]]:
    """A context below two live spans, with baggage at hand."""
    tracer, context, spans = tracers.get_tracer("application"), Context(), list[Span]()
    for label, value in LABELS.items():
        context = baggage.set_baggage(label, value, context)
    for name in ("request", "step"):
        spans.append(tracer.start_span(name, context))
        context = set_span_in_context(spans[-1], context)
    return context, spans


def _operation(name: str) -> Callable[[], None]:
    tracers = TracerProvider(shutdown_on_exit=False)
    meter = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False).get_meter(SCOPE)
    rollup = Rollup(tracers) if name in (ROLLUP, BOTH) else None
    config = Config(baggage_keys=tuple(LABELS) if name in (ATTRIBUTION, BOTH) else (), rollup=rollup is not None)
    book = PriceBook(bundled_data())
    recorder = Recorder(tracers.get_tracer(SCOPE), meter, config, lambda: book, rollup)
    endpoint = endpoints.find("post", "/chat/completions")
    assert endpoint is not None
    request = endpoint.read_request({"model": "gpt-5", "temperature": 0.2, "max_tokens": 50})
    response = endpoint.read_response(COMPLETION, request)
    openai = server("https", "api.openai.com", None)
    context, spans = _below_two_spans(tracers)

    def work() -> None:
        token = attach(context)
        recorder.end(recorder.begin(endpoint, openai, request, get_current()), response, None)
        detach(token)
        assert spans[0].is_recording()

    return work


def _bare(name: str) -> Callable[[], None]:
    tracers = TracerProvider(shutdown_on_exit=False)
    meter = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False).get_meter("bare")
    histograms = [meter.create_histogram(f"histogram.{number}") for number in range(4)]
    tracer = tracers.get_tracer("bare")
    attributes = {f"attribute.{number}": "value" for number in range(8)}
    if name in (ATTRIBUTION, BOTH):
        attributes |= LABELS
    context, spans = _below_two_spans(tracers)
    if name not in (ROLLUP, BOTH):
        spans.clear()
    number = 0

    def work() -> None:
        nonlocal number
        number += 1
        span = tracer.start_span("chat gpt-5", context, SpanKind.CLIENT, attributes)
        for histogram in histograms:
            histogram.record(1.5, attributes, context)
        for above in spans:
            above.set_attribute("openai_cost.rollup.amount", number * 1.5)
            above.set_attribute("openai_cost.rollup.calls", number)
        span.end()

    return work
