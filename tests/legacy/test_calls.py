# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Calls of the client 0.28: what the application gets, and what their spans and metrics say."""

import io
import sys
from datetime import datetime, timezone
from decimal import Decimal
from inspect import getattr_static

import openai
import pytest
from openai import api_requestor, error
from openai.openai_object import OpenAIObject
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.trace import SpanKind, get_current_span

from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor, cost_attributes, track_cost
from support.expect import (
    AT_OPENAI,
    BOOK_VERSION,
    COST,
    DURATION,
    MESSAGES,
    TOKENS,
    UNPRICED,
    assert_failed,
    assert_priced,
    assert_same,
    assert_unpriced,
    chat,
    conventional,
    money,
)
from support.payloads import payload
from support.server import Cut, Gate, bytes_answer, json_answer

IN_2023 = int(datetime(2023, 3, 20, tzinfo=timezone.utc).timestamp())
DAVINCI = {"model": "text-davinci-003", "prompt": "Why is the sky blue?", "max_tokens": 20, "temperature": 0}


def completion(**changes):
    """A completion of text-davinci-003 with 8 tokens in and 16 out, as it was in 2023."""
    usage = {"prompt_tokens": 8, "completion_tokens": 16, "total_tokens": 24}
    return payload(
        "completion_legacy.json", **{"model": "text-davinci-003", "created": IN_2023, "usage": usage, **changes}
    )


def test_a_completion_makes_one_client_span_with_the_conventional_attributes(api, instrument, telemetry):
    instrument()
    api.queue(json_answer(completion()))
    openai.Completion.create(**DAVINCI)
    span = telemetry.span()
    assert (span.name, span.kind) == ("text_completion text-davinci-003", SpanKind.CLIENT)
    assert_same(
        conventional(span.attributes),
        {
            **AT_OPENAI,
            "gen_ai.operation.name": "text_completion",
            "gen_ai.request.model": "text-davinci-003",
            "gen_ai.request.max_tokens": 20,
            "gen_ai.request.temperature": 0.0,
            "gen_ai.response.id": "cmpl-1",
            "gen_ai.response.model": "text-davinci-003",
            "gen_ai.response.finish_reasons": ("stop",),
            "gen_ai.usage.input_tokens": 8,
            "gen_ai.usage.output_tokens": 16,
            "gen_ai.usage.cost.amount": 0.00048,
            "gen_ai.usage.cost.currency": "USD",
            "gen_ai.usage.cost.source": "local",
        },
    )
    assert span.attributes["openai_cost.pricing.version"] == BOOK_VERSION


def test_a_call_is_counted_and_its_tokens_too(api, instrument, telemetry):
    instrument()
    api.queue(json_answer(completion()))
    openai.Completion.create(**DAVINCI)
    assert_priced(telemetry, "0.00048")
    assert telemetry.point(DURATION)[1].count == 1
    counts = {labels["gen_ai.token.type"]: point.sum for labels, point in telemetry.points(TOKENS)}
    assert counts == {"input": 8, "output": 16}


def test_the_application_gets_what_it_got_before(api, instrument):
    api.queue(json_answer(completion()), json_answer(completion()))
    bare = openai.Completion.create(**DAVINCI)
    instrument()
    answer = openai.Completion.create(**DAVINCI)
    assert type(answer) is type(bare) is OpenAIObject
    assert answer == bare
    first, second = api.requests
    assert (first.path, first.body, first.headers) == (second.path, second.body, second.headers)


@pytest.mark.parametrize(
    ("day", "amount"),
    [("2023-03-20", "0.004"), ("2023-07-01", "0.0035"), ("2024-03-01", "0.002")],
)
def test_the_price_is_that_of_the_day_on_which_the_response_was_created(api, instrument, telemetry, day, amount):
    instrument()
    created = int(datetime.fromisoformat(f"{day}T12:00+00:00").timestamp())
    api.queue(json_answer(chat("gpt-3.5-turbo", created=created)))
    openai.ChatCompletion.create(model="gpt-3.5-turbo", messages=MESSAGES)
    assert_priced(telemetry, amount)


def test_a_current_model_is_priced_through_the_old_client_too(api, instrument, telemetry):
    instrument()
    api.queue(json_answer(chat(usage={"prompt_tokens_details": {"cached_tokens": 1000}})))
    answer = openai.ChatCompletion.create(model="gpt-5.5", messages=MESSAGES)
    assert answer.usage.prompt_tokens_details.cached_tokens == 1000
    assert_priced(telemetry, "0.0305")
    assert telemetry.attributes()["gen_ai.usage.cache_read.input_tokens"] == 1000


