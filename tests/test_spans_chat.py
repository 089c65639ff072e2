# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Chat completions: what a span says of request, response, usage and cost."""

from decimal import Decimal

import openai
import pytest
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import SpanKind, StatusCode

from support.clients import OPENAI_VERSION
from support.expect import (
    AT_OPENAI,
    BOOK_VERSION,
    MESSAGES,
    UNPRICED,
    ask,
    assert_breakdown_adds_up,
    assert_no_cost,
    assert_same,
    chat,
    conventional,
    money,
)
from support.payloads import payload
from support.server import json_answer
from support.telemetry import Telemetry


def test_a_call_makes_one_client_span_with_the_conventional_attributes(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat(service_tier="default", system_fingerprint="fp_1", id="chatcmpl-1")))
    ask(client())
    span = telemetry.span()
    assert (span.name, span.kind) == ("chat gpt-5.5", SpanKind.CLIENT)
    assert span.status.status_code is StatusCode.UNSET
    assert span.parent is None
    assert not span.events
    assert_same(
        conventional(span.attributes),
        {
            **AT_OPENAI,
            "gen_ai.operation.name": "chat",
            "openai.api.type": "chat_completions",
            "gen_ai.request.model": "gpt-5.5",
            "gen_ai.response.id": "chatcmpl-1",
            "gen_ai.response.model": "gpt-5.5",
            "gen_ai.response.finish_reasons": ("stop",),
            "openai.response.service_tier": "default",
            "openai.response.system_fingerprint": "fp_1",
            "gen_ai.usage.input_tokens": 1000,
            "gen_ai.usage.output_tokens": 1000,
            "gen_ai.usage.cost.amount": 0.035,
            "gen_ai.usage.cost.currency": "USD",
            "gen_ai.usage.cost.source": "local",
        },
    )


def test_the_span_says_how_the_price_came_about(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat()))
    ask(client())
    attributes = telemetry.attributes()
    assert attributes["openai_cost.status"] == "priced"
    assert attributes["openai_cost.pricing.version"] == BOOK_VERSION
    assert attributes["openai_cost.pricing.model"] == "gpt-5.5"
    assert attributes["openai_cost.pricing.tier"] == "standard"
    assert attributes["openai_cost.pricing.source"] in {"genai-prices", "litellm", "overlay"}
    assert "openai_cost.unpriced.reason" not in attributes
    assert "openai_cost.partial_amount" not in attributes
    assert "openai_cost.list_amount" not in attributes
    assert "openai_cost.estimated_amount" not in attributes


def test_the_breakdown_adds_up_to_the_amount(server, client, instrument, telemetry):
    instrument()
    usage = {
        "prompt_tokens_details": {"cached_tokens": 4000},
        "completion_tokens_details": {"reasoning_tokens": 400},
    }
    server.queue(json_answer(chat("gpt-5.4", (10_000, 1000), usage=usage)))
    ask(client(), model="gpt-5.4")
    attributes = telemetry.attributes()
    # 6000 at 2.5, 4000 cached at 0.25, and 1000 at 15, of which 400 were reasoning; USD per million tokens
    assert money(attributes["gen_ai.usage.cost.amount"]) == Decimal("0.031")
    assert money(attributes["openai_cost.input"]) == Decimal("0.016")
    assert money(attributes["openai_cost.cache_read"]) == Decimal("0.001")
    assert money(attributes["openai_cost.output"]) == Decimal("0.015")
    assert money(attributes["openai_cost.reasoning"]) == Decimal("0.006")
    assert_breakdown_adds_up(attributes)


def test_without_breakdown_the_amount_stands_alone(server, client, instrument, telemetry):
    instrument(breakdown=False)
    server.queue(json_answer(chat()))
    ask(client())
    attributes = telemetry.attributes()
    assert attributes["gen_ai.usage.cost.amount"] == 0.035
    parts = ("input", "output", "cache_read", "cache_write", "reasoning", "tool", "other")
    assert not {f"openai_cost.{part}" for part in parts} & set(attributes)


