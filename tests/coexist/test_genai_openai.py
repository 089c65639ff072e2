# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Beside opentelemetry-instrumentation-genai-openai: it describes the call, we add what it costs."""

import threading
from decimal import Decimal

import openai
import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import INVALID_SPAN, StatusCode, get_current_span

pytest.importorskip("opentelemetry.instrumentation.genai.openai")

from coexist.calls import (
    AMOUNT,
    OFFICIAL,
    OURS,
    RESPONSE,
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
from support.clients import needs_responses
from support.expect import (
    AT_OPENAI,
    COST,
    DURATION,
    FIRST_CHUNK,
    TOKENS,
    UNPRICED,
    ask,
    assert_breakdown_adds_up,
    assert_no_cost,
    assert_same,
    chat,
    money,
    streamed,
)
from support.payloads import events, payload
from support.server import Gate, json_answer, sse_answer
from support.telemetry import Telemetry

FAILING = [shape for shape in parameters() if "raw" not in shape.id]


@pytest.fixture(params=ORDERS)
def both(request, official, instrument):
    """``both(**options of ours)`` instruments with the two packages, in either order."""
    return in_order(request.param, official, instrument)


def assert_described_once(telemetry, shape):
    """One span, theirs; one duration, one record a kind of token, and one cost."""
    seen = ledger(telemetry)
    assert (seen.ours, seen.theirs) == (0, 1)
    assert seen.amounts == (Decimal(shape.amount),)
    assert (seen.costs, seen.cost) == (1, Decimal(shape.amount))
    assert seen.durations == 1
    assert seen.tokens == {kind: (1, count) for kind, count in shape.tokens}
    assert seen.unpriced == 0
    assert scopes(telemetry) == [OFFICIAL]
    span = telemetry.span()
    assert span.name == shape.span
    assert span.status.status_code is StatusCode.UNSET
    assert span.attributes["gen_ai.usage.cost.currency"] == "USD"
    assert span.attributes["gen_ai.usage.cost.source"] == "local"
    assert span.attributes["openai_cost.status"] == "priced"
    assert_breakdown_adds_up(span.attributes)
    assert get_current_span() is INVALID_SPAN


@pytest.mark.parametrize("shape", parameters())
def test_a_call_is_described_once_and_priced_once(server, client, both, telemetry, shape):
    both()
    queue(server, shape)
    shape.call(client())
    assert_described_once(telemetry, shape)


@pytest.mark.parametrize("shape", parameters())
async def test_an_asynchronous_call_is_described_once_and_priced_once(server, async_client, both, telemetry, shape):
    both()
    queue(server, shape)
    await shape.call_async(async_client())
    assert_described_once(telemetry, shape)


@pytest.mark.parametrize("shape", parameters())
def test_our_cost_becomes_no_label_of_their_metrics(server, client, official, instrument, shape):
    labels = []
    for with_ours in (False, True):
        telemetry = Telemetry()
        providers = {"tracer_provider": telemetry.tracer_provider, "meter_provider": telemetry.meter_provider}
        theirs = official(**providers)
        ours = instrument(**providers) if with_ours else None
        queue(server, shape)
        shape.call(client())
        labels.append(
            {name: [given for given, _ in telemetry.points(name)] for name in (DURATION, TOKENS, FIRST_CHUNK)}
        )
        theirs.uninstrument()
        if ours is not None:
            ours.uninstrument()
        telemetry.close()
    alone, together = labels
    assert alone == together
    assert alone[TOKENS]
    assert not [name for points in together.values() for given in points for name in cost_names(given)]


def test_the_labels_of_the_token_metric_are_exactly_theirs(server, client, both, telemetry):
    both()
    server.queue(json_answer(chat(service_tier="default", system_fingerprint="fp_1")))
    ask(client())
    common = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5.5",
        "gen_ai.response.model": "gpt-5.5",
        "server.address": "api.openai.com",
        "openai.response.service_tier": "default",
        "openai.response.system_fingerprint": "fp_1",
    }
    labels, _ = telemetry.point(DURATION)
    assert_same(labels, common)
    for kind in ("input", "output"):
        labels, _ = telemetry.point(TOKENS, **{"gen_ai.token.type": kind})
        assert_same(labels, {**common, "gen_ai.token.type": kind})


