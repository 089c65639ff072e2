# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Jobs, billed when finished: what each call of theirs records, whichever way it is made."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import openai
import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.trace import SpanKind, StatusCode

from opentelemetry.instrumentation.openai_cost import ledger
from opentelemetry.instrumentation.openai_cost.endpoints import Request
from opentelemetry.instrumentation.openai_cost.pricing import PriceBook
from support.clients import OPENAI_VERSION, needs_late_responses
from support.expect import (
    AT_OPENAI,
    COST,
    DURATION,
    FIRST_CHUNK,
    TOKENS,
    UNPRICED,
    assert_no_cost,
    assert_same,
    money,
)
from support.payloads import event, events, payload
from support.server import bytes_answer, json_answer, sse_answer
from support.ways import WAYS, async_call, call

# The client marks the whole of the Assistants API and of videos as deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

needs_videos = pytest.mark.skipif(OPENAI_VERSION < (2, 2), reason="the client has no videos")

QUEUED = payload("response_background_queued.json")
FINISHED = payload("response_simple.json", id="resp_bg", background=True)
RUN = payload("assistants_run.json")
RUN_STARTED = payload("assistants_run.json", status="queued", usage=None)
BATCH = payload("batch_completed.json")
VIDEO = payload("video_completed.json")

AT_STANDARD = {"openai.response.service_tier": "default"}
IN_USD = {"gen_ai.usage.cost.currency": "USD", "gen_ai.usage.cost.source": "local"}


@dataclass(frozen=True)
class Job:
    """A kind of job: how it is started and read, and what must be recorded of that."""

    name: str
    resource: Callable[[Any], Any]
    create: dict[str, Any]
    look: dict[str, Any]
    started: dict[str, Any]
    finished: dict[str, Any]
    fetch: str
    """Name of the span that reads it."""
    fetched: dict[str, Any]
    """Attributes of that span beyond operation and server."""
    counted_as: str
    models: dict[str, str]
    """Models in the metrics of its cost."""
    amount: str | None
    """``None``: no price list has one."""
    tier: dict[str, str] = field(default_factory=dict)
    start: str | None = None
    """Name of the span that starts it, for the two kinds that have one."""


JOBS = [
    pytest.param(
        Job(
            name="response",
            resource=lambda client: client.responses,
            create={"model": "gpt-5.6-sol", "input": "x", "background": True},
            look={"response_id": "resp_bg"},
            started=QUEUED,
            finished=FINISHED,
            fetch="fetch_response",
            fetched={
                "openai.api.type": "responses",
                "openai.response.service_tier": "default",
                "gen_ai.response.id": "resp_bg",
                "gen_ai.response.model": "gpt-5.6-sol",
                "gen_ai.response.status": "completed",
                "gen_ai.response.finish_reasons": ("stop",),
            },
            counted_as="chat",
            models={"gen_ai.request.model": "gpt-5.6-sol", "gen_ai.response.model": "gpt-5.6-sol"},
            # 36 x 4 + 87 x 20 = 1884 millionths
            amount="0.001884",
            tier=AT_STANDARD,
            start="chat gpt-5.6-sol",
        ),
        id="response",
        marks=needs_late_responses,
    ),
    pytest.param(
        Job(
            name="batch",
            resource=lambda client: client.batches,
            create={"input_file_id": "file-in", "endpoint": "/v1/chat/completions", "completion_window": "24h"},
            look={"batch_id": "batch_1"},
            started=payload("batch_created.json"),
            finished=BATCH,
            fetch="fetch_batch",
            fetched={
                "gen_ai.response.id": "batch_1",
                "gen_ai.response.model": "gpt-5.6-sol",
                "openai_cost.batch.id": "batch_1",
                "openai_cost.batch.status": "completed",
                "openai_cost.batch.endpoint": "/v1/chat/completions",
                "openai_cost.batch.request_count": 2,
            },
            counted_as="batch",
            models={"gen_ai.response.model": "gpt-5.6-sol"},
            # 1976 x 2 + 1024 x 0.2 + 500 x 10 = 9156.8 millionths
            amount="0.0091568",
        ),
        id="batch",
    ),
    pytest.param(
        Job(
            name="video",
            resource=lambda client: client.videos,
            create={"model": "sora-2-pro", "prompt": "A calico cat", "seconds": "8"},
            look={"video_id": "video_1"},
            started=payload("video_queued.json"),
            finished=VIDEO,
            fetch="fetch_video",
            fetched={"gen_ai.response.id": "video_1", "gen_ai.response.model": "sora-2-pro"},
            counted_as="generate_content",
            models={"gen_ai.request.model": "sora-2-pro", "gen_ai.response.model": "sora-2-pro"},
            # eight seconds at 0.30
            amount="2.4",
        ),
        id="video",
        marks=needs_videos,
    ),
    pytest.param(
        Job(
            name="fine-tuning",
            resource=lambda client: client.fine_tuning.jobs,
            create={"model": "gpt-4o-mini-2024-07-18", "training_file": "file-t"},
            look={"fine_tuning_job_id": "ftjob-1"},
            started=payload("fine_tuning_job.json", status="running", trained_tokens=None),
            finished=payload("fine_tuning_job.json"),
            fetch="fetch_fine_tuning_job",
            fetched={"gen_ai.response.id": "ftjob-1", "gen_ai.response.model": "gpt-4o-mini-2024-07-18"},
            counted_as="fine_tuning",
            models={
                "gen_ai.request.model": "gpt-4o-mini-2024-07-18",
                "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
            },
            amount=None,
        ),
        id="fine-tuning",
    ),
    pytest.param(
        Job(
            name="run",
            resource=lambda client: client.beta.threads.runs,
            create={"thread_id": "thread_1", "assistant_id": "asst_1"},
            look={"thread_id": "thread_1", "run_id": "run_1"},
            started=RUN_STARTED,
            finished=RUN,
            fetch="fetch_run",
            fetched={"gen_ai.response.id": "run_1", "gen_ai.response.model": "gpt-4o"},
            counted_as="invoke_agent",
            models={"gen_ai.response.model": "gpt-4o"},
            # 123 x 2.5 + 456 x 10 = 4867.5 millionths
            amount="0.0048675",
            start="invoke_agent",
        ),
        id="run",
    ),
]


