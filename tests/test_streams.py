# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Streams: however one ends, its operation ends exactly once, and the caller's stream stays the client's own."""

import asyncio
import contextlib
import gc
import json
import threading

import openai
import pytest
from opentelemetry.trace import INVALID_SPAN, StatusCode, get_current_span

from opentelemetry.instrumentation.openai_cost.operation import Operation
from support.clients import OPENAI_VERSION, needs_helpers, needs_responses
from support.expect import (
    COST,
    MESSAGES,
    TOKENS,
    ask,
    assert_abandoned,
    assert_ended_once,
    assert_failed,
    assert_priced,
    money,
    streamed,
)
from support.payloads import DONE, event, events
from support.server import Cut, Gate, Pause, sse_answer

# Clients before 1.14 have words of their own for what the server says.
ERROR_IN_STREAM = "The server had an error" if OPENAI_VERSION >= (1, 14) else "An error oc+urred during streaming"

PRICE = "0.035"


def collect():
    """Collect twice: closing what the first pass found may leave more to collect."""
    gc.collect()
    gc.collect()


def respond(client, **options):
    return client.responses.create(**{"model": "gpt-5.6-sol", "input": "Hello", "stream": True, **options})


# --- synchronous ---


def test_a_stream_read_to_its_end_is_priced(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()))
    assert len(list(ask(client(), stream=True))) == 3
    assert_priced(telemetry, PRICE)


def test_nothing_ends_before_the_stream_does(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()))
    stream = ask(client(), stream=True)
    next(stream)
    assert telemetry.spans() == ()
    assert len(telemetry.open_spans()) == 1
    list(stream)
    assert_ended_once(telemetry)


def test_the_caller_gets_the_client_s_own_stream_with_the_same_chunks(server, client, instrument, telemetry):
    answer = sse_answer(events("chat_stream_with_usage.sse"))
    server.queue(answer, answer)
    one = client()
    bare = ask(one, stream=True)
    expected = list(bare)
    instrument()
    stream = ask(one, stream=True)
    assert type(stream) is type(bare) is openai.Stream
    assert type(stream.response) is type(bare.response)
    assert stream.response.headers["content-type"] == bare.response.headers["content-type"]
    assert vars(stream).keys() == vars(bare).keys()
    assert list(stream) == expected


@needs_responses
def test_a_stream_of_responses_has_ended_when_its_last_event_is_seen(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("response_stream.sse")))
    for one in respond(client()):
        assert bool(telemetry.spans()) is (one.type == "response.completed")
    assert_priced(telemetry, "0.0213664")


@needs_responses
@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("gzip", [False, True])
@pytest.mark.parametrize("split", [65, 100, 333, 1000, 4000])
def test_a_stream_of_responses_has_ended_when_its_last_event_is_seen_wherever_that_was_cut(
    server, client, instrument, telemetry, caplog, split, gzip, ending
):
    instrument()
    body = b"".join(events("response_stream.sse")).replace(b"\n", ending)
    server.queue(sse_answer([body], split=split, gzip=gzip))
    ended = {one.type: bool(telemetry.spans()) for one in respond(client())}
    assert ended["response.completed"]
    assert_priced(telemetry, "0.0213664")
    assert not caplog.records


@needs_responses
@pytest.mark.parametrize(
    "cut_within", [b"event: response.completed\n", b'"response":', b'"usage":', b'"total_tokens":']
)
async def test_an_asynchronous_stream_of_responses_has_ended_when_its_last_event_is_seen_wherever_that_was_cut(
    server, async_client, instrument, telemetry, cut_within
):
    instrument()
    *body, last = events("response_stream.sse")
    cut = last.index(cut_within) + len(cut_within) - 2
    server.queue(sse_answer([*body, last[:cut], last[cut:]]))
    async for one in await respond(async_client()):
        assert bool(telemetry.spans()) is (one.type == "response.completed")
    assert_priced(telemetry, "0.0213664")


def test_a_stream_has_ended_when_done_was_read_even_if_the_connection_stays_open(server, client, instrument, telemetry):
    gate = Gate()
    instrument()
    server.queue(sse_answer([*streamed(), gate]))
    stream = ask(client(), stream=True)
    for _ in range(3):
        next(stream)
    gate.wait_until_reached()
    threading.Timer(0.2, gate.open).start()
    list(stream)
    assert_priced(telemetry, PRICE)


def test_a_closed_stream_is_abandoned(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()))
    stream = ask(client(), stream=True)
    next(stream)
    stream.close()
    assert_abandoned(telemetry)
    stream.close()
    assert_abandoned(telemetry)


