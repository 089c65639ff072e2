# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Beside OpenInference, which wraps ``OpenAI.request`` and, when it goes, puts back what it had found there."""

import asyncio
import itertools
import threading
from decimal import Decimal

import openai
import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import INVALID_SPAN, StatusCode, get_current_span

pytest.importorskip("openinference.instrumentation.openai")

from coexist.calls import (
    AMOUNT,
    OFFICIAL,
    OPENINFERENCE,
    OURS,
    SHAPES,
    cost_names,
    ledger,
    parameters,
    queue,
    refused,
    scopes,
    spans_of,
)
from coexist.orders import ORDERS, in_order
from coexist.patched import changed, entries
from support.expect import COST, DURATION, FIRST_CHUNK, ask, assert_no_cost, chat, money, streamed
from support.server import Gate, Pause, json_answer, sse_answer
from support.telemetry import Telemetry

FAILING = [SHAPES[name] for name in ("chat", "chat_stream", "embedding")]


@pytest.fixture(params=ORDERS)
def both(request, openinference, instrument):
    """``both(**options of ours)`` instruments with the two packages, in either order."""
    return in_order(request.param, openinference, instrument)


def assert_own(telemetry, shape):
    """A span of each; ours is complete and carries the cost, once."""
    seen = ledger(telemetry)
    assert (seen.ours, seen.theirs) == (1, 1)
    assert seen.amounts == (Decimal(shape.amount),)
    assert (seen.costs, seen.cost, seen.unpriced) == (1, Decimal(shape.amount), 0)
    assert seen.durations == 1
    assert seen.tokens == {kind: (1, count) for kind, count in shape.tokens}
    (ours,), (theirs,) = spans_of(telemetry, OURS), spans_of(telemetry, OPENINFERENCE)
    assert ours.name == shape.span
    assert ours.parent == theirs.context
    assert ours.status.status_code is StatusCode.UNSET
    assert cost_names(theirs.attributes) == []
    assert sum(point.count for _, point in telemetry.points(FIRST_CHUNK)) == shape.streamed
    assert get_current_span() is INVALID_SPAN


@pytest.mark.parametrize("shape", parameters())
def test_a_call_has_one_span_of_ours_and_is_priced_once(server, client, both, telemetry, shape):
    both()
    queue(server, shape)
    shape.call(client())
    assert_own(telemetry, shape)


@pytest.mark.parametrize("shape", parameters())
async def test_an_asynchronous_call_has_one_span_of_ours_and_is_priced_once(
    server, async_client, both, telemetry, shape
):
    both()
    queue(server, shape)
    await shape.call_async(async_client())
    assert_own(telemetry, shape)


@pytest.mark.parametrize("shape", parameters())
def test_with_the_current_span_the_cost_is_on_theirs(server, client, both, telemetry, shape):
    both(spans="current")
    queue(server, shape)
    shape.call(client())
    assert_current(telemetry, shape)


@pytest.mark.parametrize("shape", parameters())
async def test_with_the_current_span_an_asynchronous_cost_is_on_theirs(server, async_client, both, telemetry, shape):
    both(spans="current")
    queue(server, shape)
    await shape.call_async(async_client())
    assert_current(telemetry, shape)


def assert_current(telemetry, shape):
    """Their span alone, with the cost; of the metrics, the cost alone."""
    seen = ledger(telemetry)
    assert scopes(telemetry) == [OPENINFERENCE]
    assert seen.amounts == (Decimal(shape.amount),)
    assert (seen.costs, seen.cost, seen.unpriced) == (1, Decimal(shape.amount), 0)
    assert (seen.durations, seen.tokens) == (0, {})
    span = telemetry.span()
    assert span.attributes["gen_ai.usage.cost.currency"] == "USD"
    assert span.attributes["openai_cost.status"] == "priced"
    assert span.attributes["openinference.span.kind"] in ("LLM", "EMBEDDING")
    assert span.status.status_code is StatusCode.OK


