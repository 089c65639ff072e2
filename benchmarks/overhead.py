# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""What observing and pricing a call costs, beside the other instrumentations, measured in one run.

    python benchmarks/overhead.py [--rounds 30] [--quick]

Every figure is overhead above the bare SDK: the same client, an in-process transport, the same providers; instrumentations take
turns, round by round, so that a slow moment of the machine hits all of them. Needs the extra ``bench``.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import httpx2
import openai
from floor import Floor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor

CHUNKS = 500
USAGE = {
    "prompt_tokens": 1500,
    "completion_tokens": 420,
    "total_tokens": 1920,
    "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 192, "audio_tokens": 0},
}
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1795000000,
    "model": "gpt-5-2025-08-07",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}],
    "usage": USAGE,
    "service_tier": "default",
    "system_fingerprint": "fp_1",
}


def events(count: int) -> Iterator[bytes]:
    """A streamed chat completion of that many content chunks."""
    envelope = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1795000000,
        "model": "gpt-5-2025-08-07",
        "service_tier": "default",
        "system_fingerprint": "fp_1",
    }
    choice: dict[str, Any] = {"index": 0, "delta": {"content": "word "}, "logprobs": None, "finish_reason": None}
    chunk = b"data: " + json.dumps({**envelope, "choices": [choice], "usage": None}, separators=(",", ":")).encode()
    for _ in range(count):
        yield chunk + b"\n\n"
    stop = {**envelope, "choices": [{**choice, "delta": {}, "finish_reason": "stop"}], "usage": None}
    yield b"data: " + json.dumps(stop, separators=(",", ":")).encode() + b"\n\n"
    yield b"data: " + json.dumps({**envelope, "choices": [], "usage": USAGE}, separators=(",", ":")).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


class EventStream(httpx2.SyncByteStream):
    """A body that arrives event by event, as from a network."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._chunks)


def client(stream_chunks: int = CHUNKS) -> openai.OpenAI:
    """A real client whose transport answers in process."""
    body = json.dumps(COMPLETION).encode()
    prepared = list(events(stream_chunks)) if stream_chunks <= CHUNKS else None

    def answer(request: httpx2.Request) -> httpx2.Response:
        if b'"stream":true' in request.content:
            chunks = iter(prepared) if prepared is not None else events(stream_chunks)
            return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=EventStream(chunks))
        return httpx2.Response(200, headers={"content-type": "application/json"}, content=body)

    return openai.OpenAI(api_key="bench", http_client=httpx2.Client(transport=httpx2.MockTransport(answer)))


def call(api: openai.OpenAI) -> None:
    """One chat completion."""
    api.chat.completions.create(
        model="gpt-5", messages=[{"role": "user", "content": "Say hello."}], temperature=0.2, max_tokens=50
    )


def stream(api: openai.OpenAI) -> None:
    """One streamed chat completion, read to its end."""
    for _ in api.chat.completions.create(
        model="gpt-5",
        messages=[{"role": "user", "content": "Say hello."}],
        stream=True,
        stream_options={"include_usage": True},
    ):
        pass


class Contender:
    """An instrumentation that can be put on and taken off."""

    def __init__(self, name: str, make: Callable[[], Any] | None) -> None:
        self.name = name
        self._make = make
        self._instrumentor: Any = None
        self._tracer_provider = TracerProvider(shutdown_on_exit=False)
        self._meter_provider = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)

    def __enter__(self) -> Contender:
        if self._make is not None:
            self._instrumentor = self._make()
            self._instrumentor.instrument(
                tracer_provider=self._tracer_provider, meter_provider=self._meter_provider, skip_dep_check=True
            )
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._instrumentor is not None:
            self._instrumentor.uninstrument()


def contenders(work: Callable[[openai.OpenAI], None]) -> list[Contender]:
    """The bare SDK, the bare OpenTelemetry work, ours, and those of the others that are installed."""
    found = [Contender("bare", None), Contender("floor", floor(work)), Contender("openai_cost", OpenAICostInstrumentor)]
    for name, module in (
        ("official", "opentelemetry.instrumentation.genai.openai"),
        ("openinference", "openinference.instrumentation.openai"),
    ):
        try:
            found.append(Contender(name, import_module(module).OpenAIInstrumentor))
        except ImportError:
            print(f"{name}: not installed, left out")
    return found


def floor(work: Callable[[openai.OpenAI], None]) -> Callable[[], Floor]:
    """The bare OpenTelemetry work, as recorded from one call observed by openai_cost."""
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracer_provider, meter_provider = (
        TracerProvider(shutdown_on_exit=False),
        MeterProvider([reader], shutdown_on_exit=False),
    )
    tracer_provider.add_span_processor(SimpleSpanProcessor(spans))
    instrumentor = OpenAICostInstrumentor()
    instrumentor.instrument(tracer_provider=tracer_provider, meter_provider=meter_provider, skip_dep_check=True)
    work(client())
    instrumentor.uninstrument()
    data = reader.get_metrics_data()
    records = [
        (metric.name, point.sum, dict(point.attributes))
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
        if isinstance(point, HistogramDataPoint)
    ]
    recorded = Floor(spans.get_finished_spans()[0], records)
    return lambda: recorded


def measure(work: Callable[[openai.OpenAI], None], rounds: int, repeat: int) -> dict[str, float]:
    """CPU seconds per call for every contender: the median over rounds of the round's mean."""
    everyone = contenders(work)
    times: dict[str, list[float]] = {contender.name: [] for contender in everyone}
    order = random.Random(7)
    for round_number in range(rounds + 1):
        # Whoever comes first in a round has it a little harder; so the order changes.
        for contender in order.sample(everyone, len(everyone)):
            with contender:
                api = client()
                work(api)
                gc.collect()
                gc.disable()
                started = time.process_time()
                for _ in range(repeat):
                    work(api)
                elapsed = time.process_time() - started
                gc.enable()
            if round_number:
                times[contender.name].append(elapsed / repeat)
    return {name: statistics.median(values) for name, values in times.items()}


