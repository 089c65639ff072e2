# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Several calls under one invocation of opentelemetry-util-genai: one span, and the sum of what they cost."""

import asyncio
import threading
from decimal import Decimal

import openai
import pytest

pytest.importorskip("opentelemetry.util.genai.handler")

from opentelemetry.context import attach, detach, get_current
from opentelemetry.util.genai.handler import TelemetryHandler

from coexist.calls import (
    AMOUNT,
    OURS,
    SHAPES,
    cost_names,
    has_responses,
    ledger,
    queue,
    refused,
    scopes,
    spans_of,
)
from support.expect import (
    COST,
    DURATION,
    TOKENS,
    UNPRICED,
    ask,
    assert_breakdown_adds_up,
    assert_no_cost,
    chat,
    money,
    response,
    streamed,
)
from support.server import Gate, json_answer, sse_answer

SCOPE = "framework"
"""The library that opens the invocation: an agent framework, a gateway, the user."""

UNHEARD = "gpt-99-unheard-of"


@pytest.fixture(params=["alone", "beside the official one"])
def beside(request, instrument):
    """Instruments with ours: by itself, and with the official package between the invocation and us."""
    if request.param != "alone":
        pytest.importorskip("opentelemetry.instrumentation.genai.openai")
        request.getfixturevalue("official")()
    instrument()


@pytest.fixture
def handler(telemetry):
    return TelemetryHandler(
        tracer_provider=telemetry.tracer_provider,
        meter_provider=telemetry.meter_provider,
        instrumentation_scope_name=SCOPE,
    )


def outer(handler, **options):
    return handler.inference("openai", **{"request_model": "gpt-5.5", **options})


def the_span(telemetry):
    """The invocation's span, the only one."""
    assert scopes(telemetry) == [SCOPE]
    return telemetry.span()


@pytest.mark.parametrize(
    "shape",
    [
        SHAPES["chat"],
        SHAPES["chat_stream"],
        pytest.param(SHAPES["response"], marks=has_responses),
        pytest.param(SHAPES["response_stream"], marks=has_responses),
    ],
    ids=lambda shape: shape.name,
)
def test_two_calls_are_two_cost_records_and_their_sum_on_the_span(server, client, beside, handler, telemetry, shape):
    queue(server, shape, shape)
    one = client()
    with outer(handler):
        shape.call(one)
        shape.call(one)
    seen = ledger(telemetry)
    assert seen.amounts == (Decimal("0.07"),)
    assert (seen.ours, seen.theirs, seen.costs, seen.cost) == (0, 1, 2, Decimal("0.07"))
    assert (seen.durations, seen.unpriced) == (1, 0)
    attributes = the_span(telemetry).attributes
    assert attributes["gen_ai.usage.cost.currency"] == "USD"
    assert attributes["gen_ai.usage.cost.source"] == "local"
    assert attributes["openai_cost.status"] == "priced"
    assert_breakdown_adds_up(attributes)


async def test_asynchronous_calls_are_summed_too(server, async_client, beside, handler, telemetry):
    shapes = [SHAPES["chat"], SHAPES["chat_stream"]]
    queue(server, *shapes)
    one = async_client()
    with outer(handler):
        for shape in shapes:
            await shape.call_async(one)
    seen = ledger(telemetry)
    assert seen.amounts == (Decimal("0.07"),)
    assert (seen.ours, seen.theirs, seen.costs, seen.durations) == (0, 1, 2, 1)


def test_the_sum_is_exact(server, client, beside, handler, telemetry):
    server.route("POST", "/v1/chat/completions", json_answer(chat("gpt-4o-mini", (1, 1))))
    one = client()
    with outer(handler):
        for _ in range(10):
            ask(one)
    # ten times 0.15 and 0.6 per million: added up as floats, this is not what comes out
    assert ledger(telemetry).amounts == (Decimal("0.0000075"),)
    assert telemetry.point(COST)[1].count == 10


def test_one_call_under_an_invocation_has_its_attributes_as_they_are(server, client, beside, handler, telemetry):
    queue(server, SHAPES["chat"])
    with outer(handler):
        SHAPES["chat"].call(client())
    attributes = the_span(telemetry).attributes
    assert attributes[AMOUNT] == 0.035
    assert attributes["openai_cost.pricing.model"] == "gpt-5.5"
    assert attributes["openai_cost.pricing.tier"] == "standard"


