# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Running totals on the spans above a call: on all that live, on none that has ended, and held no longer than they are."""

import asyncio
import contextvars
import gc
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from opentelemetry import trace
from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor
from support.clients import needs_late_responses
from support.expect import COST, ask, chat, money, streamed
from support.payloads import payload
from support.server import json_answer, sse_answer
from support.telemetry import Telemetry

AMOUNT, CALLS, UNPRICED = "openai_cost.rollup.amount", "openai_cost.rollup.calls", "openai_cost.rollup.unpriced"
LATE = "openai_cost.rollup.late"


@pytest.fixture
def tracer(telemetry):
    return telemetry.tracer_provider.get_tracer("app")


def totals(telemetry):
    """Amount, calls and unpriced calls on every span that carries any, by name."""
    return {
        span.name: tuple(span.attributes.get(name) for name in (AMOUNT, CALLS, UNPRICED))
        for span in telemetry.spans()
        if any(name.startswith("openai_cost.rollup") for name in span.attributes)
    }


def test_every_span_above_a_call_carries_the_total_of_the_calls_below_it(server, client, instrument, telemetry, tracer):
    instrument(rollup=True)
    api = client()
    for _ in range(3):
        server.queue(json_answer(chat()))
    with tracer.start_as_current_span("request"):
        with tracer.start_as_current_span("first"):
            ask(api)
        with tracer.start_as_current_span("second"):
            ask(api)
            ask(api)
    assert totals(telemetry) == {"first": (0.035, 1, None), "second": (0.07, 2, None), "request": (0.105, 3, None)}
    request = telemetry.spans()[-1].attributes
    assert [type(request[name]) for name in (AMOUNT, CALLS)] == [float, int]
    assert telemetry.points(LATE) == []


def test_the_cost_itself_stays_on_the_call_alone(server, client, instrument, telemetry, tracer):
    instrument(rollup=True)
    server.queue(json_answer(chat()))
    with tracer.start_as_current_span("request"):
        ask(client())
    call, request = telemetry.spans()
    assert money(call.attributes["gen_ai.usage.cost.amount"]) == money(request.attributes[AMOUNT])
    assert not [name for name in request.attributes if name.startswith("gen_ai.")]
    assert not [name for name in call.attributes if "rollup" in name]
    assert telemetry.point(COST)[1].count == 1


def test_the_total_runs(server, client, instrument, telemetry, tracer):
    instrument(rollup=True)
    api = client()
    with tracer.start_as_current_span("request") as request:
        for number in range(1, 4):
            server.queue(json_answer(chat()))
            ask(api)
            assert request.attributes[CALLS] == number
            assert money(request.attributes[AMOUNT]) == number * money(0.035)


def test_calls_without_a_price_are_counted_and_never_added(server, client, instrument, telemetry, tracer):
    instrument(rollup=True)
    api = client()
    server.queue(json_answer(chat(model="nobody-knows-this")), json_answer(chat(model="nobody-knows-this")))
    server.queue(json_answer(chat()))
    with tracer.start_as_current_span("only unpriced"):
        ask(api, model="nobody-knows-this")
    with tracer.start_as_current_span("both"):
        ask(api, model="nobody-knows-this")
        ask(api)
    assert totals(telemetry) == {"only unpriced": (None, 1, 1), "both": (0.035, 2, 1)}


def test_without_the_option_no_span_is_touched(server, client, instrument, telemetry, tracer):
    instrument()
    processors = len(telemetry.tracer_provider._active_span_processor._span_processors)
    server.queue(json_answer(chat()))
    with tracer.start_as_current_span("request"):
        ask(client())
    assert totals(telemetry) == {}
    assert len(telemetry.tracer_provider._active_span_processor._span_processors) == processors


