# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Run by ``opentelemetry-instrument`` where only the wheel, a client and an SDK are: one call is made, and has a price."""

import sys
from decimal import Decimal

import openai
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from opentelemetry import trace
from opentelemetry.instrumentation.openai_cost.demo.server import DemoServer

QUESTION = [{"role": "user", "content": "Why does my bicycle creak?"}]


def main() -> int:
    """Ask the embedded server, which the price file of the environment says bills as OpenAI does."""
    recorded = InMemorySpanExporter()
    trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(recorded))
    with DemoServer() as server, openai.OpenAI(base_url=server.base_url, api_key="demo") as client:
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=QUESTION)
    price = Decimal("0.15e-6") * answer.usage.prompt_tokens + Decimal("0.6e-6") * answer.usage.completion_tokens
    (span,) = recorded.get_finished_spans()
    amount = span.attributes["gen_ai.usage.cost.amount"]
    assert Decimal(repr(amount)) == price, (amount, price)
    print(f"openai {openai.__version__}: {span.name}, {amount} {span.attributes['gen_ai.usage.cost.currency']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