def operation(name):
    return {**AT_OPENAI, "gen_ai.operation.name": name}


def assert_counted_once(telemetry, job, unpriced=()):
    """One record of the cost, or one increment of what has none, under the operation that was started."""
    attributes = {**operation(job.counted_as), **job.models}
    counted = [(labels["openai_cost.unpriced.reason"], point.value) for labels, point in telemetry.points(UNPRICED)]
    if job.amount is None:
        assert telemetry.points(COST) == []
        assert telemetry.point(UNPRICED)[0] == {**attributes, "openai_cost.unpriced.reason": "missing_rate"}
        assert counted == [*unpriced, ("missing_rate", 1)]
        return
    labels, point = telemetry.point(COST)
    assert labels == {**attributes, **IN_USD, **job.tier}
    assert (point.count, money(point.sum)) == (1, Decimal(job.amount))
    assert counted == [*unpriced]


def assert_recorded(telemetry, job):
    """What a creation and two looks at the finished job leave behind."""
    names = [span.name for span in telemetry.spans()]
    assert names == [*([job.start] if job.start else []), job.fetch, job.fetch]
    for span in telemetry.spans()[-2:]:
        assert span.kind is SpanKind.CLIENT
        assert span.status.status_code is StatusCode.UNSET
        assert_same(span.attributes, {**operation(job.fetch), **job.fetched})
    assert_counted_once(telemetry, job, [("background", 1)] if job.start else [])
    # Neither the looks nor the creation report tokens.
    assert telemetry.points(TOKENS) == []
    model = {"gen_ai.response.model": job.models["gen_ai.response.model"]}
    labels, point = telemetry.point(DURATION, **{"gen_ai.operation.name": job.fetch})
    assert (labels, point.count) == ({**operation(job.fetch), **model, **job.tier}, 2)
    assert len(telemetry.points(DURATION)) == (2 if job.start else 1)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("job", JOBS)
def test_a_job_is_counted_once_and_its_readers_record_no_cost(server, client, instrument, telemetry, job, way):
    instrument()
    server.queue(json_answer(job.started), json_answer(job.finished), json_answer(job.finished))
    resource = job.resource(client())
    call(resource, way, **job.create)
    call(resource, way, "retrieve", **job.look)
    call(resource, way, "retrieve", **job.look)
    assert_recorded(telemetry, job)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("job", JOBS)
async def test_an_asynchronous_client_has_its_jobs_counted_just_the_same(
    server, async_client, instrument, telemetry, job, way
):
    instrument()
    server.queue(json_answer(job.started), json_answer(job.finished), json_answer(job.finished))
    resource = job.resource(async_client())
    await async_call(resource, way, **job.create)
    await async_call(resource, way, "retrieve", **job.look)
    await async_call(resource, way, "retrieve", **job.look)
    assert_recorded(telemetry, job)


@pytest.mark.parametrize("job", JOBS)
def test_a_job_that_is_not_finished_is_not_counted(server, client, instrument, telemetry, job):
    instrument()
    server.queue(json_answer(job.started), json_answer(job.started))
    resource = job.resource(client())
    resource.create(**job.create)
    resource.retrieve(**job.look)
    assert telemetry.points(COST) == []
    reasons = [labels["openai_cost.unpriced.reason"] for labels, _ in telemetry.points(UNPRICED)]
    assert reasons == (["background"] if job.start else [])


@pytest.mark.parametrize("job", JOBS)
def test_a_job_that_cannot_be_read_is_an_error_and_neither_priced_nor_unpriced(
    server, client, instrument, telemetry, job
):
    instrument(count_foreign=True)
    body = {"error": {"message": "No such job", "type": "invalid_request_error", "param": None, "code": None}}
    server.queue(json_answer(body, status=404))
    with pytest.raises(openai.NotFoundError):
        job.resource(client()).retrieve(**job.look)
    span = telemetry.span()
    assert (span.name, span.status.status_code, span.status.description) == (job.fetch, StatusCode.ERROR, None)
    assert span.attributes["error.type"] == "openai.NotFoundError"
    assert telemetry.point(DURATION)[0] == {**operation(job.fetch), "error.type": "openai.NotFoundError"}
    assert telemetry.metric_names() <= {DURATION, "openai_cost.price_book.age"}


@pytest.mark.parametrize("job", [job for job in JOBS if job.values[0].start is None])
def test_a_job_that_is_refused_leaves_no_trace(server, client, instrument, telemetry, job):
    instrument()
    server.queue(json_answer({"error": {"message": "No", "type": "invalid_request_error"}}, status=400))
    with pytest.raises(openai.BadRequestError):
        job.resource(client()).create(**job.create)
    assert telemetry.spans() == ()
    assert telemetry.metric_names() <= {"openai_cost.price_book.age"}


