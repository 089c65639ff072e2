# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Every row of the endpoint table: what one call of it leaves behind, by both clients, whichever way the response is taken."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import openai
import pytest
from opentelemetry.trace import SpanKind, StatusCode

from opentelemetry.instrumentation.openai_cost.endpoints import ENDPOINTS, WITH_ID, Endpoint
from support.clients import OPENAI_VERSION
from support.expect import (
    AT_OPENAI,
    COST,
    DURATION,
    FIRST_CHUNK,
    TOKENS,
    UNPRICED,
    assert_breakdown_adds_up,
    assert_no_cost,
    assert_same,
    chat,
    conventional,
    money,
    response,
)
from support.payloads import DONE, event, events, payload
from support.server import bytes_answer, json_answer, sse_answer
from support.ways import WAYS

# The client marks the whole of the Assistants API and of videos as deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

HEADER = {
    "parsed": {},
    "raw": {"X-Stainless-Raw-Response": "true"},
    "on the wire": {"X-Stainless-Raw-Response": "stream"},
}
"""How the client's resources ask for each way."""


@dataclass(frozen=True)
class Row:
    """One row of the table, a call of it, and what must be recorded of that."""

    method: str
    path: str
    answer: Any
    operation: str
    """Name of the operation on the span and its duration; of those that have no span, nothing has it."""
    amount: str | None
    """What it costs; ``None``: no list has a rate."""
    body: dict[str, Any] = field(default_factory=dict)
    says: dict[str, Any] = field(default_factory=dict)
    """Attributes of the span beyond operation, server, request model and cost."""
    tokens: tuple[int, int | None] | None = None
    is_least: bool = False
    """Whether the amount is a lower bound."""
    counted_as: str | None = None
    """Operation of the cost, where that is another's."""
    has_span: bool = True
    labels: dict[str, Any] = field(default_factory=dict)
    """Of the metrics, beyond operation, server and models."""


@dataclass(frozen=True)
class Streamed:
    """The same row as a stream: what else is asked, what comes, and what else is then said."""

    row: Row
    events: list[bytes]
    changes: dict[str, Any] = field(default_factory=dict)
    amount: str | None = None
    tokens: tuple[int, int | None] | None = None
    says: dict[str, Any] | None = None
    """``None``: what the row says, too."""


def usage(into, out):
    return {"gen_ai.usage.input_tokens": into, "gen_ai.usage.output_tokens": out}


IMAGE_MODEL = "gpt-image-1.5"
DEFAULT_TIER = {"openai.response.service_tier": "default"}
DETAILS = {
    "gen_ai.usage.cache_read.input_tokens": 0,
    "gen_ai.usage.cache_write.input_tokens": 0,
    "gen_ai.usage.reasoning.output_tokens": 0,
}
PICTURE = {
    "gen_ai.output.type": "image",
    **usage(50, 4160),
    "gen_ai.usage.text.input_tokens": 10,
    "gen_ai.usage.image.input_tokens": 40,
    "gen_ai.usage.text.output_tokens": 0,
    "gen_ai.usage.image.output_tokens": 4160,
}
READ = {"openai.api.type": "responses", **DEFAULT_TIER, "gen_ai.response.model": "gpt-5.6-sol"}
BACKGROUND = payload("response_simple.json", id="resp_bg", background=True)
OF_BACKGROUND = {
    **READ,
    "gen_ai.response.id": "resp_bg",
    "gen_ai.response.status": "completed",
    "gen_ai.response.finish_reasons": ("stop",),
}
BATCH = payload("batch_completed.json")
OF_BATCH = {"gen_ai.response.id": "batch_1", "gen_ai.response.model": "gpt-5.6-sol"}
JOB = {"gen_ai.response.id": "ftjob-1", "gen_ai.response.model": "gpt-4o-mini-2024-07-18"}
VIDEO = {"gen_ai.response.id": "video_1", "gen_ai.response.model": "sora-2-pro"}
RUN = {"gen_ai.response.id": "run_1", "gen_ai.response.model": "gpt-4o"}

