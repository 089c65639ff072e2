# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Containers: the fee of the first five minutes is known when one is made, and nothing else."""

from decimal import Decimal

import openai
import pytest
from opentelemetry.trace import SpanKind

from opentelemetry.instrumentation.openai_cost import containers
from support.clients import OPENAI_VERSION
from support.expect import (
    AT_OPENAI,
    COST,
    DURATION,
    TOKENS,
    UNPRICED,
    assert_failed,
    assert_no_cost,
    assert_same,
    assert_unpriced,
    conventional,
    money,
    response,
)
from support.payloads import payload
from support.server import json_answer
from support.ways import WAYS, async_call, call

needs_containers = pytest.mark.skipif(OPENAI_VERSION < (1, 81), reason="the client has no containers")


def make(client, **body):
    return client.post("/containers", cast_to=object, body={"name": "a secret name", **body})


def assert_at_least(telemetry, amount):
    """A lower bound of so much, in no sum."""
    attributes = telemetry.attributes()
    assert_no_cost(attributes)
    assert attributes["openai_cost.status"] == "partial"
    assert attributes["openai_cost.unpriced.reason"] == "missing_rate"
    assert money(attributes["openai_cost.partial_amount"]) == Decimal(amount)
    assert telemetry.points(COST) == []
    assert telemetry.point(UNPRICED)[1].value == 1


def test_a_container_makes_one_client_span_without_a_model(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("container.json")))
    make(client())
    span = telemetry.span()
    assert (span.name, span.kind) == ("create_container", SpanKind.CLIENT)
    assert_same(conventional(span.attributes), {**AT_OPENAI, "gen_ai.operation.name": "create_container"})


def test_five_minutes_of_its_memory_are_the_least_that_a_container_costs(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("container.json")))
    make(client())
    # 4 GB at 0.12 for twenty minutes
    assert_at_least(telemetry, "0.03")


def test_the_metrics_know_the_operation_and_no_model(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("container.json")))
    make(client())
    common = {**AT_OPENAI, "gen_ai.operation.name": "create_container"}
    assert telemetry.point(DURATION)[0] == common
    assert telemetry.point(UNPRICED)[0] == {**common, "openai_cost.unpriced.reason": "missing_rate"}
    assert telemetry.points(TOKENS) == []


@needs_containers
@pytest.mark.parametrize("way", WAYS)
def test_a_container_is_the_same_however_the_response_is_taken(server, client, instrument, telemetry, way):
    instrument()
    server.route("POST", "/v1/containers", json_answer(payload("container.json")))
    one = client()
    make(one)
    call(one.containers, way, name="c")
    posted, other = telemetry.spans()
    assert other.name == posted.name
    assert other.attributes == posted.attributes


@needs_containers
@pytest.mark.parametrize("way", WAYS)
async def test_an_asynchronous_container_is_the_same(server, async_client, instrument, telemetry, way):
    instrument()
    server.queue(json_answer(payload("container.json")))
    await async_call(async_client().containers, way, name="c")
    assert_at_least(telemetry, "0.03")


@pytest.mark.parametrize(
    ("asked", "stated", "amount"),
    [
        ({}, {"memory_limit": "64g"}, "0.48"),
        ({"memory_limit": "16g"}, {"memory_limit": "1g"}, "0.0075"),
        ({"memory_limit": "16g"}, {"memory_limit": None}, "0.12"),
        ({}, {"memory_limit": None}, "0.0075"),
    ],
    ids=["as stated", "stated, not as asked", "as asked", "by default"],
)
def test_the_memory_is_the_stated_one_else_the_one_asked_for_else_the_smallest(
    server, client, instrument, telemetry, asked, stated, amount
):
    instrument()
    server.queue(json_answer(payload("container.json", **stated)))
    make(client(), **asked)
    assert_at_least(telemetry, amount)


def test_a_size_without_a_price_is_a_missing_rate(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("container.json", memory_limit="128g")))
    make(client())
    assert_unpriced(telemetry, "missing_rate")


def test_a_host_whose_prices_are_not_known_has_no_fee(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("container.json")))
    make(client(base_url="https://llm.example/v1"))
    assert_unpriced(telemetry, "unknown_provider")


def test_names_and_files_are_not_recorded(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer({**payload("container.json"), "name": "a secret name"}))
    make(client(), file_ids=["file-secret"])
    assert "secret" not in telemetry.span().to_json()


def test_a_container_that_was_not_made_has_no_fee(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer({"error": {"message": "no", "code": "bad"}}, status=400))
    one = client()
    with pytest.raises(openai.BadRequestError):
        make(one)
    assert_failed(telemetry, "BadRequestError")
    assert "openai_cost.partial_amount" not in telemetry.attributes()


def test_looking_at_a_container_or_filling_it_makes_no_span(server, client, instrument, telemetry):
    instrument()
    server.route("GET", "/v1/containers/cntr_68aa", json_answer(payload("container.json")))
    server.route("POST", "/v1/containers/cntr_68aa/files", json_answer({"id": "cfile_1"}))
    one = client()
    one.get("/containers/cntr_68aa", cast_to=object)
    one.post("/containers/cntr_68aa/files", cast_to=object, body={"file_id": "file-1"})
    assert telemetry.spans() == ()


def working_in(container):
    """A response whose code ran there."""
    call = {"id": "ci_1", "type": "code_interpreter_call", "status": "completed", "container_id": container}
    return response(tools=[{"type": "code_interpreter", "container": container}], output=[call])


def least(telemetry):
    return [money(span.attributes["openai_cost.partial_amount"]) for span in telemetry.spans()]


@pytest.mark.skipif(OPENAI_VERSION < (1, 66), reason="this client has no Responses API")
def test_a_container_that_was_made_here_has_its_least_there_and_not_in_the_responses(
    server, client, instrument, telemetry
):
    instrument()
    server.queue(json_answer(payload("container.json", id="cntr_7")))
    server.queue(json_answer(working_in("cntr_7")), json_answer(working_in("cntr_8")))
    one = client()
    make(one)
    for _ in range(2):
        one.responses.create(model="gpt-5.5", input="x")
    # 0.03 for its 4 GB; tokens of 0.035, and 0.0075 for the one of somebody else's.
    assert least(telemetry) == [Decimal("0.03"), Decimal("0.035"), Decimal("0.0425")]


@pytest.mark.skipif(OPENAI_VERSION < (1, 66), reason="this client has no Responses API")
def test_of_too_many_containers_the_oldest_are_forgotten(server, client, instrument, telemetry, monkeypatch):
    monkeypatch.setattr(containers, "_MAX_IDS", 2)
    instrument()
    one = client()
    for container in ("cntr_1", "cntr_2", "cntr_3", "cntr_2", "cntr_1"):
        server.queue(json_answer(working_in(container)))
        one.responses.create(model="gpt-5.5", input="x")
    new, known = Decimal("0.0425"), Decimal("0.035")
    assert least(telemetry) == [new, new, new, known, new]