def test_a_stream_closed_before_its_first_chunk_is_abandoned(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()))
    ask(client(), stream=True).close()
    assert_abandoned(telemetry)


def test_leaving_a_with_block_early_is_abandoning(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()))
    with ask(client(), stream=True) as stream:
        for _ in stream:
            break
    assert_abandoned(telemetry)


def test_a_with_block_around_the_whole_stream_changes_nothing(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()))
    with ask(client(), stream=True) as stream:
        list(stream)
    assert_priced(telemetry, PRICE)


def test_a_stream_dropped_after_a_break_ends_when_it_is_collected(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()))
    stream = ask(client(), stream=True)
    for _ in stream:
        break
    del stream
    collect()
    assert_abandoned(telemetry)


def test_a_stream_that_is_never_iterated_ends_when_it_is_collected(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()))
    stream = ask(client(), stream=True)
    assert telemetry.spans() == ()
    del stream
    collect()
    assert_abandoned(telemetry)


def test_an_exception_of_the_caller_goes_its_way_and_ends_the_stream(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()))
    mine = ValueError("mine")

    def use(stream):
        with stream:
            next(stream)
            raise mine

    with pytest.raises(ValueError, match="mine") as caught:
        use(ask(client(), stream=True))
    assert caught.value is mine
    assert_abandoned(telemetry)


def test_an_error_event_of_the_server_is_an_error(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("chat_stream_error_midway.sse")))
    with pytest.raises(openai.APIError, match=ERROR_IN_STREAM):
        list(ask(client(), stream=True, model="gpt-5.6-sol"))
    assert_failed(telemetry, "")


@needs_responses
@pytest.mark.parametrize("name", ["response_stream_error_event.sse", "response_stream_failed.sse"])
def test_an_error_or_failure_event_of_a_response_is_an_error(server, client, instrument, telemetry, name):
    instrument()
    server.queue(sse_answer(events(name)))
    with contextlib.suppress(openai.APIError):  # some versions of the client raise, others hand the event on
        list(respond(client()))
    span = assert_ended_once(telemetry)
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] in {"rate_limit_exceeded", "server_error"}


@pytest.mark.parametrize("cut_after", [0, 1, 150, 400])
def test_a_connection_cut_in_the_middle_is_an_error(server, client, instrument, telemetry, cut_after):
    instrument()
    server.queue(sse_answer(streamed(), cut_after=cut_after))
    with pytest.raises(Exception, match=r"(?i)peer closed|incomplete|connection error") as caught:
        list(ask(client(), stream=True))
    assert_failed(telemetry, "Error")
    assert not isinstance(caught.value, AssertionError)


def test_the_error_of_the_transport_is_the_one_the_caller_would_have_got(server, client, instrument, telemetry):
    answer = sse_answer(streamed(), cut_after=400)
    server.queue(answer, answer)
    one = client()
    kinds = []
    for _ in range(2):
        with pytest.raises(Exception, match=r"(?i)peer closed|incomplete|connection error") as caught:
            list(ask(one, stream=True))
        kinds.append((type(caught.value), str(caught.value), type(caught.value.__cause__)))
        instrument()
    assert kinds[0] == kinds[1]


def test_a_usage_that_arrived_before_the_cut_is_counted(server, client, instrument, telemetry):
    instrument()
    *chunks, done = streamed()
    assert done == DONE
    server.queue(sse_answer([*chunks, Cut()]))
    with pytest.raises(Exception, match=r"(?i)peer closed|incomplete|connection error"):
        list(ask(client(), stream=True))
    assert_ended_once(telemetry)
    assert telemetry.point(COST)[1].count == 1
    assert telemetry.point(TOKENS, **{"gen_ai.token.type": "input"})[1].sum == 1000


def test_a_pause_longer_than_the_timeout_is_an_error(server, client, instrument, telemetry):
    instrument()
    gate = Gate()
    first, *rest = streamed()
    server.queue(sse_answer([first, gate, *rest]))
    with pytest.raises(Exception, match=r"(?i)time.*out"):
        list(ask(client(timeout=0.5), stream=True))
    gate.open()
    assert_failed(telemetry, "")


@pytest.mark.parametrize("gzip", [False, True])
@pytest.mark.parametrize("split", [1, 2, 7, 1000])
def test_chunks_cut_anywhere_and_compressed_are_understood(server, client, instrument, telemetry, split, gzip):
    instrument()
    server.queue(sse_answer(streamed(), split=split, gzip=gzip))
    assert len(list(ask(client(), stream=True))) == 3
    assert_priced(telemetry, PRICE)