def test_details_of_the_usage_are_recorded_as_integers(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("chat_completion.json")))
    ask(client(), model="gpt-5.6-sol")
    usage = {
        key: value
        for key, value in telemetry.attributes().items()
        if key.startswith("gen_ai.usage.") and ".cost." not in key
    }
    assert_same(
        usage,
        {
            "gen_ai.usage.input_tokens": 1500,
            "gen_ai.usage.output_tokens": 420,
            "gen_ai.usage.cache_read.input_tokens": 1024,
            "gen_ai.usage.cache_write.input_tokens": 128,
            "gen_ai.usage.reasoning.output_tokens": 192,
            "gen_ai.usage.text.input_tokens": 1355,
            "gen_ai.usage.audio.input_tokens": 60,
            "gen_ai.usage.image.input_tokens": 85,
            "gen_ai.usage.text.output_tokens": 188,
            "gen_ai.usage.audio.output_tokens": 40,
        },
    )


def test_details_that_the_response_does_not_carry_are_left_out(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("chat_completion_minimal_usage.json")))
    ask(client(), model="gpt-3.5-turbo")
    usage = [key for key in telemetry.attributes() if key.startswith("gen_ai.usage.") and ".cost." not in key]
    assert sorted(usage) == ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"]


def test_totals_of_zero_are_recorded(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat(tokens=(0, 0))))
    ask(client())
    attributes = telemetry.attributes()
    assert attributes["gen_ai.usage.input_tokens"] == 0
    assert attributes["gen_ai.usage.output_tokens"] == 0
    assert attributes["gen_ai.usage.cost.amount"] == 0.0


def test_parameters_of_the_request_are_recorded_with_their_types(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat()))
    ask(
        client(),
        temperature=1,
        top_p=0.5,
        frequency_penalty=2,
        presence_penalty=-0.25,
        max_tokens=77,
        seed=42,
        stop="END",
        extra_body={"reasoning_effort": "high", "service_tier": "flex"},
        response_format={"type": "json_object"},
    )
    attributes = telemetry.attributes()
    expected = {
        "gen_ai.request.temperature": 1.0,
        "gen_ai.request.top_p": 0.5,
        "gen_ai.request.frequency_penalty": 2.0,
        "gen_ai.request.presence_penalty": -0.25,
        "gen_ai.request.max_tokens": 77,
        "gen_ai.request.seed": 42,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.request.reasoning.level": "high",
        "gen_ai.output.type": "json",
        "openai.request.service_tier": "flex",
    }
    assert_same({key: attributes.get(key) for key in expected}, expected)


def test_the_newer_limit_of_tokens_wins(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat()))
    ask(client(), max_tokens=77, extra_body={"max_completion_tokens": 99})
    assert telemetry.attributes()["gen_ai.request.max_tokens"] == 99


def test_defaults_are_not_recorded(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat()))
    ask(client(), n=1, stream=False, extra_body={"service_tier": "auto"}, temperature=None, stop=None)
    recorded = {key for key in telemetry.attributes() if ".request." in key}
    assert recorded == {"gen_ai.request.model"}


def test_several_stop_sequences_are_a_list(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat()))
    ask(client(), stop=["a", "b"])
    assert telemetry.attributes()["gen_ai.request.stop_sequences"] == ("a", "b")


@pytest.mark.parametrize(
    ("request_body", "output_type"),
    [
        ({"response_format": {"type": "text"}}, "text"),
        ({"response_format": {"type": "json_object"}}, "json"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}}, "json"),
        ({"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}, "speech"),
    ],
)
def test_the_output_type_follows_the_format_asked_for(server, client, instrument, telemetry, request_body, output_type):
    instrument()
    server.queue(json_answer(chat()))
    ask(client(), extra_body=request_body)
    assert telemetry.attributes()["gen_ai.output.type"] == output_type


