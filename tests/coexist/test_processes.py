# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Processes in which other instrumentations are loaded beside ours: by the launcher, or before and after the client."""

import importlib.metadata
import textwrap

import pytest

pytest.importorskip("opentelemetry.instrumentation.genai.openai")

from coexist.calls import AMOUNT, OURS, SHAPES, has_helpers, has_responses, queue
from coexist.process import launcher, run
from support.expect import COST, DURATION, TOKENS, UNPRICED

pytestmark = pytest.mark.skipif(
    not any(importlib.metadata.entry_points(group="opentelemetry_instrumentor", name="openai_cost")),
    reason="needs the distribution installed, for its entry points",
)

NAMES = [
    "chat",
    "chat_stream",
    pytest.param("chat_parse", marks=has_helpers),
    pytest.param("response", marks=has_responses),
    pytest.param("response_stream", marks=has_responses),
    "embedding",
]

CALLS = """
    import asyncio, os
    from coexist.calls import SHAPES
    from support.clients import make_async_client, make_client

    names = {names!r}

    async def calls():
        client = make_async_client(os.environ["SERVER"])
        for name in names:
            await SHAPES[name].call_async(client)

    client = make_client(os.environ["SERVER"])
    for name in names:
        SHAPES[name].call(client)
    asyncio.run(calls())
"""


def calls(*names):
    return textwrap.dedent(CALLS).format(names=names)


def names_that_run():
    """The shapes that the installed client has."""
    for entry in NAMES:
        name, marks = (entry, ()) if isinstance(entry, str) else (entry.values[0], entry.marks)
        if not any(mark.args[0] for mark in marks):
            yield name


def assert_once_each(printed, names):
    """Every call has one span with its cost, one duration, one pair of token records, and one cost record."""
    amounts = sorted(span["attributes"][AMOUNT] for span in printed.with_attribute(AMOUNT))
    assert amounts == sorted(float(SHAPES[name].amount) for name in names)
    assert printed.count(COST) == len(names)
    assert UNPRICED not in printed.metrics
    assert printed.count(DURATION) == len(names)
    assert printed.count(TOKENS, **{"gen_ai.token.type": "input"}) == len(names)
    assert printed.count(TOKENS, **{"gen_ai.token.type": "output"}) == len(names) - names.count("embedding")


def test_loaded_by_the_launcher_every_call_is_described_once_and_priced_once(server):
    names = list(names_that_run())
    queue(server, *(SHAPES[name] for name in names * 2))
    printed = run(calls(*names), server, command=launcher())
    assert_once_each(printed, names * 2)
    for point in printed.metrics[TOKENS] + printed.metrics[DURATION]:
        assert not [label for label in point["attributes"] if "cost" in label]


def test_loaded_by_the_launcher_we_can_be_switched_off_alone(server):
    queue(server, SHAPES["chat"], SHAPES["chat"])
    printed = run(calls("chat"), server, command=launcher(), OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="openai_cost")
    assert printed.with_attribute(AMOUNT) == []
    assert printed.count(COST) == 0
    assert printed.count(DURATION) == 2


def test_loaded_by_the_launcher_the_others_can_be_switched_off_alone(server):
    queue(server, SHAPES["chat"], SHAPES["chat"])
    printed = run(calls("chat"), server, command=launcher(), OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="openai")
    assert_once_each(printed, ["chat"] * 2)
    assert [span["name"] for span in printed.spans] == ["chat gpt-5.5"] * 2


def test_loaded_by_the_launcher_without_spans_of_our_own(server):
    queue(server, SHAPES["chat"], SHAPES["chat"])
    printed = run(calls("chat"), server, command=launcher(), OTEL_INSTRUMENTATION_OPENAI_COST_SPANS="current")
    assert_once_each(printed, ["chat"] * 2)


PROVIDERS = """
    from opentelemetry import metrics, trace
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(ConsoleMetricExporter())]))
"""

STEPS = {
    "client": "import openai",
    "ours": f"from {OURS} import OpenAICostInstrumentor; OpenAICostInstrumentor().instrument()",
    "official": (
        "import opentelemetry.instrumentation.genai.openai as official; official.OpenAIInstrumentor().instrument()"
    ),
    "openinference": "import openinference.instrumentation.openai as other; other.OpenAIInstrumentor().instrument()",
}


def in_order(*steps):
    return "\n".join([textwrap.dedent(PROVIDERS), *(STEPS[step] for step in steps)])


@pytest.mark.parametrize(
    "order",
    [("client", "official", "ours"), ("ours", "client", "official"), ("official", "ours")],
    ids="-".join,
)
def test_the_client_may_be_imported_before_or_after_the_two(server, order):
    queue(server, SHAPES["chat"], SHAPES["chat"])
    printed = run("\n".join([in_order(*order), calls("chat")]), server)
    assert_once_each(printed, ["chat"] * 2)
    assert len(printed.spans) == 2


def test_the_client_may_be_imported_between_us_and_openinference(server):
    pytest.importorskip("openinference.instrumentation.openai")
    queue(server, SHAPES["chat"], SHAPES["chat"])
    printed = run("\n".join([in_order("ours", "client", "openinference"), calls("chat")]), server)
    assert_once_each(printed, ["chat"] * 2)
    assert len(printed.spans) == 4