def report(title: str, times: dict[str, float], target: float) -> None:
    """Prints overhead above the bare call, and its ratio to the official instrumentation's."""
    bare = times["bare"]
    print(f"\n{title} (bare: {bare * 1e6:.0f} µs)")
    official = times.get("official", 0.0) - bare
    for name, seconds in times.items():
        if name == "bare":
            continue
        overhead = seconds - bare
        ratio = f"{overhead / official:6.2f} × official" if official > 0 else ""
        print(f"  {name:15} + {overhead * 1e6:8.1f} µs   {ratio}")
    print(f"  target for openai_cost: at most {target} × official")


def pricing(repeat: int) -> None:
    """Prints the time of a quote and of loading the book."""
    from opentelemetry.instrumentation.openai_cost.pricing import PriceBook, Terms, bundled_data
    from opentelemetry.instrumentation.openai_cost.usage import Tokens, Usage

    loads = []
    for _ in range(20):
        bundled_data.cache_clear()
        started = time.perf_counter()
        book = PriceBook(bundled_data())
        loads.append(time.perf_counter() - started)
    usage = Usage(Tokens(1500, 420, 1024, reasoning=192))
    terms = Terms("gpt-5-2025-08-07", "gpt-5", at=1795000000.0)
    book.quote(usage, terms)
    best = []
    for _ in range(20):
        started = time.perf_counter()
        for _ in range(repeat):
            book.quote(usage, terms)
        best.append((time.perf_counter() - started) / repeat)
    print(f"\nquote, cached input and reasoning: {statistics.median(best) * 1e6:.2f} µs (target: at most 5)")
    print(f"price book loaded: {statistics.median(loads) * 1e3:.2f} ms (target: at most 10)")


STARTUP = """
import time
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
class Empty(BaseInstrumentor):
    def instrumentation_dependencies(self): return ("openai >= 1.26.0, < 4",)
    def _instrument(self, **kwargs): pass
    def _uninstrument(self, **kwargs): pass
from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor
a = time.perf_counter()
Empty().instrument()
b = time.perf_counter()
OpenAICostInstrumentor().instrument()
c = time.perf_counter()
import sys
assert "openai" not in sys.modules
print((c - b) - (b - a))
"""


def startup() -> None:
    """Prints what ``instrument()`` adds to an empty instrumentor's, in processes that have not imported openai."""
    runs = [
        float(subprocess.run([sys.executable, "-c", STARTUP], capture_output=True, text=True, check=True).stdout)
        for _ in range(7)
    ]
    print(f"instrument() beyond an empty instrumentor: {statistics.median(runs) * 1e3:.2f} ms (target: at most 3)")


def memory(calls: int, chunks: int) -> None:
    """Prints the growth of traced memory over many calls, and its peak over one long stream."""
    with Contender("openai_cost", OpenAICostInstrumentor):
        api = client()
        for _ in range(200):
            call(api)
        gc.collect()
        tracemalloc.start()
        for _ in range(calls // 10):
            call(api)
        gc.collect()
        early = tracemalloc.get_traced_memory()[0]
        for _ in range(calls - calls // 10):
            call(api)
        gc.collect()
        late = tracemalloc.get_traced_memory()[0]
        print(f"memory grown between call {calls // 10:,} and call {calls:,}: {(late - early) / 1024:.1f} KiB")
        long = client(chunks)
        stream(client(1000))
        gc.collect()
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        stream(long)
        peak = tracemalloc.get_traced_memory()[1] - before
        print(f"peak memory during a stream of {chunks:,} chunks: {peak / 1024:.0f} KiB")
        tracemalloc.stop()


def main() -> None:
    """Runs all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--quick", action="store_true", help="few rounds, to see that it runs")
    options = parser.parse_args()
    rounds = 3 if options.quick else options.rounds
    print(f"openai {openai.__version__}, Python {sys.version.split()[0]}, {rounds} rounds, medians")
    report("chat call", measure(call, 4 * rounds, 25), 0.6)
    report(f"stream of {CHUNKS} chunks", measure(stream, rounds, 2), 0.15)
    pricing(1000 if options.quick else 20000)
    startup()
    memory(1000 if options.quick else 10_000, 10_000 if options.quick else 100_000)


if __name__ == "__main__":
    main()
