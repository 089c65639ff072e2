# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The tee: a response's bytes go through untouched, and an observer looks for the few events that matter.

Reads internals of httpx and httpx2 (``Response.stream`` and the content decoder), without importing either: the response's own
module says which it is.
"""

from __future__ import annotations

import json
import re
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Protocol, cast

from .endpoints import Endpoint, Request, Response
from .endpoints._facts import MAX_DOCUMENT, EventReader
from .endpoints._fields import Fields

_TAIL = 64 * 1024
_MAX_ATTEMPTS = 16
_SHORT = 64
"""The mark of the end is shorter, in bytes, and comes last."""
_LONG = 8 * 1024
"""Chunks of so many bytes are not kept: each is worth a look of its own."""
_PASSED_OVER = range(2 * 1024, 64 * 1024)
"""Of so many bytes, not all markers are searched for at once: fewer are searched soon, and more are not worth keeping."""
_LF = 10
BOUNDARY = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n|\r\n\n")
_USAGE = re.compile(rb'"usage"\s*:\s*(?=\{)')
_SVG_USAGE = re.compile(rb'"svg_usage"\s*:\s*(\{[^{}]*\})')
_MODEL = re.compile(rb'"(model|id|service_tier)"\s*:\s*"([^"\\]{1,200})"')


class Observer(Protocol):
    """Looks at a body as it passes; every method may be called by the tee, none may raise.

    Attributes:
        backlog: chunks that have passed and have not been looked at.
        patience: how many of them there may be.
        ending: a chunk that holds this, or that ends within a line, is looked at at once; empty: none.
    """

    backlog: list[bytes]
    patience: int
    ending: bytes

    def look(self) -> None:
        """Looks at the backlog, before the application gets the last chunk of it."""
        ...

    def finish(self) -> None:
        """The body has been read to its end."""
        ...

    def abandon(self) -> None:
        """The body was closed, dropped or collected as garbage before its end."""
        ...

    def fail(self, error: BaseException) -> None:
        """Reading the body raised."""
        ...


class EventScanner:
    """Finds server-sent events in bytes that are cut anywhere, and hands the JSON of those that matter to a reader.

    Keeps no more than the unfinished event, and events of up to 64 KiB before it. Accepts LF, CRLF and CR line ends (HTML
    standard, "Server-sent events").

    Args:
        endpoint: which markers there are.
        reader: takes the events.
        may_wait: whether events that come last may be found when the stream ends, for it is sure to be closed.
    """

    __slots__ = ("_is_identified", "_markers", "_midway", "_passed_over", "_pending", "_reader")

    def __init__(self, endpoint: Endpoint, reader: EventReader, *, may_wait: bool = True) -> None:
        self._markers = endpoint.markers
        self._midway = endpoint.midway if may_wait else ()
        self._reader = reader
        self._pending = bytearray()
        self._passed_over = b""
        self._is_identified = reader.identified

    @property
    def is_within_event(self) -> bool:
        """Whether an event has begun, and its end has still to come."""
        return bool(self._pending)

    def feed(self, chunk: bytes) -> bool:
        """Takes the next bytes; returns whether the last event that matters has been seen."""
        if self._pending or chunk[-2:] != b"\n\n":
            return self._feed_cut(chunk)
        return self._take(chunk)

    def _feed_cut(self, chunk: bytes) -> bool:
        """Takes bytes that end, or began, within an event."""
        pending = self._pending
        start = max(0, len(pending) - 3)
        pending += chunk
        end = -1
        for boundary in BOUNDARY.finditer(pending, start):
            end = boundary.end()
        if end < 0:
            if len(pending) > MAX_DOCUMENT:
                del pending[:-_TAIL]
            return False
        block = bytes(pending[:end])
        del pending[:end]
        return self._take(block)

    def finish(self) -> bool:
        """The bytes are at their end; an event without its blank line is read all the same, since it was sent and billed."""
        rest = bytes(self._pending)
        self._pending.clear()
        return self._scan(rest)

    def abandon(self) -> None:
        """Nobody reads on; an event that has not come to its end is none."""
        self._scan(b"")

    def _take(self, block: bytes) -> bool:
        """Takes whole events."""
        if self._is_identified:
            if self._midway and len(block) in _PASSED_OVER:
                if self._goes_on(block):
                    self._passed_over = block
                    return False
            elif not self._matters(block):
                return False
        return self._scan(block)

    def _goes_on(self, block: bytes) -> bool:
        """Whether there is nothing in it that may come long before the end: what else matters comes last, and is seen then."""
        find = block.rfind
        for marker in self._midway:
            if find(marker) >= 0:
                return False
        return find(b"[DONE]", -_SHORT) < 0

    def _scan(self, block: bytes) -> bool:
        if self._passed_over:
            passed_over, self._passed_over = self._passed_over, b""
            if self._matters(passed_over):
                block = passed_over + block
        for event in BOUNDARY.split(block):
            if event and (not self._is_identified or self._matters(event)):
                if self._read(event):
                    return True
                self._is_identified = self._reader.identified
                if self._midway and event.find(b'": ') >= 0:
                    self._midway = ()
        return False

    def _matters(self, block: bytes) -> bool:
        """Whether there may be an event in it that matters. Asked for all that passes, so a few searches are all it does.

        From the end: CPython finds or misses there in half the time, since the first byte of a marker is rarer than its last.
        """
        find = block.rfind
        for marker in self._markers:
            if find(marker) >= 0:
                return True
        if find(b'"usage":{') >= 0 or find(b"[DONE]", -_SHORT) >= 0:
            return True
        # A usage written with spaces, and tabs, which stand for nothing else in JSON.
        if find(b'"usage": ') < 0 and find(b'"usage" ') < 0 and find(b"\t") < 0:
            return False
        return _USAGE.search(block) is not None

    def _read(self, event: bytes) -> bool:
        data = event_data(event)
        if data.startswith(b"[DONE]"):
            return True
        document = parse(data)
        if document is None:
            usage = tail_usage(event)
            return self._reader.read({"usage": usage}) if usage else False
        return self._reader.read(document)


class DocumentCollector:
    """Keeps a JSON document up to 8 MiB; of a larger one the head and the tail.

    Args:
        endpoint: whose answer it is.
    """

    __slots__ = ("_content", "_endpoint", "_head")

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._content = bytearray()
        self._head = b""

    def feed(self, chunk: bytes) -> None:
        """Takes the next bytes."""
        self._content += chunk
        if len(self._content) > MAX_DOCUMENT:
            self._head = self._head or bytes(self._content[:_TAIL])
            del self._content[:-_TAIL]

    def document(self) -> Fields | None:
        """What was collected, as JSON; of a document too large to keep, its usage and what identifies it.

        Nothing of one that would have to be read whole: without its tools' fees the price would be wrong.
        """
        if self._head:
            return None if self._endpoint.is_read_whole else outline(self._head, bytes(self._content))
        return document(self._endpoint, bytes(self._content))


def document(endpoint: Endpoint, content: bytes) -> Fields | None:
    """A JSON body; of a large one (vectors, images) only its usage and what identifies it, where that is enough."""
    if len(content) > endpoint.outlined_above and not endpoint.is_read_whole:
        found = outline(content[:_TAIL], content[-_TAIL:])
        if found is not None:
            return found
    return parse(content)


def parse(data: bytes) -> Fields | None:
    """A JSON object, or ``None`` for anything else."""
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return cast(Fields, value) if isinstance(value, dict) else None


def outline(head: bytes, tail: bytes) -> Fields | None:
    """Usage and identity of a document of which only head and tail are at hand."""
    usage = tail_usage(tail)
    if usage is None:
        return None
    found: dict[str, object] = {"usage": usage}
    if drawn := _SVG_USAGE.search(tail):
        # It names a model of its own, which is not the one that answered.
        found["svg_usage"] = parse(drawn[1])
        tail = tail[: drawn.start()] + tail[drawn.end() :]
    for part in (head, tail):
        for name, value in cast("list[tuple[bytes, bytes]]", _MODEL.findall(part)):
            found.setdefault(name.decode(), value.decode("utf-8", "replace"))
    return found


def event_data(event: bytes) -> bytes:
    """The data of a server-sent event."""
    return b"\n".join(line[5:].removeprefix(b" ") for line in event.splitlines() if line.startswith(b"data:"))


def tail_usage(tail: bytes) -> Fields | None:
    """The last ``usage`` object that stands complete in a piece of JSON, if it is one of the last few that begin there."""
    decoder = json.JSONDecoder()
    text = tail.decode("utf-8", "replace")
    # Each attempt may read to the end: more of them would cost the square of what a hostile server sends.
    beginnings = deque((match.end() for match in re.finditer(_USAGE.pattern.decode(), text)), _MAX_ATTEMPTS)
    for begins in reversed(beginnings):
        try:
            value: object = decoder.raw_decode(text, begins)[0]
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return cast(Fields, value)
    return None


def read_whole(endpoint: Endpoint, request: Request, content: bytes, stream: bool) -> Response | None:
    """Reads a body that is already in memory.

    Args:
        endpoint: how to read it.
        request: the request it answers.
        content: the decoded bytes.
        stream: whether they are server-sent events.
    """
    if stream and endpoint.events is not None:
        reader = endpoint.events(request)
        scanner = EventScanner(endpoint, reader)
        if not scanner.feed(content):
            scanner.finish()
        return reader.response()
    found = document(endpoint, content)
    return None if found is None else endpoint.read_response(found, request)


class HttpResponse(Protocol):
    """What is needed of an ``httpx`` or ``httpx2`` response."""

    stream: object
    is_closed: bool
    headers: Mapping[str, str]

    @property
    def content(self) -> bytes:
        """The body, if it has been read."""
        ...


def is_read(response: HttpResponse) -> bool:
    """Whether the whole body is in memory."""
    return hasattr(response, "_content")


def install(response: HttpResponse, observer: Observer, is_async: bool) -> None:
    """Puts a tee between the wire and whoever reads the response."""
    module = sys.modules[type(response).__module__.partition(".")[0]]
    tee = _async_tee(module) if is_async else _sync_tee(module)
    response.stream = tee(response.stream, observer)


def decoder(response: HttpResponse) -> Callable[[bytes], Iterator[bytes]] | None:
    """A content decoder of our own; the response keeps the one that the application's reading drives."""
    encoding = response.headers.get("content-encoding")
    if not encoding or encoding.strip().lower() == "identity":
        return None
    own = type(response)(200, headers={"content-encoding": encoding})  # type: ignore[call-arg]  # httpx.Response(status, headers=)
    decode = cast("Callable[[bytes], bytes | Iterable[bytes]]", own._get_content_decoder().decode)  # type: ignore[attr-defined]

    def decoded(content: bytes) -> Iterator[bytes]:
        try:
            parts = decode(content)
            yield from (parts,) if isinstance(parts, bytes) else parts
        except Exception:
            # What cannot be decoded is not understood; the application's own reading says what is wrong with it.
            yield b""

    return decoded


