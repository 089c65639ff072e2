# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Speech, transcriptions and translations: what a span says of request, response, usage and cost."""

import gc
from decimal import Decimal

import openai
import pytest
from opentelemetry.trace import SpanKind, StatusCode

from support.clients import OPENAI_VERSION
from support.expect import (
    AT_OPENAI,
    COST,
    DURATION,
    TOKENS,
    assert_abandoned,
    assert_breakdown_adds_up,
    assert_ended_once,
    assert_failed,
    assert_no_cost,
    assert_priced,
    assert_same,
    assert_unpriced,
    conventional,
    money,
)
from support.payloads import DIRECTORY, DONE, event, events, payload
from support.server import Cut, Gate, bytes_answer, json_answer, sse_answer
from support.ways import WAYS, async_call, call

needs_streams = pytest.mark.skipif(OPENAI_VERSION < (1, 68), reason="the client cannot stream transcriptions")
# The client says so of the endpoint for translations.
deprecated = pytest.mark.filterwarnings("ignore::DeprecationWarning")

WORDS = "A secret text of 30 characters"
SOUND = b"ID3\x04" + bytes(range(256)) * 16
RECORDING = ("my-secret-voice.wav", b"RIFF secret", "audio/wav")


def mp3(**options):
    return bytes_answer(SOUND, content_type="audio/mpeg", **options)


def say(client, **options):
    return client.audio.speech.create(**{"model": "tts-1", "input": WORDS, "voice": "alloy", **options})


def hear(client, **options):
    return client.audio.transcriptions.create(**{"model": "gpt-4o-transcribe", "file": RECORDING, **options})


def spoken_events(**changes):
    usage = {"input_tokens": 14, "output_tokens": 101, "total_tokens": 115}
    delta = {"type": "speech.audio.delta", "audio": "c2VjcmV0"}
    return [event(delta), event({"type": "speech.audio.done", "usage": usage, **changes})]


# --- speech, by the character ---


def test_speech_makes_one_client_span_with_the_conventional_attributes(server, client, instrument, telemetry):
    instrument()
    server.queue(mp3())
    say(client())
    span = telemetry.span()
    assert (span.name, span.kind) == ("text_to_speech tts-1", SpanKind.CLIENT)
    assert span.status.status_code is StatusCode.UNSET
    assert_same(
        conventional(span.attributes),
        {
            **AT_OPENAI,
            "gen_ai.operation.name": "text_to_speech",
            "gen_ai.output.type": "speech",
            "gen_ai.request.model": "tts-1",
            "gen_ai.speech.voice": "alloy",
            # 30 characters at 15 a million
            "gen_ai.usage.cost.amount": 0.00045,
            "gen_ai.usage.cost.currency": "USD",
            "gen_ai.usage.cost.source": "local",
        },
    )


def test_the_characters_that_are_billed_are_counted_and_cost_no_tokens(server, client, instrument, telemetry):
    instrument()
    server.queue(mp3())
    say(client(), input="Grüße 👋", model="tts-1-hd")
    attributes = telemetry.attributes()
    assert_same({"n": attributes["openai_cost.usage.characters"]}, {"n": 7})
    assert money(attributes["openai_cost.other"]) == Decimal("0.00021")
    assert_breakdown_adds_up(attributes)
    assert telemetry.points(TOKENS) == []
    common = {
        **AT_OPENAI,
        "gen_ai.operation.name": "text_to_speech",
        "gen_ai.request.model": "tts-1-hd",
    }
    assert telemetry.point(DURATION)[0] == common
    assert_priced(telemetry, "0.00021")


@pytest.mark.parametrize("way", WAYS)
def test_speech_is_the_same_however_the_response_is_taken(server, client, instrument, telemetry, way):
    instrument()
    server.route("POST", "/v1/audio/speech", mp3(gzip=True))
    one = client()
    assert say(one).content == SOUND
    call(one.audio.speech, way, model="tts-1", input=WORDS, voice="alloy")
    parsed, other = telemetry.spans()
    assert other.name == parsed.name
    assert other.attributes == parsed.attributes


@pytest.mark.parametrize("way", WAYS)
async def test_asynchronous_speech_is_the_same(server, async_client, instrument, telemetry, way):
    instrument()
    server.queue(mp3())
    await async_call(async_client().audio.speech, way, model="tts-1", input=WORDS, voice="alloy")
    assert telemetry.attributes()["openai_cost.usage.characters"] == 30
    assert_priced(telemetry, "0.00045")