async def test_the_asynchronous_twin_makes_the_same_span(async_api, instrument, telemetry):
    instrument()
    async_api.queue(json_answer(completion()))
    answer = await openai.Completion.acreate(**DAVINCI)
    assert type(answer) is OpenAIObject
    assert telemetry.span().name == "text_completion text-davinci-003"
    assert_priced(telemetry, "0.00048")


def test_embeddings_are_priced(api, instrument, telemetry):
    instrument()
    api.queue(json_answer(payload("embeddings.json", model="text-embedding-ada-002-v2")))
    openai.Embedding.create(model="text-embedding-ada-002", input="x", encoding_format="float")
    attributes = telemetry.attributes()
    tokens = payload("embeddings.json")["usage"]["prompt_tokens"]
    assert attributes["gen_ai.operation.name"] == "embeddings"
    assert money(attributes["gen_ai.usage.cost.amount"]) == Decimal("0.1e-6") * tokens


async def test_asynchronous_embeddings_are_priced(async_api, instrument, telemetry):
    instrument()
    async_api.queue(json_answer(payload("embeddings.json", model="text-embedding-ada-002-v2")))
    await openai.Embedding.acreate(model="text-embedding-ada-002", input="x", encoding_format="float")
    assert telemetry.point(COST)[1].count == 1


@pytest.mark.skipif("numpy" in sys.modules, reason="the client decodes vectors: numpy is installed")
def test_embeddings_that_the_client_cannot_decode_are_billed_all_the_same(api, instrument, telemetry):
    instrument()
    api.queue(json_answer(payload("embeddings_base64.json", model="text-embedding-ada-002-v2")))
    with pytest.raises(Exception, match="numpy"):
        openai.Embedding.create(model="text-embedding-ada-002", input="x")
    assert telemetry.point(COST)[1].count == 1


def test_a_transcription_is_billed_by_its_duration(api, instrument, telemetry):
    instrument()
    api.queue(json_answer(payload("transcription_verbose_duration.json")))
    recording = io.BytesIO(b"RIFF")
    recording.name = "message.wav"
    openai.Audio.transcribe("whisper-1", recording, response_format="verbose_json")
    assert telemetry.attributes()["gen_ai.request.model"] == "whisper-1"
    assert telemetry.point(COST)[1].count == 1


def test_subtitles_say_nothing_of_their_price(api, instrument, telemetry):
    instrument()
    api.queue(bytes_answer(b"1\n00:00:00,000 --> 00:00:02,000\nHello\n", content_type="text/plain; charset=utf-8"))
    recording = io.BytesIO(b"RIFF")
    recording.name = "message.wav"
    assert "Hello" in openai.Audio.transcribe("whisper-1", recording, response_format="srt")
    assert_unpriced(telemetry, "no_usage")


def test_an_image_is_billed_by_its_size(api, instrument, telemetry):
    instrument()
    drawn = {"created": IN_2023, "data": [{"url": "https://example.com/1.png"}]}
    api.queue(json_answer(drawn), json_answer(drawn))
    openai.Image.create(model="dall-e-2", prompt="a cat", n=1, size="512x512")
    openai.Image.create_variation(image=b"PNG", model="dall-e-2", size="512x512")
    amounts = [money(span.attributes["gen_ai.usage.cost.amount"]) for span in telemetry.spans()]
    assert amounts == [Decimal("0.018")] * 2


def test_a_model_that_no_list_knows_is_counted_as_unpriced(api, instrument, telemetry):
    instrument()
    api.queue(json_answer(completion(model="davinci-9")))
    openai.Completion.create(**{**DAVINCI, "model": "davinci-9"})
    assert_unpriced(telemetry, "unknown_model")


def test_what_is_free_or_unknown_is_let_through(api, instrument, telemetry):
    instrument()
    api.queue(json_answer({"id": "modr-1", "model": "text-moderation-006", "results": []}))
    assert openai.Moderation.create(input="x").id == "modr-1"
    assert telemetry.spans() == ()


# --- where a call goes ---


def test_an_engine_in_the_path_is_the_model(api, instrument, telemetry):
    instrument()
    api.queue(json_answer(completion(model=None)))
    openai.Completion.create(engine="text-davinci-003", prompt="x")
    assert api.requests[0].path == "/v1/engines/text-davinci-003/completions"
    assert telemetry.span().name == "text_completion text-davinci-003"
    assert_priced(telemetry, "0.00048")


