# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Live: what is read of the events of a live session."""

from __future__ import annotations

import re

from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from ..endpoints._fields import Fields, fields, seconds, text
from ..endpoints.decisions import DECISIONS
from ..endpoints.realtime import LIVE, Session, decision_request, in_session, read_session
from ..recorder import Recorder
from .counted import Counted
from .meter import Meter
from .opened import Opened
from .responses import Responding, Responses
from .socket import cut, path

_ATTACHED = re.compile(r"/live/sessions/([^/]+)/attach$")


class Live(Responding):
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

    def __init__(self, socket: object, context: Context | None, counted: Counted) -> None:
        super().__init__(socket, context, counted)
        attached = _ATTACHED.search(path(socket))
        if attached is not None:
            self.session = self.session._replace(id=attached[1])
        self._meter: Meter | None = None

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
        self._leave(cut(self.socket))

    def _read_delegated(self, recorder: Recorder, event: Fields) -> None:
        inner = fields(event.get("event"))
        kind = inner.get("type")
        if not isinstance(kind, str):
            return
        if kind in Responses.events:
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

    def _join(self, recorder: Recorder) -> Meter:
        meter = self._meter
        if meter is None:
            meter = self._meter = self._counted.meter(self.session.id)
            meter.watchers.add(id(self))
        if meter.is_closed or not is_instrumentation_enabled() or not meter.idle.acquire(blocking=False):
            return meter
        try:
            operation = self.start(recorder, LIVE, LIVE.read_request(in_session(None, self.session)))
            meter.open.append(Opened(operation, recorder))
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

    def _charge(self, meter: Meter, reason: str | None, error: BaseException | None) -> None:
        try:
            opened = meter.open.pop()
        except IndexError:
            return
        meter.idle.release()
        body = {**in_session(None, self.session), "seconds": meter.due(), "reason": reason}
        opened.end(LIVE.read_response(body, opened.operation.request), error)