def test_every_choice_has_its_finish_reason(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("chat_completion_n2_tools.json")))
    ask(client(), model="ft:gpt-4o-mini-2024-07-18:acme::AbCd1234", n=2)
    attributes = telemetry.attributes()
    assert attributes["gen_ai.request.choice.count"] == 2
    assert attributes["gen_ai.response.finish_reasons"] == ("tool_calls", "stop")


def test_a_fine_tuned_model_has_the_price_of_its_family(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("chat_completion_n2_tools.json")))
    ask(client(), model="ft:gpt-4o-mini-2024-07-18:acme::AbCd1234")
    # 50 tokens at 0.3 and 40 at 1.2
    assert money(telemetry.attributes()["gen_ai.usage.cost.amount"]) == Decimal("0.000063")


def test_what_samplers_decide_by_is_there_when_the_span_starts(server, client, instrument):
    seen = {}

    class Recording(Sampler):
        def should_sample(self, parent_context, trace_id, name, kind=None, attributes=None, *rest, **more):
            seen.update(attributes or {}, name=name, kind=kind)
            return SamplingResult(Decision.RECORD_AND_SAMPLE)

        def get_description(self):
            return "Recording"

    telemetry = Telemetry(sampler=Recording())
    instrument(tracer_provider=telemetry.tracer_provider)
    server.queue(json_answer(chat()))
    ask(client())
    telemetry.close()
    expected = {
        **AT_OPENAI,
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-5.5",
        "name": "chat gpt-5.5",
        "kind": SpanKind.CLIENT,
    }
    assert {key: seen.get(key) for key in expected} == expected


def test_the_span_is_current_while_the_request_is_on_its_way(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat()))
    tracer = telemetry.tracer_provider.get_tracer("http")
    one = client()
    send = one._client.send

    def traced_send(*args, **kwargs):
        with tracer.start_as_current_span("POST"):
            return send(*args, **kwargs)

    one._client.send = traced_send
    with tracer.start_as_current_span("outer") as outer:
        ask(one)
    http, ours, _ = telemetry.spans()
    assert (http.name, ours.name) == ("POST", "chat gpt-5.5")
    assert http.parent.span_id == ours.context.span_id
    assert ours.parent.span_id == outer.get_span_context().span_id


@pytest.mark.parametrize(
    ("tier", "priced_as", "amount"),
    [
        (None, "standard", "0.0021"),
        ("default", "standard", "0.0021"),
        ("priority", "priority", "0.0035"),
        ("fast", "priority", "0.0035"),
    ],
)
def test_the_tier_of_the_response_sets_the_price(server, client, instrument, telemetry, tier, priced_as, amount):
    instrument()
    server.queue(json_answer(chat("gpt-4o-mini", (10_000, 1000), service_tier=tier)))
    ask(client(), model="gpt-4o-mini", extra_body={"service_tier": "flex"})
    attributes = telemetry.attributes()
    assert money(attributes["gen_ai.usage.cost.amount"]) == Decimal(amount)
    assert attributes["openai_cost.pricing.tier"] == priced_as


def test_a_flex_call_costs_the_published_flex_price(server, client, instrument, telemetry):
    instrument()
    usage = {"prompt_tokens_details": {"cached_tokens": 4000}}
    server.queue(json_answer(chat("gpt-5.4", (10_000, 1000), usage=usage, service_tier="flex")))
    ask(client(), model="gpt-5.4")
    assert money(telemetry.attributes()["gen_ai.usage.cost.amount"]) == Decimal("0.01552")


def test_long_context_is_priced_as_such_above_the_boundary_only(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat("gpt-5.5", (272_000, 0))), json_answer(chat("gpt-5.5", (272_001, 1000))))
    one = client()
    ask(one)
    ask(one)
    short, long = (span.attributes["gen_ai.usage.cost.amount"] for span in telemetry.spans())
    assert money(short) == Decimal("1.36")
    assert money(long) == Decimal("2.76501")


