# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""What leaves the process by OTLP, and exemplars: the numbers arrive as they were recorded, and lead back to the calls."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

pytest.importorskip(
    "opentelemetry.exporter.otlp.proto.grpc", reason="needs opentelemetry-exporter-otlp: tox -e dashboards"
)

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader

from dashboards.application import BATCH, CALLS, UNPRICED, answers, make_calls, total
from dashboards.otlp import RECEIVERS, Received, attributes
from dashboards.zero_code import SERVICE, run
from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor, semconv
from support.clients import make_client
from support.expect import money
from support.server import Server
from support.telemetry import Telemetry

AMOUNTS = {call.cost for call in BATCH}


@pytest.fixture(scope="module", params=RECEIVERS)
def received(request: pytest.FixtureRequest, _server: Server) -> Iterator[Received]:
    """What a receiver got from an application that ran without a line of code of ours, and needs to show a key."""
    with RECEIVERS[request.param]() as received:
        run(_server, request.param, received.url, "authorization=Bearer%20let-me-in")
        yield received


def test_every_message_shows_the_key(received: Received) -> None:
    assert set(received.authorizations) == {"Bearer let-me-in"}
    assert received.services == {SERVICE}


def test_spans_arrive_with_their_cost(received: Received) -> None:
    assert len(received.spans) == CALLS
    costs = [cost for span in received.spans if (cost := attributes(span.attributes).get("gen_ai.usage.cost.amount"))]
    assert sum(map(money, costs)) == total()
    assert {money(cost) for cost in costs} == AMOUNTS


def test_spans_without_a_cost_arrive_with_the_reason(received: Received) -> None:
    found = [attributes(span.attributes) for span in received.spans]
    unpriced = [each for each in found if "openai_cost.unpriced.reason" in each]
    assert not [each for each in unpriced if "gen_ai.usage.cost.amount" in each]
    ended_well = [each for each in unpriced if "error.type" not in each]
    reasons = {each["openai_cost.unpriced.reason"]: each["gen_ai.request.model"] for each in ended_well}
    assert reasons == UNPRICED


def test_the_parts_of_a_cost_arrive_as_doubles(received: Received) -> None:
    priced = [span for span in received.spans if "gen_ai.usage.cost.amount" in attributes(span.attributes)]
    for span in priced:
        parts = {pair.key: pair.value for pair in span.attributes}
        for name in ("gen_ai.usage.cost.amount", "openai_cost.input", "openai_cost.output"):
            assert parts[name].WhichOneof("value") == "double_value"
        assert parts["gen_ai.usage.cost.currency"].string_value == "USD"


def test_the_cost_histogram_arrives_with_its_buckets(received: Received) -> None:
    metric = received.metrics["gen_ai.client.operation.cost"]
    assert metric.unit == "{cost}"
    points = metric.histogram.data_points
    assert sum(point.count for point in points) == len(BATCH)
    assert float(sum(Decimal(repr(point.sum)) for point in points)) == pytest.approx(float(total()), abs=1e-15)
    assert {tuple(point.explicit_bounds) for point in points} == {semconv.COST_BUCKETS}


def test_the_counters_arrive(received: Received) -> None:
    unpriced = received.metrics["openai_cost.unpriced_operations"].sum.data_points
    counted = {attributes(point.attributes)["openai_cost.unpriced.reason"]: point.as_int for point in unpriced}
    assert counted == {**dict.fromkeys(UNPRICED, 1), "error": 1}
    parts = received.metrics["openai_cost.cost"].sum.data_points
    assert sum(point.as_double for point in parts) == pytest.approx(float(total()), abs=1e-15)
    assert received.metrics["openai_cost.price_book.age"].gauge.data_points[0].as_int >= 0


def test_exemplars_of_the_cost_arrive_and_name_the_spans(received: Received) -> None:
    spans = {(span.trace_id, span.span_id): attributes(span.attributes) for span in received.spans}
    exemplars = [
        exemplar
        for point in received.metrics["gen_ai.client.operation.cost"].histogram.data_points
        for exemplar in point.exemplars
    ]
    assert exemplars
    for exemplar in exemplars:
        assert spans[exemplar.trace_id, exemplar.span_id]["gen_ai.usage.cost.amount"] == exemplar.as_double


def test_exemplars_reach_the_reader_of_the_sdk(server: Server, telemetry: Telemetry) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    instrumentor = OpenAICostInstrumentor()
    instrumentor.instrument(tracer_provider=telemetry.tracer_provider, meter_provider=provider)
    server.queue(*answers())
    try:
        with make_client(server.url) as client:
            make_calls(client)
        data = reader.get_metrics_data()
    finally:
        instrumentor.uninstrument()
        provider.shutdown()
    assert data is not None
    costs = {
        span.context.span_id: (span.attributes or {}).get("gen_ai.usage.cost.amount") for span in telemetry.spans()
    }
    points = [
        point
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "gen_ai.client.operation.cost"
        for point in metric.data.data_points
        if isinstance(point, HistogramDataPoint)
    ]
    assert points
    assert all(point.exemplars for point in points)
    assert all(costs[exemplar.span_id or 0] == exemplar.value for point in points for exemplar in point.exemplars)
