# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Processes that fork, spawn, run optimized, or end in the midst of a stream."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from decimal import Decimal

import pytest

pytest.register_assert_rewrite("coexist.process")

from coexist.process import TESTS, ended_somehow, finished  # noqa: E402
from promises.crowd import REASONS, bill, kind_of  # noqa: E402
from support.expect import chat, streamed  # noqa: E402
from support.server import Cut, Gate, json_answer, sse_answer  # noqa: E402

ONE = Decimal("0.035")
ROUND = {"spans": 6, "amount": str(6 * ONE), "costs": 6, "unpriced": 0, "open": 0}
"""What six calls are."""

FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


def twice(counted):
    return {**counted, "spans": 12, "amount": str(12 * ONE), "costs": 12}


@pytest.fixture
def answers(server):
    """Streams to those who ask for one, and documents to the others."""
    plain, stream = json_answer(chat()), sse_answer(streamed())
    server.answer_to = lambda request: stream if request.json.get("stream") else plain
    yield server
    del server.answer_to


# --- fork and spawn ---


@pytest.mark.parametrize("method", [pytest.param("fork", marks=FORKS), "spawn"])
def test_each_process_records_its_own_calls(answers, method):
    ended = finished(f"from promises.offspring import parent; parent({method!r})", answers)
    first, second, ours = json.loads(ended.stdout)
    assert first == second == ROUND
    assert ours == twice(ROUND)
    assert ended.stderr == ""


@FORKS
def test_a_stream_that_is_open_at_a_fork_is_counted_by_the_parent_alone(answers):
    ended = finished("from promises.offspring import parent; parent('fork', stream_open=True)", answers)
    first, second, ours = json.loads(ended.stdout)
    # The stream was open before they were born, and they do not end it.
    assert first == second == ROUND
    assert ours == {"spans": 13, "amount": str(13 * ONE), "costs": 13, "unpriced": 0, "open": 0}


@FORKS
@pytest.mark.parametrize("options", [["--preload"], []], ids=["before the fork", "in each worker"])
def test_gunicorn_s_workers_record_their_own_calls(answers, options):
    pytest.importorskip("gunicorn")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = "{}:{}".format(*free.getsockname())
    command = [sys.executable, "-m", "gunicorn", "--workers", "2", "--timeout", "300", "--bind", address, *options]
    paths = [str(TESTS), *(path for path in sys.path if path.endswith("src"))]
    environment = {**os.environ, "SERVER": answers.url, "PYTHONPATH": os.pathsep.join(paths)}
    gunicorn = subprocess.Popen(
        [*command, "promises.offspring:web_application()"], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        told = [answer_of(address) for _ in range(12)]
    finally:
        gunicorn.terminate()
        _, log = gunicorn.communicate(timeout=120)
    assert all({**one, "process": None} == {**ROUND, "process": None} for one in told)
    assert gunicorn.pid not in {one["process"] for one in told}
    assert "Traceback" not in log


def answer_of(address):
    """What the web application says; gunicorn may not be up yet."""
    for _ in range(1200):
        try:
            with urllib.request.urlopen(f"http://{address}/", timeout=120) as reply:
                return json.load(reply)
        except OSError:
            time.sleep(0.1)
    raise AssertionError("gunicorn does not answer")


# --- optimized ---

CROWD = """
    import json
    import tempfile
    from collections import Counter
    from decimal import Decimal
    from pathlib import Path

    from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor
    from promises.crowd import Account, Turnstile, collect, in_threads, make_client

    with tempfile.TemporaryDirectory() as directory:
        recorded, account = Turnstile(Path(directory)), Account()
        OpenAICostInstrumentor().instrument(**recorded.options)
        with make_client(account) as client:
            in_threads(client, 100, 5)
        collect()
        amounts = [Decimal(repr(span.amount)) for span in recorded.spans() if span.amount is not None]
        print(json.dumps([__debug__, len(recorded.spans()), str(sum(amounts)), dict(recorded.unpriced())]))
"""


@pytest.mark.parametrize("flag", ["-O", "-OO"])
def test_without_assertions_and_docstrings_everything_is_as_with_them(server, flag):
    ended = finished(CROWD, server, command=(sys.executable, flag))
    total = sum(bill(number) for number in range(100) if kind_of(number) not in REASONS)
    reasons = Counter(REASONS[kind_of(number)] for number in range(100) if kind_of(number) in REASONS)
    assert json.loads(ended.stdout) == [False, 100, str(total), dict(reasons)]


# --- the end of the interpreter ---

BEGIN = """
    import asyncio, os, sys, threading
    from opentelemetry import metrics, trace
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
    from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor
    from support.clients import make_async_client, make_client
    from support.expect import ask

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter()))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(ConsoleMetricExporter())]))
    if "BARE" not in os.environ:
        OpenAICostInstrumentor().instrument()
"""

ENDINGS = {
    "held by the module": """
    client = make_client(os.environ["SERVER"])
    stream = ask(client, stream=True)
    next(stream)
    print("last line")
    """,
    "held by nobody": """
    client = make_client(os.environ["SERVER"])
    next(ask(client, stream=True))
    print("last line")
    """,
    "never read": """
    client = make_client(os.environ["SERVER"])
    stream = ask(client, stream=True)
    print("last line")
    """,
    "in a cycle": """
    client = make_client(os.environ["SERVER"])
    stream = ask(client, stream=True)
    stream.itself = stream
    next(stream)
    print("last line")
    """,
    "in a daemon thread": """
    client = make_client(os.environ["SERVER"])
    begun = threading.Event()

    def read():
        for _ in ask(client, stream=True):
            begun.set()

    threading.Thread(target=read, daemon=True).start()
    begun.wait()
    print("last line")
    """,
    "in an asynchronous application": """
    async def main():
        global client, stream
        client = make_async_client(os.environ["SERVER"])
        stream = await ask(client, stream=True)
        await anext(stream)
        print("last line")

    asyncio.run(main())
    """,
    "as a raw response": """
    client = make_client(os.environ["SERVER"])
    manager = client.chat.completions.with_streaming_response.create(model="gpt-5.5", messages=[], stream=True)
    response = manager.__enter__()
    lines = response.iter_lines()
    next(lines)
    print("last line")
    """,
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_interpreter_that_ends_with_a_stream_open_says_nothing_of_it(server, ending):
    told = {}
    for who, environment in (("bare", {"BARE": "1"}), ("ours", {})):
        gate = Gate()
        server.queue(sse_answer([streamed()[0], gate, Cut()]))
        told[who] = ended_somehow(BEGIN + ENDINGS[ending], server, **environment)
        gate.open()
        server.reset()
    if told["bare"].returncode < 0:
        # CPython 3.13.0 does, while it collects what the client's HTTP library holds.
        pytest.skip("this interpreter crashes at the end of such a process, without any instrumentation")
    assert {who: process.returncode for who, process in told.items()} == {"bare": 0, "ours": 0}
    assert told["bare"].stdout.startswith("last line")
    assert told["ours"].stdout.startswith("last line")
    assert said(told["ours"]) == said(told["bare"])


def said(process):
    """What it wrote of errors; that of a race of asyncio's own at its end is left out, bare or not."""
    return _RACE_OF_ASYNCIO.sub("", process.stderr).splitlines()


_RACE_OF_ASYNCIO = re.compile(
    r"^an error occurred during closing of asynchronous generator .*?^RuntimeError: aclose\(\)[^\n]*\n",
    re.DOTALL | re.MULTILINE,
)
