# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
# What is deprecated is billed all the same.
# pyright: reportDeprecated=false
"""A bicycle shop's help desk, with the real ``openai`` client. Nothing in its functions knows of costs."""

from __future__ import annotations

import asyncio
import base64
import io
import wave
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from .answers import OVER_QUOTA_KEY

if TYPE_CHECKING:
    # Older clients do not have them.
    from openai.types import Video
    from openai.types.beta import FunctionToolParam
    from openai.types.beta.threads.run_submit_tool_outputs_params import ToolOutput
    from openai.types.realtime import RealtimeAudioConfigInputParam

QUESTION = "My bicycle creaks when I pedal uphill. Answer in one sentence: what should I look at first?"
HANDBOOK = "Handbook of the shop. " + "Customers first: listen, look, ride, then tighten what is loose. " * 130
ARCHIVE = "Ticket: the rear brake squeals in the rain. Answer: clean the rim, sand the pads, ride it dry. " * 11_700
PICTURE = "data:image/png;base64,iVBORw0KGgo="
FILM = ("film.mp4", bytes(64))


class Ticket(BaseModel):
    """What the help desk wants to know of a message."""

    topic: str
    urgent: bool
    steps: list[str]


def answer_a_question(client: OpenAI) -> None:
    """The plainest of calls."""
    client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": QUESTION}])


def answer_while_typing(client: OpenAI) -> None:
    """A stream that reports its usage in the last chunk, because it was asked to."""
    stream = client.chat.completions.create(
        model="gpt-6-luna",
        reasoning_effort="low",
        messages=[{"role": "user", "content": QUESTION}],
        stream=True,
        stream_options={"include_usage": True},
    )
    for _ in stream:
        pass


def answer_without_usage(client: OpenAI) -> None:
    """A stream that was not asked to: nobody can know what it cost."""
    stream = client.chat.completions.create(
        model="gpt-4.1-mini", messages=[{"role": "user", "content": QUESTION}], stream=True
    )
    for _ in stream:
        pass


def read_a_message(client: OpenAI) -> None:
    """Structured output, parsed into a pydantic model."""
    client.chat.completions.parse(
        model="gpt-5.4-mini",
        reasoning_effort="low",
        messages=[{"role": "user", "content": f"Make a ticket of this: {QUESTION}"}],
        response_format=Ticket,
    )


def think_it_over(client: OpenAI) -> None:
    """The Responses API, with reasoning."""
    client.responses.create(model="gpt-6-luna", reasoning={"effort": "low"}, input=QUESTION)


def index_articles(client: OpenAI) -> None:
    """Embeddings of several texts."""
    chapters = [f"Chapter {number}. {HANDBOOK}" for number in range(1, 4)]
    client.embeddings.create(model="text-embedding-3-small", input=chapters)


def sort_the_mail(_: OpenAI) -> None:
    """Three calls at once, with the asynchronous client."""

    async def sort() -> None:
        async with AsyncOpenAI(max_retries=0) as client:
            await asyncio.gather(
                *(
                    client.chat.completions.create(
                        model="gpt-4o-mini",
                        messages=[{"role": "user", "content": f"One word, what is it? {mail}"}],
                    )
                    for mail in ("Where is my refund?", "Are you open on Sunday?", "It creaks, please help!")
                )
            )

    asyncio.run(sort())


def consult_the_handbook(client: OpenAI) -> None:
    """The same long instructions twice: written to the prompt cache, then read from it."""
    for question in ("Do we lend bicycles?", "Do we repair scooters?"):
        client.chat.completions.create(
            model="gpt-5.6-luna",
            reasoning_effort="none",
            messages=[{"role": "system", "content": HANDBOOK}, {"role": "user", "content": question}],
        )


def consult_it_all_day(client: OpenAI) -> None:
    """Instructions cached for twelve hours, which is dear. Then a second turn, which reads them."""
    first = client.responses.create(
        model="gpt-6.1-sol",
        instructions=HANDBOOK,
        input="Who may open the till?",
        prompt_cache_options={"ttl": "12h"},
    )
    client.responses.create(
        model="gpt-6.1-sol",
        instructions=HANDBOOK,
        input="And at night?",
        previous_response_id=first.id,
        prompt_cache_options={"ttl": "12h"},
    )


def stream_a_plan(client: OpenAI) -> None:
    """The Responses API as a stream of events, at half price in the flex tier."""
    with client.responses.stream(model="gpt-6.1-terra", input=QUESTION, service_tier="flex") as stream:
        stream.get_final_response()


def answer_at_once(client: OpenAI) -> None:
    """A faster tier, which is billed as ``priority``."""
    client.responses.create(model="gpt-6-sol", input=QUESTION, service_tier="fast")