def test_the_labels_of_the_cost_metric_are_exactly_ours(server, client, both, telemetry):
    both()
    server.queue(json_answer(chat(service_tier="default", system_fingerprint="fp_1")))
    ask(client())
    labels, _ = telemetry.point(COST)
    assert_same(
        labels,
        {
            **AT_OPENAI,
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-5.5",
            "gen_ai.response.model": "gpt-5.5",
            "gen_ai.usage.cost.currency": "USD",
            "gen_ai.usage.cost.source": "local",
            "openai.response.service_tier": "default",
        },
    )


def test_the_attributes_of_their_span_are_those_it_has_alone_and_our_cost(server, client, official, instrument):
    seen = []
    for with_ours in (False, True):
        telemetry = Telemetry()
        providers = {"tracer_provider": telemetry.tracer_provider, "meter_provider": telemetry.meter_provider}
        theirs = official(**providers)
        ours = instrument(**providers) if with_ours else None
        server.queue(json_answer(chat()))
        ask(client(), temperature=0.5, seed=7)
        seen.append(telemetry.attributes())
        theirs.uninstrument()
        if ours is not None:
            ours.uninstrument()
        telemetry.close()
    alone, together = seen
    added = {name: value for name, value in together.items() if name not in alone}
    assert {name: value for name, value in together.items() if name in alone} == alone
    assert all(name.startswith(("gen_ai.usage.cost.", "openai_cost.")) for name in added)
    assert added[AMOUNT] == 0.035


@pytest.mark.parametrize("shape", FAILING)
def test_an_error_is_recorded_once_and_costs_nothing(server, client, both, telemetry, shape):
    both()
    server.queue(refused())
    with pytest.raises(openai.RateLimitError):
        shape.call(client())
    assert_failed_once(telemetry)


@pytest.mark.parametrize("shape", FAILING)
async def test_an_asynchronous_error_is_recorded_once_and_costs_nothing(server, async_client, both, telemetry, shape):
    both()
    server.queue(refused())
    with pytest.raises(openai.RateLimitError):
        await shape.call_async(async_client())
    assert_failed_once(telemetry)


def assert_failed_once(telemetry):
    seen = ledger(telemetry)
    assert (seen.ours, seen.theirs) == (0, 1)
    assert (seen.costs, seen.durations, seen.tokens, seen.unpriced) == (0, 1, {}, 1)
    span = telemetry.span()
    assert span.status.status_code is StatusCode.ERROR
    assert_no_cost(span.attributes)
    assert span.attributes["openai_cost.status"] == "unpriced"
    assert span.attributes["openai_cost.unpriced.reason"] == "error"
    labels, _ = telemetry.point(DURATION)
    assert labels["error.type"] == span.attributes["error.type"]
    assert cost_names(labels) == []


def test_a_stream_that_breaks_midway_is_one_error(server, client, both, telemetry):
    both()
    server.queue(sse_answer(streamed(), cut_after=300))
    with pytest.raises(Exception, match=r"(?i)peer closed|incomplete|connection error"):
        list(ask(client(), stream=True))
    assert_failed_once(telemetry)


def test_a_stream_that_is_left_early_is_recorded_once_and_has_no_price(server, client, both, telemetry):
    both()
    server.queue(sse_answer(streamed()))
    with ask(client(), stream=True) as stream:
        next(iter(stream))
    seen = ledger(telemetry)
    assert (seen.ours, seen.theirs, seen.durations) == (0, 1, 1)
    assert (seen.costs, seen.unpriced) == (0, 1)
    assert_no_cost(telemetry.attributes())
    assert telemetry.point(UNPRICED)[0]["openai_cost.unpriced.reason"] == "no_usage"


def test_a_stream_without_usage_is_recorded_once_and_has_no_price(server, client, both, telemetry):
    both()
    server.queue(sse_answer(streamed(usage=False)))
    list(ask(client(), stream=True))
    seen = ledger(telemetry)
    assert (seen.ours, seen.theirs, seen.durations, seen.tokens) == (0, 1, 1, {})
    assert (seen.costs, seen.unpriced) == (0, 1)
    attributes = telemetry.attributes()
    assert_no_cost(attributes)
    assert attributes["openai_cost.unpriced.reason"] == "no_usage"


