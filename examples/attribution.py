# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Whose money: team and tenant on spans and metrics, totals on the span of the request, the cost of a piece of work, a budget."""

import sys

from openai import OpenAI
from opentelemetry.context import attach, detach
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

from opentelemetry import baggage, trace
from opentelemetry.instrumentation.openai_cost import Budget, OpenAICostInstrumentor, cost_attributes, track_cost

traces = TracerProvider()
traces.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter()))
trace.set_tracer_provider(traces)
metrics = MeterProvider([PeriodicExportingMetricReader(ConsoleMetricExporter(out=sys.stderr))])

OpenAICostInstrumentor().instrument(
    meter_provider=metrics,
    baggage_keys=("tenant.id",),
    rollup=True,
    budgets=[Budget("search", usd=50, per="day", where={"feature": "search"})],
)
client = OpenAI()


@cost_attributes(feature="search")
def search(question: str) -> str:
    """Two calls for one answer."""
    for _ in range(2):
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": question}])
    return answer.choices[0].message.content or ""


# What an HTTP server does for every request: its span, and the baggage that came with it.
with trace.get_tracer("application").start_as_current_span("GET /search"):
    token = attach(baggage.set_baggage("tenant.id", "acme"))
    with track_cost() as cost:
        print(search("Why does my bicycle creak?"))
    detach(token)
print(f"{cost.total} {cost.currency} in {cost.calls} calls, {cost.tokens.input} tokens in, {cost.tokens.output} out")

traces.shutdown()
metrics.shutdown()
