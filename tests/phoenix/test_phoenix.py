# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Traces sent to a real Phoenix server by OTLP, and found again through its API and on its page."""

import os
import re
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import openai
import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor, demo
from opentelemetry.instrumentation.openai_cost.demo.server import DemoServer
from support.chromium import CHROMIUM, Browser
from support.phoenix import Phoenix
from support.processes import ROOT

HOSTS = Path(demo.__file__).with_name("hosts.toml")
QUESTION = "Why does my bicycle creak?"
SCREENSHOT = os.environ.get("PHOENIX_SCREENSHOT")
"""Where the picture of the trace page goes; docs/phoenix-trace.png was made so."""

Send = Callable[..., tuple[str, list[ReadableSpan]]]


@pytest.fixture
def send(phoenix: Phoenix) -> Iterator[Send]:
    """``send(*calls, **options)`` makes calls under instrumentation; gives Phoenix's project and the spans that it was sent."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    instrumentor = OpenAICostInstrumentor()

    def run(*calls: Callable[[openai.OpenAI], Any], **options: Any) -> tuple[str, list[ReadableSpan]]:
        project = f"help-desk-{uuid.uuid4().hex[:8]}"
        resource = Resource.create({"service.name": "help-desk", "openinference.project.name": project})
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        kept = InMemorySpanExporter()
        provider.add_span_processor(SimpleSpanProcessor(kept))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{phoenix.url}/v1/traces")))
        instrumentor.instrument(tracer_provider=provider, prices=HOSTS, **options)
        with (
            DemoServer() as server,
            openai.OpenAI(base_url=server.base_url, api_key="demo") as client,
            provider.get_tracer("help-desk").start_as_current_span("answer a rider"),
        ):
            for call in calls:
                call(client)
        instrumentor.uninstrument()
        provider.shutdown()
        return project, list(kept.get_finished_spans())

    yield run
    if instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.uninstrument()


def ask(client: openai.OpenAI) -> None:
    client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": QUESTION}])


def think(client: openai.OpenAI) -> None:
    client.responses.create(model="gpt-5.4", input=QUESTION)


def think_fast(client: openai.OpenAI) -> None:
    client.responses.create(model="gpt-5.4", input=QUESTION, service_tier="priority")


def by_id(spans: list[ReadableSpan]) -> dict[str, dict[str, Any]]:
    return {
        format(span.context.span_id, "016x"): {
            key: list(value) if isinstance(value, tuple) else value for key, value in span.attributes.items()
        }
        for span in spans
    }


def test_every_attribute_is_found_again_unchanged(phoenix, send):
    project, spans = send(ask, think)
    found = phoenix.spans(project, count=3)
    sent = by_id(spans)
    assert set(found) == set(sent)
    for identifier, attributes in sent.items():
        assert {key: found[identifier].get(key) for key in attributes} == attributes
    assert sum("gen_ai.usage.cost.amount" in attributes for attributes in found.values()) == 2


def test_without_an_alias_there_is_nothing_of_openinferences_costs(phoenix, send):
    project, _ = send(ask)
    for attributes in phoenix.spans(project, count=2).values():
        assert not [key for key in attributes if key.startswith("llm.cost.")]


def test_with_the_alias_the_costs_of_openinference_are_found_and_are_ours(phoenix, send):
    project, _ = send(think, aliases=("openinference",))
    (attributes,) = [each for each in phoenix.spans(project, count=2).values() if "gen_ai.usage.cost.amount" in each]
    assert {key: value for key, value in attributes.items() if key.startswith("llm.cost.")} == {
        "llm.cost.total": attributes["gen_ai.usage.cost.amount"],
        "llm.cost.prompt": attributes["openai_cost.input"],
        "llm.cost.completion": attributes["openai_cost.output"],
        "llm.cost.completion_details.reasoning": attributes["openai_cost.reasoning"],
    }
    assert attributes["llm.cost.total"] > 0


def test_the_filter_of_the_recipes_finds_the_expensive_calls(phoenix, send):
    recipes = (ROOT / "docs/recipes.md").read_text(encoding="utf-8")
    condition = re.search(r"<!-- filter of Phoenix -->\n```text\n(.*)\n```", recipes)[1]
    limit = re.search(r"> (\S+)$", condition)[1]
    project, spans = send(ask, think)
    phoenix.spans(project, count=3)
    amounts = {
        span.name: span.attributes["gen_ai.usage.cost.amount"]
        for span in spans
        if "gen_ai.usage.cost.amount" in span.attributes
    }
    between = sum(amounts.values()) / 2
    assert min(amounts.values()) < between < max(amounts.values())
    listed = phoenix.listed(project, condition.replace(limit, f"{between:f}"))
    assert [span["name"] for span in listed] == ["chat gpt-5.4"]


def test_its_own_cost_agrees_at_standard_prices_and_knows_no_tier(phoenix, send):
    project, spans = send(ask, think_fast)
    phoenix.spans(project, count=3)
    ours = {span.name: span.attributes.get("gen_ai.usage.cost.amount") for span in spans}
    theirs = {
        span["name"]: span["costSummary"]["total"]["cost"]
        for span in phoenix.listed(project)
        if span["costSummary"] is not None
    }
    assert abs(Decimal(repr(theirs["chat gpt-4o-mini"])) - Decimal(repr(ours["chat gpt-4o-mini"]))) < Decimal("1e-12")
    assert theirs["chat gpt-5.4"] < ours["chat gpt-5.4"]


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_the_page_of_a_trace_shows_the_cost(phoenix, send, tmp_path):
    project, _ = send(ask, think, aliases=("openinference",))
    found = phoenix.spans(project, count=3)
    (span,) = [span for span in phoenix.listed(project) if span["name"] == "chat gpt-5.4"]
    with Browser(tmp_path / "profile", height=1900) as browser:
        trace = f"{phoenix.url}/projects/{span['project']}/traces/{span['trace']['traceId']}"
        browser.open(f"{trace}?selectedSpanNodeId={span['id']}")
        browser.wait_for("chat gpt-5.4")
        browser.click("Attributes")
        for name in ("gen_ai.usage.cost.amount", "openai_cost.input", "llm.cost.total"):
            browser.wait_for(name)
        (amount,) = [each["llm.cost.total"] for each in found.values() if each.get("llm.model_name") == "gpt-5.4"]
        browser.wait_for(str(amount))
        picture = browser.screenshot()
    assert picture.startswith(b"\x89PNG")
    if SCREENSHOT:
        Path(SCREENSHOT).write_bytes(picture)
