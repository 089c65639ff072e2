# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Realtime sessions: what a span says of a response, what it cost, and what transcribing the input cost."""

from decimal import Decimal

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from support.expect import (
    COST,
    DURATION,
    TOKENS,
    UNPRICED,
    assert_breakdown_adds_up,
    assert_failed,
    assert_no_cost,
    assert_priced,
    assert_same,
    assert_unpriced,
    conventional,
    money,
)
from support.payloads import payload
from websocket.player import async_client, client, read
from websocket.sessions import (
    AT_OPENAI,
    SPOKEN,
    committed,
    created,
    delta,
    done,
    session_created,
    transcribed,
)

ATTRIBUTES = {
    **AT_OPENAI,
    "gen_ai.operation.name": "realtime_inference",
    "gen_ai.request.model": "gpt-realtime",
    "gen_ai.response.model": "gpt-realtime",
    "gen_ai.response.id": "resp_rt",
    "gen_ai.response.finish_reasons": ("stop",),
    "gen_ai.realtime_session.id": "sess_1",
    "gen_ai.usage.input_tokens": 132,
    "gen_ai.usage.output_tokens": 121,
    "gen_ai.usage.cache_read.input_tokens": 64,
    "gen_ai.usage.text.input_tokens": 112,
    "gen_ai.usage.audio.input_tokens": 20,
    "gen_ai.usage.image.input_tokens": 0,
    "gen_ai.usage.text.output_tokens": 30,
    "gen_ai.usage.audio.output_tokens": 91,
    "gen_ai.usage.text.cache_read.input_tokens": 64,
    "gen_ai.usage.audio.cache_read.input_tokens": 0,
    "gen_ai.usage.image.cache_read.input_tokens": 0,
    "gen_ai.usage.cost.amount": float(SPOKEN),
    "gen_ai.usage.cost.currency": "USD",
    "gen_ai.usage.cost.source": "local",
}


def play(player, *events, resource="realtime", **options):
    """Play the events to a synchronous client that reads them all."""
    player.play(*events)
    with getattr(client(), resource).connect(
        model="gpt-realtime", websocket_connection_options=player.options(), **options
    ) as connection:
        return read(connection, len(events))


def test_a_response_makes_one_client_span_with_the_conventional_attributes(player, instrument, telemetry):
    instrument()
    play(player, session_created(), created(), delta(), delta(), done())
    span = telemetry.span()
    assert (span.name, span.kind) == ("realtime_inference gpt-realtime", SpanKind.CLIENT)
    assert span.status.status_code is StatusCode.UNSET
    assert_same(conventional(span.attributes), ATTRIBUTES)
    assert_breakdown_adds_up(span.attributes)
    assert_priced(telemetry, SPOKEN)


async def test_the_asynchronous_client_makes_the_same_span(player, instrument, telemetry, realtime):
    instrument()
    player.play(session_created(), created(), done())
    connecting = realtime(async_client()).connect(
        model="gpt-realtime", websocket_connection_options=player.async_options()
    )
    async with connecting as connection:
        for _ in range(3):
            await connection.recv()
    assert_same(conventional(telemetry.attributes()), ATTRIBUTES)
    assert_priced(telemetry, SPOKEN)


def test_the_beta_client_makes_the_same_span_but_for_what_its_api_does_not_say(player, instrument, telemetry):
    instrument()
    player.play(session_created(), created(), payload("realtime_beta_response_done.json"))
    with client().beta.realtime.connect(
        model="gpt-realtime", websocket_connection_options=player.options()
    ) as connection:
        read(connection, 3)
    unsaid = {"gen_ai.usage.image.input_tokens", "gen_ai.usage.image.cache_read.input_tokens"}
    expected = {key: value for key, value in ATTRIBUTES.items() if key not in unsaid}
    assert_same(conventional(telemetry.attributes()), expected)
    assert_priced(telemetry, SPOKEN)


def test_iterating_and_dispatching_are_observed_like_receiving(player, instrument, telemetry, realtime):
    instrument()
    player.play(session_created(), created(), done())
    with realtime(client()).connect(model="gpt-realtime", websocket_connection_options=player.options()) as connection:
        for event in connection:
            if event.type == "response.done":
                break
    assert_priced(telemetry, SPOKEN)


def test_what_the_response_repeats_of_its_request_is_recorded(player, instrument, telemetry):
    instrument()
    asked = {"max_output_tokens": 77, "conversation_id": "conv_1", "output_modalities": ["audio"]}
    play(player, session_created(reasoning={"effort": "low"}), created(**asked), done())
    attributes = telemetry.attributes()
    expected = {
        "gen_ai.request.max_tokens": 77,
        "gen_ai.conversation.id": "conv_1",
        "gen_ai.output.type": "speech",
        "gen_ai.request.reasoning.level": "low",
    }
    assert_same({key: attributes.get(key) for key in expected}, expected)