def look_it_up(client: OpenAI) -> None:
    """Hosted tools: two web searches and a file search, each with a fee beside the tokens."""
    client.responses.create(
        model="gpt-5.5",
        input="Was this brake recalled?",
        tools=[{"type": "web_search"}, {"type": "file_search", "vector_store_ids": ["vs_demo"]}],
    )


def look_at_a_picture(client: OpenAI) -> None:
    """An image in the question, and the raw HTTP response for an answer."""
    client.chat.completions.with_raw_response.create(
        model="gpt-4o",
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is wrong with this wheel?"},
                    {"type": "image_url", "image_url": {"url": PICTURE}},
                ],
            }
        ],
    )


def _recording() -> bytes:
    """Two seconds of silence, as a WAV file."""
    recording = io.BytesIO()
    with wave.open(recording, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(2 * 2 * 16_000))
    return recording.getvalue()


def take_a_voice_message(client: OpenAI) -> None:
    """Two seconds of audio in, audio out: tokens of a price of their own."""
    client.chat.completions.create(
        model="gpt-audio-mini",
        modalities=["text", "audio"],
        audio={"voice": "alloy", "format": "wav"},
        messages=[
            {
                "role": "user",
                "content": [
                    {
                        "type": "input_audio",
                        "input_audio": {"data": base64.b64encode(_recording()).decode(), "format": "wav"},
                    }
                ],
            }
        ],
    )


def read_it_aloud(client: OpenAI) -> None:
    """Speech: bytes of audio, billed by the character of the text."""
    client.audio.speech.create(model="tts-1", voice="alloy", input=QUESTION)


def read_it_aloud_as_events(client: OpenAI) -> None:
    """Speech of a model that is billed by the token, which only a stream of events reports."""
    client.audio.speech.create(model="gpt-4o-mini-tts", voice="alloy", input=QUESTION, stream_format="sse")


def write_it_down(client: OpenAI) -> None:
    """A transcription, billed by the token."""
    client.audio.transcriptions.create(model="gpt-4o-transcribe", file=("message.wav", _recording()))


def write_it_down_with_times(client: OpenAI) -> None:
    """A transcription, billed by the second."""
    client.audio.transcriptions.create(
        model="whisper-1", file=("message.wav", _recording()), response_format="verbose_json"
    )


def translate_a_message(client: OpenAI) -> None:
    """A translation, of which only a verbose answer says how long the recording was."""
    client.audio.translations.create(
        model="whisper-1", file=("message.wav", _recording()), response_format="verbose_json"
    )


def draw_a_poster(client: OpenAI) -> None:
    """An image, billed by the token."""
    client.images.generate(model="gpt-image-2.5-flare", prompt="A creaking bicycle, as a poster", quality="low")


def watch_it_being_drawn(client: OpenAI) -> None:
    """An image as a stream, a partial one first."""
    stream = client.images.generate(
        model="gpt-image-1.5", prompt="A creaking bicycle", quality="low", partial_images=1, stream=True
    )
    for _ in stream:
        pass


def retouch_a_picture(client: OpenAI) -> None:
    """An image edited: it is in the input, too."""
    picture = ("wheel.png", base64.b64decode(PICTURE.partition(",")[2]))
    client.images.edit(model="gpt-image-2.5-flare", image=picture, prompt="Straighten the wheel", quality="low")


def vary_a_picture(client: OpenAI) -> None:
    """Variations, billed by the image."""
    picture = ("wheel.png", base64.b64decode(PICTURE.partition(",")[2]))
    client.images.create_variation(model="dall-e-2", image=picture, n=2, size="512x512")


def sort_a_complaint(client: OpenAI) -> None:
    """A decision, whose output is free of charge."""
    client.decisions.create(
        model="gpt-6-luna",
        input=QUESTION,
        questions=[{"type": "predicate", "name": "urgent", "instructions": "Is the rider in danger?"}],
    )


def rent_a_computer(client: OpenAI) -> None:
    """A container: how long it will live is not known when it is made."""
    client.containers.create(name="workbench", memory_limit="4g")


def complete_a_sentence(client: OpenAI) -> None:
    """A legacy completion."""
    client.completions.create(model="gpt-3.5-turbo-instruct", prompt="A bicycle that creaks uphill needs")


def shorten_a_conversation(client: OpenAI) -> None:
    """A compaction, whose answer does not even name the model."""
    client.responses.compact(model="gpt-6.1-terra", input=HANDBOOK)


def read_the_archive(client: OpenAI) -> None:
    """More than 272,000 tokens of input: the whole call is billed at the long-context price."""
    client.responses.create(model="gpt-5.4", input=f"{ARCHIVE}\nWhat do people ask most?")


