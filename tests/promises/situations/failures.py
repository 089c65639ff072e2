# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Failures: the application gets the very exception, after the very same requests."""

import asyncio
from typing import Any

import openai

from promises.bench import Bench, Situation, Situations
from promises.encodings import ENCODINGS, encoded
from support.clients import http
from support.expect import ask, chat, response
from support.payloads import payload
from support.server import Gate, bytes_answer, drop_answer, json_answer, wire_answer

given = Situations()

SOON = {"retry-after-ms": "1", "x-request-id": "req_1"}


def _refusal(status: int, **headers: str) -> Any:
    return json_answer(payload("error_429.json"), status=status, headers={**SOON, **headers})


def _one_call(bench: Bench) -> Any:
    return ask(bench.client())


async def _one_asynchronous_call(bench: Bench) -> Any:
    return await ask(bench.async_client())


for _status in (400, 401, 403, 404, 408, 409, 418, 422, 429, 500, 502, 529):
    given.append(Situation(f"a refusal with {_status}", _one_call, [_refusal(_status)]))
for _status in (400, 429, 500):
    given.append(Situation(f"an asynchronous refusal with {_status}", _one_asynchronous_call, [_refusal(_status)]))

ODD_ANSWERS = {
    "a page instead of JSON": bytes_answer(b"<html>gateway</html>", content_type="text/html"),
    "an empty body": bytes_answer(b"", content_type="application/json"),
    "no content": bytes_answer(b"", status=204),
    "an array": bytes_answer(b"[1, 2]", content_type="application/json"),
    "a string": bytes_answer(b'"hello"', content_type="application/json"),
    "null": bytes_answer(b"null", content_type="application/json"),
    "JSON that breaks off": bytes_answer(b'{"choices": [', content_type="application/json"),
    "JSON under a wrong type": bytes_answer(b'{"choices": []}', content_type="text/plain"),
    "JSON under no type": wire_answer(b'HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{"choices": []}'),
    "JSON that is no UTF-8": bytes_answer(b'{"id": "\xff"}', content_type="application/json"),
    "fields of wrong types": json_answer({"choices": "none", "usage": [], "model": 7, "id": {}, "created": "x"}),
    "fields of nothing": json_answer({"choices": None, "usage": None, "model": None, "id": None, "created": None}),
    "a usage of text": json_answer(chat(usage={"prompt_tokens": "many"})),
    "a time beyond all times": json_answer(chat(created=10**400)),
    "a model of a megabyte": json_answer(chat(model="m" * 2**20)),
    "a model that is half a character": bytes_answer(
        b'{"model": "\\ud83d", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}',
        content_type="application/json",
    ),
    "an error with status 200": json_answer(payload("error_429.json")),
    "an error that is a page": bytes_answer(b"<html>502</html>", content_type="text/html", status=502),
    "an error of another shape": json_answer(["no"], status=400),
    "half a head": wire_answer(b"HTTP/1.1 200 OK\r\ncontent-type: appl"),
    "a head that is none": wire_answer(b"hello\r\n\r\n"),
    "a body shorter than its length": wire_answer(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{}"
    ),
    "a connection that is dropped": drop_answer(),
    "a redirection to nowhere": bytes_answer(b"", status=307, headers={"location": "/v1/elsewhere"}),
}
for _name, _answer in ODD_ANSWERS.items():
    given.append(Situation(_name, _one_call, [_answer]))
    given.append(Situation(f"{_name}, asynchronously", _one_asynchronous_call, [_answer]))

_BODY = b'{"id": "x", "model": "gpt-5.5", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 9}}'
for _encoding in ENCODINGS:
    for _name, _encoded in (
        ("a body", encoded(_encoding, _BODY)),
        ("half a body", encoded(_encoding, _BODY)[:40]),
        ("no body", b""),
        ("a false body", _BODY),
    ):
        _answer = bytes_answer(_encoded, content_type="application/json", headers={"content-encoding": _encoding})
        given.append(Situation(f"{_name} in {_encoding}", _one_call, [_answer]))


IMPATIENT = http.Timeout(60.0, read=0.1)
"""Only where the server holds its answer back: a busy machine may take its time to connect."""


@given(_refusal(429), _refusal(500), json_answer(chat()))
def a_call_that_succeeds_at_the_third_attempt(bench: Bench) -> Any:
    return ask(bench.client(max_retries=2))


@given(_refusal(429), _refusal(500), json_answer(chat()))
async def an_asynchronous_call_that_succeeds_at_the_third_attempt(bench: Bench) -> Any:
    return await ask(bench.async_client(max_retries=2))


@given(_refusal(500), _refusal(500), _refusal(503))
def a_call_that_never_succeeds(bench: Bench) -> Any:
    return ask(bench.client(max_retries=2))


@given(_refusal(500, **{"x-should-retry": "false"}))
def a_server_that_wants_no_retries(bench: Bench) -> Any:
    return ask(bench.client(max_retries=2))


@given(drop_answer(), json_answer(chat()))
def a_connection_dropped_once(bench: Bench) -> Any:
    return ask(bench.client(max_retries=1))


@given(_refusal(429), json_answer(chat()))
def retries_counted_on_a_raw_response(bench: Bench) -> Any:
    raw = bench.client(max_retries=1).chat.completions.with_raw_response.create(
        model="gpt-5.5", messages=[{"role": "user", "content": "Hello"}]
    )
    return bench.see(raw.retries_taken), raw.parse()


@given()
def a_timeout(bench: Bench) -> Any:
    gate = Gate()
    bench.server.queue(json_answer(chat(), before=[gate]))
    try:
        return ask(bench.client(timeout=IMPATIENT))
    finally:
        gate.wait_until_reached()
        gate.open()


@given()
async def an_asynchronous_timeout(bench: Bench) -> Any:
    gate = Gate()
    bench.server.queue(json_answer(chat(), before=[gate]))
    try:
        return await ask(bench.async_client(timeout=IMPATIENT))
    finally:
        await asyncio.to_thread(gate.wait_until_reached)
        gate.open()


@given(_refusal(400))
def an_error_that_the_application_handles(bench: Bench) -> Any:
    try:
        ask(bench.client())
    except openai.BadRequestError as error:
        bench.see([error.status_code, error.request_id, error.code, error.type, error.param, error.message])
        bench.see(error.response)
        return error.body


@given(_refusal(404))
def an_error_of_a_body_on_the_wire(bench: Bench) -> Any:
    with bench.client().chat.completions.with_streaming_response.create(model="gpt-5.5", messages=[]) as streaming:
        return streaming


@given(_refusal(429))
def an_error_before_a_stream(bench: Bench) -> Any:
    return ask(bench.client(), stream=True)


@given()
def a_client_that_is_closed(bench: Bench) -> Any:
    client = bench.client()
    client.close()
    return ask(client)


@given(json_answer(response(status="failed", error={"code": "server_error", "message": "no"})), since=(1, 66))
def a_response_that_says_it_failed(bench: Bench) -> Any:
    return bench.client().responses.create(model="gpt-5.5", input="Hello")