def test_tokens_duration_and_cost_are_recorded_like_those_of_any_operation(player, instrument, telemetry):
    instrument()
    play(player, session_created(), created(), done())
    common = {
        **AT_OPENAI,
        "gen_ai.operation.name": "realtime_inference",
        "gen_ai.request.model": "gpt-realtime",
        "gen_ai.response.model": "gpt-realtime",
    }
    assert_same(telemetry.point(DURATION)[0], common)
    for kind, count in (("input", 132), ("output", 121)):
        attributes, point = telemetry.point(TOKENS, **{"gen_ai.token.type": kind})
        assert_same(attributes, {**common, "gen_ai.token.type": kind})
        assert (point.sum, point.count) == (count, 1)
    attributes, point = telemetry.point(COST)
    assert_same(attributes, {**common, "gen_ai.usage.cost.currency": "USD", "gen_ai.usage.cost.source": "local"})
    assert money(point.sum) == Decimal(SPOKEN)


def test_the_model_that_answered_is_priced_and_the_one_asked_for_is_kept(player, instrument, telemetry):
    instrument()
    play(player, session_created(model="gpt-realtime-mini"), created(), done())
    attributes = telemetry.attributes()
    assert attributes["gen_ai.request.model"] == "gpt-realtime"
    assert attributes["gen_ai.response.model"] == "gpt-realtime-mini"
    # 48 at 0.6, 64 cached at 0.06, 20 of audio at 10; 30 at 2.4 and 91 of audio at 20
    assert money(attributes["gen_ai.usage.cost.amount"]) == Decimal("0.00212464")


def test_the_model_in_the_url_is_enough(player, instrument, telemetry):
    instrument()
    play(player, created(), done())
    attributes = telemetry.attributes()
    assert attributes["gen_ai.response.model"] == "gpt-realtime"
    assert "gen_ai.realtime_session.id" not in attributes
    assert_priced(telemetry, SPOKEN)


def test_cached_audio_and_images_have_their_own_price(player, instrument, telemetry):
    instrument()
    usage = {
        "input_tokens": 2100,
        "input_token_details": {
            "text_tokens": 0,
            "audio_tokens": 100,
            "image_tokens": 2000,
            "cached_tokens": 1060,
            "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 60, "image_tokens": 1000},
        },
        "output_tokens": 10,
        "output_token_details": {"text_tokens": 10, "audio_tokens": 0},
    }
    play(player, session_created(), created(), done(usage=usage))
    # 40 of audio at 32 and 60 cached at 0.4; 1000 of images at 5 and 1000 cached at 0.5; 10 at 16
    assert_priced(telemetry, "0.006964")


def test_two_responses_in_flight_are_kept_apart(player, instrument, telemetry):
    instrument()
    usage = {"input_tokens": 1000, "output_tokens": 0}
    play(player, session_created(), created("a"), created("b"), done("b", usage=usage), done("a"))
    first, second = telemetry.spans()
    assert (first.attributes["gen_ai.response.id"], second.attributes["gen_ai.response.id"]) == ("b", "a")
    assert money(first.attributes["gen_ai.usage.cost.amount"]) == Decimal("0.004")
    assert money(second.attributes["gen_ai.usage.cost.amount"]) == Decimal(SPOKEN)
    assert second.start_time <= first.start_time


@pytest.mark.parametrize(
    ("reason", "expected"), [("turn_detected", "turn_detected"), (None, "cancelled"), ("client_cancelled",) * 2]
)
def test_a_cancelled_response_with_usage_is_priced_and_no_error(player, instrument, telemetry, reason, expected):
    instrument()
    details = {"type": "cancelled", "reason": reason}
    play(player, session_created(), created(), done(status="cancelled", status_details=details))
    assert telemetry.attributes()["gen_ai.response.finish_reasons"] == (expected,)
    assert_priced(telemetry, SPOKEN)


def test_a_cancelled_response_without_usage_is_unpriced(player, instrument, telemetry):
    instrument()
    play(player, session_created(), created(), done(status="cancelled", usage=None))
    assert_unpriced(telemetry, "no_usage")
    assert telemetry.span().status.status_code is StatusCode.UNSET


def test_a_failed_response_with_usage_is_priced_and_an_error(player, instrument, telemetry):
    instrument()
    details = {"type": "failed", "error": {"type": "server_error", "code": "overloaded", "message": "private"}}
    play(player, session_created(), created(), done(status="failed", status_details=details))
    span = telemetry.span()
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description is None
    assert span.attributes["error.type"] == "overloaded"
    assert span.attributes["gen_ai.response.finish_reasons"] == ("error",)
    assert money(span.attributes["gen_ai.usage.cost.amount"]) == Decimal(SPOKEN)


