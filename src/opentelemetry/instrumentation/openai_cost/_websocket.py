# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The third door: connections over a websocket (realtime, live, ``responses.connect``), which never pass the client's two methods.

Reads openai's connection classes, whose modules are never imported from here: they are wrapped when the application's first use
loads them. ``parse_event`` is where an event becomes an object, however it was received; most events are let through after a look
at their type. Of websockets, only the URL that was connected to and the close code are read.

What is not seen: events that the application receives as bytes and never hands to ``parse_event``, and translation sessions, in
which no event says what was used.
"""

from __future__ import annotations

import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from threading import Lock
from typing import ClassVar, cast
from urllib.parse import parse_qs
from weakref import WeakKeyDictionary, finalize

import wrapt
from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import get_current_span, set_span_in_context

from ._wrapping import OurWrapper, Wrapper
from .account import inherit
from .endpoints import Endpoint, EventReader, Request, Response
from .endpoints._fields import Fields, fields, seconds, text
from .endpoints.decisions import DECISIONS
from .endpoints.realtime import (
    INPUT_TRANSCRIPTION,
    LIVE,
    REALTIME,
    Session,
    decision_request,
    in_session,
    read_session,
    response_request,
    tool_call,
    transcription_request,
)
from .endpoints.responses import RESPONSES
from .money import EXACT
from .operation import Operation, inside_telemetry
from .provider import Server, server
from .recorder import Recorder

Args = tuple[object, ...]
Kwargs = Mapping[str, object]

_MAX_OPEN = 64
"""Operations in flight on one connection; the oldest is given up for one more."""
_MAX_CALLS = 128
"""Tool calls remembered of one delegated response."""
_MAX_IDS = 10_000
"""Ids remembered of what was counted, and of live sessions."""
_ATTACHED = re.compile(r"/live/sessions/([^/]+)/attach$")
_OPENING = frozenset({"response.created", "response.queued", "response.in_progress"})
_CLOSING = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled", "error"})
_ZERO = Decimal(0)
_UNKNOWN = Response()


class SocketPatch:
    """Our wrappers around the SDK's websocket connections.

    Args:
        recorder: gives the recorder in force, ``None`` while not instrumented.
    """

    def __init__(self, recorder: Callable[[], Recorder | None]) -> None:
        self._recorder = recorder
        self._connections: WeakKeyDictionary[object, _Connection | None] = WeakKeyDictionary()
        self._counted = _Counted()
        self._restores: list[Callable[[], None]] = []
        self._installed = False
        self._hooked = False
        self._lock = Lock()

    def install(self) -> None:
        """Wraps the connections of the modules that are loaded, and the others when they will be."""
        with self._lock:
            if self._installed:
                return
            self._installed, hooked, self._hooked = True, self._hooked, True
        for name in _FAMILIES:
            if not hooked:
                # A hook cannot be unregistered; it is set once and asks whether it is still wanted.
                wrapt.register_post_import_hook(self._loaded, name)
            elif (module := sys.modules.get(name)) is not None:
                self._loaded(module)

    def remove(self) -> None:
        """Puts the very functions back, and ends what is in flight: nobody would see it end."""
        with self._lock:
            self._installed = False
            for restore in reversed(self._restores):
                restore()
            self._restores.clear()
        for connection in list(self._connections.values()):
            if connection is not None:
                connection.stop()
        self._connections.clear()
        self._counted = _Counted()

    def _loaded(self, module: object) -> None:
        with self._lock:
            if not self._installed:
                return
            names, family = _FAMILIES[getattr(module, "__name__", "")]
            for name in names:
                kind = cast("type | None", getattr(module, name, None))
                if kind is not None and hasattr(kind, "parse_event") and hasattr(kind, "close"):
                    self._wrap(kind, "__init__", partial(self._connected, family))
                    self._wrap(kind, "parse_event", partial(self._parsed, family, family.events))
                    self._wrap(kind, "close", self._closing)

    def _wrap(self, kind: type, name: str, wrapper: Callable[..., object]) -> None:
        standing = kind.__dict__.get(name)
        if isinstance(standing, OurWrapper):
            # Left behind by somebody who had wrapped it and is gone.
            ours, original = standing, cast("Wrapper", standing).__wrapped__
        else:
            original = getattr(kind, name)
            ours = OurWrapper(original, wrapper)
            setattr(kind, name, ours)
        # An inherited method is shadowed, not replaced: taking our attribute away restores it.
        is_inherited = any(vars(base).get(name) is original for base in kind.__mro__[1:])

        def restore() -> None:
            if kind.__dict__.get(name) is ours:
                if is_inherited:
                    delattr(kind, name)
                else:
                    setattr(kind, name, original)

        self._restores.append(restore)

    def _connected(
        self, family: type[_Connection], wrapped: Callable[..., object], instance: object, args: Args, kwargs: Kwargs
    ) -> object:
        result = wrapped(*args, **kwargs)
        recorder = self._recorder()
        if recorder is not None:
            try:
                # A connection that is made where instrumentation is suppressed is not looked at.
                watched = self._watch(family, instance, get_current()) if is_instrumentation_enabled() else None
                self._connections[instance] = watched
            except Exception as error:
                recorder.failed_inside(error)
        return result

    def _parsed(
        self,
        family: type[_Connection],
        events: frozenset[str],
        wrapped: Callable[..., object],
        instance: object,
        args: Args,
        kwargs: Kwargs,
    ) -> object:
        event = wrapped(*args, **kwargs)
        recorder = self._recorder()
        if recorder is not None:
            try:
                kind = _kind(event)
                if isinstance(kind, str) and kind in events:
                    self._observe(family, recorder, instance, kind, event)
            except Exception as error:
                recorder.failed_inside(error)
        return event

    def _observe(
        self, family: type[_Connection], recorder: Recorder, instance: object, kind: str, event: object
    ) -> None:
        if instance not in self._connections:
            # Made before the instrumentation was.
            self._connections[instance] = self._watch(family, instance, None)
        connection = self._connections.get(instance)
        # A wrapper of ours may stand beneath somebody else's that was wrapped again.
        if connection is not None and connection.latest is not event:
            connection.latest = event
            connection.follow(_socket(instance))
            connection.read(recorder, kind, fields(event))

    def _watch(self, family: type[_Connection], instance: object, context: Context | None) -> _Connection:
        connection = family(_socket(instance), context, self._counted)
        connection.stop = finalize(instance, self._drop, connection)
        return connection

    def _drop(self, connection: _Connection) -> None:
        """A connection that nobody closed was collected as garbage, perhaps in the midst of telemetry's own work."""
        recorder = self._recorder()
        if recorder is not None and inside_telemetry():
            recorder.postpone(lambda: self._abandon(connection))
        else:
            self._abandon(connection)

    def _abandon(self, connection: _Connection) -> None:
        try:
            connection.abandon()
        except Exception as error:
            recorder = self._recorder()
            if recorder is not None:
                recorder.failed_inside(error)

    def _closing(self, wrapped: Callable[..., object], instance: object, args: Args, kwargs: Kwargs) -> object:
        connection = self._connections.get(instance)
        if connection is not None:
            self._abandon(connection)
        return wrapped(*args, **kwargs)


