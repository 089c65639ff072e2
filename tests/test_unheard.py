# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Where nobody would learn of a call, it is not even looked at: no SDK, or a disabled one, no hook, no tracked work."""

from __future__ import annotations

from decimal import Decimal

import pytest
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NoOpTracerProvider

from opentelemetry.instrumentation.openai_cost import Budget, OpenAICostInstrumentor, track_cost
from support.expect import ask, chat
from support.server import json_answer

SILENT = {"tracer_provider": NoOpTracerProvider(), "meter_provider": NoOpMeterProvider()}


@pytest.fixture
def instrument_silently(server, client):
    """Instruments with providers that make nothing of what they are told, unless others are named."""
    instrumentor = OpenAICostInstrumentor()

    def instrument(**options):
        instrumentor.instrument(skip_dep_check=True, **{**SILENT, **options})
        server.queue(json_answer(chat()), json_answer(chat()))
        return client()

    yield instrument
    instrumentor.uninstrument()


def has_been_priced() -> bool:
    """Whether the price list has been read, which happens with the first call that is priced."""
    return OpenAICostInstrumentor._source is not None


def test_a_call_that_nobody_would_learn_of_is_not_priced(instrument_silently):
    ask(instrument_silently())
    assert not has_been_priced()


def test_a_stream_that_nobody_would_learn_of_keeps_the_bytes_that_it_had(server, instrument_silently):
    api = instrument_silently(stream_usage="request")
    list(ask(api, stream=True))
    assert "stream_options" not in server.requests[-1].json


@pytest.mark.parametrize(
    "options",
    [
        {"tracer_provider": TracerProvider(shutdown_on_exit=False)},
        {"meter_provider": MeterProvider(shutdown_on_exit=False)},
        {"cost_hook": lambda event: None},
        {"budgets": [Budget("all", usd=1, per="day")]},
    ],
    ids=["spans", "metrics", "a hook", "a budget"],
)
def test_one_who_listens_is_enough(instrument_silently, options):
    ask(instrument_silently(**options))
    assert has_been_priced()


def test_work_whose_cost_is_tracked_is_priced_without_any_provider(instrument_silently):
    api = instrument_silently()
    with track_cost() as cost:
        ask(api)
    assert (cost.total, cost.calls) == (Decimal("0.035"), 1)
    ask(api)
    assert cost.calls == 1
