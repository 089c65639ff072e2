# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""What observing and pricing a call costs, beside the other instrumentations, measured in one run.

    pip install -e ".[bench]" && python benchmarks/overhead.py [--rounds 60] [--quick] [--write]

Every figure is CPU time above the bare SDK: the same client, an in-process transport, the same kind of providers; the contenders
take turns, round by round and in changing order, so that a slow moment of the machine hits all of them. An overhead is the median
over the rounds of the difference to the bare SDK in the same round. What a chunk of a stream costs is
measured with each contender alone in processes of its own. ``--write`` puts the figures into ``docs/performance.md``.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import random
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import NamedTuple

import openai
import report
from contenders import INSTRUMENTATIONS, Contender, Work, contenders, installed
from traffic import INPUTS, call, client, embed, stream
from whose_money import additions

from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor

CHUNKS = 500
FEW_CHUNKS = 20
NUMBERS, MORE_NUMBERS = 8, 256


class Overhead(NamedTuple):
    """CPU time above the bare SDK, in seconds: the median over the rounds, and the quartiles."""

    median: float
    lower: float
    upper: float


def measure(
    work: Work, make: Callable[[], openai.OpenAI], rounds: int, repeat: int, warm: int = 1, only: str | None = None
) -> dict[str, Overhead]:
    """Overhead of every contender, or of one; under ``bare`` the time of the call itself.

    After a change of the client's classes the interpreter runs it more slowly for a few calls; ``warm`` of them are not measured.
    """
    everyone = contenders(work, make, only)
    times: dict[str, list[float]] = {contender.name: [] for contender in everyone}
    order = random.Random(7)
    for round_number in range(rounds + 1):
        # Whoever comes first in a round has it a little harder; so the order changes.
        for contender in order.sample(everyone, len(everyone)):
            with contender:
                api = make()
                for _ in range(warm):
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
    bare = times["bare"]
    return {
        name: spread(values if name == "bare" else [value - base for value, base in zip(values, bare, strict=True)])
        for name, values in times.items()
    }


def spread(values: list[float]) -> Overhead:
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
    return Overhead(median, lower, upper)


def each_chunk(name: str, rounds: int) -> float:
    """Seconds of each further chunk of a stream above the bare SDK: of a long stream, less those of a short one."""
    long = measure(stream, lambda: client(CHUNKS), rounds, 2, only=name)[name]
    short = measure(stream, lambda: client(FEW_CHUNKS), rounds, 12, only=name)[name]
    return (long.median - short.median) / (CHUNKS - FEW_CHUNKS)


def each_chunk_alone(name: str, rounds: int, runs: int) -> float:
    """The same in a process of its own: the median over so many.

    Where a process has its memory makes a difference of a microsecond, and so do the memory and the code of other instrumentations.
    """
    command = [sys.executable, __file__, "--chunks", name, "--rounds", str(rounds)]
    found = [float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout) for _ in range(runs)]
    return statistics.median(found)


def quote(repeat: int) -> float:
    """Seconds of one quote with cached input and reasoning: the median over 20 rounds."""
    from opentelemetry.instrumentation.openai_cost.pricing import PriceBook, Terms, bundled_data
    from opentelemetry.instrumentation.openai_cost.usage import Tokens, Usage

    book = PriceBook(bundled_data())
    usage, terms = Usage(Tokens(1500, 420, 1024, reasoning=192)), Terms("gpt-5-2025-08-07", "gpt-5", at=1795000000.0)
    book.quote(usage, terms)
    found = []
    for _ in range(20):
        started = time.process_time()
        for _ in range(repeat):
            book.quote(usage, terms)
        found.append((time.process_time() - started) / repeat)
    return statistics.median(found)


def book_load() -> float:
    """Seconds to read and index the price list."""
    from opentelemetry.instrumentation.openai_cost.pricing import PriceBook, bundled_data

    found = []
    for _ in range(20):
        bundled_data.cache_clear()
        started = time.process_time()
        PriceBook(bundled_data())
        found.append(time.process_time() - started)
    return statistics.median(found)


