# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Raw responses and bodies still on the wire: the caller reads what and how they like, and the usage is found all the same."""

import gc
import json

import openai
import pytest

from support.clients import needs_responses
from support.expect import MESSAGES, ask, assert_abandoned, assert_priced, chat, money, response, streamed
from support.payloads import payload
from support.server import json_answer, sse_answer
from support.ways import call

REQUEST = {"model": "gpt-5.5", "messages": MESSAGES}
PRICE = "0.035"


def kind(name):
    """Name of a class of the client's raw responses, without what it is parametrized with."""
    return type(name).__name__


# --- with_raw_response: the body has been read, the caller decides whether it is parsed ---


def test_a_raw_response_is_priced_before_anybody_parses_it(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat(), headers={"x-request-id": "req_1"}))
    raw = client().chat.completions.with_raw_response.create(**REQUEST)
    assert_priced(telemetry, PRICE)
    assert raw.headers["x-request-id"] == "req_1"
    assert json.loads(raw.content) == chat()
    parsed = raw.parse()
    assert isinstance(parsed, openai.types.chat.ChatCompletion)
    assert parsed.usage.total_tokens == 2000
    assert_priced(telemetry, PRICE)


def test_a_raw_response_is_of_the_client_s_own_type(server, client, instrument):
    server.route("POST", "/v1/chat/completions", json_answer(chat()))
    one = client()
    bare = one.chat.completions.with_raw_response.create(**REQUEST)
    instrument()
    observed = one.chat.completions.with_raw_response.create(**REQUEST)
    assert type(observed) is type(bare)
    assert type(observed.http_response) is type(bare.http_response)


def test_a_raw_response_has_the_same_attributes_as_a_parsed_one(server, client, instrument, telemetry):
    instrument()
    server.route("POST", "/v1/chat/completions", json_answer(payload("chat_completion.json")))
    one = client()
    ask(one, model="gpt-5.6-sol")
    one.chat.completions.with_raw_response.create(**{**REQUEST, "model": "gpt-5.6-sol"})
    parsed, raw = telemetry.spans()
    assert raw.attributes == parsed.attributes


def test_raw_embeddings_are_priced(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("embeddings.json")))
    client().embeddings.with_raw_response.create(model="text-embedding-3-small", input="x", encoding_format="float")
    # 8 tokens at 0.02
    assert_priced(telemetry, "1.6E-7")


@pytest.mark.parametrize("created", [-1, 10**11, 10**400, "yesterday", None])
def test_a_moment_that_cannot_be_is_taken_for_now(server, client, instrument, telemetry, created):
    instrument()
    server.queue(json_answer(chat(created=created)))
    client().chat.completions.with_raw_response.create(**REQUEST)
    assert_priced(telemetry, PRICE)


@needs_responses
def test_a_raw_response_of_the_responses_api_is_priced(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(response()))
    client().responses.with_raw_response.create(model="gpt-5.5", input="x")
    assert_priced(telemetry, PRICE)


def test_a_raw_stream_is_priced_when_it_was_read(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()))
    raw = client().chat.completions.with_raw_response.create(**REQUEST, stream=True)
    assert raw.headers["content-type"].startswith("text/event-stream")
    assert telemetry.spans() == ()
    stream = raw.parse()
    assert type(stream) is openai.Stream
    assert len(list(stream)) == 3
    assert_priced(telemetry, PRICE)


async def test_an_asynchronous_raw_response_is_priced(server, async_client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat()))
    raw = await async_client().chat.completions.with_raw_response.create(**REQUEST)
    assert raw.parse().usage.total_tokens == 2000
    assert_priced(telemetry, PRICE)


async def test_an_asynchronous_raw_stream_is_priced_when_it_was_read(server, async_client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()))
    raw = await async_client().chat.completions.with_raw_response.create(**REQUEST, stream=True)
    stream = raw.parse()
    assert type(stream) is openai.AsyncStream
    assert len([chunk async for chunk in stream]) == 3
    assert_priced(telemetry, PRICE)


# --- with_streaming_response: the body is on the wire until the caller reads it ---


@pytest.mark.parametrize("gzip", [False, True])
@pytest.mark.parametrize("how", ["parse", "json", "read", "text", "iter_bytes", "iter_lines", "iter_text"])
def test_a_body_on_the_wire_is_priced_however_it_is_read(server, client, instrument, telemetry, how, gzip):
    instrument()
    server.queue(json_answer(chat(), gzip=gzip))
    with client().chat.completions.with_streaming_response.create(**REQUEST) as streaming:
        assert kind(streaming) == "APIResponse"
        got = getattr(streaming, how)()
        if how.startswith("iter"):
            got = list(got)
    assert got
    assert_priced(telemetry, PRICE)


def test_a_body_on_the_wire_that_nobody_reads_is_abandoned(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat()))
    with client().chat.completions.with_streaming_response.create(**REQUEST) as streaming:
        assert streaming.status_code == 200
    assert_abandoned(telemetry)


def test_an_exception_of_the_caller_leaves_a_body_on_the_wire_abandoned(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat()))
    mine = ValueError("mine")

    def use():
        with client().chat.completions.with_streaming_response.create(**REQUEST):
            raise mine

    with pytest.raises(ValueError, match="mine") as caught:
        use()
    assert caught.value is mine
    assert_abandoned(telemetry)