def test_what_is_billed_although_parse_raises_is_counted(server, client, both, telemetry):
    from pydantic import ValidationError

    if not hasattr(openai.resources.chat.completions.Completions, "parse"):
        pytest.skip("the client has no parse")
    both()
    server.queue(json_answer(chat()))
    with pytest.raises(ValidationError):
        SHAPES["chat_parse"].call(client())
    seen = ledger(telemetry)
    assert (seen.ours, seen.theirs, seen.durations) == (0, 1, 1)
    assert (seen.costs, seen.cost, seen.unpriced) == (1, Decimal("0.035"), 0)
    assert seen.amounts == (Decimal("0.035"),)


def test_a_call_that_cannot_be_priced_says_so_on_their_span(server, client, both, telemetry):
    both()
    server.queue(json_answer(chat("gpt-99-unheard-of")))
    ask(client())
    seen = ledger(telemetry)
    assert (seen.ours, seen.theirs, seen.durations, seen.costs, seen.unpriced) == (0, 1, 1, 0, 1)
    assert seen.tokens == {"input": (1, 1000), "output": (1, 1000)}
    attributes = telemetry.attributes()
    assert_no_cost(attributes)
    assert attributes["openai_cost.status"] == "unpriced"
    assert attributes["openai_cost.unpriced.reason"] == "unknown_model"


def test_retries_are_one_call(server, client, both, telemetry):
    both()
    again = json_answer(payload("error_429.json"), status=429, headers={"retry-after-ms": "1"})
    server.queue(again, again, json_answer(chat()))
    ask(client(max_retries=2))
    assert_described_once(telemetry, SHAPES["chat"])


def test_an_azure_call_is_described_once_and_priced_once(server, azure_client, both, telemetry):
    both()
    server.queue(json_answer(chat("gpt-4o-2024-11-20")))
    ask(azure_client(), model="our-deployment")
    seen = ledger(telemetry)
    assert (seen.ours, seen.theirs, seen.costs, seen.durations) == (0, 1, 1, 1)
    assert seen.amounts == (Decimal("0.0125"),)


def test_an_endpoint_that_they_do_not_know_has_our_span(server, client, both, telemetry):
    both()
    server.queue(json_answer(payload("completion_legacy.json")))
    client().completions.create(model="gpt-3.5-turbo-instruct", prompt="Hello")
    assert scopes(telemetry) == [OURS]
    assert ledger(telemetry).durations == 1
    assert AMOUNT in telemetry.attributes()


def test_fetching_a_stored_response_costs_nothing(server, client, both, telemetry):
    if not hasattr(openai.resources, "responses"):
        pytest.skip("the client has no Responses API")
    both()
    server.queue(json_answer(payload("response_simple.json")))
    client().responses.retrieve("resp_1")
    seen = ledger(telemetry)
    assert (seen.ours, seen.theirs, seen.costs, seen.durations, seen.tokens) == (0, 1, 0, 1, {})
    assert_no_cost(telemetry.attributes())


def test_calls_of_one_client_follow_one_another_without_touching(server, client, both, telemetry):
    both()
    shapes = [SHAPES[name] for name in ("chat", "embedding", "chat_stream", "chat")]
    queue(server, *shapes)
    one = client()
    for shape in shapes:
        shape.call(one)
    assert ledger(telemetry).amounts == tuple(Decimal(shape.amount) for shape in shapes)
    assert ledger(telemetry).costs == len(shapes)
    assert set(scopes(telemetry)) == {OFFICIAL}


def test_two_streams_read_in_turn_cost_what_each_of_them_cost(server, client, both, telemetry):
    both()
    server.queue(sse_answer(streamed()), sse_answer(streamed(model="gpt-4o-mini")))
    one = client()
    first, second = (ask(one, model=model, stream=True) for model in ("gpt-5.5", "gpt-4o-mini"))
    for _ in zip(first, second, strict=True):
        assert get_current_span() is INVALID_SPAN
    assert sorted(ledger(telemetry).amounts) == [Decimal("0.00075"), Decimal("0.035")]
    amounts = {span.attributes["gen_ai.request.model"]: span.attributes[AMOUNT] for span in telemetry.spans()}
    assert amounts == {"gpt-5.5": 0.035, "gpt-4o-mini": 0.00075}