INSTRUMENT = """
import time
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
class Empty(BaseInstrumentor):
    def instrumentation_dependencies(self): return ("openai < 4",)
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

START = """
import time
import openai, opentelemetry.sdk.trace, opentelemetry.sdk.metrics
openai.OpenAI(api_key="none")
a = time.process_time()
from {module} import {kind}
{kind}().instrument()
print(time.process_time() - a)
"""


def in_processes(code: str, runs: int) -> float:
    """Median of what a program prints, over that many fresh processes."""
    command = [sys.executable, "-c", code]
    # As installed: with the byte code of the modules at hand.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    found = [
        subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
        for _ in range(runs + 1)
    ][1:]
    return statistics.median(map(float, found))


def start(names: list[str], runs: int) -> dict[str, float]:
    """CPU seconds of import and ``instrument()`` in a process that has loaded the client and the SDK."""
    found = {}
    for name in names:
        _, module, kind = INSTRUMENTATIONS[name]
        found[name] = in_processes(START.format(module=module, kind=kind), runs)
    return found


def growth(calls: int) -> float:
    """Bytes of traced memory that openai_cost keeps between a tenth of the calls and all of them."""
    with Contender("openai_cost", OpenAICostInstrumentor):
        api = client()
        for _ in range(200):
            call(api)
        tracemalloc.start()
        kept = []
        for count in (calls // 10, calls - calls // 10):
            for _ in range(count):
                call(api)
            gc.collect()
            kept.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
    return kept[1] - kept[0]


def peaks(chunks: int) -> dict[str, float]:
    """Bytes of traced memory at the peak of one long stream, by contender."""
    found = {}
    for contender in contenders(call, client):
        with contender:
            api = client(chunks)
            stream(client(FEW_CHUNKS))
            gc.collect()
            tracemalloc.start()
            stream(api)
            found[contender.name] = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    return found


def main() -> None:
    """Runs all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--quick", action="store_true", help="few rounds, to see that it runs")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md and its plot")
    parser.add_argument(
        "--chunks", metavar="NAME", help="print what each chunk of a stream costs with one contender alone"
    )
    options = parser.parse_args()
    rounds = 3 if options.quick else options.rounds
    if options.chunks:
        print(each_chunk(options.chunks, rounds))
        return
    page = report.Page(
        f"openai {openai.__version__}, Python {platform.python_version()}, {os.cpu_count()} CPUs, {rounds} rounds",
        installed(),
    )
    calls = measure(call, client, 8 * rounds, 20, warm=20)
    page.overheads("chat call", calls, [("official", 0.6), ("floor", 1.5)])
    long = measure(stream, lambda: client(CHUNKS), rounds, 2)
    page.overheads(f"stream of {CHUNKS} chunks", long, [("official", 0.15)])
    processes = 1 if options.quick else 3
    alone = {name: each_chunk_alone(name, rounds, processes) for name in long if name != "bare"}
    page.each_chunk(alone, processes, 1e-6)
    few = measure(embed, lambda: client(numbers=NUMBERS), rounds // 2 + 1, 2)
    many = measure(embed, lambda: client(numbers=MORE_NUMBERS), rounds // 2 + 1, 2)
    page.overheads(f"{INPUTS:,} embeddings of {NUMBERS} numbers", few, [])
    page.overheads(f"{INPUTS:,} embeddings of {MORE_NUMBERS} numbers", many, [])
    page.figure("a quote (cached input, reasoning)", quote(1000 if options.quick else 20000), 5e-6)
    page.figure("the price book, read on first need", book_load(), 10e-3)
    page.additions(*additions(10 * rounds), 5e-6)
    runs = 3 if options.quick else 7
    page.figure(
        "`instrument()` beyond an empty instrumentor, before openai is imported", in_processes(INSTRUMENT, runs), 3e-3
    )
    page.starts(start([name for name in calls if name in INSTRUMENTATIONS], runs))
    kept_by, chunks = (1000, 5_000) if options.quick else (10_000, 20_000)
    page.memory(kept_by, growth(kept_by), chunks, peaks(chunks))
    if options.write:
        page.write()


if __name__ == "__main__":
    main()
