# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Many invocations of other GenAI instrumentations at once, each of several calls: every span shows the whole of its own."""

import asyncio
import threading
from contextlib import contextmanager
from decimal import Decimal

import pytest

pytest.importorskip("opentelemetry.util.genai.handler")
pytest.register_assert_rewrite("promises.crowd")

from opentelemetry.util.genai.handler import TelemetryHandler  # noqa: E402

from promises.crowd import (  # noqa: E402
    REASONS,
    Account,
    bill,
    kind_of,
    make_async_client,
    make_client,
    run_calls,
    run_calls_async,
)
from support.expect import COST  # noqa: E402

EACH = 5
"""Calls under one invocation; streams that are dropped are left out, since nobody knows when they end."""

INVOCATIONS = 120


@pytest.fixture
def invocation(recorded):
    """``invocation(number)``: an open one, to be told by its response's id."""
    handler = TelemetryHandler(
        tracer_provider=recorded.tracer_provider,
        meter_provider=recorded.meter_provider,
        instrumentation_scope_name="framework",
    )

    @contextmanager
    def opened(number):
        with handler.inference("openai", request_model="gpt-5.5") as data:
            yield
            data.response_id = f"invocation-{number}"

    return opened


def calls_under(number):
    """The calls of an invocation."""
    return [one for one in range(number * EACH, number * EACH + EACH) if kind_of(one) != "dropped"]


def whole(number):
    """What the invocation must show: the sum of its calls, or nothing if one of them has no price."""
    inferences = [one for one in calls_under(number) if kind_of(one) != "embedding"]
    if any(kind_of(one) in REASONS for one in inferences):
        return None
    return sum(map(bill, inferences), Decimal(0))


def assert_whole(recorded, account):
    """Each invocation shows the sum of its calls or none, and every call was counted once."""
    shown = {
        int(span.response.removeprefix("invocation-")): None if span.amount is None else Decimal(repr(span.amount))
        for span in recorded.spans()
        if span.response is not None and span.response.startswith("invocation-")
    }
    expected = {number: whole(number) for number in range(INVOCATIONS)}
    assert len([amount for amount in expected.values() if amount is not None]) > 10
    assert shown == expected
    assert sum(recorded.amounts, Decimal(0)) == account.total
    assert recorded.histogram(COST)[0] == account.amounts.total()


def test_in_threads_each_invocation_shows_the_whole_of_its_calls(instrument, recorded, invocation):
    instrument(**recorded.options)
    account, problems = Account(), []

    def work(numbers):
        try:
            for number in numbers:
                with invocation(number):
                    run_calls(client, calls_under(number))
        except BaseException as problem:
            problems.append(problem)

    with make_client(account) as client:
        threads = [threading.Thread(target=work, args=(range(start, INVOCATIONS, 10),)) for start in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert problems == []
    assert_whole(recorded, account)


async def test_in_tasks_each_invocation_shows_the_whole_of_its_calls(instrument, recorded, invocation):
    instrument(**recorded.options)
    account = Account()
    async with make_async_client(account) as client:

        async def work(number):
            with invocation(number):
                await run_calls_async(client, calls_under(number))

        await asyncio.gather(*(work(number) for number in range(INVOCATIONS)))
    assert_whole(recorded, account)


async def test_calls_that_run_side_by_side_under_one_invocation_are_summed(instrument, recorded, invocation):
    instrument(**recorded.options)
    account = Account()
    numbers = [number for number in range(400) if kind_of(number) not in REASONS and kind_of(number) != "embedding"]
    async with make_async_client(account) as client:
        with invocation(0):
            await asyncio.gather(*(run_calls_async(client, [number]) for number in numbers))
    [span] = recorded.spans()
    assert Decimal(repr(span.amount)) == account.total == sum(map(bill, numbers), Decimal(0))
    assert recorded.histogram(COST)[0] == len(numbers)
