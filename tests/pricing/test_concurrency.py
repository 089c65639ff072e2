# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Many threads, books that are replaced under them, and a memory that stays bounded."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from opentelemetry.instrumentation.openai_cost.pricing import PriceBook, Quote, Terms, Unpriced, bundled_data, overrides
from opentelemetry.instrumentation.openai_cost.usage import Fee, Tokens, Usage

NOW = 1795348800.0
THREADS = 100
MODELS = ("gpt-5", "gpt-5-mini", "gpt-6-sol", "o3", "ft:gpt-4.1-2025-04-14:acme::abc", "gpt-99")
USAGE = Usage(Tokens(10_000, 1_000, 4_000, reasoning=500), (), (Fee("web_search", 1),))


def book(cents: int) -> PriceBook:
    """A book in which everything costs so many cents: a mixture of two such books adds up to neither."""
    prices = {"input": str(cents), "cache_read": str(cents), "output": str(cents)}
    models = {name: {**prices, "tiers": {"flex": prices}} for name in MODELS if name != "gpt-99"}
    return PriceBook(
        bundled_data(), overrides.parse({"models": models, "fees": {"web_search": {"price": str(cents), "per": 100}}})
    )


def run(work: Callable[[int], None]) -> None:
    """Runs the work in a hundred threads that start together; the first failure in any of them is raised here."""
    barrier = threading.Barrier(THREADS)
    failures: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            barrier.wait()
            work(number)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_threads_that_quote_while_books_are_swapped_never_see_a_mixture() -> None:
    books = [book(cents) for cents in (1, 7, 100)]
    wanted: dict[str, Decimal] = {
        each.version: Decimal(cents) / 100 + Decimal(11_000 * cents) / 1_000_000
        for each, cents in zip(books, (1, 7, 100), strict=True)
    }
    assert len(wanted) == 3
    shelf = [books[0]]
    seen: set[str] = set()

    def work(number: int) -> None:
        for turn in range(40):
            if turn % 10 == 0:
                # A fresh book each time, so that its cards are compiled under load as well.
                shelf[0] = book((1, 7, 100)[(number + turn // 10) % 3])
            model = MODELS[(number + turn) % len(MODELS)]
            result = shelf[0].quote(USAGE, Terms(model, tier="flex" if turn % 2 else None, at=NOW + 86400 * (turn % 5)))
            if model == "gpt-99":
                assert result == Unpriced("unknown_model")
                continue
            assert isinstance(result, Quote)
            assert result.amount == wanted[result.card.version]
            assert sum((item.amount for item in result.items), Decimal(0)) == result.amount
            assert {item.source for item in result.items} == {"user"}
            seen.add(result.card.version)

    run(work)
    assert seen == set(wanted)


def test_threads_on_one_fresh_book_all_get_the_same_answer() -> None:
    shared = PriceBook(bundled_data())
    alone = PriceBook(bundled_data())
    names = [*bundled_data()["providers"]["openai"]["models"]][:60]  # type: ignore[index]

    def work(number: int) -> None:
        for name in names:
            terms = Terms(name, at=NOW + 86400 * (number % 3))
            assert shared.quote(USAGE, terms) == alone.quote(USAGE, terms)

    run(work)


def test_the_memory_for_answers_is_bounded_however_many_names_there_are() -> None:
    first, more = 2_100, 6_000
    shared = PriceBook(bundled_data())

    def peak(numbers: range) -> int:
        gc.collect()
        tracemalloc.reset_peak()
        for number in numbers:
            shared.card(Terms(f"nobody-knows-{number}", at=NOW))
        return tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        early = peak(range(first)) - before
        late = peak(range(first, first + more)) - before
    finally:
        tracemalloc.stop()
    assert late <= early * 1.2


def test_the_memory_for_answers_is_bounded_under_a_hundred_threads() -> None:
    shared = PriceBook(bundled_data())
    cards: Any = shared._cards
    largest = [0] * THREADS

    def work(number: int) -> None:
        for turn in range(100):
            name = "ft:gpt-4.1-2025-04-14:acme::" if turn % 10 == 0 else "nobody-knows-"
            shared.card(Terms(f"{name}{number}-{turn}", at=NOW))
            largest[number] = max(largest[number], len(cards))

    run(work)
    assert max(largest) <= 2048 + THREADS


def test_a_negative_answer_is_remembered_like_a_price() -> None:
    shared = PriceBook(bundled_data())
    unknown, known = Terms("nobody-knows", at=NOW), Terms("gpt-5", at=NOW)
    assert shared.card(unknown) is shared.card(unknown)
    assert shared.card(known) is shared.card(known)
    assert shared.quote(USAGE, unknown) is shared.card(unknown)