@pytest.mark.parametrize("priced_first", [True, False])
def test_with_an_unpriced_call_there_is_no_amount_but_what_the_priced_one_cost(
    server, client, beside, handler, telemetry, priced_first
):
    models = ["gpt-5.5", UNHEARD] if priced_first else [UNHEARD, "gpt-5.5"]
    server.queue(*(json_answer(chat(model)) for model in models))
    one = client()
    with outer(handler):
        ask(one)
        ask(one)
    attributes = the_span(telemetry).attributes
    assert_no_cost(attributes)
    assert attributes["openai_cost.status"] == "partial"
    assert attributes["openai_cost.unpriced.reason"] == "unknown_model"
    assert money(attributes["openai_cost.partial_amount"]) == Decimal("0.035")
    assert not {"openai_cost.input", "openai_cost.output"} & attributes.keys()
    seen = ledger(telemetry)
    assert (seen.costs, seen.cost, seen.unpriced, seen.durations) == (1, Decimal("0.035"), 1, 1)


def test_a_priced_call_after_an_unpriced_one_raises_the_lower_bound(server, client, beside, handler, telemetry):
    server.queue(*(json_answer(chat(model)) for model in ("gpt-5.5", UNHEARD, "gpt-5.5")))
    one = client()
    with outer(handler):
        for _ in range(3):
            ask(one)
    attributes = the_span(telemetry).attributes
    assert_no_cost(attributes)
    assert attributes["openai_cost.status"] == "partial"
    assert money(attributes["openai_cost.partial_amount"]) == Decimal("0.07")
    assert (ledger(telemetry).costs, ledger(telemetry).unpriced) == (2, 1)


def test_a_partial_call_and_a_priced_one_are_partial_together(server, client, beside, handler, telemetry):
    partial = chat("gpt-4o-mini", usage={"prompt_tokens_details": {"cache_write_tokens": 400}})
    server.queue(json_answer(partial), json_answer(chat()))
    one = client()
    with outer(handler):
        ask(one)
        ask(one)
    attributes = the_span(telemetry).attributes
    assert_no_cost(attributes)
    assert attributes["openai_cost.status"] == "partial"
    assert attributes["openai_cost.unpriced.reason"] == "missing_rate"
    # 600 at 0.15 and 1000 at 0.6 per million, and 0.035
    assert money(attributes["openai_cost.partial_amount"]) == Decimal("0.03569")


def test_unpriced_calls_only_leave_no_lower_bound(server, client, beside, handler, telemetry):
    server.queue(json_answer(chat(UNHEARD)), json_answer(chat(UNHEARD)))
    one = client()
    with outer(handler):
        ask(one)
        ask(one)
    attributes = the_span(telemetry).attributes
    assert_no_cost(attributes)
    assert attributes["openai_cost.status"] == "unpriced"
    assert attributes["openai_cost.unpriced.reason"] == "unknown_model"
    assert "openai_cost.partial_amount" not in attributes
    assert telemetry.point(UNPRICED)[1].value == 2


