# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Streams: every way to consume one, to leave one, and to be thrown out of one."""

import asyncio
import contextlib
from typing import Any

from promises.bench import Bench, Situations
from support.expect import MESSAGES, ask, streamed
from support.payloads import events
from support.server import Cut, Gate, sse_answer

given = Situations()

WITH_USAGE = sse_answer(events("chat_stream_with_usage.sse"))
RESPONSE = sse_answer(events("response_stream.sse"))


class _Mine(Exception):
    """An exception of the application."""


@given(WITH_USAGE)
def a_stream_read_to_its_end(bench: Bench) -> Any:
    stream = bench.see(ask(bench.client(), stream=True))
    chunks = [bench.see(chunk) for chunk in stream]
    bench.see(stream)
    return len(chunks), list(stream)


@given(WITH_USAGE)
async def an_asynchronous_stream_read_to_its_end(bench: Bench) -> Any:
    stream = bench.see(await ask(bench.async_client(), stream=True))
    return [bench.see(chunk) async for chunk in stream]


@given(WITH_USAGE)
def a_stream_read_chunk_by_chunk(bench: Bench) -> Any:
    stream = ask(bench.client(), stream=True)
    bench.see(next(stream))
    bench.see(next(stream))
    while True:
        bench.see(next(stream))


@given(WITH_USAGE)
async def an_asynchronous_stream_read_chunk_by_chunk(bench: Bench) -> Any:
    stream = await ask(bench.async_client(), stream=True)
    while True:
        bench.see(await stream.__anext__())


@given()
def a_stream_that_is_closed(bench: Bench) -> Any:
    first, *rest = streamed()
    gate = Gate()
    bench.server.queue(sse_answer([first, gate, *rest]))
    stream = ask(bench.client(), stream=True)
    bench.see(next(stream))
    bench.see(stream.close())
    bench.see(stream.close())
    gate.open()
    return list(stream)


@given()
async def an_asynchronous_stream_that_is_closed(bench: Bench) -> Any:
    first, *rest = streamed()
    gate = Gate()
    bench.server.queue(sse_answer([first, gate, *rest]))
    stream = await ask(bench.async_client(), stream=True)
    bench.see(await stream.__anext__())
    bench.see(await stream.close())
    gate.open()
    return [chunk async for chunk in stream]


@given(WITH_USAGE)
def a_stream_left_early(bench: Bench) -> Any:
    with ask(bench.client(), stream=True) as stream:
        for chunk in stream:
            bench.see(chunk)
            break
    return bench.see(stream)


@given(WITH_USAGE)
async def an_asynchronous_stream_left_early(bench: Bench) -> Any:
    async with await ask(bench.async_client(), stream=True) as stream:
        async for chunk in stream:
            bench.see(chunk)
            break
    return bench.see(stream)


@given(WITH_USAGE)
def a_stream_that_nobody_reads(bench: Bench) -> Any:
    return kind_of(ask(bench.client(), stream=True))


@given(WITH_USAGE, WITH_USAGE)
def a_stream_dropped_for_another(bench: Bench) -> Any:
    client = bench.client()
    stream = ask(client, stream=True)
    bench.see(next(stream))
    stream = ask(client, stream=True)
    return [bench.see(chunk) for chunk in stream]


@given(WITH_USAGE)
def an_exception_of_the_application_within_a_stream(bench: Bench) -> Any:
    with ask(bench.client(), stream=True) as stream:
        bench.see(next(stream))
        raise _Mine("mine")


@given(WITH_USAGE)
def an_interrupt_within_a_stream(bench: Bench) -> Any:
    for chunk in ask(bench.client(), stream=True):
        bench.see(chunk)
        raise KeyboardInterrupt


@given(WITH_USAGE)
def a_stream_wrapped_in_a_generator_that_is_closed(bench: Bench) -> Any:
    def texts() -> Any:
        yield from ask(bench.client(), stream=True)

    generator = texts()
    bench.see(next(generator))
    bench.see(generator.close())
    return list(generator)


@given(WITH_USAGE)
def an_exception_thrown_into_a_generator_around_a_stream(bench: Bench) -> Any:
    def texts() -> Any:
        with ask(bench.client(), stream=True) as stream:
            yield from stream

    generator = texts()
    bench.see(next(generator))
    return generator.throw(_Mine("thrown"))


@given(sse_answer(events("chat_stream_error_midway.sse")))
def an_error_in_the_middle_of_a_stream(bench: Bench) -> Any:
    return [bench.see(chunk) for chunk in ask(bench.client(), stream=True)]


@given(sse_answer(events("chat_stream_error_midway.sse")))
async def an_error_in_the_middle_of_an_asynchronous_stream(bench: Bench) -> Any:
    return [bench.see(chunk) async for chunk in await ask(bench.async_client(), stream=True)]