def test_the_caller_gets_the_audio_in_an_object_of_the_client_s_own(server, client, instrument):
    server.route("POST", "/v1/audio/speech", mp3())
    one = client()
    bare = say(one)
    instrument()
    observed = say(one)
    assert type(observed) is type(bare)
    assert observed.read() == bare.read() == SOUND


def test_speech_on_the_wire_has_not_ended_before_its_last_byte(server, client, instrument, telemetry):
    instrument()
    gate = Gate()
    server.queue(sse_answer([SOUND, gate, SOUND], headers={"content-type": "audio/mpeg"}))
    with client().audio.speech.with_streaming_response.create(model="tts-1", input=WORDS, voice="alloy") as response:
        chunks = response.iter_bytes(len(SOUND))
        assert next(chunks) == SOUND
        assert telemetry.spans() == ()
        gate.open()
        assert list(chunks) == [SOUND]
        assert_priced(telemetry, "0.00045")


def test_speech_written_to_a_file_is_priced(server, client, instrument, telemetry, tmp_path):
    instrument()
    server.queue(mp3())
    with client().audio.speech.with_streaming_response.create(model="tts-1", input=WORDS, voice="alloy") as response:
        response.stream_to_file(tmp_path / "speech.mp3")
    assert (tmp_path / "speech.mp3").read_bytes() == SOUND
    assert_priced(telemetry, "0.00045")


def test_speech_that_nobody_listens_to_is_billed_all_the_same(server, client, instrument, telemetry):
    instrument()
    server.queue(mp3())
    with client().audio.speech.with_streaming_response.create(model="tts-1", input=WORDS, voice="alloy"):
        pass
    assert_priced(telemetry, "0.00045")


async def test_asynchronous_speech_that_is_dropped_ends_when_it_is_collected(
    server, async_client, instrument, telemetry
):
    instrument()
    server.queue(mp3())
    manager = async_client().audio.speech.with_streaming_response.create(model="tts-1", input=WORDS, voice="alloy")
    response = await manager.__aenter__()
    assert telemetry.spans() == ()
    await response.close()
    del manager, response
    gc.collect()
    assert_priced(telemetry, "0.00045")


def test_a_voice_of_one_s_own_is_named_by_its_id(server, client, instrument, telemetry):
    instrument()
    server.queue(mp3())
    say(client(), extra_body={"voice": {"id": "voice_1234"}})
    assert telemetry.attributes()["gen_ai.speech.voice"] == "voice_1234"


def test_neither_the_text_nor_the_audio_is_recorded(server, client, instrument, telemetry):
    instrument()
    server.queue(bytes_answer(b"secret sound", content_type="audio/mpeg"))
    say(client(), extra_body={"instructions": "a secret tone"})
    assert "secret" not in telemetry.span().to_json()


def test_a_speech_that_failed_has_no_cost(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer({"error": {"message": "no", "code": "bad"}}, status=400))
    one = client()
    with pytest.raises(openai.BadRequestError):
        say(one)
    assert_failed(telemetry, "BadRequestError")
    assert "openai_cost.usage.characters" not in telemetry.attributes()


def test_speech_whose_connection_is_cut_is_an_error_and_was_billed(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer([SOUND, Cut()], headers={"content-type": "audio/mpeg"}))
    streaming = client().audio.speech.with_streaming_response

    def listen():
        with streaming.create(model="tts-1", input=WORDS, voice="alloy") as response:
            response.read()

    with pytest.raises(Exception, match=r"incomplete|closed"):
        listen()
    span = assert_ended_once(telemetry)
    assert span.status.status_code is StatusCode.ERROR
    assert money(span.attributes["gen_ai.usage.cost.amount"]) == Decimal("0.00045")


# --- speech, by tokens ---


def test_speech_of_a_model_that_bills_tokens_has_no_price_without_them(server, client, instrument, telemetry):
    instrument()
    server.queue(mp3())
    say(client(), model="gpt-4o-mini-tts")
    assert telemetry.span().name == "text_to_speech gpt-4o-mini-tts"
    assert "openai_cost.usage.characters" not in telemetry.attributes()
    assert_unpriced(telemetry, "no_usage")


def test_speech_of_an_unknown_model_says_so(server, client, instrument, telemetry):
    instrument()
    server.queue(mp3())
    say(client(), model="acme-voice")
    assert_unpriced(telemetry, "unknown_model")


