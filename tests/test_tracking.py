# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""What a piece of work cost: exact, live and final, nested and concurrent, with and without an SDK."""

import asyncio
import contextvars
import decimal
import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import openai
import pytest

from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor, track_cost
from support.clients import OPENAI_VERSION, http, needs_late_responses
from support.expect import ask, chat, streamed
from support.payloads import payload
from support.server import Gate, json_answer, sse_answer

ONE = Decimal("0.035")
"""What the smallest request costs: 1000 tokens in at 5 and 1000 out at 30 USD a million."""

needs_containers = pytest.mark.skipif(OPENAI_VERSION < (1, 81), reason="the client has no containers")


def test_it_gives_total_calls_tokens_and_models(server, client, instrument):
    instrument()
    usage = {
        "prompt_tokens_details": {"cached_tokens": 400},
        "completion_tokens_details": {"reasoning_tokens": 300},
    }
    server.queue(json_answer(chat(usage=usage)), json_answer(chat(model="gpt-4o-mini", tokens=(10, 20))))
    api = client()
    with track_cost() as cost:
        ask(api)
        ask(api, model="gpt-4o-mini")
    gpt = Decimal("0.0332")
    mini = Decimal("0.0000135")
    assert type(cost.total) is Decimal
    assert (cost.total, cost.currency, cost.calls, cost.unpriced) == (gpt + mini, "USD", 2, 0)
    assert (cost.tokens.input, cost.tokens.output) == (1010, 1020)
    assert (cost.tokens.cache_read, cost.tokens.reasoning, cost.tokens.cache_write) == (400, 300, None)
    models = cost.by_model
    assert {name: (model.total, model.calls) for name, model in models.items()} == {
        "gpt-5.5": (gpt, 1),
        "gpt-4o-mini": (mini, 1),
    }
    assert models["gpt-4o-mini"].tokens.input == 10
    assert cost.by_currency == {"USD": gpt + mini}


def test_it_can_be_read_while_the_work_goes_on(server, client, instrument):
    instrument()
    api = client()
    seen = []
    with track_cost() as cost:
        for _ in range(3):
            server.queue(json_answer(chat()))
            ask(api)
            seen.append((cost.total, cost.calls))
    assert seen == [(ONE, 1), (2 * ONE, 2), (3 * ONE, 3)]


def test_what_is_not_fully_priced_is_counted_and_not_added(server, client, instrument):
    instrument()
    server.queue(json_answer(chat()), json_answer(chat(model="nobody-knows-this")), json_answer({}, status=500))
    api = client()
    with track_cost() as cost:
        ask(api)
        ask(api, model="nobody-knows-this")
        with pytest.raises(openai.InternalServerError):
            ask(api)
    assert (cost.total, cost.calls, cost.unpriced) == (ONE, 3, 2)
    assert cost.reasons == {"unknown_model": 1, "error": 1}
    assert cost.by_model["nobody-knows-this"].unpriced == 1


@needs_containers
def test_a_partly_priced_call_is_a_lower_bound_that_counts_towards_the_limit(server, client, instrument):
    instrument()
    server.queue(json_answer(payload("container.json")))
    api = client()
    with track_cost(limit="0.0001") as cost:
        api.containers.create(name="x")
    assert (cost.total, cost.unpriced) == (0, 1)
    assert cost.at_least > Decimal("0.0001")
    assert cost.exceeded


def test_inner_work_is_part_of_the_outer(server, client, instrument):
    instrument()
    api = client()
    for _ in range(4):
        server.queue(json_answer(chat()))
    with track_cost() as outer:
        ask(api)
        with track_cost() as first:
            ask(api)
        with track_cost() as second:
            ask(api)
            ask(api)
    assert (outer.total, first.total, second.total) == (4 * ONE, ONE, 2 * ONE)


def test_work_after_the_block_is_not_in_it_and_one_object_gives_a_new_cost_each_time(server, client, instrument):
    instrument()
    api = client()
    for _ in range(3):
        server.queue(json_answer(chat()))
    tracker = track_cost()
    with tracker as first:
        ask(api)
    ask(api)
    with tracker as second:
        ask(api)
    assert (first.calls, second.calls) == (1, 1)
    assert first is not second


