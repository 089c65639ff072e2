# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Cuts: the server hangs up at every byte of its answer in turn; the application sees the same, and what was billed is counted."""

import asyncio
import re

import pytest

from promises.accounts import assert_all_told, counted
from promises.description import kind
from support.clients import OPENAI_VERSION, make_async_client
from support.expect import ask, streamed
from support.payloads import event, payload
from support.server import json_answer, wire_answer

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def on_the_wire(events):
    """An answer of those events as bytes, its head and the framing of its chunks included."""
    return HEAD + b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in events) + b"0\r\n\r\n"


def response_events():
    small = payload("response_simple.json", output=[], tools=[], text={}, instructions=None, metadata={})
    kept = ("id", "object", "created_at", "model", "status", "output", "usage", "service_tier")
    small = {key: small.get(key) for key in kept}
    yield event({"type": "response.created", "response": {**small, "usage": None, "status": "in_progress"}})
    yield event({"type": "response.output_text.delta", "delta": "x", "item_id": "m", "sequence_number": 1})
    yield event({"type": "response.completed", "sequence_number": 2, "response": small})


CHAT = on_the_wire(streamed())
RESPONSE = on_the_wire(response_events())


def outcome(error):
    return kind(error), str(error), kind(error.__cause__), str(error.__cause__)


def read(client):
    """The chunks, and how it ended."""
    chunks = []
    try:
        for chunk in ask(client, stream=True):
            chunks.append(repr(chunk))
    except Exception as error:
        return chunks, outcome(error)
    return chunks, "ended"


async def read_async(client):
    """The events, and how it ended."""
    seen = []
    try:
        async for one in await client.responses.create(model="gpt-5.6-sol", input="x", stream=True):
            seen.append(repr(one))
    except Exception as error:
        return seen, outcome(error)
    return seen, "ended"


def known_from(wire):
    """The first length of the answer that tells the whole usage."""
    return re.search(rb'"usage":\{(?:[^{}]|\{[^{}]*\})*\}', wire).end()


def test_a_stream_cut_at_any_byte(server, client, instrument, telemetry):
    one = client()

    def outcomes():
        for length in range(len(CHAT)):
            server.queue(wire_answer(CHAT[:length]))
            yield length, read(one)

    bare = dict(outcomes())
    instrument()
    for length, found in outcomes():
        assert found == bare[length], f"cut after {CHAT[:length][-40:]!r}"
    assert_all_told(telemetry, len(CHAT))
    assert counted(telemetry)[0] == len(CHAT) - known_from(CHAT)


@pytest.mark.skipif(OPENAI_VERSION < (1, 66), reason="the client has no Responses API")
def test_an_asynchronous_stream_of_a_response_cut_at_any_byte(server, instrument, telemetry):
    async def outcomes():
        found = []
        async with make_async_client(server.url) as one:
            for length in range(len(RESPONSE)):
                server.queue(wire_answer(RESPONSE[:length]))
                found.append(await read_async(one))
        return found

    bare = asyncio.run(outcomes())
    instrument()
    for length, (found, expected) in enumerate(zip(asyncio.run(outcomes()), bare, strict=True)):
        assert found == expected, f"cut after {RESPONSE[:length][-40:]!r}"
    assert_all_told(telemetry, len(RESPONSE))
    # The fees of hosted tools may stand beside the usage: only the whole event says what a response cost.
    assert counted(telemetry)[0] == len(RESPONSE) - RESPONSE.rindex(b"}}\n\n") - 2


def test_a_document_cut_at_any_byte(server, client, instrument, telemetry):
    body = json_answer(
        {"id": "x", "model": "gpt-5.5", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 9}}
    )
    (content,) = body.steps
    wire = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
        len(content),
        content,
    )
    one = client()

    def read_whole():
        try:
            return repr(ask(one))
        except Exception as error:
            return outcome(error)

    def outcomes():
        for length in range(len(wire) + 1):
            server.queue(wire_answer(wire[:length]))
            yield length, read_whole()

    bare = dict(outcomes())
    instrument()
    for length, found in outcomes():
        assert found == bare[length], f"cut after {wire[:length][-40:]!r}"
    assert_all_told(telemetry, len(wire) + 1)
    assert counted(telemetry)[0] == 1
