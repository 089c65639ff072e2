# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Responses over a connection: the telemetry of a streamed response, several at a time."""

from decimal import Decimal

import pytest
from opentelemetry.baggage import set_baggage
from opentelemetry.context import attach, detach
from opentelemetry.trace import SpanKind, StatusCode

from opentelemetry.instrumentation.openai_cost import cost_attributes, track_cost
from support.clients import OPENAI_VERSION
from support.expect import (
    COST,
    assert_abandoned,
    assert_ended_once,
    assert_priced,
    assert_same,
    assert_unpriced,
    conventional,
    money,
)
from support.server import Gate
from websocket.player import Cut, Heard, async_client, client, read
from websocket.sessions import AT_OPENAI, DELEGATED, responded

ATTRIBUTES = {
    **AT_OPENAI,
    "gen_ai.operation.name": "chat",
    "openai.api.type": "responses",
    "gen_ai.request.model": "gpt-5.6-sol",
    "gen_ai.request.stream": True,
    "gen_ai.request.reasoning.level": "medium",
    "gen_ai.response.id": "resp_1",
    "gen_ai.response.model": "gpt-5.6-sol",
    "gen_ai.response.finish_reasons": ("stop",),
    "openai.response.service_tier": "default",
    "gen_ai.usage.input_tokens": 5200,
    "gen_ai.usage.output_tokens": 740,
    "gen_ai.usage.cache_read.input_tokens": 4096,
    "gen_ai.usage.cache_write.input_tokens": 512,
    "gen_ai.usage.reasoning.output_tokens": 320,
    "gen_ai.usage.cost.amount": float(DELEGATED),
    "gen_ai.usage.cost.currency": "USD",
    "gen_ai.usage.cost.source": "local",
}


@pytest.fixture(params=["responses", "beta.responses"])
def responses(request):
    """Gives the responses resource of a client: the current one, then the beta."""
    if request.param == "beta.responses" and OPENAI_VERSION < (2, 45):
        pytest.skip("the client has no beta of it")
    return lambda of: of.beta.responses if request.param == "beta.responses" else of.responses


def connect(player, *events, resource=lambda of: of.responses):
    """A connection that will be sent these events."""
    player.play(*events)
    return resource(client()).connect(websocket_connection_options=player.options())


def text_delta(stream=None):
    """A piece of an answer."""
    event = {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0, "delta": "x"}
    event |= {"sequence_number": 2, "logprobs": []}
    return event if stream is None else {**event, "stream_id": stream}


def test_a_response_makes_the_span_of_a_streamed_one(player, instrument, telemetry, responses):
    instrument()
    events = [responded(f"response.{kind}") for kind in ("created", "in_progress", "completed")]
    events.insert(2, text_delta())
    with connect(player, Heard(), *events, resource=responses) as connection:
        connection.response.create(model="gpt-5.6-sol", input="Hello")
        read(connection, 4)
    span = telemetry.span()
    assert (span.name, span.kind) == ("chat gpt-5.6-sol", SpanKind.CLIENT)
    assert player.received[0]["model"] == "gpt-5.6-sol"
    written = {key: value for key, value in conventional(span.attributes).items() if "ttl" not in key}
    assert_same(written, ATTRIBUTES)
    assert_priced(telemetry, DELEGATED)


async def test_the_asynchronous_connection_makes_the_same_span(player, instrument, telemetry, responses):
    instrument()
    player.play(responded("response.created"), responded("response.completed"))
    connecting = responses(async_client()).connect(websocket_connection_options=player.async_options())
    async with connecting as connection:
        async for event in connection:
            if event.type == "response.completed":
                break
    assert_same(conventional(telemetry.attributes()), ATTRIBUTES)
    assert_priced(telemetry, DELEGATED)


def test_responses_of_several_streams_are_kept_apart(player, instrument, telemetry):
    instrument()
    small = {"input_tokens": 1000, "output_tokens": 0, "input_tokens_details": {}, "output_tokens_details": {}}
    events = [
        responded("response.created", "a", "left"),
        responded("response.created", "b", "right"),
        text_delta("left"),
        responded("response.completed", "b", "right", usage=small),
        responded("response.completed", "a", "left"),
    ]
    with connect(player, *events) as connection:
        read(connection, len(events))
    first, second = telemetry.spans()
    assert first.attributes["gen_ai.response.id"] == "b"
    assert money(first.attributes["gen_ai.usage.cost.amount"]) == Decimal("0.004")
    assert second.attributes["gen_ai.response.id"] == "a"
    assert money(second.attributes["gen_ai.usage.cost.amount"]) == Decimal(DELEGATED)


def test_a_steered_response_and_its_successor_are_both_counted(player, instrument, telemetry):
    instrument()
    events = [
        responded("response.created", "a"),
        responded("response.incomplete", "a", status="incomplete", incomplete_details={"reason": "steered"}),
        responded("response.created", "b"),
        responded("response.completed", "b"),
    ]
    with connect(player, *events) as connection:
        read(connection, len(events))
    first, second = telemetry.spans()
    assert first.attributes["gen_ai.response.finish_reasons"] == ("steered",)
    assert second.attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert telemetry.point(COST)[1].count == 2


