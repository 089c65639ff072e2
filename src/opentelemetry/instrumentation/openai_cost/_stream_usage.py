# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Usage on the caller's behalf: a stream is asked for its usage, and the answer is kept from the application.

Chat completions and completions report the usage of a stream only where ``stream_options.include_usage`` asks for it. With
``stream_usage="request"`` a copy of the request asks. The server then sends one more chunk, and says ``"usage":null`` in all
others (OpenAI API reference, "Create chat completion", ``stream_options``); both are taken out of the bytes again, after the
operation has seen them.

Reads internals of the SDK (the request options) and of httpx and httpx2 (``Response.stream`` and the content decoder), without
importing any of them.
"""

from __future__ import annotations

import re
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from threading import RLock
from typing import TYPE_CHECKING, Protocol, cast

from ._body import BOUNDARY, HttpResponse, event_data, parse
from .endpoints._facts import MAX_DOCUMENT
from .endpoints._fields import NOTHING, Fields
from .fork import free_after_fork

if TYPE_CHECKING:
    from .operation import Operation

_Args = tuple[object, ...]
_Kwargs = Mapping[str, object]
_Host = tuple[str, int]

_MAX_HOSTS = 256
_REFUSALS = frozenset({400, 422})
"""Status codes with which a server says that it does not understand a request."""
_IDENTITY = {"Accept-Encoding": "identity"}


class StreamUsage:
    """Changes requests so that they ask for usage, and remembers the hosts that refuse such requests.

    Remembers the 256 hosts last met, at most.
    """

    def __init__(self) -> None:
        self._refusing: OrderedDict[_Host, None] = OrderedDict()
        # Garbage collection may end a stream in here, and whoever is told of its cost may make another call.
        self._lock = free_after_fork(RLock())

    def ask(self, operation: Operation, client: object, args: _Args, kwargs: _Kwargs) -> ChangedRequest | None:
        """The request as it goes out instead of the caller's.

        Args:
            operation: the call.
            client: the SDK's client that makes it.
            args: positional arguments of the client's ``request``.
            kwargs: its keyword arguments.

        Returns:
            ``None`` if the request goes out as it is: no stream, the caller decided, the host refuses, or it is not wanted.
        """
        if kwargs.get("stream") is not True or not operation.may_ask_for_usage:
            return None
        host = operation.server.address, operation.server.port
        try:
            if self._refuses(host):
                return None
            options = cast("_Options", args[1] if len(args) > 1 else kwargs["options"])
            asking = _asking(options, client)
            if asking is None:
                return None
        except Exception as error:
            operation.failed_inside(error)
            return None
        operation.hides_usage = True
        return ChangedRequest(operation, asking, args, kwargs, lambda: self._remember(host))

    def forget(self) -> None:
        """Forgets which hosts refuse."""
        with self._lock:
            self._refusing.clear()

    def _refuses(self, host: _Host) -> bool:
        with self._lock:
            if host not in self._refusing:
                return False
            self._refusing.move_to_end(host)
            return True

    def _remember(self, host: _Host) -> None:
        with self._lock:
            self._refusing[host] = None
            if len(self._refusing) > _MAX_HOSTS:
                self._refusing.popitem(last=False)


class ChangedRequest:
    """A request that asks for usage although its caller did not; sent as the caller made it where it is refused.

    Args:
        operation: the call.
        asking: the changed request options.
        args: positional arguments of the client's ``request``, as the caller made them.
        kwargs: its keyword arguments.
        remember: called when it turned out that the host takes only the unchanged request.
    """

    __slots__ = ("_args", "_asking", "_kwargs", "_operation", "_remember")

    def __init__(
        self, operation: Operation, asking: object, args: _Args, kwargs: _Kwargs, remember: Callable[[], None]
    ) -> None:
        self._operation, self._asking = operation, asking
        self._args, self._kwargs, self._remember = args, kwargs, remember

    def send(self, request: Callable[..., object]) -> object:
        """Makes the call."""
        args, kwargs = self._changed()
        try:
            return request(*args, **kwargs)
        except Exception as error:
            if not _is_refused(error):
                raise
        # Outside of the handler: an error of the second attempt has no trace of the first.
        self._operation.hides_usage = False
        result = request(*self._args, **self._kwargs)
        self._remember()
        return result

    async def send_async(self, request: Callable[..., Awaitable[object]]) -> object:
        """Makes the call with an asynchronous client."""
        args, kwargs = self._changed()
        try:
            return await request(*args, **kwargs)
        except Exception as error:
            if not _is_refused(error):
                raise
        self._operation.hides_usage = False
        result = await request(*self._args, **self._kwargs)
        self._remember()
        return result

    def _changed(self) -> tuple[_Args, _Kwargs]:
        if len(self._args) > 1:
            return (self._args[0], self._asking, *self._args[2:]), self._kwargs
        return self._args, {**self._kwargs, "options": self._asking}


def _is_refused(error: Exception) -> bool:
    kind = getattr(sys.modules.get("openai"), "APIStatusError", None)
    return isinstance(kind, type) and isinstance(error, kind) and getattr(error, "status_code", None) in _REFUSALS


class _Options(Protocol):
    json_data: object
    extra_json: object
    headers: object


def _asking(options: _Options, client: object) -> _Options | None:
    """A copy of the request options that asks for usage; ``None`` where the caller decided, or there is no JSON body."""
    body, extra = options.json_data, options.extra_json
    if isinstance(extra, Mapping) and (body is None or "stream_options" in extra):
        # The SDK lets the caller's `extra_body` win over the method's own arguments, member by member.
        holder, members = "extra_json", cast(Fields, extra)
    elif isinstance(body, Mapping):
        holder, members = "json_data", cast(Fields, body)
    else:
        return None
    said = members.get("stream_options")
    if said is None:
        said = NOTHING
    if not isinstance(said, Mapping) or "include_usage" in said:
        return None
    asking = _copy(options)
    setattr(asking, holder, {**members, "stream_options": {**cast(Fields, said), "include_usage": True}})
    given = options.headers
    headers = cast(Fields, given) if isinstance(given, Mapping) else NOTHING
    if not _names_encoding(headers) and not _names_encoding(getattr(client, "_custom_headers", None)):
        asking.headers = {**headers, **_IDENTITY}
    return asking


def _names_encoding(headers: object) -> bool:
    """Whether the caller says which encodings are welcome; an encoded answer is decoded then."""
    return isinstance(headers, Mapping) and any(name.lower() == "accept-encoding" for name in cast(Fields, headers))


def _copy(options: _Options) -> _Options:
    """A shallow copy, whichever major version of pydantic the options are a model of."""
    copy = cast("Callable[[], _Options]", getattr(options, "model_copy", None) or getattr(options, "copy", None))
    return copy()


_USAGE = b'"usage"'
_CLOSING_NULL = re.compile(
    rb',[ \t]*"usage"[ \t]*:[ \t]*null'
    rb'(?=(?:[ \t]*,[ \t]*"[^"\\\r\n]*"[ \t]*:[ \t]*(?:"[^"\\\r\n]*"|[\w.+-]+))*[ \t]*\}[ \t]*(?:\r\n\r\n|\n\n|\r\r))'
)
"""A null usage with nothing but plain members between it and the end of the event: a member of the outermost object.