@pytest.mark.parametrize("shape", parameters())
def test_with_metrics_only_their_span_is_the_only_one_and_stays_as_it_is(server, client, both, telemetry, shape):
    both(spans="none")
    queue(server, shape)
    shape.call(client())
    seen = ledger(telemetry)
    assert scopes(telemetry) == [OPENINFERENCE]
    assert cost_names(telemetry.attributes()) == []
    assert not [name for name in telemetry.attributes() if name.startswith("gen_ai.")]
    assert (seen.costs, seen.cost, seen.unpriced) == (1, Decimal(shape.amount), 0)
    assert (seen.durations, seen.tokens) == (0, {})


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_is_measured_from_its_beginning(server, client, both, telemetry, stream):
    both()
    wait = [Pause(0.1)]
    server.queue(sse_answer(streamed(), before=wait) if stream else json_answer(chat(), before=wait))
    reply = ask(client(), stream=stream)
    if stream:
        list(reply)
    (ours,), (theirs,) = spans_of(telemetry, OURS), spans_of(telemetry, OPENINFERENCE)
    assert theirs.start_time <= ours.start_time
    assert ours.end_time - ours.start_time >= 100_000_000
    assert telemetry.point(DURATION)[1].sum >= 0.1
    if stream:
        assert telemetry.point(FIRST_CHUNK)[1].sum >= 0.1


@pytest.mark.parametrize("shape", FAILING, ids=lambda shape: shape.name)
@pytest.mark.parametrize("spans", ["own", "current", "none"])
def test_an_error_is_recorded_once_and_costs_nothing(server, client, both, telemetry, shape, spans):
    both(spans=spans)
    server.queue(refused())
    with pytest.raises(openai.RateLimitError):
        shape.call(client())
    assert_failed(telemetry, spans)


@pytest.mark.parametrize("shape", FAILING, ids=lambda shape: shape.name)
async def test_an_asynchronous_error_is_recorded_once_and_costs_nothing(server, async_client, both, telemetry, shape):
    both()
    server.queue(refused())
    with pytest.raises(openai.RateLimitError):
        await shape.call_async(async_client())
    assert_failed(telemetry, "own")


def assert_failed(telemetry, spans):
    seen = ledger(telemetry)
    assert (seen.ours, seen.theirs) == (int(spans == "own"), 1)
    assert (seen.costs, seen.unpriced, seen.tokens, seen.durations) == (0, 1, {}, int(spans == "own"))
    for span in telemetry.spans():
        assert span.status.status_code is StatusCode.ERROR
        assert_no_cost(span.attributes)


# --- who comes and who goes, in every order ---


class Stage:
    """Both packages, to be switched on and off, and a call that tells what each of them saw."""

    def __init__(self, server, sync, asynchronous, telemetry, ours, theirs):
        self._server, self._sync, self._async, self._telemetry = server, sync, asynchronous, telemetry
        self._starts = {"ours": ours, "theirs": theirs}
        self._on = {}
        self.history = []

    def is_on(self, who):
        return who in self._on

    def toggle(self, who):
        self.history.append(f"{'-' if who in self._on else '+'}{who}")
        if who in self._on:
            self._on.pop(who).uninstrument()
        else:
            self._on[who] = self._starts[who]()

    async def recorded(self, shape):
        """What one synchronous and then one asynchronous call recorded."""
        seen = []
        for call in (shape.call, shape.call_async):
            before = ledger(self._telemetry)
            queue(self._server, shape)
            if call is shape.call:
                call(self._sync)
            else:
                await call(self._async)
            seen.append(ledger(self._telemetry).since(before))
        return seen


@pytest.fixture
def stage(server, client, async_client, telemetry, instrument, openinference):
    def make(**options):
        return Stage(server, client(), async_client(), telemetry, lambda: instrument(**options), openinference)

    return make


SEQUENCES = [
    pytest.param(spans, (first, second, *rest), id="-".join((spans, first, second, *rest)))
    for spans, length in (("own", 6), ("current", 4), ("none", 4))
    for first, second in (("ours", "theirs"), ("theirs", "ours"))
    for rest in itertools.product(("ours", "theirs"), repeat=length - 2)
]
"""Each step switches one of the two on, or off if it is on: from both on, all ways in which they can go and come."""


