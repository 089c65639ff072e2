# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Waiting: calls that run beside each other, that are cancelled, or that have a deadline."""

import asyncio
import threading
from typing import Any

from promises.bench import Bench, Situations
from support.expect import ask, chat, streamed
from support.server import Gate, json_answer, sse_answer

given = Situations()


async def settled() -> None:
    """Returns when every task of the loop waits for the server, which holds something back."""
    for _ in range(50):
        await asyncio.sleep(0)


@given(json_answer(chat()), json_answer(chat()), json_answer(chat()))
async def calls_beside_each_other(bench: Bench) -> Any:
    client = bench.async_client()
    return await asyncio.gather(*(ask(client) for _ in range(3)))


@given()
async def a_call_that_is_cancelled(bench: Bench) -> Any:
    gate = Gate()
    bench.server.queue(json_answer(chat(), before=[gate]))
    task = asyncio.create_task(ask(bench.async_client()))
    await asyncio.to_thread(gate.wait_until_reached)
    await settled()
    task.cancel("enough")
    try:
        return await task
    finally:
        gate.open()


@given()
async def a_call_that_has_a_deadline(bench: Bench) -> Any:
    gate = Gate()
    bench.server.queue(json_answer(chat(), before=[gate]))
    task = asyncio.create_task(ask(bench.async_client()))
    await asyncio.to_thread(gate.wait_until_reached)
    await settled()
    try:
        return await asyncio.wait_for(task, 0.05)
    finally:
        gate.open()


@given()
async def a_stream_that_is_cancelled(bench: Bench) -> Any:
    gate = Gate()
    first, *rest = streamed()
    bench.server.queue(sse_answer([first, gate, *rest]))

    seen = asyncio.Event()

    async def read() -> Any:
        async for chunk in await ask(bench.async_client(), stream=True):
            bench.see(chunk)
            seen.set()

    task = asyncio.create_task(read())
    await seen.wait()
    await settled()
    task.cancel()
    try:
        return await task
    finally:
        gate.open()


@given()
async def a_coroutine_that_nobody_awaits(bench: Bench) -> Any:
    call = ask(bench.async_client())
    bench.see([type(call).__name__, asyncio.iscoroutine(call)])
    call.close()


@given(json_answer(chat()))
def a_call_in_a_thread(bench: Bench) -> Any:
    client, found = bench.client(), []
    thread = threading.Thread(target=lambda: found.append(ask(client)))
    thread.start()
    thread.join()
    return found


@given(sse_answer(streamed()))
def a_stream_read_in_another_thread(bench: Bench) -> Any:
    stream, found = ask(bench.client(), stream=True), []
    thread = threading.Thread(target=lambda: found.extend(stream))
    thread.start()
    thread.join()
    return found
