# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Connection: one connection and what is in flight on it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from opentelemetry.context import Context, get_current
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import get_current_span, set_span_in_context

from ..account import inherit
from ..endpoints import Endpoint, Request, Response
from ..endpoints._fields import Fields
from ..endpoints.realtime import Session
from ..operation import Operation
from ..recorder import Recorder
from .counted import Counted
from .opened import UNKNOWN, Opened
from .socket import cut, peer

_MAX_OPEN = 64
"""Operations in flight on one connection; the oldest is given up for one more."""


class Connection(ABC):
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

    def __init__(self, socket: object, context: Context | None, counted: Counted) -> None:
        self.socket = socket
        self.stop: Callable[[], object] = self.abandon
        """Ends what is in flight, once and for all; so does the end of the connection object."""
        self.server, requested_model = peer(socket)
        self.session = Session(model=requested_model, requested_model=requested_model)
        self.latest: object = None
        """The latest event that mattered."""
        self._made_in = context
        self._counted = counted
        self._open: dict[str, Opened] = {}
        self._lost: BaseException | None = None

    @abstractmethod
    def read(self, recorder: Recorder, kind: str, event: Fields) -> None:
        """Takes one event of a type that matters."""

    def follow(self, socket: object) -> None:
        """Notices that the SDK has reconnected: what was in flight on the old socket is lost."""
        if socket is not self.socket:
            self._lost = cut(self.socket)
            self._end_open(self._lost)
            self.socket = socket

    def abandon(self) -> None:
        """The connection is closed or dropped, or no longer observed."""
        self._end_open(cut(self.socket))

    def begin(
        self,
        recorder: Recorder,
        key: str,
        endpoint: Endpoint,
        request: Request,
        known: Response = UNKNOWN,
        lane: str | None = None,
    ) -> Opened | None:
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
        opened = self._open[key] = Opened(operation, recorder, known, reader, lane)
        return opened

    def start(self, recorder: Recorder, endpoint: Endpoint, request: Request) -> Operation:
        """Starts an operation in the context that its span belongs in."""
        context = get_current()
        if self._made_in is not None:
            context = inherit(context, self._made_in)
            if not get_current_span(context).get_span_context().is_valid:
                context = set_span_in_context(get_current_span(self._made_in), context)
        return recorder.begin(endpoint, self.server, request, context)

    def take(self, key: str) -> Opened | None:
        """Takes an operation out of those in flight, to end it."""
        return self._open.pop(key, None)

    def _end_open(self, error: BaseException | None) -> None:
        for key in list(self._open):
            self._give_up(key, error)

    def _give_up(self, key: str, error: BaseException | None) -> None:
        opened = self.take(key)
        if opened is not None:
            # Whoever sees it finished after all may count it.
            self._counted.release(key)
            opened.abandon(error)