Text cannot look like it: quotes inside of a string are escaped."""
_NULL = re.compile(rb',[ \t]*"usage"[ \t]*:[ \t]*null|(?<=\{)[ \t]*"usage"[ \t]*:[ \t]*null(?:[ \t]*,[ \t]*)?')


class EventFilter:
    """Takes out of server-sent events what they hold only because usage was asked for.

    Takes bytes cut anywhere, and keeps no more than the unfinished event; one of more than 8 MiB goes through as it is.

    Args:
        report: is told of a failure of ours; the events then go through as they are.
    """

    __slots__ = ("_is_oversized", "_pending", "_report")

    def __init__(self, report: Callable[[BaseException], None]) -> None:
        self._report = report
        self._pending = bytearray()
        self._is_oversized = False

    def feed(self, chunk: bytes) -> bytes:
        """Takes the next bytes; returns those of the events that they complete."""
        pending = self._pending
        if not pending and chunk.endswith(b"\n\n"):
            return self._pass_on(chunk)
        start = max(0, len(pending) - 3)
        pending += chunk
        if self._is_oversized:
            return self._rest_of_oversized(start)
        end = -1
        for boundary in BOUNDARY.finditer(pending, start):
            end = boundary.end()
        if end >= 0:
            return self._pass_on(self._take(end))
        if len(pending) > MAX_DOCUMENT:
            self._is_oversized = True
            return self._take(-3)
        return b""

    def finish(self) -> bytes:
        """The bytes are at their end: returns the event that lacks its blank line."""
        rest = self._take(len(self._pending))
        return rest if self._is_oversized else self._pass_on(rest)

    def _rest_of_oversized(self, start: int) -> bytes:
        boundary = BOUNDARY.search(self._pending, start)
        if boundary is None:
            # Three bytes may be the beginning of a boundary.
            return self._take(-3) if len(self._pending) > 3 else b""
        self._is_oversized = False
        passed = self._take(boundary.end())
        return passed + self.feed(self._take(len(self._pending)))

    def _take(self, end: int) -> bytes:
        taken = bytes(self._pending[:end])
        del self._pending[:end]
        return taken

    def _pass_on(self, block: bytes) -> bytes:
        if _USAGE not in block:
            return block
        try:
            return _without_usage(block)
        except Exception as error:
            self._report(error)
            return block


def _without_usage(block: bytes) -> bytes:
    """Whole events without the usage that was asked for."""
    block = _CLOSING_NULL.sub(b"", block)
    if _USAGE not in block:
        return block
    kept: list[bytes] = []
    start = 0
    for boundary in BOUNDARY.finditer(block):
        kept.append(_event_without_usage(block[start : boundary.start()], boundary.group()))
        start = boundary.end()
    kept.append(_event_without_usage(block[start:], b""))
    return b"".join(kept)


def _event_without_usage(event: bytes, boundary: bytes) -> bytes:
    document = parse(event_data(event)) if _USAGE in event else None
    if document is None or "usage" not in document:
        return event + boundary
    usage = document["usage"]
    if usage is None:
        return _without_null(event, document) + boundary
    if isinstance(usage, dict) and not document.get("choices") and "error" not in document:
        return b""
    # A usage beside choices is that server's own way, asked or not.
    return event + boundary


def _without_null(event: bytes, document: Fields) -> bytes:
    """The event without the null usage of its outermost object; others may be inside."""
    wanted = {name: value for name, value in document.items() if name != "usage"}
    for match in _NULL.finditer(event):
        shorter = event[: match.start()] + event[match.end() :]
        if parse(event_data(shorter)) == wanted:
            return shorter
    return event


class _Decoder(Protocol):
    def decode(self, data: bytes) -> bytes | Iterable[bytes]: ...

    def flush(self) -> bytes | Iterable[bytes]: ...


class _Passage:
    """From the bytes on the wire to those that the application gets, which are not encoded."""

    __slots__ = ("_decoder", "_filter", "_operation")

    def __init__(self, decoder: _Decoder | None, operation: Operation) -> None:
        self._decoder, self._operation = decoder, operation
        self._filter = EventFilter(operation.failed_inside)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Takes the next bytes; gives what can be handed on, in parts, some of which may be empty."""
        if self._decoder is None:
            return iter((self._filter.feed(chunk),))
        return self._decoded(lambda decoder: decoder.decode(chunk), self._decoder)

    def finish(self) -> Iterator[bytes]:
        """The bytes are at their end; gives what was held back."""
        if self._decoder is not None:
            yield from self._decoded(lambda decoder: decoder.flush(), self._decoder)
        yield self._filter.finish()

    def _decoded(self, decode: Callable[[_Decoder], bytes | Iterable[bytes]], decoder: _Decoder) -> Iterator[bytes]:
        try:
            for part in _parts(decode(decoder)):
                yield self._filter.feed(part)
        except Exception as error:
            # The error that the application's own decoding would have met.
            self._operation.fail(error)
            raise