@pytest.mark.parametrize("job", JOBS)
def test_twenty_readers_at_once_count_a_job_once(server, client, instrument, telemetry, job):
    instrument()
    server.queue(json_answer(job.started), *[json_answer(job.finished)] * 20)
    resource = job.resource(client())
    resource.create(**job.create)
    barrier = threading.Barrier(20)

    def look():
        barrier.wait(10)
        resource.retrieve(**job.look)

    threads = [threading.Thread(target=look) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [span.name for span in telemetry.spans()].count(job.fetch) == 20
    assert_counted_once(telemetry, job, [("background", 1)] if job.start else [])


@pytest.mark.parametrize("job", JOBS)
def test_where_instrumentation_is_suppressed_nothing_is_recorded_and_nothing_settled(
    server, client, instrument, telemetry, job
):
    instrument()
    server.queue(json_answer(job.started), json_answer(job.finished), json_answer(job.finished))
    resource = job.resource(client())
    resource.create(**job.create)
    before = len(telemetry.spans())
    with suppress_instrumentation():
        resource.retrieve(**job.look)
    assert len(telemetry.spans()) == before
    assert telemetry.points(COST) == []
    resource.retrieve(**job.look)
    assert_counted_once(telemetry, job, [("background", 1)] if job.start else [])


@pytest.mark.parametrize("job", JOBS)
def test_without_spans_a_job_is_counted_all_the_same(server, client, instrument, telemetry, job):
    instrument(spans="none")
    server.queue(json_answer(job.started), json_answer(job.finished), json_answer(job.finished))
    resource = job.resource(client())
    resource.create(**job.create)
    resource.retrieve(**job.look)
    resource.retrieve(**job.look)
    assert telemetry.spans() == ()
    assert telemetry.points(DURATION) == []
    assert_counted_once(telemetry, job, [("background", 1)] if job.start else [])


@pytest.mark.parametrize("job", JOBS)
def test_the_span_that_is_current_at_a_look_gets_no_cost(server, client, instrument, telemetry, job):
    instrument(spans="current")
    server.queue(json_answer(job.started), json_answer(job.finished))
    resource = job.resource(client())
    tracer = telemetry.tracer_provider.get_tracer("application")
    with tracer.start_as_current_span("start"):
        resource.create(**job.create)
    with tracer.start_as_current_span("look"):
        resource.retrieve(**job.look)
    start, look = telemetry.spans()
    assert dict(look.attributes) == {}
    expected = {"openai_cost.status": "unpriced", "openai_cost.unpriced.reason": "background"} if job.start else {}
    assert dict(start.attributes) == expected
    assert_counted_once(telemetry, job, [("background", 1)] if job.start else [])


@pytest.mark.parametrize("job", JOBS)
def test_a_failure_of_ours_while_a_job_is_priced_is_counted_and_harms_nothing(
    server, client, instrument, telemetry, monkeypatch, job
):
    instrument()
    server.queue(json_answer(job.started), json_answer(job.finished), json_answer(job.finished))
    resource = job.resource(client())
    resource.create(**job.create)

    def fail(*_):
        raise RuntimeError

    monkeypatch.setattr(PriceBook, "quote", fail)
    resource.retrieve(**job.look)
    resource.retrieve(**job.look)
    for span in telemetry.spans()[-2:]:
        assert span.status.status_code is StatusCode.UNSET
        assert_same(span.attributes, {**operation(job.fetch), **job.fetched})
    labels, point = telemetry.point(UNPRICED, **{"openai_cost.unpriced.reason": "error"})
    assert (labels["gen_ai.operation.name"], point.value) == (job.counted_as, 1)
    assert telemetry.points(COST) == []


# --- responses ---


@needs_late_responses
@pytest.mark.parametrize("way", WAYS)
def test_cancelling_a_response_reads_it_and_settles_it(server, client, instrument, telemetry, way):
    instrument()
    cancelled = payload("response_simple.json", id="resp_bg", background=True, status="cancelled")
    server.queue(json_answer(QUEUED), json_answer(cancelled), json_answer(cancelled))
    responses = client().responses
    responses.create(model="gpt-5.6-sol", input="x", background=True)
    call(responses, way, "cancel", response_id="resp_bg")
    responses.retrieve("resp_bg")
    _, span, _ = telemetry.spans()
    assert span.name == "cancel_response"
    assert_same(
        span.attributes,
        {
            **operation("cancel_response"),
            **AT_STANDARD,
            "openai.api.type": "responses",
            "gen_ai.response.id": "resp_bg",
            "gen_ai.response.model": "gpt-5.6-sol",
            "gen_ai.response.status": "cancelled",
            "gen_ai.response.finish_reasons": ("error",),
        },
    )
    _, point = telemetry.point(COST)
    assert (point.count, money(point.sum)) == (1, Decimal("0.001884"))


@needs_late_responses
def test_a_response_cancelled_before_it_used_anything_costs_nothing(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(QUEUED), json_answer(payload("response_cancelled.json")))
    responses = client().responses
    responses.create(model="gpt-5.6-sol", input="x", background=True)
    responses.cancel("resp_bg")
    assert telemetry.points(COST) == []
    # The creation was counted as not priced, and the response is not counted twice.
    assert telemetry.point(UNPRICED)[1].value == 1


def resumed():
    """The events after the first, as a stream that is taken up again has them."""
    return events("response_stream_background_queued.sse")[2:]


# 592 x 4 + 4096 x 0.4 + 512 x 5 + 740 x 20 = 21366.4 millionths
STREAMED = Decimal("0.0213664")


def assert_resumed(telemetry):
    """The span of a stream that was taken up again, and the one cost of the response."""
    span = telemetry.spans()[-1]
    assert span.name == "fetch_response"
    attributes = dict(span.attributes)
    assert type(attributes.pop("gen_ai.response.time_to_first_chunk")) is float
    assert_same(
        attributes,
        {
            **operation("fetch_response"),
            **AT_STANDARD,
            "openai.api.type": "responses",
            "gen_ai.request.stream": True,
            "gen_ai.request.stream_cursor": "1",
            "gen_ai.response.id": "resp_bg",
            "gen_ai.response.model": "gpt-5.6-sol",
            "gen_ai.response.status": "completed",
            "gen_ai.response.finish_reasons": ("stop",),
        },
    )
    labels, point = telemetry.point(COST)
    assert labels["gen_ai.operation.name"] == "chat"
    assert (point.count, money(point.sum)) == (1, STREAMED)
    assert telemetry.points(TOKENS) == []
    assert telemetry.point(FIRST_CHUNK, **{"gen_ai.operation.name": "fetch_response"})[1].count == 1


@needs_late_responses
@pytest.mark.parametrize("way", WAYS)
def test_a_stream_taken_up_again_is_a_fetch_and_settles_the_response(server, client, instrument, telemetry, way):
    instrument()
    server.queue(json_answer(QUEUED), sse_answer(resumed()))
    responses = client().responses
    responses.create(model="gpt-5.6-sol", input="x", background=True)
    made = call(responses, way, "retrieve", response_id="resp_bg", stream=True, starting_after=1)
    if way != "on the wire":
        for _ in made.parse() if way == "raw" else made:
            pass
    assert "starting_after=1" in server.requests[-1].path
    assert_resumed(telemetry)


@needs_late_responses
@pytest.mark.parametrize("way", WAYS)
async def test_an_asynchronous_stream_taken_up_again_is_the_same(server, async_client, instrument, telemetry, way):
    instrument()
    server.queue(json_answer(QUEUED), sse_answer(resumed()))
    responses = async_client().responses
    await responses.create(model="gpt-5.6-sol", input="x", background=True)
    made = await async_call(responses, way, "retrieve", response_id="resp_bg", stream=True, starting_after=1)
    if way != "on the wire":
        async for _ in made.parse() if way == "raw" else made:
            pass
    assert_resumed(telemetry)


@needs_late_responses
def test_a_response_whose_stream_was_cut_is_counted_when_it_is_read(server, client, instrument, telemetry):
    instrument()
    answer = events("response_stream_background_queued.sse")
    server.queue(sse_answer(answer, cut_after=len(answer[0]) + 10))
    server.queue(json_answer(FINISHED), json_answer(FINISHED))
    responses = client().responses
    stream = responses.create(model="gpt-5.6-sol", input="x", background=True, stream=True)
    with pytest.raises(Exception, match=r"(?i)peer|incomplete|closed|connection"):
        list(stream)
    responses.retrieve("resp_bg")
    responses.retrieve("resp_bg")
    created = telemetry.spans()[0]
    assert created.status.status_code is StatusCode.ERROR
    assert created.attributes["gen_ai.response.id"] == "resp_bg"
    assert_no_cost(created.attributes)
    _, point = telemetry.point(COST)
    assert (point.count, money(point.sum)) == (1, Decimal("0.001884"))
    assert telemetry.point(UNPRICED)[1].value == 1


@needs_late_responses
def test_a_response_whose_stream_was_left_is_counted_when_it_is_read(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("response_stream_background_queued.sse")))
    server.queue(json_answer(FINISHED))
    responses = client().responses
    with responses.create(model="gpt-5.6-sol", input="x", background=True, stream=True) as stream:
        next(iter(stream))
    responses.retrieve("resp_bg")
    assert telemetry.spans()[0].attributes["openai_cost.unpriced.reason"] == "background"
    _, point = telemetry.point(COST)
    assert (point.count, money(point.sum)) == (1, Decimal("0.001884"))