@pytest.mark.parametrize("way", WAYS)
def test_speech_as_events_is_priced_by_the_tokens_of_the_last_one(server, client, instrument, telemetry, way):
    instrument()
    server.queue(sse_answer(events("speech_stream.sse")))
    body = {"stream_format": "sse"}
    speech = client().audio.speech
    call(speech, way, model="gpt-4o-mini-tts", input=WORDS, voice="alloy", extra_body=body)
    attributes = telemetry.attributes()
    tokens = {
        "gen_ai.usage.input_tokens": 14,
        "gen_ai.usage.output_tokens": 101,
        "gen_ai.usage.audio.output_tokens": 101,
    }
    assert_same({key: value for key, value in attributes.items() if key.endswith("_tokens")}, tokens)
    assert attributes["gen_ai.request.stream"] is True
    # 14 tokens at 0.6, and 101 of audio at 12
    assert_priced(telemetry, "0.0012204")


@pytest.mark.parametrize("way", WAYS)
async def test_asynchronous_speech_as_events_is_priced_too(server, async_client, instrument, telemetry, way):
    instrument()
    server.queue(sse_answer(events("speech_stream.sse"), split=5))
    body = {"stream_format": "sse"}
    speech = async_client().audio.speech
    await async_call(speech, way, model="gpt-4o-mini-tts", input=WORDS, voice="alloy", extra_body=body)
    assert_priced(telemetry, "0.0012204")


def test_the_bytes_of_the_events_are_the_caller_s_as_ever(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("speech_stream.sse")))
    got = say(client(), model="gpt-4o-mini-tts", extra_body={"stream_format": "sse"})
    assert got.content == b"".join(events("speech_stream.sse"))


def test_events_that_are_not_read_to_the_last_have_no_usage(server, client, instrument, telemetry):
    instrument()
    first, last = spoken_events()
    server.queue(sse_answer([first, Gate(), last]))
    streaming = client().audio.speech.with_streaming_response
    body = {"stream_format": "sse"}
    with streaming.create(model="gpt-4o-mini-tts", input=WORDS, voice="alloy", extra_body=body) as response:
        assert next(response.iter_lines())
    assert_abandoned(telemetry)


def test_a_last_event_without_usage_has_no_price(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(spoken_events(usage=None)))
    say(client(), model="gpt-4o-mini-tts", extra_body={"stream_format": "sse"})
    assert_unpriced(telemetry, "no_usage")


# --- transcriptions ---


def test_a_transcription_makes_one_client_span_with_the_conventional_attributes(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("transcription_usage_tokens.json")))
    hear(client(), language="en", response_format="json")
    assert server.requests[0].headers["content-type"].startswith("multipart/form-data")
    span = telemetry.span()
    assert (span.name, span.kind) == ("speech_to_text gpt-4o-transcribe", SpanKind.CLIENT)
    assert_same(
        conventional(span.attributes),
        {
            **AT_OPENAI,
            "gen_ai.operation.name": "speech_to_text",
            "gen_ai.output.type": "json",
            "gen_ai.request.model": "gpt-4o-transcribe",
            "gen_ai.speech.input.language": "en",
            "gen_ai.usage.input_tokens": 140,
            "gen_ai.usage.text.input_tokens": 0,
            "gen_ai.usage.audio.input_tokens": 140,
            "gen_ai.usage.output_tokens": 45,
            # 140 tokens of audio at 2.5, and 45 at 10
            "gen_ai.usage.cost.amount": 0.0008,
            "gen_ai.usage.cost.currency": "USD",
            "gen_ai.usage.cost.source": "local",
        },
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("model", "name", "response_format", "amount"),
    [
        ("gpt-4o-transcribe", "transcription_usage_tokens.json", "json", "0.0008"),
        ("whisper-1", "transcription_usage_duration.json", "json", "0.0009"),
        ("whisper-1", "transcription_verbose_duration.json", "verbose_json", "0.0009"),
        ("gpt-transcribe", "transcription_diarized.json", "diarized_json", "0.003225"),
    ],
)
def test_a_transcription_is_priced_in_every_form(
    server, client, instrument, telemetry, way, model, name, response_format, amount
):
    instrument()
    server.queue(json_answer(payload(name)))
    options = {"model": model, "file": RECORDING, "extra_body": {"response_format": response_format}}
    call(client().audio.transcriptions, way, **options)
    assert telemetry.attributes()["gen_ai.output.type"] == "json"
    assert_priced(telemetry, amount)


@pytest.mark.parametrize("way", WAYS)
async def test_an_asynchronous_transcription_is_priced_too(server, async_client, instrument, telemetry, way):
    instrument()
    server.queue(json_answer(payload("transcription_verbose_duration.json")))
    transcriptions = async_client().audio.transcriptions
    await async_call(transcriptions, way, model="whisper-1", file=RECORDING, response_format="verbose_json")
    assert_priced(telemetry, "0.0009")