def _parts(decoded: bytes | Iterable[bytes]) -> Iterable[bytes]:
    """What a decoder gives, in parts: httpx's gives bytes, httpx2's an iterator."""
    return (decoded,) if isinstance(decoded, bytes) else decoded


def hide(response: HttpResponse, is_async: bool, operation: Operation) -> None:
    """Keeps usage out of a body still on the wire.

    Args:
        response: an ``httpx`` or ``httpx2`` response.
        is_async: which kind of stream its body is.
        operation: the call, which sees the body before this does.
    """
    passage = _Passage(_take_decoder(response), operation)
    module = sys.modules[type(response).__module__.partition(".")[0]]
    filtered = _async_filtered(module) if is_async else _sync_filtered(module)
    response.stream = filtered(response.stream, passage)


def hide_read(response: HttpResponse, operation: Operation) -> bytes:
    """Keeps usage out of a body that is in memory already; returns the body as it was."""
    whole = response.content
    event_filter = EventFilter(operation.failed_inside)
    response._content = event_filter.feed(whole) + event_filter.finish()  # type: ignore[attr-defined]  # httpx.Response
    return whole


def _take_decoder(response: HttpResponse) -> _Decoder | None:
    """The response's content decoder, which is replaced by one that leaves bytes as they are."""
    encoding = response.headers.get("content-encoding")
    if not encoding or encoding.strip().lower() == "identity":
        return None
    plain = type(response)(200)  # type: ignore[call-arg]  # httpx.Response(status)
    identity: object = plain._get_content_decoder()  # type: ignore[attr-defined]
    decoder = cast(_Decoder, response._get_content_decoder())  # type: ignore[attr-defined]
    response._decoder = identity  # type: ignore[attr-defined]
    return decoder


