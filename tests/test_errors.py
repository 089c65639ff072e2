# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Errors: the caller gets the very exception, the operation ends once, and what was billed is counted even if it raised."""

import asyncio
import importlib.util
from decimal import Decimal

import openai
import pytest
from opentelemetry.trace import StatusCode

from support.clients import OPENAI_VERSION
from support.expect import (
    COST,
    DURATION,
    MESSAGES,
    TOKENS,
    UNPRICED,
    ask,
    assert_ended_once,
    assert_failed,
    assert_priced,
    chat,
    money,
    response,
)
from support.payloads import payload
from support.server import Gate, bytes_answer, drop_answer, json_answer

can_parse = pytest.mark.skipif(OPENAI_VERSION < (1, 50), reason="the client has no parse of its own request")


def refusal(status, **error):
    return json_answer({"error": {"message": "no", "type": "t", "param": None, "code": None, **error}}, status=status)


def parse(client, **options):
    completions = client.chat.completions
    method = completions.parse if hasattr(completions, "parse") else client.beta.chat.completions.parse
    return method(**{"model": "gpt-5.5", "messages": MESSAGES, **options})


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
def test_a_refusal_is_raised_and_recorded_as_an_error(server, client, instrument, telemetry, status, error):
    instrument()
    server.queue(refusal(status))
    with pytest.raises(error) as caught:
        ask(client())
    assert type(caught.value) is error
    assert_failed(telemetry, error.__name__)
    assert telemetry.span().name == "chat gpt-5.5"


def test_what_an_error_says_is_not_recorded_since_it_may_repeat_the_prompt(server, client, instrument, telemetry):
    instrument()
    server.queue(refusal(400, message="Invalid prompt: 'a secret question'"))
    with pytest.raises(openai.BadRequestError, match="a secret question"):
        ask(client())
    assert "secret" not in telemetry.span().to_json()


def test_a_refused_call_has_the_attributes_of_its_request_only(server, client, instrument, telemetry):
    instrument()
    server.queue(refusal(429))
    with pytest.raises(openai.RateLimitError):
        ask(client(), temperature=0.5)
    attributes = telemetry.attributes()
    assert attributes["gen_ai.request.temperature"] == 0.5
    assert attributes["server.address"] == "api.openai.com"
    assert not [key for key in attributes if ".response." in key or ".usage." in key]


def test_a_refused_call_is_no_price_of_zero(server, client, instrument, telemetry):
    instrument()
    server.queue(refusal(429))
    with pytest.raises(openai.RateLimitError):
        ask(client())
    assert telemetry.points(COST) == []
    assert sum(point.value for _, point in telemetry.points(UNPRICED)) <= 1


def test_the_duration_of_a_refused_call_carries_the_error(server, client, instrument, telemetry):
    instrument()
    server.queue(refusal(429))
    with pytest.raises(openai.RateLimitError):
        ask(client())
    attributes, point = telemetry.point(DURATION)
    assert point.count == 1
    assert attributes["error.type"].endswith("RateLimitError")
    assert attributes["gen_ai.request.model"] == "gpt-5.5"
    assert "gen_ai.response.model" not in attributes


def test_retries_are_one_operation_with_the_cost_of_the_answer(server, client, instrument, telemetry):
    instrument()
    again = {"retry-after-ms": "1"}
    error = payload("error_429.json")
    server.queue(json_answer(error, status=500, headers=again), json_answer(error, status=429, headers=again))
    server.queue(json_answer(chat()))
    ask(client(max_retries=2))
    assert len(server.requests) == 3
    assert_priced(telemetry, "0.035")
    assert "error.type" not in telemetry.attributes()


def test_retries_that_all_fail_are_one_failed_operation(server, client, instrument, telemetry):
    instrument()
    server.route(
        "POST",
        "/v1/chat/completions",
        json_answer(payload("error_429.json"), status=503, headers={"retry-after-ms": "1"}),
    )
    with pytest.raises(openai.InternalServerError):
        ask(client(max_retries=2))
    assert len(server.requests) == 3
    assert_failed(telemetry, "InternalServerError")


