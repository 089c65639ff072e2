# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Our prices against those of genai-prices, an independent price list and calculator, call by call.

Asked is every OpenAI model and tier that both know, as a call of text. Where the answers differ, ``EXPLAINED`` says why; a
difference without an explanation fails, and so does an explanation that explains nothing any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal
from fnmatch import fnmatchcase
from importlib.metadata import version
from typing import Any, NamedTuple

import pytest

from opentelemetry.instrumentation.openai_cost.pricing import PriceBook, Quote, Terms, Unpriced, bundled_data
from opentelemetry.instrumentation.openai_cost.usage import Tokens, Usage

genai_prices = pytest.importorskip("genai_prices", reason="needs genai-prices, and with it Python 3.11")

DATA: Any = bundled_data()
PINNED = DATA["sources"]["genai-prices"]
if version("genai-prices") != PINNED:
    # Another release is news for whoever refreshes the book, not a fault of the book that was made from this one.
    pytest.skip(f"the book was made from genai-prices {PINNED}", allow_module_level=True)
BOOK = PriceBook(DATA)
NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
Answer = Decimal | str
"""An amount, or the dimensions that have no rate."""

CALLS = {
    "input only": Tokens(100_000, 0),
    "plain": Tokens(100_000, 10_000),
    "reasoning": Tokens(100_000, 10_000, reasoning=9_000),
    "cached": Tokens(100_000, 10_000, cache_read=50_000),
    "all cached": Tokens(100_000, 10_000, cache_read=100_000),
    "cache write": Tokens(100_000, 10_000, cache_read=20_000, cache_write=30_000),
    "at the limit": Tokens(272_000, 10_000, cache_read=100_000),
    "long": Tokens(272_001, 10_000, cache_read=100_000),
}
TIERS = {
    "standard": None,
    "default": {"service_tier": "default"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    "fast": {"service_tier": "fast"},
    "batch": {"processing": "batch"},
}


class Explanation(NamedTuple):
    """Why the two lists differ: for which models (shell patterns), tiers and calls, and what ours answers there."""

    models: tuple[str, ...]
    tiers: tuple[str, ...]
    calls: tuple[str, ...]
    ours: str
    """``amount``: another number than theirs; else the dimensions that we report as missing."""
    why: str


EXPLAINED = (
    Explanation(
        ("*",),
        tuple(TIERS),
        ("cache write",),
        "cache_write",
        "The model publishes no price of cache writes. genai-prices bills them as input; we withhold the amount.",
    ),
    Explanation(
        ("ft:gpt-4o-2024-08-06",),
        ("standard",),
        ("cached", "all cached", "at the limit", "long"),
        "amount",
        "Cached input of a fine-tuned gpt-4o has a rate of its own, half of input; genai-prices has none.",
    ),
    Explanation(
        ("gpt-4.1", "gpt-4.1-*", "o3", "o3-2025-04-16", "o4-mini", "o4-mini-2025-04-16"),
        ("batch",),
        ("cached", "all cached", "at the limit", "long"),
        "amount",
        "The Batch table has no cached column for these. genai-prices keeps the standard cached rate, we bill batch input.",
    ),
    Explanation(
        ("gpt-4o-mini-search-preview*",),
        ("standard", "default"),
        ("cached", "all cached", "at the limit", "long"),
        "amount",
        "Listed with gpt-4o-mini by genai-prices; the search model publishes no cached rate, so cached input is input.",
    ),
    Explanation(
        ("gpt-4o-mini-search-preview*", "gpt-5-chat-latest", "gpt-5.1-chat-latest", "gpt-5.2-chat-latest"),
        ("priority", "fast"),
        tuple(CALLS),
        "priority",
        "Listed with its base model by genai-prices; this model has no priority row of its own.",
    ),
    Explanation(
        ("gpt-5-codex", "gpt-5.1-codex", "gpt-5.1-codex-max", "gpt-5.2-codex", "gpt-5*-chat-latest"),
        ("flex",),
        tuple(CALLS),
        "flex",
        "Listed with its base model by genai-prices; this model has no flex row of its own.",
    ),
    Explanation(
        (
            "gpt-4o-mini-search-preview*",
            "gpt-5-codex",
            "gpt-5.1-codex",
            "gpt-5.1-codex-max",
            "gpt-5.2-codex",
            "gpt-5*-chat-latest",
        ),
        ("batch",),
        tuple(CALLS),
        "batch",
        "Listed with its base model by genai-prices; this model has no batch row of its own.",
    ),
    Explanation(
        ("gpt-5.4", "gpt-5.4-2026-03-05", "gpt-5.5", "gpt-5.5-2026-04-2?"),
        ("priority", "fast"),
        ("long",),
        "input,cache_read,output",
        "Priority excludes long context, says the model page; genai-prices bills the short priority rate, we withhold the amount.",
    ),
    Explanation(
        ("gpt-5.5-pro", "gpt-5.5-pro-*"),
        ("flex", "batch"),
        ("long",),
        "input,cache_read,output",
        "These tables publish base rates only; genai-prices bills them for long prompts too, we withhold the amount.",
    ),
)
EXPLAINED_HISTORY = (
    Explanation(
        ("o3", "o3-2025-04-16"),
        ("standard",),
        ("cached", "all cached", "at the limit", "long"),
        "amount",
        "Cached input of o3 cost a quarter of 10 before its price cut, as it does now; genai-prices has the rate of today.",
    ),
)


def provider() -> Any:
    (openai,) = [entry for entry in genai_prices.data_snapshot.get_snapshot().providers if entry.id == "openai"]
    return openai


def exact_names(clause: Any) -> Iterator[str]:
    """The names that a matching clause spells out."""
    if (name := getattr(clause, "equals", None)) is not None:
        yield name
    for inner in getattr(clause, "or_", ()):
        yield from exact_names(inner)


def names() -> list[str]:
    """Every name of an OpenAI model that bills text, of our list or spelled out in theirs, that we know."""
    known = set(DATA["providers"]["openai"]["models"])
    for model in provider().models:
        known |= set(exact_names(model.match))
    cards = {name: BOOK.card(Terms(name, at=NOW.timestamp())) for name in known}
    return sorted(name for name, card in cards.items() if not isinstance(card, Unpriced) and "input" in card.rates)


def theirs(name: str, tier: str, tokens: Tokens, moment: datetime) -> Decimal | None:
    """What genai-prices says, or ``None`` where it does not know the model, or the tier of the model."""
    given = {
        "input_tokens": tokens.input,
        "output_tokens": tokens.output,
        "cache_read_tokens": tokens.cache_read,
        "cache_write_tokens": tokens.cache_write,
        "output_reasoning_tokens": tokens.reasoning,
    }
    usage = genai_prices.Usage(**{unit: count for unit, count in given.items() if count is not None})
    context = TIERS[tier]
    try:
        price = genai_prices.calc_price(
            usage, name, provider_id="openai", genai_request_timestamp=moment, price_context=context
        )
    except LookupError:
        return None
    if context is not None and all(variant.when != context for variant in price.model.price_variants or ()):
        # It would answer with the standard price, without a word.
        return None
    return price.total_price


def ours(name: str, tier: str, tokens: Tokens, moment: datetime) -> Answer:
    terms = Terms(
        name, tier=None if tier in ("standard", "batch") else tier, batch=tier == "batch", at=moment.timestamp()
    )
    result = BOOK.quote(Usage(tokens), terms)
    if isinstance(result, Quote):
        return result.amount
    assert result.reason == "missing_rate"
    return ",".join(result.missing)


class Difference(NamedTuple):
    model: str
    tier: str
    call: str
    ours: Answer
    theirs: Decimal

    def is_explained_by(self, entry: Explanation) -> bool:
        answer = self.ours if isinstance(self.ours, str) else "amount"
        return (
            any(fnmatchcase(self.model, pattern) for pattern in entry.models)
            and self.tier in entry.tiers
            and self.call in entry.calls
            and answer == entry.ours
        )


def compare(models: list[str], tiers: tuple[str, ...], moment: datetime) -> tuple[list[Difference], int]:
    differences: list[Difference] = []
    asked = 0
    for model in models:
        card = BOOK.card(Terms(model, at=moment.timestamp()))
        generates = not isinstance(card, Unpriced) and "output" in card.rates
        for tier in tiers:
            for call, tokens in CALLS.items():
                if tokens.output and not generates:
                    continue
                answer = theirs(model, tier, tokens, moment)
                if answer is None:
                    break
                asked += 1
                own = ours(model, tier, tokens, moment)
                if own != answer:
                    differences.append(Difference(model, tier, call, own, answer))
    return differences, asked


@pytest.fixture(scope="module")
def differences() -> list[Difference]:
    found, asked = compare(names(), tuple(TIERS), NOW)
    assert asked > 2000
    return found


def test_no_price_differs_from_that_of_the_other_list_without_an_explanation(differences: list[Difference]) -> None:
    assert [one for one in differences if not any(one.is_explained_by(entry) for entry in EXPLAINED)] == []


@pytest.mark.parametrize("entry", EXPLAINED, ids=lambda entry: entry.why[:60])
def test_an_explanation_explains_a_difference(differences: list[Difference], entry: Explanation) -> None:
    for pattern in entry.models:
        alone = entry._replace(models=(pattern,))
        assert any(one.is_explained_by(alone) for one in differences), pattern


@pytest.mark.parametrize(
    ("model", "days"),
    [
        ("o3", ("2025-06-09", "2025-06-10")),
        ("gpt-5.6-sol", ("2026-08-20", "2026-08-21")),
        ("gpt-5.6-luna", ("2026-07-29", "2026-07-30")),
        ("gpt-5.6-terra", ("2026-07-29", "2026-07-30")),
        ("gpt-5.5-cyber", ("2026-10-18", "2026-10-19")),
    ],
)
def test_both_lists_know_the_same_price_changes(model: str, days: tuple[str, str]) -> None:
    (dated,) = [entry for entry in provider().models if entry.id == model]
    assert isinstance(dated.prices, list)
    found = []
    for day in days:
        moment = datetime.fromisoformat(f"{day}T12:00:00+00:00")
        differences, asked = compare([model], ("standard",), moment)
        assert asked
        known = (*EXPLAINED, *EXPLAINED_HISTORY)
        found += [one for one in differences if not any(one.is_explained_by(entry) for entry in known)]
    assert found == []
    before, after = (
        theirs(model, "standard", CALLS["cached"], datetime.fromisoformat(f"{day}T12:00:00+00:00")) for day in days
    )
    assert before != after


def test_no_price_change_of_the_other_list_is_left_out_above() -> None:
    dated = {entry.id for entry in provider().models if isinstance(entry.prices, list)}
    assert dated == {"o3", "gpt-5.6-sol", "gpt-5.6-luna", "gpt-5.6-terra", "gpt-5.5-cyber"}
