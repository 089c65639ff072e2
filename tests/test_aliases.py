# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Aliases: the names of other products, written on request, with our amounts."""

import json
from decimal import Decimal

import pytest

from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor
from support.clients import OPENAI_VERSION
from support.expect import COST, ask, assert_same, chat, money, response
from support.payloads import payload
from support.server import json_answer

ALL = ("logfire", "openinference", "openlit", "langfuse")
# gpt-5.5, 1000 tokens in and out.
INPUT, OUTPUT, TOTAL = 0.005, 0.03, 0.035
DETAILS = "langfuse.observation.cost_details"
THEIRS = ("operation.cost", "llm.cost.", "langfuse.")


def foreign(attributes) -> dict:
    """The attributes under names of others."""
    return {key: value for key, value in attributes.items() if key.startswith(THEIRS) or key == "gen_ai.usage.cost"}


def test_nothing_is_written_under_other_names_unless_asked_for(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat()))
    ask(client())
    assert foreign(telemetry.attributes()) == {}
    assert telemetry.metric_names() & {"operation.cost", "gen_ai.usage.cost"} == set()


@pytest.mark.parametrize(
    ("alias", "expected"),
    [
        ("logfire", {"operation.cost": TOTAL}),
        ("openinference", {"llm.cost.total": TOTAL, "llm.cost.prompt": INPUT, "llm.cost.completion": OUTPUT}),
        ("openlit", {"gen_ai.usage.cost": TOTAL}),
        ("langfuse", {DETAILS: json.dumps({"total": TOTAL, "input": INPUT, "output": OUTPUT})}),
    ],
)
def test_an_alias_writes_the_same_amounts_under_its_names(server, client, instrument, telemetry, alias, expected):
    instrument(aliases=(alias,))
    server.queue(json_answer(chat()))
    ask(client())
    assert_same(foreign(telemetry.attributes()), expected)


def test_what_is_ours_stays_as_it_is_beside_all_aliases(server, client, instrument, telemetry):
    instrument(aliases=ALL)
    server.queue(json_answer(chat()))
    ask(client())
    attributes = telemetry.attributes()
    assert len(foreign(attributes)) == 6
    assert money(attributes["gen_ai.usage.cost.amount"]) == Decimal("0.035")
    _, point = telemetry.point(COST)
    assert (point.count, money(point.sum)) == (1, Decimal("0.035"))


@pytest.mark.parametrize(
    ("alias", "name", "unit"),
    [("logfire", "operation.cost", "{USD}"), ("openlit", "gen_ai.usage.cost", "USD")],
)
def test_an_alias_with_a_metric_records_each_cost_once(server, client, instrument, telemetry, alias, name, unit):
    instrument(aliases=(alias,))
    one = client()
    for _ in range(2):
        server.queue(json_answer(chat()))
        ask(one)
    described, ours = telemetry.metric(name), telemetry.metric(COST)
    assert (described.kind, described.unit, described.boundaries) == ("Histogram", unit, ours.boundaries)
    attributes, point = telemetry.point(name)
    assert_same(attributes, telemetry.point(COST)[0])
    assert (point.count, money(point.sum)) == (2, Decimal("0.07"))