def test_the_model_that_answered_is_priced_not_the_one_asked_for(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat("gpt-4o-2024-05-13", (1000, 1000))))
    ask(client(), model="gpt-4o")
    attributes = telemetry.attributes()
    assert telemetry.span().name == "chat gpt-4o"
    assert attributes["gen_ai.request.model"] == "gpt-4o"
    assert attributes["gen_ai.response.model"] == "gpt-4o-2024-05-13"
    assert money(attributes["gen_ai.usage.cost.amount"]) == Decimal("0.02")


def test_the_price_is_that_of_the_day_on_which_the_response_was_created(server, client, instrument, telemetry):
    instrument()
    july, november = 1_782_900_000, 1_795_000_000
    one = client()
    for created in (july, november):
        server.queue(json_answer(chat("gpt-5.6-sol", created=created)))
        ask(one, model="gpt-5.6-sol")
    before, after = (span.attributes["gen_ai.usage.cost.amount"] for span in telemetry.spans())
    assert money(before) == Decimal("0.035")
    assert money(after) == Decimal("0.024")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (chat("gpt-99-unheard-of"), "unknown_model"),
        (chat("gpt-4o", service_tier="flex"), "missing_rate"),
        (chat("gpt-5.5", service_tier="scale"), "missing_rate"),
        ({**chat(), "usage": None}, "no_usage"),
        (chat(usage={"prompt_tokens_details": {"cached_tokens": 1001}}), "inconsistent_usage"),
    ],
    ids=["unknown model", "no flex price", "scale tier", "no usage", "more cached than there was"],
)
def test_what_cannot_be_priced_is_unpriced_with_the_reason_and_counted_once(
    server, client, instrument, telemetry, body, reason
):
    instrument()
    server.queue(json_answer(body))
    ask(client(), model=body["model"])
    attributes = telemetry.attributes()
    assert_no_cost(attributes)
    assert attributes["openai_cost.status"] == "unpriced"
    assert attributes["openai_cost.unpriced.reason"] == reason
    counted, point = telemetry.point(UNPRICED)
    assert point.value == 1
    assert counted["openai_cost.unpriced.reason"] == reason
    assert telemetry.span().status.status_code is StatusCode.UNSET


def test_a_usage_of_null_is_no_tokens_rather_than_none_used(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer({**chat(), "usage": None}))
    ask(client())
    assert not [key for key in telemetry.attributes() if key.startswith("gen_ai.usage.")]


def test_what_the_caller_gets_is_exactly_what_the_client_returns(server, client, instrument, telemetry):
    body = payload("chat_completion.json")
    server.queue(json_answer(body), json_answer(body))
    one = client()
    bare = ask(one)
    instrument()
    observed = ask(one)
    assert type(observed) is type(bare)
    assert observed == bare
    assert observed.__dict__.keys() == bare.__dict__.keys()


def test_arguments_are_neither_changed_nor_consumed(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat()))
    headers = {"x-team": "a"}
    body = {"service_tier": "default"}
    stop = ["a"]
    ask(client(), messages=(m for m in MESSAGES), extra_headers=headers, extra_body=body, stop=stop)
    assert (headers, body, stop) == ({"x-team": "a"}, {"service_tier": "default"}, ["a"])
    sent = server.requests[0].json
    assert sent == {"model": "gpt-5.5", "messages": MESSAGES, "stop": ["a"], "service_tier": "default"}


def test_requests_are_the_same_on_the_wire_as_without_us(server, client, instrument):
    server.route("POST", "/v1/chat/completions", json_answer(chat()))
    one = client()
    ask(one, temperature=0.5)
    instrument()
    ask(one, temperature=0.5)
    bare, observed = server.requests
    assert observed.body == bare.body
    assert observed.headers == bare.headers


