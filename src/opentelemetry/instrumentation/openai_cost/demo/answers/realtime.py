# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Realtime and live sessions: conversations over a websocket, of which one is billed by the response, one by the second."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator

from .provider import LedgerEntry, Provider, say, tokens
from .wire import JsonObject, Request, dig, members, new_id, pieces, string

_BYTES_A_SECOND = 2 * 24_000
"""Audio is 16 bits a sample, at 24 kHz."""
_HEARD_TOKENS = 10
"""Tokens of one second of audio that is heard."""
_SPOKEN_TOKENS = 5
"""Tokens of audio that speech has for one of text."""
_INSTRUCTIONS = "Speak kindly."


class Realtime:
    """``/v1/realtime``: what is heard is written down if the session says so, and answered when it is asked for."""

    def __init__(self, request: Request, provider: Provider) -> None:
        self._provider = provider
        self._session: JsonObject = {
            "type": "realtime",
            "object": "realtime.session",
            "id": f"sess_{new_id()}",
            "model": request.query.get("model", "gpt-realtime"),
            "output_modalities": ["audio"],
            "instructions": _INSTRUCTIONS,
            "tools": [],
            "audio": {"input": {"transcription": None}, "output": {"voice": "marin"}},
        }
        self._pending = self._heard = 0

    def opening(self) -> Iterator[JsonObject]:
        """The session as it is until the client changes it."""
        yield _event("session.created", session=self._session)

    def hear(self, event: JsonObject) -> Iterator[JsonObject]:
        """Answers one event of the client."""
        kind = event.get("type")
        if kind == "session.update":
            self._session = {**self._session, **members(event.get("session"))}
            yield _event("session.updated", session=self._session)
        elif kind == "input_audio_buffer.append":
            self._pending += _length(event)
        elif kind == "input_audio_buffer.commit":
            yield from self._commit()
        elif kind == "response.create":
            yield from self._answer()

    def _commit(self) -> Iterator[JsonObject]:
        item, heard, self._pending = f"item_{new_id()}", self._pending, 0
        self._heard += heard
        yield _event("input_audio_buffer.committed", item_id=item, previous_item_id=None)
        model = string(dig(self._session, "audio", "input", "transcription", "model"))
        if not model:
            return
        text, sound = say(f"{heard}", None), heard * _HEARD_TOKENS // _BYTES_A_SECOND
        usage: JsonObject = {
            "type": "tokens",
            "input_tokens": sound,
            "input_token_details": {"text_tokens": 0, "audio_tokens": sound},
            "output_tokens": tokens(text),
            "total_tokens": sound + tokens(text),
        }
        self._provider.report(LedgerEntry("/realtime/transcription", model, None, usage))
        done = "conversation.item.input_audio_transcription.completed"
        yield _event(done, item_id=item, content_index=0, transcript=text, usage=usage)

    def _answer(self) -> Iterator[JsonObject]:
        response: JsonObject = {
            "object": "realtime.response",
            "id": f"resp_{new_id()}",
            "status": "in_progress",
            "status_details": None,
            "output": [],
            "conversation_id": None,
            "output_modalities": ["audio"],
            "usage": None,
        }
        yield _event("response.created", response=response)
        said = say(f"{self._heard}", None)
        for piece in pieces(said):
            place: JsonObject = {"item_id": "item_answer", "output_index": 0, "content_index": 0}
            yield _event("response.output_audio_transcript.delta", response_id=response["id"], **place, delta=piece)
        text_in, sound_in = tokens(_INSTRUCTIONS), self._heard * _HEARD_TOKENS // _BYTES_A_SECOND
        text_out = tokens(said)
        sound_out = _SPOKEN_TOKENS * text_out
        usage: JsonObject = {
            "total_tokens": text_in + sound_in + text_out + sound_out,
            "input_tokens": text_in + sound_in,
            "output_tokens": text_out + sound_out,
            "input_token_details": {
                "text_tokens": text_in,
                "audio_tokens": sound_in,
                "image_tokens": 0,
                "cached_tokens": 0,
                "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
            },
            "output_token_details": {"text_tokens": text_out, "audio_tokens": sound_out},
        }
        self._provider.report(LedgerEntry("/realtime", string(self._session["model"]), None, usage))
        message: JsonObject = {
            "id": "item_answer",
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_audio", "transcript": said}],
        }
        yield _event("response.done", response={**response, "status": "completed", "output": [message], "usage": usage})


class Live:
    """``/v1/live/sessions``: as many seconds as the client sends; they are billed when it closes the session."""

    def __init__(self, request: Request, provider: Provider) -> None:
        self._provider = provider
        self._session: JsonObject = {
            "id": f"live_{new_id()}",
            "model": "gpt-live-1",
            "status": "active",
            "expires_at": int(time.time()) + 3600,
        }
        self._heard = 0

    def opening(self) -> Iterator[JsonObject]:
        """Nothing: the client starts the session."""
        return iter(())

    def hear(self, event: JsonObject) -> Iterator[JsonObject]:
        """Answers one event of the client."""
        kind, usage = event.get("type"), {"seconds": self._heard / _BYTES_A_SECOND}
        if kind == "session.start":
            self._session |= members(event.get("session"))
            yield _event("session.started", session=self._session)
        elif kind == "session.input_audio.append":
            self._heard += _length(event)
            yield _event("session.usage.updated", usage={"seconds": self._heard / _BYTES_A_SECOND})
        elif kind == "session.close":
            units = {"live_seconds": self._heard / _BYTES_A_SECOND}
            self._provider.report(LedgerEntry("/live", string(self._session["model"]), None, None, units=units))
            yield _event("session.closed", session=self._session, usage=usage, reason="close_requested")


def _event(kind: str, **fields: object) -> JsonObject:
    return {"type": kind, "event_id": f"event_{new_id()}", **fields}


def _length(event: JsonObject) -> int:
    """Bytes of the audio that an event brings."""
    return len(base64.b64decode(string(event.get("audio"))))
