# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The demo's embedded server: the real client parses its answers, and counts follow from the request."""

import asyncio
import base64
import io
import struct
import wave
from collections.abc import Iterator

import openai
import pytest
from pydantic import BaseModel

from opentelemetry.instrumentation.openai_cost.demo.answers import OVER_QUOTA_KEY
from opentelemetry.instrumentation.openai_cost.demo.answers.provider import LedgerEntry
from opentelemetry.instrumentation.openai_cost.demo.server import DemoServer
from support.clients import OPENAI_VERSION

HELLO = [{"role": "user", "content": "x" * 40}]
LONG = "A sentence that is repeated until the prompt is long enough to be cached. " * 100

responses_api = pytest.mark.skipif(OPENAI_VERSION < (1, 66), reason="this client has no Responses API")
image_streams = pytest.mark.skipif(OPENAI_VERSION < (1, 97), reason="this client cannot stream images")
transcription_streams = pytest.mark.skipif(OPENAI_VERSION < (1, 68), reason="this client cannot stream transcriptions")


@pytest.fixture(scope="module")
def running() -> Iterator[DemoServer]:
    with DemoServer() as server:
        yield server


@pytest.fixture
def reported(running: DemoServer):
    """Gives the ledger entries of the test's own calls."""
    before = len(running.ledger)
    return lambda: running.ledger[before:]


@pytest.fixture
def client(running: DemoServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=running.base_url, api_key="demo", max_retries=0) as client:
        yield client


def usage_of(answer) -> dict:
    return answer.usage.model_dump(exclude_none=True)


def problem(error: openai.APIStatusError) -> dict:
    """What the server said, which the oldest clients keep from the error's own attributes."""
    return error.response.json()["error"]


def test_a_token_is_four_characters_and_every_message_adds_four(client):
    usage = client.chat.completions.create(model="gpt-4o-mini", messages=HELLO).usage
    assert usage.prompt_tokens == 10 + 4
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_the_same_request_gets_the_same_answer_and_the_same_usage(client):
    first, second = (client.chat.completions.create(model="gpt-4o-mini", messages=HELLO) for _ in range(2))
    assert first.choices[0].message.content == second.choices[0].message.content
    assert usage_of(first) == usage_of(second)


def test_what_is_reported_stands_in_the_ledger(client, reported):
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=HELLO, extra_body={"service_tier": "flex"})
    (entry,) = reported()
    assert (entry.endpoint, entry.model, entry.service_tier) == ("/chat/completions", answer.model, "flex")
    assert entry.usage["prompt_tokens"] == answer.usage.prompt_tokens
    assert entry.usage["completion_tokens"] == answer.usage.completion_tokens


def test_an_alias_is_answered_with_its_snapshot(client):
    assert client.chat.completions.create(model="gpt-4o", messages=HELLO).model == "gpt-4o-2024-08-06"


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        (None, "default"),
        ("auto", "default"),
        ("flex", "flex"),
        ("priority", "priority"),
        ("fast", "priority"),
    ],
)
def test_the_answer_names_the_tier_that_serves(client, asked, served):
    extra = {"service_tier": asked} if asked else {}
    answer = client.chat.completions.create(model="gpt-4o", messages=HELLO, extra_body=extra)
    assert answer.service_tier == served


def test_a_model_that_reasons_reports_it_within_the_output(client):
    extra = {"reasoning_effort": "low"}
    thinking = client.chat.completions.create(model="gpt-5.4-mini", messages=HELLO, extra_body=extra).usage
    plain = client.chat.completions.create(model="gpt-4o", messages=HELLO).usage
    assert usage_of_details(thinking)["reasoning_tokens"] == 64
    assert thinking.completion_tokens == plain.completion_tokens + 64


def usage_of_details(usage) -> dict:
    return usage.model_dump()["completion_tokens_details"]


def test_several_choices_cost_several_times_the_output(client):
    once = client.chat.completions.create(model="gpt-4o", messages=HELLO)
    thrice = client.chat.completions.create(model="gpt-4o", messages=HELLO, n=3)
    assert [choice.index for choice in thrice.choices] == [0, 1, 2]
    assert thrice.usage.completion_tokens == 3 * once.usage.completion_tokens
    assert thrice.usage.prompt_tokens == once.usage.prompt_tokens


