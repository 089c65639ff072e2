# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The answer: the filter put over a body, whatever its encoding, in memory or still on the wire."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol, cast

from .._body import HttpResponse
from .event_filter import EventFilter

if TYPE_CHECKING:
    from ..operation import Operation


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
