# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""``stream_usage="request"``: streams are priced without the caller's asking, and the caller sees what they would have seen.

Every comparison is between a client that is not instrumented and gets what a server sends unasked, and an instrumented one that
gets what the server sends when asked for usage.
"""

import asyncio
import copy
import gc
import json
import re
import threading

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import StatusCode

from opentelemetry.instrumentation.openai_cost._stream_usage import asking
from opentelemetry.instrumentation.openai_cost._stream_usage import event_filter as filtering
from opentelemetry.instrumentation.openai_cost._stream_usage.event_filter import EventFilter
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
)
from support.payloads import DONE, event, events
from support.server import Answer, Cut, Gate, json_answer, sse_answer

PRICE = "0.035"
VARIABLE = "OTEL_INSTRUMENTATION_OPENAI_COST_STREAM_USAGE"
USAGE = {"prompt_tokens": 1000, "completion_tokens": 1000, "total_tokens": 2000}
REQUEST = {"model": "gpt-5.5", "messages": MESSAGES, "stream": True}
REFUSED = json_answer({"error": {"message": "no such parameter", "type": "invalid_request_error"}}, status=400)

CHUNK = {
    "id": "chatcmpl-s",
    "object": "chat.completion.chunk",
    "created": 1_795_000_000,
    "model": "gpt-5.5",
    "service_tier": "default",
}


def chunk(index=0, finish=None, **delta):
    return {**CHUNK, "choices": [{"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}]}


def tool(arguments, **more):
    return {"index": 0, "function": {"arguments": arguments}, **more}


TEXT = [chunk(role="assistant", content=""), chunk(content="Hel"), chunk(content="lo"), chunk(finish="stop")]
STREAMS = {
    "text": TEXT,
    "tools": [
        chunk(role="assistant", tool_calls=[tool("", id="call_1", type="function")]),
        chunk(tool_calls=[tool('{"usage":null,"usage": {"prompt_tokens"')]),
        chunk(tool_calls=[tool(':1}}\n\ndata: {"choices":[],"usage":{}}\n\n')]),
        chunk(finish="tool_calls"),
    ],
    "several choices": [chunk(0, content="a"), chunk(1, content="b"), chunk(1, "stop"), chunk(0, "length")],
    "a null usage inside": [{**one, "x_vendor": {"usage": None, "ms": 3}} for one in TEXT],
    "an opening chunk without choices": [
        {
            "choices": [],
            "created": 0,
            "id": "",
            "model": "",
            "object": "",
            "prompt_filter_results": [{"prompt_index": 0}],
        },
        *TEXT,
    ],
    "no text at all": [chunk(finish="stop")],
    "nothing": [],
}


def compact(data):
    return event(data)


def spaced(data):
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def named(data):
    return b": a comment\r\nevent: chunk\r\nid: 1\r\ndata:" + json.dumps(data).encode() + b"\r\nretry: 5\r\n\r\n"


def last(one):
    return {**one, "usage": None}


def first(one):
    return {"usage": None, **one}


def followed(one):
    """As OpenAI pads its chunks; unasked they are padded too."""
    return {**{name: value for name, value in one.items() if name != "pad"}, "usage": None, "pad": one["pad"]}


FORMS = {
    "last": (compact, lambda one: one, last),
    "first": (spaced, lambda one: one, first),
    "padded": (compact, lambda one: {**one, "pad": "a, 1"}, followed),
    "with other fields": (named, lambda one: one, last),
}


def both(stream="text", form="last"):
    """The events that a server sends unasked, and those that it sends when asked for usage."""
    encode, plain, asked = FORMS[form]
    chunks = [plain(one) for one in STREAMS[stream]]
    usage = {**plain(CHUNK), "choices": [], "usage": USAGE}
    return [*map(encode, chunks), DONE], [*(encode(asked(one)) for one in chunks), encode(usage), DONE]


def wire(request):
    """All of a request but what differs from connection to connection."""
    return request.method, request.path, request.headers, request.body


# --- what the application sees ---


def parsed(one, **options):
    return [whole(part) for part in ask(one, **{**REQUEST, **options})]


def whole(part):
    """A chunk with what was said in it, and what was not."""
    return part, part.model_dump_json(exclude_unset=True)


def parsed_later(one):
    return [whole(part) for part in one.chat.completions.with_raw_response.create(**REQUEST).parse()]


def on_the_wire(read):
    def reading(one):
        with one.chat.completions.with_streaming_response.create(**REQUEST) as streaming:
            return read(streaming)

    return reading


READINGS = {
    "parsed": parsed,
    "raw, then parsed": parsed_later,
    "parsed on the wire": on_the_wire(lambda streaming: [whole(part) for part in streaming.parse()]),
    "lines": on_the_wire(lambda streaming: list(streaming.iter_lines())),
    "bytes": on_the_wire(lambda streaming: b"".join(streaming.iter_bytes())),
    "text": on_the_wire(lambda streaming: "".join(streaming.iter_text())),
    "raw bytes": on_the_wire(lambda streaming: b"".join(streaming.http_response.iter_raw())),
    "everything": on_the_wire(lambda streaming: streaming.read()),
}


def assert_seen_alike(read, one, instrument):
    """The application reads the same of the answer to a request that was changed as it had read of its own."""
    expected = read(one)
    instrument(stream_usage="request")
    assert read(one) == expected


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("stream", STREAMS)
def test_the_application_sees_what_it_would_have_seen(server, client, instrument, telemetry, reading, stream):
    unasked, asked = both(stream)
    server.queue(sse_answer(unasked), sse_answer(asked))
    assert_seen_alike(READINGS[reading], client(), instrument)
    assert server.requests[1].json["stream_options"] == {"include_usage": True}
    assert_priced(telemetry, PRICE)


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("split", [1, 7])
def test_it_sees_the_same_wherever_the_bytes_are_cut(server, client, instrument, telemetry, reading, split):
    unasked, asked = both("tools")
    server.queue(sse_answer(unasked, split=split), sse_answer(asked, split=split))
    assert_seen_alike(READINGS[reading], client(), instrument)
    assert_priced(telemetry, PRICE)


@pytest.mark.parametrize("reading", ["parsed", "bytes"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("stream", STREAMS)
def test_it_sees_the_same_however_the_server_writes(server, client, instrument, telemetry, reading, form, stream):
    unasked, asked = both(stream, form)
    server.queue(sse_answer(unasked), sse_answer(asked))
    assert_seen_alike(READINGS[reading], client(), instrument)
    assert_priced(telemetry, PRICE)


@pytest.mark.parametrize("reading", ["parsed", "bytes"])
@pytest.mark.parametrize("ending", [b"\r\n", b"\r"])
@pytest.mark.parametrize("split", [None, 1])
def test_it_sees_the_same_with_other_line_ends(server, client, instrument, telemetry, reading, ending, split):
    answers = [[one.replace(b"\n", ending) for one in each] for each in both("tools")]
    server.queue(*(sse_answer(each, split=split) for each in answers))
    assert_seen_alike(READINGS[reading], client(), instrument)
    assert_priced(telemetry, PRICE)


@pytest.mark.parametrize("reading", ["parsed", "bytes"])
def test_it_sees_the_same_of_an_end_without_a_blank_line(server, client, instrument, telemetry, reading):
    answers = [[*each[:-1], b"data: [DONE]"] for each in both()]
    server.queue(*map(sse_answer, answers))
    assert_seen_alike(READINGS[reading], client(), instrument)
    assert_priced(telemetry, PRICE)


@pytest.mark.parametrize("reading", ["parsed", "bytes"])
def test_a_usage_that_ends_the_stream_without_a_blank_line_is_kept_from_it(
    server, client, instrument, telemetry, reading
):
    unasked, asked = both()
    server.queue(sse_answer(unasked[:-1]), sse_answer([*asked[:-2], asked[-2].rstrip(b"\n")]))
    assert_seen_alike(READINGS[reading], client(), instrument)
    assert_priced(telemetry, PRICE)


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("split", [None, 3])
def test_it_sees_the_same_of_an_answer_that_is_compressed_all_the_same(
    server, client, instrument, telemetry, reading, split
):
    unasked, asked = both()
    server.queue(sse_answer(unasked), sse_answer(asked, gzip=True, split=split))
    assert_seen_alike(READINGS[reading], client(), instrument)
    assert_priced(telemetry, PRICE)


@pytest.mark.parametrize("name", ["chat_stream", "chat_stream_azure"])
def test_it_sees_the_same_of_recorded_streams(server, client, instrument, telemetry, name):
    if name == "chat_stream":
        unasked, asked = events("chat_stream_no_usage.sse"), events("chat_stream_with_usage.sse")
    else:
        asked = events("chat_stream_azure.sse")
        unasked = [*asked[:-2], DONE]
    server.queue(sse_answer(unasked), sse_answer(asked))
    assert_seen_alike(READINGS["bytes"], client(), instrument)
    assert telemetry.attributes()["openai_cost.status"] == "priced"


def test_a_usage_beside_choices_is_the_server_s_own_and_stays(server, client, instrument, telemetry):
    answer = sse_answer([event({**chunk(content="x", finish="stop"), "usage": USAGE}), DONE])
    server.queue(answer, answer)
    assert_seen_alike(READINGS["bytes"], client(), instrument)
    assert_priced(telemetry, PRICE)


def test_an_error_event_is_the_one_that_the_caller_would_have_got(server, client, instrument, telemetry):
    unasked = events("chat_stream_error_midway.sse")
    asked = [one.replace(b'"finish_reason":null}]', b'"finish_reason":null}],"usage":null') for one in unasked]
    assert asked != unasked
    server.queue(sse_answer(unasked), sse_answer(asked))
    one = client()
    errors = []
    for _ in range(2):
        seen = []
        with pytest.raises(openai.APIError) as caught:
            seen.extend(map(whole, ask(one, stream=True)))
        errors.append((type(caught.value), str(caught.value), caught.value.body, seen))
        instrument(stream_usage="request")
    assert errors[0] == errors[1]
    assert_failed(telemetry, "server_error")


@needs_helpers
def test_the_stream_helper_gives_the_same_events(server, client, instrument, telemetry):
    unasked, asked = both("tools")
    server.queue(sse_answer(unasked), sse_answer(asked))
    one = client()

    def helped():
        with one.chat.completions.stream(model="gpt-5.5", messages=MESSAGES) as stream:
            seen = [part.model_dump() for part in stream]
            return seen, stream.get_final_completion()

    expected = helped()
    instrument(stream_usage="request")
    assert helped() == expected
    assert expected[1].usage is None
    assert_priced(telemetry, PRICE)


def test_legacy_completions_give_the_same_chunks(server, client, instrument, telemetry):
    asked = events("completion_legacy_stream_with_usage.sse")
    unasked = [*(one.replace(b',"usage":null', b"") for one in asked[:-2]), DONE]
    server.queue(sse_answer(unasked), sse_answer(asked))
    one = client()

    def complete():
        return [
            whole(part)
            for part in one.completions.create(model="gpt-3.5-turbo-instruct", prompt="The capital is", stream=True)
        ]

    expected = complete()
    instrument(stream_usage="request")
    assert complete() == expected
    assert len(expected) == 2
    assert server.requests[1].json["stream_options"] == {"include_usage": True}
    # 6 tokens at 1.5 and 2 at 2
    assert_priced(telemetry, "0.000013")


def test_azure_clients_see_the_same(server, azure_client, instrument, telemetry):
    unasked, asked = both("an opening chunk without choices")
    server.queue(sse_answer(unasked), sse_answer(asked))
    one = azure_client()
    expected = parsed(one)
    instrument(stream_usage="request")
    assert parsed(one) == expected
    bare, changed = server.requests
    assert changed.path == bare.path
    assert changed.json == {**bare.json, "stream_options": {"include_usage": True}}
    assert_ended_once(telemetry)
    assert telemetry.point(TOKENS, **{"gen_ai.token.type": "input"})[1].sum == 1000


def test_a_request_made_by_path_sees_the_same_and_keeps_its_body(server, client, instrument, telemetry):
    unasked, asked = both()
    server.queue(sse_answer(unasked), sse_answer(asked))
    one = client()
    body = {**REQUEST, "stream_options": {"x": 1}}
    before = copy.deepcopy(body)

    def post():
        kinds = {"cast_to": object, "stream_cls": openai.Stream[object]}
        return list(one.post("/chat/completions", body=body, stream=True, **kinds))

    expected = post()
    instrument(stream_usage="request")
    assert post() == expected
    assert len(expected) == len(TEXT)
    assert body == before
    assert server.requests[1].json["stream_options"] == {"x": 1, "include_usage": True}
    assert_priced(telemetry, PRICE)


def test_the_stream_is_the_client_s_own(server, client, instrument):
    unasked, asked = both()
    server.queue(sse_answer(unasked), sse_answer(asked))
    one = client()
    bare = ask(one, stream=True)
    list(bare)
    instrument(stream_usage="request")
    stream = ask(one, stream=True)
    list(stream)
    assert type(stream) is type(bare)
    assert vars(stream).keys() == vars(bare).keys()
    assert type(stream.response) is type(bare.response)
    if OPENAI_VERSION >= (1, 3):  # until then it leaves the response open behind `[DONE]`
        assert stream.response.elapsed.total_seconds() > 0


def test_a_body_that_a_hook_has_read_is_filtered_too(server, client, instrument, telemetry):
    unasked, asked = both()
    server.queue(sse_answer(unasked), sse_answer(asked))
    one = client()
    one._client.event_hooks = {"response": [lambda response: response.read()]}
    expected = parsed(one)
    instrument(stream_usage="request")
    assert parsed(one) == expected
    assert_priced(telemetry, PRICE)


# --- what the server sees ---


def requests_of(server, one, instrument, calls, **options):
    """The requests of the calls, made without and with instrumentation."""
    answer = sse_answer(both()[1])
    for method_path in (("POST", "/v1/chat/completions"), ("POST", "/v1/responses")):
        server.route(*method_path, answer)
    for call in calls:
        call(one)
    bare = [wire(request) for request in server.requests]
    server.requests.clear()
    instrument(**options)
    for call in calls:
        call(one)
    return bare, [wire(request) for request in server.requests]


def test_by_default_every_request_is_the_same_to_the_byte(server, client, instrument):
    calls = (
        lambda one: list(ask(one, stream=True)),
        lambda one: list(ask(one, stream=True, stream_options={"include_usage": True})),
        lambda one: list(ask(one, stream=True, stream_options={"include_usage": False})),
        lambda one: READINGS["bytes"](one),
    )
    bare, observed = requests_of(server, client(), instrument, calls)
    assert observed == bare


@pytest.mark.parametrize(
    "options",
    [
        {"stream_options": {"include_usage": False}},
        {"stream_options": {"include_usage": True}},
        {"extra_body": {"stream_options": {"include_usage": False}}},
        {"stream_options": {"x": 1}, "extra_body": {"stream_options": {"include_usage": True}}},
        {"extra_body": {"stream_options": "all"}},
    ],
    ids=repr,
)
def test_a_caller_who_decided_is_left_alone(server, client, instrument, options):
    bare, changed = requests_of(
        server, client(), instrument, [lambda one: list(ask(one, stream=True, **options))], stream_usage="request"
    )
    assert changed == bare


def test_a_caller_who_asked_gets_the_usage(server, client, instrument, telemetry):
    instrument(stream_usage="request")
    server.queue(sse_answer(both()[1]))
    *_, usage = ask(client(), stream=True, stream_options={"include_usage": True})
    assert usage.choices == []
    assert usage.usage.total_tokens == 2000
    assert_priced(telemetry, PRICE)


@needs_responses
def test_requests_without_such_an_option_are_left_alone(server, client, instrument):
    calls = (
        lambda one: list(one.responses.create(model="gpt-5.5", input="x", stream=True)),
        lambda one: one.chat.completions.with_raw_response.create(model="gpt-5.5", messages=MESSAGES),
    )
    bare, changed = requests_of(server, client(), instrument, calls, stream_usage="request")
    assert changed == bare


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"include_usage": True}),
        ({"stream_options": None}, {"include_usage": True}),
        ({"stream_options": {}}, {"include_usage": True}),
        (
            {"stream_options": {"include_obfuscation": False}},
            {"include_obfuscation": False, "include_usage": True},
        ),
        ({"extra_body": {"stream_options": {"x": 1}}}, {"x": 1, "include_usage": True}),
        (
            {"stream_options": {"include_usage": False}, "extra_body": {"stream_options": {"x": 1}}},
            {"x": 1, "include_usage": True},
        ),
        ({"stream_options": {"x": 1}, "extra_body": {"user": "u"}}, {"x": 1, "include_usage": True}),
    ],
    ids=repr,
)
def test_usage_is_asked_for_in_a_copy_where_the_caller_said_nothing(server, client, instrument, options, expected):
    instrument(stream_usage="request")
    server.queue(sse_answer(both()[1]))
    headers = {"x-mine": "1"}
    arguments = {**copy.deepcopy(options), "extra_headers": headers}
    before = copy.deepcopy(arguments)
    list(ask(client(), stream=True, **arguments))
    assert arguments == before
    (request,) = server.requests
    assert request.json["stream_options"] == expected
    assert request.headers["x-mine"] == "1"


def test_the_only_other_change_on_the_wire_is_the_encoding_that_is_welcome(server, client, instrument):
    call = [lambda one: list(ask(one, stream=True))]
    ((*bare, bare_headers, bare_body),), ((*changed, headers, body),) = requests_of(
        server, client(), instrument, call, stream_usage="request"
    )
    assert changed == bare
    assert json.loads(body) == {**json.loads(bare_body), "stream_options": {"include_usage": True}}
    same = {"content-length": bare_headers["content-length"], "accept-encoding": bare_headers["accept-encoding"]}
    assert {**headers, **same} == bare_headers
    assert headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("where", ["request", "client"])
def test_the_caller_s_own_word_on_encodings_stands(server, client, instrument, telemetry, where):
    instrument(stream_usage="request")
    server.queue(sse_answer(both()[1], gzip=True))
    mine = {"accept-encoding": "gzip"}
    if where == "request":
        got = parsed(client(), extra_headers=mine)
    else:
        got = parsed(client(default_headers=mine))
    assert len(got) == len(TEXT)
    assert server.requests[0].headers["accept-encoding"] == "gzip"
    assert_priced(telemetry, PRICE)


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_the_option_is_an_argument_or_an_environment_variable(server, client, instrument, monkeypatch, how):
    if how == "environment":
        monkeypatch.setenv(VARIABLE, "Request")
        instrument()
    else:
        instrument(stream_usage="request")
    server.queue(sse_answer(both()[1]))
    assert len(list(ask(client(), stream=True))) == len(TEXT)


@pytest.mark.parametrize("spans", ["current", "none"])
def test_usage_is_asked_for_whoever_makes_the_spans(server, client, instrument, telemetry, spans):
    instrument(stream_usage="request", spans=spans)
    server.queue(sse_answer(both()[1]))
    assert len(list(ask(client(), stream=True))) == len(TEXT)
    assert telemetry.point(COST)[1].count == 1


# --- when it ends ---


def test_the_operation_has_ended_before_done_is_handed_on(server, client, instrument, telemetry):
    instrument(stream_usage="request")
    server.queue(sse_answer(both()[1], split=1))
    with client().chat.completions.with_streaming_response.create(**REQUEST) as streaming:
        for line in streaming.iter_lines():
            assert bool(telemetry.spans()) is (line == "data: [DONE]")
            if telemetry.spans():
                break
    assert_priced(telemetry, PRICE)


def test_a_stream_has_ended_with_done_even_if_the_connection_stays_open(server, client, instrument, telemetry):
    gate = Gate()
    instrument(stream_usage="request")
    server.queue(sse_answer([*both()[1], gate]))
    stream = ask(client(), stream=True)
    for _ in TEXT:
        next(stream)
    gate.wait_until_reached()
    threading.Timer(0.2, gate.open).start()
    assert list(stream) == []
    assert_priced(telemetry, PRICE)


def test_an_event_is_handed_on_before_the_next_one_has_come(server, client, instrument):
    gate = Gate()
    instrument(stream_usage="request")
    first, *rest = both()[1]
    server.queue(sse_answer([first, gate, *rest]))
    stream = ask(client(), stream=True)
    assert next(stream).choices[0].delta.role == "assistant"
    gate.open()
    assert len(list(stream)) == len(TEXT) - 1


def test_a_stream_closed_before_its_usage_came_is_abandoned(server, client, instrument, telemetry):
    instrument(stream_usage="request")
    server.queue(sse_answer(both()[1]))
    stream = ask(client(), stream=True)
    next(stream)
    stream.close()
    assert_abandoned(telemetry)


def test_a_stream_that_is_dropped_ends_when_it_is_collected(server, client, instrument, telemetry):
    instrument(stream_usage="request")
    server.queue(sse_answer(both()[1]))
    stream = ask(client(), stream=True)
    next(stream)
    del stream
    gc.collect()
    gc.collect()
    assert_abandoned(telemetry)


def test_a_connection_cut_in_the_middle_is_the_same_error(server, client, instrument, telemetry):
    unasked, asked = both()
    server.queue(sse_answer([*unasked[:2], Cut()]), sse_answer([*asked[:2], Cut()]))
    one = client()
    kinds = []
    for _ in range(2):
        seen = []
        with pytest.raises(Exception, match=r"(?i)peer closed|incomplete|connection error") as caught:
            seen.extend(map(whole, ask(one, stream=True)))
        kinds.append((type(caught.value), str(caught.value), type(caught.value.__cause__), seen))
        instrument(stream_usage="request")
    assert kinds[0] == kinds[1]
    assert len(kinds[0][3]) == 2
    assert_failed(telemetry, "Error")


def test_bytes_that_cannot_be_decoded_are_the_same_error(server, client, instrument, telemetry):
    head = {"content-type": "text/event-stream", "content-encoding": "gzip"}
    broken = Answer(headers=head, steps=(b"not compressed at all",), chunked=True)
    server.queue(broken, broken)
    one = client()
    kinds = []
    for _ in range(2):
        with pytest.raises(Exception, match=r"(?i)header|connection error") as caught:
            list(ask(one, stream=True))
        kinds.append((type(caught.value), str(caught.value), type(caught.value.__cause__)))
        instrument(stream_usage="request")
    assert kinds[0] == kinds[1]
    assert_failed(telemetry, "DecodingError")


# --- servers that do not understand the question ---


@pytest.mark.parametrize("status", [400, 422])
def test_a_refused_request_is_sent_once_more_unchanged_in_the_same_operation(
    server, client, instrument, telemetry, status
):
    unasked, _ = both()
    refused = json_answer({"error": {"message": "no such parameter"}}, status=status)
    server.queue(sse_answer(unasked), refused, sse_answer(unasked))
    one = client()
    expected = parsed(one)
    instrument(stream_usage="request")
    assert parsed(one) == expected
    bare, changed, again = server.requests
    assert changed.json["stream_options"] == {"include_usage": True}
    assert wire(again) == wire(bare)
    assert_abandoned(telemetry)


def test_a_host_that_took_only_the_unchanged_request_is_left_alone(server, client, instrument):
    unasked, asked = both()
    instrument(stream_usage="request")
    server.queue(REFUSED, sse_answer(unasked), sse_answer(unasked), sse_answer(asked))
    one = client()
    parsed(one)
    parsed(one)
    assert ["stream_options" in request.json for request in server.requests] == [True, False, False]
    parsed(client(base_url="https://eu.api.openai.com/v1"))
    assert "stream_options" in server.requests[-1].json


def test_a_host_that_was_left_alone_is_asked_again_after_a_new_start(server, client, instrument):
    unasked, asked = both()
    instrumentor = instrument(stream_usage="request")
    server.queue(REFUSED, sse_answer(unasked), sse_answer(asked))
    one = client()
    parsed(one)
    instrumentor.uninstrument()
    instrument(stream_usage="request")
    assert len(parsed(one)) == len(TEXT)
    assert "stream_options" in server.requests[-1].json


def test_only_so_many_hosts_are_remembered(server, client, instrument, monkeypatch):
    monkeypatch.setattr(asking, "_MAX_HOSTS", 2)
    instrument(stream_usage="request")
    unasked, _ = both()
    clients = [client(base_url=f"https://{name}.example/v1") for name in "abc"]
    for one in clients:
        server.queue(REFUSED, sse_answer(unasked))
        parsed(one)
    server.requests.clear()
    for one in reversed(clients):
        server.queue(sse_answer(unasked))
        parsed(one)
    assert ["stream_options" in request.json for request in server.requests] == [False, False, True]


def mistake(number):
    return json_answer({"error": {"message": f"mistake {number}", "code": "bad"}}, status=400)


def chain(error):
    """An error, and those that it came from."""
    found = []
    while error is not None:
        found.append((type(error), str(error), error.__suppress_context__))
        error = error.__cause__ or error.__context__
    return found


def test_the_error_of_the_unchanged_request_has_no_trace_of_the_first(server, client, instrument):
    server.queue(mistake(1), REFUSED, mistake(1))
    one = client()
    chains = []
    for _ in range(2):
        with pytest.raises(openai.BadRequestError) as caught:
            ask(one, stream=True)
        chains.append(chain(caught.value))
        instrument(stream_usage="request")
    assert chains[0] == chains[1]


def test_a_mistake_of_the_caller_is_the_error_of_the_unchanged_request(server, client, instrument, telemetry):
    instrument(stream_usage="request")
    server.queue(REFUSED, mistake(2))
    one = client(max_retries=2)
    with pytest.raises(openai.BadRequestError, match="mistake 2"):
        ask(one, stream=True)
    assert ["stream_options" in request.json for request in server.requests] == [True, False]
    assert_failed(telemetry, "BadRequestError")
    server.queue(sse_answer(both()[1]))
    parsed(one)
    assert "stream_options" in server.requests[-1].json


def test_other_errors_are_left_to_the_client_s_own_retries(server, client, instrument, telemetry):
    instrument(stream_usage="request")
    broken = json_answer({"error": {"message": "broken"}}, status=500, headers={"retry-after-ms": "1"})
    server.queue(broken, sse_answer(both()[1]))
    assert len(parsed(client(max_retries=1))) == len(TEXT)
    assert [request.json.get("stream_options") for request in server.requests] == [{"include_usage": True}] * 2
    assert_priced(telemetry, PRICE)


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_other_errors_are_not_sent_again_by_us(server, client, instrument, telemetry, status):
    instrument(stream_usage="request")
    server.queue(json_answer({"error": {"message": "no"}}, status=status))
    with pytest.raises(openai.APIStatusError):
        ask(client(), stream=True)
    assert len(server.requests) == 1
    assert_failed(telemetry, "Error")


def test_a_refusal_of_a_request_that_we_did_not_change_is_not_sent_again(server, client, instrument, telemetry):
    instrument(stream_usage="request")
    server.queue(REFUSED)
    with pytest.raises(openai.BadRequestError):
        ask(client(), stream=True, stream_options={"include_usage": True})
    assert len(server.requests) == 1


# --- asynchronous ---


async def parsed_async(one):
    return [whole(part) async for part in await ask(one, stream=True)]


def on_the_wire_async(read):
    async def reading(one):
        async with one.chat.completions.with_streaming_response.create(**REQUEST) as streaming:
            return [part async for part in read(streaming)]

    return reading


ASYNC_READINGS = {
    "parsed": parsed_async,
    "lines": on_the_wire_async(lambda streaming: streaming.iter_lines()),
    "bytes": on_the_wire_async(lambda streaming: streaming.iter_bytes(64)),
}


@pytest.mark.parametrize("reading", ASYNC_READINGS)
@pytest.mark.parametrize("gzip", [False, True])
@pytest.mark.parametrize("split", [None, 1])
async def test_an_asynchronous_application_sees_what_it_would_have_seen(
    server, async_client, instrument, telemetry, reading, gzip, split
):
    unasked, asked = both("tools")
    server.queue(sse_answer(unasked, split=split), sse_answer(asked, split=split, gzip=gzip))
    one = async_client()
    expected = await ASYNC_READINGS[reading](one)
    instrument(stream_usage="request")
    assert await ASYNC_READINGS[reading](one) == expected
    assert server.requests[1].json["stream_options"] == {"include_usage": True}
    assert server.requests[1].headers["accept-encoding"] == "identity"
    assert_priced(telemetry, PRICE)


@needs_helpers
async def test_the_asynchronous_stream_helper_gives_the_same_events(server, async_client, instrument, telemetry):
    unasked, asked = both()
    server.queue(sse_answer(unasked), sse_answer(asked))
    one = async_client()

    async def helped():
        async with one.chat.completions.stream(model="gpt-5.5", messages=MESSAGES) as stream:
            return [part.model_dump() async for part in stream]

    expected = await helped()
    instrument(stream_usage="request")
    assert await helped() == expected
    assert_priced(telemetry, PRICE)


async def test_asynchronous_azure_clients_see_the_same(server, async_azure_client, instrument, telemetry):
    unasked, asked = both("an opening chunk without choices")
    server.queue(sse_answer(unasked), sse_answer(asked))
    one = async_azure_client()
    expected = await parsed_async(one)
    instrument(stream_usage="request")
    assert await parsed_async(one) == expected
    assert_ended_once(telemetry)


async def test_an_asynchronous_stream_ends_with_done_even_if_more_would_come(
    server, async_client, instrument, telemetry
):
    gate = Gate()
    instrument(stream_usage="request")
    server.queue(sse_answer([*both()[1], gate, b": more\n\n"]))
    stream = await ask(async_client(), stream=True)
    for _ in TEXT:
        await stream.__anext__()
    # Many versions of the client read on after `[DONE]`, to the end of the body.
    gate.open()
    assert [part async for part in stream] == []
    assert_priced(telemetry, PRICE)


async def test_an_asynchronous_stream_closed_early_is_abandoned(server, async_client, instrument, telemetry):
    instrument(stream_usage="request")
    server.queue(sse_answer(both()[1]))
    stream = await ask(async_client(), stream=True)
    await stream.__anext__()
    await stream.close()
    assert_abandoned(telemetry)


async def test_an_asynchronous_body_that_a_hook_has_read_is_filtered_too(server, async_client, instrument, telemetry):
    unasked, asked = both()
    server.queue(sse_answer(unasked), sse_answer(asked))
    one = async_client()

    async def read(response):
        await response.aread()

    one._client.event_hooks = {"response": [read]}
    expected = await parsed_async(one)
    instrument(stream_usage="request")
    assert await parsed_async(one) == expected
    assert_priced(telemetry, PRICE)


async def test_a_refused_asynchronous_request_is_sent_once_more_unchanged(server, async_client, instrument, telemetry):
    unasked, _ = both()
    instrument(stream_usage="request")
    server.queue(REFUSED, sse_answer(unasked), sse_answer(unasked))
    one = async_client()
    assert len(await parsed_async(one)) == len(TEXT)
    assert_abandoned(telemetry)
    await parsed_async(one)
    assert ["stream_options" in request.json for request in server.requests] == [True, False, False]


async def test_a_mistake_of_an_asynchronous_caller_is_the_error_of_the_unchanged_request(
    server, async_client, instrument, telemetry
):
    instrument(stream_usage="request")
    server.queue(REFUSED, mistake(2))
    with pytest.raises(openai.BadRequestError, match="mistake 2"):
        await ask(async_client(), stream=True)
    assert_failed(telemetry, "BadRequestError")


async def test_cancelling_a_request_that_asks_is_cancelling_it(server, async_client, instrument, telemetry):
    gate = Gate()
    instrument(stream_usage="request")
    server.queue(sse_answer(both()[1], before=[gate]))
    task = asyncio.ensure_future(ask(async_client(), stream=True))
    await asyncio.to_thread(gate.wait_until_reached)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.open()
    assert telemetry.span().status.status_code is StatusCode.ERROR
    assert len(server.requests) == 1


# --- the filter ---


def filtered(chunks, problems=None):
    event_filter = EventFilter((problems if problems is not None else []).append)
    return b"".join([*map(event_filter.feed, chunks), event_filter.finish()])


ALL_FORMS = [(stream, form) for stream in STREAMS for form in FORMS]


@given(case=st.sampled_from(ALL_FORMS), ending=st.sampled_from([b"\n", b"\r\n", b"\r"]), data=st.data())
def test_bytes_cut_anywhere_come_out_the_same(case, ending, data):
    unasked, asked = (re.sub(b"\r?\n", ending, b"".join(each)) for each in both(*case))
    cuts = data.draw(st.lists(st.integers(0, len(asked)), max_size=8).map(sorted))
    pieces = [asked[start:end] for start, end in zip([0, *cuts], [*cuts, len(asked)], strict=True)]
    assert filtered(pieces) == unasked


@given(st.binary(max_size=200), st.integers(1, 7))
def test_bytes_that_are_no_events_come_out_as_they_were(content, size):
    assert filtered([content[start : start + size] for start in range(0, len(content), size)]) == content


@pytest.mark.parametrize(
    "data",
    [
        {"usage": None, "a": {"usage": None}},
        {"a": {"usage": None}, "usage": None},
        {"a": {"b": 1, "usage": None}, "c": {"usage": None}, "usage": None, "d": [{"usage": None}]},
        {"usage": None},
        {"choices": [], "usage": None, "text": '{"usage":null}', 'odd,"usage': None},
    ],
    ids=json.dumps,
)
def test_only_the_outermost_null_is_taken_out(data):
    wanted = {name: value for name, value in data.items() if name != "usage"}
    assert filtered([event(data)]) == event(wanted)
    assert filtered([spaced(data)]) == spaced(wanted)


@pytest.mark.parametrize(
    "data",
    [
        b'data: {"usage":null\n\n',
        b'data: ["usage",{"usage":null}]\n\n',
        b'data: {"a":{"choices":[],"usage":{}}}\n\n',
        b'data: {"choices":[],"usage":7}\n\n',
        b'data: {"error":{"code":"x"},"usage":{}}\n\n',
        b': {"choices":[],"usage":{}}\n\n',
    ],
)
def test_what_only_resembles_it_stays(data):
    assert filtered([data]) == data


@pytest.mark.parametrize("split", [1 << 20, (1 << 20) - 1])
def test_an_event_too_large_to_hold_goes_through_and_the_next_is_filtered_again(split):
    large = event({"choices": [{"delta": {"content": "x" * (9 << 20)}}], "usage": None})
    _, asked = both()
    content = large + b"".join(asked)
    event_filter = EventFilter([].append)
    held, out = 0, b""
    for start in range(0, len(content), split):
        out += event_filter.feed(content[start : start + split])
        held = max(held, start + split - len(out))
    assert out + event_filter.finish() == large + b"".join(both()[0])
    assert held <= (9 << 20) + split


def test_a_failure_of_the_filter_lets_the_events_through(monkeypatch):
    def fail(block):
        raise MemoryError

    monkeypatch.setattr(filtering, "_without_usage", fail)
    problems = []
    _, asked = both()
    assert filtered(asked, problems) == b"".join(asked)
    assert {type(problem) for problem in problems} == {MemoryError}


def test_a_failure_to_ask_lets_the_request_through(server, client, instrument, telemetry, monkeypatch):
    def fail(options):
        raise RuntimeError

    monkeypatch.setattr(asking, "_copy", fail)
    instrument(stream_usage="request")
    server.queue(sse_answer(both()[0]))
    assert len(parsed(client())) == len(TEXT)
    assert "stream_options" not in server.requests[0].json
    assert_abandoned(telemetry)
