# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Whose money it is: baggage and the application's own words become attributes of spans and metrics."""

import asyncio
import contextvars
import enum
import inspect
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry.context import attach, detach, get_current

from opentelemetry import baggage
from opentelemetry.instrumentation.openai_cost import cost_attributes
from support.clients import needs_late_responses
from support.expect import COST, DURATION, FIRST_CHUNK, TOKENS, UNPRICED, ask, chat, streamed
from support.payloads import payload
from support.server import json_answer, sse_answer


@pytest.fixture
def with_baggage():
    """Sets baggage for the rest of the test."""
    tokens = []

    def set_to(**values):
        context = get_current()
        for name, value in values.items():
            context = baggage.set_baggage(name.replace("__", "."), value, context)
        tokens.append(attach(context))

    yield set_to
    for token in reversed(tokens):
        detach(token)


def features(telemetry, metric, name="feature"):
    return sorted(str(attributes.get(name)) for attributes, _ in telemetry.points(metric))


def test_allow_listed_baggage_is_on_the_span_and_on_every_metric(server, client, instrument, telemetry, with_baggage):
    instrument(baggage_keys=("tenant.id", "feature"), component_metrics=True, token_metrics="latest")
    server.queue(json_answer(chat()))
    with_baggage(tenant__id="acme", feature="search", secret="hidden")
    ask(client())
    span = telemetry.attributes()
    assert (span["tenant.id"], span["feature"]) == ("acme", "search")
    metrics = {
        COST,
        TOKENS,
        DURATION,
        "openai_cost.cost",
        "openai_cost.tokens",
        "gen_ai.client.inference.usage.input_tokens",
        "gen_ai.client.inference.operation.output_tokens",
    }
    assert metrics <= telemetry.metric_names()
    for metric in telemetry.metric_names() - {"openai_cost.price_book.age"}:
        for attributes, _ in telemetry.points(metric):
            assert (attributes["tenant.id"], attributes["feature"]) == ("acme", "search")
            assert "secret" not in attributes
    assert "secret" not in span


def test_a_stream_carries_what_held_where_it_was_started(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed()))
    with cost_attributes(feature="digest"):
        stream = ask(client(), stream=True, stream_options={"include_usage": True})
    list(stream)
    assert telemetry.attributes()["feature"] == "digest"
    assert features(telemetry, FIRST_CHUNK) == ["digest"]
    assert features(telemetry, COST) == ["digest"]


def test_unpriced_operations_are_attributed_too(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat(model="nobody-knows-this")))
    with cost_attributes(feature="search"):
        ask(client(), model="nobody-knows-this")
    assert features(telemetry, UNPRICED) == ["search"]


def test_without_configuration_baggage_is_not_recorded(server, client, instrument, telemetry, with_baggage):
    instrument()
    server.queue(json_answer(chat()))
    with_baggage(feature="search")
    ask(client())
    assert "feature" not in telemetry.attributes()
    assert features(telemetry, COST) == ["None"]


def test_the_span_has_the_attributes_from_its_start_so_that_samplers_see_them(server, client, instrument):
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased

    from support.telemetry import Telemetry

    seen = []

    class Sampler(ParentBased):
        def should_sample(self, parent_context, trace_id, name, kind=None, attributes=None, *args, **kwargs):
            seen.append(dict(attributes or {}))
            return super().should_sample(parent_context, trace_id, name, kind, attributes, *args, **kwargs)

    telemetry = Telemetry(Sampler(ALWAYS_ON))
    instrument(tracer_provider=telemetry.tracer_provider)
    server.queue(json_answer(chat()))
    with cost_attributes(feature="search"):
        ask(client())
    assert seen[0]["feature"] == "search"
    telemetry.close()


def test_the_inner_word_wins_over_the_outer_and_over_baggage(server, client, instrument, telemetry, with_baggage):
    instrument(baggage_keys="feature, tenant.id")
    server.queue(json_answer(chat()))
    with_baggage(feature="from baggage", tenant__id="acme")
    with cost_attributes(feature="outer", team="blue"), cost_attributes(feature="inner"):
        ask(client())
    span = telemetry.attributes()
    assert (span["feature"], span["team"], span["tenant.id"]) == ("inner", "blue", "acme")


def test_leaving_restores_what_held_before(server, client, instrument, telemetry):
    instrument()
    server.queue(*[json_answer(chat()) for _ in range(3)])
    api = client()
    before = get_current()
    with cost_attributes(feature="outer"):
        with cost_attributes(feature="inner"):
            ask(api)
        ask(api)
    ask(api)
    assert [span.attributes.get("feature") for span in telemetry.spans()] == ["inner", "outer", None]
    assert get_current() == before


def test_values_keep_their_type_and_long_text_is_cut(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat()))
    with cost_attributes({"tenant.id": 7}, trial=True, share=0.5, note="x" * 500, where=("a", "b"), nothing=None):
        ask(client())
    span = telemetry.attributes()
    assert (span["tenant.id"], span["trial"], span["share"]) == (7, True, 0.5)
    assert [type(span[name]) for name in ("tenant.id", "trial", "share")] == [int, bool, float]
    assert span["note"] == "x" * 128
    assert span["where"] == "('a', 'b')"
    assert "nothing" not in span


