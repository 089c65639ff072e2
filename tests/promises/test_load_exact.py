# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Under load every call is counted once, at exactly what the provider billed for it."""

import asyncio
import threading
from collections import Counter
from decimal import Decimal

import pytest

pytest.register_assert_rewrite("promises.crowd")

from promises.crowd import (  # noqa: E402
    CALLS,
    REASONS,
    Account,
    InterruptedProvider,
    LoopbackProvider,
    assert_amounts_are_those_of_their_calls,
    assert_exact,
    bill,
    collect,
    collect_async,
    in_tasks,
    in_threads,
    kind_of,
    make_async_client,
    make_client,
    run_calls,
)
from support import clients  # noqa: E402
from support.expect import COST, DURATION  # noqa: E402

THREADS, TASKS = 200, 2000


@pytest.fixture
def account():
    return Account()


def test_calls_over_two_hundred_threads_are_exact(instrument, recorded, account):
    instrument(**recorded.options)
    with make_client(account) as client:
        in_threads(client, CALLS, THREADS)
    collect()
    assert_exact(recorded, account, range(CALLS))


async def test_calls_over_two_thousand_tasks_are_exact(instrument, recorded, account):
    instrument(**recorded.options)
    async with make_async_client(account) as client:
        await in_tasks(client, CALLS, TASKS)
    await collect_async()
    assert_exact(recorded, account, range(CALLS))


def test_threads_with_a_loop_each_are_exact(instrument, recorded, account):
    problems = []

    async def crowd(first):
        async with make_async_client(account) as client:
            await in_tasks(client, 100, 50, first)
        await collect_async()

    def work(first):
        try:
            asyncio.run(crowd(first))
        except BaseException as problem:
            problems.append(problem)

    instrument(**recorded.options)
    threads = [threading.Thread(target=work, args=(first,)) for first in range(0, 400, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    collect()
    assert_exact(recorded, account, range(400))


def test_threads_over_real_connections_are_exact(instrument, recorded, account):
    instrument(**recorded.options)
    with LoopbackProvider(account) as provider, clients.make_client(provider.url) as client:
        in_threads(client, 400, 20)
        collect()
    assert_exact(recorded, account, range(400))


async def test_tasks_over_real_connections_are_exact(instrument, recorded, account):
    instrument(**recorded.options)
    with LoopbackProvider(account) as provider:
        async with clients.make_async_client(provider.url) as client:
            await in_tasks(client, 400, 50)
            await collect_async()
    assert_exact(recorded, account, range(400))


# --- instrumented and not midway ---


class ComesAndGoes:
    """Instruments and uninstruments by turns."""

    def __init__(self, instrument, recorded):
        self._instrument, self._recorded = instrument, recorded
        self._instrumentor = None
        self.times = 0

    def turn(self):
        self.times += 1
        if self._instrumentor is None:
            self._instrumentor = self._instrument(**self._recorded.options)
        else:
            self.leave()

    def leave(self):
        if self._instrumentor is not None:
            self._instrumentor.uninstrument()
            self._instrumentor = None


def test_calls_in_flight_while_we_go_and_come_are_recorded_whole_or_not_at_all(instrument, recorded, account):
    ours, threads = ComesAndGoes(instrument, recorded), THREADS // 4
    # Twice as many requests between two turns as calls can be in flight: some of them are made and answered in between.
    every = 2 * threads
    with make_client(account, InterruptedProvider(account, every, ours.turn)) as client:
        in_threads(client, CALLS // 2, threads)
    assert ours.times == CALLS // 2 // every
    ours.leave()
    collect()
    instrument(**recorded.options).uninstrument()  # does what was postponed
    assert_whole_or_not_at_all(recorded, account, CALLS // 2)


async def test_tasks_in_flight_while_we_go_and_come_are_recorded_whole_or_not_at_all(instrument, recorded, account):
    ours, tasks = ComesAndGoes(instrument, recorded), TASKS // 20
    every = 2 * tasks
    async with make_async_client(account, InterruptedProvider(account, every, ours.turn)) as client:
        await in_tasks(client, CALLS // 2, tasks)
    assert ours.times == CALLS // 2 // every
    ours.leave()
    await collect_async()
    instrument(**recorded.options).uninstrument()
    assert_whole_or_not_at_all(recorded, account, CALLS // 2)


def assert_whole_or_not_at_all(recorded, account, calls):
    """Spans and metrics agree on what was recorded, and all of it is true."""
    spans = recorded.spans()
    assert 0 < len(spans) < calls
    assert recorded.histogram(DURATION)[0] == len(spans)
    amounts = Counter(Decimal(repr(span.amount)) for span in spans if span.amount is not None)
    assert amounts <= account.amounts
    count, total = recorded.histogram(COST)
    assert count == amounts.total()
    exact = sum(amounts.elements(), Decimal(0))
    assert abs(Decimal(total) - exact) <= exact * Decimal("1e-9")
    assert Counter(recorded.amounts) == amounts
    assert recorded.unpriced() == Counter(span.reason for span in spans if span.amount is None)
    assert_amounts_are_those_of_their_calls(spans)


def test_when_the_providers_are_shut_down_midway_the_application_sees_nothing_of_it(
    instrument, recorded, account, caplog
):
    instrument(**recorded.options)
    with make_client(account, InterruptedProvider(account, CALLS // 8, recorded.close)) as client:
        in_threads(client, CALLS // 4, THREADS // 4)
        in_threads(client, 100, 10, CALLS // 4)
    collect()
    calls = CALLS // 4 + 100
    assert account.total == sum(bill(number) for number in range(calls) if kind_of(number) not in REASONS)
    assert not [record for record in caplog.records if record.name.startswith("opentelemetry.instrumentation")]


def test_the_same_calls_made_bare_bill_the_same(account):
    with make_client(account) as client:
        run_calls(client, range(200))
    assert account.amounts == Counter(bill(number) for number in range(200) if kind_of(number) not in REASONS)
