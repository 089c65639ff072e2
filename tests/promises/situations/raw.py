# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Raw responses and bodies on the wire: headers, status, bytes and every way to read them."""

import io
import json
from typing import Any

from promises.bench import Bench, Situations
from support.expect import MESSAGES, chat, response, streamed
from support.payloads import payload
from support.server import bytes_answer, json_answer, sse_answer

given = Situations()

REQUEST: dict[str, Any] = {"model": "gpt-5.5", "messages": MESSAGES}
HEADERS = {"x-request-id": "req_1", "x-ratelimit-remaining-tokens": "7", "set-cookie": "a=b"}


@given(json_answer(chat(), headers=HEADERS))
def a_raw_response(bench: Bench) -> Any:
    raw = bench.see(bench.client().chat.completions.with_raw_response.create(**REQUEST))
    bench.see([raw.status_code, raw.request_id, raw.headers["x-ratelimit-remaining-tokens"], raw.http_version])
    bench.see([str(raw.url), raw.method, raw.retries_taken, raw.is_closed, raw.content, raw.text])
    first = bench.see(raw.parse())
    bench.see(first is raw.parse())
    return raw


@given(json_answer(chat(), headers=HEADERS))
async def an_asynchronous_raw_response(bench: Bench) -> Any:
    raw = bench.see(await bench.async_client().chat.completions.with_raw_response.create(**REQUEST))
    bench.see([raw.status_code, raw.request_id, raw.content])
    return raw.parse()


@given(json_answer(payload("embeddings.json"), headers=HEADERS))
def raw_embeddings(bench: Bench) -> Any:
    raw = bench.see(
        bench.client().embeddings.with_raw_response.create(
            model="text-embedding-3-small", input="Hello", encoding_format="float"
        )
    )
    return bench.see(raw.headers["x-request-id"]), raw.parse()


@given(json_answer(response(), headers=HEADERS), since=(1, 66))
def a_raw_response_of_the_responses_api(bench: Bench) -> Any:
    raw = bench.see(bench.client().responses.with_raw_response.create(model="gpt-5.5", input="Hello"))
    return raw.parse()


@given(sse_answer(streamed(), headers=HEADERS))
def a_raw_stream(bench: Bench) -> Any:
    raw = bench.see(bench.client().chat.completions.with_raw_response.create(**REQUEST, stream=True))
    bench.see([raw.headers["x-request-id"], raw.is_closed])
    stream = bench.see(raw.parse())
    return [bench.see(chunk) for chunk in stream]


@given(sse_answer(streamed(), headers=HEADERS))
async def an_asynchronous_raw_stream(bench: Bench) -> Any:
    raw = bench.see(await bench.async_client().chat.completions.with_raw_response.create(**REQUEST, stream=True))
    stream = bench.see(raw.parse())
    return [bench.see(chunk) async for chunk in stream]


@given(json_answer(chat(), headers=HEADERS))
def a_body_on_the_wire_that_is_parsed(bench: Bench) -> Any:
    with bench.client().chat.completions.with_streaming_response.create(**REQUEST) as streaming:
        bench.see(streaming)
        bench.see([streaming.status_code, streaming.request_id, streaming.headers["x-request-id"]])
        parsed = bench.see(streaming.parse())
        bench.see(parsed is streaming.parse())
    return bench.see(streaming)


@given(json_answer(chat(), headers=HEADERS))
async def an_asynchronous_body_on_the_wire_that_is_parsed(bench: Bench) -> Any:
    async with bench.async_client().chat.completions.with_streaming_response.create(**REQUEST) as streaming:
        bench.see(streaming)
        bench.see(await streaming.parse())
    return bench.see(streaming)


@given(json_answer(chat()))
def a_body_on_the_wire_that_is_read_as_text(bench: Bench) -> Any:
    with bench.client().chat.completions.with_streaming_response.create(**REQUEST) as streaming:
        return streaming.text(), streaming.json()


@given(json_answer(chat(), gzip=True))
def a_compressed_body_on_the_wire_that_is_iterated(bench: Bench) -> Any:
    with bench.client().chat.completions.with_streaming_response.create(**REQUEST) as streaming:
        return json.loads(b"".join(streaming.iter_bytes(7)))


@given(json_answer(chat()))
async def an_asynchronous_body_on_the_wire_that_is_iterated_by_lines(bench: Bench) -> Any:
    async with bench.async_client().chat.completions.with_streaming_response.create(**REQUEST) as streaming:
        return [line async for line in streaming.iter_lines()]


@given(json_answer(chat()))
def a_body_on_the_wire_that_nobody_reads(bench: Bench) -> Any:
    with bench.client().chat.completions.with_streaming_response.create(**REQUEST) as streaming:
        bench.see(streaming)
    return bench.see(streaming)


@given(json_answer(chat()))
def a_body_on_the_wire_that_is_read_too_late(bench: Bench) -> Any:
    with bench.client().chat.completions.with_streaming_response.create(**REQUEST) as streaming:
        pass
    return streaming.read()


@given(json_answer(chat()))
def a_body_on_the_wire_that_is_iterated_twice(bench: Bench) -> Any:
    with bench.client().chat.completions.with_streaming_response.create(**REQUEST) as streaming:
        bench.see(b"".join(streaming.iter_bytes()))
        return b"".join(streaming.http_response.iter_raw())


@given(sse_answer(streamed()))
def events_on_the_wire_that_are_parsed(bench: Bench) -> Any:
    with bench.client().chat.completions.with_streaming_response.create(**REQUEST, stream=True) as streaming:
        stream = bench.see(streaming.parse())
        return [bench.see(chunk) for chunk in stream]


@given(sse_answer(streamed()))
def events_on_the_wire_that_are_read_as_lines(bench: Bench) -> Any:
    with bench.client().chat.completions.with_streaming_response.create(**REQUEST, stream=True) as streaming:
        return [bench.see(line) for line in streaming.iter_lines()]


@given(bytes_answer(b"ID3" + bytes(5000), content_type="audio/mpeg"))
def a_binary_answer_that_is_written_to_a_file(bench: Bench) -> Any:
    file = io.BytesIO()
    with bench.client().audio.speech.with_streaming_response.create(model="tts-1", voice="alloy", input="Hi") as speech:
        for piece in speech.iter_bytes(1024):
            file.write(piece)
    return file.getvalue()


@given(json_answer(chat()))
def a_raw_response_cast_to_another_class(bench: Bench) -> Any:
    raw = bench.client().chat.completions.with_raw_response.create(**REQUEST)
    return bench.see(raw.parse(to=dict[str, object])), bench.see(raw.parse(to=str))
