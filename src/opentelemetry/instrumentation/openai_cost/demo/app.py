# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The application of the demo: a bicycle shop's help desk, with the real ``openai`` client.

It is run as any application is: ``opentelemetry-instrument python -m …``. Nothing in the functions of the
help desk knows of costs. Only :func:`main` does, and it has them from telemetry: from the attributes of the
spans that the calls left behind, and, for what is billed when it is finished, from the metric of the cost.
"""

from __future__ import annotations

import asyncio
import base64
import importlib.metadata
import io
import sys
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import openai
from openai import AsyncOpenAI, OpenAI
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    HistogramDataPoint,
    InMemoryMetricReader,
    MetricsData,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import BaseModel

from opentelemetry import metrics, trace

from .. import semconv
from ..spend import Call, Totals
from ..spend.table import render
from .answers import OVER_QUOTA_KEY
from .table import call_header, call_line

QUESTION = "My bicycle creaks when I pedal uphill. Answer in one sentence: what should I look at first?"
HANDBOOK = "Handbook of the shop. " + "Customers first: listen, look, ride, then tighten what is loose. " * 130
ARCHIVE = "Ticket: the rear brake squeals in the rain. Answer: clean the rim, sand the pads, ride it dry. " * 11_700
PICTURE = "data:image/png;base64,iVBORw0KGgo="


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


def answer_all_at_once(client: OpenAI) -> None:
    """A batch, at half price; read twice when it is finished, and billed once."""
    batch = client.batches.create(
        input_file_id="file-of-questions", endpoint="/v1/chat/completions", completion_window="24h"
    )
    for _ in range(2):
        client.batches.retrieve(batch.id)


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
    Task("image generation", draw_a_poster),
    Task("image generation, streamed", watch_it_being_drawn),
    Task("image edit", retouch_a_picture),
    Task("decision", sort_a_complaint),
    Task("legacy completion", complete_a_sentence),
    Task("compaction", shorten_a_conversation),
    Task("long context, > 272,000", read_the_archive),
    Task("in the background, 2 looks", answer_overnight, later=True),
    Task("batch, 2 looks", answer_all_at_once, later=True),
    Task("code interpreter", calculate),
    Task("container", rent_a_computer),
    Task("stream without usage", answer_without_usage),
    Task("model nobody knows", try_a_new_model),
    Task("error 429", run_out_of_quota),
    Task("error 400", ask_wrongly),
)


def main(arguments: Sequence[str]) -> int:
    """Does the tasks, and prints what they cost according to the telemetry.

    Args:
        arguments: ``--live`` leaves out what only the embedded server should be asked for.

    Returns:
        The exit status: 1 if the instrumentation saw no call at all.
    """
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        print("There is no tracer provider of the SDK. Start this with opentelemetry-instrument.")
        return 1
    spans = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    costs = _costs()

    print(call_header(), flush=True)
    seen: list[Call] = []
    with OpenAI(max_retries=0) as client:
        for task in TASKS:
            if task.live or "--live" not in arguments:
                seen += _run(task, client, spans, costs)
    if not seen:
        print(f"\nThe instrumentation left no span: {_diagnosis()}")
        return 1
    print(f"\n{render(Totals.of(seen))}")
    return 0


def _costs() -> InMemoryMetricReader | None:
    """Reads what has been counted since it was last asked; None where the SDK takes no reader once it runs."""
    add = getattr(metrics.get_meter_provider(), "add_metric_reader", None)
    if not isinstance(metrics.get_meter_provider(), MeterProvider) or add is None:
        return None
    reader = InMemoryMetricReader(preferred_temporality={Histogram: AggregationTemporality.DELTA})
    add(reader)
    return reader


def _counted(data: MetricsData | None) -> list[Call]:
    """The costs in the histogram, one call for each of its points."""
    return [
        Call.from_cost(point.attributes or {}, point.sum)
        for resource in (data.resource_metrics if data is not None else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == semconv.METRIC_COST
        for point in metric.data.data_points
        if isinstance(point, HistogramDataPoint)
    ]


def _run(task: Task, client: OpenAI, spans: InMemorySpanExporter, costs: InMemoryMetricReader | None) -> list[Call]:
    if task.later and costs is None:
        print(f"{task.label:<29}  skipped: this opentelemetry-sdk takes no metric reader once it runs", flush=True)
        return []
    if costs is not None:
        costs.get_metrics_data()
    failure = None
    try:
        task.run(client)
    except Exception as error:
        # A call that fails is a call: its span says so. The help desk goes on.
        failure = error
    finished = spans.get_finished_spans()
    spans.clear()
    calls = [call for span in finished if (call := Call.from_attributes(span.attributes or {})) is not None]
    for index, call in enumerate(calls):
        print(call_line("" if index else task.label, call), flush=True)
    if task.later and costs is not None and (counted := _counted(costs.get_metrics_data())):
        for call in counted:
            print(call_line("  counted when finished" if calls else task.label, call), flush=True)
        # What was not priced at first is now: it does not stand in the table twice.
        return counted
    if not calls and isinstance(failure, (AttributeError, TypeError)):
        print(f"{task.label:<29}  skipped: openai {openai.__version__} cannot do this", flush=True)
    elif not calls:
        print(f"{task.label:<29}  not seen by the instrumentation", flush=True)
    return calls


def _diagnosis() -> str:
    """The most likely reason why there is no span."""
    names = {entry.name for entry in importlib.metadata.entry_points(group="opentelemetry_instrumentor")}
    if "openai_cost" not in names:
        return "opentelemetry-instrumentation-openai-cost is not installed in this environment."
    return f"it is installed (beside openai {openai.__version__}) but was not loaded; messages above may say why."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
