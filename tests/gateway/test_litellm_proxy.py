# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Calls through a real LiteLLM proxy: the cost that it states is passed on, and a cost of 0 is none."""

from decimal import Decimal
from importlib.util import find_spec
from typing import Any

import openai
import pytest

from gateway.proxy import REPLY, Proxy, chat, embeddings
from support.clients import needs_responses
from support.expect import (
    COST,
    MESSAGES,
    UNPRICED,
    assert_breakdown_adds_up,
    assert_ended_once,
    assert_failed,
    assert_priced,
    assert_unpriced,
    money,
)
from support.payloads import events, payload
from support.server import json_answer, sse_answer
from support.telemetry import Telemetry
from support.ways import WAYS, async_call, call

# Asked for without importing it: the import takes seconds, and looks for prices on the Internet.
if find_spec("litellm") is None:
    pytest.skip("LiteLLM is not installed; `tox -e gateway` runs these tests", allow_module_level=True)

either_streamed = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
every_way = pytest.mark.parametrize("way", WAYS)


def read(answer: Any) -> Any:
    """The parsed answer; of a stream, the list of its chunks."""
    parsed = answer.parse() if hasattr(answer, "parse") else answer
    return list(parsed) if isinstance(parsed, openai.Stream) else parsed


async def async_read(answer: Any) -> Any:
    """The parsed answer; of a stream, the list of its chunks."""
    parsed = answer.parse() if hasattr(answer, "parse") else answer
    return [chunk async for chunk in parsed] if isinstance(parsed, openai.AsyncStream) else parsed


def assert_passed_on(telemetry: Telemetry, proxy: Proxy, amount: Decimal) -> None:
    """The amount that the proxy stated is on the span and in the histogram, in its name and in US dollars."""
    assert amount > 0
    assert_priced(telemetry, str(amount))
    attributes = telemetry.attributes()
    labels, _ = telemetry.point(COST)
    for recorded in (attributes, labels):
        assert recorded["gen_ai.usage.cost.source"] == "provider"
        assert recorded["gen_ai.usage.cost.currency"] == "USD"
        assert recorded["server.address"] == "127.0.0.1"
        assert recorded["server.port"] == proxy.port
    assert attributes["openai_cost.status"] == "priced"
    assert attributes["openai_cost.pricing.source"] == "provider"
    assert attributes["gen_ai.usage.input_tokens"] > 0
    assert "openai_cost.input" not in attributes


# --- a model whose price the proxy knows ---


@every_way
@either_streamed
def test_the_cost_of_a_chat_completion_is_passed_on(proxy, gateway, instrument, telemetry, streamed, way):
    options = chat("gpt-4o-mini", streamed)
    stated = proxy.stated("chat/completions", options)
    instrument()
    read(call(gateway.chat.completions, way, **options))
    assert_passed_on(telemetry, proxy, stated)
    assert "openai_cost.estimated_amount" not in telemetry.attributes()


@every_way
@either_streamed
async def test_the_cost_of_an_asynchronous_chat_completion_is_passed_on(
    proxy, async_gateway, instrument, telemetry, streamed, way
):
    options = chat("gpt-4o-mini", streamed)
    stated = proxy.stated("chat/completions", options)
    instrument()
    await async_read(await async_call(async_gateway.chat.completions, way, **options))
    assert_passed_on(telemetry, proxy, stated)


@every_way
def test_the_cost_of_embeddings_is_passed_on(proxy, gateway, instrument, telemetry, way):
    options = embeddings("text-embedding-3-small")
    stated = proxy.stated("embeddings", options)
    instrument()
    call(gateway.embeddings, way, **options)
    assert_passed_on(telemetry, proxy, stated)


@every_way
async def test_the_cost_of_asynchronous_embeddings_is_passed_on(proxy, async_gateway, instrument, telemetry, way):
    options = embeddings("text-embedding-3-small")
    stated = proxy.stated("embeddings", options)
    instrument()
    await async_call(async_gateway.embeddings, way, **options)
    assert_passed_on(telemetry, proxy, stated)


@either_streamed
def test_the_cost_of_a_legacy_completion_is_passed_on(proxy, gateway, instrument, telemetry, streamed):
    options = {**chat("gpt-4o-mini", streamed), "prompt": "Hello"}
    del options["messages"]
    stated = proxy.stated("completions", options)
    instrument()
    read(gateway.completions.create(**options))
    assert_passed_on(telemetry, proxy, stated)


def test_the_header_of_a_raw_response_is_the_amount_on_the_span(gateway, instrument, telemetry):
    instrument()
    raw = gateway.chat.completions.with_raw_response.create(**chat("gpt-4o-mini"))
    # 10 tokens in and 20 out at 0.15 and 0.60 US dollars per million.
    assert raw.headers["x-litellm-response-cost"] == "1.35e-05"
    assert_priced(telemetry, "0.0000135")
    assert raw.parse().choices[0].message.content == REPLY


def test_the_last_chunk_of_a_stream_has_the_amount_on_the_span(gateway, instrument, telemetry):
    instrument()
    chunks = list(gateway.chat.completions.create(**chat("gpt-4o-mini", streamed=True)))
    assert telemetry.attributes()["gen_ai.usage.cost.amount"] == chunks[-1].usage.cost
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == REPLY