def test_events_on_the_wire_are_priced_when_they_are_parsed(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()))
    with client().chat.completions.with_streaming_response.create(**REQUEST, stream=True) as streaming:
        stream = streaming.parse()
        assert type(stream) is openai.Stream
        assert len(list(stream)) == 3
    assert_priced(telemetry, PRICE)


@pytest.mark.parametrize("gzip", [False, True])
def test_events_on_the_wire_are_priced_when_they_are_read_as_lines(server, client, instrument, telemetry, gzip):
    instrument()
    server.queue(sse_answer(streamed(), gzip=gzip))
    with client().chat.completions.with_streaming_response.create(**REQUEST, stream=True) as streaming:
        lines = [line for line in streaming.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    assert_priced(telemetry, PRICE)


def test_a_large_body_on_the_wire_is_passed_on_whole_and_priced(server, client, instrument, telemetry):
    instrument()
    body = chat()
    usage = body.pop("usage")
    body["choices"][0]["message"]["content"] = "x" * (9 * 1024 * 1024)
    body["usage"] = usage
    server.queue(json_answer(body))
    with client().chat.completions.with_streaming_response.create(**REQUEST) as streaming:
        size = sum(map(len, streaming.iter_bytes()))
    assert size == len(json.dumps(body))
    assert_priced(telemetry, PRICE)


@pytest.mark.parametrize("way", ["raw", "on the wire"])
def test_of_a_large_answer_that_is_not_parsed_the_finish_reasons_are_read_too(
    server, client, instrument, telemetry, way
):
    instrument()
    body = chat()
    choice = body["choices"][0]
    choice["message"]["content"] = "x" * (1024 * 1024)
    body["choices"] = [choice, {**choice, "index": 1, "finish_reason": "length"}]
    server.queue(json_answer({"usage": body.pop("usage"), **body}))
    call(client().chat.completions, way, **REQUEST)
    assert telemetry.attributes()["gen_ai.response.finish_reasons"] == ("stop", "length")
    assert_priced(telemetry, PRICE)


def test_a_large_parsed_body_is_priced(server, client, instrument, telemetry):
    instrument()
    body = payload("embeddings.json")
    body["data"][0]["embedding"] = [0.25] * 200_000
    server.queue(json_answer(body))
    reply = client().embeddings.create(model="text-embedding-3-small", input="x", encoding_format="float")
    assert len(reply.data[0].embedding) == 200_000
    assert_priced(telemetry, "1.6E-7")


@pytest.mark.parametrize("gzip", [False, True])
@pytest.mark.parametrize("how", ["parse", "json", "read", "text", "iter_bytes", "iter_lines"])
async def test_an_asynchronous_body_on_the_wire_is_priced_however_it_is_read(
    server, async_client, instrument, telemetry, how, gzip
):
    instrument()
    server.queue(json_answer(chat(), gzip=gzip))
    one = async_client()
    async with one.chat.completions.with_streaming_response.create(**REQUEST) as streaming:
        assert kind(streaming) == "AsyncAPIResponse"
        got = getattr(streaming, how)()
        got = [part async for part in got] if how.startswith("iter") else await got
    assert got
    assert_priced(telemetry, PRICE)


async def test_an_asynchronous_body_on_the_wire_that_nobody_reads_is_abandoned(
    server, async_client, instrument, telemetry
):
    instrument()
    server.queue(json_answer(chat()))
    one = async_client()
    async with one.chat.completions.with_streaming_response.create(**REQUEST) as streaming:
        assert streaming.status_code == 200
    assert_abandoned(telemetry)


async def test_asynchronous_events_on_the_wire_are_priced(server, async_client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()))
    one = async_client()
    async with one.chat.completions.with_streaming_response.create(**REQUEST, stream=True) as streaming:
        stream = await streaming.parse()
        assert len([chunk async for chunk in stream]) == 3
    assert_priced(telemetry, PRICE)


@needs_responses
async def test_an_asynchronous_body_of_the_responses_api_is_priced(server, async_client, instrument, telemetry):
    instrument()
    server.queue(json_answer(response()))
    one = async_client()
    async with one.responses.with_streaming_response.create(model="gpt-5.5", input="x") as streaming:
        assert (await streaming.parse()).usage.total_tokens == 2000
    assert_priced(telemetry, PRICE)


# --- accessors that the client keeps ---


def test_an_accessor_kept_from_before_is_instrumented(server, client, instrument, telemetry):
    one = client()
    create = one.chat.completions.with_raw_response.create
    plain = one.chat.completions.create
    instrument()
    server.route("POST", "/v1/chat/completions", json_answer(chat()))
    create(**REQUEST)
    plain(**REQUEST)
    assert [money(span.attributes["gen_ai.usage.cost.amount"]) for span in telemetry.spans()] == [money(0.035)] * 2


def test_an_accessor_kept_afterwards_is_silent(server, client, instrument, telemetry):
    instrumentor = instrument()
    one = client()
    kept = (
        one.chat.completions.create,
        one.chat.completions.with_raw_response.create,
        one.chat.completions.with_streaming_response.create,
    )
    instrumentor.uninstrument()
    server.route("POST", "/v1/chat/completions", json_answer(chat()))
    kept[0](**REQUEST)
    kept[1](**REQUEST)
    with kept[2](**REQUEST) as streaming:
        streaming.parse()
    gc.collect()
    assert telemetry.spans() == ()
    assert telemetry.open_spans() == []
    assert telemetry.points("gen_ai.client.operation.duration") == []