def test_a_stream_that_ends_after_the_block_is_added_then(server, client, instrument):
    instrument()
    server.queue(sse_answer(streamed()))
    with track_cost() as cost:
        stream = ask(client(), stream=True, stream_options={"include_usage": True})
        assert (cost.total, cost.calls) == (0, 0)
    list(stream)
    assert (cost.total, cost.calls) == (ONE, 1)


def test_the_limit_only_reports(server, client, instrument):
    instrument()
    api = client()
    for _ in range(3):
        server.queue(json_answer(chat()))
    seen = []
    with track_cost(limit=0.07) as cost:
        for _ in range(3):
            ask(api)
            seen.append(cost.exceeded)
    assert cost.limit == Decimal("0.07")
    assert seen == [False, False, True]


@pytest.mark.parametrize("limit", ["much", float("nan"), float("inf"), True])
def test_a_limit_that_is_no_amount_is_an_error_of_the_caller(limit):
    with pytest.raises(ValueError, match="not an amount of money"):
        track_cost(limit=limit)


def test_sums_are_exact_whatever_the_decimal_settings_of_the_application(server, client, instrument):
    instrument()
    api = client()
    with decimal.localcontext() as settings, track_cost() as cost:
        settings.prec = 2
        settings.traps[decimal.Inexact] = True
        for _ in range(5):
            server.queue(json_answer(chat(tokens=(1, 1))))
            ask(api)
        assert cost.total == Decimal("0.000175")
        assert not cost.exceeded


def test_as_a_decorator_every_call_has_a_cost_of_its_own(server, client, instrument, caplog):
    instrument()
    api = client()
    costs = []

    @track_cost(done=costs.append)
    def answer(times):
        for _ in range(times):
            server.queue(json_answer(chat()))
            ask(api)
        return times

    assert [answer(1), answer(2)] == [1, 2]
    assert [cost.total for cost in costs] == [ONE, 2 * ONE]

    def fail(cost):
        raise RuntimeError("no")

    assert track_cost(done=fail)(lambda: 5)() == 5
    [record] = caplog.records
    assert "done of track_cost" in record.getMessage()


@pytest.mark.anyio
async def test_as_a_decorator_of_coroutines_and_generators(server, async_client, instrument):
    instrument()
    api = async_client()
    costs = []
    for _ in range(4):
        server.queue(json_answer(chat()))

    @track_cost(done=costs.append)
    async def answer():
        await ask(api)

    @track_cost(done=costs.append)
    async def answers():
        for _ in range(2):
            yield await ask(api)

    await answer()
    async for _ in answers():
        await asyncio.sleep(0)
    await ask(api)
    assert [cost.total for cost in costs] == [ONE, 2 * ONE]


@pytest.mark.anyio
async def test_two_thousand_concurrent_tasks_are_told_apart(instrument):
    """Ten pieces of work at a time, 200 calls in each, on one loop; every amount is in its own and in the whole, once."""
    instrument()
    price = {number: Decimal(35 * (number + 1)) / 1_000_000 for number in range(10)}
    bodies = [json.dumps(chat(tokens=(number + 1, number + 1))).encode() for number in range(10)]

    async def answer(request):
        await asyncio.sleep(0.01)
        number = int(request.url.path.split("/")[2])
        return http.Response(200, headers={"content-type": "application/json"}, content=bodies[number])

    async with http.AsyncClient(transport=http.MockTransport(answer)) as transport:
        apis = [
            openai.AsyncOpenAI(api_key="k", base_url=f"https://api.openai.com/v1/{number}", http_client=transport)
            for number in range(10)
        ]

        async def piece(number):
            with track_cost() as cost:
                await asyncio.gather(*[ask(apis[number]) for _ in range(200)])
            return cost

        with track_cost() as whole:
            costs = await asyncio.gather(*[piece(number) for number in range(10)])
    assert [cost.total for cost in costs] == [200 * price[number] for number in range(10)]
    assert [cost.calls for cost in costs] == [200] * 10
    assert (whole.total, whole.calls) == (sum(200 * amount for amount in price.values()), 2000)


def test_threads_add_to_one_cost_where_the_context_is_carried(server, client, instrument):
    instrument()
    api = client()
    for _ in range(64):
        server.queue(json_answer(chat()))
    with track_cost() as cost, ThreadPoolExecutor(8) as pool:
        carried = [pool.submit(contextvars.copy_context().run, ask, api) for _ in range(48)]
        alone = [pool.submit(ask, api) for _ in range(16)]
        for future in carried + alone:
            future.result()
    assert (cost.total, cost.calls) == (48 * ONE, 48)


