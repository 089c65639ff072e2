# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""What runs in a process of its own that forks while its threads are at work; each function prints what was counted."""

import faulthandler
import gc
import json
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import openai

from opentelemetry import trace
from opentelemetry.instrumentation.openai_cost import (
    Budget,
    CostEvent,
    OpenAICostInstrumentor,
    cost_attributes,
    track_cost,
)
from opentelemetry.instrumentation.openai_cost.fork import free_after_fork
from promises.offspring import account, calls, since
from support.clients import make_client
from support.expect import ask
from support.payloads import payload
from support.telemetry import Telemetry

PACKAGE = "opentelemetry.instrumentation.openai_cost"
PATIENCE = 80
"""Seconds after which a child that has not finished hangs."""
FLAGS = ("Operation", "_Meter")
"""Classes whose lock nobody ever waits for: taking it says that something is done."""

# That a process with threads forks is what these functions are about.
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)


def told_by_child(work: Callable[[], object]) -> Any:
    """What the work comes to in a forked process, which has to end in time."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            faulthandler.dump_traceback_later(PATIENCE, exit=True)
            os.write(writing, json.dumps(work()).encode())
        finally:
            # Not by way of the parent's own exit.
            sys.stderr.flush()
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        text = told.read()
    os.waitpid(child, 0)
    return json.loads(text or '"it did not end"')


def in_the_midst_of_streams(threads: int) -> None:
    """Every thread, and this one, has a stream open at the fork; the child drops what it inherits of them, and calls."""
    url = os.environ["SERVER"]
    telemetry = Telemetry()
    OpenAICostInstrumentor().instrument(
        tracer_provider=telemetry.tracer_provider, meter_provider=telemetry.meter_provider, rollup=True
    )
    client = make_client(url)
    begun = threading.Barrier(threads + 1)

    def read() -> None:
        stream = ask(client, stream=True)
        next(stream)
        begun.wait(PATIENCE)
        list(stream)

    readers = [threading.Thread(target=read) for _ in range(threads)]
    for reader in readers:
        reader.start()
    mine = [ask(client, stream=True)]
    next(mine[0])
    begun.wait(PATIENCE)

    def in_child() -> object:
        before = account(telemetry)
        mine.clear()
        gc.collect()
        calls(url)
        OpenAICostInstrumentor().uninstrument()
        now = account(telemetry)
        return {**since(now, before), "open": now["open"] - before["open"]}

    told = [told_by_child(in_child) for _ in range(2)]
    ask(client, user="go on")
    list(mine[0])
    for reader in readers:
        reader.join()
    client.close()
    print(json.dumps([*told, account(telemetry)]))


def while_every_lock_is_held(spans: str, directory: str) -> None:
    """A thread holds each lock of the package at the fork; the child, where it is not, makes every kind of call."""
    telemetry = Telemetry()
    trace.set_tracer_provider(telemetry.tracer_provider)
    prices = Path(directory, "prices.json")
    prices.write_text('{"models": {"acme": {"input": "1", "output": "1"}}}')
    heard: list[CostEvent] = []
    OpenAICostInstrumentor().instrument(
        tracer_provider=telemetry.tracer_provider,
        meter_provider=telemetry.meter_provider,
        spans=spans,
        rollup=True,
        summary=True,
        stream_usage="request",
        budgets=[Budget("all", usd=1000)],
        cost_hook=heard.append,
        prices=str(prices),
        prices_reload=True,
    )
    with track_cost() as cost, telemetry.tracer_provider.get_tracer("app").start_as_current_span("work"):
        with make_client(os.environ["SERVER"]) as client:
            every_kind_of_call(client, "before")
        held, done = threading.Event(), threading.Event()
        ours = list(locks())

        def hold() -> None:
            for lock in ours:
                lock.acquire()
            held.set()
            done.wait()
            for lock in ours:
                lock.release()

        holder = threading.Thread(target=hold)
        holder.start()
        held.wait()

        def in_child() -> object:
            before, heard_before = cost.calls, len(heard)
            with make_client(os.environ["SERVER"]) as client:
                every_kind_of_call(client, "after")
            telemetry.all_points()
            OpenAICostInstrumentor().uninstrument()
            OpenAICostInstrumentor().instrument()
            return [cost.calls - before, len(heard) - heard_before]

        told = told_by_child(in_child)
        done.set()
        holder.join()
    print(json.dumps([len(ours), told, [cost.calls, len(heard)]]))
    OpenAICostInstrumentor().uninstrument()


def every_kind_of_call(client: openai.OpenAI, name: str) -> None:
    """One of each that a lock is for; a model, a tier, a host and a value that were not met yet."""
    with cost_attributes(feature=name):
        ask(client, model=f"acme-{name}")
    list(ask(client, stream=True, model="gpt-5.5"))
    ask(client.with_options(base_url=f"https://{name}.test/v1"))
    client.post("/containers", body={"name": name}, cast_to=object)
    client.post("/batches", body={"completion_window": "24h"}, cast_to=object)
    client.get(f"/batches/{payload('batch_completed.json')['id']}", cast_to=object)


def locks() -> Iterator[Any]:
    """Every lock that the package has made, wherever it is kept, but for flags."""
    kinds = type(threading.Lock()), type(threading.RLock())
    found: dict[int, Any] = {}
    for one in gc.get_objects():
        kind = type(one)
        if isinstance(one, (ModuleType, type)):
            module = getattr(one, "__name__" if isinstance(one, ModuleType) else "__module__", "")
        else:
            module = kind.__module__
        if not str(module).startswith(PACKAGE) or kind.__name__ in FLAGS:
            continue
        values = list(getattr(one, "__dict__", {}).values())
        values += [getattr(one, slot, None) for base in kind.__mro__ for slot in vars(base).get("__slots__", ())]
        found.update({id(value): value for value in values if isinstance(value, kinds)})
    yield from found.values()


def with_a_batch_in_progress() -> None:
    """Started before the fork; first the child sees it finished, then the parent."""
    heard: list[CostEvent] = []
    OpenAICostInstrumentor().instrument(cost_hook=heard.append)

    def look() -> int:
        with make_client(os.environ["SERVER"]) as client:
            client.get(f"/batches/{payload('batch_completed.json')['id']}", cast_to=object)
        return len(heard)

    with make_client(os.environ["SERVER"]) as client:
        client.post("/batches", body={"completion_window": "24h"}, cast_to=object)
    print(json.dumps([told_by_child(look), look()]))


class Semaphore:
    """A lock of somebody's who has not thought of forks."""


