# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Events as the wire may bring them: cut, mangled, oversized, encoded. The client's own reading of them must not change."""

import json
import zlib
from collections.abc import Iterable
from typing import Any

from promises.bench import Bench, Situation, Situations
from promises.encodings import ENCODINGS, encoded
from support.expect import ask, streamed
from support.payloads import DONE, event
from support.server import Answer, bytes_answer, json_answer, sse_answer, wire_answer

given = Situations()

FIRST, LAST, USAGE, _ = streamed()
_CHUNK = json.loads(FIRST.removeprefix(b"data: "))


def text(content: str) -> bytes:
    """A chunk of that text, written in UTF-8 without escapes."""
    chunk = {**_CHUNK, "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": None}]}
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n\n"


def _with_line_ends(ending: bytes) -> list[bytes]:
    return [one.replace(b"\n", ending) for one in (FIRST, LAST, USAGE, DONE)]


STREAMS: dict[str, Answer] = {
    "the bytes of a character split between chunks": sse_answer([text("äöü🙂\u2028漢字"), USAGE, DONE], split=1),
    "a byte that is no UTF-8": sse_answer([text("x").replace(b"x", b"\xff\xfe"), USAGE, DONE]),
    "a lone surrogate": sse_answer([text("\ud83d"), USAGE, DONE]),
    "an escaped lone surrogate": sse_answer([text("x").replace(b'"x"', b'"\\ud83d"'), USAGE, DONE]),
    "lines that end with CRLF": sse_answer(_with_line_ends(b"\r\n")),
    "lines that end with CR": sse_answer(_with_line_ends(b"\r")),
    "CRLF split between chunks": sse_answer(_with_line_ends(b"\r\n"), split=1),
    "line ends of all kinds": sse_answer([FIRST.replace(b"\n", b"\r\n"), LAST.replace(b"\n", b"\r"), USAGE, DONE]),
    "comments": sse_answer([b": one\n\n", FIRST, b":\n", b": two\n", USAGE, b": three\n\n", DONE]),
    "empty events": sse_answer([b"\n\n\n\n", FIRST, b"\n", b"data\n\n", b"data:\n\n", USAGE, DONE]),
    "an event of nothing but its name": sse_answer([b"event: ping\n\n", FIRST, USAGE, DONE]),
    "identifiers and times to retry": sse_answer([b"id: 1\nretry: 10\n" + FIRST, b"id: 2\n" + USAGE, DONE]),
    "fields that nobody knows": sse_answer([b"colour: red\n" + FIRST, b"novalue\n" + USAGE, DONE]),
    "no blank after the colon": sse_answer([one.replace(b"data: ", b"data:") for one in (FIRST, USAGE, DONE)]),
    "JSON over several data lines": sse_answer([FIRST, USAGE.replace(b',"usage"', b',\ndata: "usage"'), DONE]),
    "a byte order mark": sse_answer([b"\xef\xbb\xbf" + FIRST, USAGE, DONE]),
    "an event whose JSON breaks off": sse_answer([FIRST, b'data: {"id": "x", "choices": [\n\n', USAGE, DONE]),
    "JSON that is no object": sse_answer([FIRST, b"data: [1, 2]\n\n", USAGE, DONE]),
    "JSON that is a number": sse_answer([FIRST, b"data: 17\n\n", USAGE, DONE]),
    "JSON that is null": sse_answer([b"data: null\n\n", FIRST, USAGE, DONE]),
    "numbers that are none": sse_answer(
        [FIRST, USAGE.replace(b"1000", b"NaN"), USAGE.replace(b"1000", b"1e999"), DONE]
    ),
    "a number of 5,000 digits": sse_answer([FIRST, USAGE.replace(b"2000", b"9" * 5000), DONE]),
    "JSON nested 100,000 deep": sse_answer([FIRST, b"data: " + b'{"usage":' * 100_000 + b"\n\n", USAGE, DONE]),
    "a field given twice": sse_answer([FIRST, USAGE.replace(b'"usage"', b'"usage":null,"usage"'), DONE]),
    "no end of the stream": sse_answer([FIRST, LAST, USAGE]),
    "the end of the stream twice": sse_answer([FIRST, USAGE, DONE, DONE]),
    "events after the end of the stream": sse_answer([FIRST, USAGE, DONE, text("late"), USAGE]),
    "nothing but the end of the stream": sse_answer([DONE]),
    "nothing at all": sse_answer([]),
    "nothing but blank lines": sse_answer([b"\n" * 1000]),
    "nothing but bytes": sse_answer([bytes(range(256)) * 20]),
    "a last event without its blank line": sse_answer([FIRST, USAGE.rstrip(b"\n")]),
    "a last event without its line end": sse_answer([FIRST, USAGE[:-2], DONE.rstrip(b"\n")]),
    "usage in the first event": sse_answer([USAGE, FIRST, DONE]),
    "usage in every event": sse_answer([USAGE, USAGE, USAGE, DONE]),
    "usage that shrinks": sse_answer([USAGE, USAGE.replace(b"1000", b"1"), DONE]),
    "text that looks like usage": sse_answer([text('"usage": {"prompt_tokens": 9}\n\ndata: [DONE]'), USAGE, DONE]),
    "an error of an unknown shape": sse_answer([FIRST, event({"error": ["no"]}), USAGE, DONE]),
    "an error that is text": sse_answer([FIRST, event({"error": "no"}), USAGE, DONE]),
    "an event of 2 MiB": sse_answer([FIRST, text("x" * 2**21), USAGE, DONE]),
    "an event of 9 MiB": sse_answer([FIRST, text("x" * 9 * 2**20), USAGE, DONE]),
    "a line of 9 MiB that never ends": sse_answer([FIRST, b"data: " + b"x" * 9 * 2**20]),
    "a comment of 9 MiB": sse_answer([FIRST, b": " + b"x" * 9 * 2**20 + b"\n\n", USAGE, DONE]),
    "chunks of one byte": sse_answer([FIRST, USAGE, DONE], split=1),
    "all events in one chunk": sse_answer([FIRST + LAST + USAGE + DONE]),
    "JSON instead of events": json_answer({"id": "x", "object": "chat.completion", "choices": []}),
    "a page instead of events": bytes_answer(b"<html>502</html>", content_type="text/html"),
    "events under a wrong type": bytes_answer(FIRST + USAGE + DONE, content_type="application/json"),
    "events under no type": wire_answer(b"HTTP/1.1 200 OK\r\n\r\n" + FIRST + USAGE + DONE),
    "events under a type in capitals": sse_answer([FIRST, USAGE, DONE], headers={"content-type": "TEXT/EVENT-STREAM"}),
    "events in another character set": sse_answer(
        [FIRST, USAGE, DONE], headers={"content-type": "text/event-stream; charset=utf-16"}
    ),
}