def test_a_provider_without_processors_still_has_the_total_on_the_current_span(server, client, instrument, telemetry):
    class Foreign(trace.TracerProvider):
        def get_tracer(self, *args, **kwargs):
            return telemetry.tracer_provider.get_tracer(*args, **kwargs)

    instrument(rollup=True, tracer_provider=Foreign())
    tracer = telemetry.tracer_provider.get_tracer("app")
    api = client()
    server.queue(json_answer(chat()), json_answer(chat()))
    with tracer.start_as_current_span("request"), tracer.start_as_current_span("step"):
        ask(api)
        ask(api)
    assert totals(telemetry) == {"step": (0.07, 2, None)}


def test_spans_that_were_open_before_the_instrumentation_came_are_reached_too(
    server, client, instrument, telemetry, tracer
):
    server.queue(json_answer(chat()), json_answer(chat()))
    with tracer.start_as_current_span("request"):
        instrument(rollup=True)
        api = client()
        with tracer.start_as_current_span("step"):
            ask(api)
        ask(api)
    assert totals(telemetry) == {"step": (0.035, 1, None), "request": (0.07, 2, None)}


def test_a_parent_in_another_process_is_no_ancestor_here(server, client, instrument, telemetry, tracer):
    instrument(rollup=True)
    server.queue(json_answer(chat()))
    remote = NonRecordingSpan(SpanContext(0xA1, 0xB2, is_remote=True, trace_flags=TraceFlags(1)))
    with tracer.start_as_current_span("request", context=set_span_in_context(remote, Context())):
        ask(client())
    assert totals(telemetry) == {"request": (0.035, 1, None)}


def test_siblings_and_other_traces_are_not_touched(server, client, instrument, telemetry, tracer):
    instrument(rollup=True)
    server.queue(json_answer(chat()))
    sibling = tracer.start_span("other trace")
    with tracer.start_as_current_span("request"):
        with tracer.start_as_current_span("sibling"):
            pass
        ask(client())
    sibling.end()
    assert set(totals(telemetry)) == {"request"}


def test_what_arrives_after_a_span_has_ended_is_counted_as_late(server, client, instrument, telemetry, tracer, caplog):
    instrument(rollup=True)
    server.queue(sse_answer(streamed()))
    with tracer.start_as_current_span("request"):
        with tracer.start_as_current_span("step"):
            stream = ask(client(), stream=True, stream_options={"include_usage": True})
        list(stream)
    assert totals(telemetry) == {"request": (0.035, 1, None)}
    attributes, point = telemetry.point(LATE)
    assert point.value == 1
    assert attributes["gen_ai.request.model"] == "gpt-5.5"
    assert telemetry.point(COST)[1].count == 1
    assert not caplog.records


@pytest.mark.anyio
async def test_a_task_that_outlives_its_step_still_reaches_the_request(
    server, async_client, instrument, telemetry, tracer
):
    instrument(rollup=True)
    server.queue(json_answer(chat()))
    api = async_client()

    async def later():
        await asyncio.sleep(0.01)
        with tracer.start_as_current_span("later"):
            await ask(api)

    with tracer.start_as_current_span("request"):
        with tracer.start_as_current_span("step"):
            task = asyncio.create_task(later())
        await task
    assert totals(telemetry) == {"later": (0.035, 1, None), "request": (0.035, 1, None)}


class ByName(Sampler):
    """Drops the spans whose name begins with what is given."""

    def __init__(self, dropped):
        self.dropped = dropped

    def should_sample(self, parent_context, trace_id, name, kind=None, attributes=None, links=None, trace_state=None):
        drop = name.startswith(self.dropped)
        return SamplingResult(Decision.DROP if drop else Decision.RECORD_AND_SAMPLE, attributes)

    def get_description(self):
        return "ByName"


def test_a_call_whose_own_span_is_not_sampled_is_in_the_total_all_the_same(server, client, instrument):
    telemetry = Telemetry(ByName("chat "))
    instrument(rollup=True, tracer_provider=telemetry.tracer_provider)
    server.queue(json_answer(chat()))
    with telemetry.tracer_provider.get_tracer("app").start_as_current_span("request"):
        ask(client())
    assert totals(telemetry) == {"request": (0.035, 1, None)}
    telemetry.close()


