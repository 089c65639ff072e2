# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Under the official instrumentations of LangChain and of the OpenAI agents: no cost is lost, and none is there twice."""

import asyncio
from decimal import Decimal
from importlib import import_module

import pytest

langchain = pytest.importorskip("langchain_openai")
agents = pytest.importorskip("agents")
pytest.importorskip("opentelemetry.instrumentation.genai.langchain")
pytest.importorskip("opentelemetry.instrumentation.genai.openai_agents")
pytest.register_assert_rewrite("coexist.calls")

from coexist.calls import AMOUNT, OURS, ledger, response, streamed_response  # noqa: E402
from support import clients  # noqa: E402
from support.expect import chat, money, streamed  # noqa: E402
from support.server import json_answer, sse_answer  # noqa: E402

# What the frameworks and their instrumentations warn of is theirs.
pytestmark = pytest.mark.filterwarnings("ignore")

ONE = Decimal("0.035")

BESIDE = pytest.mark.parametrize("official", [False, True], ids=["alone", "beside the official one"])
FIRST = pytest.mark.parametrize("first", ["ours", "theirs"])


@pytest.fixture
def start(telemetry, instrument):
    """``start("langchain", official, first)``: the framework's instrumentation, ours, and the client's official one."""
    started = []

    def begin(module, kind):
        instrumentor = getattr(import_module(f"opentelemetry.instrumentation.genai.{module}"), kind)()
        instrumentor.instrument(
            tracer_provider=telemetry.tracer_provider, meter_provider=telemetry.meter_provider, skip_dep_check=True
        )
        started.append(instrumentor)

    def make(framework, official, first):
        if first == "ours":
            instrument()
        kind = {"langchain": "LangChainInstrumentor", "openai_agents": "OpenAIAgentsInstrumentor"}[framework]
        begin(framework, kind)
        if official:
            begin("openai", "OpenAIInstrumentor")
        if first != "ours":
            instrument()

    yield make
    for instrumentor in reversed(started):
        instrumentor.uninstrument()


def assert_counted(telemetry, calls, *, owners):
    """So many calls, each of them in the histogram and on one span; which spans those are is said by name."""
    seen = ledger(telemetry)
    assert (seen.costs, seen.cost, seen.unpriced) == (calls, calls * ONE, 0)
    with_cost = [span for span in telemetry.spans() if AMOUNT in span.attributes]
    assert sum((money(span.attributes[AMOUNT]) for span in with_cost), Decimal(0)) == calls * ONE
    assert {span.attributes.get("gen_ai.operation.name") for span in with_cost} == owners


# --- LangChain ---


@pytest.fixture
def model(server):
    """``model(**options)``: a chat model of LangChain's that asks the test's server."""
    http_client = clients.http.Client(transport=clients.ReroutingTransport(server.url))

    def make(**options):
        return langchain.ChatOpenAI(
            model="gpt-5.5",
            api_key="k",
            base_url=clients.OPENAI_URL,
            max_retries=0,
            http_client=http_client,
            **options,
        )

    yield make
    http_client.close()


@pytest.fixture
async def http_async_client(server):
    async with clients.http.AsyncClient(transport=clients.AsyncReroutingTransport(server.url)) as client:
        yield client


@BESIDE
@FIRST
def test_a_langchain_model_s_call_is_priced_once(server, model, telemetry, start, official, first):
    start("langchain", official, first)
    server.queue(json_answer(chat()), sse_answer(streamed()))
    model = model(stream_usage=True)
    assert model.invoke("Hello").content
    assert list(model.stream("Hello"))
    assert_counted(telemetry, 2, owners={"chat"})


@BESIDE
@FIRST
async def test_a_langchain_model_s_asynchronous_call_is_priced_once(
    server, model, http_async_client, telemetry, start, official, first
):
    start("langchain", official, first)
    server.queue(json_answer(chat()), sse_answer(streamed()))
    model = model(stream_usage=True, http_async_client=http_async_client)
    assert (await model.ainvoke("Hello")).content
    assert [one async for one in model.astream("Hello")]
    assert_counted(telemetry, 2, owners={"chat"})


@BESIDE
def test_a_langchain_model_on_the_responses_api_is_priced_once(server, model, telemetry, start, official):
    start("langchain", official, "ours")
    server.queue(json_answer(response()), sse_answer(streamed_response()))
    model = model(use_responses_api=True)
    model.invoke("Hello")
    list(model.stream("Hello"))
    assert_counted(telemetry, 2, owners={"chat"})


