# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Live sessions: charged once by the second, and what they delegate by itself."""

import json
from decimal import Decimal

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from support.expect import COST, UNPRICED, assert_priced, assert_same, assert_unpriced, conventional, money
from support.payloads import payload
from support.server import Gate
from websocket.player import Cut, async_client, client, read
from websocket.sessions import AT_OPENAI, DELEGATED, closed, delegated, live, responded, used


def connect(player, *events):
    """A connection that will be sent these events."""
    player.play(*events)
    return client().live.connect(websocket_connection_options=player.options())


def attach(player, *events, session="live_1"):
    """A connection beside the session's own."""
    player.play(*events)
    return client().live.sideband.connect(session_id=session, websocket_connection_options=player.options())


def charged(telemetry):
    """Everything that was charged, as an exact amount."""
    return sum((money(point.sum) for _, point in telemetry.points(COST)), Decimal(0))


def test_a_session_is_charged_once_when_it_is_closed(player, instrument, telemetry):
    instrument()
    with connect(player, live("session.started"), used(12.5), used(60), closed(90)) as connection:
        read(connection, 4)
    span = telemetry.span()
    assert (span.name, span.kind) == ("live_session gpt-live-1", SpanKind.CLIENT)
    assert span.status.status_code is StatusCode.UNSET
    assert_same(
        conventional(span.attributes),
        {
            **AT_OPENAI,
            "gen_ai.operation.name": "live_session",
            "gen_ai.request.model": "gpt-live-1",
            "gen_ai.response.model": "gpt-live-1",
            "gen_ai.response.finish_reasons": ("close_requested",),
            "gen_ai.realtime_session.id": "live_1",
            "gen_ai.usage.cost.amount": 0.075,
            "gen_ai.usage.cost.currency": "USD",
            "gen_ai.usage.cost.source": "local",
        },
    )
    assert span.attributes["openai_cost.usage.audio_seconds"] == 90.0
    assert span.attributes["openai_cost.other"] == 0.075
    # 90 seconds at 0.05 a minute
    assert_priced(telemetry, "0.075")


async def test_the_asynchronous_session_is_charged_the_same(player, instrument, telemetry):
    instrument()
    player.play(live("session.started"), used(12.5), closed(90))
    connecting = async_client().live.connect(websocket_connection_options=player.async_options())
    async with connecting as connection:
        for _ in range(3):
            await connection.recv()
    assert_priced(telemetry, "0.075")


def test_a_session_that_the_caller_leaves_is_charged_by_the_last_figure(player, instrument, telemetry):
    instrument()
    with connect(player, live("session.started"), used(12.5), used(30)) as connection:
        read(connection, 3)
    assert_priced(telemetry, "0.025")


def test_a_session_that_is_cut_is_charged_and_an_error(player, instrument, telemetry):
    instrument()
    gate = Gate()
    with connect(player, live("session.started"), used(30), gate, Cut()) as connection:
        read(connection, 2)
        gate.open()
        with pytest.raises(Exception, match="close frame"):
            connection.recv()
    span = telemetry.span()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "websockets.exceptions.ConnectionClosedError"
    assert charged(telemetry) == Decimal("0.025")


def test_a_session_without_a_figure_is_unpriced(player, instrument, telemetry):
    instrument()
    with connect(player, live("session.started")) as connection:
        read(connection, 1)
    assert_unpriced(telemetry, "no_usage")


@pytest.mark.parametrize("seconds", [-1, "x"])
def test_a_figure_that_is_no_duration_is_not_priced(player, instrument, telemetry, seconds):
    instrument()
    with connect(player, live("session.started"), used(30), closed(seconds)) as connection:
        read(connection, 3)
    assert_unpriced(telemetry, "inconsistent_usage")


def test_two_connections_to_one_session_charge_it_once(player, instrument, telemetry):
    instrument()
    own = connect(player, live("session.started"), used(12.5), closed(90)).enter()
    beside = attach(player, used(12.5), closed(90)).enter()
    read(own, 2)
    read(beside, 2)
    read(own, 1)
    beside.close()
    own.close()
    assert_priced(telemetry, "0.075")


def test_a_connection_that_is_left_charges_nothing_while_another_one_stays(player, instrument, telemetry):
    instrument()
    own = connect(player, live("session.started"), used(12.5), closed(90)).enter()
    with attach(player, used(12.5)) as beside:
        read(own, 2)
        read(beside, 1)
    assert telemetry.spans() == ()
    read(own, 1)
    own.close()
    assert_priced(telemetry, "0.075")


def test_attaching_again_charges_only_what_has_been_used_since(player, instrument, telemetry):
    instrument()
    with attach(player, live("session.started"), used(30)) as beside:
        read(beside, 2)
    with attach(player, used(45), closed(90)) as beside:
        read(beside, 2)
    assert [span.attributes["gen_ai.usage.cost.amount"] for span in telemetry.spans()] == [0.025, 0.05]
    assert charged(telemetry) == Decimal("0.075")


def test_a_connection_beside_a_session_learns_its_model_at_the_latest_at_the_end(player, instrument, telemetry):
    instrument()
    with attach(player, used(30), closed(90)) as beside:
        read(beside, 2)
    assert telemetry.span().name == "live_session"
    assert telemetry.attributes()["gen_ai.realtime_session.id"] == "live_1"
    assert_priced(telemetry, "0.075")


def test_a_fork_is_a_session_of_its_own(player, instrument, telemetry):
    instrument()
    player.play(live("session.started", "live_2"), closed(60, "live_2"))
    forks = client().live.forks
    with forks.connect(session_id="live_1", websocket_connection_options=player.options()) as connection:
        read(connection, 2)
    assert telemetry.attributes()["gen_ai.realtime_session.id"] == "live_2"
    assert_priced(telemetry, "0.05")