def test_a_failed_response_without_usage_is_an_error(player, instrument, telemetry):
    instrument()
    play(player, session_created(), created(), done(status="failed", usage=None))
    assert_failed(telemetry, "_OTHER")
    assert_unpriced(telemetry, "error")


def test_an_incomplete_response_says_why(player, instrument, telemetry):
    instrument()
    details = {"type": "incomplete", "reason": "max_output_tokens"}
    play(player, session_created(), created(), done(status="incomplete", status_details=details))
    assert telemetry.attributes()["gen_ai.response.finish_reasons"] == ("length",)


def test_a_response_that_calls_a_function_says_so(player, instrument, telemetry):
    instrument()
    output = [{"type": "function_call", "name": "f", "call_id": "c", "arguments": "{}"}]
    play(player, session_created(), created(), done(output=output))
    assert telemetry.attributes()["gen_ai.response.finish_reasons"] == ("tool_calls",)


def test_impossible_counts_are_not_priced(player, instrument, telemetry):
    instrument()
    usage = {"input_tokens": 10, "output_tokens": 1, "input_token_details": {"cached_tokens": 11}}
    play(player, session_created(), created(), done(usage=usage))
    assert_unpriced(telemetry, "inconsistent_usage")


def test_an_unknown_model_is_not_priced(player, instrument, telemetry):
    instrument()
    play(player, session_created(model="gpt-realtime-99"), created(), done())
    assert_unpriced(telemetry, "unknown_model")


def test_a_host_without_known_prices_is_not_priced(player, instrument, telemetry):
    instrument()
    player.play(created(), done())
    with client(player.url()).realtime.connect(model="gpt-realtime") as connection:
        read(connection, 2)
    assert telemetry.attributes()["server.address"] == "127.0.0.1"
    assert_unpriced(telemetry, "unknown_provider")


def test_the_users_file_may_say_that_a_host_bills_as_openai_does(player, instrument, telemetry, tmp_path):
    prices = tmp_path / "prices.json"
    prices.write_text('{"hosts": {"127.0.0.1": {"provider": "openai"}}}')
    instrument(prices=str(prices))
    player.play(created(), done())
    with client(player.url()).realtime.connect(model="gpt-realtime") as connection:
        read(connection, 2)
    assert_priced(telemetry, SPOKEN)


def test_a_regional_host_is_priced_as_such(player, instrument, telemetry):
    instrument()
    player.play(session_created(model="gpt-realtime-2"), created(), done())
    with client("ws://eu.api.openai.com/v1").realtime.connect(
        model="gpt-realtime-2", websocket_connection_options=player.options()
    ) as connection:
        read(connection, 3)
    attributes = telemetry.attributes()
    assert attributes["openai_cost.pricing.modifiers"] == ("regional=1.1",)
    # as above with text output at 24, and a tenth more
    assert money(attributes["gen_ai.usage.cost.amount"]) == Decimal("0.00814176")


def test_a_first_event_other_than_created_begins_the_span(player, instrument, telemetry):
    instrument()
    item = {"id": "item_1", "object": "realtime.item", "type": "message", "role": "assistant", "content": []}
    added = {"type": "response.output_item.added", "response_id": "resp_rt", "output_index": 0, "item": item}
    player.play(added, done())
    with client().realtime.connect(model="gpt-realtime", websocket_connection_options=player.options()) as connection:
        read(connection, 1)
        assert [span.name for span in telemetry.open_spans()] == ["realtime_inference gpt-realtime"]
        read(connection, 1)
    assert_priced(telemetry, SPOKEN)


def test_a_response_of_which_only_the_end_is_seen_is_late_but_not_lost(player, instrument, telemetry):
    instrument()
    player.play(session_created(), created(), done())
    with client().realtime.connect(model="gpt-realtime", websocket_connection_options=player.options()) as connection:
        connection.recv_bytes()
        connection.recv_bytes()
        read(connection, 1)
    assert_priced(telemetry, SPOKEN)


def test_a_response_without_an_id_is_counted(player, instrument, telemetry):
    instrument()
    play(player, created(None), done(None), done(None))
    assert len(telemetry.spans()) == 2
    assert telemetry.open_spans() == []
    assert telemetry.point(COST)[1].count == 2


def test_a_response_that_is_shown_twice_is_counted_once(player, instrument, telemetry):
    instrument()
    play(player, session_created(), created(), done(), created(), done())
    assert_priced(telemetry, SPOKEN)


def test_a_response_that_two_connections_see_is_counted_once(player, instrument, telemetry):
    instrument()
    events = [session_created(), created(), done()]
    play(player, *events)
    play(player, *events)
    assert_priced(telemetry, SPOKEN)


