# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Cancellation: at every await of a call in turn, the task is cancelled as it would be bare, and the operation ends once."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import pytest

from promises.accounts import assert_all_told
from support.clients import OPENAI_VERSION, make_async_client
from support.expect import MESSAGES, ask, chat, streamed
from support.server import json_answer, sse_answer

AWAITS_AT_MOST = 200


class CancelledAt:
    """Awaits something, and cancels the task just before it waits for the n-th time.

    ``waits`` tells how often the task waited until then, or at all.
    """

    def __init__(self, inner: Coroutine[Any, Any, Any], at: int) -> None:
        self._inner, self._at = inner, at
        self.waits = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self._inner.__await__()
        problem: BaseException | None = None
        while True:
            try:
                waiting = steps.send(None) if problem is None else steps.throw(problem)
            except StopIteration as done:
                return done.value
            self.waits += 1
            if self.waits == self._at:
                asyncio.current_task().cancel()
            problem = None
            try:
                yield waiting
            except BaseException as error:
                problem = error


async def parsed(client: Any) -> str:
    return repr(await ask(client))


async def raw(client: Any) -> str:
    return (await client.chat.completions.with_raw_response.create(model="gpt-5.5", messages=MESSAGES)).text


async def stream(client: Any) -> str:
    return repr([chunk async for chunk in await ask(client, stream=True)])


async def on_the_wire(client: Any) -> str:
    async with client.chat.completions.with_streaming_response.create(model="gpt-5.5", messages=MESSAGES) as body:
        return await body.text()


async def cancelled_at(server: Any, use: Callable[[Any], Coroutine[Any, Any, str]], at: int) -> tuple[str, bool]:
    """What the task made of it, and whether it came to an end before it was to be cancelled."""
    async with make_async_client(server.url) as client:
        call = CancelledAt(use(client), at)

        async def run() -> Any:
            return await call

        try:
            found = await asyncio.create_task(run())
        except BaseException as error:
            found = repr(error)
    return found, call.waits < at


@pytest.mark.skipif(OPENAI_VERSION < (1, 26), reason="the ways are those of later clients")
@pytest.mark.parametrize("use", [parsed, raw, stream, on_the_wire], ids=lambda use: use.__name__)
def test_a_call_cancelled_at_any_await(server, instrument, telemetry, use):
    answer = sse_answer(streamed()) if use is stream else json_answer(chat())
    server.route("POST", "/v1/chat/completions", answer)
    bare_end, _ = asyncio.run(cancelled_at(server, use, AWAITS_AT_MOST + 1))
    instrument()
    for at in range(1, AWAITS_AT_MOST):
        found, has_ended = asyncio.run(cancelled_at(server, use, at))
        assert found == bare_end if has_ended else found in (bare_end, "CancelledError()")
        assert_all_told(telemetry, at)
        if has_ended:
            break
    else:
        pytest.fail("the call never came to an end")
    assert at > 3
