# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The hook: every amount exactly once, in the operation's context, and never to the harm of the call."""

import asyncio
import dataclasses
import gc
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import openai
import pytest
from opentelemetry.context import attach, detach

from opentelemetry import baggage, trace
from opentelemetry.instrumentation.openai_cost import CostEvent, cost_attributes
from support.clients import OPENAI_VERSION, needs_late_responses
from support.expect import COST, ask, chat, streamed
from support.payloads import payload
from support.server import json_answer, sse_answer

ONE = Decimal("0.035")

needs_containers = pytest.mark.skipif(OPENAI_VERSION < (1, 81), reason="the client has no containers")


@pytest.fixture
def events():
    return []


def test_an_event_says_what_the_operation_cost(server, client, instrument, telemetry, events):
    instrument(cost_hook=events.append)
    server.queue(json_answer(chat()))
    with cost_attributes(feature="search"):
        ask(client())
    [event] = events
    assert isinstance(event, CostEvent)
    assert (event.operation, event.provider) == ("chat", "openai")
    assert (event.request_model, event.response_model) == ("gpt-5.5", "gpt-5.5")
    assert (event.usage.tokens.input, event.usage.tokens.output) == (1000, 1000)
    assert (event.status, event.amount, event.currency, event.source) == ("priced", ONE, "USD", "local")
    assert [(item.dimension, item.quantity, item.amount) for item in event.quote.items] == [
        ("input", 1000, Decimal("0.005")),
        ("output", 1000, Decimal("0.03")),
    ]
    assert event.reason is None
    assert dict(event.attributes) == {"feature": "search"}
    assert event.span_context == telemetry.span().get_span_context()
    assert event.response_id == telemetry.attributes()["gen_ai.response.id"]


def test_an_event_is_frozen(server, client, instrument, events):
    instrument(cost_hook=events.append)
    server.queue(json_answer(chat()))
    ask(client())
    with pytest.raises(dataclasses.FrozenInstanceError):
        events[0].amount = Decimal(0)
    with pytest.raises(TypeError):
        events[0].attributes["feature"] = "search"


def test_what_an_event_is_attributed_to_cannot_be_changed_for_later_calls(server, client, instrument, events):
    instrument(cost_hook=events.append)
    server.queue(json_answer(chat()), json_answer(chat()))
    api = client()
    with cost_attributes(feature="search"):
        ask(api)
        with pytest.raises(TypeError):
            events[0].attributes["feature"] = "somebody else's"
        ask(api)
    assert [dict(event.attributes) for event in events] == [{"feature": "search"}] * 2


def test_what_has_no_price_says_why(server, client, instrument, events):
    instrument(cost_hook=events.append)
    api = client()
    server.queue(json_answer(chat(model="nobody-knows-this")), json_answer({}, status=500), json_answer(chat()))
    ask(api, model="nobody-knows-this")
    with pytest.raises(openai.InternalServerError):
        ask(api)
    assert [(event.status, event.amount, event.reason) for event in events] == [
        ("unpriced", None, "unknown_model"),
        ("unpriced", None, "error"),
    ]
    assert [(event.source, event.quote, event.currency) for event in events] == [(None, None, None)] * 2


@needs_containers
def test_a_partly_priced_operation_carries_the_priced_part(server, client, instrument, events):
    instrument(cost_hook=events.append)
    api = client()
    server.queue(json_answer(payload("container.json")))
    api.containers.create(name="x")
    [event] = events
    assert (event.status, event.amount, event.reason, event.currency) == ("partial", None, "missing_rate", "USD")
    assert event.quote.amount > 0


def test_an_amount_that_the_provider_reports_has_our_price_beside_it(server, client, instrument, events):
    instrument(cost_hook=events.append)
    server.queue(json_answer(chat(), headers={"x-litellm-response-cost": "0.5"}))
    ask(client())
    [event] = events
    assert (event.status, event.amount, event.source) == ("priced", Decimal("0.5"), "provider")
    assert event.quote.amount == ONE


def test_a_stream_is_announced_when_it_ends(server, client, instrument, events):
    instrument(cost_hook=events.append)
    server.queue(sse_answer(streamed()))
    stream = ask(client(), stream=True, stream_options={"include_usage": True})
    assert events == []
    list(stream)
    assert [event.amount for event in events] == [ONE]


@needs_late_responses
def test_every_amount_is_in_one_event_jobs_included(server, client, instrument, telemetry, events):
    instrument(cost_hook=events.append)
    api = client()
    stored = payload("response_simple.json") | {"id": "resp_bg", "background": True}
    server.queue(json_answer(stored | {"status": "queued", "usage": None, "output": []}))
    server.queue(json_answer(stored), json_answer(stored))
    with cost_attributes(feature="report"):
        api.responses.create(model="gpt-5.6-sol", input="x", background=True)
    api.responses.retrieve("resp_bg")
    api.responses.retrieve("resp_bg")
    started, finished = events
    assert (started.reason, started.amount, started.response_id) == ("background", None, "resp_bg")
    assert (finished.amount, finished.response_id) == (Decimal(36 * 4 + 87 * 20) / 1_000_000, "resp_bg")
    assert dict(finished.attributes) == {"feature": "report"}
    assert telemetry.point(COST)[1].count == 1