def test_calls_in_parallel_threads_are_each_priced_on_their_own_span(server, client, both, telemetry):
    both()
    gate = Gate()
    server.queue(*(json_answer(chat(), before=[gate]) for _ in range(4)))
    one = client()
    threads = [threading.Thread(target=ask, args=(one,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    gate.wait_until_reached()
    gate.open()
    for thread in threads:
        thread.join()
    seen = ledger(telemetry)
    assert seen.amounts == (Decimal("0.035"),) * 4
    assert (seen.ours, seen.theirs, seen.costs, seen.durations) == (0, 4, 4, 4)


async def test_calls_in_parallel_tasks_are_each_priced_on_their_own_span(server, async_client, both, telemetry):
    import asyncio

    both()
    server.route("POST", "/v1/chat/completions", json_answer(chat()))
    one = async_client()
    await asyncio.gather(*(ask(one) for _ in range(6)))
    seen = ledger(telemetry)
    assert seen.amounts == (Decimal("0.035"),) * 6
    assert (seen.ours, seen.theirs, seen.costs, seen.durations) == (0, 6, 6, 6)


def test_a_span_of_theirs_that_is_not_sampled_leaves_the_cost_in_the_histogram(server, client, both, telemetry):
    unsampled = Telemetry(sampler=ALWAYS_OFF)
    both(theirs={"tracer_provider": unsampled.tracer_provider})
    server.queue(json_answer(chat()))
    ask(client())
    seen = ledger(telemetry)
    assert (seen.ours, seen.theirs, seen.costs, seen.cost) == (0, 0, 1, Decimal("0.035"))
    unsampled.close()


def test_with_two_pairs_of_providers_the_cost_is_on_their_span_and_in_our_histogram(server, client, both, telemetry):
    elsewhere = Telemetry()
    both(theirs={"tracer_provider": elsewhere.tracer_provider, "meter_provider": elsewhere.meter_provider})
    server.queue(json_answer(chat()))
    ask(client())
    here, there = ledger(telemetry), ledger(elsewhere)
    assert (here.ours, here.theirs, here.costs, here.durations, here.tokens) == (0, 0, 1, 0, {})
    assert (there.ours, there.theirs, there.costs, there.durations) == (0, 1, 0, 1)
    assert there.amounts == (Decimal("0.035"),)
    assert there.tokens == {"input": (1, 1000), "output": (1, 1000)}
    elsewhere.close()


@pytest.mark.parametrize("shape", [SHAPES["chat"], SHAPES["chat_stream"]], ids=lambda shape: shape.name)
def test_suppressed_instrumentation_records_no_cost(server, client, both, telemetry, shape):
    both()
    queue(server, shape)
    with suppress_instrumentation():
        shape.call(client())
    # They do not ask whether they are suppressed: what they record is theirs.
    assert (ledger(telemetry).ours, ledger(telemetry).costs, ledger(telemetry).unpriced) == (0, 0, 0)
    assert not [name for span in telemetry.spans() for name in cost_names(span.attributes)]


@pytest.mark.parametrize("shape", [SHAPES["chat"], SHAPES["chat_stream"]], ids=lambda shape: shape.name)
def test_with_the_current_span_the_cost_is_on_theirs(server, client, both, telemetry, shape):
    both(spans="current")
    queue(server, shape)
    shape.call(client())
    assert_described_once(telemetry, shape)


@pytest.mark.parametrize("shape", [SHAPES["chat"], SHAPES["chat_stream"]], ids=lambda shape: shape.name)
def test_with_metrics_only_their_span_stays_as_it_is(server, client, both, telemetry, shape):
    both(spans="none")
    queue(server, shape)
    shape.call(client())
    seen = ledger(telemetry)
    assert (seen.ours, seen.theirs, seen.costs, seen.durations) == (0, 1, 1, 1)
    assert cost_names(telemetry.attributes()) == []


def test_the_current_span_of_the_user_has_no_part_in_it(server, client, both, telemetry):
    both(spans="current")
    server.queue(json_answer(chat()), json_answer(chat()))
    one = client()
    with telemetry.tracer_provider.get_tracer("mine").start_as_current_span("outer"):
        ask(one)
        ask(one)
    assert [AMOUNT in span.attributes for span in telemetry.spans()] == [True, True, False]
    assert ledger(telemetry).amounts == (Decimal("0.035"),) * 2


def test_message_content_is_theirs_to_record(server, client, official, instrument, telemetry, monkeypatch):
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "span_only")
    official()
    instrument()
    server.queue(json_answer(chat()))
    ask(client())
    attributes = telemetry.attributes()
    assert "Hello" in attributes["gen_ai.input.messages"]
    assert attributes[AMOUNT] == 0.035


# --- removal ---


@pytest.mark.parametrize("installed", ORDERS)
@pytest.mark.parametrize("removed", ORDERS)
def test_in_whatever_order_they_go_the_client_is_as_it_was(
    server, client, official, instrument, telemetry, installed, removed
):
    before = entries()
    starts = {ORDERS[0]: (official, instrument), ORDERS[1]: (instrument, official)}
    started = {start: start() for start in starts[installed]}
    one = client()
    first, second = starts[removed]

    started[first].uninstrument()
    server.queue(json_answer(chat()))
    ask(one)
    seen = ledger(telemetry)
    if first is official:
        assert (seen.ours, seen.theirs, seen.costs, seen.durations) == (1, 0, 1, 1)
        assert seen.amounts == (Decimal("0.035"),)
    else:
        assert (seen.ours, seen.theirs, seen.costs, seen.durations) == (0, 1, 0, 1)
        assert seen.amounts == ()
        assert cost_names(telemetry.attributes()) == []

    started[second].uninstrument()
    assert changed(before) == []
    server.queue(json_answer(chat()))
    ask(one)
    assert ledger(telemetry) == seen


@pytest.mark.parametrize("order", ORDERS)
def test_removing_ours_leaves_their_wrappers_in_place(official, instrument, order):
    for start in (official, instrument) if order == ORDERS[0] else (instrument, official):
        started = start()
        if start is instrument:
            ours = started
    places = {
        place: entry for place, entry in entries().items() if place[1] in ("create", "parse", "stream", "retrieve")
    }
    ours.uninstrument()
    now = entries()
    assert all(now[place] is entry for place, entry in places.items())


@pytest.mark.parametrize("order", ORDERS)
def test_ours_may_come_back_while_theirs_stays(server, client, official, instrument, telemetry, order):
    for start in (official, instrument) if order == ORDERS[0] else (instrument, official):
        start()
    one = client()
    for _ in range(3):
        instrument().uninstrument()
        instrument()
    server.queue(json_answer(chat()))
    ask(one)
    assert_described_once(telemetry, SHAPES["chat"])


@pytest.mark.parametrize("order", ORDERS)
def test_theirs_may_come_back_while_ours_stays(server, client, official, instrument, telemetry, order):
    for start in (official, instrument) if order == ORDERS[0] else (instrument, official):
        start()
    one = client()
    for _ in range(3):
        official().uninstrument()
        official()
    server.queue(json_answer(chat()))
    ask(one)
    assert_described_once(telemetry, SHAPES["chat"])


def test_a_stream_that_is_open_while_theirs_goes_is_priced_once(server, client, official, instrument, telemetry):
    theirs = official()
    instrument()
    server.queue(sse_answer(streamed()))
    stream = ask(client(), stream=True)
    next(stream)
    theirs.uninstrument()
    list(stream)
    assert ledger(telemetry).costs == 1
    assert money(telemetry.span().attributes[AMOUNT]) == Decimal("0.035")
    assert len(spans_of(telemetry, OFFICIAL)) == 1


@needs_responses
@pytest.mark.parametrize("spaced", [b'"response":{', b'"response" : {'])
@pytest.mark.parametrize("gzip", [False, True])
@pytest.mark.parametrize("split", [200, 4000])
def test_their_span_of_a_stream_of_responses_has_the_cost_wherever_its_last_event_was_cut(
    server, client, both, telemetry, split, gzip, spaced
):
    both()
    body = b"".join(events("response_stream.sse")).replace(b'"response":{', spaced)
    server.queue(sse_answer([body], split=split, gzip=gzip))
    list(client().responses.create(stream=True, **RESPONSE))
    assert money(telemetry.span().attributes[AMOUNT]) == Decimal("0.0213664")
    assert scopes(telemetry) == [OFFICIAL]


def test_a_stream_that_is_open_while_ours_goes_is_read_to_its_end(server, client, official, instrument, telemetry):
    official()
    ours = instrument()
    server.queue(sse_answer(streamed()))
    stream = ask(client(), stream=True)
    next(stream)
    ours.uninstrument()
    assert len(list(stream)) == 2
    assert scopes(telemetry) == [OFFICIAL]
    assert ledger(telemetry).tokens == {"input": (1, 1000), "output": (1, 1000)}
