# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Streams of the client 0.28: generators of parsed events."""

import asyncio
import gc
from collections.abc import AsyncGenerator, Generator
from decimal import Decimal

import openai
import pytest
from openai import api_requestor, error

from support.expect import (
    FIRST_CHUNK,
    MESSAGES,
    assert_abandoned,
    assert_failed,
    assert_priced,
    assert_unpriced,
    money,
    streamed,
)
from support.payloads import events
from support.server import Cut, Gate, sse_answer

ASKING = {
    "model": "gpt-5.5",
    "messages": MESSAGES,
    "stream": True,
    "stream_options": {"include_usage": True},
}


def test_a_stream_read_to_its_end_is_priced(api, instrument, telemetry):
    instrument()
    api.queue(sse_answer(streamed()))
    chunks = list(openai.ChatCompletion.create(**ASKING))
    assert [len(chunk.choices) for chunk in chunks] == [1, 1, 0]
    assert_priced(telemetry, "0.035")
    assert telemetry.attributes()["gen_ai.response.finish_reasons"] == ("stop",)
    assert telemetry.point(FIRST_CHUNK)[1].count == 1


def test_the_application_gets_the_same_generator_and_the_same_chunks(api, instrument):
    api.queue(sse_answer(streamed()), sse_answer(streamed()))
    bare = openai.ChatCompletion.create(**ASKING)
    whole = list(bare)
    instrument()
    stream = openai.ChatCompletion.create(**ASKING)
    assert type(stream) is type(bare)
    assert list(stream) == whole


def test_nothing_ends_before_the_stream_does(api, instrument, telemetry):
    gate = Gate()
    instrument()
    first, *rest = streamed()
    api.queue(sse_answer([first, gate, *rest]))
    stream = openai.ChatCompletion.create(**ASKING)
    next(stream)
    assert telemetry.spans() == ()
    gate.open()
    list(stream)
    assert_priced(telemetry, "0.035")


def test_a_stream_without_usage_says_so(api, instrument, telemetry):
    instrument()
    api.queue(sse_answer(streamed(usage=False)))
    list(openai.ChatCompletion.create(model="gpt-5.5", messages=MESSAGES, stream=True))
    assert_unpriced(telemetry, "no_usage")


def test_a_streamed_completion_is_priced(api, instrument, telemetry):
    instrument()
    api.queue(sse_answer(events("completion_legacy_stream_with_usage.sse")))
    list(openai.Completion.create(model="gpt-3.5-turbo-instruct", prompt="x", stream=True))
    assert telemetry.attributes()["openai_cost.status"] == "priced"


def test_a_closed_stream_is_abandoned(api, instrument, telemetry):
    instrument()
    api.queue(sse_answer(streamed()))
    stream = openai.ChatCompletion.create(**ASKING)
    next(stream)
    stream.close()
    del stream
    gc.collect()
    assert_abandoned(telemetry)


def test_a_stream_that_is_never_iterated_ends_when_it_is_collected(api, instrument, telemetry):
    instrument()
    api.queue(sse_answer(streamed()))
    stream = openai.ChatCompletion.create(**ASKING)
    assert telemetry.spans() == ()
    del stream
    gc.collect()
    assert_abandoned(telemetry)


def test_an_error_event_is_an_error(api, instrument, telemetry):
    instrument()
    api.queue(sse_answer(events("chat_stream_error_midway.sse")))
    with pytest.raises(error.APIError, match="The server had an error"):
        list(openai.ChatCompletion.create(**ASKING))
    assert_failed(telemetry, "APIError")


def test_a_connection_cut_in_the_middle_is_an_error(api, instrument, telemetry):
    instrument()
    api.queue(sse_answer([*streamed()[:1], Cut()]))
    with pytest.raises(Exception, match=r"prematurely|IncompleteRead"):
        list(openai.ChatCompletion.create(**ASKING))
    assert_failed(telemetry, "ChunkedEncodingError")


def test_the_requestors_own_stream_is_still_a_generator(api, instrument, telemetry):
    instrument()
    api.queue(sse_answer(streamed()))
    stream, is_stream, _ = api_requestor.APIRequestor().request("post", "/chat/completions", ASKING, stream=True)
    assert is_stream
    assert isinstance(stream, Generator)
    stream.close()
    assert_abandoned(telemetry)


async def test_an_asynchronous_stream_read_to_its_end_is_priced(async_api, instrument, telemetry):
    instrument()
    async_api.queue(sse_answer(streamed()))
    chunks = [chunk async for chunk in await openai.ChatCompletion.acreate(**ASKING)]
    assert [len(chunk.choices) for chunk in chunks] == [1, 1, 0]
    assert_priced(telemetry, "0.035")


async def test_a_closed_asynchronous_stream_is_abandoned(async_api, instrument, telemetry):
    instrument()
    async_api.queue(sse_answer(streamed()))
    stream, _, _ = await api_requestor.APIRequestor().arequest("post", "/chat/completions", ASKING, stream=True)
    assert isinstance(stream, AsyncGenerator)
    await anext(stream)
    await stream.aclose()
    assert_abandoned(telemetry)


async def test_an_asynchronous_stream_that_is_dropped_ends_when_it_is_collected(async_api, instrument, telemetry):
    instrument()
    async_api.queue(sse_answer(streamed()))
    stream = await openai.ChatCompletion.acreate(**ASKING)
    assert telemetry.spans() == ()
    del stream
    gc.collect()
    assert_abandoned(telemetry)


async def test_an_asynchronous_pause_longer_than_the_timeout_is_an_error(async_api, instrument, telemetry):
    instrument()
    gate = Gate()
    first, *rest = streamed()
    async_api.queue(sse_answer([first, gate, *rest]))
    stream = await openai.ChatCompletion.acreate(**ASKING, request_timeout=2)
    with pytest.raises(asyncio.TimeoutError):
        [chunk async for chunk in stream]
    gate.open()
    assert_failed(telemetry, "TimeoutError")


def test_streams_that_interleave_are_kept_apart(api, instrument, telemetry):
    instrument()
    api.queue(sse_answer(streamed(model="gpt-5.5")), sse_answer(streamed(model="gpt-4o")))
    one = openai.ChatCompletion.create(**ASKING)
    other = openai.ChatCompletion.create(**{**ASKING, "model": "gpt-4o"})
    for _ in zip(one, other, strict=True):
        pass
    amounts = {span.name: money(span.attributes["gen_ai.usage.cost.amount"]) for span in telemetry.spans()}
    assert amounts == {"chat gpt-5.5": Decimal("0.035"), "chat gpt-4o": Decimal("0.0125")}