def test_images_and_audio_are_counted_as_part_of_the_input(client):
    sound = base64.b64encode(bytes(32_000)).decode()
    content = [
        {"type": "text", "text": "x" * 40},
        {"type": "image_url", "image_url": {"url": "data:,", "detail": "low"}},
        {"type": "input_audio", "input_audio": {"data": sound, "format": "wav"}},
    ]
    usage = client.chat.completions.create(
        model="gpt-audio-mini",
        messages=[{"role": "user", "content": content}],
        extra_body={"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}},
    ).usage.model_dump()
    details = usage["prompt_tokens_details"]
    assert (details["image_tokens"], details["audio_tokens"], details["text_tokens"]) == (85, 10, 14)
    assert usage["prompt_tokens"] == 85 + 10 + 14
    assert 0 < usage["completion_tokens_details"]["audio_tokens"] < usage["completion_tokens"]


def test_a_long_prompt_is_written_to_the_cache_and_then_read_from_it(client):
    def ask(question: str) -> dict:
        messages = [{"role": "system", "content": LONG}, {"role": "user", "content": question}]
        answer = client.chat.completions.create(model="gpt-5.6-luna", messages=messages)
        return answer.usage.model_dump()["prompt_tokens_details"]

    first, second = ask("Why?"), ask("When?")
    assert (first["cached_tokens"], second["cache_write_tokens"]) == (0, 0)
    assert first["cache_write_tokens"] == second["cached_tokens"] > 1024
    assert first["cache_write_tokens"] % 128 == 0


def test_an_older_model_reports_cached_tokens_and_no_writes(client):
    messages = [{"role": "user", "content": LONG}]
    details = [
        client.chat.completions.create(model="gpt-4o", messages=messages).usage.model_dump()["prompt_tokens_details"]
        for _ in range(2)
    ]
    assert [detail["cached_tokens"] for detail in details] == [0, 1792]
    assert not any(detail.get("cache_write_tokens") for detail in details)


def test_a_function_is_called_once_and_its_result_is_answered(client):
    parameters = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
    tools = [{"type": "function", "function": {"name": "weather", "parameters": parameters}}]
    first = client.chat.completions.create(model="gpt-4o", messages=HELLO, tools=tools).choices[0]
    (call,) = first.message.tool_calls
    assert (first.finish_reason, call.function.name) == ("tool_calls", "weather")
    result = {"role": "tool", "tool_call_id": call.id, "content": "rain"}
    messages = [*HELLO, first.message.model_dump(exclude_none=True), result]
    second = client.chat.completions.create(model="gpt-4o", messages=messages, tools=tools).choices[0]
    assert (second.finish_reason, bool(second.message.content)) == ("stop", True)


def test_a_chat_stream_that_was_asked_for_usage_reports_it_in_one_last_chunk(client, reported):
    whole = client.chat.completions.create(model="gpt-4o", messages=HELLO)
    stream = client.chat.completions.create(
        model="gpt-4o", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    *chunks, last = stream
    assert all(chunk.usage is None for chunk in chunks)
    assert last.choices == []
    assert usage_of(last) == usage_of(whole)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == whole.choices[0].message.content
    assert reported()[-1].usage == reported()[0].usage


def test_a_chat_stream_that_was_not_asked_reports_none(client, reported):
    chunks = list(client.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True))
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks)
    assert reported()[0].usage is None


def test_a_client_may_leave_in_the_middle_of_a_stream(client, capfd):
    stream = client.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True, n=100)
    next(iter(stream))
    stream.close()
    assert client.chat.completions.create(model="gpt-4o", messages=HELLO).usage
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.skipif(OPENAI_VERSION < (1, 92), reason="this client has no chat.completions.parse")
def test_structured_output_fits_the_schema(client):
    class Part(BaseModel):
        name: str
        price: float

    class Order(BaseModel):
        urgent: bool
        parts: list[Part]
        note: str | None

    answer = client.chat.completions.parse(model="gpt-4o", messages=HELLO, response_format=Order)
    assert isinstance(answer.choices[0].message.parsed, Order)
    response = client.responses.parse(model="gpt-4o", input="x", text_format=Order)
    assert isinstance(response.output_parsed, Order)


