# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""After any number of calls nothing of ours is left: no span, context, task, thread, file or byte."""

import asyncio
import gc
import os
import threading
import tracemalloc
import weakref
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import openai
import pytest

pytest.register_assert_rewrite("promises.crowd")

from opentelemetry.context import get_current  # noqa: E402

import opentelemetry.instrumentation.openai_cost as package  # noqa: E402
from opentelemetry.instrumentation.openai_cost import attribution, cost_attributes, series, track_cost  # noqa: E402
from promises.crowd import (  # noqa: E402
    KINDS,
    Account,
    LoopbackProvider,
    Provider,
    Turnstile,
    collect,
    collect_async,
    in_tasks,
    in_threads,
    make_async_client,
    make_client,
    run_calls,
)
from promises.disclosure import EVERYTHING  # noqa: E402
from support import clients  # noqa: E402
from support.clients import http  # noqa: E402

ROUND = 300
SPARE = 4096
"""Bytes that may be left of a thousand calls: caches that are filled at first use, and no more than that."""

REMEMBERED = 130
"""Combinations of values that are remembered here: as many of every kind of call, and fewer than in earnest."""

FILES = Path("/proc/self/fd")
PATTERN = str(Path(package.__file__).parent / "*")
OF_A_CALL = {"Operation", "Enclosing", "EventScanner", "DocumentCollector", "Tee", "AsyncTee", "Quote"}
"""What is made for one call and must be gone with it."""


@pytest.fixture
def recorded(tmp_path):
    turnstile = Turnstile(tmp_path, keep=False)
    yield turnstile
    turnstile.close()


def alive():
    """How many objects of our classes there are, by class."""
    collect()
    return Counter(
        type(one).__name__ for one in gc.get_objects() if str(type(one).__module__).startswith(package.__name__)
    )


@contextmanager
def allocations():
    """What lines of ours allocate from here on, in bytes still in use when the result is called."""

    def in_use():
        collect()
        taken = tracemalloc.take_snapshot().filter_traces(
            [tracemalloc.Filter(inclusive=True, filename_pattern=PATTERN)]
        )
        lines = taken.statistics("lineno")
        return sum(line.size for line in lines), [str(line) for line in lines[:10]]

    collect()
    tracemalloc.start()
    try:
        yield in_use
    finally:
        tracemalloc.stop()


def test_calls_in_threads_leave_no_object(instrument, recorded):
    instrument(**recorded.options)
    with make_client(Account()) as client:
        in_threads(client, ROUND, 50)
        collect()
        before = alive()
        in_threads(client, 3 * ROUND, 50)
        collect()
        assert alive() == before
    assert OF_A_CALL.isdisjoint(alive())
    recorded.spans()


async def test_calls_in_tasks_leave_no_object_and_no_task(instrument, recorded):
    instrument(**recorded.options)
    tasks = asyncio.all_tasks()
    async with make_async_client(Account()) as client:
        await in_tasks(client, ROUND, 100)
        await collect_async()
        before = alive()
        await in_tasks(client, 3 * ROUND, 100)
        await collect_async()
        assert asyncio.all_tasks() == tasks
        assert alive() == before
    assert OF_A_CALL.isdisjoint(alive())
    recorded.spans()


def test_calls_in_threads_leave_no_byte(instrument, recorded):
    instrument(**recorded.options)
    with make_client(Account()) as client:
        in_threads(client, ROUND, 50)
        collect()
        with allocations() as in_use:
            in_threads(client, 2 * ROUND, 50)
            collect()
            left, lines = in_use()
    assert left < SPARE, lines


async def test_calls_in_tasks_leave_no_byte(instrument, recorded):
    instrument(**recorded.options)
    async with make_async_client(Account()) as client:
        await in_tasks(client, ROUND, 100)
        await collect_async()
        with allocations() as in_use:
            await in_tasks(client, 2 * ROUND, 100)
            await collect_async()
            left, lines = in_use()
    assert left < SPARE, lines