@given(sse_answer([*streamed()[:2], Cut()]))
def a_connection_cut_in_the_middle_of_a_stream(bench: Bench) -> Any:
    return [bench.see(chunk) for chunk in ask(bench.client(), stream=True)]


@given(sse_answer([*streamed()[:2], Cut()]))
async def a_connection_cut_in_the_middle_of_an_asynchronous_stream(bench: Bench) -> Any:
    return [bench.see(chunk) async for chunk in await ask(bench.async_client(), stream=True)]


@given(RESPONSE, since=(1, 66))
def a_stream_of_a_response(bench: Bench) -> Any:
    stream = bench.client().responses.create(model="gpt-5.6-sol", input="Hello", stream=True)
    return [bench.see(event) for event in stream]


@given(RESPONSE, since=(1, 66))
async def an_asynchronous_stream_of_a_response(bench: Bench) -> Any:
    stream = await bench.async_client().responses.create(model="gpt-5.6-sol", input="Hello", stream=True)
    return [bench.see(event) async for event in stream]


@given(sse_answer(events("response_stream_error_event.sse")), since=(1, 66))
def an_error_event_of_a_response(bench: Bench) -> Any:
    return [bench.see(one) for one in bench.client().responses.create(model="gpt-5.5", input="Hello", stream=True)]


@given(sse_answer(events("response_stream_failed.sse")), since=(1, 66))
def a_failure_event_of_a_response(bench: Bench) -> Any:
    return [bench.see(one) for one in bench.client().responses.create(model="gpt-5.5", input="Hello", stream=True)]


@given(RESPONSE, since=(1, 92))
def the_helper_for_streams_of_responses(bench: Bench) -> Any:
    with bench.client().responses.stream(model="gpt-5.6-sol", input="Hello") as stream:
        bench.see(stream)
        for event in stream:
            bench.see(event)
        return stream.get_final_response()


@given(WITH_USAGE, since=(1, 92))
def the_helper_for_streams_of_chat_completions(bench: Bench) -> Any:
    with bench.client().chat.completions.stream(model="gpt-5.6-sol", messages=MESSAGES) as stream:
        bench.see(stream)
        for event in stream:
            bench.see(event)
        return stream.get_final_completion()


@given(WITH_USAGE, since=(1, 92))
async def the_asynchronous_helper_for_streams_of_chat_completions(bench: Bench) -> Any:
    async with bench.async_client().chat.completions.stream(model="gpt-5.6-sol", messages=MESSAGES) as stream:
        async for event in stream:
            bench.see(event)
        return await stream.get_final_completion()


@given(WITH_USAGE)
def two_streams_read_in_turn(bench: Bench) -> Any:
    bench.server.queue(WITH_USAGE)
    client = bench.client()
    one, other = ask(client, stream=True), ask(client, stream=True)
    return [(bench.see(left), bench.see(right)) for left, right in zip(one, other, strict=True)]


@given()
def chunks_arrive_as_they_are_sent(bench: Bench) -> Any:
    first, second, *rest = streamed()
    gates = Gate(), Gate()
    bench.server.queue(sse_answer([first, gates[0], second, gates[1], *rest]))
    stream = ask(bench.client(), stream=True)
    for gate in gates:
        # The server waits before its next event until the one before it has been seen here.
        bench.see(next(stream))
        gate.open()
    return [bench.see(chunk) for chunk in stream]


@given()
async def chunks_arrive_as_they_are_sent_to_an_asynchronous_client(bench: Bench) -> Any:
    first, second, *rest = streamed()
    gates = Gate(), Gate()
    bench.server.queue(sse_answer([first, gates[0], second, gates[1], *rest]))
    stream = await ask(bench.async_client(), stream=True)
    for gate in gates:
        bench.see(await stream.__anext__())
        gate.open()
    return [bench.see(chunk) async for chunk in stream]


@given(WITH_USAGE)
def a_stream_read_through_its_response(bench: Bench) -> Any:
    stream = ask(bench.client(), stream=True)
    bench.see(stream.response)
    return stream.response.read(), stream.response.text


@given(WITH_USAGE)
async def an_asynchronous_generator_around_a_stream_that_is_closed(bench: Bench) -> Any:
    async def texts() -> Any:
        async with await ask(bench.async_client(), stream=True) as stream:
            async for chunk in stream:
                yield chunk

    generator = texts()
    bench.see(await generator.__anext__())
    await generator.aclose()
    return [one async for one in generator]


@given(WITH_USAGE)
async def a_stream_handed_from_one_task_to_another(bench: Bench) -> Any:
    stream = await asyncio.create_task(ask(bench.async_client(), stream=True))
    return await asyncio.create_task(_read(stream))


async def _read(stream: Any) -> list[Any]:
    async with contextlib.aclosing(stream._iterator):
        return [chunk async for chunk in stream]


def kind_of(stream: Any) -> str:
    return type(stream).__qualname__