@dataclass(slots=True)
class _Open:
    """An operation in flight.

    Attributes:
        operation: writes the span and holds the request.
        recorder: the one it began with.
        known: the response as far as it is known.
        reader: folds the events of a response of the Responses API.
        lane: the stream or delegation that it belongs to.
        calls: calls of tools that its output named.
    """

    operation: Operation
    recorder: Recorder
    known: Response = _UNKNOWN
    reader: EventReader | None = None
    lane: str | None = None
    calls: list[Fields] = field(default_factory=list[Fields])

    def end(self, response: Response, error: BaseException | None = None) -> None:
        """Ends the operation; whoever took it out of where it was open does so, and nobody else."""
        self.recorder.end(self.operation, response, error)

    def answer(self, read: Callable[[Fields, Request], Response], body: Fields) -> None:
        """Ends the operation with what its last event says."""
        try:
            response = read(body, self.operation.request)
        except Exception as error:
            self.recorder.failed_inside(error)
            response = self.known
        self.end(response)

    def abandon(self, error: BaseException | None) -> None:
        """Ends the operation with what is known."""
        self.end(self.known if self.reader is None else self.reader.response(), error)


class _Connection(ABC):
    """One connection and what is in flight on it.

    A span's parent is the span that is current where its first event is received; where none is, as in a thread that only reads,
    the one that was current when the connection was made. Attribution and tracked work are taken from there too, if there is none
    where the event is received. No span is made current.

    What is in flight when the connection is closed ends there: without an error if the caller closed it, with the error of the
    connection if that had been cut before, or was replaced by a new one.

    Args:
        socket: the connection of the websockets library.
        context: the context in which the connection was made, if that was seen.
        counted: what was counted on any connection.
    """

    events: ClassVar[frozenset[str]]
    """Types of the events that matter."""

    def __init__(self, socket: object, context: Context | None, counted: _Counted) -> None:
        self.socket = socket
        self.stop: Callable[[], object] = self.abandon
        """Ends what is in flight, once and for all; so does the end of the connection object."""
        self.server, requested_model = _peer(socket)
        self.session = Session(model=requested_model, requested_model=requested_model)
        self.latest: object = None
        """The latest event that mattered."""
        self._made_in = context
        self._counted = counted
        self._open: dict[str, _Open] = {}
        self._lost: BaseException | None = None

    @abstractmethod
    def read(self, recorder: Recorder, kind: str, event: Fields) -> None:
        """Takes one event of a type that matters."""

    def follow(self, socket: object) -> None:
        """Notices that the SDK has reconnected: what was in flight on the old socket is lost."""
        if socket is not self.socket:
            self._lost = _cut(self.socket)
            self._end_open(self._lost)
            self.socket = socket

    def abandon(self) -> None:
        """The connection is closed or dropped, or no longer observed."""
        self._end_open(_cut(self.socket))

    def begin(
        self,
        recorder: Recorder,
        key: str,
        endpoint: Endpoint,
        request: Request,
        known: Response = _UNKNOWN,
        lane: str | None = None,
    ) -> _Open | None:
        """Starts an operation, unless it is counted already or instrumentation is suppressed.

        Args:
            recorder: the recorder in force.
            key: what its later events will name; empty if they will name nothing.
            endpoint: what kind of operation it is.
            request: what is known of its request.
            known: what is known of its response.
            lane: the stream or delegation that it belongs to.
        """
        if not is_instrumentation_enabled() or not self._counted.claim(key):
            return None
        if len(self._open) >= _MAX_OPEN:
            self._give_up(next(iter(self._open)), None)
        try:
            operation = self.start(recorder, endpoint, request)
        except BaseException:
            self._counted.release(key)
            raise
        reader = None if endpoint.events is None else endpoint.events(request)
        opened = self._open[key] = _Open(operation, recorder, known, reader, lane)
        return opened

    def start(self, recorder: Recorder, endpoint: Endpoint, request: Request) -> Operation:
        """Starts an operation in the context that its span belongs in."""
        context = get_current()
        if self._made_in is not None:
            context = inherit(context, self._made_in)
            if not get_current_span(context).get_span_context().is_valid:
                context = set_span_in_context(get_current_span(self._made_in), context)
        token = attach(context)
        try:
            return recorder.begin(endpoint, self.server, request)
        finally:
            detach(token)

    def take(self, key: str) -> _Open | None:
        """Takes an operation out of those in flight, to end it."""
        return self._open.pop(key, None)

    def read_response_event(self, recorder: Recorder, kind: str, event: Fields, lane: str | None) -> None:
        """Takes an event of the Responses API, whose terminal one says everything."""
        if kind == "error":
            key = self._latest(lane)
            opened = None if key is None else self.take(key)
            if opened is not None and opened.reader is not None:
                opened.reader.read(event)
                opened.end(opened.reader.response())
            return
        snapshot = fields(event.get("response"))
        key = text(snapshot.get("id")) or ""
        opened = self._open.get(key)
        if opened is None:
            if not key and kind in _OPENING:
                return
            request = response_request(snapshot, self.session)
            opened = self.begin(recorder, key, RESPONSES, request, lane=lane)
        if opened is None or opened.reader is None:
            return
        if opened.calls and not snapshot.get("output"):
            event = {**event, "response": {**snapshot, "output": opened.calls}}
        if opened.reader.read(event) and self.take(key) is opened:
            opened.end(opened.reader.response())

    def read_output_item(self, item: object, lane: str | None) -> None:
        """Remembers the call of a tool, for a response whose last event does not repeat its output."""
        key = self._latest(lane)
        call = None if key is None else tool_call(item)
        opened = None if key is None else self._open.get(key)
        if call is not None and opened is not None and len(opened.calls) < _MAX_CALLS:
            opened.calls.append(call)

    def _latest(self, lane: str | None) -> str | None:
        found = None
        for key, opened in list(self._open.items()):
            if opened.reader is not None and opened.lane == lane:
                found = key
        return found

    def _end_open(self, error: BaseException | None) -> None:
        for key in list(self._open):
            self._give_up(key, error)

    def _give_up(self, key: str, error: BaseException | None) -> None:
        opened = self.take(key)
        if opened is not None:
            # Whoever sees it finished after all may count it.
            self._counted.release(key)
            opened.abandon(error)