def test_with_everything_switched_on_calls_leave_no_object(instrument, recorded, monkeypatch):
    monkeypatch.setattr(attribution, "_MAX_REMEMBERED", REMEMBERED)
    monkeypatch.setattr(series, "_MAX_REMEMBERED", 1)
    instrument(**{**recorded.options, **EVERYTHING, "summary": False})
    tracer = recorded.tracer_provider.get_tracer("application")
    with make_client(Account()) as client:

        def work(first):
            # As many values as are remembered, so that as many are remembered afterwards.
            for number in range(first, first + REMEMBERED):
                with tracer.start_as_current_span("work"), cost_attributes(user=f"user-{number}"), track_cost():
                    run_calls(client, [1 + number % len(KINDS)])

        work(0)
        before = alive()
        work(REMEMBERED)
        assert alive() == before
    assert OF_A_CALL.isdisjoint(before)
    recorded.spans()


def test_open_streams_hold_little_and_closed_ones_nothing(instrument, recorded):
    instrument(**recorded.options)
    with make_client(Account()) as client:
        in_threads(client, ROUND, 50)
        collect()
        with allocations() as in_use:
            streams = [client.chat.completions.create(**stream_of(1 + number * 13)) for number in range(100)]
            for stream in streams:
                next(stream)
            during, _ = in_use()
            for stream in streams:
                stream.close()
            del stream, streams
            left, lines = in_use()
    assert 100 * 100 < during < 100 * 8192
    assert left < SPARE, lines


def stream_of(number):
    return {"model": "crowd-1", "messages": [], "user": str(number), "stream": True}


def test_calls_over_real_connections_leave_no_thread_and_no_file(instrument, recorded):
    threads = set(threading.enumerate())
    instrument(**recorded.options)
    with LoopbackProvider(Account()) as provider:
        with clients.make_client(provider.url) as client:
            files = open_files()
            in_threads(client, 200, 20)
            collect()
        assert left_open(files) <= 20  # the server's ends of connections that it has not seen closed yet
    assert {one for one in threading.enumerate() if one.name.startswith("openai")} == set()
    assert {one for one in threads if not one.is_alive()} == set()
    wait_for(lambda: set(threading.enumerate()) <= threads)


def test_the_context_of_a_thread_is_what_it_was(instrument, recorded):
    instrument(**recorded.options)
    before = get_current()
    with make_client(Account()) as client:
        in_threads(client, 100, 10)
        for number in range(60):
            stream = client.chat.completions.create(**stream_of(1 + number * 13))
            assert get_current() == before
            next(stream)
            assert get_current() == before
            stream.close()
            assert get_current() == before


def test_a_client_that_is_gone_is_not_kept(instrument, recorded):
    instrument(**recorded.options)
    account, seen = Account(), []
    for number in range(600):
        http_client = http.Client(transport=Provider(account))
        client = openai.OpenAI(base_url=f"https://host-{number}.example/v1", api_key="k", http_client=http_client)
        client.embeddings.create(model="crowd-1", input="x", user="2", encoding_format="float")
        client.close()
        seen.append(weakref.ref(client))
    del client, http_client
    collect()
    assert [one for one in seen if one() is not None] == []


def test_what_is_remembered_of_servers_is_bounded(instrument, recorded):
    instrument(**recorded.options)
    account = Account()

    def ask(numbers):
        for number in numbers:
            http_client = http.Client(transport=Provider(account))
            client = openai.OpenAI(base_url=f"https://h{number:06}.example/v1", api_key="k", http_client=http_client)
            client.embeddings.create(model="crowd-1", input="x", user="2", encoding_format="float")
            client.close()

    ask(range(1100))
    assert alive()["Server"] <= 512


# --- ways to look ---


def open_files():
    if not FILES.exists():
        pytest.skip("this system does not list a process's open files")
    return len(os.listdir(FILES))


def left_open(before):
    return len(os.listdir(FILES)) - before


def wait_for(condition, seconds=60.0):
    """Returns when the condition holds; it must, within that time."""
    tick = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if condition():
            return
        tick.wait(0.05)
    assert condition()
