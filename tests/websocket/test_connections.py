# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Connections: what the caller gets, where spans hang, how what is in flight ends, and what is left behind."""

import gc
import inspect
import json
import subprocess
import sys
import textwrap
import threading
import tracemalloc
import weakref
from importlib import import_module

import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.trace import INVALID_SPAN, StatusCode, get_current_span
from websockets.exceptions import ConnectionClosedError

from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor
from support.clients import OPENAI_VERSION, make_azure_client
from support.expect import COST, DURATION, UNPRICED, assert_abandoned, assert_ended_once, assert_priced, assert_unpriced
from support.server import Gate
from websocket.player import Close, Cut, async_client, client, read
from websocket.sessions import SPOKEN, committed, created, delta, done, session_created, transcribed

CLASSES = [
    ("openai.resources.realtime.realtime", "RealtimeConnection", (1, 103)),
    ("openai.resources.beta.realtime.realtime", "RealtimeConnection", (1, 58)),
    ("openai.resources.responses.responses", "ResponsesConnection", (2, 22)),
    ("openai.resources.beta.responses.responses", "ResponsesConnection", (2, 45)),
    ("openai.resources.live.live", "LiveConnection", (3, 12)),
    ("openai.resources.live.sideband", "SidebandConnection", (3, 12)),
    ("openai.resources.live.forks", "ForksConnection", (3, 12)),
]


def doors():
    """What stands on every connection class under the names that are wrapped, inherited or not."""
    found = {}
    for module, name, since in CLASSES:
        if since <= OPENAI_VERSION:
            for kind in (name, f"Async{name}"):
                attributes = vars(getattr(import_module(module), kind))
                found.update(
                    {(module, kind, door): attributes.get(door) for door in ("__init__", "parse_event", "close")}
                )
    return found


def connect(player, *events, **options):
    """A connection that will be sent these events."""
    player.play(*events)
    return client().realtime.connect(model="gpt-realtime", websocket_connection_options=player.options(), **options)


# --- what the caller gets ---


def test_the_caller_gets_the_sdks_own_objects(player, instrument):
    events = [session_created(), created(), delta(), done(), {"type": "not.known.yet", "x": 1}]
    with connect(player, *events) as connection:
        plain = read(connection, len(events))
    instrument()
    with connect(player, *events) as connection:
        observed = read(connection, len(events))
        assert type(connection).__name__ == "RealtimeConnection"
    assert [type(event) for event in observed] == [type(event) for event in plain]
    assert observed == plain


def test_an_error_of_parsing_is_the_sdks_own(player, instrument, caplog):
    instrument()
    with connect(player) as connection, pytest.raises(json.JSONDecodeError):
        connection.parse_event(b"{")
    assert caplog.records == []


@pytest.mark.parametrize(
    "text", ["[]", "1", '{"type": []}', '{"type": "response.done"}', '{"type": "session.created"}']
)
def test_an_event_of_no_known_shape_does_no_harm(player, instrument, caplog, text):
    instrument()
    with connect(player) as connection:
        connection.parse_event(text)
    assert [record for record in caplog.records if record.name.startswith("opentelemetry")] == []


def test_a_failure_of_ours_does_not_reach_the_caller(player, instrument, telemetry, caplog, monkeypatch):
    instrument()
    monkeypatch.setattr("opentelemetry.instrumentation.openai_cost.recorder.Recorder.begin", None)
    with connect(player, session_created(), created(), done()) as connection:
        assert [event.type for event in read(connection, 3)][-1] == "response.done"
    assert telemetry.spans() == ()
    assert "could not observe" in caplog.text


def test_asynchronous_methods_are_still_seen_as_such(instrument):
    instrument()
    connection = import_module("openai.resources.realtime.realtime").AsyncRealtimeConnection
    assert inspect.iscoroutinefunction(connection.close)
    assert not inspect.iscoroutinefunction(connection.parse_event)
    assert list(inspect.signature(connection.parse_event).parameters) == ["self", "data"]


