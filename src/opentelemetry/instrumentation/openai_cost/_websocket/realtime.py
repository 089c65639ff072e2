# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Realtime: what is read of the events of a realtime session."""

from __future__ import annotations

from ..endpoints import Response
from ..endpoints._fields import Fields, fields, text
from ..endpoints.realtime import INPUT_TRANSCRIPTION, REALTIME, in_session, read_session, transcription_request
from ..recorder import Recorder
from .connection import Connection
from .opened import Opened


class Realtime(Connection):
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

    def _begin_response(self, recorder: Recorder, body: Fields) -> Opened | None:
        key = text(body.get("id")) or ""
        known = Response(id=key or None, model=self.session.model)
        return self._open.get(key) or self.begin(recorder, key, REALTIME, REALTIME.read_request(body), known)

    def _read_done(self, recorder: Recorder, body: Fields) -> None:
        begun = self._begin_response(recorder, body)
        opened = None if begun is None else self.take(text(body.get("id")) or "")
        if opened is not None:
            opened.answer(REALTIME.read_response, body)

    def _begin_transcription(self, recorder: Recorder, key: str) -> Opened | None:
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