@pytest.mark.parametrize(("spans", "steps"), SEQUENCES)
async def test_whoever_comes_and_goes_every_call_is_priced_once_while_we_are_there(stage, steps, spans):
    before = entries()
    one, shape = stage(spans=spans), SHAPES["chat"]
    for who in steps:
        one.toggle(who)
        for seen in await one.recorded(shape):
            ours, theirs = one.is_on("ours"), one.is_on("theirs")
            on_a_span = ours and (spans == "own" or (spans == "current" and theirs))
            assert seen.ours == int(ours and spans == "own"), one.history
            assert seen.theirs == int(theirs), one.history
            assert (seen.costs, seen.cost) == ((1, Decimal("0.035")) if ours else (0, 0)), one.history
            assert seen.amounts == ((Decimal("0.035"),) if on_a_span else ()), one.history
            assert seen.unpriced == 0, one.history
            assert seen.durations == int(ours and spans == "own"), one.history
    for who in ("ours", "theirs"):
        if one.is_on(who):
            one.toggle(who)
    assert left_over(before) == []


def left_over(before):
    """What is not as it was, apart from the attribute that OpenInference leaves on the concrete clients.

    It assigns what it had read there, so the inherited function stands in the classes' own dictionaries afterwards.
    """
    theirs = {"OpenAI.request", "AsyncOpenAI.request"}
    return [place for place in changed(before) if place not in theirs]


@pytest.mark.parametrize("name", ["chat_stream", "embedding", "chat_raw"])
@pytest.mark.parametrize("removed", ORDERS)
@pytest.mark.parametrize("installed", ORDERS)
async def test_other_calls_survive_the_coming_and_going_too(stage, installed, removed, name):
    one, shape = stage(), SHAPES[name]
    first_in = "theirs" if installed == ORDERS[0] else "ours"
    first_out = "theirs" if removed == ORDERS[0] else "ours"
    other = {"theirs": "ours", "ours": "theirs"}
    for who in (first_in, other[first_in], first_out, other[first_out]):
        one.toggle(who)
        for seen in await one.recorded(shape):
            assert (seen.ours, seen.theirs) == (one.is_on("ours"), one.is_on("theirs")), one.history
            assert seen.cost == (Decimal(shape.amount) if one.is_on("ours") else 0), one.history
            assert seen.costs == seen.durations == int(one.is_on("ours")), one.history
            assert seen.unpriced == 0, one.history


@pytest.mark.parametrize("installed", ORDERS)
@pytest.mark.parametrize("removed", ORDERS)
def test_when_both_are_gone_calls_run_no_code_of_ours(
    server, client, openinference, instrument, telemetry, installed, removed
):
    before = entries()
    starts = (openinference, instrument) if installed == ORDERS[0] else (instrument, openinference)
    started = {start: start() for start in starts}
    for start in (openinference, instrument) if removed == ORDERS[0] else (instrument, openinference):
        started[start].uninstrument()
    assert left_over(before) == []
    server.queue(json_answer(chat()))
    assert ask(client()).usage.total_tokens == 2000
    assert ledger(telemetry).costs == 0
    assert telemetry.spans() == ()


@pytest.mark.parametrize("installed", ORDERS)
def test_when_both_are_gone_the_clients_request_is_the_plain_function(openinference, instrument, installed):
    plain = openai.OpenAI.request
    starts = (openinference, instrument) if installed == ORDERS[0] else (instrument, openinference)
    started = {start: start() for start in starts}
    started[instrument].uninstrument()
    started[openinference].uninstrument()
    assert getattr(openai.OpenAI.request, "__wrapped__", openai.OpenAI.request) is plain


def test_an_error_after_the_first_call_since_they_went_is_recorded(
    server, client, openinference, instrument, telemetry
):
    theirs = openinference()
    instrument()
    theirs.uninstrument()
    server.queue(json_answer(chat()), refused())
    one = client()
    ask(one)
    with pytest.raises(openai.RateLimitError):
        ask(one)
    seen = ledger(telemetry)
    assert (seen.ours, seen.theirs, seen.durations, seen.unpriced, seen.costs) == (2, 0, 2, 1, 1)