_WHOLE = b"".join((FIRST, LAST, USAGE, DONE))


def _in(encoding: str, body: bytes, *, size: int | None = None) -> Answer:
    return sse_answer([body], headers={"content-encoding": encoding}, split=size)


for _encoding in ENCODINGS:
    _body = encoded(_encoding, _WHOLE)
    STREAMS[f"events in {_encoding}"] = _in(_encoding, _body)
    STREAMS[f"events in {_encoding}, byte by byte"] = _in(_encoding, _body, size=1)
    STREAMS[f"events in {_encoding} that break off"] = _in(_encoding, _body[: len(_body) // 2])
    STREAMS[f"events in {_encoding} that are spoilt"] = _in(_encoding, _body[:30] + bytes(9) + _body[39:])
    STREAMS[f"events that are not in {_encoding} as they say"] = _in(_encoding, _WHOLE)
STREAMS["events in an encoding that nobody knows"] = _in("rot13", _WHOLE)
STREAMS["events in two encodings"] = _in("gzip, deflate", zlib.compress(encoded("gzip", _WHOLE)))
STREAMS["events in the identity encoding"] = _in("Identity", _WHOLE)


def _read(bench: Bench) -> Any:
    return [bench.see(chunk) for chunk in ask(bench.client(), stream=True)]


async def _read_async(bench: Bench) -> Any:
    return [bench.see(chunk) async for chunk in await ask(bench.async_client(), stream=True)]


def _add(names: Iterable[str]) -> None:
    for name in names:
        given.append(Situation(name, _read, [STREAMS[name]]))
        given.append(Situation(f"{name}, asynchronously", _read_async, [STREAMS[name]]))


_add(STREAMS)