@pytest.mark.parametrize("ending", [b"\r\n", b"\r"])
@pytest.mark.parametrize("split", [None, 1])
def test_other_line_ends_are_understood(server, client, instrument, telemetry, ending, split):
    instrument()
    body = [chunk.replace(b"\n", ending) for chunk in streamed()]
    server.queue(sse_answer(body, split=split))
    list(ask(client(), stream=True))
    assert_priced(telemetry, PRICE)


def test_comments_between_events_are_passed_over(server, client, instrument, telemetry):
    instrument()
    first, *rest = streamed()
    server.queue(sse_answer([b": keep-alive\n\n", first, b": keep-alive\n\n", *rest]))
    list(ask(client(), stream=True))
    assert_priced(telemetry, PRICE)


def test_when_every_chunk_carries_a_usage_the_last_one_counts(server, client, instrument, telemetry):
    instrument()
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1_795_000_000, "model": "gpt-5.5"}
    choice = {"index": 0, "delta": {"content": "x"}, "finish_reason": None}
    steps = []
    for out in (1, 500, 1000):
        usage = {"prompt_tokens": 1000, "completion_tokens": out, "total_tokens": 1000 + out}
        steps.append(event({**chunk, "choices": [choice], "usage": usage}))
    server.queue(sse_answer([*steps, DONE]))
    assert len(list(ask(client(), stream=True))) == 3
    assert_priced(telemetry, PRICE)


def long_stream(count):
    """The events of a streamed completion of that many chunks of content, the last of which carries the finish reason."""
    content, *rest = streamed()
    return [content] * count + rest


@pytest.mark.parametrize("count", [1, 5, 28, 29, 30, 31, 32, 33, 61, 62, 63, 64, 200])
def test_a_stream_of_any_length_is_priced_though_it_is_closed_right_after_its_usage(
    server, client, instrument, telemetry, count
):
    instrument()
    server.queue(sse_answer(long_stream(count)))
    with client().chat.completions.with_streaming_response.create(
        model="gpt-5.5", messages=MESSAGES, stream=True
    ) as raw:
        for line in raw.iter_lines():
            if '"usage"' in line:
                break
    assert_priced(telemetry, PRICE)
    assert telemetry.attributes()["gen_ai.response.finish_reasons"] == ("stop",)


@pytest.mark.parametrize("size", [1, 60_000], ids=["small chunks", "large chunks"])
def test_of_a_long_stream_little_is_kept(server, client, instrument, telemetry, monkeypatch, size):
    kept = []
    look = Operation.look

    def looking(operation):
        # The last of them has just come.
        kept.append([len(chunk) for chunk in operation.backlog[:-1]])
        look(operation)

    monkeypatch.setattr(Operation, "look", looking)
    instrument()
    content, *rest = streamed()
    content = content.replace(b'"content":"x"', b'"content":"' + b"x" * size + b'"')
    server.queue(sse_answer([content] * 200 + rest))
    assert len(list(ask(client(), stream=True))) == 202
    assert_priced(telemetry, PRICE)
    assert max(map(len, kept)) <= 31
    assert max(map(sum, kept)) < 31 * 8192


@pytest.mark.parametrize(
    "written", [b'"usage": {', b'"usage" :{', b'"usage" : {', b'"usage":  {', b'"usage"\t:\t{', b'"usage":\t{']
)
def test_a_usage_is_found_however_it_is_spaced(server, client, instrument, telemetry, written):
    instrument()
    body = [chunk.replace(b'"usage":{', written) for chunk in long_stream(40)]
    assert written in b"".join(body)
    server.queue(sse_answer(body))
    list(ask(client(), stream=True))
    assert_priced(telemetry, PRICE)


@pytest.mark.parametrize("count", range(40, 72, 4))
def test_a_usage_written_otherwise_than_other_events_is_found_though_some_follow(
    server, client, instrument, telemetry, count
):
    instrument()
    content, closing, usage, done = streamed()
    usage = usage.replace(b'"usage":{', b'"usage": {')
    server.queue(sse_answer([content, closing, *[content] * count, usage, *[content] * 10, done]))
    list(ask(client(), stream=True))
    assert_priced(telemetry, PRICE)