@needs_late_responses
@pytest.mark.parametrize("way", WAYS)
def test_a_finished_response_is_found_finished_however_large_it_is(server, client, instrument, telemetry, way):
    instrument()
    drawn = {"id": "ig_1", "type": "image_generation_call", "status": "completed", "result": "aGVs" * 100_000}
    large = {**FINISHED, "output": [drawn], "tool_usage": {"image_gen": {"input_tokens": 60, "output_tokens": 1056}}}
    large["tools"] = [{"type": "image_generation", "model": "gpt-image-2.5-flare"}]
    server.queue(json_answer(QUEUED), json_answer(large))
    responses = client().responses
    responses.create(model="gpt-5.6-sol", input="x", background=True)
    call(responses, way, "retrieve", response_id="resp_bg")
    # 1884, and 60 x 5 + 1056 x 30 of the image model
    assert money(telemetry.point(COST)[1].sum) == Decimal("0.033864")


# --- batches ---


def listed(*batches):
    return {"object": "list", "data": list(batches), "first_id": None, "last_id": None, "has_more": False}


@pytest.mark.parametrize("way", WAYS)
def test_listing_batches_counts_none_of_them(server, client, instrument, telemetry, way):
    instrument(count_foreign=True)
    server.queue(json_answer(payload("batch_created.json")), json_answer(listed(BATCH)))
    batches = client().batches
    batches.create(input_file_id="file-in", endpoint="/v1/chat/completions", completion_window="24h")
    call(batches, way, "list")
    assert telemetry.spans() == ()
    assert telemetry.metric_names() <= {"openai_cost.price_book.age"}