def test_a_trace_that_is_not_sampled_is_neither_touched_nor_late(server, client, instrument, telemetry):
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    instrument(rollup=True, tracer_provider=provider)
    server.queue(json_answer(chat()))
    with provider.get_tracer("app").start_as_current_span("request"):
        ask(client())
    assert telemetry.points(LATE) == []
    assert telemetry.point(COST)[1].count == 1


@pytest.mark.parametrize("spans", ["current", "none"])
def test_it_does_not_need_spans_of_ours(server, client, instrument, telemetry, tracer, spans):
    instrument(rollup=True, spans=spans)
    api = client()
    server.queue(json_answer(chat()), json_answer(chat()))
    with tracer.start_as_current_span("request"), tracer.start_as_current_span("step"):
        ask(api)
        ask(api)
    assert totals(telemetry) == {"step": (0.07, 2, None), "request": (0.07, 2, None)}


@needs_late_responses
def test_a_background_response_is_one_call_on_the_spans_that_started_it(server, client, instrument, telemetry, tracer):
    instrument(rollup=True)
    api = client()
    stored = payload("response_simple.json") | {"id": "resp_bg", "background": True}
    server.queue(json_answer(stored | {"status": "queued", "usage": None, "output": []}), json_answer(stored))
    with tracer.start_as_current_span("request") as request:
        api.responses.create(model="gpt-5.6-sol", input="x", background=True)
        assert (request.attributes.get(AMOUNT), request.attributes[UNPRICED]) == (None, 1)
        with tracer.start_as_current_span("poll"):
            api.responses.retrieve("resp_bg")
    assert totals(telemetry) == {"request": ((36 * 4 + 87 * 20) / 1e6, 1, 0)}


def test_another_currency_is_not_added(server, client, instrument, telemetry, tracer, tmp_path):
    prices = tmp_path / "prices.json"
    prices.write_text('{"models": {"euro": {"currency": "EUR", "input": "1", "output": "1"}}}', encoding="utf-8")
    instrument(rollup=True, prices=str(prices))
    api = client()
    server.queue(json_answer(chat(model="euro")), json_answer(chat()))
    with tracer.start_as_current_span("request"):
        ask(api, model="euro")
        ask(api)
    [request] = [span for span in telemetry.spans() if span.name == "request"]
    assert (request.attributes[AMOUNT], request.attributes["openai_cost.rollup.currency"]) == (0.002, "EUR")
    assert (request.attributes[CALLS], request.attributes[UNPRICED]) == (2, 1)


def test_threads_that_carry_the_context_add_to_the_same_span(server, client, instrument, telemetry, tracer):
    instrument(rollup=True)
    api = client()
    for _ in range(64):
        server.queue(json_answer(chat()))

    def work():
        with tracer.start_as_current_span("work"):
            ask(api)

    with tracer.start_as_current_span("request"), ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(contextvars.copy_context().run, work) for _ in range(64)]:
            future.result()
    request = telemetry.spans()[-1]
    assert (request.name, request.attributes[CALLS]) == ("request", 64)
    assert money(request.attributes[AMOUNT]) == 64 * money(0.035)


def test_nothing_is_held_of_a_trace_that_has_ended(server, client, instrument):
    provider = TracerProvider(shutdown_on_exit=False)
    tracer = provider.get_tracer("app")
    instrument(rollup=True, tracer_provider=provider)
    known = OpenAICostInstrumentor._rollup
    api = client()
    for _ in range(20):
        server.queue(json_answer(chat()))
        with tracer.start_as_current_span("request"), tracer.start_as_current_span("step"):
            ask(api)
    for _ in range(100):
        tracer.start_span("never ended")
    gc.collect()
    assert len(known) == 0


