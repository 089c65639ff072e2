# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Starts an instrumented application that exposes its metrics, and a Prometheus that scrapes them and runs the rules."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import NoOpTracerProvider
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.openmetrics.exposition import generate_latest

from dashboards import history
from dashboards.application import SERVICE, Application
from dashboards.distribution import Tools
from dashboards.monitored import Monitored
from dashboards.panels import RULES
from dashboards.prometheus import Prometheus, promtool, wait_until
from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor
from support.server import Server

BEFORE, AFTER = 2, 3
"""Batches of calls before the first scrape, and after it."""


@contextmanager
def monitor(server: Server, tools: Tools, directory: Path) -> Iterator[Monitored]:
    """The application has worked, and every number of it has been scraped."""
    registry = CollectorRegistry()
    reader = PrometheusMetricReader(registry=registry)
    provider = MeterProvider([reader], resource=Resource.create({"service.name": SERVICE}), shutdown_on_exit=False)
    instrumentor = OpenAICostInstrumentor()
    instrumentor.instrument(tracer_provider=NoOpTracerProvider(), meter_provider=provider, component_metrics=True)
    application = Application(server)
    exporter, thread = start_http_server(0, "127.0.0.1", registry)
    prometheus = None
    try:
        application.work()
        now = _remember(tools, generate_latest(registry).decode(), directory)
        application.work(BEFORE - 1)
        prometheus = Prometheus(tools, directory, _configuration(exporter.server_port, _hasty_rules(directory)))
        _wait_for(prometheus, application)
        application.work(AFTER)
        _wait_for(prometheus, application)
        yield Monitored(prometheus, now, time.time(), application.batches)
    finally:
        if prometheus is not None:
            prometheus.close()
        instrumentor.uninstrument()
        application.close()
        exporter.shutdown()
        exporter.server_close()
        thread.join()
        provider.shutdown()


def _hasty_rules(directory: Path) -> Path:
    """The rules, evaluated every second."""
    for file in RULES.glob("*.rules.yml"):
        text = re.sub(r"\n    interval: \w+\n", "\n", file.read_text(encoding="utf-8"))
        (directory / file.name).write_text(text, encoding="utf-8")
    return directory / "*.rules.yml"


def _configuration(port: int, rules: Path) -> dict[str, object]:
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": [{"job_name": SERVICE, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}],
    }


def _remember(tools: Tools, exposed: str, directory: Path) -> float:
    """Gives Prometheus the past, before it starts; the time at which it ends."""
    now = float(int(time.time()))
    file = directory / "history.txt"
    file.write_text("\n".join(history.openmetrics(exposed, now)) + "\n", encoding="utf-8")
    promtool(
        tools, "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=24h", "--quiet",
        str(file), str(directory / "data"),
    )  # fmt: skip
    return now


def _wait_for(prometheus: Prometheus, application: Application) -> None:
    """Until the failed calls of all batches, the last ones, have been scraped twice."""
    failed = f'gen_ai_client_operation_duration_seconds_count{{job="{SERVICE}", error_type!=""}}'

    def scraped() -> bool:
        seen = [prometheus.query(f"sum({failed}{moment})") for moment in ("", " offset 2s")]
        return [[sample.value for sample in samples] for samples in seen] == [[application.batches]] * 2

    wait_until(scraped, "everything is scraped", prometheus.log)