@pytest.mark.parametrize("way", WAYS)
def test_a_batch_that_is_being_cancelled_is_counted_when_it_has_been(server, client, instrument, telemetry, way):
    instrument()
    server.queue(json_answer(payload("batch_created.json")))
    server.queue(json_answer(payload("batch_completed.json", status="cancelling")))
    server.queue(json_answer(payload("batch_completed.json", status="cancelled")))
    batches = client().batches
    batches.create(input_file_id="file-in", endpoint="/v1/chat/completions", completion_window="24h")
    call(batches, way, "cancel", batch_id="batch_1")
    assert telemetry.points(COST) == []
    batches.retrieve("batch_1")
    assert [span.attributes["openai_cost.batch.status"] for span in telemetry.spans()] == ["cancelling", "cancelled"]
    assert money(telemetry.point(COST)[1].sum) == Decimal("0.0091568")


def batch_of(requests, tokens_in, model="gpt-5.4"):
    """A finished batch of so many requests, two more of which failed."""
    usage = {"input_tokens": tokens_in, "output_tokens": 10_000, "total_tokens": tokens_in + 10_000}
    counts = None if requests is None else {"total": requests + 2, "completed": requests, "failed": 2}
    return payload("batch_completed.json", model=model, request_counts=counts, usage=usage)


@pytest.fixture
def run_batch(server, client):
    """Starts a batch and looks at it when it is finished."""

    def run(finished):
        server.queue(json_answer(payload("batch_created.json")), json_answer(finished))
        batches = client().batches
        batches.create(input_file_id="file-in", endpoint="/v1/chat/completions", completion_window="24h")
        batches.retrieve("batch_1")

    return run


@pytest.mark.parametrize(
    ("finished", "amount"),
    [
        # gpt-5.4 in a batch: 1.25 and 7.5, above 272,000 tokens of one request 2.5 and 11.25
        pytest.param(batch_of(1, 1_000_000), "2.6125", id="one long request"),
        pytest.param(batch_of(1, 200_000), "0.325", id="one short request"),
        pytest.param(batch_of(3, 272_000), "0.415", id="too little for one to be long"),
        # gpt-4o: 1.25 and 5, however long
        pytest.param(batch_of(1000, 10_000_000, "gpt-4o"), "12.55", id="length does not matter"),
    ],
)
def test_a_batch_is_priced_where_its_sum_tells_how_long_its_requests_were(
    instrument, run_batch, telemetry, finished, amount
):
    instrument()
    run_batch(finished)
    assert money(telemetry.point(COST)[1].sum) == Decimal(amount)
    assert telemetry.points(UNPRICED) == []


@pytest.mark.parametrize("requests", [3, 1000, 0, None])
def test_a_batch_that_may_hide_a_long_request_has_a_lower_bound_and_no_amount(
    instrument, run_batch, telemetry, requests
):
    seen = []
    instrument(cost_hook=seen.append)
    run_batch(batch_of(requests, 1_000_000))
    labels, point = telemetry.point(UNPRICED)
    assert (labels["gen_ai.operation.name"], labels["openai_cost.unpriced.reason"]) == ("batch", "missing_rate")
    assert point.value == 1
    assert telemetry.points(COST) == []
    # at the rates of short prompts
    assert [(event.status, event.amount, event.quote.amount) for event in seen] == [("partial", None, Decimal("1.325"))]


def test_the_users_word_that_no_prompt_of_a_batch_is_long_is_taken(instrument, run_batch, telemetry, tmp_path):
    prices = tmp_path / "prices.json"
    prices.write_text('{"batches": {"long_prompts": false}}')
    instrument(prices=str(prices))
    run_batch(batch_of(1000, 1_000_000))
    assert money(telemetry.point(COST)[1].sum) == Decimal("1.325")
    assert telemetry.points(UNPRICED) == []


def test_a_batch_that_did_work_and_says_no_usage_is_counted_as_unpriced_once(server, client, instrument, telemetry):
    instrument()
    finished = json_answer(payload("batch_completed.json", usage=None))
    server.queue(json_answer(payload("batch_created.json")), finished, finished)
    batches = client().batches
    batches.create(input_file_id="file-in", endpoint="/v1/chat/completions", completion_window="24h")
    batches.retrieve("batch_1")
    batches.retrieve("batch_1")
    labels, point = telemetry.point(UNPRICED)
    assert (labels["gen_ai.operation.name"], labels["openai_cost.unpriced.reason"]) == ("batch", "no_usage")
    assert point.value == 1
    assert telemetry.points(COST) == []


@pytest.mark.parametrize("usage", [None, payload("batch_created.json")["usage"]])
@pytest.mark.parametrize("status", ["failed", "expired", "cancelled"])
def test_a_batch_that_did_no_work_is_not_counted(server, client, instrument, telemetry, status, usage):
    instrument()
    server.queue(json_answer(payload("batch_created.json")))
    server.queue(json_answer(payload("batch_created.json", status=status, usage=usage)))
    batches = client().batches
    batches.create(input_file_id="file-in", endpoint="/v1/chat/completions", completion_window="24h")
    batches.retrieve("batch_1")
    assert telemetry.points(COST) == []
    assert telemetry.points(UNPRICED) == []


# --- videos ---