@pytest.mark.parametrize("how", ["module", "arguments"])
def test_a_deployment_on_azure_is_priced_by_the_model_that_answers(api, instrument, telemetry, monkeypatch, how):
    instrument()
    api.queue(json_answer(chat("gpt-35-turbo", created=IN_2023)))
    settings = {
        "api_type": "azure",
        "api_base": "https://acme.openai.azure.com",
        "api_version": "2023-05-15",
    }
    if how == "module":
        for name, value in settings.items():
            monkeypatch.setattr(openai, name, value)
        settings = {}
    openai.ChatCompletion.create(deployment_id="our chat", messages=MESSAGES, **settings)
    assert api.requests[0].path.startswith("/openai/deployments/our+chat/chat/completions")
    attributes = telemetry.attributes()
    assert attributes["gen_ai.provider.name"] == "azure.ai.openai"
    assert attributes["server.address"] == "acme.openai.azure.com"
    assert attributes["gen_ai.request.model"] == "our chat"
    assert attributes["gen_ai.response.model"] == "gpt-35-turbo"
    assert telemetry.point(COST)[1].count == 1


async def test_an_asynchronous_call_of_azure_is_the_same(async_api, instrument, telemetry, monkeypatch):
    instrument()
    async_api.queue(json_answer(chat("gpt-4")))
    monkeypatch.setattr(openai, "api_type", "azure_ad")
    await openai.ChatCompletion.acreate(
        engine="ours", messages=MESSAGES, api_base="https://acme.openai.azure.com", api_version="2023-05-15"
    )
    assert telemetry.attributes()["gen_ai.provider.name"] == "azure.ai.openai"
    assert telemetry.point(COST)[1].count == 1


def test_another_base_is_another_server_whose_prices_are_unknown(api, instrument, telemetry, monkeypatch):
    instrument()
    monkeypatch.setattr(openai, "api_base", "http://llm.internal:8080/v1")
    api.queue(json_answer(chat()))
    openai.ChatCompletion.create(model="gpt-5.5", messages=MESSAGES)
    attributes = telemetry.attributes()
    assert (attributes["server.address"], attributes["server.port"]) == ("llm.internal", 8080)
    assert_unpriced(telemetry, "unknown_provider")


def test_the_cost_that_a_gateway_reports_is_passed_on(api, instrument, telemetry, monkeypatch):
    instrument()
    monkeypatch.setattr(openai, "api_base", "http://llm.internal:8080/v1")
    api.queue(json_answer(chat(), headers={"x-litellm-response-cost": "0.0123"}))
    openai.ChatCompletion.create(model="gpt-5.5", messages=MESSAGES)
    assert_priced(telemetry, "0.0123")
    assert telemetry.attributes()["gen_ai.usage.cost.source"] == "provider"


# --- errors ---


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, error.InvalidRequestError), (401, error.AuthenticationError), (429, error.RateLimitError)],
)
def test_an_answer_of_refusal_is_an_error(api, instrument, telemetry, status, kind):
    instrument()
    api.queue(json_answer(payload("error_429.json"), status=status))
    with pytest.raises(kind):
        openai.Completion.create(**DAVINCI)
    assert_failed(telemetry, kind.__name__)


async def test_an_answer_of_refusal_is_an_error_of_an_asynchronous_call(async_api, instrument, telemetry):
    instrument()
    async_api.queue(json_answer(payload("error_429.json"), status=429))
    with pytest.raises(error.RateLimitError):
        await openai.Completion.acreate(**DAVINCI)
    assert_failed(telemetry, "RateLimitError")


def test_a_timeout_is_an_error(api, instrument, telemetry):
    instrument()
    gate = Gate()
    api.queue(json_answer(completion(), before=[gate]))
    with pytest.raises(error.Timeout):
        openai.Completion.create(**DAVINCI, request_timeout=0.2)
    gate.open()
    assert_failed(telemetry, "Timeout")


async def test_an_asynchronous_timeout_is_an_error(async_api, instrument, telemetry):
    instrument()
    gate = Gate()
    async_api.queue(json_answer(completion(), before=[gate]))
    with pytest.raises(error.Timeout):
        await openai.Completion.acreate(**DAVINCI, request_timeout=0.2)
    gate.open()
    assert_failed(telemetry, "Timeout")


def test_a_connection_that_is_cut_is_an_error(api, instrument, telemetry):
    instrument()
    api.queue(json_answer(completion(), before=[Cut()]))
    with pytest.raises(error.APIConnectionError):
        openai.Completion.create(**DAVINCI)
    assert_failed(telemetry, "APIConnectionError")