def test_a_dropped_connection_is_an_error(server, client, instrument, telemetry):
    instrument()
    server.queue(drop_answer())
    with pytest.raises(openai.APIConnectionError):
        ask(client())
    assert_failed(telemetry, "APIConnectionError")


def test_a_connection_dropped_once_and_retried_is_no_error(server, client, instrument, telemetry):
    instrument()
    server.queue(drop_answer(), json_answer(chat()))
    ask(client(max_retries=1))
    assert_priced(telemetry, "0.035")


def test_a_timeout_is_an_error(server, client, instrument, telemetry):
    instrument()
    gate = Gate()
    server.queue(json_answer(chat(), before=[gate]))
    with pytest.raises(openai.APITimeoutError):
        ask(client(timeout=0.1))
    gate.open()
    assert_failed(telemetry, "APITimeoutError")


async def test_an_asynchronous_refusal_is_raised_and_recorded_as_an_error(server, async_client, instrument, telemetry):
    instrument()
    server.queue(refusal(404))
    with pytest.raises(openai.NotFoundError):
        await ask(async_client())
    assert_failed(telemetry, "NotFoundError")


async def test_asynchronous_retries_are_one_operation(server, async_client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("error_429.json"), status=500, headers={"retry-after-ms": "1"}))
    server.queue(json_answer(chat()))
    await ask(async_client(max_retries=1))
    assert_priced(telemetry, "0.035")


@pytest.mark.skipif(OPENAI_VERSION < (1, 3), reason="the client lets the error of its HTTP library through")
async def test_an_asynchronous_timeout_is_an_error(server, async_client, instrument, telemetry):
    instrument()
    gate = Gate()
    server.queue(json_answer(chat(), before=[gate]))
    with pytest.raises(openai.APITimeoutError):
        await ask(async_client(timeout=0.1))
    gate.open()
    assert_failed(telemetry, "APITimeoutError")


async def test_a_task_cancelled_while_it_waits_is_an_error_and_is_cancelled(
    server, async_client, instrument, telemetry
):
    gate = Gate()
    instrument()
    server.queue(json_answer(chat(), before=[gate]))
    task = asyncio.create_task(ask(async_client()))
    await asyncio.to_thread(gate.wait_until_reached)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.open()
    assert_failed(telemetry, "CancelledError")


async def test_a_caller_s_own_timeout_is_an_error_of_the_call(server, async_client, instrument, telemetry):
    gate = Gate()
    instrument()
    server.queue(json_answer(chat(), before=[gate]))
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(ask(async_client()), 0.2)
    gate.open()
    assert_failed(telemetry, "CancelledError")


# --- billed, and raised all the same ---


@can_parse
def test_an_answer_too_long_to_parse_is_billed_and_raised(server, client, instrument, telemetry):
    instrument()
    body = chat()
    body["choices"][0]["finish_reason"] = "length"
    server.queue(json_answer(body))
    with pytest.raises(openai.LengthFinishReasonError):
        parse(client())
    span = assert_ended_once(telemetry)
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"].endswith("LengthFinishReasonError")
    assert money(span.attributes["gen_ai.usage.cost.amount"]) == Decimal("0.035")
    assert money(telemetry.point(COST)[1].sum) == Decimal("0.035")
    assert telemetry.point(TOKENS, **{"gen_ai.token.type": "output"})[1].sum == 1000
    assert telemetry.points(UNPRICED) == []


@can_parse
def test_the_parts_of_what_was_billed_and_raised_name_the_error(server, client, instrument, telemetry):
    instrument(component_metrics=True)
    body = chat()
    body["choices"][0]["finish_reason"] = "length"
    server.queue(json_answer(body), json_answer(chat()))
    one = client()
    with pytest.raises(openai.LengthFinishReasonError):
        parse(one)
    ask(one)
    costs: dict[str | None, Decimal] = {}
    for attributes, point in telemetry.points("openai_cost.cost"):
        error = attributes.get("error.type")
        costs[error] = costs.get(error, Decimal()) + money(point.value)
    (error,) = set(costs) - {None}
    assert str(error).endswith("LengthFinishReasonError")
    assert costs == {None: Decimal("0.035"), error: Decimal("0.035")}
    assert not [attributes for attributes, _ in telemetry.points(COST) if "error.type" in attributes]