def test_a_stream_that_is_open_while_they_go_is_priced_once(server, client, both, openinference, telemetry):
    both()
    server.queue(sse_answer(streamed()))
    stream = ask(client(), stream=True)
    next(stream)
    openinference().uninstrument()
    list(stream)
    assert ledger(telemetry).amounts == (Decimal("0.035"),)
    assert ledger(telemetry).costs == 1


# --- the current span ---


@pytest.fixture
def tracer(telemetry):
    """The user's own tracer."""
    return telemetry.tracer_provider.get_tracer("mine")


def test_several_calls_under_the_user_s_span_are_summed_on_it(server, client, instrument, telemetry, tracer):
    instrument(spans="current")
    queue(server, SHAPES["chat"], SHAPES["embedding"], SHAPES["chat_stream"])
    one = client()
    with tracer.start_as_current_span("outer"):
        for name in ("chat", "embedding", "chat_stream"):
            SHAPES[name].call(one)
    assert ledger(telemetry).amounts == (Decimal("0.07002"),)
    assert ledger(telemetry).costs == 3


def test_under_the_user_s_span_each_of_their_spans_has_its_own_cost(server, client, both, telemetry, tracer):
    both(spans="current")
    queue(server, SHAPES["chat"], SHAPES["embedding"])
    one = client()
    with tracer.start_as_current_span("outer"):
        SHAPES["chat"].call(one)
        SHAPES["embedding"].call(one)
    *_, outer = telemetry.spans()
    assert outer.name == "outer"
    assert cost_names(outer.attributes) == []
    assert ledger(telemetry).amounts == (Decimal("0.035"), Decimal("0.00002"))


def test_calls_before_during_and_after_them_go_to_the_span_that_is_current(
    server, client, openinference, instrument, telemetry, tracer
):
    instrument(spans="current")
    queue(server, *[SHAPES["chat"]] * 4)
    one = client()
    with tracer.start_as_current_span("outer"):
        ask(one)
        theirs = openinference()
        ask(one)
        theirs.uninstrument()
        ask(one)
        ask(one)
    inner, outer = telemetry.spans()
    assert inner.instrumentation_scope.name == OPENINFERENCE
    assert money(inner.attributes[AMOUNT]) == Decimal("0.035")
    assert money(outer.attributes[AMOUNT]) == Decimal("0.105")
    assert ledger(telemetry).costs == 4


def test_a_span_of_the_user_s_that_has_ended_takes_nothing(server, client, instrument, telemetry, tracer, caplog):
    instrument(spans="current")
    server.queue(json_answer(chat()), sse_answer(streamed()))
    one = client()
    with tracer.start_as_current_span("outer"):
        ask(one)
        stream = ask(one, stream=True)
    list(stream)
    assert not caplog.records
    assert ledger(telemetry).amounts == (Decimal("0.035"),)
    assert (ledger(telemetry).costs, ledger(telemetry).cost) == (2, Decimal("0.07"))


def test_an_ended_span_that_is_still_current_takes_nothing(server, client, instrument, telemetry, tracer, caplog):
    instrument(spans="current")
    server.queue(json_answer(chat()))
    with tracer.start_as_current_span("outer", end_on_exit=False) as outer:
        outer.end()
        ask(client())
    assert not caplog.records
    assert cost_names(telemetry.attributes()) == []
    assert ledger(telemetry).costs == 1


@pytest.mark.parametrize("shape", [SHAPES["chat"], SHAPES["chat_stream"]], ids=lambda shape: shape.name)
def test_a_span_of_theirs_that_is_not_sampled_leaves_the_cost_in_the_histogram(
    server, client, both, telemetry, tracer, shape
):
    unsampled = Telemetry(sampler=ALWAYS_OFF)
    both(theirs={"tracer_provider": unsampled.tracer_provider}, spans="current")
    queue(server, shape)
    with tracer.start_as_current_span("outer"):
        shape.call(client())
    assert cost_names(telemetry.attributes()) == []
    assert (ledger(telemetry).costs, ledger(telemetry).cost) == (1, Decimal("0.035"))
    unsampled.close()


