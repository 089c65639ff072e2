# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Events as the API sends them."""

from typing import Any

from support.payloads import payload

AT_OPENAI = {"gen_ai.provider.name": "openai", "server.address": "api.openai.com", "server.port": 80}

SPOKEN = "0.0071616"
"""48 text tokens at 4, 64 cached at 0.4, 20 of audio at 32; 30 of text at 16 and 91 of audio at 64."""
DELEGATED = "0.0213664"
"""592 tokens at 4, 4096 cached at 0.4, 512 written at 5, and 740 at 20."""


def session_created(**session: Any) -> dict[str, Any]:
    """The first event of a realtime session."""
    event = payload("realtime_session_created.json")
    event["session"].update(session)
    return event


def created(identifier: str = "resp_rt", **response: Any) -> dict[str, Any]:
    """The first event of a realtime response."""
    response = {"object": "realtime.response", "id": identifier, "status": "in_progress", "output": [], **response}
    return {"type": "response.created", "event_id": "event_c", "response": response}


def done(identifier: str = "resp_rt", **response: Any) -> dict[str, Any]:
    """The last event of a realtime response."""
    event = payload("realtime_response_done.json")
    event["response"].update(id=identifier, **response)
    return event


def delta(identifier: str = "resp_rt") -> dict[str, Any]:
    """A piece of audio."""
    return {
        "type": "response.output_audio.delta",
        "event_id": "event_d",
        "response_id": identifier,
        "item_id": "item_1",
        "output_index": 0,
        "content_index": 0,
        "delta": "AAAA",
    }


def transcribed(item: str = "item_0", **changes: Any) -> dict[str, Any]:
    """The end of an input transcription."""
    return payload("realtime_input_transcription_completed.json", item_id=item, **changes)


def committed(item: str = "item_0") -> dict[str, Any]:
    """A piece of input is complete."""
    return {"type": "input_audio_buffer.committed", "event_id": "event_i", "item_id": item, "previous_item_id": None}


def responded(kind: str, identifier: str = "resp_1", stream: str | None = None, **changes: Any) -> dict[str, Any]:
    """An event with a response of the Responses API, complete or not."""
    response = payload("live_response_event.json")["event"]["response"]
    response["id"] = identifier
    if kind not in ("response.completed", "response.incomplete"):
        response.update(usage=None, status="in_progress")
    response.update(changes)
    event = {"type": kind, "sequence_number": 1, "response": response}
    return event if stream is None else {**event, "stream_id": stream}


def live(kind: str, identifier: str = "live_1", **changes: Any) -> dict[str, Any]:
    """An event that shows a live session."""
    session = {"id": identifier, "model": "gpt-live-1", "status": "active", "expires_at": 1_795_003_600}
    return {"type": kind, "event_id": "event_l", "session": session, **changes}


def used(seconds: float) -> dict[str, Any]:
    """The cumulative usage of a live session."""
    return payload("live_session_usage_updated.json", usage={"seconds": seconds})


def closed(seconds: float, identifier: str = "live_1", reason: str = "close_requested") -> dict[str, Any]:
    """The end of a live session."""
    return live("session.closed", identifier, usage={"seconds": seconds}, reason=reason)


def delegated(event: dict[str, Any], delegation: str = "dlg_1") -> dict[str, Any]:
    """An event of a response that a live session delegated."""
    return payload("live_response_event.json", event=event, delegation_id=delegation)
