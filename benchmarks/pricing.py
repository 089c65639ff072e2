# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""What a price costs: a quote, a first quote, the price book, and the same calls through other price libraries.

    python benchmarks/pricing.py [--rounds 40] [--quick]

Every figure is CPU time: the median over rounds, and the best round, of the mean of many calls. The contenders take turns
within a round, so that a slow moment of the machine hits all of them. genai-prices and LiteLLM are measured if they are
installed, and left out if not. The first comes with the extra ``bench``. The second demands a certifi that package indexes may
not have yet, so it is installed without its requirements, after those that its cost calculator imports:

    pip install -e '.[bench]'
    pip install aiohttp fastuuid 'httpx[http2]' 'importlib-metadata < 9' jinja2 pydantic-settings python-dotenv pyyaml tiktoken
    pip install --no-deps litellm==1.109.1
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from opentelemetry.instrumentation.openai_cost.pricing import PriceBook, Quote, Terms, bundled_data, overrides
from opentelemetry.instrumentation.openai_cost.usage import Fee, Tokens, Usage

NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
AT = NOW.timestamp()
PLAIN = "plain quote (cached input, reasoning)"
RICH = "rich quote (audio, tools, discount)"
TARGETS = {PLAIN: 3.0, RICH: 6.0, "cold compile of a rate card": 200.0, "load of the price book": 10_000.0}
"""Microseconds, at most."""

Work = Callable[[], object]


class Call(NamedTuple):
    """A call to be priced, by anybody."""

    name: str
    model: str
    usage: Usage


CALLS = (
    Call(PLAIN, "gpt-5-2025-08-07", Usage(Tokens(1500, 420, 1024, reasoning=192))),
    Call(
        RICH,
        "gpt-realtime-2",
        Usage(
            Tokens(
                input=5000,
                output=900,
                cache_read=1000,
                text_input=2000,
                audio_input=3000,
                text_output=100,
                audio_output=800,
                text_cache_read=600,
                audio_cache_read=400,
            ),
            fees=(Fee("web_search", 2), Fee("file_search", 1)),
        ),
    ),
)


def ours() -> dict[str, Work]:
    """Our engine, with a user's file in force, so that the discount is paid for as well."""
    discount = {"match": "gpt-realtime*", "percent": 15}
    book = PriceBook(bundled_data(), overrides.parse({"discounts": [discount]}))

    def work(call: Call) -> Work:
        terms = Terms(call.model, at=AT)
        result = book.quote(call.usage, terms)
        assert isinstance(result, Quote), result
        # A response brings usage and terms of its own each time; making them is not the engine's part.
        return lambda: book.quote(call.usage, terms)

    return {call.name: work(call) for call in CALLS}


def genai_prices() -> dict[str, Work]:
    """``calc_price`` of genai-prices: the usage it is given is made beforehand, as ours is."""
    from genai_prices import Usage as GenaiUsage
    from genai_prices import calc_price

    def work(call: Call) -> Work:
        tokens = call.usage.tokens
        assert tokens is not None
        counts = {
            "input_tokens": tokens.input,
            "output_tokens": tokens.output,
            "cache_read_tokens": tokens.cache_read,
            "input_audio_tokens": tokens.audio_input,
            "cache_audio_read_tokens": tokens.audio_cache_read,
            "output_audio_tokens": tokens.audio_output,
        }
        usage = GenaiUsage(**{unit: count for unit, count in counts.items() if count})
        work = lambda: calc_price(usage, call.model, provider_id="openai", genai_request_timestamp=NOW)  # noqa: E731
        work()
        return work

    return {call.name: work(call) for call in CALLS}