@lru_cache(maxsize=4)
def _sync_filtered(module: object) -> type:
    class Filtered(module.SyncByteStream):  # type: ignore[name-defined, misc]  # the base is only known at run time
        """A synchronous byte stream without the usage that was asked for."""

        def __init__(self, stream: Iterable[bytes], passage: _Passage) -> None:
            self._stream, self._passage = stream, passage

        def __iter__(self) -> Iterator[bytes]:
            passage = self._passage
            for chunk in self._stream:
                yield from filter(None, passage.feed(chunk))
            yield from filter(None, passage.finish())

        def close(self) -> None:
            self._stream.close()  # type: ignore[attr-defined]

        def __getattr__(self, name: str) -> object:
            return getattr(self._stream, name)

    return Filtered


class _Filtering:
    """One iteration of an asynchronous stream; not a generator, which the event loop would have to close in a task."""

    __slots__ = ("_has_ended", "_iterator", "_parts", "_passage")

    def __init__(self, iterator: AsyncIterator[bytes], passage: _Passage) -> None:
        self._iterator, self._passage = iterator, passage
        self._parts: Iterator[bytes] = iter(())
        self._has_ended = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while True:
            for part in self._parts:
                if part:
                    return part
            if self._has_ended:
                raise StopAsyncIteration
            try:
                chunk = await self._iterator.__anext__()
            except StopAsyncIteration:
                self._has_ended = True
                self._parts = self._passage.finish()
            else:
                self._parts = self._passage.feed(chunk)


@lru_cache(maxsize=4)
def _async_filtered(module: object) -> type:
    class AsyncFiltered(module.AsyncByteStream):  # type: ignore[name-defined, misc]  # the base is only known at run time
        """An asynchronous byte stream without the usage that was asked for."""

        def __init__(self, stream: object, passage: _Passage) -> None:
            self._stream, self._passage = cast("AsyncIterator[bytes]", stream), passage

        def __aiter__(self) -> AsyncIterator[bytes]:
            return _Filtering(self._stream.__aiter__(), self._passage)

        async def aclose(self) -> None:
            await self._stream.aclose()  # type: ignore[attr-defined]

        def __getattr__(self, name: str) -> object:
            return getattr(self._stream, name)

    return AsyncFiltered