@needs_videos
@pytest.mark.parametrize(
    ("model", "size", "amount"),
    [("sora-2", "1280x720", "0.8"), ("sora-2-pro", "1280x720", "2.4"), ("sora-2-pro", "1792x1024", "4")],
)
def test_a_second_of_video_costs_what_its_model_and_size_cost(
    server, client, instrument, telemetry, model, size, amount
):
    instrument()
    server.queue(json_answer(payload("video_queued.json", model=model, size=size)))
    server.queue(json_answer(payload("video_completed.json", model=model, size=size)))
    videos = client().videos
    videos.create(model=model, prompt="x", size=size, seconds="8")
    videos.retrieve("video_1")
    assert money(telemetry.point(COST)[1].sum) == Decimal(amount)


@needs_videos
def test_a_video_that_is_waited_for_is_counted_once(server, client, instrument, telemetry):
    instrument()
    at_once = {"openai-poll-after-ms": "1"}
    server.queue(json_answer(payload("video_queued.json")))
    server.queue(json_answer(payload("video_queued.json"), headers=at_once), json_answer(VIDEO))
    client().videos.create_and_poll(model="sora-2-pro", prompt="x", seconds="8", poll_interval_ms=1)
    assert [span.name for span in telemetry.spans()] == ["fetch_video"] * 2
    _, point = telemetry.point(COST)
    assert (point.count, money(point.sum)) == (1, Decimal("2.4"))


@needs_videos
def test_of_a_video_that_is_continued_only_what_was_added_is_billed(server, client, instrument, telemetry):
    instrument()
    # The seconds of an extension are those of both parts together (API reference, "Create video extension").
    for name in ("video_queued.json", "video_completed.json"):
        server.queue(json_answer(payload(name, id="video_2", seconds="20")))
    body = {"video": {"id": "video_1"}, "prompt": "And then?", "seconds": "8"}
    one = client()
    one.post("/videos/extensions", body=body, cast_to=object)
    one.videos.retrieve("video_2")
    assert money(telemetry.point(COST)[1].sum) == Decimal("2.4")


@needs_videos
def test_a_remix_is_a_video_of_its_own(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("video_queued.json", id="video_2", remixed_from_video_id="video_1")))
    server.queue(json_answer(payload("video_completed.json", id="video_2", remixed_from_video_id="video_1")))
    videos = client().videos
    videos.remix("video_1", prompt="In the rain")
    videos.retrieve("video_2")
    assert money(telemetry.point(COST)[1].sum) == Decimal("2.4")


@needs_videos
@pytest.mark.parametrize(("seconds", "reasons"), [(None, ["no_usage"]), ("eight", ["no_usage"])])
def test_a_video_that_does_not_say_how_long_it_is_has_no_price(server, client, instrument, telemetry, seconds, reasons):
    instrument()
    server.queue(json_answer(payload("video_queued.json")))
    server.queue(json_answer(payload("video_completed.json", seconds=seconds)))
    videos = client().videos
    videos.create(model="sora-2-pro", prompt="x")
    videos.retrieve("video_1")
    assert [labels["openai_cost.unpriced.reason"] for labels, _ in telemetry.points(UNPRICED)] == reasons
    assert telemetry.points(COST) == []


@needs_videos
def test_a_video_that_failed_is_not_counted_and_its_content_is_not_a_look(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("video_queued.json")), bytes_answer(b"\0\0", content_type="video/mp4"))
    server.queue(json_answer(payload("video_completed.json", status="failed")))
    videos = client().videos
    videos.create(model="sora-2-pro", prompt="x")
    videos.download_content("video_1").read()
    assert telemetry.spans() == ()
    videos.retrieve("video_1")
    assert telemetry.points(COST) == []
    assert telemetry.points(UNPRICED) == []


# --- fine-tuning ---


def test_training_that_is_billed_by_time_has_no_price_either(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("fine_tuning_job.json", status="running", trained_tokens=None)))
    server.queue(json_answer(payload("fine_tuning_job.json", trained_tokens=None)))
    jobs = client().fine_tuning.jobs
    jobs.create(model="o4-mini", training_file="file-t")
    jobs.retrieve("ftjob-1")
    labels, point = telemetry.point(UNPRICED)
    assert (labels["openai_cost.unpriced.reason"], point.value) == ("no_usage", 1)


def test_training_by_reinforcement_is_billed_by_time_whatever_it_trained(
    server, client, instrument, telemetry, tmp_path
):
    instrument(prices=training_at(tmp_path, "25"))
    method = {"type": "reinforcement", "reinforcement": {"grader": {"type": "string_check"}}}
    server.queue(json_answer(payload("fine_tuning_job.json", status="running", trained_tokens=None)))
    server.queue(json_answer(payload("fine_tuning_job.json", method=method)))
    jobs = client().fine_tuning.jobs
    jobs.create(model="o4-mini", training_file="file-t")
    jobs.retrieve("ftjob-1")
    labels, point = telemetry.point(UNPRICED)
    assert (labels["openai_cost.unpriced.reason"], point.value) == ("no_usage", 1)
    assert telemetry.points(COST) == []


def test_training_has_the_price_that_the_users_file_states(server, client, instrument, telemetry, tmp_path):
    instrument(prices=training_at(tmp_path, "3"))
    server.queue(json_answer(payload("fine_tuning_job.json", status="running", trained_tokens=None)))
    server.queue(*[json_answer(payload("fine_tuning_job.json"))] * 2)
    jobs = client().fine_tuning.jobs
    jobs.create(model="gpt-4o-mini-2024-07-18", training_file="file-t")
    jobs.retrieve("ftjob-1")
    jobs.retrieve("ftjob-1")
    _, point = telemetry.point(COST)
    # 5768 x 3 millionths
    assert (point.count, money(point.sum)) == (1, Decimal("0.017304"))
    assert telemetry.points(UNPRICED) == []