@pytest.mark.skipif(OPENAI_VERSION < (3, 17), reason="the client loads these modules eagerly")
def test_no_module_of_the_client_is_loaded_for_it():
    code = """
        import sys
        from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor
        OpenAICostInstrumentor().instrument()
        import openai
        loaded = [name for name in sys.modules if name.startswith(("openai.resources.realtime", "websockets"))]
        assert not loaded, loaded
        from openai.resources.realtime.realtime import RealtimeConnection
        assert hasattr(RealtimeConnection.parse_event, "__wrapped__")
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=60)


# --- where spans hang ---


def test_a_span_hangs_under_the_one_that_is_current_where_its_first_event_is_received(player, instrument, telemetry):
    instrument()
    tracer = telemetry.tracer_provider.get_tracer("application")
    with tracer.start_as_current_span("connect"), connect(player, session_created(), created(), done()) as connection:
        with tracer.start_as_current_span("turn") as turn:
            read(connection, 2)
            assert get_current_span() is turn
        read(connection, 1)
    (span,) = [span for span in telemetry.spans() if span.name.startswith("realtime")]
    assert span.parent.span_id == turn.get_span_context().span_id


def test_where_no_span_is_current_it_hangs_under_the_one_that_connected(player, instrument, telemetry):
    instrument()
    tracer = telemetry.tracer_provider.get_tracer("application")
    with tracer.start_as_current_span("connect") as connecting:
        connection = connect(player, session_created(), created(), done()).enter()
    reader = threading.Thread(target=read, args=(connection, 3))
    reader.start()
    reader.join()
    connection.close()
    (span,) = [span for span in telemetry.spans() if span.name.startswith("realtime")]
    assert span.parent.span_id == connecting.get_span_context().span_id


def test_no_span_is_made_current(player, instrument, telemetry):
    instrument()
    with connect(player, session_created(), created(), done()) as connection:
        read(connection, 2)
        assert get_current_span() is INVALID_SPAN
        read(connection, 1)
    assert_ended_once(telemetry)


def test_the_cost_of_several_responses_adds_up_on_the_span_that_is_current(player, instrument, telemetry):
    instrument(spans="current")
    tracer = telemetry.tracer_provider.get_tracer("application")
    events = [session_created(), created(), done(), created("b"), done("b")]
    with tracer.start_as_current_span("turn"), connect(player, *events) as connection:
        read(connection, 5)
    assert telemetry.attributes()["gen_ai.usage.cost.amount"] == 0.0143232
    assert telemetry.point(COST)[1].count == 2
    assert telemetry.points(DURATION) == []


def test_without_spans_the_cost_is_still_counted(player, instrument, telemetry):
    instrument(spans="none")
    with connect(player, session_created(), created(), done()) as connection:
        read(connection, 3)
    assert telemetry.spans() == ()
    assert telemetry.metric_names() - {"openai_cost.price_book.age"} == {COST}


def test_a_connection_made_while_suppressed_is_not_observed(player, instrument, telemetry):
    instrument()
    with suppress_instrumentation():
        connection = connect(player, session_created(), created(), done(), transcribed()).enter()
    read(connection, 4)
    connection.close()
    assert telemetry.spans() == ()
    assert telemetry.metric_names() == {"openai_cost.price_book.age"}


def test_events_received_while_suppressed_are_not_counted(player, instrument, telemetry):
    instrument()
    events = [session_created(), created(), done(), committed(), transcribed()]
    with connect(player, *events) as connection, suppress_instrumentation():
        read(connection, len(events))
    assert telemetry.spans() == ()
    assert telemetry.metric_names() == {"openai_cost.price_book.age"}


def test_an_azure_deployment_is_asked_for_and_its_model_answers(player, instrument, telemetry):
    instrument()
    player.play(session_created(), created(), done())
    azure = make_azure_client("http://127.0.0.1:1", websocket_base_url="ws://gateway.example/openai")
    with azure.realtime.connect(model="my-voice", websocket_connection_options=player.options()) as connection:
        read(connection, 3)
    attributes = telemetry.attributes()
    assert attributes["gen_ai.provider.name"] == "azure.ai.openai"
    assert attributes["server.address"] == "gateway.example"
    assert attributes["gen_ai.request.model"] == "my-voice"
    assert attributes["gen_ai.response.model"] == "gpt-realtime"


# --- how what is in flight ends ---


def test_what_the_caller_leaves_in_flight_is_abandoned(player, instrument, telemetry):
    instrument()
    with connect(player, session_created(), created()) as connection:
        read(connection, 2)
    assert_abandoned(telemetry)
    assert telemetry.attributes()["gen_ai.response.id"] == "resp_rt"


def test_an_exception_of_the_callers_is_no_error_of_the_response(player, instrument, telemetry):
    instrument()

    def turn():
        with connect(player, session_created(), created()) as connection:
            read(connection, 2)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        turn()
    assert_abandoned(telemetry)


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (Cut(), "websockets.exceptions.ConnectionClosedError"),
        (Close(1011), "websockets.exceptions.ConnectionClosedError"),
        (Close(), "websockets.exceptions.ConnectionClosedOK"),
    ],
)
def test_a_connection_that_is_cut_fails_what_is_in_flight(player, instrument, telemetry, end, error):
    instrument()
    gate = Gate()
    with connect(player, session_created(), created(), gate, end) as connection:
        read(connection, 2)
        gate.open()
        with pytest.raises(Exception, match=r"received|close frame"):
            connection.recv()
    span = assert_ended_once(telemetry)
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == error
    assert_unpriced(telemetry, "error")


async def test_an_asynchronous_connection_that_is_cut_fails_what_is_in_flight(player, instrument, telemetry):
    instrument()
    gate = Gate()
    player.play(session_created(), created(), gate, Cut())
    connecting = async_client().realtime.connect(
        model="gpt-realtime", websocket_connection_options=player.async_options()
    )
    async with connecting as connection:
        await connection.recv()
        await connection.recv()
        gate.open()
        with pytest.raises(ConnectionClosedError):
            await connection.recv()
    span = assert_ended_once(telemetry)
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "websockets.exceptions.ConnectionClosedError"


def test_closing_twice_ends_once(player, instrument, telemetry):
    instrument()
    connection = connect(player, session_created(), created()).enter()
    read(connection, 2)
    connection.close()
    connection.close()
    assert_abandoned(telemetry)


def test_a_response_that_ends_after_all_is_counted_after_all(player, instrument, telemetry):
    instrument()
    with connect(player, session_created(), created()) as connection:
        read(connection, 2)
    connection.parse_event(json.dumps(done()))
    assert [span.attributes["openai_cost.status"] for span in telemetry.spans()] == ["unpriced", "priced"]
    assert telemetry.point(COST)[1].sum == float(SPOKEN)


def test_a_connection_that_is_never_closed_ends_with_its_object(player, instrument, telemetry):
    instrument()
    connection = connect(player, session_created(), created()).enter()
    read(connection, 2)
    # The thread of the websockets library ends with the socket, not with the object.
    socket = connection._connection
    gone = weakref.ref(connection)
    del connection
    gc.collect()
    assert gone() is None
    assert_abandoned(telemetry)
    socket.close()


def test_what_was_in_flight_on_a_lost_socket_is_lost_when_the_client_has_reconnected(player, instrument, telemetry):
    if OPENAI_VERSION < (2, 54):
        pytest.skip("the client does not reconnect")
    instrument()
    gate = Gate()
    player.play(session_created(), created(), gate, Cut())
    player.play(session_created(id="sess_2"), created("b"), done("b"))
    made = []

    def again(event):
        manager._RealtimeConnectionManager__websocket_connection_options.update(player.options())
        made.append(event.attempt)

    manager = client().realtime.connect(
        model="gpt-realtime",
        websocket_connection_options=player.options(),
        on_reconnecting=again,
        initial_delay=0.01,
    )
    with manager as connection:
        read(connection, 2)
        gate.open()
        for event in connection:
            if event.type == "response.done":
                break
    lost, whole = telemetry.spans()
    assert made == [1]
    assert lost.status.status_code is StatusCode.ERROR
    assert lost.attributes["gen_ai.realtime_session.id"] == "sess_1"
    assert whole.attributes["gen_ai.realtime_session.id"] == "sess_2"
    assert whole.attributes["gen_ai.usage.cost.amount"] == float(SPOKEN)


# --- what is left behind ---


def test_uninstrument_puts_back_the_very_functions_of_every_connection(instrument):
    instrument().uninstrument()
    before = doors()
    assert not any(hasattr(door, "__wrapped__") for door in before.values())
    instrumentor = instrument()
    assert all(hasattr(door, "__wrapped__") for door in doors().values())
    instrumentor.uninstrument()
    now = doors()
    assert all(now[door] is before[door] for door in before)


def test_instrumenting_twice_counts_once(player, instrument, telemetry):
    instrument().uninstrument()
    instrument()
    OpenAICostInstrumentor._patch.install()
    with connect(player, session_created(), created(), done()) as connection:
        read(connection, 3)
    assert_priced(telemetry, SPOKEN)


def test_uninstrument_ends_what_is_in_flight_and_observes_no_more(player, instrument, telemetry):
    instrumentor = instrument()
    with connect(player, session_created(), created(), done()) as connection:
        captured = connection.parse_event
        read(connection, 2)
        instrumentor.uninstrument()
        assert_abandoned(telemetry)
        event = connection.recv_bytes()
        captured(event)
        connection.parse_event(event)
    assert_abandoned(telemetry)


def test_a_connection_made_before_is_observed_from_then_on(player, instrument, telemetry):
    with connect(player, session_created(), created(), done()) as connection:
        read(connection, 1)
        instrument()
        read(connection, 2)
    assert_priced(telemetry, SPOKEN)


def test_a_wrapper_that_somebody_put_over_ours_survives(player, instrument, telemetry, monkeypatch):
    instrumentor = instrument()
    kind = import_module("openai.resources.realtime.realtime").RealtimeConnection
    ours = kind.parse_event
    theirs = lambda self, data: ours(self, data)  # noqa: E731
    monkeypatch.setattr(kind, "parse_event", theirs)
    with connect(player, session_created(), created(), done()) as connection:
        read(connection, 3)
    assert_priced(telemetry, SPOKEN)
    instrumentor.uninstrument()
    assert kind.parse_event is theirs
    with connect(player, session_created(), created("b"), done("b")) as connection:
        read(connection, 3)
    assert len(telemetry.spans()) == 1
    # Once more, with theirs over the one that ours left beneath it.
    instrument()
    with connect(player, created(None), done(None)) as connection:
        read(connection, 2)
    assert len(telemetry.spans()) == 2


def test_a_wrapper_of_ours_that_somebody_gave_back_is_taken_away_the_next_time(instrument):
    kind = import_module("openai.resources.realtime.realtime").RealtimeConnection
    # An earlier test may have given one back, too.
    instrument().uninstrument()
    before = doors()
    instrumentor = instrument()
    ours = {door: vars(kind)[door] for door in ("parse_event", "close")}
    for door in ours:
        setattr(kind, door, lambda self: None)
    instrumentor.uninstrument()
    for door, wrapper in ours.items():
        setattr(kind, door, wrapper)
    instrument().uninstrument()
    now = doors()
    assert all(now[door] is before[door] for door in before)


def test_thousands_of_events_leave_nothing_behind(player, instrument, telemetry):
    instrument(spans="none")
    with connect(player, session_created()) as connection:
        read(connection, 1)
        piece = json.dumps(delta())

        def turns(first, last):
            for number in range(first, last):
                # Half of them are never done.
                connection.parse_event(json.dumps(created(f"resp_{number}")))
                for _ in range(3):
                    connection.parse_event(piece)
                connection.parse_event(json.dumps(committed(f"item_{number}")))
                if number % 2:
                    connection.parse_event(json.dumps(done(f"resp_{number}")))

        turns(0, 200)
        tracemalloc.start()
        turns(200, 220)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        turns(220, 600)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    # Ids of what was counted are remembered, up to a limit; nothing else stays.
    assert grown < 380 * 600
    assert telemetry.point(COST)[1].count == 300
    assert sum(point.value for _, point in telemetry.points(UNPRICED)) == 900