# --- input transcription ---


def test_input_transcription_is_an_operation_of_its_own_at_the_transcribing_models_price(player, instrument, telemetry):
    instrument()
    play(player, session_created(), committed(), created(), transcribed(), done())
    transcription, response = telemetry.spans()
    assert response.name == "realtime_inference gpt-realtime"
    assert transcription.name == "speech_to_text gpt-4o-transcribe"
    assert transcription.kind is SpanKind.CLIENT
    assert transcription.start_time < response.start_time
    assert_same(
        conventional(transcription.attributes),
        {
            **AT_OPENAI,
            "gen_ai.operation.name": "speech_to_text",
            "gen_ai.request.model": "gpt-4o-transcribe",
            "gen_ai.realtime_session.id": "sess_1",
            "gen_ai.usage.input_tokens": 13,
            "gen_ai.usage.output_tokens": 9,
            "gen_ai.usage.text.input_tokens": 0,
            "gen_ai.usage.audio.input_tokens": 13,
            # 13 of audio at 2.5 and 9 at 10
            "gen_ai.usage.cost.amount": 0.0001225,
            "gen_ai.usage.cost.currency": "USD",
            "gen_ai.usage.cost.source": "local",
        },
    )
    _, point = telemetry.point(COST, **{"gen_ai.operation.name": "speech_to_text"})
    assert (point.count, money(point.sum)) == (1, Decimal("0.0001225"))
    assert telemetry.points(UNPRICED) == []


def test_transcription_by_the_second_is_priced_by_the_second(player, instrument, telemetry):
    instrument()
    audio = {"input": {"transcription": {"model": "gpt-realtime-whisper", "language": "en"}}}
    usage = {"type": "duration", "seconds": 30}
    play(player, session_created(audio=audio), transcribed(usage=usage))
    attributes = telemetry.attributes()
    assert attributes["openai_cost.usage.audio_seconds"] == 30.0
    assert attributes["gen_ai.speech.input.language"] == "en"
    # 30 seconds at 0.017 a minute
    assert_priced(telemetry, "0.0085")


def test_the_session_may_change_what_transcribes(player, instrument, telemetry):
    instrument()
    update = session_created()
    update["type"] = "session.updated"
    update["session"]["audio"]["input"]["transcription"] = {"model": "whisper-1"}
    play(player, session_created(), update, transcribed(usage={"type": "duration", "seconds": 60}))
    assert telemetry.span().name == "speech_to_text whisper-1"
    assert_priced(telemetry, "0.006")


def test_no_transcription_is_expected_of_a_session_that_has_none(player, instrument, telemetry):
    instrument()
    play(player, session_created(audio={"input": {"transcription": None}}), committed())
    assert telemetry.spans() == ()


def test_a_transcription_by_an_unknown_model_is_unpriced(player, instrument, telemetry):
    instrument()
    play(player, transcribed())
    assert telemetry.span().name == "speech_to_text"
    assert_unpriced(telemetry, "unknown_model")


def test_a_transcription_that_failed_is_an_error(player, instrument, telemetry):
    instrument()
    failed = transcribed(type="conversation.item.input_audio_transcription.failed", usage=None)
    failed["error"] = {"type": "transcription_error", "code": "audio_unintelligible", "message": "private"}
    play(player, session_created(), committed(), failed)
    assert_failed(telemetry, "audio_unintelligible")
    assert_unpriced(telemetry, "error")


def test_pieces_of_input_are_kept_apart_and_each_is_counted_once(player, instrument, telemetry):
    instrument()
    pieces = [transcribed("a"), transcribed("b"), transcribed("a"), transcribed("a", content_index=1)]
    play(player, session_created(), *pieces)
    assert telemetry.point(COST)[1].count == 3


def test_a_transcription_session_of_the_beta_names_its_model_elsewhere(player, instrument, telemetry):
    instrument()
    session = {"id": "sess_2", "input_audio_transcription": {"model": "gpt-4o-mini-transcribe"}}
    updated = {"type": "transcription_session.updated", "event_id": "event_u", "session": session}
    player.play(updated, committed(), transcribed())
    with client().beta.realtime.connect(
        model="x", extra_query={"intent": "transcription"}, websocket_connection_options=player.options()
    ) as connection:
        read(connection, 3)
    assert telemetry.span().name == "speech_to_text gpt-4o-mini-transcribe"
    # 13 of audio at 1.25 and 9 at 5
    assert_priced(telemetry, "0.00006125")


def test_a_duration_that_is_none_is_not_priced(player, instrument, telemetry):
    instrument()
    play(player, session_created(), transcribed(usage={"type": "duration", "seconds": -1}))
    assert_unpriced(telemetry, "inconsistent_usage")
    assert_no_cost(telemetry.attributes())