def litellm() -> dict[str, Work]:
    """``cost_per_token`` of LiteLLM, which knows of no tools in it; kept from fetching its price list from the network."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    from litellm import cost_per_token
    from litellm.types.utils import CompletionTokensDetailsWrapper, PromptTokensDetailsWrapper
    from litellm.types.utils import Usage as LiteLLMUsage

    def work(call: Call) -> Work:
        tokens = call.usage.tokens
        assert tokens is not None
        usage = LiteLLMUsage(
            prompt_tokens=tokens.input,
            completion_tokens=tokens.output,
            prompt_tokens_details=PromptTokensDetailsWrapper(
                cached_tokens=tokens.cache_read, text_tokens=tokens.text_input, audio_tokens=tokens.audio_input
            ),
            completion_tokens_details=CompletionTokensDetailsWrapper(
                reasoning_tokens=tokens.reasoning, text_tokens=tokens.text_output, audio_tokens=tokens.audio_output
            ),
        )
        work = lambda: cost_per_token(model=call.model, custom_llm_provider="openai", usage_object=usage)  # noqa: E731
        work()
        return work

    return {call.name: work(call) for call in CALLS}


def contenders() -> dict[str, dict[str, Work]]:
    """Ourselves, and those of the others that are installed."""
    found = {"ours": ours()}
    for name, distribution, make in (
        ("genai-prices", "genai-prices", genai_prices),
        ("litellm", "litellm", litellm),
    ):
        try:
            release = version(distribution)
            found[f"{name} {release}"] = make()
        except (ImportError, PackageNotFoundError) as error:
            print(f"{name}: not installed, left out ({error})")
    return found


class Figure(NamedTuple):
    """Microseconds."""

    median: float
    best: float


def figure(micros: list[float]) -> Figure:
    return Figure(statistics.median(micros), min(micros))


def mean(work: Work, repeat: int) -> float:
    """Microseconds a call."""
    started = time.process_time()
    for _ in range(repeat):
        work()
    return (time.process_time() - started) / repeat * 1e6


def quotes(rounds: int, repeat: int) -> dict[tuple[str, str], Figure]:
    """Time of a call by contender and call."""
    everyone = [(who, call, work) for who, calls in contenders().items() for call, work in calls.items()]
    times: dict[tuple[str, str], list[float]] = {(who, call): [] for who, call, _ in everyone}
    gc.disable()
    for _ in range(rounds):
        for who, call, work in everyone:
            # The others take fifty times as long: fewer calls of theirs make a round as long as one of ours.
            times[who, call].append(mean(work, repeat if who == "ours" else max(repeat // 40, 5)))
    gc.enable()
    return {key: figure(values) for key, values in times.items()}


def cold_compile(rounds: int) -> Figure:
    """Time of the first rate card of a model, over every model of the book."""
    terms = [
        Terms(name, price_list=provider, at=AT)
        for provider, listed in bundled_data()["providers"].items()  # type: ignore[attr-defined]
        for name in listed["models"]
    ]
    found = []
    for _ in range(rounds):
        book = PriceBook(bundled_data())
        started = time.process_time()
        for each in terms:
            book.card(each)
        found.append((time.process_time() - started) / len(terms) * 1e6)
    return figure(found)


def load(rounds: int) -> Figure:
    """Time to read and index the bundled price list."""
    found = []
    for _ in range(rounds):
        bundled_data.cache_clear()
        started = time.process_time()
        PriceBook(bundled_data())
        found.append((time.process_time() - started) * 1e6)
    return figure(found)


def memory() -> tuple[float, float, float]:
    """KiB of the loaded book, of a rate card on average, and of as many answers as are ever kept."""
    tracemalloc.start()
    bundled_data.cache_clear()
    gc.collect()
    start = tracemalloc.get_traced_memory()[0]
    book = PriceBook(bundled_data())
    loaded = tracemalloc.get_traced_memory()[0]
    models = list(bundled_data()["providers"]["openai"]["models"])  # type: ignore[index]
    for name in models:
        book.card(Terms(name, at=AT))
    compiled = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    for number in range(4000):
        book.card(Terms(f"ft:gpt-4.1-2025-04-14:acme::{number}", at=AT))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return (loaded - start) / 1024, (compiled - loaded) / 1024 / len(models), (peak - loaded) / 1024


def spelled(micros: float) -> str:
    return f"{micros:.2f} µs" if micros < 1000 else f"{micros / 1000:.2f} ms"


def row(name: str, found: Figure, note: str = "") -> None:
    """One line of the table, with the target if there is one."""
    target = TARGETS.get(name)
    if target is not None:
        limit = f"{target:g} µs" if target < 1000 else f"{target / 1000:g} ms"
        note = f"at most {limit:7} {'met' if found.median <= target else 'MISSED'}"
    print(f"{name:42}{spelled(found.median):>12}{spelled(found.best):>12}   {note}")


def main() -> None:
    """Runs all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--quick", action="store_true", help="few rounds, to see that it runs")
    options = parser.parse_args()
    rounds = 3 if options.quick else options.rounds
    repeat = 400 if options.quick else 4000
    busy = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} CPUs{busy}, {rounds} rounds, medians\n")
    times = quotes(rounds, repeat)
    print(f"{'':42}{'median':>12}{'best':>12}   target")
    for call in CALLS:
        own = times["ours", call.name]
        row(call.name, own)
        for (who, name), other in times.items():
            if name == call.name and who != "ours":
                row(f"  the same by {who}", other, f"{other.median / own.median:.0f} × ours")
    row("cold compile of a rate card", cold_compile(max(3, rounds // 4)))
    row("load of the price book", load(rounds))
    book, card, most = memory()
    print(f"{'memory of the price book':42}{book:8.0f} KiB")
    print(f"{'memory of a rate card':42}{card:8.1f} KiB")
    print(f"{'memory of all answers kept, at most':42}{most:8.0f} KiB   (fine-tuned names without end)")


if __name__ == "__main__":
    main()
