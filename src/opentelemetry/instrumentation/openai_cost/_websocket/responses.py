# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Responses: what is read of the events of the Responses API, on its own connections and inside of others."""

from __future__ import annotations

from ..endpoints._fields import Fields, fields, text
from ..endpoints.realtime import response_request, tool_call
from ..endpoints.responses import RESPONSES
from ..recorder import Recorder
from .connection import Connection

_MAX_CALLS = 128
"""Tool calls remembered of one delegated response."""
_OPENING = frozenset({"response.created", "response.queued", "response.in_progress"})
_CLOSING = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled", "error"})


class Responding(Connection):
    """A connection on which responses of the Responses API are in flight, whose events are those of their streams."""

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


class Responses(Responding):
    """Responses over a connection, several at a time: an operation from ``response.created`` to the terminal event."""

    events = _OPENING | _CLOSING

    def read(self, recorder: Recorder, kind: str, event: Fields) -> None:
        self.read_response_event(recorder, kind, event, text(event.get("stream_id")))
