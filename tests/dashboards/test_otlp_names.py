# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The dashboard for names with dots, on a Prometheus 3 that holds such names.

Debian builds Prometheus without its OTLP receiver. So the names are spelt here as that receiver spells them, from what the
Prometheus exporter exposes and the names that the SDK knows.
"""

import math
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

pytest.importorskip("opentelemetry.exporter.prometheus", reason="needs the Prometheus exporter: tox -e dashboards")

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricsData
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest

from dashboards import history
from dashboards.application import BATCH, answers, attributed, make_calls, options, total
from dashboards.distribution import Tools
from dashboards.monitoring import remember
from dashboards.panels import Query, queries
from dashboards.prometheus import Prometheus
from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor
from support.clients import make_client
from support.server import Server

QUERIES = queries("openai-cost-otlp")
VALUES = {
    "service": history.SERVICE,
    "model": ".*",
    "currency": "USD",
    "attribution": "tenant.id",
    "__rate_interval": "20m",
    "__range": "1d",
}

_SAMPLE = re.compile(r"^(?P<name>\w+)\{(?P<labels>.*)\} (?P<rest>\S+ \S+)$")
_SUFFIXES = re.compile(r"^(?P<units>_seconds|_days)?(?P<series>_total|_sum|_count|_bucket)?$")


@dataclass(frozen=True)
class Spelling:
    """A translation strategy of Prometheus's OTLP receiver that keeps the dots."""

    strategy: str
    suffixes: bool
    """Whether units and the ``_total`` of counters are appended."""

    def spelt(self, line: str, metrics: dict[str, str], labels: dict[str, str]) -> str:
        """A sample's line with the names that the application gave."""
        sample = _SAMPLE.match(line)
        assert sample, line
        name = max((name for name in metrics if sample["name"].startswith(name)), key=len)
        found = _SUFFIXES.match(sample["name"].removeprefix(name))
        assert found, line
        units, series = found["units"] or "", found["series"] or ""
        if not self.suffixes:
            units, series = "", series.replace("_total", "")
        renamed = re.sub(r'(\w+)(?==")', lambda label: f'"{labels.get(label[1], label[1])}"', sample["labels"])
        return f'{{"{metrics[name]}{units}{series}",{renamed}}} {sample["rest"]}'


@dataclass(frozen=True)
class Receiver:
    """A Prometheus that holds the past in one spelling."""

    prometheus: Prometheus
    now: float

    def ask(self, query: Query) -> list[float]:
        """The numbers that a query's answer consists of."""
        return [sample.value for sample in self.prometheus.query(query.filled(VALUES), self.now)]

    def number(self, panel: str, ref: str = "A") -> float:
        """The only number of a panel's query."""
        [query] = [query for query in QUERIES if (query.panel, query.ref) == (panel, ref)]
        [value] = self.ask(query)
        return value


@dataclass(frozen=True)
class Exposed:
    """What one batch of calls exposes, and the names in it as the application gave them, by those that are exposed."""

    text: str
    metrics: dict[str, str]
    labels: dict[str, str]


@pytest.fixture(scope="module")
def exposed(_server: Server) -> Exposed:
    """One batch of calls."""
    registry = CollectorRegistry()
    reader = InMemoryMetricReader()
    provider = MeterProvider(
        [reader, PrometheusMetricReader(disable_target_info=True, registry=registry)], shutdown_on_exit=False
    )
    instrumentor = OpenAICostInstrumentor()
    instrumentor.instrument(meter_provider=provider, **options())
    _server.queue(*answers())
    try:
        with make_client(_server.url) as client:
            make_calls(client, attributed)
        data = reader.get_metrics_data()
        assert data is not None
        return Exposed(generate_latest(registry).decode(), *names(data))
    finally:
        instrumentor.uninstrument()
        provider.shutdown()


def names(data: MetricsData) -> tuple[dict[str, str], dict[str, str]]:
    """Names of metrics and of attributes, by what the Prometheus exporter makes of them."""
    all_metrics = [
        metric for resource in data.resource_metrics for scope in resource.scope_metrics for metric in scope.metrics
    ]
    keys = {key for metric in all_metrics for point in metric.data.data_points for key in point.attributes or {}}
    exposed: Callable[[str], str] = lambda name: name.replace(".", "_")  # noqa: E731
    return {exposed(metric.name): metric.name for metric in all_metrics}, {exposed(key): key for key in keys}


@pytest.fixture(
    scope="module",
    params=[Spelling("NoTranslation", suffixes=False), Spelling("NoUTF8EscapingWithSuffixes", suffixes=True)],
    ids=lambda spelling: spelling.strategy,
)
def receiver(
    request: pytest.FixtureRequest, newer_tools: Tools, exposed: Exposed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Receiver]:
    """One for each spelling."""
    directory = tmp_path_factory.mktemp("receiver")
    past = history.openmetrics(exposed.text, float(int(time.time())))
    respelt = past.respelt(lambda line: request.param.spelt(line, exposed.metrics, exposed.labels))
    now = remember(newer_tools, respelt, directory)
    prometheus = Prometheus(newer_tools, directory, {})
    try:
        yield Receiver(prometheus, now)
    finally:
        prometheus.close()


def test_names_have_dots(receiver: Receiver) -> None:
    stored = receiver.prometheus.api("label/__name__/values")
    assert {"gen_ai.client.operation.cost_sum", "gen_ai.client.token.usage_count"} <= set(stored)
    assert not [name for name in stored if name.startswith("gen_ai_")]


def test_every_query_answers(receiver: Receiver) -> None:
    for query in QUERIES:
        values = receiver.ask(query)
        assert values, query.name
        assert all(math.isfinite(value) for value in values), query.name


def test_totals_are_what_the_server_sent(receiver: Receiver) -> None:
    a_day = history.DAY // history.STEP
    assert receiver.number("Spend in the range") == pytest.approx(float(total()) * 2 * a_day)
    assert receiver.number("A day before") == pytest.approx(float(total()) * a_day)
    assert receiver.number("A week before") == pytest.approx(float(total()) * a_day / 2)
    _, made = history.batches(receiver.now)[-1]
    assert receiver.number("Since the processes started") == pytest.approx(float(total()) * made)


def test_the_price_of_a_call(receiver: Receiver) -> None:
    assert receiver.number("Cost of a call ($currency)", "D") == pytest.approx(float(total()) / len(BATCH))
