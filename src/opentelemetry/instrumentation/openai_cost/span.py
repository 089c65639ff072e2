# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The operation's own span: what it says when it starts, and when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Status, StatusCode, Tracer

from . import semconv
from .account import Account
from .endpoints import Endpoint, Request, Response
from .outcome import Attributes
from .provider import Server
from .usage import MAX_COUNT

if TYPE_CHECKING:
    from .operation import Operation

_TOKEN_ATTRIBUTES = (
    gen_ai.GEN_AI_USAGE_INPUT_TOKENS,
    gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS,
    semconv.USAGE_CACHE_READ,
    semconv.USAGE_CACHE_WRITE,
    semconv.OWN_CACHE_WRITE_30M_TOKENS,
    semconv.OWN_CACHE_WRITE_12H_TOKENS,
    semconv.USAGE_REASONING,
    semconv.USAGE_TEXT_INPUT,
    semconv.USAGE_AUDIO_INPUT,
    semconv.USAGE_IMAGE_INPUT,
    semconv.USAGE_TEXT_OUTPUT,
    semconv.USAGE_AUDIO_OUTPUT,
    semconv.USAGE_IMAGE_OUTPUT,
    semconv.USAGE_TEXT_CACHE_READ,
    semconv.USAGE_AUDIO_CACHE_READ,
    semconv.USAGE_IMAGE_CACHE_READ,
)
"""Span attribute of every field of ``Tokens``, in order."""


def start_span(
    tracer: Tracer,
    endpoint: Endpoint,
    server: Server,
    request: Request,
    context: Context,
    account: Account | None,
) -> Span:
    """Starts the span of an operation, with all that is known beforehand."""
    model = request.model
    attributes: Attributes = {
        gen_ai.GEN_AI_OPERATION_NAME: endpoint.operation,
        **server.attributes,
        **endpoint.attributes,
        **request.attributes,
    }
    if model is not None:
        attributes[gen_ai.GEN_AI_REQUEST_MODEL] = model
    if account is not None:
        attributes = {**account.exact, **attributes}
    name = endpoint.operation if model is None else f"{endpoint.operation} {model}"
    return tracer.start_span(name, context, SpanKind.CLIENT, attributes)


def describe(operation: Operation, response: Response, error_type: str | None, cost: Attributes) -> None:
    """Puts the response, its usage and its cost on the operation's own span."""
    span = operation.span or INVALID_SPAN
    if not span.is_recording():
        return
    attributes: Attributes = {}
    if response.id is not None:
        attributes[gen_ai.GEN_AI_RESPONSE_ID] = response.id
    if response.model is not None:
        attributes[gen_ai.GEN_AI_RESPONSE_MODEL] = response.model
    if response.finish_reasons:
        attributes[gen_ai.GEN_AI_RESPONSE_FINISH_REASONS] = response.finish_reasons
    if response.service_tier is not None:
        attributes[semconv.OPENAI_RESPONSE_SERVICE_TIER] = response.service_tier
    if response.system_fingerprint is not None:
        attributes[semconv.OPENAI_RESPONSE_SYSTEM_FINGERPRINT] = response.system_fingerprint
    if response.compacted:
        attributes[semconv.CONVERSATION_COMPACTED] = True
    if response.attributes:
        attributes.update(response.attributes)
    first_chunk = operation.time_to_first_chunk
    if first_chunk is not None:
        attributes[semconv.RESPONSE_TIME_TO_FIRST_CHUNK] = first_chunk
    if response.usage is not None and response.usage.tokens is not None:
        for attribute, count in zip(_TOKEN_ATTRIBUTES, response.usage.tokens, strict=True):
            if count is not None and 0 <= count <= MAX_COUNT:
                attributes[attribute] = count
    attributes.update(cost)
    if error_type is not None:
        attributes[ERROR_TYPE] = error_type
        # No description: an error's message may repeat what the caller sent.
        span.set_status(Status(StatusCode.ERROR))
    span.set_attributes(attributes)