@pytest.mark.parametrize("count", [1, 31, 32, 33, 200])
def test_a_choice_that_closes_long_before_another_has_its_own_reason(server, client, instrument, telemetry, count):
    instrument()
    content, closing, *rest = long_stream(1)
    server.queue(
        sse_answer(
            [
                content,
                closing.replace(b'"finish_reason":"stop"', b'"finish_reason":"length"'),
                *[content.replace(b'"index":0', b'"index":1')] * count,
                closing.replace(b'"index":0', b'"index":1'),
                *rest,
            ]
        )
    )
    list(ask(client(), stream=True))
    assert_priced(telemetry, PRICE)
    assert telemetry.attributes()["gen_ai.response.finish_reasons"] == ("length", "stop")


@pytest.mark.parametrize("count", [1, 31, 32, 33, 200])
def test_an_error_event_after_any_number_of_chunks_is_an_error(server, client, instrument, telemetry, count):
    instrument()
    content, *_ = streamed()
    server.queue(sse_answer([content] * count + [event({"error": {"code": "server_error", "message": "no"}})]))
    with pytest.raises(openai.APIError):
        list(ask(client(), stream=True))
    assert_failed(telemetry, "server_error")


def test_an_error_event_that_comes_in_one_piece_with_many_chunks_is_an_error(server, client, instrument, telemetry):
    instrument()
    content, *_ = streamed()
    error = event({"error": {"code": "server_error", "message": "no"}})
    server.queue(sse_answer([content, Pause(0.05), content * 20 + error, Pause(0.05)]))
    with pytest.raises(openai.APIError) as caught:
        list(ask(client(), stream=True))
    # Its traceback keeps the stream, which old clients leave open.
    assert caught.value.__traceback__ is not None
    assert_failed(telemetry, "server_error")


def test_text_that_looks_like_a_usage_is_not_one(server, client, instrument, telemetry):
    instrument()
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1_795_000_000, "model": "gpt-5.5"}
    content = '"usage": {"prompt_tokens": 7, "completion_tokens": 7} data: [DONE]'
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": None}
    server.queue(sse_answer([event({**chunk, "choices": [choice]}), *streamed()]))
    list(ask(client(), stream=True))
    assert_priced(telemetry, PRICE)


def test_a_usage_under_groq_s_own_name_is_counted(server, client, instrument, telemetry):
    instrument()
    *chunks, last, done = streamed()
    opening, usage = (json.loads(chunk.removeprefix(b"data: ")) for chunk in (chunks[0], last))
    opening["x_groq"] = {"id": "req_1"}
    closing = {**usage, "usage": None, "x_groq": {"id": "req_1", "usage": usage["usage"]}}
    server.queue(sse_answer([event(opening), *chunks[1:], event(closing), done]))
    list(ask(client(base_url="https://api.groq.com/openai/v1"), stream=True))
    attributes = telemetry.attributes()
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == (1000, 1000)
    assert attributes["openai_cost.unpriced.reason"] == "unknown_provider"


def test_azure_s_opening_chunk_without_a_model_is_passed_over(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("chat_stream_azure.sse")))
    list(ask(client(), stream=True, model="gpt-5.6-sol"))
    attributes = telemetry.attributes()
    assert attributes["gen_ai.response.model"] == "gpt-5.6-sol"
    assert attributes["gen_ai.response.id"] == "chatcmpl-S1"
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert attributes["openai.response.system_fingerprint"] == "fp_1"
    # 8 tokens at 4 and 2 at 20
    assert_priced(telemetry, "0.000072")


def test_between_chunks_the_caller_s_own_span_is_current(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()))
    tracer = telemetry.tracer_provider.get_tracer("caller")
    with tracer.start_as_current_span("caller") as mine:
        stream = ask(client(), stream=True)
        assert get_current_span() is mine
        for _ in stream:
            assert get_current_span() is mine
            tracer.start_span("work").end()
        assert get_current_span() is mine
    assert get_current_span() is INVALID_SPAN
    spans = telemetry.spans()
    parents = {span.name: span.parent.span_id for span in spans if span.parent}
    assert parents == {name: mine.get_span_context().span_id for name in ("work", "chat gpt-5.5")}


def test_a_stream_may_be_read_in_another_thread(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()))
    stream = ask(client(), stream=True)
    left = []

    def read():
        list(stream)
        left.append(get_current_span())

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert left == [INVALID_SPAN]
    assert_priced(telemetry, PRICE)


