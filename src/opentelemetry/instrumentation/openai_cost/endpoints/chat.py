# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Chat completions (``POST /chat/completions``)."""

from __future__ import annotations

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.util.types import AttributeValue

from .. import semconv
from ..named_tuple import new
from ..usage import Usage
from ._chat_events import MARKERS, MIDWAY, ChunkReader, in_order
from ._facts import MAX_DOCUMENT, Endpoint, Request, Response
from ._fields import Fields, fields, items, number, text, tokens, whole
from ._gateway import in_usage
from ._tools import chat_fees

_NUMBERS = (
    ("temperature", gen_ai.GEN_AI_REQUEST_TEMPERATURE),
    ("top_p", gen_ai.GEN_AI_REQUEST_TOP_P),
    ("frequency_penalty", gen_ai.GEN_AI_REQUEST_FREQUENCY_PENALTY),
    ("presence_penalty", gen_ai.GEN_AI_REQUEST_PRESENCE_PENALTY),
)
_OUTPUT_TYPES = {"json_object": "json", "json_schema": "json", "text": "text"}


def common_attributes(body: Fields) -> dict[str, AttributeValue]:
    """Request attributes that chat completions and legacy completions share."""
    attributes: dict[str, AttributeValue] = {}
    for name, attribute in _NUMBERS:
        value = body.get(name)
        if value is not None and (value := number(value)) is not None:
            attributes[attribute] = value
    limit = body.get("max_completion_tokens")
    if limit is None:
        limit = body.get("max_tokens")
    if limit is not None and (limit := whole(limit)) is not None:
        attributes[gen_ai.GEN_AI_REQUEST_MAX_TOKENS] = limit
    if (seed := body.get("seed")) is not None and (seed := whole(seed)) is not None:
        attributes[gen_ai.GEN_AI_REQUEST_SEED] = seed
    if (count := body.get("n")) is not None and (count := whole(count)) is not None and count != 1:
        attributes[gen_ai.GEN_AI_REQUEST_CHOICE_COUNT] = count
    if (stop := body.get("stop")) is not None:
        given = [stop] if isinstance(stop, str) else items(stop)
        sequences = [sequence for item in given if (sequence := text(item)) is not None]
        if sequences:
            attributes[gen_ai.GEN_AI_REQUEST_STOP_SEQUENCES] = sequences
    if body.get("stream") is True:
        attributes[semconv.REQUEST_STREAM] = True
    tier = body.get("service_tier")
    if tier is not None and tier != "auto" and (tier := text(tier)) is not None:
        attributes[semconv.OPENAI_REQUEST_SERVICE_TIER] = tier
    return attributes


def read_request(body: Fields) -> Request:
    """Reads the JSON body of a chat completion."""
    attributes = common_attributes(body)
    if (effort := body.get("reasoning_effort")) is not None and (effort := text(effort)) is not None:
        attributes[semconv.REQUEST_REASONING_LEVEL] = effort
    output_type = _output_type(body)
    if output_type is not None:
        attributes[gen_ai.GEN_AI_OUTPUT_TYPE] = output_type
    return Request(
        model=text(body.get("model")),
        stream=body.get("stream") is True,
        attributes=attributes,
        chat_search=body.get("web_search_options") is not None,
    )


def read_response(body: Fields, request: Request) -> Response:
    """Reads a chat completion."""
    reasons = {
        position: reason
        for position, choice in enumerate(items(body.get("choices")))
        if (reason := text(fields(choice).get("finish_reason"))) is not None
    }
    model = text(body.get("model"))
    used = fields(body.get("usage"))
    counts = tokens(used)
    usage = None if counts is None else new(Usage, (counts, (), chat_fees(request, model), (), False))
    # By position: keywords would double the time.
    response = Response(
        text(body.get("id")),
        model,
        number(body.get("created")),
        text(body.get("service_tier")),
        in_order(reasons),
        text(body.get("system_fingerprint")),
        usage,
    )
    reported = in_usage(used) if used else None
    return response if reported is None else response._replace(reported=reported)


def _output_type(body: Fields) -> str | None:
    modalities = body.get("modalities")
    if modalities is not None and "audio" in items(modalities):
        return "speech"
    wanted = body.get("response_format")
    return None if wanted is None else _OUTPUT_TYPES.get(text(fields(wanted).get("type")) or "")


CHAT = Endpoint(
    name="chat",
    operation="chat",
    kind="inference",
    read_request=read_request,
    read_response=read_response,
    events=ChunkReader,
    markers=MARKERS,
    midway=MIDWAY,
    usage_if_asked=True,
    outlined_above=MAX_DOCUMENT,
    attributes={semconv.OPENAI_API_TYPE: "chat_completions"},
    priced_by="tokens, and the fee of a web search",
)
