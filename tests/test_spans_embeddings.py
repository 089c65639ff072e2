# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Embeddings: what a span says of request, response, usage and cost."""

from decimal import Decimal

import openai
import pytest
from opentelemetry.trace import SpanKind, StatusCode

from support.clients import OPENAI_VERSION
from support.expect import AT_OPENAI, COST, TOKENS, assert_same, conventional, money
from support.payloads import payload
from support.server import json_answer

MODEL = "text-embedding-3-small"


def embed(client, **options):
    return client.embeddings.create(**{"model": MODEL, "input": "Hello", "encoding_format": "float", **options})


def embedding(tokens=1234, **changes):
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return payload("embeddings.json", usage=usage, **changes)


def test_a_call_makes_one_client_span_with_the_conventional_attributes(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(embedding()))
    embed(client(), extra_body={"dimensions": 3})
    span = telemetry.span()
    assert (span.name, span.kind) == (f"embeddings {MODEL}", SpanKind.CLIENT)
    assert span.status.status_code is StatusCode.UNSET
    assert_same(
        conventional(span.attributes),
        {
            **AT_OPENAI,
            "gen_ai.operation.name": "embeddings",
            "gen_ai.request.model": MODEL,
            "gen_ai.request.encoding_formats": ("float",),
            "gen_ai.embeddings.dimension.count": 3,
            "gen_ai.response.model": MODEL,
            "gen_ai.usage.input_tokens": 1234,
            # 1234 tokens at 0.02
            "gen_ai.usage.cost.amount": 0.00002468,
            "gen_ai.usage.cost.currency": "USD",
            "gen_ai.usage.cost.source": "local",
        },
    )


def test_only_input_tokens_are_counted(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(embedding()))
    embed(client())
    attributes, point = telemetry.point(TOKENS)
    assert attributes["gen_ai.token.type"] == "input"
    assert (point.sum, point.count) == (1234, 1)
    attributes, point = telemetry.point(COST)
    assert attributes["gen_ai.operation.name"] == "embeddings"
    assert money(point.sum) == Decimal("0.00002468")


@pytest.mark.skipif(OPENAI_VERSION < (1, 60), reason="the client decodes with numpy only")
def test_vectors_that_arrive_encoded_are_decoded_as_ever(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("embeddings_base64.json")))
    reply = client().embeddings.create(model=MODEL, input="Hello")
    assert reply.data[0].embedding == pytest.approx([0.1, 0.2, 0.3])
    assert telemetry.attributes()["gen_ai.usage.input_tokens"] == 8


def test_an_array_of_inputs_is_one_operation(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(embedding(tokens=20)))
    embed(client(), input=["a", "b", "c"])
    assert telemetry.attributes()["gen_ai.usage.input_tokens"] == 20


def test_a_failing_call_is_an_error(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("error_429.json"), status=429))
    with pytest.raises(openai.RateLimitError):
        embed(client())
    assert telemetry.span().status.status_code is StatusCode.ERROR


async def test_the_asynchronous_client_makes_the_same_span(server, client, async_client, instrument, telemetry):
    instrument()
    server.route("POST", "/v1/embeddings", json_answer(embedding()))
    embed(client())
    await embed(async_client())
    synchronous, asynchronous = telemetry.spans()
    assert asynchronous.attributes == synchronous.attributes
