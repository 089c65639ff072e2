# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The other endpoints: pictures, sound, jobs, forms, and those that cost nothing."""

import io
from typing import Any

from promises.bench import Bench, Situations
from support.payloads import events, payload
from support.server import bytes_answer, json_answer, sse_answer

given = Situations()

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(64)


def _sound() -> io.BytesIO:
    file = io.BytesIO(b"RIFF" + bytes(64))
    file.name = "speech.wav"
    return file


@given(json_answer(payload("images_generate.json")))
def images(bench: Bench) -> Any:
    return bench.client().images.generate(model="gpt-image-1", prompt="a cat", n=2)


@given(json_answer(payload("images_dalle3_no_usage.json")))
def an_edited_image(bench: Bench) -> Any:
    picture = bench.lend(io.BytesIO(PICTURE))
    answer = bench.client().images.edit(model="gpt-image-1", image=picture, prompt="a hat")
    return bench.see([picture.closed, picture.tell()]), answer


@given(json_answer(payload("images_dalle3_no_usage.json")))
async def variations_of_an_image(bench: Bench) -> Any:
    return await bench.async_client().images.create_variation(image=("cat.png", PICTURE), model="dall-e-2")


@given(sse_answer(events("images_generate_stream.sse")), since=(1, 92))
def a_stream_of_images(bench: Bench) -> Any:
    stream = bench.client().images.generate(model="gpt-image-1", prompt="a cat", stream=True, partial_images=2)
    return [bench.see(event) for event in stream]


@given(bytes_answer(b"ID3" + bytes(5000), content_type="audio/mpeg"))
def speech(bench: Bench) -> Any:
    answer = bench.see(bench.client().audio.speech.create(model="tts-1", voice="alloy", input="Hello"))
    return bench.see(answer.content), answer.read()


@given(bytes_answer(b"ID3" + bytes(5000), content_type="audio/mpeg"))
async def asynchronous_speech(bench: Bench) -> Any:
    answer = await bench.async_client().audio.speech.create(model="tts-1", voice="alloy", input="Hello")
    return answer.content


@given(json_answer(payload("transcription_usage_tokens.json")))
def a_transcription(bench: Bench) -> Any:
    sound = bench.lend(_sound())
    answer = bench.client().audio.transcriptions.create(model="gpt-4o-transcribe", file=sound)
    return bench.see([sound.closed, sound.tell()]), answer


@given(bytes_answer(b"Hello there.\n", content_type="text/plain"))
def a_transcription_as_text(bench: Bench) -> Any:
    return bench.client().audio.transcriptions.create(model="whisper-1", file=_sound(), response_format="text")


@given(sse_answer(events("transcription_stream.sse")), since=(1, 69))
def a_stream_of_a_transcription(bench: Bench) -> Any:
    stream = bench.client().audio.transcriptions.create(model="gpt-4o-transcribe", file=_sound(), stream=True)
    return [bench.see(event) for event in stream]


@given(json_answer(payload("translation_verbose.json")))
async def a_translation(bench: Bench) -> Any:
    client = bench.async_client()
    return await client.audio.translations.create(model="whisper-1", file=_sound(), response_format="verbose_json")


@given(json_answer(payload("moderation.json")))
def a_moderation(bench: Bench) -> Any:
    return bench.client().moderations.create(input="Hello")


@given(json_answer(payload("batch_created.json")), json_answer(payload("batch_completed.json")))
def a_batch(bench: Bench) -> Any:
    client = bench.client()
    made = client.batches.create(input_file_id="f", endpoint="/v1/chat/completions", completion_window="24h")
    return bench.see(made), client.batches.retrieve("batch_1")


@given(json_answer(payload("fine_tuning_job.json")))
def a_fine_tuning_job(bench: Bench) -> Any:
    return bench.client().fine_tuning.jobs.create(model="gpt-4o-mini", training_file="file-1")


@given(
    json_answer(payload("response_background_queued.json")),
    json_answer(payload("response_simple.json", background=True)),
    json_answer(payload("response_cancelled.json")),
    since=(1, 92),
)
def a_background_response(bench: Bench) -> Any:
    client = bench.client()
    bench.see(client.responses.create(model="gpt-5.5", input="Hello", background=True))
    bench.see(client.responses.retrieve("resp_1"))
    return client.responses.cancel("resp_1")


@given(json_answer(payload("video_queued.json")), json_answer(payload("video_completed.json")), since=(2, 0))
def a_video(bench: Bench) -> Any:
    client = bench.client()
    bench.see(client.videos.create(model="sora-2", prompt="a cat"))
    return client.videos.retrieve("video_1")


@given(json_answer(payload("response_compact.json")), since=(2, 10))
def a_compacted_conversation(bench: Bench) -> Any:
    return bench.client().responses.compact(model="gpt-5.5", input="Hello")


@given(json_answer(payload("decision.json")), since=(3, 0))
def a_decision(bench: Bench) -> Any:
    return bench.client().post("/decisions", body={"model": "gpt-5.5", "input": "Hello"}, cast_to=object)


@given(json_answer(payload("container.json")), since=(1, 92))
def a_container(bench: Bench) -> Any:
    return bench.client().containers.create(name="mine")


@given(sse_answer(events("completion_legacy_stream_with_usage.sse")))
def a_stream_of_a_completion(bench: Bench) -> Any:
    stream = bench.client().completions.create(model="gpt-3.5-turbo-instruct", prompt="Hello", stream=True)
    return [bench.see(chunk) for chunk in stream]


@given(json_answer({"id": "file-1", "object": "file", "bytes": 5, "filename": "a.jsonl", "purpose": "batch"}))
def a_file(bench: Bench) -> Any:
    return bench.client().files.create(file=("a.jsonl", b"{}\n\n\n"), purpose="batch")


@given(sse_answer(events("assistants_run_stream.sse")))
def a_stream_of_a_run(bench: Bench) -> Any:
    client = bench.client()
    stream = client.post(
        "/threads/thread_1/runs",
        body={"assistant_id": "a", "stream": True},
        cast_to=object,
        stream=True,
        stream_cls=type_of_stream(),
    )
    return [bench.see(event) for event in stream]


def type_of_stream() -> Any:
    import openai

    return openai.Stream[object]