def test_parallel_threads_add_up_on_one_span(server, client, instrument, telemetry, tracer):
    from opentelemetry.context import attach, get_current

    instrument(spans="current")
    gate = Gate()
    server.queue(*(json_answer(chat(), before=[gate]) for _ in range(8)))
    one = client()

    def work(context):
        attach(context)
        ask(one)

    with tracer.start_as_current_span("outer"):
        threads = [threading.Thread(target=work, args=(get_current(),)) for _ in range(8)]
        for thread in threads:
            thread.start()
        gate.wait_until_reached()
        gate.open()
        for thread in threads:
            thread.join()
    assert ledger(telemetry).amounts == (Decimal("0.28"),)
    assert telemetry.point(COST)[1].count == 8


async def test_parallel_tasks_have_a_span_of_theirs_each(server, async_client, both, telemetry):
    both(spans="current")
    server.route("POST", "/v1/chat/completions", json_answer(chat()))
    one = async_client()
    await asyncio.gather(*(ask(one) for _ in range(6)))
    assert ledger(telemetry).amounts == (Decimal("0.035"),) * 6
    assert set(scopes(telemetry)) == {OPENINFERENCE}


# --- providers, suppression, and all three of them ---


def test_with_two_tracer_providers_each_has_its_span(server, client, both, telemetry):
    elsewhere = Telemetry()
    both(theirs={"tracer_provider": elsewhere.tracer_provider})
    server.queue(json_answer(chat()))
    ask(client())
    assert scopes(telemetry) == [OURS]
    assert scopes(elsewhere) == [OPENINFERENCE]
    assert telemetry.span().parent == elsewhere.span().context
    assert ledger(telemetry).amounts == (Decimal("0.035"),)
    assert ledger(telemetry).costs == 1
    elsewhere.close()


def test_with_two_tracer_providers_the_current_span_may_be_the_other_one_s(server, client, both, telemetry):
    elsewhere = Telemetry()
    both(theirs={"tracer_provider": elsewhere.tracer_provider}, spans="current")
    server.queue(json_answer(chat()))
    ask(client())
    assert telemetry.spans() == ()
    assert ledger(elsewhere).amounts == (Decimal("0.035"),)
    assert ledger(telemetry).costs == 1
    elsewhere.close()


@pytest.mark.parametrize("spans", ["own", "current", "none"])
@pytest.mark.parametrize("shape", [SHAPES["chat"], SHAPES["chat_stream"]], ids=lambda shape: shape.name)
def test_suppressed_instrumentation_records_nothing_at_all(server, client, both, telemetry, shape, spans):
    both(spans=spans)
    queue(server, shape)
    with suppress_instrumentation():
        shape.call(client())
    assert telemetry.spans() == ()
    assert telemetry.open_spans() == []
    assert telemetry.metric_names() <= {"openai_cost.price_book.age"}


@pytest.mark.parametrize(
    "order", list(itertools.permutations(("official", "openinference", "instrument"))), ids="-".join
)
def test_with_all_three_the_cost_is_on_the_official_span_alone(request, server, client, telemetry, order):
    pytest.importorskip("opentelemetry.instrumentation.genai.openai")
    before = entries()
    started = {name: request.getfixturevalue(name)() for name in order}
    shapes = [SHAPES[name] for name in ("chat", "chat_stream", "embedding")]
    queue(server, *shapes)
    one = client()
    for shape in shapes:
        shape.call(one)
    seen = ledger(telemetry)
    assert seen.ours == 0
    assert seen.costs == seen.durations == 3
    assert [span.attributes.get(AMOUNT) for span in spans_of(telemetry, OFFICIAL)] == [0.035, 0.035, 0.00002]
    assert not [name for span in spans_of(telemetry, OPENINFERENCE) for name in cost_names(span.attributes)]
    for name in order:
        started[name].uninstrument()
    assert left_over(before) == []
    server.queue(json_answer(chat()))
    ask(one)
    assert ledger(telemetry) == seen
