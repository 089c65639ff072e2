# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The same in code: a tracer provider of your own, and two lines for the instrumentation."""

from openai import OpenAI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

from opentelemetry import trace
from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter()))
trace.set_tracer_provider(provider)
OpenAICostInstrumentor().instrument(stream_usage="request")

# This stream does not ask for its usage; with stream_usage="request" it is priced all the same.
for chunk in OpenAI().chat.completions.create(
    model="gpt-4o-mini", messages=[{"role": "user", "content": "Why does my bicycle creak?"}], stream=True
):
    print(chunk.choices[0].delta.content or "", end="")
print()

provider.shutdown()
