# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Metrics: names, units, boundaries, attributes and what is recorded how often."""

import time
from decimal import Decimal

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from support.expect import (
    AT_OPENAI,
    COST,
    DURATION,
    FIRST_CHUNK,
    TOKENS,
    UNPRICED,
    ask,
    assert_same,
    chat,
    money,
    streamed,
)
from support.payloads import events
from support.server import Pause, json_answer, sse_answer
from support.telemetry import Telemetry

SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
COUNTS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
AMOUNTS = (
    0.000015625,
    0.0000625,
    0.00025,
    0.001,
    0.004,
    0.016,
    0.064,
    0.256,
    1.024,
    4.096,
    16.384,
    65.536,
)

COMPONENTS = {"openai_cost.cost", "openai_cost.tokens", "openai_cost.cache_savings"}

COMMON = {
    **AT_OPENAI,
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-5.5",
    "gen_ai.response.model": "gpt-5.5",
}


@pytest.mark.parametrize(
    ("name", "unit", "boundaries"),
    [
        (COST, "{cost}", AMOUNTS),
        (DURATION, "s", SECONDS),
        (TOKENS, "{token}", COUNTS),
        (FIRST_CHUNK, "s", SECONDS),
    ],
)
def test_a_histogram_has_its_conventional_name_unit_and_boundaries(
    server, client, instrument, telemetry, name, unit, boundaries
):
    instrument()
    server.queue(sse_answer(streamed()))
    list(ask(client(), stream=True))
    described = telemetry.metric(name)
    assert (described.kind, described.unit, described.boundaries) == ("Histogram", unit, boundaries)
    assert described.description


def test_unpriced_operations_are_a_counter(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat("gpt-99-unheard-of")))
    ask(client())
    described = telemetry.metric(UNPRICED)
    assert (described.kind, described.unit) == ("Sum", "{operation}")
    assert described.description


def test_the_age_of_the_price_book_is_a_gauge_in_days(instrument, telemetry):
    instrument()
    described = telemetry.metric("openai_cost.price_book.age")
    assert (described.kind, described.unit) == ("Gauge", "d")
    assert telemetry.point("openai_cost.price_book.age")[1].value >= 0


def test_everything_is_recorded_under_the_package_s_name_and_version(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat()))
    ask(client())
    package = "opentelemetry.instrumentation.openai_cost"
    from opentelemetry.instrumentation.openai_cost.version import __version__

    assert telemetry.scopes() == {(package, __version__, "")}


def test_the_cost_says_what_cost_and_in_which_currency(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat(service_tier="default")))
    ask(client())
    attributes, point = telemetry.point(COST)
    assert_same(
        attributes,
        {
            **COMMON,
            "gen_ai.usage.cost.currency": "USD",
            "gen_ai.usage.cost.source": "local",
            "openai.response.service_tier": "default",
        },
    )
    assert point.count == 1
    assert money(point.sum) == Decimal("0.035")


def test_tokens_are_recorded_by_type(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat("gpt-5.5", (1000, 200), service_tier="default")))
    ask(client())
    recorded = {attributes["gen_ai.token.type"]: (attributes, point) for attributes, point in telemetry.points(TOKENS)}
    assert set(recorded) == {"input", "output"}
    for kind, total in (("input", 1000), ("output", 200)):
        attributes, point = recorded[kind]
        assert_same(
            attributes,
            {**COMMON, "gen_ai.token.type": kind, "openai.response.service_tier": "default"},
        )
        assert (point.count, point.sum) == (1, total)


def test_the_duration_is_that_of_the_span(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat(service_tier="default"), before=[Pause(0.05)]))
    ask(client())
    attributes, point = telemetry.point(DURATION)
    assert_same(attributes, {**COMMON, "openai.response.service_tier": "default"})
    span = telemetry.span()
    assert point.count == 1
    # The span begins just before and ends just after, by another clock.
    assert 0.05 <= point.sum <= (span.end_time - span.start_time) / 1e9 + 0.01


def test_the_first_chunk_of_a_stream_is_timed_once(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed(), before=[Pause(0.05)]))
    stream = ask(client(), stream=True)
    next(stream)
    time.sleep(0.05)
    list(stream)
    attributes, point = telemetry.point(FIRST_CHUNK)
    assert attributes["gen_ai.operation.name"] == "chat"
    assert attributes["gen_ai.request.model"] == "gpt-5.5"
    assert attributes["gen_ai.provider.name"] == "openai"
    assert "openai.response.service_tier" not in attributes
    assert point.count == 1
    assert 0.05 <= point.sum <= telemetry.point(DURATION)[1].sum - 0.05
    assert point.sum == telemetry.attributes()["gen_ai.response.time_to_first_chunk"]


def test_calls_that_are_not_streamed_have_no_first_chunk(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat()))
    ask(client())
    assert telemetry.points(FIRST_CHUNK) == []
    assert "gen_ai.response.time_to_first_chunk" not in telemetry.attributes()


def test_a_call_records_nothing_but_the_documented_metrics(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()))
    list(ask(client(), stream=True))
    assert telemetry.metric_names() == {COST, DURATION, TOKENS, FIRST_CHUNK, "openai_cost.price_book.age"}


def test_a_call_without_usage_has_no_cost_and_no_tokens_but_a_duration(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed(usage=False)))
    list(ask(client(), stream=True))
    assert telemetry.points(COST) == []
    assert telemetry.points(TOKENS) == []
    assert telemetry.point(DURATION)[1].count == 1
    attributes, point = telemetry.point(UNPRICED)
    assert point.value == 1
    assert attributes["openai_cost.unpriced.reason"] == "no_usage"