CHAT = Row(
    "post",
    "/chat/completions",
    chat("gpt-4o", (1000, 100)),
    "chat",
    # 1000 x 2.5 + 100 x 10 millionths
    "0.0035",
    body={"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]},
    says={
        "openai.api.type": "chat_completions",
        "gen_ai.response.id": "chatcmpl-min",
        "gen_ai.response.model": "gpt-4o",
        "gen_ai.response.finish_reasons": ("stop",),
        **usage(1000, 100),
    },
    tokens=(1000, 100),
)
COMPLETION = Row(
    "post",
    "/completions",
    payload("completion_legacy.json", usage={"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}),
    "text_completion",
    # 1000 x 1.5 + 100 x 2
    "0.0017",
    body={"model": "gpt-3.5-turbo-instruct", "prompt": "x"},
    says={
        "gen_ai.response.id": "cmpl-1",
        "gen_ai.response.model": "gpt-3.5-turbo-instruct",
        "gen_ai.response.finish_reasons": ("stop",),
        **usage(1000, 100),
    },
    tokens=(1000, 100),
)
RESPONSE = Row(
    "post",
    "/responses",
    response("gpt-4o", (1000, 100)),
    "chat",
    "0.0035",
    body={"model": "gpt-4o", "input": "x"},
    says={
        **READ,
        "gen_ai.response.model": "gpt-4o",
        "gen_ai.response.id": "resp_1",
        "gen_ai.response.finish_reasons": ("stop",),
        **usage(1000, 100),
        **DETAILS,
    },
    tokens=(1000, 100),
    labels=DEFAULT_TIER,
)
GENERATION = Row(
    "post",
    "/images/generations",
    payload("images_generate.json"),
    "generate_content",
    # 10 x 5 + 40 x 8 + 4160 x 32
    "0.13349",
    body={"model": IMAGE_MODEL, "prompt": "x"},
    says=PICTURE,
    tokens=(50, 4160),
)
EDIT = Row(**{**GENERATION.__dict__, "path": "/images/edits"})
SPEECH = Row(
    "post",
    "/audio/speech",
    b"ID3",
    "text_to_speech",
    # 5 characters at 15
    "0.000075",
    body={"model": "tts-1", "voice": "alloy", "input": "Hello"},
    says={"gen_ai.output.type": "speech", "gen_ai.speech.voice": "alloy"},
)
TRANSCRIPTION = Row(
    "post",
    "/audio/transcriptions",
    payload("transcription_usage_duration.json"),
    "speech_to_text",
    # 9 seconds at 0.006 a minute
    "0.0009",
    body={"model": "whisper-1"},
)
STARTED_RUN = Row(
    "post",
    "/threads/thread_1/runs",
    payload("assistants_run.json"),
    "invoke_agent",
    # 123 x 2.5 + 456 x 10
    "0.0048675",
    body={"assistant_id": "asst_1"},
    says={**RUN, **usage(123, 456)},
    tokens=(123, 456),
)
FETCHED_RESPONSE = Row(
    "get",
    "/responses/resp_bg",
    BACKGROUND,
    "fetch_response",
    # 36 x 4 + 87 x 20
    "0.001884",
    says=OF_BACKGROUND,
    counted_as="chat",
    labels=DEFAULT_TIER,
)


def of_batch(method, path):
    # 1976 x 2 + 1024 x 0.2 + 500 x 10
    return Row(method, path, BATCH, "fetch_batch", "0.0091568", says=OF_BATCH, counted_as="batch")


def of_video(path, **body):
    """A video that is made: eight seconds at 0.30."""
    return Row(
        "post",
        path,
        payload("video_completed.json"),
        "generate_content",
        "2.4",
        body={"prompt": "x", **body},
        has_span=False,
    )


def of_run(method, path):
    return Row(
        method, path, payload("assistants_run.json"), "fetch_run", "0.0048675", says=RUN, counted_as="invoke_agent"
    )


ROWS = [
    CHAT,
    COMPLETION,
    RESPONSE,
    Row(
        "post",
        "/responses/compact",
        payload("response_compact.json"),
        "chat",
        # 9000 x 4 + 500 x 20
        "0.046",
        body={"model": "gpt-5.6-sol", "input": "x"},
        says={
            "openai.api.type": "responses",
            "gen_ai.response.id": "resp_cmp",
            "gen_ai.conversation.compacted": True,
            **usage(9000, 500),
            **DETAILS,
            "gen_ai.usage.reasoning.output_tokens": 64,
        },
        tokens=(9000, 500),
    ),
    Row(
        "post",
        "/embeddings",
        payload("embeddings.json", usage={"prompt_tokens": 1000, "total_tokens": 1000}),
        "embeddings",
        # 1000 x 0.02
        "0.00002",
        body={"model": "text-embedding-3-small", "input": "x"},
        says={"gen_ai.response.model": "text-embedding-3-small", "gen_ai.usage.input_tokens": 1000},
        tokens=(1000, None),
    ),
    GENERATION,
    EDIT,
    Row(
        "post",
        "/images/variations",
        payload("images_dalle3_no_usage.json"),
        "generate_content",
        "0.02",
        body={"model": "dall-e-2"},
        says={"gen_ai.output.type": "image"},
    ),
    SPEECH,
    TRANSCRIPTION,
    Row(
        "post",
        "/audio/translations",
        payload("translation_verbose.json"),
        "speech_to_text",
        # 8.47 seconds at 0.006 a minute
        "0.000847",
        body={"model": "whisper-1"},
    ),
    Row(
        "post",
        "/decisions",
        payload("decision.json", model="gpt-6-luna"),
        "decisions",
        # 82 x 0.1 + 128 x 0.01
        "0.00000948",
        body={"model": "gpt-6-luna", "input": "x"},
        says={
            "gen_ai.response.model": "gpt-6-luna",
            **usage(210, 3),
            **DETAILS,
            "gen_ai.usage.cache_read.input_tokens": 128,
        },
        tokens=(210, 3),
    ),
    # five minutes of 4 GB
    Row(
        "post", "/containers", payload("container.json"), "create_container", "0.03", body={"name": "x"}, is_least=True
    ),
    Row(
        "post",
        "/batches",
        BATCH,
        "batch",
        "0.0091568",
        body={"input_file_id": "file-in", "endpoint": "/v1/chat/completions", "completion_window": "24h"},
        has_span=False,
    ),
    of_video("/videos", model="sora-2-pro", seconds="8"),
    of_video("/videos/edits", video={"id": "video_0"}),
    of_video("/videos/extensions", video={"id": "video_0"}, seconds="8"),
    of_video("/videos/video_0/remix"),
    Row(
        "post",
        "/fine_tuning/jobs",
        payload("fine_tuning_job.json"),
        "fine_tuning",
        None,
        body={"model": "gpt-4o-mini-2024-07-18", "training_file": "file-t"},
        has_span=False,
    ),
    Row(**{**STARTED_RUN.__dict__, "path": "/threads/runs"}),
    STARTED_RUN,
    Row(**{**STARTED_RUN.__dict__, "path": "/threads/thread_1/runs/run_1/submit_tool_outputs"}),
    FETCHED_RESPONSE,
    Row(
        **{
            **FETCHED_RESPONSE.__dict__,
            "method": "post",
            "path": "/responses/resp_bg/cancel",
            "operation": "cancel_response",
        }
    ),
    of_batch("get", "/batches/batch_1"),
    of_batch("post", "/batches/batch_1/cancel"),
    Row(
        "get",
        "/videos/video_1",
        payload("video_completed.json"),
        "fetch_video",
        "2.4",
        says=VIDEO,
        counted_as="generate_content",
    ),
    Row(
        "get",
        "/fine_tuning/jobs/ftjob-1",
        payload("fine_tuning_job.json"),
        "fetch_fine_tuning_job",
        None,
        says=JOB,
        counted_as="fine_tuning",
    ),
    of_run("get", "/threads/thread_1/runs/run_1"),
    of_run("post", "/threads/thread_1/runs/run_1/cancel"),
]

CHUNK = {"id": "chatcmpl-min", "object": "chat.completion.chunk", "created": 1_795_000_000, "model": "gpt-4o"}
COUNTS = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
STOPPED = [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}]
SPOKEN = {**usage(14, 101), "gen_ai.usage.audio.output_tokens": 101}

STREAMED_PICTURE = {key: value for key, value in PICTURE.items() if key != "gen_ai.usage.text.output_tokens"}
"""An event does not split its output."""

STREAMS = [
    Streamed(CHAT, [event({**CHUNK, "choices": STOPPED}), event({**CHUNK, "choices": [], "usage": COUNTS}), DONE]),
    Streamed(
        COMPLETION,
        [
            event({**CHUNK, "id": "cmpl-1", "model": "gpt-3.5-turbo-instruct", "choices": STOPPED, "usage": COUNTS}),
            DONE,
        ],
    ),
    Streamed(RESPONSE, [event({"type": "response.completed", "response": response("gpt-4o", (1000, 100))})]),
    Streamed(GENERATION, events("images_generate_stream.sse"), says=STREAMED_PICTURE),
    Streamed(EDIT, events("images_edit_stream.sse"), says=STREAMED_PICTURE),
    Streamed(
        SPEECH,
        events("speech_stream.sse"),
        {"model": "gpt-4o-mini-tts", "stream_format": "sse"},
        # 14 x 0.6 + 101 x 12
        amount="0.0012204",
        tokens=(14, 101),
        says={**SPEECH.says, **SPOKEN},
    ),
    Streamed(
        TRANSCRIPTION,
        events("transcription_stream.sse"),
        {"model": "gpt-4o-transcribe"},
        # 140 x 2.5 + 45 x 10
        amount="0.0008",
        tokens=(140, 45),
        says={**usage(140, 45), "gen_ai.usage.audio.input_tokens": 140, "gen_ai.usage.text.input_tokens": 0},
    ),
    Streamed(STARTED_RUN, events("assistants_run_stream.sse")),
    Streamed(FETCHED_RESPONSE, [event({"type": "response.completed", "response": BACKGROUND})]),
]


# --- a row as a call --------------------------------------------------------------------------------------------------------


def answer(row):
    if isinstance(row.answer, bytes):
        return bytes_answer(row.answer, content_type="audio/mpeg")
    return json_answer(row.answer)


def verb(client, row, options, **others):
    """The call of the client that all its resources make; a coroutine with an asynchronous client."""
    if row.method == "get":
        return client.get(row.path, cast_to=object, options=options, **others)
    return client.post(row.path, cast_to=object, body=row.body, options=options, **others)


def needs(way):
    if way == "on the wire" and OPENAI_VERSION < (1, 8):
        pytest.skip("the client has no with_streaming_response")


def as_stream(row, stream):
    """The row with what asks for events, and what is then said."""
    body = {**row.body, "stream": True, **stream.changes}
    return Row(
        **{
            **row.__dict__,
            "body": body,
            "amount": stream.amount or row.amount,
            "tokens": stream.tokens or row.tokens,
            "says": {**(row.says if stream.says is None else stream.says), "gen_ai.request.stream": True},
        }
    )


# --- what is recorded -------------------------------------------------------------------------------------------------------


def assert_recorded(telemetry, row, is_stream=False):
    """Exactly the span, the duration, the tokens and the cost that the row says, once each."""
    assert_span(telemetry, row, is_stream)
    assert_counted(telemetry, row)
    common = {**AT_OPENAI, "gen_ai.operation.name": row.operation, **models(row), **row.labels}
    if not row.has_span:
        assert telemetry.points(DURATION) == []
    else:
        labels, point = telemetry.point(DURATION)
        assert (labels, point.count) == (common, 1)
    counts = {
        labels.pop("gen_ai.token.type"): (labels, point) for labels, point in map(copied, telemetry.points(TOKENS))
    }
    expected = dict(zip(("input", "output"), row.tokens or (None, None), strict=True))
    assert {kind: (labels, point.count, point.sum) for kind, (labels, point) in counts.items()} == {
        kind: (common, 1, count) for kind, count in expected.items() if count is not None
    }
    assert len(telemetry.points(FIRST_CHUNK)) == int(is_stream)


def copied(measured):
    labels, point = measured
    return dict(labels), point


def models(row):
    """Models as metrics name them."""
    found = {}
    if "model" in row.body:
        found["gen_ai.request.model"] = row.body["model"]
    answered = row.says.get("gen_ai.response.model")
    if not row.has_span:
        answered = row.answer["model"]
    if answered is not None:
        found["gen_ai.response.model"] = answered
    return found


def assert_span(telemetry, row, is_stream):
    if not row.has_span:
        assert telemetry.spans() == ()
        return
    span = telemetry.span()
    model = row.body.get("model")
    assert span.name == (row.operation if model is None else f"{row.operation} {model}")
    assert (span.kind, span.status.status_code) == (SpanKind.CLIENT, StatusCode.UNSET)
    said = conventional(span.attributes)
    expected = {**AT_OPENAI, "gen_ai.operation.name": row.operation, **row.says}
    if model is not None:
        expected["gen_ai.request.model"] = model
    if is_stream:
        assert said.pop("gen_ai.response.time_to_first_chunk") > 0
    if row.counted_as is not None or row.amount is None:
        assert_no_cost(span.attributes)
    elif row.is_least:
        assert_no_cost(span.attributes)
        assert span.attributes["openai_cost.status"] == "partial"
        assert money(span.attributes["openai_cost.partial_amount"]) == Decimal(row.amount)
    else:
        assert money(said.pop("gen_ai.usage.cost.amount")) == Decimal(row.amount)
        expected |= {"gen_ai.usage.cost.currency": "USD", "gen_ai.usage.cost.source": "local"}
        assert span.attributes["openai_cost.status"] == "priced"
        assert_breakdown_adds_up(span.attributes)
    assert_same(said, expected)


def assert_counted(telemetry, row):
    """One record of the cost histogram or one increment of the counter."""
    common = {**AT_OPENAI, "gen_ai.operation.name": row.counted_as or row.operation, **models(row)}
    if row.amount is None or row.is_least:
        labels, point = telemetry.point(UNPRICED)
        assert (labels, point.value) == ({**common, "openai_cost.unpriced.reason": "missing_rate"}, 1)
        assert telemetry.points(COST) == []
        return
    labels, point = telemetry.point(COST)
    assert labels == {
        **common,
        **row.labels,
        "gen_ai.usage.cost.currency": "USD",
        "gen_ai.usage.cost.source": "local",
    }
    assert (point.count, money(point.sum)) == (1, Decimal(row.amount))
    assert telemetry.points(UNPRICED) == []


# --- the tests --------------------------------------------------------------------------------------------------------------


def name(row):
    row = row.row if isinstance(row, Streamed) else row
    return f"{row.method} {row.path}"


def endpoint(method: str, path: str) -> Endpoint | None:
    exact = ENDPOINTS.get((method, path))
    patterns = (found for verb, pattern, found in WITH_ID if verb == method and pattern.fullmatch(path))
    return exact or next(patterns, None)


def test_every_row_of_the_table_is_called_here_once():
    paths = {(row.method, row.path) for row in ROWS}
    assert paths >= ENDPOINTS.keys()
    with_id = [path for path in paths if path not in ENDPOINTS]
    for method, pattern, _ in WITH_ID:
        assert [path for verb, path in with_id if verb == method and pattern.fullmatch(path)], (method, pattern)
    assert len(ROWS) == len(paths) == len(ENDPOINTS) + len(WITH_ID)


def test_every_kind_of_stream_is_taken_here():
    streamed = {
        id(found.events) for found in (*ENDPOINTS.values(), *(found for _, _, found in WITH_ID)) if found.events
    }
    taken = {id(found.events) for stream in STREAMS if (found := endpoint(stream.row.method, stream.row.path))}
    assert taken == streamed


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("row", ROWS, ids=name)
def test_a_call_of_every_row_is_recorded_exactly(server, client, instrument, telemetry, row, way):
    needs(way)
    instrument(count_foreign=True)
    server.queue(answer(row))
    made = verb(client(), row, {"headers": HEADER[way]})
    if way == "on the wire":
        made.read()
        made.close()
    assert_recorded(telemetry, row)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("row", ROWS, ids=name)
async def test_an_asynchronous_call_of_every_row_is_recorded_exactly(
    server, async_client, instrument, telemetry, row, way
):
    needs(way)
    instrument(count_foreign=True)
    server.queue(answer(row))
    made = await verb(async_client(), row, {"headers": HEADER[way]})
    if way == "on the wire":
        await made.read()
        await made.close()
    assert_recorded(telemetry, row)


@pytest.mark.parametrize("stream", STREAMS, ids=name)
def test_a_stream_of_every_row_is_recorded_exactly(server, client, instrument, telemetry, stream):
    row = as_stream(stream.row, stream)
    instrument(count_foreign=True)
    server.queue(sse_answer(stream.events))
    for _ in verb(client(), row, {"params": {"stream": True}}, stream=True, stream_cls=openai.Stream[object]):
        pass
    assert_recorded(telemetry, row, is_stream=True)


@pytest.mark.parametrize("stream", STREAMS, ids=name)
async def test_an_asynchronous_stream_of_every_row_is_recorded_exactly(
    server, async_client, instrument, telemetry, stream
):
    row = as_stream(stream.row, stream)
    instrument(count_foreign=True)
    server.queue(sse_answer(stream.events))
    made = verb(async_client(), row, {"params": {"stream": True}}, stream=True, stream_cls=openai.AsyncStream[object])
    async for _ in await made:
        pass
    assert_recorded(telemetry, row, is_stream=True)
