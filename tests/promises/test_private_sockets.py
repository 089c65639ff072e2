# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Private, over websockets: canaries in every field of every event of every kind of connection, and in what the client sends."""

from typing import Any

import pytest

from promises.canaries import canary, found, plant
from promises.correspondence import IN_PARTS, REQUEST
from promises.disclosure import disclosure
from support.payloads import payload
from websocket.player import Close, Cut, Heard, Player, client
from websocket.sessions import (
    closed,
    committed,
    created,
    delegated,
    delta,
    done,
    live,
    responded,
    session_created,
    transcribed,
    used,
)

URL = "ws://canary:user:canary:password@api.openai.com/canary:folder"
SETTINGS: dict[str, Any] = {
    "instructions": "x",
    "voice": "x",
    "tools": [{"type": "function", "name": "x", "description": "x", "parameters": {"properties": {"x": "x"}}}],
    "prompt": {"id": "x", "version": "x", "variables": {"x": "x"}},
    "tracing": {"workflow_name": "x", "group_id": "x", "metadata": {"x": "x"}},
    "metadata": {"x": "x"},
    "include": ["x"],
    "audio": {"input": {"transcription": {"model": "x", "prompt": "x", "language": "x"}}, "output": {"voice": "x"}},
    "delegation": {
        "type": "responses",
        "responses": {"model": "x", "instructions": "x", "tools": [{"type": "web_search"}]},
    },
}
"""Every field that a session may have, as far as they are known."""
ERROR = {"type": "error", "code": "x", "message": "x", "param": "x", "event_id": "x"}
SPOKEN = [{"type": "message", "role": "assistant", "content": [{"type": "audio", "transcript": "x"}]}]
CALLED = [{"type": "function_call", "name": "x", "call_id": "x", "arguments": '{"x": "x"}'}]
ITEM = {"type": "response.output_item.done", "output_index": 0, "item": {**CALLED[0], "id": "x"}}
FAILED = {"status": "failed", "status_details": {"type": "failed", "reason": "x", "error": {"type": "x", "code": "x"}}}
SEARCHED = {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "x", "url": "x"}}
DECIDED = {"type": "session.delegation.created", "event_id": "e", "delegation": {"id": "dlg_1", "target": "decisions"}}

EVENTS: dict[str, list[Any]] = {
    "realtime": [
        session_created(**SETTINGS),
        {"type": "conversation.item.created", "previous_item_id": "x", "item": {"id": "x", "content": SPOKEN}},
        committed(),
        created(metadata={"x": "x"}),
        {"type": "response.output_item.added", "response_id": "x", "item": CALLED[0]},
        delta(),
        {"type": "response.output_audio_transcript.delta", "delta": "x", "item_id": "x", "response_id": "x"},
        transcribed(transcript="x"),
        {"type": "conversation.item.input_audio_transcription.failed", "item_id": "x", "error": {**ERROR, "type": "x"}},
        done(output=[*SPOKEN, *CALLED], metadata={"x": "x"}),
        done(**FAILED),
        {"type": "error", "error": {**ERROR, "type": "x"}},
    ],
    "live": [
        live("session.started", **SETTINGS),
        used(12.5),
        delegated(responded("response.created", instructions="x", metadata={"x": "x"})),
        delegated({**ITEM, "item": SEARCHED}),
        delegated(responded("response.completed", output=[*SPOKEN, *CALLED], user="x", safety_identifier="x")),
        delegated(ERROR),
        DECIDED,
        payload("live_decision_event.json"),
        closed(90),
    ],
    "responses": [
        responded("response.created", instructions="x", tools=SETTINGS["tools"], metadata={"x": "x"}),
        {"type": "response.output_text.delta", "item_id": "x", "delta": "x", "output_index": 0, "content_index": 0},
        ITEM,
        responded("response.completed", output=[*SPOKEN, *CALLED, SEARCHED], user="x", prompt=IN_PARTS["prompt"]),
        responded("response.failed", "x", error={"code": "x", "message": "x"}),
        ERROR,
    ],
}
"""What each kind of connection receives: one of every event that is read, and some that are let through."""
SAID = {
    "realtime": {"type": "session.update", "session": SETTINGS},
    "live": {"type": "session.update", "session": SETTINGS},
    "responses": {"type": "response.create", **REQUEST, **IN_PARTS},
}
ENDS = {"closed by the caller": [], "closed by the server": [Close(4000)], "cut": [Cut()]}


@pytest.fixture
def player():
    player = Player()
    yield player
    player.close()


def planted(event, *, everywhere):
    """The event with canaries; without its types it would be none of those that are read."""
    made = {**plant(event, "response", everywhere=everywhere), "type": event["type"]}
    if "event" in event and "type" in event["event"]:
        made["event"]["type"] = event["event"]["type"]
    return made


def connect(kind, player, model):
    of = client(URL, organization="canary:organization", project="canary:project")
    of.api_key = "canary:key"
    options = {
        "extra_query": {"extra": canary("query.extra")},
        "extra_headers": {"X-Extra": canary("header.extra")},
        "websocket_connection_options": player.options(),
    }
    if kind == "realtime":
        return of.realtime.connect(model=model, **options)
    return getattr(of, kind).connect(**options)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("everywhere", [False, True], ids=["read as ever", "read as something else"])
@pytest.mark.parametrize("kind", EVENTS)
def test_a_connection_tells_no_more_than_it_may(player, instrument, telemetry, caplog, capsys, kind, everywhere, end):
    events = [planted(event, everywhere=everywhere) for event in EVENTS[kind]]
    player.play(Heard(), *events, *ENDS[end])
    model = canary("request.model") if everywhere else "gpt-realtime"
    with disclosure(instrument, telemetry, caplog, capsys) as told, connect(kind, player, model) as connection:
        connection.send(plant(SAID[kind], "request", everywhere=False))
        for _ in events:
            connection.recv()
    assert told.against_the_rules() == set()
    assert told.calls(), "nothing was observed"
    assert found(telemetry), "no canary was where it may be"