@pytest.mark.skipif(OPENAI_VERSION < (1, 66), reason="the client has no Responses API")
def test_openinference_has_the_parts_of_prompt_and_completion(server, client, instrument, telemetry):
    instrument(aliases=("openinference",))
    usage = {
        "input_tokens_details": {"cached_tokens": 400, "cache_write_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 600},
    }
    server.queue(json_answer(response(usage=usage)))
    client().responses.create(model="gpt-5.5", input="Hello")
    attributes = telemetry.attributes()
    assert_same(
        foreign(attributes),
        {
            "llm.cost.total": attributes["gen_ai.usage.cost.amount"],
            "llm.cost.prompt": 0.0032,
            "llm.cost.completion": OUTPUT,
            "llm.cost.prompt_details.cache_read": 0.0002,
            "llm.cost.completion_details.reasoning": 0.018,
        },
    )


def test_openinference_has_the_audio_net_of_a_discount(server, client, instrument, telemetry, tmp_path):
    prices = tmp_path / "prices.json"
    prices.write_text('{"discounts": [{"match": "*", "percent": 50}]}', encoding="utf-8")
    instrument(aliases=("openinference",), prices=prices)
    usage = {
        "prompt_tokens_details": {"audio_tokens": 100, "cached_tokens": 0},
        "completion_tokens_details": {"audio_tokens": 200, "reasoning_tokens": 0},
    }
    server.queue(json_answer(chat("gpt-4o-mini-audio-preview", usage=usage)))
    ask(client(), model="gpt-4o-mini-audio-preview")
    attributes = telemetry.attributes()
    # Half of 10 and of 20 USD per million.
    assert money(attributes["llm.cost.prompt_details.audio"]) == Decimal("0.0005")
    assert money(attributes["llm.cost.completion_details.audio"]) == Decimal("0.002")
    assert money(attributes["llm.cost.total"]) == money(attributes["gen_ai.usage.cost.amount"])


def test_langfuse_has_the_fees_of_tools_so_that_its_parts_add_up(server, client, instrument, telemetry):
    instrument(aliases=("langfuse",))
    server.queue(json_answer(payload("chat_completion_web_search.json", model="gpt-5-search-api")))
    ask(client(), model="gpt-5-search-api")
    attributes = telemetry.attributes()
    details = {key: Decimal(repr(value)) for key, value in json.loads(attributes[DETAILS]).items()}
    total = details.pop("total")
    assert details["tool"] > 0
    assert total == money(attributes["gen_ai.usage.cost.amount"])
    assert abs(sum(details.values()) - total) < Decimal("1e-12")


def test_without_the_breakdown_there_is_only_the_total(server, client, instrument, telemetry):
    instrument(aliases=("openinference", "langfuse"), breakdown=False)
    server.queue(json_answer(chat()))
    ask(client())
    assert_same(foreign(telemetry.attributes()), {"llm.cost.total": TOTAL, DETAILS: json.dumps({"total": TOTAL})})


def test_the_amount_of_a_gateway_is_aliased_too(server, client, instrument, telemetry):
    instrument(aliases=ALL)
    server.queue(json_answer(chat(), headers={"x-litellm-response-cost": "0.0123"}))
    ask(client(base_url="https://gateway.internal/v1"))
    assert_same(
        foreign(telemetry.attributes()),
        {
            "operation.cost": 0.0123,
            "llm.cost.total": 0.0123,
            "gen_ai.usage.cost": 0.0123,
            DETAILS: json.dumps({"total": 0.0123}),
        },
    )


def test_an_amount_in_another_currency_has_no_alias(server, client, instrument, telemetry, tmp_path):
    prices = tmp_path / "prices.json"
    prices.write_text('{"currency": "EUR", "models": {"acme": {"input": "1", "output": "1"}}}', encoding="utf-8")
    instrument(aliases=ALL, prices=prices)
    server.queue(json_answer(chat("acme")))
    ask(client(), model="acme")
    attributes = telemetry.attributes()
    assert attributes["gen_ai.usage.cost.currency"] == "EUR"
    assert foreign(attributes) == {}
    assert telemetry.points("operation.cost") == telemetry.points("gen_ai.usage.cost") == []


@pytest.mark.parametrize("model", ["gpt-99-unheard-of"])
def test_a_call_without_a_price_has_no_alias(server, client, instrument, telemetry, model):
    instrument(aliases=ALL)
    server.queue(json_answer(chat(model)))
    ask(client(), model=model)
    assert foreign(telemetry.attributes()) == {}
    assert telemetry.points("operation.cost") == telemetry.points("gen_ai.usage.cost") == []


def test_on_a_span_with_several_calls_the_aliases_are_sums_too(server, client, instrument, telemetry):
    instrument(aliases=ALL, spans="current")
    one = client()
    with telemetry.tracer_provider.get_tracer("application").start_as_current_span("work"):
        for _ in range(2):
            server.queue(json_answer(chat()))
            ask(one)
    assert_same(
        foreign(telemetry.attributes()),
        {
            "operation.cost": 0.07,
            "llm.cost.total": 0.07,
            "llm.cost.prompt": 0.01,
            "llm.cost.completion": 0.06,
            "gen_ai.usage.cost": 0.07,
            DETAILS: json.dumps({"total": 0.07, "input": 0.01, "output": 0.06}),
        },
    )


def test_on_a_span_with_a_call_that_has_no_price_the_aliases_go(server, client, instrument, telemetry):
    instrument(aliases=ALL, spans="current")
    one = client()
    with telemetry.tracer_provider.get_tracer("application").start_as_current_span("work"):
        for model in ("gpt-5.5", "gpt-99-unheard-of"):
            server.queue(json_answer(chat(model)))
            ask(one, model=model)
    attributes = telemetry.attributes()
    assert attributes["openai_cost.status"] == "partial"
    assert foreign(attributes) == {}


# --- the option ---


def test_the_environment_names_aliases_separated_by_commas(server, client, instrument, telemetry, monkeypatch):
    monkeypatch.setenv("OTEL_INSTRUMENTATION_OPENAI_COST_ALIASES", " openlit, Logfire ,")
    instrument()
    server.queue(json_answer(chat()))
    ask(client())
    assert set(foreign(telemetry.attributes())) == {"gen_ai.usage.cost", "operation.cost"}


def test_an_unknown_alias_is_one_line_in_the_log_and_the_others_hold(server, client, instrument, telemetry, caplog):
    instrument(aliases=("openlit", "acme"))
    server.queue(json_answer(chat()))
    ask(client())
    assert set(foreign(telemetry.attributes())) == {"gen_ai.usage.cost"}
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.getMessage() == (
        "openai_cost: aliases=('openlit', 'acme') is not a list of logfire, openinference, openlit, langfuse;"
        " the rest is used: ('openlit',)"
    )


@pytest.mark.parametrize("value", [7, True, {"openlit": 1}])
def test_what_is_no_list_is_one_line_in_the_log_and_nothing_is_aliased(instrument, caplog, value):
    instrument(aliases=value)
    (record,) = caplog.records
    assert record.getMessage().endswith("; what is used without it is used: ()")


def test_the_declarative_configuration_takes_a_list(server, client, instrument, telemetry):
    instrument(**vars(OpenAICostInstrumentor.configuration(aliases=["langfuse"])))
    server.queue(json_answer(chat()))
    ask(client())
    assert set(foreign(telemetry.attributes())) == {DETAILS}