def test_a_stream_without_usage_has_no_cost(gateway, instrument, telemetry):
    instrument()
    assert list(gateway.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, stream=True))
    assert_unpriced(telemetry, "no_usage")


def test_a_stream_whose_usage_we_ask_for_has_the_proxy_s_cost(proxy, gateway, instrument, telemetry):
    stated = proxy.stated("chat/completions", chat("gpt-4o-mini", streamed=True))
    instrument(stream_usage="request")
    chunks = list(gateway.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, stream=True))
    assert_passed_on(telemetry, proxy, stated)
    assert not [chunk for chunk in chunks if chunk.usage is not None]


# --- our own price beside it ---


@either_streamed
def test_our_own_price_stands_beside_the_proxy_s_where_the_price_file_names_the_host(
    proxy, gateway, instrument, telemetry, prices, streamed
):
    options = chat("gpt-4o", streamed)
    stated = proxy.stated("chat/completions", options)
    instrument(prices=prices)
    read(gateway.chat.completions.create(**options))
    assert_passed_on(telemetry, proxy, stated)
    attributes = telemetry.attributes()
    into, out = attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]
    # The house bills 1 and 2 US dollars per million tokens, OpenAI 2.50 and 10.
    billed = (into * Decimal(1) + out * Decimal(2)) / 1_000_000
    # The proxy reckons in floats.
    assert abs(stated - billed) < Decimal("1e-12")
    estimate = (into * Decimal("2.5") + out * Decimal(10)) / 1_000_000
    assert money(attributes["openai_cost.estimated_amount"]) == estimate


async def test_our_own_price_stands_beside_the_proxy_s_for_asynchronous_embeddings(
    proxy, async_gateway, instrument, telemetry, prices
):
    options = embeddings("text-embedding-3-small")
    stated = proxy.stated("embeddings", options)
    instrument(prices=prices)
    await async_gateway.embeddings.create(**options)
    assert_passed_on(telemetry, proxy, stated)
    # Both know OpenAI's list price.
    assert money(telemetry.attributes()["openai_cost.estimated_amount"]) == stated


# --- a model that the proxy does not know: its cost is 0 ---


@every_way
@either_streamed
def test_a_cost_of_zero_with_tokens_is_no_price(gateway, instrument, telemetry, streamed, way):
    instrument()
    read(call(gateway.chat.completions, way, **chat("gpt-5.5", streamed)))
    assert telemetry.attributes()["gen_ai.usage.output_tokens"] > 0
    assert_ended_once(telemetry)
    assert_unpriced(telemetry, "unknown_provider")


@either_streamed
async def test_a_cost_of_zero_with_tokens_is_no_price_for_the_asynchronous_client(
    async_gateway, instrument, telemetry, streamed
):
    instrument()
    await async_read(await async_gateway.chat.completions.create(**chat("gpt-5.5", streamed)))
    assert_unpriced(telemetry, "unknown_provider")


def test_embeddings_at_a_cost_of_zero_have_no_price(proxy, gateway, instrument, telemetry):
    options = embeddings("text-embedding-3-large")
    assert proxy.stated("embeddings", options) == 0
    instrument()
    gateway.embeddings.create(**options)
    assert_unpriced(telemetry, "unknown_provider")


@either_streamed
def test_where_the_price_file_names_the_host_a_cost_of_zero_gives_way_to_our_own_price(
    gateway, instrument, telemetry, prices, streamed
):
    instrument(prices=prices)
    read(gateway.chat.completions.create(**chat("gpt-5.5", streamed)))
    attributes = telemetry.attributes()
    into, out = attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]
    assert_priced(telemetry, str((into * Decimal(5) + out * Decimal(30)) / 1_000_000))
    assert attributes["gen_ai.usage.cost.source"] == "local"
    assert telemetry.point(COST)[0]["gen_ai.usage.cost.source"] == "local"
    assert "openai_cost.estimated_amount" not in attributes
    assert_breakdown_adds_up(attributes)


# --- the Responses API ---


@needs_responses
def test_the_cost_of_a_response_is_passed_on(server, proxy, gateway, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("response_simple.json")))
    raw = gateway.responses.with_raw_response.create(model="gpt-5.6-sol", input="x")
    assert_passed_on(telemetry, proxy, Decimal(raw.headers["x-litellm-response-cost"]))


@needs_responses
def test_the_cost_of_a_streamed_response_is_passed_on(server, proxy, gateway, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("response_stream.sse")))
    last = list(gateway.responses.create(model="gpt-5.6-sol", input="x", stream=True))[-1]
    assert last.type == "response.completed"
    assert_passed_on(telemetry, proxy, Decimal(repr(last.response.usage.cost)))


# --- errors ---


def test_a_call_that_the_proxy_refuses_has_no_cost(gateway, instrument, telemetry):
    instrument()
    with pytest.raises(openai.BadRequestError, match="Invalid model name") as refused:
        gateway.chat.completions.create(**chat("nobody-s-model"))
    assert refused.value.response.headers["x-litellm-response-cost"] == "0"
    assert_failed(telemetry, "BadRequestError")
    assert telemetry.point(UNPRICED)[0]["openai_cost.unpriced.reason"] == "error"
