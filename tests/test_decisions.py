# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Decisions: what a span says of request, response, usage and cost."""

from decimal import Decimal

import openai
import pytest
from opentelemetry.trace import SpanKind

from support.clients import OPENAI_VERSION
from support.expect import (
    AT_OPENAI,
    COST,
    assert_breakdown_adds_up,
    assert_failed,
    assert_priced,
    assert_same,
    assert_unpriced,
    conventional,
    money,
)
from support.payloads import payload
from support.server import json_answer
from support.ways import WAYS, async_call, call

needs_decisions = pytest.mark.skipif(OPENAI_VERSION < (3, 26), reason="the client has no decisions")

MODEL = "gpt-6-luna"
REQUEST = {
    "model": MODEL,
    "input": "A secret letter",
    "questions": [{"type": "predicate", "name": "is_secret", "instructions": "Is it secret?"}],
}


def decision(**changes):
    """210 tokens in, 128 of them cached, and 3 out."""
    return payload("decision.json", **{"model": MODEL, **changes})


def decide(client):
    return client.post("/decisions", cast_to=object, body=REQUEST)


def test_a_decision_makes_one_client_span_with_the_conventional_attributes(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(decision()))
    decide(client())
    span = telemetry.span()
    assert (span.name, span.kind) == (f"decisions {MODEL}", SpanKind.CLIENT)
    assert_same(
        conventional(span.attributes),
        {
            **AT_OPENAI,
            "gen_ai.operation.name": "decisions",
            "gen_ai.request.model": MODEL,
            "gen_ai.response.model": MODEL,
            "gen_ai.usage.input_tokens": 210,
            "gen_ai.usage.cache_read.input_tokens": 128,
            "gen_ai.usage.cache_write.input_tokens": 0,
            "gen_ai.usage.output_tokens": 3,
            "gen_ai.usage.reasoning.output_tokens": 0,
            # 82 tokens at 0.1 and 128 cached at 0.01
            "gen_ai.usage.cost.amount": 0.00000948,
            "gen_ai.usage.cost.currency": "USD",
            "gen_ai.usage.cost.source": "local",
        },
    )


def test_the_output_of_a_decision_is_free(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(decision()))
    decide(client())
    attributes = telemetry.attributes()
    assert attributes["openai_cost.output"] == 0.0
    assert_breakdown_adds_up(attributes)
    labels, point = telemetry.point(COST)
    assert labels["gen_ai.operation.name"] == "decisions"
    assert money(point.sum) == Decimal("0.00000948")


@needs_decisions
@pytest.mark.parametrize("way", WAYS)
def test_a_decision_is_the_same_however_the_response_is_taken(server, client, instrument, telemetry, way):
    instrument()
    server.route("POST", "/v1/decisions", json_answer(decision()))
    one = client()
    decide(one)
    call(one.decisions, way, **REQUEST)
    posted, other = telemetry.spans()
    assert other.name == posted.name
    assert other.attributes == posted.attributes


@needs_decisions
@pytest.mark.parametrize("way", WAYS)
async def test_an_asynchronous_decision_is_the_same(server, async_client, instrument, telemetry, way):
    instrument()
    server.queue(json_answer(decision()))
    await async_call(async_client().decisions, way, **REQUEST)
    assert_priced(telemetry, "0.00000948")


def test_another_model_has_the_rates_that_it_has_everywhere(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(decision(model="gpt-5.6-luna")))
    decide(client())
    # 82 at 0.2, 128 cached at 0.02 and 3 at 1.2
    assert_priced(telemetry, "0.00002256")


def test_a_decision_without_usage_has_no_price(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(decision(usage=None)))
    decide(client())
    assert_unpriced(telemetry, "no_usage")


def test_neither_the_input_nor_the_questions_are_recorded(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(decision()))
    decide(client())
    assert "secret" not in telemetry.span().to_json()
    assert "is_spam" not in telemetry.span().to_json()


def test_a_decision_that_failed_has_no_cost(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer({"error": {"message": "no", "code": "bad"}}, status=400))
    one = client()
    with pytest.raises(openai.BadRequestError):
        decide(one)
    assert_failed(telemetry, "BadRequestError")