@BESIDE
def test_a_batch_of_langchain_s_is_as_many_calls(server, model, telemetry, start, official):
    start("langchain", official, "ours")
    server.queue(*[json_answer(chat())] * 8)
    model().batch(["Hello"] * 8, config={"max_concurrency": 4})
    assert_counted(telemetry, 8, owners={"chat"})


@BESIDE
async def test_parallel_asynchronous_calls_of_langchain_s_do_not_mix(
    server, model, http_async_client, telemetry, start, official
):
    start("langchain", official, "ours")
    server.queue(*[json_answer(chat())] * 8)
    model = model(http_async_client=http_async_client)
    await asyncio.gather(*(model.ainvoke("Hello") for _ in range(8)))
    assert_counted(telemetry, 8, owners={"chat"})
    with_cost = [money(span.attributes[AMOUNT]) for span in telemetry.spans() if AMOUNT in span.attributes]
    assert with_cost == [ONE] * 8


@BESIDE
def test_a_chain_of_two_models_shows_each_cost_where_it_belongs(server, model, telemetry, start, official):
    start("langchain", official, "ours")
    server.queue(json_answer(chat()), json_answer(chat()))
    first = model()
    chain = first | (lambda message: message.content) | model()
    chain.invoke("Hello")
    assert_counted(telemetry, 2, owners={"chat"})


# --- agents ---


def tool_call():
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Ghent"}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    return json_answer(chat(choices=[{"index": 0, "message": message, "finish_reason": "tool_calls"}]))


def agent_of(server, **options):
    @agents.function_tool
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"rain in {city}"

    client = clients.make_async_client(server.url)
    model = agents.OpenAIChatCompletionsModel(model="gpt-5.5", openai_client=client)
    return agents.Agent(name="forecaster", model=model, tools=[weather], **options), client


@pytest.fixture
def no_export(monkeypatch):
    """The framework's own exporter would ask its maker's server."""
    before = list(agents.tracing.get_trace_provider()._multi_processor._processors)
    agents.set_trace_processors([])
    yield
    agents.set_trace_processors(before)


@BESIDE
@FIRST
async def test_the_calls_of_an_agent_s_run_are_priced_one_by_one(server, telemetry, start, no_export, official, first):
    start("openai_agents", official, first)
    server.queue(tool_call(), tool_call(), json_answer(chat()))
    agent, client = agent_of(server)
    result = await agents.Runner.run(agent, "What is the weather in Ghent?")
    await client.close()
    assert result.final_output
    assert_counted(telemetry, 3, owners={"chat"})
    outer = [span for span in telemetry.spans() if span.attributes["gen_ai.operation.name"] == "invoke_agent"]
    assert outer
    assert not [span.name for span in outer if AMOUNT in span.attributes]


@BESIDE
async def test_agents_that_run_side_by_side_do_not_mix(server, telemetry, start, no_export, official):
    start("openai_agents", official, "ours")
    server.queue(*[json_answer(chat())] * 6)
    agent, client = agent_of(server)
    await asyncio.gather(*(agents.Runner.run(agent, "Hello") for _ in range(6)))
    await client.close()
    assert_counted(telemetry, 6, owners={"chat"})


@BESIDE
async def test_an_agent_that_asks_another_one_has_each_call_once(server, telemetry, start, no_export, official):
    start("openai_agents", official, "ours")
    inner, client = agent_of(server)
    call = {"id": "call_1", "type": "function", "function": {"name": "ask_forecaster", "arguments": '{"input": "?"}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    asks = json_answer(chat(choices=[{"index": 0, "message": message, "finish_reason": "tool_calls"}]))
    server.queue(asks, tool_call(), json_answer(chat()), json_answer(chat()))
    model = agents.OpenAIChatCompletionsModel(model="gpt-5.5", openai_client=client)
    outer = agents.Agent(name="planner", model=model, tools=[inner.as_tool("ask_forecaster", "Asks the forecaster.")])
    await agents.Runner.run(outer, "What is the weather?")
    await client.close()
    assert_counted(telemetry, 4, owners={"chat"})
    assert len([span for span in telemetry.spans() if span.instrumentation_scope.name == OURS]) == (
        0 if official else 4
    )