def test_hosted_tools_have_their_fee(player, instrument, telemetry):
    instrument()
    search = {
        "id": "ws_1",
        "type": "web_search_call",
        "status": "completed",
        "action": {"type": "search", "query": "x"},
    }
    events = [responded("response.created"), responded("response.completed", output=[search])]
    with connect(player, *events) as connection:
        read(connection, 2)
    assert telemetry.attributes()["openai_cost.tool"] == 0.01
    assert_priced(telemetry, "0.0313664")


def test_a_failed_response_is_an_error(player, instrument, telemetry):
    instrument()
    failure = {"code": "server_error", "message": "private"}
    events = [responded("response.created"), responded("response.failed", status="failed", error=failure)]
    with connect(player, *events) as connection:
        read(connection, 2)
    span = assert_ended_once(telemetry)
    assert span.attributes["error.type"] == "server_error"
    assert_unpriced(telemetry, "error")


def test_an_error_ends_the_response_of_its_stream(player, instrument, telemetry):
    instrument()
    error = {"type": "error", "stream_id": "left", "status": 500}
    error["error"] = {"type": "server_error", "code": "overloaded", "message": "private"}
    events = [
        responded("response.created", "a", "left"),
        responded("response.created", "b", "right"),
        error,
        responded("response.completed", "b", "right"),
    ]
    with connect(player, *events) as connection:
        read(connection, len(events))
    failed, whole = telemetry.spans()
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.attributes["error.type"] == "overloaded"
    assert whole.attributes["openai_cost.status"] == "priced"


def test_an_error_before_any_response_is_no_operation(player, instrument, telemetry):
    instrument()
    error = {"type": "error", "status": 400, "error": {"type": "invalid_request_error", "message": "private"}}
    with connect(player, error) as connection:
        read(connection, 1)
    assert telemetry.spans() == ()


def test_a_response_that_is_left_is_abandoned(player, instrument, telemetry):
    instrument()
    with connect(player, responded("response.created"), text_delta()) as connection:
        read(connection, 2)
    assert_abandoned(telemetry)
    assert telemetry.attributes()["gen_ai.response.model"] == "gpt-5.6-sol"


def test_a_connection_that_is_cut_fails_the_response(player, instrument, telemetry):
    instrument()
    gate = Gate()
    with connect(player, responded("response.created"), gate, Cut()) as connection:
        read(connection, 1)
        gate.open()
        with pytest.raises(Exception, match="close frame"):
            connection.recv()
    span = assert_ended_once(telemetry)
    assert span.attributes["error.type"] == "websockets.exceptions.ConnectionClosedError"
    assert_unpriced(telemetry, "error")


@pytest.mark.skipif(OPENAI_VERSION < (3, 50), reason="the client has no sessions with lanes")
def test_lanes_that_a_thread_reads_hang_under_the_span_that_connected(player, instrument, telemetry):
    lanes = pytest.importorskip("openai.lib.responses_websocket")
    limits = lanes.ResponsesWebSocketLimits(
        max_lanes=4, max_events_per_lane=100, max_events=100, max_bytes_per_lane=10**6, max_bytes=10**6
    )
    instrument()
    events = [responded("response.created", stream="left"), responded("response.completed", stream="left")]
    tracer = telemetry.tracer_provider.get_tracer("application")
    with (
        tracer.start_as_current_span("application") as application,
        connect(player, Heard(), *events) as connection,
        lanes.ResponsesWebSocketSession(connection, limits=limits) as session,
    ):
        lane = session.lane("left")
        lane.send({"type": "response.create", "model": "gpt-5.6-sol", "input": "Hello"})
        assert lane.get_final_response(timeout=60).id == "resp_1"
    (span,) = [span for span in telemetry.spans() if span.name == "chat gpt-5.6-sol"]
    assert span.parent.span_id == application.get_span_context().span_id
    assert money(telemetry.point(COST)[1].sum) == Decimal(DELEGATED)


def test_whose_money_it_is_is_known_from_where_the_connection_was_made_or_read(player, instrument, telemetry):
    instrument(baggage_keys="tenant")
    events = [responded(f"response.{kind}", f"resp_{name}") for name in "ab" for kind in ("created", "completed")]
    token = attach(set_baggage("tenant", "acme"))
    with cost_attributes(feature="made"), track_cost() as made:
        connection = connect(player, *events).enter()
    detach(token)
    read(connection, 2)
    with cost_attributes(feature="read"), track_cost() as other:
        read(connection, 2)
    connection.close()
    assert [span.attributes["feature"] for span in telemetry.spans()] == ["made", "read"]
    assert [span.attributes["tenant"] for span in telemetry.spans()] == ["acme", "acme"]
    assert made.total == other.total == Decimal(DELEGATED)