def test_an_unpriced_operation_is_counted_by_model_provider_operation_and_reason(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat("gpt-99-unheard-of")))
    ask(client(), model="gpt-99")
    attributes, point = telemetry.point(UNPRICED)
    assert (type(point.value), point.value) == (int, 1)
    assert attributes["gen_ai.operation.name"] == "chat"
    assert attributes["gen_ai.provider.name"] == "openai"
    assert attributes["gen_ai.request.model"] == "gpt-99"
    assert attributes["gen_ai.response.model"] == "gpt-99-unheard-of"
    assert attributes["openai_cost.unpriced.reason"] == "unknown_model"
    assert telemetry.points(COST) == []
    assert telemetry.point(TOKENS, **{"gen_ai.token.type": "input"})[1].sum == 1000


def test_a_price_of_zero_is_a_cost_of_zero(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat(tokens=(0, 0))))
    ask(client())
    _, point = telemetry.point(COST)
    assert (point.count, point.sum) == (1, 0.0)
    assert telemetry.points(UNPRICED) == []


def test_costs_of_several_calls_add_up(server, client, instrument, telemetry):
    instrument()
    server.route("POST", "/v1/chat/completions", json_answer(chat(service_tier="default")))
    one = client()
    for _ in range(3):
        ask(one)
    _, point = telemetry.point(COST)
    assert point.count == 3
    assert point.sum == pytest.approx(0.105)


def test_a_span_that_is_not_sampled_has_metrics_all_the_same(server, client, instrument, telemetry):
    dark = Telemetry(sampler=ALWAYS_OFF)
    instrument(tracer_provider=dark.tracer_provider)
    server.queue(json_answer(chat()))
    ask(client())
    dark.close()
    assert dark.spans() == ()
    assert money(telemetry.point(COST)[1].sum) == Decimal("0.035")
    assert telemetry.point(TOKENS, **{"gen_ai.token.type": "output"})[1].sum == 1000
    assert telemetry.point(DURATION)[1].count == 1


@pytest.mark.parametrize("name", [COST, DURATION, TOKENS])
def test_a_measurement_is_linked_to_its_span(server, client, instrument, telemetry, name):
    instrument()
    server.queue(json_answer(chat()), sse_answer(streamed()))
    one = client()
    ask(one)
    stream = ask(one, stream=True)
    list(stream)
    spans = {span.context.span_id for span in telemetry.spans()}
    linked = {exemplar.span_id for _, point in telemetry.points(name) for exemplar in point.exemplars}
    assert len(spans) == 2
    assert linked <= spans
    assert linked


def test_the_measurements_of_a_stream_are_linked_to_its_span_wherever_it_ends(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()))
    stream = ask(client(), stream=True)
    tracer = telemetry.tracer_provider.get_tracer("elsewhere")
    with tracer.start_as_current_span("elsewhere"):
        list(stream)
    ours = next(span for span in telemetry.spans() if span.name == "chat gpt-5.5")
    (exemplar,) = telemetry.point(COST)[1].exemplars
    assert exemplar.span_id == ours.context.span_id


def test_components_are_recorded_on_request_only(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat()))
    ask(client())
    assert not {"openai_cost.cost", "openai_cost.tokens", "openai_cost.cache_savings"} & telemetry.metric_names()


def test_components_are_disjoint_and_add_up(server, client, instrument, telemetry):
    instrument(component_metrics=True)
    usage = {
        "prompt_tokens_details": {"cached_tokens": 4000},
        "completion_tokens_details": {"reasoning_tokens": 400},
    }
    server.queue(json_answer(chat("gpt-5.4", (10_000, 1000), usage=usage)))
    ask(client(), model="gpt-5.4")
    cost = {
        attributes["openai_cost.component"]: point.value for attributes, point in telemetry.points("openai_cost.cost")
    }
    assert {name: money(value) for name, value in cost.items() if value} == {
        "input_uncached": Decimal("0.015"),
        "cache_read": Decimal("0.001"),
        "output_visible": Decimal("0.009"),
        "reasoning": Decimal("0.006"),
    }
    tokens = [point.value for _, point in telemetry.points("openai_cost.tokens")]
    assert sum(tokens) == 11_000
    assert sorted(value for value in tokens if value) == [400, 600, 4000, 6000]
    # 4000 tokens at 0.25 instead of 2.5
    assert money(telemetry.point("openai_cost.cache_savings")[1].value) == Decimal("0.009")


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("openai_cost.cost", "{cost}"),
        ("openai_cost.tokens", "{token}"),
        ("openai_cost.cache_savings", "{cost}"),
    ],
)
def test_components_are_counters(server, client, instrument, telemetry, name, unit):
    instrument(component_metrics=True)
    usage = {"prompt_tokens_details": {"cached_tokens": 4000}}
    server.queue(json_answer(chat("gpt-5.4", (10_000, 1000), usage=usage)))
    ask(client(), model="gpt-5.4")
    described = telemetry.metric(name)
    assert (described.kind, described.unit) == ("Sum", unit)


def test_streams_and_plain_calls_cost_the_same(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat(service_tier="default")), sse_answer(streamed()))
    one = client()
    ask(one)
    list(ask(one, stream=True))
    attributes, point = telemetry.point(COST)
    assert point.count == 2
    assert point.sum == pytest.approx(0.07)
    assert attributes["gen_ai.response.model"] == "gpt-5.5"


def test_a_payload_of_the_api_streams_to_its_cost(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("chat_stream_with_usage.sse")))
    list(ask(client(), model="gpt-5.6-sol", stream=True))
    # 19 tokens at 4 and 10 at 20
    assert money(telemetry.point(COST)[1].sum) == Decimal("0.000276")