def test_streams_that_interleave_are_kept_apart(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()), sse_answer(streamed(model="gpt-4o")))
    one = client()
    first, second = ask(one, stream=True), ask(one, stream=True, model="gpt-4o")
    for _ in range(3):
        next(first), next(second)
    assert (list(first), list(second)) == ([], [])
    amounts = {span.name: money(span.attributes["gen_ai.usage.cost.amount"]) for span in telemetry.spans()}
    assert {name: str(amount) for name, amount in amounts.items()} == {
        "chat gpt-5.5": "0.035",
        "chat gpt-4o": "0.0125",
    }


@needs_helpers
def test_the_stream_helper_is_one_operation(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()))
    with client().chat.completions.stream(model="gpt-5.5", messages=MESSAGES) as stream:
        final = stream.get_final_completion()
    assert final.usage.total_tokens == 2000
    assert_priced(telemetry, PRICE)


@needs_helpers
def test_leaving_the_stream_helper_early_is_abandoning(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()))
    with client().chat.completions.stream(model="gpt-5.5", messages=MESSAGES) as stream:
        next(iter(stream))
    assert_abandoned(telemetry)


def test_many_streams_leave_nothing_behind(server, client, instrument, telemetry):
    instrument()
    server.route("POST", "/v1/chat/completions", sse_answer(streamed()))
    one = client()

    def run(times):
        for _ in range(times):
            list(ask(one, stream=True))
        collect()
        return sum(type(kept) is Operation for kept in gc.get_objects())

    run(2)
    assert run(5) == 0


# --- asynchronous ---


async def test_an_asynchronous_stream_read_to_its_end_is_priced(server, async_client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()))
    stream = await ask(async_client(), stream=True)
    assert type(stream) is openai.AsyncStream
    assert len([chunk async for chunk in stream]) == 3
    assert_priced(telemetry, PRICE)


@pytest.mark.parametrize("count", [1, 30, 31, 32, 33, 200])
async def test_an_asynchronous_stream_of_any_length_is_priced_though_it_is_closed_right_after_its_usage(
    server, async_client, instrument, telemetry, count
):
    instrument()
    server.queue(sse_answer(long_stream(count)))
    create = async_client().chat.completions.with_streaming_response.create
    async with create(model="gpt-5.5", messages=MESSAGES, stream=True) as raw:
        async for line in raw.iter_lines():
            if '"usage"' in line:
                break
    assert_priced(telemetry, PRICE)


async def test_an_asynchronous_stream_gives_the_same_chunks(server, async_client, instrument, telemetry):
    answer = sse_answer(events("chat_stream_with_usage.sse"))
    server.queue(answer, answer)
    one = async_client()
    expected = [chunk async for chunk in await ask(one, stream=True)]
    instrument()
    stream = await ask(one, stream=True)
    assert [chunk async for chunk in stream] == expected


@needs_responses
async def test_an_asynchronous_stream_of_responses_has_ended_when_its_last_event_is_seen(
    server, async_client, instrument, telemetry
):
    instrument()
    server.queue(sse_answer(events("response_stream.sse")))
    async for one in await respond(async_client()):
        assert bool(telemetry.spans()) is (one.type == "response.completed")
    assert_priced(telemetry, "0.0213664")


async def test_a_closed_asynchronous_stream_is_abandoned(server, async_client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()))
    stream = await ask(async_client(), stream=True)
    await anext(stream)
    await stream.close()
    assert_abandoned(telemetry)
    await stream.close()
    assert_abandoned(telemetry)


async def test_leaving_an_async_with_block_early_is_abandoning(server, async_client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()))
    async with await ask(async_client(), stream=True) as stream:
        async for _ in stream:
            break
    assert_abandoned(telemetry)


async def test_an_asynchronous_stream_dropped_after_a_break_ends_when_it_is_collected(
    server, async_client, instrument, telemetry
):
    instrument()
    server.queue(sse_answer(streamed()))
    stream = await ask(async_client(), stream=True)
    async for _ in stream:
        break
    del stream
    for _ in range(5):  # asynchronous generators are closed by the event loop
        collect()
        await asyncio.sleep(0.01)
    assert_abandoned(telemetry)


async def test_an_asynchronous_stream_that_is_never_iterated_ends_when_it_is_collected(
    server, async_client, instrument, telemetry
):
    instrument()
    server.queue(sse_answer(streamed()))
    stream = await ask(async_client(), stream=True)
    assert telemetry.spans() == ()
    del stream
    for _ in range(5):
        collect()
        await asyncio.sleep(0.01)
    assert_abandoned(telemetry)


