# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Legacy completions: what a span says of request, response, usage and cost."""

from decimal import Decimal

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from support.expect import AT_OPENAI, COST, assert_no_cost, assert_same, conventional, money
from support.payloads import events, payload
from support.server import json_answer, sse_answer

MODEL = "gpt-3.5-turbo-instruct"


def complete(client, **options):
    return client.completions.create(**{"model": MODEL, "prompt": "The capital of France is", **options})


def test_a_call_makes_one_client_span_with_the_conventional_attributes(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("completion_legacy.json")))
    complete(client())
    span = telemetry.span()
    assert (span.name, span.kind) == (f"text_completion {MODEL}", SpanKind.CLIENT)
    assert span.status.status_code is StatusCode.UNSET
    assert_same(
        conventional(span.attributes),
        {
            **AT_OPENAI,
            "gen_ai.operation.name": "text_completion",
            "gen_ai.request.model": MODEL,
            "gen_ai.response.id": "cmpl-1",
            "gen_ai.response.model": MODEL,
            "gen_ai.response.finish_reasons": ("stop",),
            "gen_ai.usage.input_tokens": 6,
            "gen_ai.usage.output_tokens": 3,
            # 6 tokens at 1.5 and 3 at 2
            "gen_ai.usage.cost.amount": 0.000015,
            "gen_ai.usage.cost.currency": "USD",
            "gen_ai.usage.cost.source": "local",
        },
    )


def test_parameters_of_the_request_are_recorded_with_their_types(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("completion_legacy.json")))
    complete(client(), temperature=0, max_tokens=16, n=2, stop=["\n"], seed=1)
    attributes = telemetry.attributes()
    expected = {
        "gen_ai.request.temperature": 0.0,
        "gen_ai.request.max_tokens": 16,
        "gen_ai.request.choice.count": 2,
        "gen_ai.request.stop_sequences": ("\n",),
        "gen_ai.request.seed": 1,
    }
    assert_same({key: attributes.get(key) for key in expected}, expected)


def test_a_stream_with_usage_is_priced(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("completion_legacy_stream_with_usage.sse")))
    chunks = list(complete(client(), stream=True, extra_body={"stream_options": {"include_usage": True}}))
    assert len(chunks) == 3
    attributes = telemetry.attributes()
    assert attributes["gen_ai.request.stream"] is True
    assert attributes["gen_ai.response.id"] == "cmpl-2"
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)
    # 6 tokens at 1.5 and 2 at 2
    assert money(attributes["gen_ai.usage.cost.amount"]) == Decimal("0.000013")


def test_the_davinci_family_has_the_price_it_had(server, client, instrument, telemetry):
    instrument()
    usage = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
    body = payload("completion_legacy.json", model="text-davinci-003", usage=usage, created=1_690_000_000)
    server.queue(json_answer(body))
    complete(client(), model="text-davinci-003")
    assert money(telemetry.attributes()["gen_ai.usage.cost.amount"]) == Decimal("0.03")


def test_the_instruct_model_answers_by_a_name_with_a_colon_and_is_priced(server, client, instrument, telemetry):
    instrument()
    usage = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
    server.queue(
        json_answer(payload("completion_legacy.json", model="gpt-3.5-turbo-instruct:20230824-v2", usage=usage))
    )
    complete(client())
    attributes = telemetry.attributes()
    assert attributes["gen_ai.request.model"] == "gpt-3.5-turbo-instruct"
    assert attributes["gen_ai.response.model"] == "gpt-3.5-turbo-instruct:20230824-v2"
    assert money(attributes["gen_ai.usage.cost.amount"]) == Decimal("0.0025")


def test_a_response_without_usage_is_unpriced(server, client, instrument, telemetry):
    instrument()
    body = payload("completion_legacy.json")
    del body["usage"]
    server.queue(json_answer(body))
    complete(client())
    assert_no_cost(telemetry.attributes())
    assert telemetry.attributes()["openai_cost.unpriced.reason"] == "no_usage"


async def test_the_asynchronous_client_makes_the_same_span(server, client, async_client, instrument, telemetry):
    instrument()
    server.route("POST", "/v1/completions", json_answer(payload("completion_legacy.json")))
    complete(client())
    await complete(async_client())
    synchronous, asynchronous = telemetry.spans()
    assert asynchronous.attributes == synchronous.attributes


@pytest.mark.parametrize("count", [1, 2])
def test_every_call_counts_once_in_the_cost(server, client, instrument, telemetry, count):
    instrument()
    server.route("POST", "/v1/completions", json_answer(payload("completion_legacy.json")))
    one = client()
    for _ in range(count):
        complete(one)
    attributes, point = telemetry.point(COST)
    assert attributes["gen_ai.operation.name"] == "text_completion"
    assert point.count == count
    assert point.sum == pytest.approx(0.000015 * count)