def test_it_runs_after_the_operation_in_its_context(server, client, instrument, telemetry):
    seen = []

    def hook(event):
        span = trace.get_current_span()
        seen.append((span.get_span_context() == event.span_context, span.is_recording(), baggage.get_baggage("k")))
        seen.append(len(telemetry.spans()))

    instrument(cost_hook=hook)
    server.queue(json_answer(chat()))
    token = attach(baggage.set_baggage("k", "v"))
    ask(client())
    detach(token)
    assert seen == [(True, False, "v"), 1]
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_without_a_span_the_event_names_the_one_that_was_current(server, client, instrument, telemetry, events):
    instrument(cost_hook=events.append, spans="none")
    server.queue(json_answer(chat()), json_answer(chat()))
    with telemetry.tracer_provider.get_tracer("app").start_as_current_span("request") as span:
        ask(client())
    ask(client())
    assert [event.span_context for event in events] == [span.get_span_context(), trace.INVALID_SPAN_CONTEXT]


@pytest.mark.parametrize("kind", [ValueError, SystemExit, asyncio.CancelledError, GeneratorExit])
def test_a_hook_that_raises_does_not_break_the_call_and_is_logged_once(server, client, instrument, caplog, kind):
    # Made here: an error that outlives the test would keep the calls in its traceback alive.
    error = kind("no")

    def hook(event):
        raise error

    instrument(cost_hook=hook)
    api = client()
    caplog.set_level(logging.INFO)
    for _ in range(3):
        server.queue(json_answer(chat()))
        assert ask(api).usage.total_tokens == 2000
    [record] = [record for record in caplog.records if "cost_hook" in record.getMessage()]
    assert record.levelno == logging.ERROR
    assert record.exc_info[1] is error


def test_an_interrupt_of_the_user_is_not_swallowed(server, client, instrument):
    def hook(event):
        raise KeyboardInterrupt

    instrument(cost_hook=hook)
    server.queue(json_answer(chat()))
    with pytest.raises(KeyboardInterrupt):
        ask(client())


def test_a_hook_that_calls_the_client_is_not_called_for_that_again(server, client, instrument, telemetry):
    api = client()
    seen = []

    def hook(event):
        seen.append(event.amount)
        ask(api)

    instrument(cost_hook=hook)
    server.queue(json_answer(chat()), json_answer(chat()))
    ask(api)
    assert seen == [ONE]
    assert telemetry.point(COST)[1].count == 2


@pytest.mark.anyio
async def test_a_coroutine_function_is_scheduled_and_kept_until_it_is_done(server, async_client, instrument, telemetry):
    done = []

    async def hook(event):
        await asyncio.sleep(0.05)
        done.append((event.amount, trace.get_current_span().get_span_context() == event.span_context))

    instrument(cost_hook=hook)
    server.queue(json_answer(chat()))
    await ask(async_client())
    assert done == []
    gc.collect()
    while not done:
        await asyncio.sleep(0.01)
    assert done == [(ONE, True)]


@pytest.mark.anyio
async def test_an_object_with_an_asynchronous_call_is_scheduled_too(server, async_client, client, instrument):
    done = asyncio.Event()

    class Hook:
        async def __call__(self, event):
            done.set()

    instrument(cost_hook=Hook())
    server.queue(json_answer(chat()))
    await ask(async_client())
    await asyncio.wait_for(done.wait(), 60)


@pytest.mark.anyio
async def test_a_scheduled_hook_that_fails_is_logged_once(server, async_client, instrument, caplog):
    async def hook(event):
        raise ValueError("no")

    instrument(cost_hook=hook)
    api = async_client()
    caplog.set_level(logging.INFO)
    for _ in range(3):
        server.queue(json_answer(chat()))
        await ask(api)
    await asyncio.sleep(0.01)
    [record] = [record for record in caplog.records if "cost_hook" in record.getMessage()]
    assert isinstance(record.exc_info[1], ValueError)


@pytest.mark.parametrize("asynchronous", ["by its kind", "by what it returns"])
def test_a_coroutine_function_in_a_synchronous_call_is_one_logged_error(
    server, client, instrument, caplog, asynchronous
):
    async def hook(event):
        raise AssertionError("must not run")

    instrument(cost_hook=hook if asynchronous == "by its kind" else lambda event: hook(event))
    api = client()
    for _ in range(3):
        server.queue(json_answer(chat()))
        assert ask(api).usage.total_tokens == 2000
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert "cost_hook" in record.getMessage()
    assert "coroutine function" in record.getMessage()


@pytest.mark.anyio
async def test_many_tasks_give_one_event_each(server, async_client, instrument, events):
    instrument(cost_hook=events.append)
    api = async_client()
    for _ in range(100):
        server.queue(json_answer(chat()))

    async def work(number):
        with cost_attributes(number=number):
            await ask(api)

    await asyncio.gather(*[work(number) for number in range(100)])
    assert sorted(event.attributes["number"] for event in events) == list(range(100))


def test_many_threads_give_one_event_each(server, client, instrument, events):
    instrument(cost_hook=lambda event: events.append((threading.get_ident(), event.amount)))
    api = client()
    for _ in range(64):
        server.queue(json_answer(chat()))

    def work(_):
        ask(api)
        return threading.get_ident()

    with ThreadPoolExecutor(8) as pool:
        callers = list(pool.map(work, range(64)))
    assert sorted(events) == sorted((caller, ONE) for caller in callers)


def test_what_is_no_function_is_one_logged_line(server, client, instrument, caplog):
    instrument(cost_hook="print")
    [record] = caplog.records
    assert "cost_hook='print' is not a function" in record.getMessage()
    server.queue(json_answer(chat()))
    assert ask(client()).usage.total_tokens == 2000


def test_after_uninstrument_it_is_silent(server, client, instrument, events):
    instrument(cost_hook=events.append).uninstrument()
    server.queue(json_answer(chat()))
    ask(client())
    assert events == []