class Bare:
    """One that takes no weak reference either."""

    __slots__ = ()


def with_locks_of_another_make() -> None:
    """Such as a library that replaces the standard ones might bring; the standard one is held at the fork."""
    locks = [free_after_fork(lock) for lock in (Semaphore(), Bare(), threading.Lock(), Semaphore())]
    standard: Any = locks[2]
    holder = threading.Thread(target=standard.acquire)
    holder.start()
    holder.join()
    print(json.dumps([standard.locked(), told_by_child(standard.locked)]))


def in_a_crowd(threads: int, children: int) -> None:
    """Threads call without a pause while children are born one after the other; no SDK has locks of its own here."""
    url = os.environ["SERVER"]
    heard: list[CostEvent] = []
    OpenAICostInstrumentor().instrument(cost_hook=heard.append, budgets=[Budget("all", usd=1000)])
    stop = threading.Event()
    made: list[int] = []

    def work() -> None:
        with make_client(url) as client:
            while not stop.is_set():
                ask(client)
                made.append(1)

    with track_cost():
        calls(url)
        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()

        def in_child() -> object:
            # Of the threads' calls, those whose event was told at the fork are no business of the child.
            before = len(heard)
            with track_cost() as own:
                calls(url)
            return [len(heard) - before, own.calls, str(own.total)]

        told = [told_by_child(in_child) for _ in range(children)]
        stop.set()
        for worker in workers:
            worker.join()
    amounts = sum((event.amount or Decimal(0) for event in heard), Decimal(0))
    print(json.dumps([told, len(heard) - len(made), str(amounts / len(heard))]))