def training_at(folder, price):
    """A price file that says what a million trained tokens of gpt-4o-mini cost."""
    path = folder / "prices.json"
    rate = {"price": price, "per": 1_000_000}
    path.write_text(json.dumps({"models": {"gpt-4o-mini-2024-07-18": {"training_tokens": rate}}}))
    return str(path)


def test_listing_fine_tuning_jobs_counts_none_of_them(server, client, instrument, telemetry):
    instrument(count_foreign=True)
    server.queue(json_answer(listed(payload("fine_tuning_job.json"))))
    client().fine_tuning.jobs.list()
    assert telemetry.spans() == ()
    assert telemetry.points(UNPRICED) == []


# --- runs ---

RUN_AMOUNT = Decimal("0.0048675")
WAITING = payload("assistants_run.json", status="requires_action", usage=None)
OUTPUTS = [{"tool_call_id": "call_1", "output": "sunny"}]


def run_events(status, usage=None):
    """A streamed run that ends in this state."""
    ended = payload("assistants_run.json", status=status, usage=usage)
    return [
        event(RUN_STARTED, "thread.run.created"),
        event(ended, f"thread.run.{status}"),
        b"event: done\ndata: [DONE]\n\n",
    ]


def assert_run(telemetry, *names):
    """These spans, and one cost among them all."""
    assert [span.name for span in telemetry.spans()] == [*names]
    _, point = telemetry.point(COST)
    assert (point.count, money(point.sum)) == (1, RUN_AMOUNT)


def test_a_run_whose_requests_together_are_long_may_hide_a_long_one(server, client, instrument, telemetry):
    instrument()
    usage = {"prompt_tokens": 300_000, "completion_tokens": 1000, "total_tokens": 301_000}
    server.queue(json_answer(payload("assistants_run.json", model="gpt-5.4", usage=usage)))
    client().beta.threads.runs.create(thread_id="thread_1", assistant_id="asst_1")
    attributes = telemetry.attributes()
    assert_no_cost(attributes)
    assert attributes["openai_cost.status"] == "partial"
    # 300,000 x 2.5 + 1000 x 15, as if all were short
    assert money(attributes["openai_cost.partial_amount"]) == Decimal("0.765")


def test_a_run_that_is_waited_for_is_counted_once(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(RUN_STARTED), json_answer(RUN_STARTED), json_answer(RUN))
    client().beta.threads.runs.create_and_poll(thread_id="thread_1", assistant_id="asst_1", poll_interval_ms=1)
    assert_run(telemetry, "invoke_agent", "fetch_run", "fetch_run")
    assert telemetry.points(TOKENS) == []


async def test_a_run_that_is_waited_for_asynchronously_is_counted_once(server, async_client, instrument, telemetry):
    instrument()
    server.queue(json_answer(RUN_STARTED), json_answer(RUN_STARTED), json_answer(RUN))
    runs = async_client().beta.threads.runs
    await runs.create_and_poll(thread_id="thread_1", assistant_id="asst_1", poll_interval_ms=1)
    assert_run(telemetry, "invoke_agent", "fetch_run", "fetch_run")


def test_a_run_made_together_with_its_thread_is_counted_once(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(RUN_STARTED), json_answer(RUN))
    threads = client().beta.threads
    threads.create_and_run(assistant_id="asst_1")
    threads.runs.retrieve("run_1", thread_id="thread_1")
    assert_run(telemetry, "invoke_agent", "fetch_run")


def assert_streamed_run(telemetry):
    """The one span of a run that was streamed to its end: it carries usage and cost."""
    span = telemetry.span()
    attributes = {name: value for name, value in span.attributes.items() if not name.startswith("openai_cost.")}
    assert type(attributes.pop("gen_ai.response.time_to_first_chunk")) is float
    assert_same(
        attributes,
        {
            **operation("invoke_agent"),
            **IN_USD,
            "gen_ai.request.stream": True,
            "gen_ai.response.id": "run_1",
            "gen_ai.response.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 123,
            "gen_ai.usage.output_tokens": 456,
            "gen_ai.usage.cost.amount": 0.0048675,
        },
    )
    assert_run(telemetry, "invoke_agent")
    counted = {labels["gen_ai.token.type"]: point.sum for labels, point in telemetry.points(TOKENS)}
    assert counted == {"input": 123, "output": 456}
    assert telemetry.points(UNPRICED) == []


def test_a_run_streamed_by_the_helper_carries_usage_and_cost(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("assistants_run_stream.sse")))
    with client().beta.threads.runs.stream(thread_id="thread_1", assistant_id="asst_1") as stream:
        stream.until_done()
    assert_streamed_run(telemetry)


async def test_a_run_streamed_by_the_asynchronous_helper_is_the_same(server, async_client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("assistants_run_stream.sse")))
    async with async_client().beta.threads.runs.stream(thread_id="thread_1", assistant_id="asst_1") as stream:
        await stream.until_done()
    assert_streamed_run(telemetry)


@pytest.mark.parametrize("way", WAYS)
def test_a_streamed_run_is_the_same_however_it_is_taken(server, client, instrument, telemetry, way):
    instrument()
    server.queue(sse_answer(events("assistants_run_stream.sse")))
    made = call(client().beta.threads.runs, way, thread_id="thread_1", assistant_id="asst_1", stream=True)
    if way != "on the wire":
        for _ in made.parse() if way == "raw" else made:
            pass
    assert_streamed_run(telemetry)


