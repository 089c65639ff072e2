# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""What runs in processes of their own: calls after a fork, after a spawn, and behind a web server that forks its workers.

Imported by name in every one of them, so that a spawned process finds its function.
"""

import json
import multiprocessing
import os
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor
from support.clients import make_client
from support.expect import COST, UNPRICED, ask
from support.telemetry import Telemetry

CALLS = 3


def instrumented() -> Telemetry:
    """Instruments this process."""
    telemetry = Telemetry()
    OpenAICostInstrumentor().instrument(
        tracer_provider=telemetry.tracer_provider, meter_provider=telemetry.meter_provider
    )
    return telemetry


def account(telemetry: Telemetry) -> dict[str, Any]:
    """What this process recorded so far."""
    points = telemetry.points(COST)
    amounts = [span.attributes["gen_ai.usage.cost.amount"] for span in telemetry.spans()]
    return {
        "spans": len(amounts),
        "amount": str(sum((Decimal(repr(amount)) for amount in amounts), Decimal(0))),
        "costs": sum(point.count for _, point in points),
        "unpriced": sum(point.value for _, point in telemetry.points(UNPRICED)),
        "open": len(telemetry.open_spans()),
    }


def since(now: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """What was added."""
    return {
        name: str(Decimal(value) - Decimal(before[name])) if name == "amount" else value - before[name]
        for name, value in now.items()
    }


def calls(url: str) -> None:
    """As many plain calls as streams."""
    with make_client(url) as client:
        for _ in range(CALLS):
            ask(client)
            list(ask(client, stream=True, extra_body={"stream_options": {"include_usage": True}}))


def child(url: str, telemetry: Telemetry | None, results: Any) -> None:
    """A process of its own; a forked one is instrumented already."""
    telemetry = telemetry or instrumented()
    before = account(telemetry)
    calls(url)
    results.put(since(account(telemetry), before))


def parent(method: str, stream_open: bool = False) -> None:
    """Calls, starts two processes that call, calls again; prints what each process recorded, itself last."""
    url = os.environ["SERVER"]
    telemetry = instrumented()
    calls(url)
    client = make_client(url)
    stream = iter(ask(client, stream=True)) if stream_open else None
    if stream is not None:
        next(stream)
    processes = multiprocessing.get_context(method)
    results = processes.Queue()
    inherited = telemetry if method == "fork" else None
    children = [processes.Process(target=child, args=(url, inherited, results)) for _ in range(2)]
    for one in children:
        one.start()
    told = [results.get(timeout=120) for _ in children]
    for one in children:
        one.join(120)
        assert one.exitcode == 0
    if stream is not None:
        list(stream)
    calls(url)
    client.close()
    print(json.dumps([*told, account(telemetry)]))


Start = Callable[[str, list[tuple[str, str]]], object]


class WebApplication:
    """Answers each request with what one call to the model cost, as this process recorded it."""

    def __init__(self) -> None:
        self._telemetry = instrumented()

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        """The WSGI application."""
        before = account(self._telemetry)
        calls(os.environ["SERVER"])
        body = {"process": os.getpid(), **since(account(self._telemetry), before)}
        start("200 OK", [("content-type", "application/json")])
        return [json.dumps(body).encode()]


def web_application() -> WebApplication:
    """What gunicorn is told to serve: with ``--preload`` it is made before the workers are forked."""
    return WebApplication()
