# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Responses (``POST /responses`` and ``POST /responses/compact``)."""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.util.types import AttributeValue

from .. import semconv
from ..usage import Usage
from ._chat_events import error_type
from ._facts import Endpoint, Request, Response
from ._fields import Fields, fields, items, number, text, tokens, whole
from ._gateway import in_usage
from ._tools import memory_limit, response_fees, tool_models

_TERMINAL = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})
_MARKERS = (
    b"response.completed",
    b"response.incomplete",
    b"response.failed",
    b"response.cancelled",
    b"event: error",
    b'"error"',
)
_OUTPUT_TYPES = {"json_object": "json", "json_schema": "json", "text": "text"}


def read_request(body: Fields) -> Request:
    """Reads the JSON body of a response request."""
    attributes: dict[str, AttributeValue] = {}
    for name, attribute in (("temperature", gen_ai.GEN_AI_REQUEST_TEMPERATURE), ("top_p", gen_ai.GEN_AI_REQUEST_TOP_P)):
        value = number(body.get(name))
        if value is not None:
            attributes[attribute] = value
    if (limit := whole(body.get("max_output_tokens"))) is not None:
        attributes[gen_ai.GEN_AI_REQUEST_MAX_TOKENS] = limit
    if body.get("stream") is True:
        attributes[semconv.REQUEST_STREAM] = True
    tier = text(body.get("service_tier"))
    if tier is not None and tier != "auto":
        attributes[semconv.OPENAI_REQUEST_SERVICE_TIER] = tier
    if (previous := text(body.get("previous_response_id"))) is not None:
        attributes[semconv.REQUEST_PREVIOUS_RESPONSE_ID] = previous
    _add_references(body, attributes)
    tools = [fields(tool) for tool in items(body.get("tools"))]
    options = fields(body.get("background_options"))
    return Request(
        model=text(body.get("model")),
        stream=body.get("stream") is True,
        attributes=attributes,
        window=text(options.get("completion_window")),
        background=body.get("background") is True,
        tools=tuple(name for tool in tools if (name := text(tool.get("type")))),
        container_memory=next((memory for tool in tools if (memory := memory_limit(tool))), None),
        image_model=next((text(tool.get("model")) for tool in tools if tool.get("type") == "image_generation"), None),
    )


def _add_references(body: Fields, attributes: dict[str, AttributeValue]) -> None:
    """Attributes of objects that a request may refer to."""
    if (effort := text(fields(body.get("reasoning")).get("effort"))) is not None:
        attributes[semconv.REQUEST_REASONING_LEVEL] = effort
    conversation = body.get("conversation")
    if conversation is not None:
        identifier = text(conversation) or text(fields(conversation).get("id"))
        if identifier is not None:
            attributes[gen_ai.GEN_AI_CONVERSATION_ID] = identifier
    prompt = body.get("prompt")
    if prompt is not None:
        of = fields(prompt)
        if (name := text(of.get("id"))) is not None:
            attributes[semconv.PROMPT_NAME] = name
        if (version := text(of.get("version"))) is not None:
            attributes[semconv.PROMPT_VERSION] = version
    wanted = fields(fields(body.get("text")).get("format")).get("type")
    output_type = _OUTPUT_TYPES.get(text(wanted) or "")
    if output_type is not None:
        attributes[gen_ai.GEN_AI_OUTPUT_TYPE] = output_type


def read_response(body: Fields, request: Request) -> Response:
    """Reads a response object, complete or not."""
    used = body.get("usage")
    counts = tokens(used)
    status = text(body.get("status"))
    error = body.get("error")
    return Response(
        id=text(body.get("id")),
        model=text(body.get("model")),
        created=number(body.get("created_at")),
        service_tier=text(body.get("service_tier")),
        finish_reasons=_finish_reasons(body, status),
        usage=None if counts is None else Usage(counts, (), response_fees(body, request), tool_models(body, request)),
        status=status,
        error_type=error_type(error) if status == "failed" else None,
        compacted=body.get("object") == "response.compaction",
        reported=None if used is None else in_usage(used),
        is_job=body.get("background") is True or request.background,
        finished=status in ("completed", "incomplete", "failed", "cancelled"),
    )


def _finish_reasons(body: Fields, status: str | None) -> tuple[str, ...]:
    """The Responses API has statuses instead: completed is ``stop``, incomplete names its reason."""
    if status == "completed":
        called = any(fields(item).get("type") == "function_call" for item in items(body.get("output")))
        return ("tool_calls",) if called else ("stop",)
    if status == "incomplete":
        reason = text(fields(body.get("incomplete_details")).get("reason")) or status
        return (_INCOMPLETE.get(reason, reason),)
    return ("error",) if status in ("failed", "cancelled") else ()


_INCOMPLETE = {"max_output_tokens": "length"}


class ResponseEvents:
    """Folds the events of a streamed response: the first names it, the terminal one carries everything.

    Args:
        request: the request it answers.
        read: reads the response object inside an event.
    """

    __slots__ = ("_read", "_request", "_response", "_seen")

    def __init__(self, request: Request, read: Callable[[Fields, Request], Response] = read_response) -> None:
        self._request, self._read = request, read
        self._response = Response()
        self._seen = False

    @property
    def identified(self) -> bool:
        """A resumed stream may open with any event; the terminal one says all that matters."""
        return self._seen

    def read(self, data: Fields) -> bool:
        """Takes one event; the terminal ones and an error are the last."""
        self._seen = True
        kind = data.get("type")
        if kind == "error" or (kind is None and data.get("error")):
            self._response = self._response._replace(error_type=error_type(data.get("error") or data))
            return True
        of = data.get("response")
        if of is not None:
            self._response = self._read(fields(of), self._request)
        return kind in _TERMINAL

    def response(self) -> Response:
        """The response as far as the events told."""
        return self._response


RESPONSES = Endpoint(
    name="responses",
    operation="chat",
    kind="inference",
    read_request=read_request,
    read_response=read_response,
    events=ResponseEvents,
    markers=_MARKERS,
    ending=b'"response"',
    is_read_whole=True,
    attributes={semconv.OPENAI_API_TYPE: "responses"},
    priced_by="tokens, and the fees of hosted tools",
)