def test_a_streamed_run_is_not_counted_again_when_it_is_read(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("assistants_run_stream.sse")), json_answer(RUN))
    runs = client().beta.threads.runs
    list(runs.create(thread_id="thread_1", assistant_id="asst_1", stream=True))
    runs.retrieve("run_1", thread_id="thread_1")
    assert_run(telemetry, "invoke_agent", "fetch_run")


def test_a_run_that_waits_for_tools_is_counted_once_in_the_end(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(WAITING), json_answer(RUN_STARTED), json_answer(RUN), json_answer(RUN))
    runs = client().beta.threads.runs
    runs.create(thread_id="thread_1", assistant_id="asst_1")
    runs.submit_tool_outputs("run_1", thread_id="thread_1", tool_outputs=OUTPUTS)
    runs.retrieve("run_1", thread_id="thread_1")
    runs.retrieve("run_1", thread_id="thread_1")
    assert_run(telemetry, "invoke_agent", "invoke_agent", "fetch_run", "fetch_run")


def test_outputs_of_tools_that_are_waited_for_settle_the_run(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(WAITING), json_answer(RUN_STARTED), json_answer(RUN))
    runs = client().beta.threads.runs
    runs.create(thread_id="thread_1", assistant_id="asst_1")
    runs.submit_tool_outputs_and_poll(run_id="run_1", thread_id="thread_1", tool_outputs=OUTPUTS, poll_interval_ms=1)
    assert_run(telemetry, "invoke_agent", "invoke_agent", "fetch_run")


def test_a_streamed_run_that_waits_for_tools_is_priced_where_it_ends(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(run_events("requires_action")))
    server.queue(sse_answer(run_events("completed", RUN["usage"])))
    runs = client().beta.threads.runs
    with runs.stream(thread_id="thread_1", assistant_id="asst_1") as stream:
        stream.until_done()
    with runs.submit_tool_outputs_stream(run_id="run_1", thread_id="thread_1", tool_outputs=OUTPUTS) as stream:
        stream.until_done()
    assert_run(telemetry, "invoke_agent", "invoke_agent")
    first, second = telemetry.spans()
    assert first.attributes["openai_cost.unpriced.reason"] == "background"
    assert money(second.attributes["gen_ai.usage.cost.amount"]) == RUN_AMOUNT


@pytest.mark.parametrize("way", WAYS)
def test_a_cancelled_run_is_settled_with_the_usage_it_reports(server, client, instrument, telemetry, way):
    instrument()
    server.queue(json_answer(RUN_STARTED), json_answer(payload("assistants_run.json", status="cancelling", usage=None)))
    server.queue(json_answer(payload("assistants_run.json", status="cancelled")))
    runs = client().beta.threads.runs
    runs.create(thread_id="thread_1", assistant_id="asst_1")
    call(runs, way, "cancel", thread_id="thread_1", run_id="run_1")
    runs.retrieve("run_1", thread_id="thread_1")
    assert_run(telemetry, "invoke_agent", "fetch_run", "fetch_run")


def test_listing_runs_and_reading_their_steps_counts_none(server, client, instrument, telemetry):
    instrument(count_foreign=True)
    server.queue(json_answer(listed(RUN)), json_answer(listed()))
    runs = client().beta.threads.runs
    runs.list("thread_1")
    runs.steps.list("run_1", thread_id="thread_1")
    assert telemetry.spans() == ()
    assert telemetry.points(COST) == []


# --- what is remembered ---


def retrieve_all(batches, server, ids):
    for identifier in ids:
        server.queue(json_answer(payload("batch_completed.json", id=identifier)))
        batches.retrieve(identifier)


def test_of_too_many_jobs_the_oldest_are_forgotten(server, client, instrument, telemetry, monkeypatch):
    monkeypatch.setattr(ledger, "_MAX_IDS", 2)
    instrument()
    batches = client().batches
    for identifier in ("batch_1", "batch_2", "batch_3"):
        server.queue(json_answer(payload("batch_created.json", id=identifier)))
        batches.create(input_file_id="file-in", endpoint="/v1/chat/completions", completion_window="24h")
    retrieve_all(batches, server, ["batch_1"])
    assert telemetry.points(COST) == []
    retrieve_all(batches, server, ["batch_2", "batch_3", "batch_2", "batch_3"])
    assert telemetry.point(COST)[1].count == 2


def test_of_too_many_counted_jobs_the_oldest_are_forgotten(server, client, instrument, telemetry, monkeypatch):
    monkeypatch.setattr(ledger, "_MAX_IDS", 2)
    instrument(count_foreign=True)
    batches = client().batches
    retrieve_all(batches, server, ["batch_1", "batch_2", "batch_2", "batch_1"])
    assert telemetry.point(COST)[1].count == 2
    retrieve_all(batches, server, ["batch_3", "batch_3", "batch_1"])
    assert telemetry.point(COST)[1].count == 4


def test_no_more_ids_are_kept_than_the_bound(monkeypatch):
    monkeypatch.setattr(ledger, "_MAX_IDS", 2)
    book, started = ledger.Ledger(), ledger.Started("batch", "batch", Request())
    for number in range(100):
        book.start(f"started {number}", started)
        book.count(f"counted {number}")
        book.settle(f"foreign {number}", started)
    assert (list(book._started), list(book._counted)) == (["started 98", "started 99"], ["counted 99", "foreign 99"])
