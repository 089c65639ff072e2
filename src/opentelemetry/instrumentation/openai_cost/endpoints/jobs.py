# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Jobs that are started by one call and billed when finished: batches, videos, fine-tuning, assistants' runs.

The conventions have no span for starting a job, so there is none; reading one has a ``fetch_…`` span without tokens and without
a cost. The cost is counted once, when the job is first seen finished. A run is an ``invoke_agent`` operation, and a streamed one
brings its own usage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from opentelemetry.util.types import AttributeValue

from .. import semconv
from ..usage import Usage
from ._facts import Endpoint, Request, Response
from ._fields import Fields, fields, number, seconds, text, tokens, whole

_HIGH_RESOLUTIONS = frozenset({"1792x1024", "1024x1792", "1920x1080", "1080x1920"})
"""Sizes of sora-2-pro that are billed at its high-resolution price (OpenAI pricing page)."""


def read_request(body: Fields) -> Request:
    """Reads the request of any job: the model, where it names one."""
    attributes: dict[str, AttributeValue] = {}
    is_stream = body.get("stream") is True
    if is_stream:
        attributes[semconv.REQUEST_STREAM] = True
    return Request(model=text(body.get("model")), stream=is_stream, attributes=attributes)


def read_extension_request(body: Fields) -> Request:
    """Reads the request to continue a video: the seconds asked for are billed, the video says how long the whole is."""
    added = seconds(body.get("seconds"))
    request = read_request(body)
    return request if added is None else request._replace(units=(("video_seconds", added),))


def read_batch(body: Fields, request: Request) -> Response:
    """Reads a batch. Its usage is the whole batch's, of work done earlier."""
    status = text(body.get("status"))
    counts = tokens(body.get("usage"))
    attributes: dict[str, AttributeValue] = {}
    if (identifier := text(body.get("id"))) is not None:
        attributes[semconv.OWN_BATCH_ID] = identifier
    if status is not None:
        attributes[semconv.OWN_BATCH_STATUS] = status
    if (endpoint := text(body.get("endpoint"))) is not None:
        attributes[semconv.OWN_BATCH_ENDPOINT] = endpoint
    requests = fields(body.get("request_counts"))
    if (total := whole(requests.get("total"))) is not None:
        attributes[semconv.OWN_BATCH_REQUEST_COUNT] = total
    is_finished = status in ("completed", "expired", "cancelled", "failed")
    done = whole(requests.get("completed"))
    has_work = counts is not None and bool(counts.input or counts.output)
    return Response(
        id=identifier,
        model=text(body.get("model")),
        created=number(body.get("created_at")),
        usage=Usage(counts, is_sum=done != 1) if is_finished and has_work else None,
        status=status,
        attributes=attributes,
        finished=is_finished,
        is_job=True,
        # Azure's batches have no usage, nor have OpenAI's of before September 2025.
        is_unreported=is_finished and counts is None and bool(done),
    )


def read_video(body: Fields, request: Request) -> Response:
    """Reads a video: billed by the second, at a price that depends on the size."""
    model, status = text(body.get("model")), text(body.get("status"))
    priced_model = f"{model}-high-res" if model == "sora-2-pro" and body.get("size") in _HIGH_RESOLUTIONS else model
    duration = seconds(body.get("seconds"))
    is_finished = status in ("completed", "failed")
    usage = None
    if status == "completed" and duration is not None:
        usage = Usage(units=(("video_seconds", duration),))
    return Response(
        id=text(body.get("id")),
        model=model,
        priced_model=priced_model,
        created=number(body.get("created_at")),
        usage=usage,
        status=status,
        finished=is_finished,
        is_job=True,
        is_unreported=status == "completed" and usage is None,
    )


def read_fine_tuning(body: Fields, request: Request) -> Response:
    """Reads a fine-tuning job: trained tokens are billable, at prices that no list publishes and a user's file may state."""
    status = text(body.get("status"))
    # Reinforcement fine-tuning is billed by the hour, which the job does not state.
    is_by_hour = fields(body.get("method")).get("type") == "reinforcement"
    trained = None if is_by_hour else whole(body.get("trained_tokens"))
    is_finished = status in ("succeeded", "failed", "cancelled")
    return Response(
        id=text(body.get("id")),
        model=text(body.get("model")),
        created=number(body.get("created_at")),
        usage=Usage(units=(("training_tokens", trained),)) if is_finished and trained else None,
        status=status,
        finished=is_finished,
        is_job=True,
        is_unreported=status == "succeeded" and not trained,
    )


def read_run(body: Fields, request: Request) -> Response:
    """Reads a run of an assistant; its usage is filled in when it ends, and is that of all its requests."""
    status = text(body.get("status"))
    counts = tokens(body.get("usage"))
    is_finished = status in ("completed", "incomplete", "failed", "cancelled", "expired")
    return Response(
        id=text(body.get("id")),
        model=text(body.get("model")),
        created=number(body.get("created_at")),
        usage=Usage(counts, is_sum=True) if is_finished and counts is not None else None,
        status=status,
        finished=is_finished,
        is_job=True,
    )


class _RunEvents:
    """Folds the events of a streamed run: only the run itself counts, its steps are parts of it."""

    __slots__ = ("_request", "_response")

    def __init__(self, request: Request) -> None:
        self._request = request
        self._response: Response | None = None

    @property
    def identified(self) -> bool:
        return self._response is not None

    def read(self, data: Fields) -> bool:
        if data.get("object") != "thread.run":
            return False
        self._response = read_run(data, self._request)
        return self._response.finished

    def response(self) -> Response:
        return self._response or Response(is_job=True)


def _started(name: str, counted_as: str, read: Callable[[Fields, Request], Response], priced_by: str) -> Endpoint:
    return Endpoint(
        name,
        counted_as,
        "other",
        read_request,
        read,
        billing="later",
        counted_as=counted_as,
        is_silent=True,
        is_read_whole=True,
        priced_by=priced_by,
    )


def _fetched(name: str, operation: str, counted_as: str, read: Callable[[Fields, Request], Response]) -> Endpoint:
    return Endpoint(
        name,
        operation,
        "other",
        read_request,
        read,
        billing="fetch",
        counted_as=counted_as,
        is_read_whole=True,
    )


_RUN_EVENTS = (
    b"thread.run.completed",
    b"thread.run.incomplete",
    b"thread.run.failed",
    b"thread.run.cancelled",
    b"thread.run.expired",
)

CREATE_BATCH = _started("batch", "batch", read_batch, "tokens of the whole batch")
FETCH_BATCH = _fetched("batch", "fetch_batch", "batch", read_batch)
CREATE_VIDEO = _started("videos", "generate_content", read_video, "seconds of video")
EXTEND_VIDEO = replace(CREATE_VIDEO, read_request=read_extension_request, priced_by="seconds that are added")
FETCH_VIDEO = _fetched("videos", "fetch_video", "generate_content", read_video)
CREATE_FINE_TUNING = _started(
    "fine_tuning", "fine_tuning", read_fine_tuning, "trained tokens, at the rate of your price file"
)
FETCH_FINE_TUNING = _fetched("fine_tuning", "fetch_fine_tuning_job", "fine_tuning", read_fine_tuning)
CREATE_RUN = Endpoint(
    name="runs",
    operation="invoke_agent",
    kind="other",
    billing="later",
    counted_as="invoke_agent",
    read_request=read_request,
    read_response=read_run,
    events=_RunEvents,
    markers=_RUN_EVENTS,
    is_read_whole=True,
    priced_by="tokens",
)
FETCH_RUN = _fetched("runs", "fetch_run", "invoke_agent", read_run)