class _Realtime(_Connection):
    """A realtime session: one operation a response, and one for every piece of input that is transcribed."""

    events = frozenset(
        {
            "session.created",
            "session.updated",
            "transcription_session.created",
            "transcription_session.updated",
            "response.created",
            "response.output_item.added",
            "response.done",
            "input_audio_buffer.committed",
            "conversation.item.input_audio_transcription.completed",
            "conversation.item.input_audio_transcription.failed",
        }
    )

    def read(self, recorder: Recorder, kind: str, event: Fields) -> None:
        if kind == "response.done":
            self._read_done(recorder, in_session(event.get("response"), self.session))
        elif kind == "response.created":
            body = in_session(event.get("response"), self.session)
            if body.get("id"):
                self._begin_response(recorder, body)
        elif kind == "response.output_item.added":
            if event.get("response_id"):
                self._begin_response(recorder, in_session({"id": event.get("response_id")}, self.session))
        elif kind == "input_audio_buffer.committed":
            # Transcription starts here, if the session has any.
            if self.session.transcription and (key := _part(event)):
                self._begin_transcription(recorder, key)
        elif kind.startswith("conversation."):
            self._read_transcription(recorder, event)
        else:
            self.session = read_session(fields(event.get("session")), self.session)

    def _begin_response(self, recorder: Recorder, body: Fields) -> _Open | None:
        key = text(body.get("id")) or ""
        known = Response(id=key or None, model=self.session.model)
        return self._open.get(key) or self.begin(recorder, key, REALTIME, REALTIME.read_request(body), known)

    def _read_done(self, recorder: Recorder, body: Fields) -> None:
        begun = self._begin_response(recorder, body)
        opened = None if begun is None else self.take(text(body.get("id")) or "")
        if opened is not None:
            opened.answer(REALTIME.read_response, body)

    def _begin_transcription(self, recorder: Recorder, key: str) -> _Open | None:
        request = transcription_request(self.session)
        return self._open.get(key) or self.begin(recorder, key, INPUT_TRANSCRIPTION, request)

    def _read_transcription(self, recorder: Recorder, event: Fields) -> None:
        key = _part(event)
        begun = self._begin_transcription(recorder, key)
        opened = None if begun is None else self.take(key)
        if opened is not None:
            opened.answer(INPUT_TRANSCRIPTION.read_response, event)