def test_another_session_on_the_same_connection_is_charged_apart(player, instrument, telemetry):
    instrument()
    events = [live("session.started"), used(30), live("session.started", "live_2"), closed(60, "live_2")]
    with connect(player, *events) as connection:
        read(connection, 4)
    assert [span.attributes["gen_ai.usage.cost.amount"] for span in telemetry.spans()] == [0.025, 0.05]


# --- what a session delegates ---


def test_a_delegated_response_is_priced_as_a_response(player, instrument, telemetry):
    instrument()
    events = [
        live("session.started"),
        delegated(responded("response.created")),
        payload("live_response_event.json"),
        closed(60),
    ]
    with connect(player, *events) as connection:
        read(connection, 4)
    response, session = telemetry.spans()
    assert response.name == "chat gpt-5.6-sol"
    assert response.attributes["openai.api.type"] == "responses"
    assert response.attributes["gen_ai.realtime_session.id"] == "live_1"
    assert money(response.attributes["gen_ai.usage.cost.amount"]) == Decimal(DELEGATED)
    assert money(session.attributes["gen_ai.usage.cost.amount"]) == Decimal("0.05")
    assert telemetry.points(UNPRICED) == []


def test_tools_of_a_delegated_response_are_priced_although_its_last_event_does_not_repeat_them(
    player, instrument, telemetry
):
    instrument()
    delegation = {"type": "responses", "responses": {"model": "gpt-5.6-sol", "tools": [{"type": "web_search_preview"}]}}
    started = live("session.started")
    started["session"]["delegation"] = delegation
    search = {
        "id": "ws_1",
        "type": "web_search_call",
        "status": "completed",
        "action": {"type": "search", "query": "x"},
    }
    item = {"type": "response.output_item.done", "output_index": 0, "item": search, "sequence_number": 3}
    events = [
        started,
        delegated(responded("response.created")),
        delegated(item),
        delegated({**item, "item": {"type": "message", "content": []}}),
        delegated(responded("response.completed", output=[], tools=[])),
    ]
    with connect(player, *events) as connection:
        read(connection, len(events))
    (response,) = [span for span in telemetry.spans() if span.name.startswith("chat")]
    # a preview search of a reasoning model costs 10 a thousand
    assert response.attributes["openai_cost.tool"] == 0.01
    assert money(response.attributes["gen_ai.usage.cost.amount"]) == Decimal(DELEGATED) + Decimal("0.01")


def test_delegated_responses_are_kept_apart_and_counted_once_over_all_connections(player, instrument, telemetry):
    instrument()
    events = [
        live("session.started"),
        delegated(responded("response.created", "a"), "dlg_1"),
        delegated(responded("response.created", "b"), "dlg_2"),
        delegated(responded("response.completed", "a"), "dlg_1"),
        delegated(responded("response.completed", "b"), "dlg_2"),
    ]
    own, beside = connect(player, *events).enter(), attach(player, *events).enter()
    for _ in events:
        own.recv()
        beside.recv()
    own.close()
    beside.close()
    _, point = telemetry.point(COST, **{"gen_ai.operation.name": "chat"})
    assert point.count == 2


def test_an_error_inside_a_delegation_ends_its_response(player, instrument, telemetry):
    instrument()
    error = {"type": "error", "code": "overloaded", "message": "private"}
    events = [live("session.started"), delegated(responded("response.created")), delegated(error)]
    with connect(player, *events) as connection:
        read(connection, 3)
    (response,) = [span for span in telemetry.spans() if span.name.startswith("chat")]
    assert response.attributes["error.type"] == "overloaded"


def test_a_decision_is_priced_as_a_decision(player, instrument, telemetry):
    instrument()
    created = {"type": "session.delegation.created", "event_id": "e", "offset_ms": 1}
    created["delegation"] = {"id": "dlg_1", "target": "decisions", "type": "delegation"}
    started = live("session.started")
    started["session"]["delegation"] = {"type": "decisions", "decisions": {"model": "gpt-5.6-luna", "questions": []}}
    decision = payload("live_decision_event.json")
    with connect(player, started, created, decision, decision) as connection:
        read(connection, 4)
    (span,) = [span for span in telemetry.spans() if span.name.startswith("decisions")]
    assert span.name == "decisions gpt-5.6-luna"
    assert span.attributes["gen_ai.realtime_session.id"] == "live_1"
    assert span.attributes["gen_ai.usage.input_tokens"] == 210
    # 82 tokens at 0.2, 128 cached at 0.02, and 3 at 1.2
    assert money(span.attributes["gen_ai.usage.cost.amount"]) == Decimal("0.00002256")


def test_decisions_of_triggers_are_counted_each(player, instrument, telemetry):
    instrument()
    decisions = [
        payload("live_decision_event.json", delegation_id=None, trigger_id=trigger, event_id=trigger)
        for trigger in ("one", "two")
    ]
    with connect(player, live("session.started"), *decisions) as connection:
        read(connection, 3)
    _, point = telemetry.point(COST, **{"gen_ai.operation.name": "decisions"})
    assert point.count == 2


def test_a_session_that_goes_on_after_its_connection_was_closed_is_still_charged_once(player, instrument, telemetry):
    instrument()
    with connect(player, live("session.started"), used(30)) as connection:
        read(connection, 2)
    connection.parse_event(json.dumps(closed(90)))
    assert [span.attributes["gen_ai.usage.cost.amount"] for span in telemetry.spans()] == [0.025, 0.05]
    assert telemetry.open_spans() == []