@can_parse
def test_an_answer_that_does_not_fit_the_model_is_billed_and_raised(server, client, instrument, telemetry):
    import pydantic

    class Answer(pydantic.BaseModel):
        city: str

    instrument()
    body = chat()
    body["choices"][0]["message"]["content"] = '{"town": "Paris"}'
    server.queue(json_answer(body))
    with pytest.raises(pydantic.ValidationError):
        parse(client(), response_format=Answer)
    span = assert_ended_once(telemetry)
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"].endswith("ValidationError")
    assert money(telemetry.point(COST)[1].sum) == Decimal("0.035")


@can_parse
async def test_an_asynchronous_answer_too_long_to_parse_is_billed_and_raised(
    server, async_client, instrument, telemetry
):
    instrument()
    body = chat()
    body["choices"][0]["finish_reason"] = "length"
    server.queue(json_answer(body))
    with pytest.raises(openai.LengthFinishReasonError):
        await parse(async_client())
    assert_ended_once(telemetry)
    assert money(telemetry.point(COST)[1].sum) == Decimal("0.035")


@pytest.mark.skipif(OPENAI_VERSION < (1, 66), reason="the client has no Responses API")
def test_a_response_that_does_not_fit_the_model_is_billed_and_raised(server, client, instrument, telemetry):
    import pydantic

    class Answer(pydantic.BaseModel):
        city: str

    text = {"type": "output_text", "text": '{"town": "Paris"}', "annotations": []}
    message = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
    instrument()
    server.queue(json_answer(response(output=[message])))
    with pytest.raises(pydantic.ValidationError):
        client().responses.parse(model="gpt-5.5", input="x", text_format=Answer)
    assert_ended_once(telemetry)
    assert money(telemetry.point(COST)[1].sum) == Decimal("0.035")


@pytest.mark.skipif(
    OPENAI_VERSION >= (1, 60) or importlib.util.find_spec("numpy") is not None,
    reason="this client decodes vectors without numpy, or has it",
)
def test_vectors_that_the_client_cannot_decode_are_billed_and_raised(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("embeddings_base64.json")))
    with pytest.raises(openai.OpenAIError, match="numpy"):
        client().embeddings.create(model="text-embedding-3-small", input="Hello")
    assert_ended_once(telemetry)
    # 8 tokens at 0.02
    assert money(telemetry.point(COST)[1].sum) == Decimal("1.6E-7")


# --- answers that are not what they should be ---


@pytest.mark.parametrize(
    "answer",
    [
        bytes_answer(b"<html>gateway</html>", content_type="text/html"),
        bytes_answer(b"", content_type="application/json", status=200),
        bytes_answer(b"[1, 2]", content_type="application/json"),
        bytes_answer(b'{"choices": "none", "usage": [], "model": 7}', content_type="application/json"),
        bytes_answer(b'{"usage": {"prompt_tokens": "many"}}', content_type="application/json"),
    ],
    ids=["html", "empty", "array", "nonsense", "text for a count"],
)
def test_nonsense_is_handed_to_the_caller_as_ever_and_is_unpriced(server, client, instrument, telemetry, answer):
    server.queue(answer, answer)
    one = client()

    def outcome():
        try:
            return repr(ask(one))
        except Exception as error:
            return type(error), str(error)

    bare = outcome()
    instrument()
    assert outcome() == bare
    assert_ended_once(telemetry)
    assert telemetry.points(COST) == []
    assert telemetry.point(UNPRICED)[1].value == 1


def test_a_call_that_never_reaches_the_network_is_one_failed_operation(client, instrument, telemetry):
    instrument()
    one = client()
    one.close()
    with pytest.raises(Exception, match=r"(?i)closed|connection error"):
        ask(one)
    span = assert_ended_once(telemetry)
    assert span.status.status_code is StatusCode.ERROR