def test_neither_prompts_nor_answers_are_recorded(server, client, instrument, telemetry):
    instrument()
    body = chat()
    body["choices"][0]["message"]["content"] = "a secret answer"
    server.queue(json_answer(body))
    ask(
        client(),
        messages=[{"role": "user", "content": "a secret question"}],
        user="a secret user",
        extra_body={"metadata": {"k": "a secret note"}},
    )
    assert "secret" not in telemetry.span().to_json()


def test_extra_body_wins_over_the_arguments_as_it_does_on_the_wire(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat("gpt-5.4")))
    ask(client(), model="gpt-5.5", extra_body={"model": "gpt-5.4"})
    assert server.requests[0].json["model"] == "gpt-5.4"
    assert telemetry.span().name == "chat gpt-5.4"


def test_a_posted_path_is_the_same_operation(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat()))
    body = client().post("/chat/completions", cast_to=object, body={"model": "gpt-5.5", "messages": MESSAGES})
    assert body == chat()
    assert money(telemetry.attributes()["gen_ai.usage.cost.amount"]) == Decimal("0.035")


def test_a_copied_client_is_instrumented_too(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat()))
    ask(client().with_options(timeout=7.0))
    assert telemetry.span().name == "chat gpt-5.5"


def test_other_endpoints_make_no_span(server, client, instrument, telemetry):
    instrument()
    server.route("GET", "/v1/models", json_answer({"object": "list", "data": []}))
    server.route("POST", "/v1/moderations", json_answer({"id": "m", "model": "m", "results": []}))
    one = client()
    one.models.list()
    one.moderations.create(input="x")
    assert telemetry.spans() == ()
    assert telemetry.metric_names() <= {"openai_cost.price_book.age"}


async def test_the_asynchronous_client_makes_the_same_span(server, client, async_client, instrument, telemetry):
    instrument()
    server.route("POST", "/v1/chat/completions", json_answer(payload("chat_completion.json")))
    ask(client(), model="gpt-5.6-sol", temperature=0.5)
    await ask(async_client(), model="gpt-5.6-sol", temperature=0.5)
    synchronous, asynchronous = telemetry.spans()
    assert asynchronous.name == synchronous.name
    assert asynchronous.attributes == synchronous.attributes


def _parse(client):
    completions = client.chat.completions
    return completions.parse if hasattr(completions, "parse") else client.beta.chat.completions.parse


@pytest.mark.skipif(OPENAI_VERSION < (1, 40), reason="the client cannot parse")
def test_a_parsed_completion_is_one_span_and_stays_parsed(server, client, instrument, telemetry):
    from pydantic import BaseModel

    class Answer(BaseModel):
        city: str

    body = chat("gpt-4o-mini", (100, 10))
    body["choices"][0]["message"]["content"] = '{"city": "Paris"}'
    instrument()
    server.queue(json_answer(body))
    parsed = _parse(client())(model="gpt-4o-mini", messages=MESSAGES, response_format=Answer)
    assert parsed.choices[0].message.parsed == Answer(city="Paris")
    assert type(parsed).__name__.startswith("ParsedChatCompletion")
    attributes = telemetry.attributes()
    assert telemetry.span().name == "chat gpt-4o-mini"
    assert attributes["gen_ai.output.type"] == "json"
    assert money(attributes["gen_ai.usage.cost.amount"]) == Decimal("0.000021")


def test_the_module_level_client_is_instrumented(server, instrument, telemetry, monkeypatch):
    from support.clients import ReroutingTransport, http

    instrument()
    server.queue(json_answer(chat()))
    with http.Client(transport=ReroutingTransport(server.url)) as http_client:
        monkeypatch.setattr(openai, "api_key", "test-key")
        monkeypatch.setattr(openai, "base_url", "https://api.openai.com/v1")
        monkeypatch.setattr(openai, "http_client", http_client)
        monkeypatch.setattr(openai, "_client", None)
        ask(openai)
        openai._client = None
    assert telemetry.span().name == "chat gpt-5.5"