def _part(event: Fields) -> str:
    """What names a piece of input audio; empty where the event does not say."""
    item = text(event.get("item_id"))
    return "" if item is None else f"{item}#{event.get('content_index') or 0}"


class _Responses(_Connection):
    """Responses over a connection, several at a time: an operation from ``response.created`` to the terminal event."""

    events = _OPENING | _CLOSING

    def read(self, recorder: Recorder, kind: str, event: Fields) -> None:
        self.read_response_event(recorder, kind, event, text(event.get("stream_id")))


class _Live(_Connection):
    """A live session: one operation from its start to its end, and one for everything it delegates.

    Its seconds are cumulative. They are charged when the session is closed; if the connection ends without that, the last figure
    is, and only what exceeds it when the same session is attached to again. Several connections of this process to one session
    are one operation.
    """

    events = frozenset(
        {
            "session.started",
            "session.updated",
            "session.usage.updated",
            "session.closed",
            "session.delegation.created",
            "response.event",
            "decision.event",
        }
    )

    def __init__(self, socket: object, context: Context | None, counted: _Counted) -> None:
        super().__init__(socket, context, counted)
        attached = _ATTACHED.search(_path(socket))
        if attached is not None:
            self.session = self.session._replace(id=attached[1])
        self._meter: _Meter | None = None

    def read(self, recorder: Recorder, kind: str, event: Fields) -> None:
        if kind == "response.event":
            self._read_delegated(recorder, event)
        elif kind == "decision.event":
            self._read_decision(recorder, event)
        elif kind == "session.delegation.created":
            delegation = fields(event.get("delegation"))
            if delegation.get("target") == "decisions" and (key := text(delegation.get("id"))):
                self.begin(recorder, key, DECISIONS, decision_request(self.session))
        else:
            self._read_session(recorder, kind, event)

    def abandon(self) -> None:
        super().abandon()
        self._leave(_cut(self.socket))

    def _read_delegated(self, recorder: Recorder, event: Fields) -> None:
        inner = fields(event.get("event"))
        kind = inner.get("type")
        if not isinstance(kind, str):
            return
        if kind in _Responses.events:
            self.read_response_event(recorder, kind, inner, text(event.get("delegation_id")))
        elif kind == "response.output_item.done":
            self.read_output_item(inner.get("item"), text(event.get("delegation_id")))

    def _read_decision(self, recorder: Recorder, event: Fields) -> None:
        decision = fields(fields(event.get("event")).get("decision"))
        key = text(event.get("delegation_id")) or text(event.get("trigger_id")) or text(event.get("event_id")) or ""
        if key not in self._open:
            self.begin(recorder, key, DECISIONS, decision_request(self.session))
        opened = self.take(key)
        if opened is not None:
            opened.answer(DECISIONS.read_response, decision)

    def _read_session(self, recorder: Recorder, kind: str, event: Fields) -> None:
        snapshot = fields(event.get("session"))
        if kind == "session.started" and self._meter is not None and snapshot.get("id") != self.session.id:
            # A reconnected application has started another session.
            self._leave(self._lost)
            self.session = Session()
        self.session = read_session(snapshot, self.session)
        meter = self._join(recorder)
        used = fields(event.get("usage")).get("seconds")
        if kind == "session.closed":
            meter.is_closed, meter.used = True, used
            self._charge(meter, text(event.get("reason")), None)
        elif kind == "session.usage.updated" and seconds(used) is not None:
            meter.used = used

    def _join(self, recorder: Recorder) -> _Meter:
        meter = self._meter
        if meter is None:
            meter = self._meter = self._counted.meter(self.session.id)
            meter.watchers.add(id(self))
        if meter.is_closed or not is_instrumentation_enabled() or not meter.idle.acquire(blocking=False):
            return meter
        try:
            operation = self.start(recorder, LIVE, LIVE.read_request(in_session(None, self.session)))
            meter.open.append(_Open(operation, recorder))
        except BaseException:
            meter.idle.release()
            raise
        return meter

    def _leave(self, error: BaseException | None) -> None:
        meter, self._meter = self._meter, None
        if meter is not None:
            meter.watchers.discard(id(self))
            if not meter.watchers:
                self._charge(meter, None, error)

    def _charge(self, meter: _Meter, reason: str | None, error: BaseException | None) -> None:
        try:
            opened = meter.open.pop()
        except IndexError:
            return
        meter.idle.release()
        body = {**in_session(None, self.session), "seconds": meter.due(), "reason": reason}
        opened.end(LIVE.read_response(body, opened.operation.request), error)


