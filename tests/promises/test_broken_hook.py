# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""A cost hook that fails: whatever it raises, however a call is made, the application gets what it would get bare."""

import asyncio
import logging

import pytest

from promises.accounts import assert_all_told, counted
from promises.description import describe, describe_error
from support.clients import make_async_client
from support.expect import MESSAGES, ask, chat, streamed
from support.server import Cut, json_answer, sse_answer

OURS = "opentelemetry.instrumentation.openai_cost"


class Mine(Exception):
    """An exception of the application's."""


RAISED = (Mine, StopIteration, StopAsyncIteration, GeneratorExit, SystemExit, asyncio.CancelledError, MemoryError)


def raising(error):
    def hook(event):
        raise error("from the hook")

    return hook


def raising_later(error):
    async def hook(event):
        await asyncio.sleep(0)
        raise error("from the hook")

    return hook


def attempt(call):
    try:
        return describe(call())
    except Exception as error:
        found = describe_error(error)
        return found["kind"], found["text"], found["traceback"]


def use_all(server, client):
    """Calls of every kind, and what came of them."""
    first, *_ = streamed()
    refusal = json_answer({"error": {"message": "no"}}, status=400)
    server.queue(json_answer(chat()), sse_answer(streamed()), sse_answer([first, Cut()]), refusal, json_answer(chat()))
    raw = client.chat.completions.with_raw_response
    return [
        attempt(lambda: ask(client)),
        attempt(lambda: list(ask(client, stream=True))),
        attempt(lambda: list(ask(client, stream=True))),
        attempt(lambda: ask(client)),
        attempt(lambda: raw.create(model="gpt-5.5", messages=MESSAGES).parse()),
    ]


async def use_asynchronously(url):
    """A call and a stream of an asynchronous client, and what came of them."""
    async with make_async_client(url) as client:
        answer = await ask(client)
        chunks = [chunk async for chunk in await ask(client, stream=True)]
        await asyncio.sleep(0.01)
        return repr(answer), repr(chunks)


def complaints(caplog):
    return [line for line in caplog.records if line.name == OURS and line.levelno > logging.DEBUG]


@pytest.mark.parametrize("error", RAISED)
def test_what_a_hook_raises_is_not_seen(server, client, instrument, telemetry, caplog, error):
    one = client()
    bare = use_all(server, one)
    instrument(cost_hook=raising(error))
    assert use_all(server, one) == bare
    assert_all_told(telemetry, 5)
    assert counted(telemetry) == (3, 2)
    assert len(complaints(caplog)) == 1


@pytest.mark.parametrize("error", [Mine, asyncio.CancelledError, MemoryError])
@pytest.mark.parametrize("hook", [raising, raising_later])
def test_what_a_hook_raises_in_the_loop_is_not_seen(server, instrument, telemetry, hook, error):
    server.queue(json_answer(chat()), sse_answer(streamed()))
    bare = asyncio.run(use_asynchronously(server.url))
    instrument(cost_hook=hook(error))
    server.queue(json_answer(chat()), sse_answer(streamed()))
    assert asyncio.run(use_asynchronously(server.url)) == bare
    assert_all_told(telemetry, 2)
    assert counted(telemetry) == (2, 0)