# --- living together ---


def test_the_span_is_a_child_of_the_current_one_and_current_while_the_request_is_sent(
    api, instrument, telemetry, monkeypatch
):
    instrument()
    api.queue(json_answer(completion()))
    inside = []
    send = openai.requestssession.send
    monkeypatch.setattr(
        openai.requestssession, "send", lambda *a, **k: (inside.append(get_current_span()), send(*a, **k))[1]
    )
    with telemetry.tracer_provider.get_tracer("mine").start_as_current_span("do_work") as outer:
        openai.Completion.create(**DAVINCI)
        assert get_current_span() is outer
    ours = telemetry.spans()[0]
    assert ours.parent.span_id == outer.get_span_context().span_id
    assert [span.get_span_context() for span in inside] == [ours.get_span_context()]


def test_the_current_span_takes_the_cost_where_that_is_wanted(api, instrument, telemetry):
    instrument(spans="current")
    api.queue(json_answer(completion()), json_answer(completion()))
    with telemetry.tracer_provider.get_tracer("mine").start_as_current_span("do_work"):
        openai.Completion.create(**DAVINCI)
        openai.Completion.create(**DAVINCI)
    assert money(telemetry.attributes()["gen_ai.usage.cost.amount"]) == Decimal("0.00096")


def test_nothing_is_recorded_where_instrumentation_is_suppressed(api, instrument, telemetry):
    instrument()
    api.queue(json_answer(completion()))
    with suppress_instrumentation():
        openai.Completion.create(**DAVINCI)
    assert telemetry.spans() == ()
    assert telemetry.points(COST) == telemetry.points(UNPRICED) == []


def test_uninstrument_puts_the_very_functions_back(api, instrument, telemetry):
    kind = api_requestor.APIRequestor
    before = getattr_static(kind, "request"), getattr_static(kind, "arequest")
    for _ in range(2):
        instrument()
        assert getattr_static(kind, "request") is not before[0]
        OpenAICostInstrumentor().uninstrument()
        assert (getattr_static(kind, "request"), getattr_static(kind, "arequest")) == before
    api.queue(json_answer(completion()))
    openai.Completion.create(**DAVINCI)
    assert telemetry.spans() == ()


def test_a_usage_that_makes_no_sense_is_unpriced_and_the_call_goes_on(api, instrument, telemetry):
    instrument()
    api.queue(json_answer(completion(usage={"prompt_tokens": "8", "completion_tokens": [], "total_tokens": None})))
    assert openai.Completion.create(**DAVINCI).choices[0].text == " Paris."
    assert_unpriced(telemetry, "inconsistent_usage")


def test_a_base_that_is_no_url_is_the_applications_error_and_one_line_of_ours(
    api, instrument, telemetry, monkeypatch, caplog
):
    instrument()
    monkeypatch.setattr(openai, "api_base", "https://[broken")
    for _ in range(2):
        with pytest.raises(error.APIConnectionError, match="not a valid host"):
            openai.Completion.create(**DAVINCI)
    lines = [record for record in caplog.records if record.name.startswith("opentelemetry.instrumentation.openai_cost")]
    assert [record.levelname for record in lines if record.levelname != "DEBUG"] == ["WARNING"]
    assert telemetry.spans() == ()


def test_a_requestor_used_directly_is_observed_too(api, instrument, telemetry):
    instrument()
    api.queue(json_answer(completion()))
    answer, is_stream, key = api_requestor.APIRequestor().request("POST", "/completions", dict(DAVINCI))
    assert (answer.data["id"], is_stream, key) == ("cmpl-1", False, "test-key")
    assert_priced(telemetry, "0.00048")


def test_attribution_tracked_cost_totals_and_the_hook_see_the_call(api, instrument, telemetry):
    events = []
    instrument(rollup=True, cost_hook=events.append)
    api.queue(json_answer(completion()))
    tracer = telemetry.tracer_provider.get_tracer("app")
    with tracer.start_as_current_span("request") as request, cost_attributes(feature="search"), track_cost() as cost:
        openai.Completion.create(**DAVINCI)
    price = Decimal("0.00048")
    assert (cost.total, cost.calls) == (price, 1)
    assert [(event.amount, dict(event.attributes)) for event in events] == [(price, {"feature": "search"})]
    assert money(request.attributes["openai_cost.rollup.amount"]) == price
    assert telemetry.point(COST)[0]["feature"] == "search"
