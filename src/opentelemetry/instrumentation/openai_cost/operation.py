# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Operation: one call in flight. It begins, observes, and ends exactly once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import currentframe
from threading import Lock
from time import perf_counter, time
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.trace import Span

from . import _body, _stream_usage, fork
from .endpoints import Endpoint, EventReader, Request, Response
from .endpoints._fields import fields
from .provider import Server

if TYPE_CHECKING:
    from ._nesting import Enclosing
    from .account import Account
    from .recorder import Recorder

_EVENTS = "text/event-stream"
PATIENCE = 31
"""How many chunks of events may pass before they are looked at, together: one search of many costs a fraction of many."""


class Operation:
    """One logical call of the client, retries included, from the request to the last byte that matters.

    Args:
        recorder: writes the telemetry when the operation ends.
        endpoint: how to read request and response.
        server: who is asked.
        request: what the request says.
        span: the operation's own span, if it has one.
        context: context of the span (else of the caller), in which metrics are recorded.
        enclosing: where the cost goes when something else describes the call.
        account: whose money it is.

    Attributes:
        backlog: chunks of the body that have passed and have not been looked at.
        patience: how many of them there may be.
        ending: what a chunk holds that is looked at at once, as is one that ends within a line; empty: nothing.
        price_endpoint: the price book's name of the endpoint.
        time_to_first_chunk: seconds from the request to the first bytes of a streamed answer.
    """

    __slots__ = (
        "_chunk_times",
        "_collector",
        "_content",
        "_decode",
        "_ending",
        "_http",
        "_last_chunk",
        "_most_patience",
        "_reader",
        "_recorder",
        "_scanner",
        "_started",
        "_stream",
        "account",
        "backlog",
        "began",
        "context",
        "enclosing",
        "ending",
        "endpoint",
        "headers",
        "hides_usage",
        "observed",
        "patience",
        "price_endpoint",
        "process",
        "request",
        "server",
        "span",
        "time_to_first_chunk",
    )

    def __init__(
        self,
        recorder: Recorder,
        endpoint: Endpoint,
        server: Server,
        request: Request,
        span: Span | None,
        context: Context,
        enclosing: Enclosing | None,
        account: Account | None = None,
    ) -> None:
        self.endpoint, self.server, self.request = endpoint, server, request
        self.span, self.context, self.enclosing, self.account = span, context, enclosing, account
        self.price_endpoint = endpoint.name
        self.observed = False
        self.hides_usage = False
        self.headers: Mapping[str, str] | None = None
        self.began = time()
        self.process = fork.process
        self._recorder = recorder
        self._ending = Lock()
        self._started = perf_counter()
        self.time_to_first_chunk: float | None = None
        self._last_chunk = 0.0
        self._chunk_times: list[float] | None = None
        self._reader: EventReader | None = None
        self._scanner: _body.EventScanner | None = None
        self._collector: _body.DocumentCollector | None = None
        self._http: _body.HttpResponse | None = None
        self.backlog: list[bytes] = []
        self.patience = self._most_patience = 0
        self.ending = b""
        self._decode: Callable[[bytes], Iterable[bytes]] | None = None
        self._content: bytes | None = None
        self._stream = False

    @property
    def may_ask_for_usage(self) -> bool:
        """Whether the usage of a stream may be asked for on the caller's behalf, should the caller not have asked."""
        return self.endpoint.usage_if_asked and self._recorder.asks_for_usage

    @property
    def duration(self) -> float:
        """Seconds since the request was issued."""
        return perf_counter() - self._started

    @property
    def chunk_times(self) -> list[float]:
        """Seconds between chunks, where asked for."""
        return self._chunk_times or []

    def received(self, response: _body.HttpResponse, stream: bool, is_async: bool, patience: int = PATIENCE) -> None:
        """The HTTP response is here: its body is in memory, or on the wire and watched from now on.

        Args:
            response: an ``httpx`` or ``httpx2`` response.
            stream: whether the caller asked for events.
            is_async: which kind of stream the body is.
            patience: how many chunks of events may pass before they are looked at.
        """
        self.headers, self._stream = response.headers, stream
        if _body.is_read(response):
            self._http = response
            if self.endpoint.without_body is not None:
                # Speech as events is no stream to the client, which reads their bytes like any others.
                self._stream = _content_type(response).startswith(_EVENTS)
            if self.hides_usage:
                self._content = _stream_usage.hide_read(response, self)
            return
        content_type = _content_type(response)
        if self.endpoint.events is not None and (stream or content_type.startswith(_EVENTS)):
            self._stream = True
            self._reader = self.endpoint.events(self.request)
            self._scanner = _body.EventScanner(self.endpoint, self._reader, may_wait=patience > 0)
            if not self._recorder.wants_chunk_times:
                self.patience = self._most_patience = patience
                self.ending = self.endpoint.ending
        elif "json" in content_type or not content_type:
            self._collector = _body.DocumentCollector(self.endpoint)
        self._decode = _body.decoder(response)
        if self._decode is not None:
            # What ends it cannot be seen in what is encoded.
            self.patience, self.ending = 0, b""
        _body.install(response, self, is_async)
        self.observed = True
        if self.hides_usage:
            _stream_usage.hide(response, is_async, self)

    def returned(self, result: object) -> None:
        """The call returned to the caller; unless a body is still on the wire, this is the end."""
        if self.observed or self._ending.locked():
            return
        try:
            response = self._read(result)
        except Exception as error:
            self._recorder.failed_inside(error)
            response = None
        self._end(response, None)

    def raised(self, error: BaseException) -> None:
        """The call raised. It may have been billed all the same: the body, if there is one, says so."""
        if self._ending.locked():
            return
        try:
            response = self._read(None)
        except Exception as problem:
            self._recorder.failed_inside(problem)
            response = None
        self._end(response, error)

    def answered(self, document: object, headers: Mapping[str, str]) -> None:
        """The whole answer is here, parsed already by a client that shows no HTTP response; this is the end.

        Args:
            document: the JSON document, or anything else that a client makes of a body.
            headers: of the HTTP response.
        """
        self.headers = headers
        try:
            made = fields(document)
            response = self.endpoint.read_response(made, self.request) if made else self._without_body()
        except Exception as error:
            self._recorder.failed_inside(error)
            response = None
        self._end(response, None)

    def opened(self) -> None:
        """A stream begins whose events arrive parsed, one ``event`` each; ``finish``, ``abandon``, ``drop`` or ``fail`` ends it."""
        self._stream = self.observed = True
        self._reader = None if self.endpoint.events is None else self.endpoint.events(self.request)

    def event(self, document: object, headers: Mapping[str, str]) -> None:
        """Looks at a parsed event on its way to the application."""
        if self._ending.locked():
            return
        try:
            self.headers = headers
            self._time_chunk()
            if self._reader is not None and self._reader.read(fields(document)):
                self._end_observed(None)
        except Exception as error:
            self._recorder.failed_inside(error)

    def look(self) -> None:
        """Looks at the bytes that have passed since the last time."""
        backlog = self.backlog
        passed = backlog[:]
        # Not all: another thread may read on meanwhile.
        del backlog[: len(passed)]
        if not passed or self._ending.locked():
            return
        try:
            content = passed[0] if len(passed) == 1 else b"".join(passed)
            for part in (content,) if self._decode is None else self._decode(content):
                self._feed(part)
        except Exception as error:
            self._recorder.failed_inside(error)

    def _feed(self, content: bytes) -> None:
        scanner = self._scanner
        if scanner is not None:
            if self.time_to_first_chunk is None or self._chunk_times is not None:
                self._time_chunk()
            if scanner.feed(content):
                self._end_observed(None)
            elif self.ending:
                # The last event may have begun: its end is not to be missed.
                self.patience = 0 if scanner.is_within_event else self._most_patience
        elif self._collector is not None:
            self._collector.feed(content)

    def _time_chunk(self) -> None:
        now = perf_counter()
        if self.time_to_first_chunk is None:
            self.time_to_first_chunk = now - self._started
            if self._recorder.wants_chunk_times:
                self._chunk_times = []
        elif self._chunk_times is not None:
            self._chunk_times.append(now - self._last_chunk)
        self._last_chunk = now

    def finish(self) -> None:
        """The body has been read to its end."""
        if self._ending.locked():
            return
        self._finish_body()
        self._end_observed(None)

    def abandon(self) -> None:
        """The body was closed or dropped before its end: not an error, but perhaps nothing to price.

        Garbage collection does both: a stream's generator closes its response when it goes. That may happen in the midst of
        telemetry's own work, whose locks are held then.
        """
        if self._ending.locked():
            return
        if inside_telemetry():
            self._recorder.postpone(self._end_abandoned)
        else:
            self._end_abandoned()

    def fail(self, error: BaseException) -> None:
        """Reading the body raised. An event that came whole but for its blank line was sent, and billed."""
        if self._ending.locked():
            return
        self._finish_body()
        self._end_observed(error)

    def failed_inside(self, error: BaseException) -> None:
        """Something of ours failed; the call goes on."""
        self._recorder.failed_inside(error)

    def _finish_body(self) -> None:
        self.look()
        try:
            if self._scanner is not None:
                self._scanner.finish()
        except Exception as error:
            self._recorder.failed_inside(error)

    def _read(self, result: object) -> Response | None:
        """Reads what came back: the SDK's own model where it made one, else the bytes."""
        http = self._http
        if http is None:
            return None
        if not self._stream:
            if self.endpoint.without_body is not None:
                return self._without_body()
            made = fields(result) if result is not None and result is not http else None
            if made and ("usage" in made or "choices" in made or "data" in made):
                return self.endpoint.read_response(made, self.request)
        content = http.content if self._content is None else self._content
        found = _body.read_whole(self.endpoint, self.request, content, self._stream)
        return found or self._without_body()

    def _without_body(self) -> Response | None:
        read = self.endpoint.without_body
        return None if read is None else read(self.request)

    def _end_abandoned(self) -> None:
        self.look()
        if self._ending.locked():
            return
        try:
            if self._scanner is not None:
                self._scanner.abandon()
        except Exception as error:
            self._recorder.failed_inside(error)
        self._end_observed(None)

    def _end_observed(self, error: BaseException | None) -> None:
        response = None
        try:
            if self._reader is not None:
                response = self._reader.response()
            elif self._collector is not None:
                found = self._collector.document()
                response = None if found is None else self.endpoint.read_response(found, self.request)
            response = response or self._without_body()
        except Exception as problem:
            self._recorder.failed_inside(problem)
        self._end(response, error)

    def _end(self, response: Response | None, error: BaseException | None) -> None:
        if self._ending.acquire(blocking=False):
            self._recorder.end(self, response, error)


def _content_type(response: _body.HttpResponse) -> str:
    return response.headers.get("content-type") or ""


def inside_telemetry() -> bool:
    """Whether code that may hold a lock of telemetry's, OpenTelemetry's or our own, is at work up the stack of this thread."""
    frame = currentframe()
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).startswith(_LOCKING):
            return True
        frame = frame.f_back
    return False


_ROOMS_WITH_LOCKS = (
    "_nesting",
    "account",
    "attribution",
    "budget",
    "containers",
    "ledger",
    "pricing",
    "recorder",
    "rollup",
    "summary",
    "tracking",
)

_LOCKING = (
    "opentelemetry.sdk.",
    "opentelemetry.exporter.",
    *(f"{__package__}.{room}" for room in _ROOMS_WITH_LOCKS),
)
