# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Stored responses: fetched (``GET /responses/{id}``, also as a stream) and cancelled (``POST /responses/{id}/cancel``).

Neither reports tokens or a cost of its own (semantic-conventions-genai, "fetch response"); a response made in the background is
counted when it is first seen finished.
"""

from __future__ import annotations

from dataclasses import replace

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.util.types import AttributeValue

from .. import semconv
from ._facts import Endpoint, Request, Response
from ._fields import Fields, text, whole
from .responses import RESPONSES, ResponseEvents, read_response

FINISHED = frozenset({"completed", "incomplete", "failed", "cancelled"})


def read_request(parameters: Fields) -> Request:
    """Reads the path and query of a fetch."""
    attributes: dict[str, AttributeValue] = {}
    if (identifier := text(parameters.get("id"))) is not None:
        attributes[gen_ai.GEN_AI_RESPONSE_ID] = identifier
    is_stream = parameters.get("stream") is True
    if is_stream:
        attributes[semconv.REQUEST_STREAM] = True
    if (cursor := whole(parameters.get("starting_after"))) is not None:
        attributes[semconv.REQUEST_STREAM_CURSOR] = str(cursor)
    return Request(stream=is_stream, attributes=attributes)


def read_fetched(body: Fields, request: Request) -> Response:
    """Reads a stored response."""
    response = read_response(body, request)
    attributes: dict[str, AttributeValue] = {}
    if response.status is not None:
        attributes[semconv.RESPONSE_STATUS] = response.status
    return response._replace(
        # A generation that failed is not an error of the call that reads it.
        error_type=None,
        attributes=attributes,
        finished=response.status in FINISHED,
        is_job=body.get("background") is True,
    )


FETCH_RESPONSE = Endpoint(
    name="responses",
    operation="fetch_response",
    kind="fetch",
    billing="fetch",
    counted_as="chat",
    read_request=read_request,
    read_response=read_fetched,
    events=lambda request: ResponseEvents(request, read_fetched),
    markers=RESPONSES.markers,
    ending=RESPONSES.ending,
    is_read_whole=True,
    attributes={semconv.OPENAI_API_TYPE: "responses"},
)
CANCEL_RESPONSE = replace(FETCH_RESPONSE, operation="cancel_response", kind="other", events=None, markers=())