def answer_overnight(client: OpenAI) -> None:
    """A response made in the background: billed when it is done, which is seen by asking for it."""
    response = client.responses.create(model="gpt-6.1-terra", input=QUESTION, background=True)
    while response.status in ("queued", "in_progress"):
        response = client.responses.retrieve(response.id)


def resume_a_stream(client: OpenAI) -> None:
    """A response in the background as a stream that is left early, and read to its end by id."""
    with client.responses.create(model="gpt-6.1-terra", input=QUESTION, background=True, stream=True) as stream:
        first = next(stream)
    if first.type == "response.created":
        events = client.responses.retrieve(first.response.id, stream=True, starting_after=first.sequence_number)
        for _ in events:
            pass


def think_better_of_it(client: OpenAI) -> None:
    """A response in the background that is cancelled: what it has read by then is billed."""
    response = client.responses.create(model="gpt-6.1-sol", input=HANDBOOK, background=True)
    client.responses.cancel(response.id)


def answer_all_at_once(client: OpenAI) -> None:
    """A batch, at half price; read twice when it is finished, and billed once."""
    batch = client.batches.create(
        input_file_id="file-of-questions", endpoint="/v1/chat/completions", completion_window="24h"
    )
    for _ in range(2):
        client.batches.retrieve(batch.id)


def answer_half_of_them(client: OpenAI) -> None:
    """A batch that is cancelled on its way."""
    batch = client.batches.create(
        input_file_id="file-of-questions", endpoint="/v1/chat/completions", completion_window="24h"
    )
    client.batches.cancel(batch.id)


def _wait_for(client: OpenAI, video: Video) -> None:
    while video.status in ("queued", "in_progress"):
        video = client.videos.retrieve(video.id)


def make_a_film(client: OpenAI) -> None:
    """A video, billed by the second when it is done."""
    _wait_for(client, client.videos.create(model="sora-2", prompt=QUESTION, seconds="8"))


def make_it_again(client: OpenAI) -> None:
    """A remix of the latest video."""
    latest = client.videos.list().data[0]
    _wait_for(client, client.videos.remix(latest.id, prompt="At night"))


def edit_the_film(client: OpenAI) -> None:
    """A video that is sent along and edited."""
    _wait_for(client, client.videos.edit(video=FILM, prompt="In colour"))


def continue_the_film(client: OpenAI) -> None:
    """A video that goes on: what is new in it is billed, and its length says the whole."""
    _wait_for(client, client.videos.extend(video=FILM, prompt="It creaks again", seconds="8"))


def teach_a_model(client: OpenAI) -> None:
    """A fine-tuning job: trained tokens have no published price."""
    job = client.fine_tuning.jobs.create(model="gpt-4o-mini", training_file="file-of-lessons")
    while job.status in ("validating_files", "running"):
        job = client.fine_tuning.jobs.retrieve(job.id)


def ask_the_assistant(client: OpenAI) -> None:
    """A run of an assistant, billed when it has ended."""
    runs = client.beta.threads.runs
    run = client.beta.threads.create_and_run(assistant_id="asst_demo")
    while run.status in ("queued", "in_progress"):
        run = runs.retrieve(run.id, thread_id=run.thread_id)


def ask_the_assistant_in_vain(client: OpenAI) -> None:
    """A run that is cancelled."""
    runs = client.beta.threads.runs
    run = runs.create("thread_demo", assistant_id="asst_demo")
    runs.cancel(run.id, thread_id=run.thread_id)


def let_the_assistant_ask(client: OpenAI) -> None:
    """A streamed run, which waits for a function and goes on with what it gave."""
    runs = client.beta.threads.runs
    look_up: FunctionToolParam = {"type": "function", "function": {"name": "look_up"}}
    waiting = None
    for event in runs.create("thread_demo", assistant_id="asst_demo", tools=[look_up], stream=True):
        if event.event == "thread.run.requires_action":
            waiting = event.data
    if waiting is not None and waiting.required_action is not None:
        calls = waiting.required_action.submit_tool_outputs.tool_calls
        outputs: list[ToolOutput] = [{"tool_call_id": call.id, "output": "rim brakes"} for call in calls]
        for _ in runs.submit_tool_outputs(waiting.id, thread_id="thread_demo", tool_outputs=outputs, stream=True):
            pass


def talk(client: OpenAI) -> None:
    """A realtime session: what the caller says is written down at one price, and answered at another."""
    with client.realtime.connect(model="gpt-realtime-mini") as connection:
        hearing: RealtimeAudioConfigInputParam = {"transcription": {"model": "gpt-4o-mini-transcribe"}}
        connection.session.update(session={"type": "realtime", "audio": {"input": hearing}})
        connection.input_audio_buffer.append(audio=base64.b64encode(bytes(2 * 2 * 24_000)).decode())
        connection.input_audio_buffer.commit()
        connection.response.create()
        for event in connection:
            if event.type == "response.done":
                break


