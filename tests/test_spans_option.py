# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Where the cost goes: spans of our own, the span that is current at the call, or metrics only."""

import logging
from decimal import Decimal

import openai
import pytest
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, SpanContext, StatusCode, TraceFlags, get_current_span
from opentelemetry.trace.propagation import set_span_in_context

from opentelemetry import context
from support.expect import COST, DURATION, FIRST_CHUNK, TOKENS, UNPRICED, ask, assert_no_cost, chat, money, streamed
from support.payloads import payload
from support.server import json_answer, sse_answer

VARIABLE = "OTEL_INSTRUMENTATION_OPENAI_COST_SPANS"


@pytest.fixture
def tracer(telemetry):
    """The tracer of whoever else makes spans."""
    return telemetry.tracer_provider.get_tracer("other")


@pytest.mark.parametrize("spans", ["current", "none"])
def test_no_span_is_made_and_only_cost_is_measured(server, client, instrument, telemetry, tracer, spans):
    instrument(spans=spans)
    server.queue(json_answer(chat()), sse_answer(streamed()))
    one = client()
    with tracer.start_as_current_span("outer"):
        ask(one)
        list(ask(one, stream=True))
    assert [span.name for span in telemetry.spans()] == ["outer"]
    assert telemetry.open_spans() == []
    assert sum(point.count for _, point in telemetry.points(COST)) == 2
    assert not {DURATION, TOKENS, FIRST_CHUNK} & telemetry.metric_names()


def test_the_cost_is_put_on_the_current_span(server, client, instrument, telemetry, tracer):
    instrument(spans="current")
    server.queue(json_answer(chat()))
    with tracer.start_as_current_span("outer", attributes={"mine": 1}):
        ask(client())
    attributes = telemetry.attributes()
    assert attributes["mine"] == 1
    assert attributes["gen_ai.usage.cost.amount"] == 0.035
    assert attributes["gen_ai.usage.cost.currency"] == "USD"
    assert attributes["gen_ai.usage.cost.source"] == "local"
    assert attributes["openai_cost.status"] == "priced"
    assert telemetry.span().status.status_code is StatusCode.UNSET


def test_the_attributes_of_the_other_s_span_stay_as_they_are(server, client, instrument, telemetry, tracer):
    instrument(spans="current")
    server.queue(json_answer(chat()))
    theirs = {"gen_ai.operation.name": "theirs", "gen_ai.usage.input_tokens": 7, "gen_ai.request.model": "theirs"}
    with tracer.start_as_current_span("outer", attributes=theirs):
        ask(client())
    attributes = telemetry.attributes()
    assert {key: attributes[key] for key in theirs} == theirs
    assert telemetry.span().name == "outer"


def test_costs_of_several_calls_are_summed_exactly(server, client, instrument, telemetry, tracer):
    instrument(spans="current")
    server.route("POST", "/v1/chat/completions", json_answer(chat("gpt-4o-mini", (1, 1))))
    one = client()
    with tracer.start_as_current_span("outer"):
        for _ in range(10):
            ask(one, model="gpt-4o-mini")
    # ten times 0.15 and 0.6 per million
    assert money(telemetry.attributes()["gen_ai.usage.cost.amount"]) == Decimal("0.0000075")
    assert telemetry.point(COST)[1].count == 10


def test_one_unpriced_call_takes_the_amount_off_again(server, client, instrument, telemetry, tracer):
    instrument(spans="current")
    server.queue(json_answer(chat()), json_answer(chat("gpt-99-unheard-of")), json_answer(chat()))
    one = client()
    with tracer.start_as_current_span("outer"):
        for _ in range(3):
            ask(one)
    attributes = telemetry.attributes()
    assert_no_cost(attributes)
    assert attributes["openai_cost.status"] == "partial"
    assert attributes["openai_cost.unpriced.reason"] == "unknown_model"
    assert money(attributes["openai_cost.partial_amount"]) == Decimal("0.07")
    assert not {"openai_cost.input", "openai_cost.output"} & attributes.keys()
    assert sum(point.count for _, point in telemetry.points(COST)) == 2
    assert telemetry.point(UNPRICED)[1].value == 1


def test_the_span_that_is_current_at_the_call_gets_the_cost_of_a_stream(server, client, instrument, telemetry, tracer):
    instrument(spans="current")
    server.queue(sse_answer(streamed()))
    with tracer.start_as_current_span("outer"):
        stream = ask(client(), stream=True)
        with tracer.start_as_current_span("inner"):
            list(stream)
    inner, outer = telemetry.spans()
    assert (inner.name, outer.name) == ("inner", "outer")
    assert "gen_ai.usage.cost.amount" not in inner.attributes
    assert outer.attributes["gen_ai.usage.cost.amount"] == 0.035