def test_another_thread_may_read_while_calls_end(server, client, instrument):
    instrument()
    api = client()
    gate = Gate()
    server.queue(json_answer(chat()), json_answer(chat(), before=(gate,)))
    with track_cost() as cost:
        ask(api)
        thread = threading.Thread(target=contextvars.copy_context().run, args=(ask, api))
        thread.start()
        gate.wait_until_reached()
        assert (cost.calls, cost.total) == (1, ONE)
        gate.open()
        thread.join()
    assert (cost.calls, cost.total) == (2, 2 * ONE)


@needs_late_responses
def test_a_background_response_is_one_call_and_priced_when_seen_finished(server, client, instrument):
    instrument()
    api = client()
    stored = payload("response_simple.json") | {"id": "resp_bg", "background": True}
    queued = stored | {"status": "queued", "usage": None, "output": []}
    server.queue(json_answer(queued), json_answer(stored), json_answer(stored))
    with track_cost() as cost:
        api.responses.create(model="gpt-5.6-sol", input="x", background=True)
    assert (cost.total, cost.calls, cost.unpriced, cost.reasons) == (0, 1, 1, {"background": 1})
    with track_cost() as poller:
        api.responses.retrieve("resp_bg")
        api.responses.retrieve("resp_bg")
    price = Decimal(36 * 4 + 87 * 20) / 1_000_000
    assert (cost.total, cost.calls, cost.unpriced, cost.reasons) == (price, 1, 0, {})
    assert (poller.total, poller.calls) == (0, 0)


def test_a_batch_belongs_to_the_work_that_created_it(server, client, instrument):
    instrument()
    for name in ("batch_created.json", "batch_completed.json", "batch_completed.json"):
        server.queue(json_answer(payload(name)))
    api = client()
    with track_cost() as cost:
        api.batches.create(input_file_id="file-in", endpoint="/v1/chat/completions", completion_window="24h")
    assert (cost.total, cost.calls) == (0, 0)
    api.batches.retrieve("batch_1")
    api.batches.retrieve("batch_1")
    assert (cost.total, cost.calls) == (Decimal(1976 * 2 * 10 + 1024 * 2 + 500 * 100) / 10_000_000, 1)


def test_without_instrumentation_it_sees_nothing(server, client):
    server.queue(json_answer(chat()))
    with track_cost() as cost:
        ask(client())
    assert (cost.total, cost.calls, cost.tokens.input, cost.by_model) == (0, 0, None, {})


def test_with_the_api_alone_it_is_exact(server, client):
    """No SDK, no provider: in a process of its own, in which the SDK cannot be imported."""
    server.route("POST", "/v1/chat/completions", json_answer(chat()))
    code = """if True:
        import sys
        sys.modules["opentelemetry.sdk"] = None
        from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor, track_cost
        OpenAICostInstrumentor().instrument(rollup=True, baggage_keys=("a",))
        from support.clients import make_client
        api = make_client(sys.argv[1])
        with track_cost() as cost:
            for _ in range(3):
                api.chat.completions.create(model="gpt-5.5", messages=[{"role": "user", "content": "x"}])
        print(cost.total, cost.calls, "opentelemetry.sdk.trace" in sys.modules)
    """
    result = subprocess.run(
        [sys.executable, "-c", code, server.url], capture_output=True, text=True, cwd=Path(__file__).parent
    )
    assert (result.stdout, result.stderr) == ("0.1050000 3 False\n", "")


def test_it_says_what_it_is(server, client, instrument):
    instrument()
    server.queue(json_answer(chat()))
    with track_cost() as cost:
        ask(client())
    assert repr(cost) == "Cost(total=0.0350000, currency='USD', calls=1, unpriced=0)"
    assert repr(cost.by_model["gpt-5.5"]) == "ModelCost(total=0.0350000, calls=1, unpriced=0)"


def test_an_undone_instrumentation_adds_nothing(server, client, instrument):
    instrument()
    OpenAICostInstrumentor().uninstrument()
    server.queue(json_answer(chat()))
    with track_cost() as cost:
        ask(client())
    assert cost.calls == 0