def test_seconds_are_recorded_and_are_no_tokens(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("transcription_usage_duration.json", usage={"type": "duration", "seconds": 61.5})))
    hear(client(), model="whisper-1")
    attributes = telemetry.attributes()
    assert_same({"s": attributes["openai_cost.usage.audio_seconds"]}, {"s": 61.5})
    assert not [key for key in attributes if key.endswith("_tokens")]
    assert telemetry.points(TOKENS) == []
    assert money(attributes["openai_cost.other"]) == Decimal("0.00615")
    assert_breakdown_adds_up(attributes)
    assert_priced(telemetry, "0.00615")


def test_the_seconds_billed_win_over_the_duration_of_the_recording(server, client, instrument, telemetry):
    instrument()
    body = payload("transcription_verbose_duration.json")
    assert (body["duration"], body["usage"]["seconds"]) == (8.47, 9)
    server.queue(json_answer(body))
    hear(client(), model="whisper-1", response_format="verbose_json")
    assert telemetry.attributes()["openai_cost.usage.audio_seconds"] == 9.0


@pytest.mark.parametrize("duration", [8.47, "8.47"])
def test_a_verbose_transcription_without_usage_is_billed_by_its_duration(
    server, client, instrument, telemetry, duration
):
    instrument()
    body = payload("transcription_verbose_duration.json", duration=duration)
    del body["usage"]
    server.queue(json_answer(body))
    hear(client(), model="whisper-1", response_format="verbose_json")
    # 8.47 seconds at 0.006 a minute
    assert_priced(telemetry, "0.000847")


@pytest.mark.parametrize("seconds", [-1, True, "a while", None, 1e300])
def test_a_duration_that_is_none_is_not_priced(server, client, instrument, telemetry, seconds):
    instrument()
    usage = {"type": "duration", "seconds": seconds}
    server.queue(json_answer(payload("transcription_usage_duration.json", usage=usage)))
    client().audio.transcriptions.with_raw_response.create(model="whisper-1", file=RECORDING)
    assert "openai_cost.usage.audio_seconds" not in telemetry.attributes()
    assert_unpriced(telemetry, "inconsistent_usage")


def test_seconds_of_a_model_that_bills_tokens_are_a_missing_rate(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("transcription_diarized.json")))
    hear(client(), model="gpt-4o-transcribe-diarize")
    assert_unpriced(telemetry, "missing_rate")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("response_format", "name"), [("text", "transcription_text.txt"), ("srt", "transcription.srt")]
)
def test_a_transcription_as_plain_text_has_no_usage(server, client, instrument, telemetry, way, response_format, name):
    instrument()
    server.queue(bytes_answer((DIRECTORY / name).read_bytes(), content_type="text/plain; charset=utf-8"))
    options = {"model": "whisper-1", "file": RECORDING, "response_format": response_format}
    call(client().audio.transcriptions, way, **options)
    attributes = telemetry.attributes()
    assert attributes["gen_ai.output.type"] == "text"
    assert not [key for key in attributes if ".usage." in key]
    assert_unpriced(telemetry, "no_usage")


def test_plain_text_reaches_the_caller_as_it_did_before(server, client, instrument):
    text = (DIRECTORY / "transcription.srt").read_bytes()
    server.route("POST", "/v1/audio/transcriptions", bytes_answer(text, content_type="text/plain"))
    one = client()
    bare = hear(one, model="whisper-1", response_format="srt")
    instrument()
    assert hear(one, model="whisper-1", response_format="srt") == bare


def test_neither_the_words_nor_the_name_of_the_file_are_recorded(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("transcription_usage_tokens.json", text="secret words")))
    hear(client(), prompt="a secret hint", extra_body={"known_speaker_names": ["secret agent"]})
    assert "secret" not in telemetry.span().to_json()


def test_a_transcription_that_failed_has_no_cost(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer({"error": {"message": "no", "code": "bad"}}, status=400))
    one = client()
    with pytest.raises(openai.BadRequestError):
        hear(one)
    assert_failed(telemetry, "BadRequestError")


def test_a_cost_that_a_gateway_reports_is_passed_on(server, client, instrument, telemetry):
    instrument()
    usage = {**payload("transcription_usage_tokens.json")["usage"], "cost": 0.25}
    server.queue(json_answer(payload("transcription_usage_tokens.json", usage=usage)))
    hear(client(base_url="https://openrouter.ai/api/v1"))
    attributes = telemetry.attributes()
    assert attributes["gen_ai.usage.cost.amount"] == 0.25
    assert attributes["gen_ai.usage.cost.source"] == "provider"