def test_a_span_that_has_ended_meanwhile_is_left_alone(server, client, instrument, telemetry, tracer, caplog):
    instrument(spans="current")
    server.queue(sse_answer(streamed()))
    with tracer.start_as_current_span("outer"):
        stream = ask(client(), stream=True)
    with caplog.at_level(logging.WARNING):
        list(stream)
    assert not caplog.records
    assert_no_cost(telemetry.attributes())
    assert telemetry.point(COST)[1].count == 1


def test_without_a_current_span_there_are_the_metrics(server, client, instrument, telemetry):
    instrument(spans="current")
    server.queue(json_answer(chat()))
    ask(client())
    assert telemetry.spans() == ()
    assert telemetry.point(COST)[1].count == 1


def test_a_span_that_does_not_record_changes_nothing(server, client, instrument, telemetry):
    instrument(spans="current")
    server.queue(json_answer(chat()))
    remote = NonRecordingSpan(SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(0)))
    token = context.attach(set_span_in_context(remote))
    ask(client())
    context.detach(token)
    assert telemetry.point(COST)[1].count == 1


@pytest.mark.parametrize("spans", ["current", "none"])
def test_an_error_is_the_other_instrumentation_s_to_record(server, client, instrument, telemetry, tracer, spans):
    instrument(spans=spans)
    server.queue(json_answer(payload("error_429.json"), status=429))
    with tracer.start_as_current_span("outer"), pytest.raises(openai.RateLimitError):
        ask(client())
    span = telemetry.span()
    assert span.status.status_code is StatusCode.UNSET
    assert "error.type" not in span.attributes
    assert_no_cost(span.attributes)
    assert telemetry.points(COST) == []


def test_with_none_the_current_span_stays_as_it_is(server, client, instrument, telemetry, tracer):
    instrument(spans="none")
    server.queue(json_answer(chat()))
    with tracer.start_as_current_span("outer"):
        ask(client())
    assert telemetry.attributes() == {}


def test_with_none_an_unpriced_call_is_still_counted(server, client, instrument, telemetry):
    instrument(spans="none")
    server.queue(json_answer(chat("gpt-99-unheard-of")))
    ask(client())
    assert telemetry.point(UNPRICED)[1].value == 1


@pytest.mark.parametrize("spans", ["own", "current", "none"])
def test_the_caller_s_span_is_current_again_after_the_call(server, client, instrument, tracer, spans):
    instrument(spans=spans)
    server.queue(json_answer(chat()))
    with tracer.start_as_current_span("outer") as outer:
        ask(client())
        assert get_current_span() is outer
    assert get_current_span() is INVALID_SPAN


async def test_asynchronous_calls_put_their_cost_on_their_own_span(server, async_client, instrument, telemetry, tracer):
    import asyncio

    instrument(spans="current")
    server.route("POST", "/v1/chat/completions", json_answer(chat()))
    one = async_client()

    async def work(name):
        with tracer.start_as_current_span(name):
            await ask(one)

    await asyncio.gather(*(work(str(number)) for number in range(5)))
    assert [span.attributes["gen_ai.usage.cost.amount"] for span in telemetry.spans()] == [0.035] * 5


def test_the_option_may_come_from_the_environment(server, client, instrument, telemetry, monkeypatch):
    monkeypatch.setenv(VARIABLE, "none")
    instrument()
    server.queue(json_answer(chat()))
    ask(client())
    assert telemetry.spans() == ()
    assert telemetry.point(COST)[1].count == 1


def test_the_argument_wins_over_the_environment(server, client, instrument, telemetry, monkeypatch):
    monkeypatch.setenv(VARIABLE, "none")
    instrument(spans="own")
    server.queue(json_answer(chat()))
    ask(client())
    assert telemetry.span().name == "chat gpt-5.5"


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_a_bad_value_is_one_error_in_the_log_and_the_default(
    server, client, instrument, telemetry, monkeypatch, caplog, how
):
    if how == "environment":
        monkeypatch.setenv(VARIABLE, "sideways")
        instrument()
    else:
        instrument(spans="sideways")
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "spans" in record.getMessage().lower()
    assert "sideways" in record.getMessage()
    assert "own" in record.getMessage()
    server.queue(json_answer(chat()))
    ask(client())
    assert telemetry.span().name == "chat gpt-5.5"