def _may_end(chunk: bytes, ending: bytes) -> bool:
    """Whether a chunk may hold the beginning of the last event; one that ends within a line may have cut it in two."""
    return chunk[-1] != _LF or chunk.rfind(ending) >= 0


@lru_cache(maxsize=4)
def _sync_tee(module: object) -> type:
    class Tee(module.SyncByteStream):  # type: ignore[name-defined, misc]  # the base is only known at run time
        """A synchronous byte stream that passes on what it reads."""

        def __init__(self, stream: Iterable[bytes], observer: Observer) -> None:
            self._stream, self._observer = stream, observer

        def __iter__(self) -> Iterator[bytes]:
            observer = self._observer
            backlog, ending = observer.backlog, observer.ending
            hold, short, long = backlog.append, _SHORT, _LONG
            patience = 0  # The first chunk is looked at as it comes.
            try:
                for chunk in self._stream:
                    hold(chunk)
                    size = len(chunk)
                    if len(backlog) > patience or not short <= size < long or (ending and _may_end(chunk, ending)):
                        observer.look()
                        patience = observer.patience
                    yield chunk
            except GeneratorExit:
                raise
            except BaseException as error:
                observer.fail(error)
                raise
            observer.finish()

        def close(self) -> None:
            try:
                self._stream.close()  # type: ignore[attr-defined]
            finally:
                self._observer.abandon()

        def __del__(self) -> None:
            self._observer.abandon()

        def __getattr__(self, name: str) -> object:
            return getattr(self._stream, name)

    return Tee