def test_a_legacy_completion_is_parsed_and_streamed(client):
    whole = client.completions.create(model="gpt-3.5-turbo-instruct", prompt="x" * 40)
    assert whole.usage.prompt_tokens == 10
    *chunks, last = client.completions.create(
        model="gpt-3.5-turbo-instruct",
        prompt="x" * 40,
        stream=True,
        extra_body={"stream_options": {"include_usage": True}},
    )
    assert "".join(chunk.choices[0].text for chunk in chunks) == whole.choices[0].text
    assert usage_of(last) == usage_of(whole)


@responses_api
def test_a_response_is_parsed_with_its_reasoning_and_its_usage(client):
    response = client.responses.create(model="gpt-6-sol", input="x" * 40, reasoning={"effort": "high"})
    assert [item.type for item in response.output] == ["reasoning", "message"]
    assert response.output_text
    assert response.usage.input_tokens == 10 + 4
    assert response.usage.output_tokens_details.reasoning_tokens == 448


@responses_api
def test_a_streamed_response_has_numbered_events_and_ends_with_the_usage(client):
    whole = client.responses.create(model="gpt-4o", input="x" * 40)
    events = list(client.responses.create(model="gpt-4o", input="x" * 40, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[0].response.usage is None
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == whole.output_text
    assert events[-1].type == "response.completed"
    assert usage_of(events[-1].response) == usage_of(whole)


@responses_api
def test_the_stream_helper_accumulates_the_whole_response(client):
    with client.responses.stream(model="gpt-4o", input="x") as stream:
        assert stream.get_final_response().output_text == client.responses.create(model="gpt-4o", input="x").output_text


@responses_api
def test_a_further_turn_reads_what_was_said_before(client):
    first = client.responses.create(model="gpt-4o", instructions="y" * 400, input="x" * 40)
    second = client.responses.create(model="gpt-4o", input="z" * 40, previous_response_id=first.id)
    alone = client.responses.create(model="gpt-4o", input="z" * 40)
    earlier = second.usage.input_tokens - alone.usage.input_tokens
    assert 10 < earlier < 100, "the earlier turn, and not its instructions"


@responses_api
def test_a_cache_write_says_how_long_it_lasts(client):
    options = {"prompt_cache_options": {"ttl": "12h"}}
    response = client.responses.create(model="gpt-6.1-sol", input=f"12 hours. {LONG}", extra_body=options)
    details = response.usage.model_dump()["input_tokens_details"]
    assert details["cache_write_tokens"] > 1024
    split = details["cache_write_tokens_details"]
    assert split == {"ttl_30m_tokens": 0, "ttl_12h_tokens": details["cache_write_tokens"]}


@responses_api
def test_hosted_tools_are_used_and_only_billable_searches_are_counted(client, reported):
    tools = [{"type": "web_search"}, {"type": "file_search", "vector_store_ids": ["vs_1"]}]
    response = client.responses.create(model="gpt-4o", input="x", tools=tools).model_dump()
    types = [item["type"] for item in response["output"]]
    assert types == ["web_search_call"] * 3 + ["file_search_call", "message"]
    assert response["tool_usage"]["web_search"] == {"num_requests": 2}
    assert reported()[0].tools == {"web_search": 2, "file_search": 1}


@pytest.mark.skipif(OPENAI_VERSION < (2, 9), reason="this client has no responses.compact")
def test_a_compaction_names_no_model_and_reports_its_usage(client, reported):
    compacted = client.responses.compact(model="gpt-6.1-terra", input=LONG)
    assert compacted.object == "response.compaction"
    assert "model" not in compacted.model_dump()
    assert compacted.usage.output_tokens < compacted.usage.input_tokens
    assert reported()[0].model == "gpt-6.1-terra"


def test_embeddings_are_the_same_as_floats_and_as_base64(client):
    texts = ["x" * 40, "y" * 41]
    plain = client.embeddings.create(model="text-embedding-3-small", input=texts, encoding_format="float")
    packed = client.embeddings.create(model="text-embedding-3-small", input=texts, encoding_format="base64")
    assert plain.usage.prompt_tokens == packed.usage.prompt_tokens == 10 + 11
    for floats, text in zip(plain.data, packed.data, strict=True):
        unpacked = struct.unpack("<8f", base64.b64decode(text.embedding))
        assert floats.embedding == pytest.approx(unpacked)


def test_embeddings_of_token_ids_count_the_ids(client):
    one = client.embeddings.create(model="text-embedding-3-small", input=[1, 2, 3])
    two = client.embeddings.create(model="text-embedding-3-small", input=[[1, 2, 3], [4]])
    assert (one.usage.prompt_tokens, len(one.data)) == (3, 1)
    assert (two.usage.prompt_tokens, len(two.data)) == (4, 2)


def recording(seconds: float) -> tuple[str, bytes]:
    """A WAV file of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(8000)
        audio.writeframes(bytes(int(seconds * 16_000)))
    return "message.wav", file.getvalue()


def test_an_image_has_the_tokens_of_its_quality_and_its_prompt(client, reported):
    images = client.images.generate(model="gpt-image-2.5-flare", prompt="x" * 40, n=2, extra_body={"quality": "high"})
    assert len(images.data) == 2
    assert images.model_dump()["usage"] == {
        "input_tokens": 10,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 0},
        "output_tokens": 8320,
        "output_tokens_details": {"text_tokens": 0, "image_tokens": 8320},
        "total_tokens": 8330,
    }
    assert reported()[0].usage["total_tokens"] == 8330


@image_streams
def test_a_streamed_image_comes_after_its_partial_ones(client):
    stream = client.images.generate(model="gpt-image-2", prompt="x", stream=True, partial_images=2)
    events = list(stream)
    assert [item.type for item in events] == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
    assert events[-1].usage.output_tokens == 1056 + 2 * 100


def test_an_edited_image_has_its_picture_in_the_input(client):
    picture = ("a.png", b"\r\n--x\r\n\x00")
    images = client.images.edit(model="gpt-image-2", image=picture, prompt="x" * 40).model_dump()
    assert images["usage"]["input_tokens_details"] == {"text_tokens": 10, "image_tokens": 323}


@pytest.mark.skipif(OPENAI_VERSION < (1, 76), reason="this client edits one picture at a time")
def test_an_image_made_of_several_has_them_all_in_the_input(client):
    pictures = [("a.png", b"\x00"), ("b.png", b"\xff\r\n")]
    images = client.images.edit(model="gpt-image-2", image=pictures, prompt="x").model_dump()
    assert images["usage"]["input_tokens_details"]["image_tokens"] == 646


def test_speech_is_billed_by_the_character_or_by_events_that_report_tokens(client, reported):
    audio = client.audio.speech.create(model="tts-1", voice="alloy", input="x" * 40)
    assert audio.response.headers["content-type"] == "audio/mpeg"
    options = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "x" * 40}
    events = client.audio.speech.create(**options, extra_body={"stream_format": "sse"})
    assert b'"usage":{"input_tokens":10,"output_tokens":50,"total_tokens":60}' in events.content.splitlines()[-2]
    assert [(entry.units, entry.usage and entry.usage["total_tokens"]) for entry in reported()] == [
        ({"characters": 40}, None),
        ({}, 60),
    ]


def test_a_transcription_is_billed_by_the_length_of_the_recording(client, reported):
    client.audio.transcriptions.create(model="gpt-4o-transcribe", file=recording(2.5))
    verbose = client.audio.transcriptions.create(model="whisper-1", file=recording(2.5), response_format="verbose_json")
    assert float(verbose.duration) == 2.5
    by_token, by_second = reported()
    assert by_token.usage["input_token_details"] == {"text_tokens": 0, "audio_tokens": 25}
    assert by_second.usage == {"type": "duration", "seconds": 3}


@pytest.mark.parametrize(
    ("wanted", "opening"),
    [("srt", "1\n00:00:00,000 --> 00:00:02,500\n"), ("vtt", "WEBVTT\n\n00:00.000 --> 00:02.500\n")],
)
def test_subtitles_say_nothing_of_their_price(client, reported, wanted, opening):
    raw = client.audio.transcriptions.with_raw_response.create(
        model="whisper-1", file=recording(2.5), response_format=wanted
    )
    assert raw.http_response.text.startswith(opening)
    assert reported()[0].usage is None


@transcription_streams
def test_a_streamed_transcription_ends_with_its_usage(client):
    stream = client.audio.transcriptions.create(model="gpt-4o-transcribe", file=recording(1), stream=True)
    *deltas, done = list(stream)
    assert "".join(item.delta for item in deltas) == done.text
    assert done.model_dump()["usage"]["input_tokens"] == 10


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_only_a_verbose_translation_tells_the_length_of_the_recording(client):
    options = {"model": "whisper-1", "file": recording(2.5)}
    plain = client.audio.translations.create(**options)
    verbose = client.audio.translations.with_raw_response.create(**options, response_format="verbose_json")
    assert "duration" not in plain.model_dump()
    assert verbose.http_response.json()["duration"] == 2.5


def test_what_is_no_recording_is_refused(client, reported):
    with pytest.raises(openai.BadRequestError) as raised:
        client.audio.transcriptions.create(model="whisper-1", file=("message.wav", b"not audio"))
    assert problem(raised.value)["param"] == "file"
    assert reported() == ()


def test_every_question_of_a_decision_is_answered(client, reported):
    questions = [
        {"type": "predicate", "name": "a", "instructions": "?"},
        {"type": "choice", "name": "b", "instructions": "?", "choices": [{"value": "yes"}, {"value": "no"}]},
        {"type": "score", "name": "c", "instructions": "?", "levels": [{"label": "low"}, {"label": "high"}]},
    ]
    body = {"model": "gpt-6-luna", "input": "x", "questions": questions}
    answered = client.post("/decisions", body=body, cast_to=object)
    assert [answer["type"] for answer in answered["answers"]] == ["predicate", "choice", "score"]
    assert answered["usage"]["output_tokens"] == 3
    assert reported()[0].endpoint == "/decisions"


@pytest.mark.filterwarnings("ignore:deprecated")
def test_variations_are_as_many_as_asked_for(client, reported):
    made = client.images.create_variation(image=("wheel.png", b"png"), n=2, size="512x512")
    assert len(made.data) == 2
    assert [(entry.model, entry.units) for entry in reported()] == [("dall-e-2", {"images 512x512": 2})]


def test_a_container_has_the_memory_asked_for(client, reported):
    body = {"name": "c", "memory_limit": "4g"}
    assert client.post("/containers", body=body, cast_to=object)["memory_limit"] == "4g"
    assert client.post("/containers", body={"name": "c"}, cast_to=object)["memory_limit"] == "1g"
    assert [entry.units for entry in reported()] == [{"container_4g": 1}, {"container_1g": 1}]


def test_the_asynchronous_client_is_answered_as_well(running):
    async def ask() -> list[int]:
        async with openai.AsyncOpenAI(base_url=running.base_url, api_key="demo") as client:
            calls = [client.chat.completions.create(model="gpt-4o", messages=HELLO) for _ in range(5)]
            return [answer.usage.prompt_tokens for answer in await asyncio.gather(*calls)]

    assert asyncio.run(ask()) == [14] * 5


def test_every_answer_has_a_request_id(client):
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=HELLO)
    assert raw.headers["x-request-id"].startswith("req_")


def test_a_key_without_quota_gets_429_and_nothing_is_billed(client, reported):
    with pytest.raises(openai.RateLimitError) as raised:
        client.with_options(api_key=OVER_QUOTA_KEY).chat.completions.create(model="gpt-4o", messages=HELLO)
    assert problem(raised.value)["code"] == "insufficient_quota"
    assert reported() == ()


@pytest.mark.parametrize(
    ("wrong", "param"),
    [({"temperature": 3}, "temperature"), ({"messages": []}, "messages"), ({"model": ""}, "model")],
)
def test_a_wrong_parameter_gets_400_with_its_name(client, reported, wrong, param):
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(**{"model": "gpt-4o", "messages": HELLO, **wrong})
    assert problem(raised.value)["param"] == param
    assert reported() == ()


@responses_api
def test_a_response_in_the_background_is_finished_at_the_second_look(client, reported):
    first = client.post(
        "/responses", body={"model": "gpt-6-luna", "input": "Hello", "background": True}, cast_to=object
    )
    assert (first["status"], first["usage"], first["background"]) == ("queued", None, True)
    looks = [client.get(f"/responses/{first['id']}", cast_to=object) for _ in range(3)]
    assert [look["status"] for look in looks] == ["in_progress", "completed", "completed"]
    [entry] = reported()
    assert entry.later
    assert looks[1]["usage"] == looks[2]["usage"] == entry.usage


@responses_api
def test_a_response_in_the_background_that_is_cancelled_has_read_its_input(client, reported):
    first = client.post("/responses", body={"model": "gpt-4o", "input": "x" * 40, "background": True}, cast_to=object)
    cancelled = client.post(f"/responses/{first['id']}/cancel", cast_to=object)
    assert client.get(f"/responses/{first['id']}", cast_to=object) == cancelled
    assert (cancelled["status"], cancelled["output"]) == ("cancelled", [])
    assert (cancelled["usage"]["input_tokens"], cancelled["usage"]["output_tokens"]) == (14, 0)
    [entry] = reported()
    assert (entry.later, entry.usage) == (True, cancelled["usage"])


@pytest.mark.skipif(OPENAI_VERSION < (1, 82), reason="this client cannot resume a stream")
def test_a_stream_in_the_background_is_resumed_after_the_event_that_was_seen_last(client, reported):
    with client.responses.create(model="gpt-6-luna", input="Hello", background=True, stream=True) as stream:
        first = next(stream)
    rest = list(client.responses.retrieve(first.response.id, stream=True, starting_after=first.sequence_number))
    assert [event.sequence_number for event in rest] == list(range(1, len(rest) + 1))
    assert rest[-1].type == "response.completed"
    [entry] = reported()
    assert entry.later
    assert entry.usage["total_tokens"] == rest[-1].response.usage.total_tokens


def test_a_batch_that_is_cancelled_has_come_half_the_way(client, reported):
    batches = client.batches
    first = batches.create(input_file_id="file-1", endpoint="/v1/chat/completions", completion_window="24h")
    cancelled = batches.cancel(first.id)
    assert (cancelled.status, batches.retrieve(first.id).status) == ("cancelled", "cancelled")
    [entry] = reported()
    assert entry.usage["input_tokens"] == 30_000


@pytest.mark.parametrize(
    ("path", "body", "length", "billed"),
    [
        ("/videos", {"seconds": "8"}, "8", 8),
        ("/videos", {}, "4", 4),
        ("/videos/edits", {"video": {"id": "FILM"}}, "12", 12),
        ("/videos/extensions", {"video": {"id": "FILM"}, "seconds": "8"}, "20", 8),
        ("/videos/FILM/remix", {}, "12", 12),
    ],
)
def test_a_video_is_as_long_as_asked_for_and_finished_at_the_second_look(client, reported, path, body, length, billed):
    make = {"model": "sora-2-pro", "prompt": "A bicycle", "seconds": "12", "size": "1792x1024"}
    film = client.post("/videos", body=make, cast_to=object)["id"]
    body = {"prompt": "Again", **body, **({"video": {"id": film}} if "video" in body else {})}
    video = client.post(path.replace("FILM", film), body=body, cast_to=object)
    looks = [client.get(f"/videos/{video['id']}", cast_to=object) for _ in range(3)]
    assert [look["status"] for look in looks] == ["in_progress", "completed", "completed"]
    assert (video["seconds"], looks[-1]["seconds"]) == (length, length)
    [entry] = reported()
    assert (entry.endpoint, entry.units, entry.later) == (path.replace("FILM", film), {"video_seconds": billed}, True)
    assert entry.model == ("sora-2" if path == "/videos" else "sora-2-pro")


@pytest.mark.skipif(OPENAI_VERSION < (2, 27), reason="this client cannot edit videos")
def test_a_video_may_be_sent_along(client, reported):
    with pytest.warns(DeprecationWarning, match="Sora"):
        assert client.videos.edit(video=("film.mp4", b"..."), prompt="In colour").seconds == "4"
    assert reported() == ()


def test_a_video_that_nobody_made_cannot_be_edited(client):
    with pytest.raises(openai.BadRequestError) as raised:
        client.post("/videos/edits", body={"prompt": "x", "video": {"id": "video_1"}}, cast_to=object)
    assert raised.value.param == "video"


def test_a_fine_tuning_job_tells_its_tokens_when_it_has_succeeded(client, reported):
    jobs = client.fine_tuning.jobs
    first = jobs.create(model="gpt-4o-mini", training_file="file-1")
    looks = [jobs.retrieve(first.id) for _ in range(2)]
    assert [first.status, *(look.status for look in looks)] == ["validating_files", "running", "succeeded"]
    assert [look.trained_tokens for look in looks] == [None, 5768]
    [entry] = reported()
    assert (entry.model, entry.units) == ("gpt-4o-mini-2024-07-18", {"training_tokens": 5768})


@pytest.mark.filterwarnings("ignore:The Assistants API is deprecated")
class TestRuns:
    def test_a_run_tells_its_usage_when_it_has_ended(self, client, reported):
        threads = client.beta.threads
        run = threads.create_and_run(assistant_id="asst_1")
        looks = [threads.runs.retrieve(run.id, thread_id=run.thread_id) for _ in range(2)]
        assert [run.status, *(look.status for look in looks)] == ["queued", "in_progress", "completed"]
        assert (run.usage, looks[0].usage) == (None, None)
        [entry] = reported()
        assert (entry.later, entry.usage) == (True, usage_of(looks[1]))

    def test_a_cancelled_run_tells_its_usage(self, client, reported):
        runs = client.beta.threads.runs
        run = runs.create("thread_1", assistant_id="asst_1")
        assert runs.cancel(run.id, thread_id="thread_1").status == "cancelled"
        assert runs.retrieve(run.id, thread_id="thread_1").status == "cancelled"
        assert len(reported()) == 1

    def test_a_streamed_run_ends_with_its_usage(self, client, reported):
        events = list(client.beta.threads.runs.create("thread_1", assistant_id="asst_1", stream=True))
        kinds = ["thread.run.created", "thread.run.step.completed", "thread.run.completed"]
        assert [event.event for event in events] == kinds
        [entry] = reported()
        assert (entry.later, entry.usage) == (False, usage_of(events[-1].data))

    def test_a_run_with_a_function_waits_for_its_output(self, client, reported):
        runs = client.beta.threads.runs
        tools = [{"type": "function", "function": {"name": "look_up", "parameters": {}}}]
        events = list(runs.create("thread_1", assistant_id="asst_1", tools=tools, stream=True))
        run = events[-1].data
        [call] = run.required_action.submit_tool_outputs.tool_calls
        assert (events[-1].event, call.function.name) == ("thread.run.requires_action", "look_up")
        assert reported() == ()
        outputs = [{"tool_call_id": call.id, "output": "rim brakes"}]
        rest = list(runs.submit_tool_outputs(run.id, thread_id="thread_1", tool_outputs=outputs, stream=True))
        assert rest[-1].event == "thread.run.completed"
        [entry] = reported()
        assert entry.usage == usage_of(rest[-1].data)


class TestWebsockets:
    pytestmark = pytest.mark.skipif(OPENAI_VERSION < (3, 12), reason="this client lacks some of the connections")

    def test_a_realtime_response_has_heard_what_was_sent(self, client, reported):
        with client.realtime.connect(model="gpt-realtime") as connection:
            assert connection.recv().session.model == "gpt-realtime"
            connection.input_audio_buffer.append(audio=base64.b64encode(bytes(96_000)).decode())
            connection.input_audio_buffer.commit()
            connection.response.create()
            events = [connection.recv()]
            while events[-1].type != "response.done":
                events.append(connection.recv())
        assert [event.type for event in events[:2]] == ["input_audio_buffer.committed", "response.created"]
        usage = usage_of(events[-1].response)
        # Two seconds, and the instructions.
        assert (usage["input_token_details"]["audio_tokens"], usage["input_token_details"]["text_tokens"]) == (20, 4)
        [entry] = reported()
        assert (entry.endpoint, entry.model, entry.usage) == ("/realtime", "gpt-realtime", usage)

    def test_a_realtime_session_writes_down_what_it_hears_if_it_is_told_to(self, client, reported):
        with client.realtime.connect(model="gpt-realtime") as connection:
            hearing = {"transcription": {"model": "gpt-4o-mini-transcribe"}}
            connection.session.update(session={"type": "realtime", "audio": {"input": hearing}})
            connection.input_audio_buffer.append(audio=base64.b64encode(bytes(48_000)).decode())
            connection.input_audio_buffer.commit()
            kinds = [connection.recv().type for _ in range(3)]
            written = connection.recv()
        assert kinds == ["session.created", "session.updated", "input_audio_buffer.committed"]
        [entry] = reported()
        assert (entry.model, entry.usage) == ("gpt-4o-mini-transcribe", usage_of(written))
        assert entry.usage["input_token_details"] == {"audio_tokens": 10, "text_tokens": 0}

    def test_a_live_session_lasts_as_long_as_what_is_sent(self, client, reported):
        with client.live.connect() as connection:
            connection.session.start(session={"model": "gpt-live-1"})
            connection.session.input_audio.append(audio=base64.b64encode(bytes(72_000)).decode())
            connection.session.close()
            events = [connection.recv() for _ in range(3)]
        assert [event.type for event in events] == ["session.started", "session.usage.updated", "session.closed"]
        assert [event.usage.seconds for event in events[1:]] == [1.5, 1.5]
        assert [entry.units for entry in reported()] == [{"live_seconds": 1.5}]

    def test_several_responses_may_be_made_over_one_connection(self, client, reported):
        with client.responses.connect() as connection:
            for question in ("Why?", "When?"):
                connection.response.create(model="gpt-6-luna", input=question)
                event = connection.recv()
                while event.type != "response.completed":
                    event = connection.recv()
        assert len(reported()) == 2
        assert reported()[-1].usage["total_tokens"] == event.response.usage.total_tokens

    def test_a_wrong_request_over_a_connection_is_answered_with_an_error(self, client, reported):
        with client.responses.connect() as connection:
            connection.response.create(model="gpt-6-luna")
            assert connection.recv().error.param == "input"
        assert reported() == ()

    def test_the_asynchronous_client_may_connect_as_well(self, running):
        async def ask() -> str:
            client = openai.AsyncOpenAI(base_url=running.base_url, api_key="demo")
            async with client, client.realtime.connect(model="gpt-realtime") as connection:
                return (await connection.recv()).type

        assert asyncio.run(ask()) == "session.created"

    def test_a_connection_without_quota_or_to_nowhere_is_refused(self, client):
        with pytest.raises(Exception, match="HTTP 429"):
            client.with_options(api_key=OVER_QUOTA_KEY).realtime.connect(model="gpt-realtime").enter()
        nowhere = f"ws://{client.base_url.host}:{client.base_url.port}/nowhere"
        with pytest.raises(Exception, match="HTTP 404"):
            client.with_options(websocket_base_url=nowhere).realtime.connect(model="gpt-realtime").enter()


def test_a_batch_is_finished_at_the_first_look(client, reported):
    batches = client.batches
    first = batches.create(input_file_id="file-1", endpoint="/v1/chat/completions", completion_window="24h")
    looks = [batches.retrieve(first.id) for _ in range(2)]
    assert [first.status, *(look.status for look in looks)] == ["validating", "completed", "completed"]
    [entry] = reported()
    assert entry.later
    assert entry.usage == {**entry.usage, "input_tokens": 60_000, "output_tokens": 8_000, "total_tokens": 68_000}


def test_a_job_that_nobody_started_gets_404(client):
    for path in ("/responses/resp_1", "/batches/batch_1", "/videos/v_1", "/fine_tuning/jobs/f_1", "/threads/t/runs/r"):
        with pytest.raises(openai.NotFoundError):
            client.get(path, cast_to=object)
    for path in ("/responses/resp_1/cancel", "/batches/batch_1/cancel", "/threads/t/runs/r/submit_tool_outputs"):
        with pytest.raises(openai.NotFoundError):
            client.post(path, body={}, cast_to=object)


def test_an_unknown_path_gets_404(client):
    with pytest.raises(openai.NotFoundError):
        client.post("/nothing", body={}, cast_to=object)


def test_a_ledger_entry_is_one_line_of_json():
    entry = LedgerEntry("/embeddings", "text-embedding-3-small", None, {"prompt_tokens": 1}, {})
    assert entry.to_json() == (
        '{"endpoint": "/embeddings", "later": false, "model": "text-embedding-3-small", "service_tier": null,'
        ' "tools": {}, "units": {}, "usage": {"prompt_tokens": 1}}'
    )