# --- transcriptions as streams ---


@needs_streams
def test_a_streamed_transcription_is_priced_by_its_last_event(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("transcription_stream.sse")))
    kinds = [item.type for item in hear(client(), stream=True)]
    assert kinds == ["transcript.text.delta"] * 2 + ["transcript.text.done"]
    attributes = telemetry.attributes()
    assert attributes["gen_ai.request.stream"] is True
    assert attributes["gen_ai.usage.audio.input_tokens"] == 140
    assert type(attributes["gen_ai.response.time_to_first_chunk"]) is float
    assert_priced(telemetry, "0.0008")


@needs_streams
async def test_an_asynchronous_streamed_transcription_is_priced_too(server, async_client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("transcription_stream.sse"), split=9))
    async for _ in await hear(async_client(), stream=True):
        pass
    assert_priced(telemetry, "0.0008")


@needs_streams
def test_a_raw_streamed_transcription_is_priced_when_it_was_read(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("transcription_stream.sse")))
    raw = client().audio.transcriptions.with_raw_response.create(model="gpt-4o-transcribe", file=RECORDING, stream=True)
    assert telemetry.spans() == ()
    assert len(list(raw.parse())) == 3
    assert_priced(telemetry, "0.0008")


@needs_streams
def test_the_words_of_a_stream_cannot_be_mistaken_for_its_usage(server, client, instrument, telemetry):
    instrument()
    delta = {"type": "transcript.text.delta", "delta": '"usage": {"input_tokens": 1} "error" transcript.text.done'}
    server.queue(sse_answer([event(delta), *events("transcription_stream.sse")]))
    assert len(list(hear(client(), stream=True))) == 4
    assert_priced(telemetry, "0.0008")


@needs_streams
def test_a_model_that_ignores_the_wish_for_a_stream_is_priced_all_the_same(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("transcription_usage_duration.json")))
    list(hear(client(), model="whisper-1", stream=True))
    assert_priced(telemetry, "0.0009")


@needs_streams
def test_a_streamed_transcription_that_is_left_early_is_abandoned(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("transcription_stream.sse")))
    with hear(client(), stream=True) as stream:
        next(iter(stream))
    assert_abandoned(telemetry)


@needs_streams
def test_a_streamed_transcription_without_usage_has_no_price(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer([event({"type": "transcript.text.done", "text": "Hello"}), DONE]))
    list(hear(client(), stream=True))
    assert_unpriced(telemetry, "no_usage")


@needs_streams
def test_an_error_event_is_an_error(server, client, instrument, telemetry):
    instrument()
    error = {"error": {"code": "oops", "message": "secret"}}
    server.queue(sse_answer([events("transcription_stream.sse")[0], event(error, name="error")]))
    stream = hear(client(), stream=True)
    with pytest.raises(openai.APIError):
        list(stream)
    assert_failed(telemetry, "oops")
    assert "secret" not in telemetry.span().to_json()


# --- translations ---


@deprecated
@pytest.mark.parametrize("way", WAYS)
def test_a_verbose_translation_is_billed_by_its_duration(server, client, instrument, telemetry, way):
    instrument()
    server.queue(json_answer(payload("translation_verbose.json")))
    options = {"model": "whisper-1", "file": RECORDING, "response_format": "verbose_json"}
    call(client().audio.translations, way, **options)
    assert server.requests[0].path == "/v1/audio/translations"
    assert telemetry.span().name == "speech_to_text whisper-1"
    attributes = telemetry.attributes()
    assert attributes["gen_ai.output.type"] == "json"
    assert attributes["openai_cost.usage.audio_seconds"] == 8.47
    _, point = telemetry.point(COST)
    assert money(point.sum) == Decimal("0.000847")
    assert_priced(telemetry, "0.000847")


@deprecated
async def test_an_asynchronous_translation_is_billed_by_its_duration(server, async_client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("translation_verbose.json")))
    one = async_client()
    await one.audio.translations.create(model="whisper-1", file=RECORDING, response_format="verbose_json")
    assert_priced(telemetry, "0.000847")


@deprecated
@pytest.mark.parametrize(
    "answer",
    [json_answer(payload("translation.json")), bytes_answer(b"Hello world.\n", content_type="text/plain")],
    ids=["json", "text"],
)
def test_a_translation_that_does_not_tell_its_duration_has_no_price(server, client, instrument, telemetry, answer):
    instrument()
    server.queue(answer)
    client().audio.translations.create(model="whisper-1", file=RECORDING)
    assert_no_cost(telemetry.attributes())
    assert_unpriced(telemetry, "no_usage")