class _Passing:
    """One iteration of an asynchronous tee; not a generator, which the event loop would have to close in a task."""

    __slots__ = ("_backlog", "_ending", "_iterator", "_observer", "_patience")

    def __init__(self, iterator: AsyncIterator[bytes], observer: Observer) -> None:
        self._iterator, self._observer = iterator, observer
        self._backlog, self._ending, self._patience = observer.backlog, observer.ending, 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._iterator.__anext__()
        except StopAsyncIteration:
            self._observer.finish()
            raise
        except BaseException as error:
            self._observer.fail(error)
            raise
        backlog = self._backlog
        backlog.append(chunk)
        size, ending = len(chunk), self._ending
        if len(backlog) > self._patience or not _SHORT <= size < _LONG or (ending and _may_end(chunk, ending)):
            self._observer.look()
            self._patience = self._observer.patience
        return chunk


@lru_cache(maxsize=4)
def _async_tee(module: object) -> type:
    class AsyncTee(module.AsyncByteStream):  # type: ignore[name-defined, misc]  # the base is only known at run time
        """An asynchronous byte stream that passes on what it reads."""

        def __init__(self, stream: object, observer: Observer) -> None:
            self._stream, self._observer = cast("AsyncIterator[bytes]", stream), observer

        def __aiter__(self) -> AsyncIterator[bytes]:
            return _Passing(self._stream.__aiter__(), self._observer)

        async def aclose(self) -> None:
            try:
                await self._stream.aclose()  # type: ignore[attr-defined]
            finally:
                self._observer.abandon()

        def __del__(self) -> None:
            self._observer.abandon()

        def __getattr__(self, name: str) -> object:
            return getattr(self._stream, name)

    return AsyncTee