def test_equal_values_of_different_types_are_told_apart(server, client, instrument, telemetry):
    instrument()
    api = client()
    for value in (1, True, 1.0):
        server.queue(json_answer(chat()))
        with cost_attributes(value=value):
            ask(api)
    assert [type(span.attributes["value"]) for span in telemetry.spans()] == [int, bool, float]


class Feature(str, enum.Enum):
    """An enumeration as it was written before Python 3.11."""

    SEARCH = "search"


@pytest.mark.parametrize(
    ("value", "recorded"),
    [
        (2**63, "9223372036854775808"),
        (-(2**63), -(2**63)),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        ("caf\u00e9 \ud800", "caf\u00e9 ?"),
        (Feature.SEARCH, "search"),
    ],
)
def test_values_that_no_exporter_takes_are_written_as_text(server, client, instrument, telemetry, value, recorded):
    instrument()
    server.queue(json_answer(chat()))
    with cost_attributes(value=value):
        ask(client())
    found = telemetry.attributes()["value"]
    assert (found, type(found)) == (recorded, type(recorded))


@pytest.mark.parametrize("name", ["", "\ud800", 5])
def test_what_is_no_name_is_one_logged_line(server, client, instrument, telemetry, caplog, name):
    instrument()
    server.queue(json_answer(chat()))
    with cost_attributes({name: "x", "kept": "yes"}):
        ask(client())
    assert telemetry.attributes()["kept"] == "yes"
    assert "x" not in telemetry.attributes().values()
    assert [repr(name) in record.getMessage() for record in caplog.records] == [True]


def test_values_beyond_the_limit_are_other_on_metrics_and_themselves_on_spans(
    server, client, instrument, telemetry, caplog
):
    instrument(baggage_limit=2)
    api = client()
    for tenant in ("a", "b", "c", "d", "a"):
        server.queue(json_answer(chat()))
        with cost_attributes(tenant_limited=tenant):
            ask(api)
    assert features(telemetry, COST, "tenant_limited") == ["_other", "a", "b"]
    assert features(telemetry, DURATION, "tenant_limited") == ["_other", "a", "b"]
    assert [span.attributes["tenant_limited"] for span in telemetry.spans()] == ["a", "b", "c", "d", "a"]
    [record] = [record for record in caplog.records if "tenant_limited" in record.getMessage()]
    assert "more than 2 values" in record.getMessage()
    assert "_other" in record.getMessage()


def test_the_limit_is_one_per_name_and_200_by_default(server, client, instrument, telemetry):
    instrument()
    api = client()
    for number in range(205):
        server.queue(json_answer(chat()))
        with cost_attributes(user=f"u{number}", feature="search"):
            ask(api)
    assert len(set(features(telemetry, COST, "user"))) == 201
    assert set(features(telemetry, COST)) == {"search"}


@pytest.mark.parametrize("name", ["gen_ai.system", "openai.thing", "openai_cost.status", "error.type"])
def test_names_of_the_conventions_are_refused_with_one_logged_line(server, client, instrument, telemetry, caplog, name):
    instrument(baggage_keys=("tenant.id", name))
    [record] = caplog.records
    message = record.getMessage()
    assert "baggage_keys" in message
    assert name in message
    assert "('tenant.id',)" in message
    caplog.clear()
    server.queue(json_answer(chat()))
    with cost_attributes({name: "mine", "kept": "yes"}):
        ask(client())
    with cost_attributes({name: "mine"}):
        pass
    assert [name in record.getMessage() for record in caplog.records] in ([True], [])
    assert telemetry.attributes().get(name) != "mine"
    assert telemetry.attributes()["kept"] == "yes"


def test_names_that_metrics_have_anyway_keep_their_meaning(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat()))
    with cost_attributes({"server.address": "elsewhere"}):
        ask(client())
    assert telemetry.attributes()["server.address"] == "api.openai.com"
    assert telemetry.point(COST)[0]["server.address"] == "api.openai.com"


def test_as_a_decorator_it_holds_while_the_function_runs(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat()))
    api = client()

    @cost_attributes(feature="digest")
    def digest(question, *, times=1):
        """Answers."""
        return ask(api), question, times

    assert digest.__doc__ == "Answers."
    assert digest("why", times=2)[1:] == ("why", 2)
    assert telemetry.attributes()["feature"] == "digest"


@pytest.mark.anyio
async def test_as_a_decorator_of_a_coroutine_function_it_holds_until_that_ends(
    server, async_client, instrument, telemetry
):
    instrument()
    api = async_client()

    @cost_attributes(feature="digest")
    async def digest():
        await asyncio.sleep(0)
        return await ask(api)

    assert inspect.iscoroutinefunction(digest)
    server.queue(json_answer(chat()))
    await digest()
    assert telemetry.attributes()["feature"] == "digest"