def test_a_chain_of_tasks_that_outlive_their_parents_does_not_grow(instrument):
    provider = TracerProvider(shutdown_on_exit=False)
    tracer = provider.get_tracer("app")
    instrument(rollup=True, tracer_provider=provider)
    span = tracer.start_span("first")
    for _ in range(50):
        following = tracer.start_span("following", set_span_in_context(span, Context()))
        span.end()
        span = following
    gc.collect()
    node = OpenAICostInstrumentor._rollup.current(set_span_in_context(span, Context()))
    depth = 0
    while node is not None:
        depth, node = depth + 1, node.parent
    assert depth <= 3
    assert len(OpenAICostInstrumentor._rollup) == 1
    span.end()


def test_a_provider_gets_one_processor_however_often_it_is_instrumented(server, client, instrument, telemetry, tracer):
    processors = telemetry.tracer_provider._active_span_processor
    before = len(processors._span_processors)
    for _ in range(3):
        instrument(rollup=True).uninstrument()
    assert len(processors._span_processors) == before + 1
    server.queue(json_answer(chat()), json_answer(chat()))
    with tracer.start_as_current_span("off"):
        ask(client())
    instrument(rollup=True)
    with tracer.start_as_current_span("on"):
        ask(client())
    assert totals(telemetry) == {"on": (0.035, 1, None)}


def test_a_global_provider_may_be_set_later(server):
    """In a process of its own: a global provider is set once."""
    import subprocess
    import sys

    server.route("POST", "/v1/chat/completions", json_answer(chat()))
    code = """if True:
        import sys
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor
        OpenAICostInstrumentor().instrument(rollup=True)
        import openai
        api = openai.OpenAI(api_key="k", base_url=sys.argv[1] + "/v1", max_retries=0)
        def ask():
            api.chat.completions.create(model="gpt-5.5", messages=[{"role": "user", "content": "x"}])
        ask()
        exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        trace.set_tracer_provider(provider)
        tracer = trace.get_tracer("app")
        for name in ("first", "second"):
            with tracer.start_as_current_span("outer " + name), tracer.start_as_current_span("inner " + name):
                ask()
        print({s.name: s.attributes.get("openai_cost.rollup.calls") for s in exporter.get_finished_spans()})
    """
    result = subprocess.run([sys.executable, "-c", code, server.url], capture_output=True, text=True, check=True)
    # The very first call comes before anybody could tell of the span above the current one.
    assert "'inner first': 1" in result.stdout
    assert "'inner second': 1, 'outer second': 1" in result.stdout


def test_a_span_that_cannot_be_referred_to_does_no_harm(instrument, telemetry):
    instrument(rollup=True)
    processor = telemetry.tracer_provider._active_span_processor._span_processors[-1]

    class Odd:
        __slots__ = ()
        parent = None

        def get_span_context(self):
            return SpanContext(1, 2, is_remote=False)

    processor.on_start(Odd())
    assert len(OpenAICostInstrumentor._rollup) == 0


def test_spans_wrapped_by_somebody_else_are_known_by_their_ids(server, client, instrument, telemetry, tracer):
    instrument(rollup=True)

    def forward(name):
        return lambda self, *args, **kwargs: getattr(self.span, name)(*args, **kwargs)

    methods = {name: forward(name) for name in trace.Span.__abstractmethods__}
    Wrapped = type("Wrapped", (trace.Span,), methods)

    server.queue(json_answer(chat()))
    with tracer.start_as_current_span("request"):
        inner = tracer.start_span("step")
        wrapped = Wrapped()
        wrapped.span = inner
        with trace.use_span(wrapped, end_on_exit=True):
            ask(client())
    assert totals(telemetry) == {"step": (0.035, 1, None), "request": (0.035, 1, None)}


def test_exporters_before_ours_see_the_totals(server, client, instrument):
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrument(rollup=True, tracer_provider=provider)
    server.queue(json_answer(chat()))
    with provider.get_tracer("app").start_as_current_span("request"):
        ask(client())
    assert [span.attributes.get(CALLS) for span in exporter.get_finished_spans()] == [None, 1]