async def test_an_exception_of_the_asynchronous_caller_goes_its_way_and_ends_the_stream(
    server, async_client, instrument, telemetry
):
    instrument()
    server.queue(sse_answer(streamed()))
    mine = ValueError("mine")

    async def use(stream):
        async with stream:
            await anext(stream)
            raise mine

    stream = await ask(async_client(), stream=True)
    with pytest.raises(ValueError, match="mine") as caught:
        await use(stream)
    assert caught.value is mine
    assert_abandoned(telemetry)


async def test_an_error_event_is_an_error_of_an_asynchronous_stream(server, async_client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("chat_stream_error_midway.sse")))
    stream = await ask(async_client(), stream=True, model="gpt-5.6-sol")
    with pytest.raises(openai.APIError, match=ERROR_IN_STREAM):
        [chunk async for chunk in stream]
    assert_failed(telemetry, "")


@pytest.mark.parametrize("cut_after", [0, 400])
async def test_a_cut_connection_is_an_error_of_an_asynchronous_stream(
    server, async_client, instrument, telemetry, cut_after
):
    instrument()
    server.queue(sse_answer(streamed(), cut_after=cut_after))
    stream = await ask(async_client(), stream=True)
    with pytest.raises(Exception, match=r"(?i)peer closed|incomplete|connection error"):
        [chunk async for chunk in stream]
    assert_failed(telemetry, "Error")


async def test_a_task_cancelled_between_two_chunks_is_an_error(server, async_client, instrument, telemetry):
    gate = Gate()
    instrument()
    first, *rest = streamed()
    server.queue(sse_answer([first, gate, *rest]))

    async def read():
        async for _ in await ask(async_client(), stream=True):
            pass

    task = asyncio.create_task(read())
    await asyncio.to_thread(gate.wait_until_reached)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.open()
    assert_failed(telemetry, "CancelledError")


async def test_a_task_cancelled_before_the_answer_is_an_error(server, async_client, instrument, telemetry):
    gate = Gate()
    instrument()
    server.queue(sse_answer(streamed(), before=[gate]))
    task = asyncio.create_task(ask(async_client(), stream=True))
    await asyncio.to_thread(gate.wait_until_reached)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.open()
    assert_failed(telemetry, "CancelledError")


@pytest.mark.parametrize("gzip", [False, True])
@pytest.mark.parametrize("split", [1, 1000])
async def test_asynchronous_chunks_cut_anywhere_and_compressed_are_understood(
    server, async_client, instrument, telemetry, split, gzip
):
    instrument()
    server.queue(sse_answer(streamed(), split=split, gzip=gzip))
    assert len([chunk async for chunk in await ask(async_client(), stream=True)]) == 3
    assert_priced(telemetry, PRICE)


async def test_between_asynchronous_chunks_the_caller_s_own_span_is_current(
    server, async_client, instrument, telemetry
):
    instrument()
    server.queue(sse_answer(streamed()))
    tracer = telemetry.tracer_provider.get_tracer("caller")
    with tracer.start_as_current_span("caller") as mine:
        async for _ in await ask(async_client(), stream=True):
            assert get_current_span() is mine
        assert get_current_span() is mine
    assert get_current_span() is INVALID_SPAN


async def test_concurrent_calls_are_kept_apart(server, async_client, instrument, telemetry):
    instrument()
    server.route("POST", "/v1/chat/completions", sse_answer(streamed()))
    one = async_client()

    async def read():
        return len([chunk async for chunk in await ask(one, stream=True)])

    assert await asyncio.gather(*(read() for _ in range(8))) == [3] * 8
    assert len(telemetry.spans()) == 8
    assert telemetry.open_spans() == []
    assert len({span.context.trace_id for span in telemetry.spans()}) == 8
    _, point = telemetry.point(COST)
    assert point.count == 8
    assert point.sum == pytest.approx(0.28)


@needs_helpers
async def test_the_asynchronous_stream_helper_is_one_operation(server, async_client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()))
    async with async_client().chat.completions.stream(model="gpt-5.5", messages=MESSAGES) as stream:
        final = await stream.get_final_completion()
    assert final.usage.total_tokens == 2000
    assert_priced(telemetry, PRICE)


async def test_a_stream_passed_on_by_an_async_generator_ends_with_it(server, async_client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()))
    one = async_client()

    async def passed_on():
        async with await ask(one, stream=True) as stream:
            async for chunk in stream:
                yield chunk

    generator = passed_on()
    await anext(generator)
    await generator.aclose()
    assert_abandoned(telemetry)