class _Meter:
    """What a live session has used so far, by its own cumulative count, and what of that is charged."""

    __slots__ = ("charged", "idle", "is_closed", "open", "used", "watchers")

    def __init__(self) -> None:
        self.used: object = None
        self.charged = _ZERO
        self.is_closed = False
        self.idle = Lock()
        self.open: list[_Open] = []
        self.watchers: set[int] = set()

    def due(self) -> object:
        """The seconds that are charged now; what is no duration is returned as it is."""
        used = seconds(self.used)
        if used is None:
            return self.used
        charged, self.charged = self.charged, max(used, self.charged)
        return EXACT.subtract(self.charged, charged)


class _Counted:
    """What was counted on any connection: responses and sessions may be seen on more than one, and are billed once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._ids: dict[str, None] = {}
        self._meters: dict[str, _Meter] = {}

    def claim(self, key: str) -> bool:
        """Whether something has still to be counted; whoever is told so counts it. What has no id is never known."""
        if not key:
            return True
        with self._lock:
            if key in self._ids:
                return False
            self._ids[key] = None
            if len(self._ids) > _MAX_IDS:
                del self._ids[next(iter(self._ids))]
            return True

    def release(self, key: str) -> None:
        """Lets somebody else count it."""
        # Without the lock, since a garbage collection may come here from inside of it.
        self._ids.pop(key, None)

    def meter(self, identifier: str | None) -> _Meter:
        """The meter of a live session, one for all its connections."""
        if identifier is None:
            return _Meter()
        with self._lock:
            meter = self._meters.get(identifier)
            if meter is None:
                meter = self._meters[identifier] = _Meter()
                if len(self._meters) > _MAX_IDS:
                    del self._meters[next(iter(self._meters))]
            return meter


def _kind(event: object) -> object:
    kind = getattr(event, "type", None)
    # What the SDK has no class for may stay a dictionary.
    return fields(event).get("type") if kind is None else kind


def _socket(connection: object) -> object:
    return getattr(connection, "_connection", None)


def _address(socket: object) -> object:
    """The parsed URL that a connection of the websockets library went to; its name has changed with version 15."""
    protocol = getattr(socket, "protocol", None)
    return getattr(protocol, "uri", None) or getattr(protocol, "wsuri", None)


def _path(socket: object) -> str:
    return text(getattr(_address(socket), "path", None)) or ""


def _peer(socket: object) -> tuple[Server, str | None]:
    """Who is at the other end, and the model asked for in the URL (the deployment, on Azure)."""
    address = _address(socket)
    host, port = text(getattr(address, "host", None)) or "", getattr(address, "port", None)
    query = parse_qs(text(getattr(address, "query", None)) or "")
    deployment = query.get("deployment")
    scheme = "http" if getattr(address, "secure", None) is False else "https"
    model = query.get("model") or deployment or [None]
    return server(scheme, host, cast("int | None", port), deployment is not None), model[0]


def _cut(socket: object) -> BaseException | None:
    """The error with which a connection came to its end; ``None`` while it is open."""
    protocol = getattr(socket, "protocol", None)
    if getattr(protocol, "close_code", None) is None:
        return None
    error: object = getattr(protocol, "close_exc", None)
    return error if isinstance(error, BaseException) else None


_FAMILIES: Mapping[str, tuple[tuple[str, ...], type[_Connection]]] = {
    "openai.resources.realtime.realtime": (("RealtimeConnection", "AsyncRealtimeConnection"), _Realtime),
    "openai.resources.beta.realtime.realtime": (("RealtimeConnection", "AsyncRealtimeConnection"), _Realtime),
    "openai.resources.responses.responses": (("ResponsesConnection", "AsyncResponsesConnection"), _Responses),
    "openai.resources.beta.responses.responses": (("ResponsesConnection", "AsyncResponsesConnection"), _Responses),
    "openai.resources.live.live": (("LiveConnection", "AsyncLiveConnection"), _Live),
    "openai.resources.live.sideband": (("SidebandConnection", "AsyncSidebandConnection"), _Live),
    "openai.resources.live.forks": (("ForksConnection", "AsyncForksConnection"), _Live),
}
"""Modules of the SDK, the connection classes in each, and what is read of their events."""