def stay_on_the_line(client: OpenAI) -> None:
    """A live session, billed by the second."""
    with client.live.connect() as connection:
        connection.session.start(session={"model": "gpt-live-1"})
        connection.session.input_audio.append(audio=base64.b64encode(bytes(6 * 2 * 24_000)).decode())
        connection.session.close()
        for event in connection:
            if event.type == "session.closed":
                break


def answer_on_one_connection(client: OpenAI) -> None:
    """The Responses API over a websocket: two responses, one connection."""
    with client.responses.connect() as connection:
        for question in ("Do we lend bicycles?", "Do we repair scooters?"):
            connection.response.create(model="gpt-6-luna", input=question)
            for event in connection:
                if event.type == "response.completed":
                    break


def calculate(client: OpenAI) -> None:
    """A container that runs code: billed by the minute, and the answer does not say how many."""
    client.responses.create(
        model="gpt-5.5",
        input="What is 6 * 7?",
        tools=[{"type": "code_interpreter", "container": {"type": "auto", "memory_limit": "1g"}}],
    )


def try_a_new_model(client: OpenAI) -> None:
    """A model that is in no price list."""
    client.responses.create(model="acme-velo-1", input=QUESTION)


def run_out_of_quota(client: OpenAI) -> None:
    """An error: nothing is billed."""
    client.with_options(api_key=OVER_QUOTA_KEY).chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": QUESTION}]
    )


def ask_wrongly(client: OpenAI) -> None:
    """Another error."""
    client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": QUESTION}], temperature=3)


@dataclass(frozen=True, slots=True)
class Task:
    """One thing the help desk does.

    Attributes:
        label: what it shows, in a few words.
        run: does it.
        live: cheap and plain enough for a real account as well.
        later: what it starts is billed when finished: no span has that cost, the metric has it.
    """

    label: str
    run: Callable[[OpenAI], None]
    live: bool = False
    later: bool = False


TASKS = (
    Task("chat", answer_a_question, live=True),
    Task("chat, streamed", answer_while_typing, live=True),
    Task("chat, parsed by pydantic", read_a_message, live=True),
    Task("responses, reasoning", think_it_over, live=True),
    Task("embeddings", index_articles, live=True),
    Task("three at once, asyncio", sort_the_mail, live=True),
    Task("prompt cache: write, read", consult_the_handbook),
    Task("prompt cache for 12 hours", consult_it_all_day),
    Task("responses.stream(), flex tier", stream_a_plan),
    Task("fast tier", answer_at_once),
    Task("web search, file search", look_it_up),
    Task("image in, raw response", look_at_a_picture),
    Task("audio in, audio out", take_a_voice_message),
    Task("speech, by the character", read_it_aloud),
    Task("speech, as events", read_it_aloud_as_events),
    Task("transcription, by the token", write_it_down),
    Task("transcription, by the second", write_it_down_with_times),
    Task("translation, by the second", translate_a_message),
    Task("image generation", draw_a_poster),
    Task("image generation, streamed", watch_it_being_drawn),
    Task("image edit", retouch_a_picture),
    Task("image variations", vary_a_picture),
    Task("decision", sort_a_complaint),
    Task("legacy completion", complete_a_sentence),
    Task("compaction", shorten_a_conversation),
    Task("long context, > 272,000", read_the_archive),
    Task("realtime, and its transcript", talk),
    Task("live session, by the second", stay_on_the_line),
    Task("responses over a websocket", answer_on_one_connection),
    Task("in the background, 2 looks", answer_overnight, later=True),
    Task("background stream, resumed", resume_a_stream, later=True),
    Task("in the background, cancelled", think_better_of_it, later=True),
    Task("batch, 2 looks", answer_all_at_once, later=True),
    Task("batch, cancelled", answer_half_of_them, later=True),
    Task("video", make_a_film, later=True),
    Task("video, made again", make_it_again, later=True),
    Task("video, edited", edit_the_film, later=True),
    Task("video, continued", continue_the_film, later=True),
    Task("assistant's run", ask_the_assistant, later=True),
    Task("assistant's run, cancelled", ask_the_assistant_in_vain, later=True),
    Task("assistant's run, streamed", let_the_assistant_ask, later=True),
    Task("fine-tuning job", teach_a_model, later=True),
    Task("code interpreter", calculate),
    Task("container", rent_a_computer),
    Task("stream without usage", answer_without_usage),
    Task("model nobody knows", try_a_new_model),
    Task("error 429", run_out_of_quota),
    Task("error 400", ask_wrongly),
)