@pytest.mark.anyio
async def test_a_decorated_generator_is_attributed_and_its_consumer_is_not(server, async_client, instrument, telemetry):
    instrument()
    api = async_client()
    for _ in range(4):
        server.queue(json_answer(chat()))

    @cost_attributes(feature="generator")
    async def answers():
        for _ in range(2):
            yield await ask(api)

    async for _ in answers():
        await ask(api)
    assert [span.attributes.get("feature") for span in telemetry.spans()] == ["generator", None] * 2


def test_a_decorated_generator_can_be_sent_to_thrown_at_and_closed():
    events = []

    @cost_attributes(feature="x")
    def echo():
        try:
            received = yield "ready"
            while True:
                try:
                    received = yield received
                except KeyError as error:
                    received = f"caught {error}"
        finally:
            events.append("closed")

    steps = echo()
    assert next(steps) == "ready"
    assert steps.send("a") == "a"
    assert steps.throw(KeyError("b")) == "caught 'b'"
    steps.close()
    assert events == ["closed"]

    @cost_attributes(feature="x")
    def returns():
        yield 1
        return 2

    def outer():
        return (yield from returns())

    steps = outer()
    next(steps)
    with pytest.raises(StopIteration) as stop:
        next(steps)
    assert stop.value.value == 2


@pytest.mark.anyio
async def test_tasks_carry_what_held_where_they_were_started(server, async_client, instrument, telemetry):
    instrument()
    api = async_client()
    for _ in range(60):
        server.queue(json_answer(chat()))

    async def work(number):
        with cost_attributes(feature=f"f{number % 3}"):
            await asyncio.sleep(0)
            task = asyncio.create_task(ask(api))
        await task

    await asyncio.gather(*[work(number) for number in range(60)])
    counts = {attributes["feature"]: point.count for attributes, point in telemetry.points(COST)}
    assert counts == {"f0": 20, "f1": 20, "f2": 20}


@pytest.mark.parametrize("carried", ["python", "opentelemetry", "not"])
def test_threads_have_it_where_the_context_is_carried(server, client, instrument, telemetry, carried):
    instrument()
    server.queue(json_answer(chat()))
    api = client()
    with cost_attributes(feature="search"):
        inside = contextvars.copy_context()
        context = get_current()

    def work():
        if carried == "opentelemetry":
            token = attach(context)
            ask(api)
            detach(token)
        else:
            ask(api)

    thread = threading.Thread(target=inside.run if carried == "python" else work, args=(work,) * (carried == "python"))
    thread.start()
    thread.join()
    assert telemetry.attributes().get("feature") == (None if carried == "not" else "search")


def test_one_object_can_be_entered_by_many_threads_at_a_time(server, client, instrument, telemetry):
    instrument()
    shared = cost_attributes(feature="shared")
    for _ in range(64):
        server.queue(json_answer(chat()))
    api = client()

    def work(number):
        with cost_attributes(number=number % 4), shared, shared:
            ask(api)
        return get_current()

    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(work, range(64)))
    counts = {(a["feature"], a["number"]): point.count for a, point in telemetry.points(COST)}
    assert counts == {("shared", number): 16 for number in range(4)}


def test_nothing_is_sent_to_the_server(server, client, instrument):
    instrument(baggage_keys=("tenant.id",))
    server.queue(json_answer(chat()))
    with cost_attributes({"tenant.id": "acme-secret"}):
        ask(client())
    [request] = server.requests
    assert "acme-secret" not in str(request.headers) + request.body.decode()


@needs_late_responses
def test_a_background_response_is_the_money_of_whoever_started_it(server, client, instrument, telemetry):
    api = client()
    instrument()
    stored = payload("response_simple.json") | {"id": "resp_bg", "background": True}
    server.queue(json_answer(stored | {"status": "queued", "usage": None, "output": []}), json_answer(stored))
    with cost_attributes(feature="report"):
        api.responses.create(model="gpt-5.6-sol", input="x", background=True)
    with cost_attributes(feature="poller"):
        api.responses.retrieve("resp_bg")
    assert features(telemetry, COST) == ["report"]
    assert [span.attributes["feature"] for span in telemetry.spans()] == ["report", "poller"]


def test_the_span_that_another_instrumentation_made_is_attributed(server, client, instrument, telemetry):
    instrument(spans="current")
    server.queue(json_answer(chat()))
    tracer = telemetry.tracer_provider.get_tracer("app")
    with tracer.start_as_current_span("theirs"), cost_attributes(feature="search"):
        ask(client())
    assert telemetry.attributes()["feature"] == "search"


def test_after_uninstrument_nothing_is_attributed(server, client, instrument, telemetry):
    instrument(baggage_keys=("feature",)).uninstrument()
    server.queue(json_answer(chat()))
    with cost_attributes(feature="search"):
        ask(client())
    assert telemetry.spans() == ()
