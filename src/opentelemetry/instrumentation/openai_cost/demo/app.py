# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The application of the demo: does the tasks of the help desk, and prints what they cost.

It is run as any application is: ``opentelemetry-instrument python -m …``. The costs it has from telemetry: from the
attributes of the spans that the calls left behind, and, for what is billed when it is finished, from the metric of the cost.
"""

from __future__ import annotations

import importlib.metadata
import sys
import warnings
from collections.abc import Sequence

import openai
from openai import OpenAI
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    HistogramDataPoint,
    InMemoryMetricReader,
    MetricsData,
    NumberDataPoint,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from opentelemetry import metrics, trace

from .. import semconv
from ..spend import Call, Totals
from ..spend.table import render
from .help_desk import TASKS, Task
from .table import call_header, call_line


def main(arguments: Sequence[str]) -> int:
    """Does the tasks, and prints what they cost according to the telemetry.

    Args:
        arguments: ``--live`` leaves out what only the embedded server should be asked for.

    Returns:
        The exit status: 1 if the instrumentation saw no call at all.
    """
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        print("There is no tracer provider of the SDK. Start this with opentelemetry-instrument.")
        return 1
    spans = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    counts = _metrics()
    # Videos and assistants are deprecated, and billed all the same.
    warnings.simplefilter("ignore", DeprecationWarning)

    print(call_header(), flush=True)
    seen: list[Call] = []
    with OpenAI(max_retries=0) as client:
        for task in TASKS:
            if task.live or "--live" not in arguments:
                seen += _run(task, client, spans, counts)
    if not seen:
        print(f"\nThe instrumentation left no span: {_diagnosis()}")
        return 1
    print(f"\n{render(Totals.of(seen))}")
    return 0


def _metrics() -> InMemoryMetricReader | None:
    """Reads what has been counted since it was last asked; None where the SDK takes no reader once it runs."""
    add = getattr(metrics.get_meter_provider(), "add_metric_reader", None)
    if not isinstance(metrics.get_meter_provider(), MeterProvider) or add is None:
        return None
    delta = AggregationTemporality.DELTA
    reader = InMemoryMetricReader(preferred_temporality={Histogram: delta, Counter: delta})
    add(reader)
    return reader


def _counted(data: MetricsData | None) -> list[Call]:
    """What was billed, and what was finished and has no price: one entry for each point of their metrics."""
    scopes = [
        scope for resource in (data.resource_metrics if data is not None else ()) for scope in resource.scope_metrics
    ]
    counted: list[Call] = []
    for metric in (metric for scope in scopes for metric in scope.metrics):
        for point in metric.data.data_points:
            attributes = point.attributes or {}
            if metric.name == semconv.METRIC_COST and isinstance(point, HistogramDataPoint):
                counted.append(Call.from_cost(attributes, point.sum, point.count))
            elif metric.name == semconv.METRIC_UNPRICED and isinstance(point, NumberDataPoint):
                counted.append(Call.from_reason(attributes, int(point.value)))
    return [call for call in counted if call.reason != "background"]


def _run(task: Task, client: OpenAI, spans: InMemorySpanExporter, counts: InMemoryMetricReader | None) -> list[Call]:
    if task.later and counts is None:
        print(f"{task.label:<29}  skipped: this opentelemetry-sdk takes no metric reader once it runs", flush=True)
        return []
    if counts is not None:
        counts.get_metrics_data()
    failure = None
    try:
        task.run(client)
    except Exception as error:
        # A call that fails is a call: its span says so. The help desk goes on.
        failure = error
    finished = spans.get_finished_spans()
    spans.clear()
    calls = [call for span in finished if (call := Call.from_attributes(span.attributes or {})) is not None]
    for index, call in enumerate(calls):
        print(call_line("" if index else task.label, call), flush=True)
    if task.later and counts is not None and (counted := _counted(counts.get_metrics_data())):
        # What was not priced at first is now, and what was priced at once is counted too: neither is in the table twice.
        priced = [call for call in calls if call.amount is not None]
        shown = [(call.label, call.amount) for call in priced]
        later = [call for call in counted if (call.label, call.amount) not in shown]
        for call in later:
            print(call_line("  counted when finished" if calls else task.label, call), flush=True)
        return [*priced, *later]
    if not calls and isinstance(failure, (AttributeError, TypeError)):
        print(f"{task.label:<29}  skipped: openai {openai.__version__} cannot do this", flush=True)
    elif not calls:
        print(f"{task.label:<29}  not seen by the instrumentation", flush=True)
    return calls


def _diagnosis() -> str:
    """The most likely reason why there is no span."""
    names = {entry.name for entry in importlib.metadata.entry_points(group="opentelemetry_instrumentor")}
    if "openai_cost" not in names:
        return "opentelemetry-instrumentation-openai-cost is not installed in this environment."
    return f"it is installed (beside openai {openai.__version__}) but was not loaded; messages above may say why."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
