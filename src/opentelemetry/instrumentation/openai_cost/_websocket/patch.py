# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""SocketPatch: our wrappers around the SDK's connection classes, and which those are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from threading import Lock
from typing import cast
from weakref import WeakKeyDictionary, finalize

import wrapt
from opentelemetry.context import Context, get_current
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from .._wrapping import OurWrapper, Wrapper
from ..endpoints._fields import fields
from ..fork import free_after_fork
from ..operation import inside_telemetry
from ..recorder import Recorder
from .connection import Connection
from .counted import Counted
from .live import Live
from .realtime import Realtime
from .responses import Responses
from .socket import socket_of

Args = tuple[object, ...]
Kwargs = Mapping[str, object]

_FAMILIES: Mapping[str, tuple[tuple[str, ...], type[Connection]]] = {
    "openai.resources.realtime.realtime": (("RealtimeConnection", "AsyncRealtimeConnection"), Realtime),
    "openai.resources.beta.realtime.realtime": (("RealtimeConnection", "AsyncRealtimeConnection"), Realtime),
    "openai.resources.responses.responses": (("ResponsesConnection", "AsyncResponsesConnection"), Responses),
    "openai.resources.beta.responses.responses": (("ResponsesConnection", "AsyncResponsesConnection"), Responses),
    "openai.resources.live.live": (("LiveConnection", "AsyncLiveConnection"), Live),
    "openai.resources.live.sideband": (("SidebandConnection", "AsyncSidebandConnection"), Live),
    "openai.resources.live.forks": (("ForksConnection", "AsyncForksConnection"), Live),
}
"""Modules of the SDK, the connection classes in each, and what is read of their events."""


class SocketPatch:
    """Our wrappers around the SDK's websocket connections.

    Args:
        recorder: gives the recorder in force, ``None`` while not instrumented.
    """

    def __init__(self, recorder: Callable[[], Recorder | None]) -> None:
        self._recorder = recorder
        self._connections: WeakKeyDictionary[object, Connection | None] = WeakKeyDictionary()
        self._counted = Counted()
        self._restores: list[Callable[[], None]] = []
        self._installed = False
        self._hooked = False
        self._lock = free_after_fork(Lock())

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
        self._counted = Counted()

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
        self, family: type[Connection], wrapped: Callable[..., object], instance: object, args: Args, kwargs: Kwargs
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
        family: type[Connection],
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
        self, family: type[Connection], recorder: Recorder, instance: object, kind: str, event: object
    ) -> None:
        if instance not in self._connections:
            # Made before the instrumentation was.
            self._connections[instance] = self._watch(family, instance, None)
        connection = self._connections.get(instance)
        # A wrapper of ours may stand beneath somebody else's that was wrapped again.
        if connection is not None and connection.latest is not event:
            connection.latest = event
            connection.follow(socket_of(instance))
            connection.read(recorder, kind, fields(event))

    def _watch(self, family: type[Connection], instance: object, context: Context | None) -> Connection:
        connection = family(socket_of(instance), context, self._counted)
        connection.stop = finalize(instance, self._drop, connection)
        return connection

    def _drop(self, connection: Connection) -> None:
        """A connection that nobody closed was collected as garbage, perhaps in the midst of telemetry's own work."""
        recorder = self._recorder()
        if recorder is not None and inside_telemetry():
            recorder.postpone(lambda: self._abandon(connection))
        else:
            self._abandon(connection)

    def _abandon(self, connection: Connection) -> None:
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


def _kind(event: object) -> object:
    kind = getattr(event, "type", None)
    # What the SDK has no class for may stay a dictionary.
    return fields(event).get("type") if kind is None else kind
