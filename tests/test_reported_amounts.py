# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Amounts that a provider or a gateway reports itself: passed on unchanged, on every host."""

from decimal import Decimal

import openai
import pytest

from support.clients import needs_responses
from support.expect import (
    COST,
    UNPRICED,
    ask,
    assert_priced,
    chat,
    money,
    response,
    streamed,
)
from support.payloads import DONE, event
from support.server import json_answer, sse_answer

# --- amounts that the far end reports ---

ROUTER = "https://openrouter.ai/api/v1"


def test_a_cost_in_the_usage_is_passed_on_unchanged(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat("openai/gpt-6.1-sol", (500, 20), usage={"cost": 0.00123})))
    ask(client(base_url=ROUTER), model="openai/gpt-6.1-sol")
    attributes = telemetry.attributes()
    assert attributes["gen_ai.usage.cost.amount"] == 0.00123
    assert attributes["gen_ai.usage.cost.currency"] == "USD"
    assert attributes["gen_ai.usage.cost.source"] == "provider"
    assert attributes["openai_cost.status"] == "priced"
    assert "openai_cost.input" not in attributes
    labels, point = telemetry.point(COST)
    assert labels["gen_ai.usage.cost.source"] == "provider"
    assert point.sum == 0.00123


def test_with_the_caller_s_own_key_at_the_router_both_bills_are_added(server, client, instrument, telemetry):
    instrument()
    usage = {"cost": 0.000375, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.0075}}
    server.queue(json_answer(chat("openai/gpt-4o", (1000, 500), usage=usage)))
    ask(client(base_url=ROUTER), model="openai/gpt-4o")
    assert money(telemetry.attributes()["gen_ai.usage.cost.amount"]) == Decimal("0.007875")


def test_a_cost_in_the_last_chunk_of_a_stream_is_passed_on(server, client, instrument, telemetry):
    instrument()
    steps = [step.replace(b'"total_tokens":2000', b'"total_tokens":2000,"cost":0.5') for step in streamed()]
    server.queue(sse_answer(steps))
    list(ask(client(base_url=ROUTER), stream=True))
    attributes = telemetry.attributes()
    assert attributes["gen_ai.usage.cost.amount"] == 0.5
    assert attributes["gen_ai.usage.cost.source"] == "provider"


def test_what_a_stream_cost_until_its_error_is_in_the_error_s_own_chunk(server, client, instrument, telemetry):
    instrument()
    used = {"prompt_tokens": 43, "completion_tokens": 10, "total_tokens": 53, "cost": 0.25}
    failed = {"error": {"code": 400, "message": "Token limit reached"}, "choices": [], "usage": used}
    server.queue(sse_answer([*streamed(usage=False)[:2], event(failed), DONE]))
    with pytest.raises(openai.APIError):
        list(ask(client(base_url=ROUTER), stream=True))
    attributes = telemetry.attributes()
    assert attributes["error.type"] == "_OTHER"
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == (43, 10)
    assert attributes["gen_ai.usage.cost.amount"] == 0.25
    assert attributes["gen_ai.usage.cost.source"] == "provider"
    assert telemetry.point(COST)[1].count == 1
    assert telemetry.points(UNPRICED) == []


@pytest.mark.parametrize("raw", [False, True])
def test_a_cost_in_the_gateway_s_header_is_passed_on(server, client, instrument, telemetry, raw):
    instrument()
    server.queue(json_answer(chat(), headers={"x-litellm-response-cost": "0.0421"}))
    completions = client(base_url="http://litellm.internal:4000").chat.completions
    create = completions.with_raw_response.create if raw else completions.create
    create(model="gpt-5.5", messages=[{"role": "user", "content": "x"}])
    attributes = telemetry.attributes()
    assert attributes["gen_ai.usage.cost.amount"] == 0.0421
    assert attributes["gen_ai.usage.cost.source"] == "provider"


def test_the_body_wins_over_the_header(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat(usage={"cost": 0.25}), headers={"x-litellm-response-cost": "0.5"}))
    ask(client(base_url=ROUTER))
    assert telemetry.attributes()["gen_ai.usage.cost.amount"] == 0.25


def test_our_own_price_stands_beside_a_reported_one(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat(), headers={"x-litellm-response-cost": "0.04"}))
    ask(client())
    attributes = telemetry.attributes()
    assert attributes["gen_ai.usage.cost.amount"] == 0.04
    assert money(attributes["openai_cost.estimated_amount"]) == Decimal("0.035")
    assert money(telemetry.point(COST)[1].sum) == Decimal("0.04")


@pytest.mark.parametrize("reported", ["0", "0.0", "", "None", "-1", "nan", "inf", "1e999", "lots"])
def test_a_reported_amount_that_is_none_is_ignored(server, client, instrument, telemetry, reported):
    instrument()
    server.queue(json_answer(chat(), headers={"x-litellm-response-cost": reported}))
    ask(client())
    assert telemetry.attributes()["gen_ai.usage.cost.source"] == "local"
    assert_priced(telemetry, "0.035")


@pytest.mark.parametrize("reported", [0, -0.5, None, "0.5x", True, {"total": 1}, [1]])
def test_a_reported_cost_in_the_body_that_is_none_is_ignored(server, client, instrument, telemetry, reported):
    instrument()
    server.queue(json_answer(chat(usage={"cost": reported})))
    ask(client())
    assert telemetry.attributes()["gen_ai.usage.cost.source"] == "local"
    assert_priced(telemetry, "0.035")


@needs_responses
def test_a_cost_reported_with_a_response_is_passed_on(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(response(usage={"cost": 0.75})))
    client(base_url=ROUTER).responses.create(model="gpt-5.5", input="x")
    assert telemetry.attributes()["gen_ai.usage.cost.amount"] == 0.75


@pytest.mark.parametrize(
    "headers",
    [
        {"x-litellm-cache-key": "k", "x-litellm-response-cost": "0.0"},
        {"cf-aig-cache-status": "HIT"},
        {"x-portkey-cache-status": "HIT"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_an_answer_from_a_gateways_cache_costs_nothing(server, client, instrument, telemetry, headers):
    instrument()
    server.queue(json_answer(chat(usage={"cost": 0.5}), headers=headers))
    ask(client(base_url="https://gateway.example/v1"))
    attributes = telemetry.attributes()
    assert attributes["gen_ai.usage.cost.amount"] == 0.0
    assert attributes["gen_ai.usage.cost.source"] == "provider"