@has_responses
@pytest.mark.parametrize("cached_first", [True, False])
def test_calls_that_consist_of_different_parts_are_summed_part_by_part(
    server, client, beside, handler, telemetry, cached_first
):
    details = {
        "input_tokens_details": {"cached_tokens": 400, "cache_write_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 100},
    }
    call = {"type": "web_search_call", "status": "completed", "id": "ws", "action": {"type": "search", "query": "q"}}
    searching = response(
        output=[call, {**call, "id": "ws2"}],
        tools=[{"type": "web_search"}],
        tool_usage={"web_search": {"num_requests": 2}},
    )
    bodies = [response(usage=details), searching]
    server.queue(*map(json_answer, bodies if cached_first else reversed(bodies)))
    one = client()
    with outer(handler):
        for _ in range(2):
            SHAPES["response"].call(one)
    attributes = the_span(telemetry).attributes
    parts = {
        # 600 at 5, 400 at 0.5; 1000 at 5
        "input": "0.0082",
        "cache_read": "0.0002",
        # twice 1000 at 30, of which 100 are reasoning
        "output": "0.06",
        "reasoning": "0.003",
        # two searches at 10 a thousand
        "tool": "0.02",
    }
    assert {name: money(attributes[f"openai_cost.{name}"]) for name in parts} == {
        name: Decimal(amount) for name, amount in parts.items()
    }
    assert "openai_cost.cache_write" not in attributes
    assert money(attributes[AMOUNT]) == Decimal("0.0882")
    assert_breakdown_adds_up(attributes)
    assert ledger(telemetry).cost == Decimal("0.0882")


def test_amounts_in_two_currencies_have_no_sum(server, client, instrument, handler, telemetry, tmp_path):
    prices = tmp_path / "prices.json"
    prices.write_text('{"models": {"acme-gpt": {"input": "1", "output": "4", "currency": "EUR"}}}', encoding="utf-8")
    instrument(prices=str(prices))
    server.queue(json_answer(chat()), json_answer(chat("acme-gpt")))
    one = client()
    with outer(handler):
        ask(one)
        ask(one, model="acme-gpt")
    attributes = the_span(telemetry).attributes
    assert_no_cost(attributes)
    assert attributes["openai_cost.status"] == "partial"
    assert attributes["openai_cost.unpriced.reason"] == "unknown_currency"
    assert money(attributes["openai_cost.partial_amount"]) == Decimal("0.035")
    costs = {labels["gen_ai.usage.cost.currency"]: money(point.sum) for labels, point in telemetry.points(COST)}
    assert costs == {"USD": Decimal("0.035"), "EUR": Decimal("0.005")}


def test_a_discount_is_seen_in_the_sum_of_the_list_prices(server, client, instrument, handler, telemetry, tmp_path):
    prices = tmp_path / "prices.json"
    prices.write_text('{"discounts": [{"match": "gpt-5*", "percent": 10}]}', encoding="utf-8")
    instrument(prices=str(prices))
    queue(server, SHAPES["chat"], SHAPES["chat"])
    one = client()
    with outer(handler):
        ask(one)
        ask(one)
    attributes = the_span(telemetry).attributes
    assert money(attributes[AMOUNT]) == Decimal("0.063")
    assert money(attributes["openai_cost.list_amount"]) == Decimal("0.07")


def test_a_call_that_fails_takes_the_amount_off(server, client, beside, handler, telemetry):
    server.queue(json_answer(chat()), refused())
    one = client()
    with outer(handler):
        ask(one)
        with pytest.raises(openai.RateLimitError):
            ask(one)
    attributes = the_span(telemetry).attributes
    assert_no_cost(attributes)
    assert attributes["openai_cost.status"] == "partial"
    assert attributes["openai_cost.unpriced.reason"] == "error"
    assert money(attributes["openai_cost.partial_amount"]) == Decimal("0.035")
    assert (ledger(telemetry).costs, ledger(telemetry).unpriced) == (1, 1)


@pytest.mark.parametrize("count", [2, 8])
def test_calls_in_parallel_threads_are_summed(server, client, beside, handler, telemetry, count):
    gate = Gate()
    server.queue(*(json_answer(chat(), before=[gate]) for _ in range(count)))
    one = client()

    def work(context):
        token = attach(context)
        try:
            ask(one)
        finally:
            detach(token)

    with outer(handler):
        context = get_current()
        threads = [threading.Thread(target=work, args=(context,)) for _ in range(count)]
        for thread in threads:
            thread.start()
        gate.wait_until_reached()
        gate.open()
        for thread in threads:
            thread.join()
    seen = ledger(telemetry)
    assert seen.amounts == (count * Decimal("0.035"),)
    assert (seen.ours, seen.theirs, seen.costs, seen.cost) == (0, 1, count, count * Decimal("0.035"))
    assert_breakdown_adds_up(the_span(telemetry).attributes)


async def test_calls_in_parallel_tasks_are_summed(server, async_client, beside, handler, telemetry):
    server.route("POST", "/v1/chat/completions", json_answer(chat()))
    one = async_client()
    with outer(handler):
        await asyncio.gather(*(ask(one) for _ in range(8)))
    seen = ledger(telemetry)
    assert seen.amounts == (Decimal("0.28"),)
    assert (seen.ours, seen.theirs, seen.costs) == (0, 1, 8)


async def test_parallel_tasks_with_an_invocation_each_do_not_mix(server, async_client, beside, handler, telemetry):
    server.route("POST", "/v1/chat/completions", json_answer(chat()))
    one = async_client()

    async def work(calls):
        with outer(handler):
            for _ in range(calls):
                await ask(one)

    await asyncio.gather(*(work(calls) for calls in (1, 2, 3)))
    assert sorted(ledger(telemetry).amounts) == [Decimal("0.035"), Decimal("0.07"), Decimal("0.105")]


def test_streams_read_in_turn_are_summed(server, client, beside, handler, telemetry):
    server.queue(sse_answer(streamed()), sse_answer(streamed()))
    one = client()
    with outer(handler):
        first, second = ask(one, stream=True), ask(one, stream=True)
        for _ in zip(first, second, strict=True):
            pass
    seen = ledger(telemetry)
    assert seen.amounts == (Decimal("0.07"),)
    assert (seen.ours, seen.theirs, seen.costs) == (0, 1, 2)


def test_an_invocation_does_not_inherit_what_an_earlier_one_cost(server, client, beside, handler, telemetry):
    queue(server, *[SHAPES["chat"]] * 3)
    one = client()
    for calls in (2, 1):
        with outer(handler):
            for _ in range(calls):
                ask(one)
    assert ledger(telemetry).amounts == (Decimal("0.07"), Decimal("0.035"))


def test_after_the_invocation_calls_are_described_as_without_it(server, client, instrument, handler, telemetry):
    instrument()
    queue(server, SHAPES["chat"], SHAPES["chat"])
    one = client()
    with outer(handler):
        ask(one)
    ask(one)
    assert scopes(telemetry) == [SCOPE, OURS]
    assert ledger(telemetry).amounts == (Decimal("0.035"), Decimal("0.035"))
    assert ledger(telemetry).durations == 2


def test_an_invocation_inside_an_invocation_passes_the_sum_on(server, client, beside, handler, telemetry):
    queue(server, SHAPES["chat"], SHAPES["chat"])
    one = client()
    with outer(handler):
        ask(one)
        with outer(handler):
            ask(one)
    assert ledger(telemetry).amounts == (Decimal("0.07"),)
    assert ledger(telemetry).costs == 2


def test_embeddings_are_no_part_of_an_inference(server, client, beside, handler, telemetry):
    queue(server, SHAPES["chat"], SHAPES["embedding"])
    one = client()
    with outer(handler):
        SHAPES["chat"].call(one)
        SHAPES["embedding"].call(one)
    embedding, inference = telemetry.spans()
    assert embedding.name == "embeddings text-embedding-3-small"
    assert money(embedding.attributes[AMOUNT]) == Decimal("0.00002")
    assert inference.instrumentation_scope.name == SCOPE
    assert money(inference.attributes[AMOUNT]) == Decimal("0.035")
    assert (ledger(telemetry).costs, ledger(telemetry).durations) == (2, 2)


def test_embeddings_under_an_embedding_invocation_are_summed(server, client, beside, handler, telemetry):
    queue(server, SHAPES["embedding"], SHAPES["embedding"])
    one = client()
    with handler.embedding("openai", request_model="text-embedding-3-small"):
        SHAPES["embedding"].call(one)
        SHAPES["embedding"].call(one)
    seen = ledger(telemetry)
    assert seen.amounts == (Decimal("0.00004"),)
    assert (seen.ours, seen.theirs, seen.costs, seen.durations) == (0, 1, 2, 1)


def test_a_chat_under_an_embedding_invocation_has_a_span_of_its_own(server, client, beside, handler, telemetry):
    queue(server, SHAPES["chat"])
    with handler.embedding("openai", request_model="text-embedding-3-small"):
        SHAPES["chat"].call(client())
    chat_span, embedding = telemetry.spans()
    assert chat_span.attributes[AMOUNT] == 0.035
    assert embedding.instrumentation_scope.name == SCOPE
    assert cost_names(embedding.attributes) == []


@pytest.mark.parametrize("kind", ["workflow", "invoke_local_agent", "tool"])
def test_what_is_no_model_call_gets_no_cost(server, client, beside, handler, telemetry, kind):
    queue(server, SHAPES["chat"], SHAPES["chat"])
    one = client()
    opened = {
        "workflow": lambda: handler.workflow(name="w"),
        "invoke_local_agent": lambda: handler.invoke_local_agent(request_model="gpt-5.5"),
        "tool": lambda: handler.tool("t"),
    }
    with opened[kind]():
        ask(one)
        ask(one)
    *calls, around = telemetry.spans()
    assert [span.attributes[AMOUNT] for span in calls] == [0.035, 0.035]
    assert cost_names(around.attributes) == []
    assert ledger(telemetry).costs == 2


def test_an_invocation_that_ended_takes_nothing_and_nothing_is_lost(server, client, beside, handler, telemetry, caplog):
    server.queue(sse_answer(streamed()))
    one = client()
    with outer(handler):
        stream = ask(one, stream=True)
    list(stream)
    assert not [record for record in caplog.records if record.name.startswith(OURS)]
    seen = ledger(telemetry)
    assert (seen.ours, seen.theirs, seen.amounts) == (0, 1, ())
    assert (seen.costs, seen.cost) == (1, Decimal("0.035"))


def test_what_the_owner_of_the_invocation_says_of_cost_stays(server, client, beside, handler, telemetry):
    queue(server, SHAPES["chat"])
    with outer(handler) as invocation:
        SHAPES["chat"].call(client())
        invocation.attributes[AMOUNT] = 1.5
    assert telemetry.attributes()[AMOUNT] == 1.5
    assert ledger(telemetry).cost == Decimal("0.035")


def test_attributes_of_the_owner_are_not_touched(server, client, beside, handler, telemetry):
    queue(server, SHAPES["chat"], SHAPES["chat"])
    one = client()
    with outer(handler) as invocation:
        invocation.attributes["mine"] = "yes"
        ask(one)
        ask(one)
    assert telemetry.attributes()["mine"] == "yes"


def test_cost_is_no_label_of_the_invocation_s_metrics(server, client, beside, handler, telemetry):
    queue(server, SHAPES["chat"], SHAPES["chat"])
    one = client()
    with outer(handler) as invocation:
        ask(one)
        ask(one)
        assert cost_names(invocation.metric_attributes) == []
    for name in (DURATION, TOKENS):
        for labels, _ in telemetry.points(name):
            assert cost_names(labels) == []
            assert not [label for label in labels if label.startswith("openai_cost")]


def test_without_any_other_instrumentation_an_invocation_has_no_tokens_of_ours(
    server, client, instrument, handler, telemetry
):
    instrument()
    queue(server, SHAPES["chat"])
    with outer(handler):
        SHAPES["chat"].call(client())
    # Tokens are for whoever opened the invocation to report: a second set would be counted twice.
    assert telemetry.points(TOKENS) == []
    assert telemetry.point(DURATION)[1].count == 1
    assert spans_of(telemetry, OURS) == []


@pytest.mark.parametrize("spans", ["current", "none"])
def test_without_spans_of_our_own_the_sum_is_put_where_the_option_says(
    server, client, instrument, handler, telemetry, spans
):
    instrument(spans=spans)
    queue(server, SHAPES["chat"], SHAPES["chat"])
    one = client()
    with outer(handler):
        ask(one)
        ask(one)
    seen = ledger(telemetry)
    assert seen.amounts == ((Decimal("0.07"),) if spans == "current" else ())
    assert (seen.ours, seen.theirs, seen.costs) == (0, 1, 2)


@pytest.mark.parametrize("breakdown", [True, False])
def test_the_breakdown_may_be_left_out_of_the_sum_as_of_a_span(
    server, client, instrument, handler, telemetry, breakdown
):
    instrument(breakdown=breakdown)
    queue(server, SHAPES["chat"], SHAPES["chat"])
    one = client()
    with outer(handler):
        ask(one)
        ask(one)
    attributes = telemetry.attributes()
    assert money(attributes[AMOUNT]) == Decimal("0.07")
    assert ("openai_cost.input" in attributes) is breakdown


def test_many_invocations_leave_nothing_behind(server, client, instrument, handler):
    import gc
    import weakref

    instrument()
    server.route("POST", "/v1/chat/completions", json_answer(chat()))
    one = client()
    kept = []
    for _ in range(20):
        with outer(handler) as invocation:
            ask(one)
        kept.append(weakref.ref(invocation))
    del invocation
    gc.collect()
    assert [ref for ref in kept if ref() is not None] == []
