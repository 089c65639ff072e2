# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""What must be true of every quote, checked against a slow and obvious calculation written down here.

The calculation works in fractions, straight from the rows of ``prices.json``, and shares no code with the engine.
``OPENAI_COST_EXAMPLES=5000`` looks for counterexamples with more, random examples.
"""

from __future__ import annotations

import decimal
import os
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from opentelemetry.instrumentation.openai_cost.pricing import PriceBook, Quote, Terms, Unpriced, bundled_data, overrides
from opentelemetry.instrumentation.openai_cost.usage import (
    DIMENSIONS,
    Fee,
    InconsistentUsage,
    ModelUsage,
    Tokens,
    Usage,
    split,
)

MORE_EXAMPLES = int(os.environ.get("OPENAI_COST_EXAMPLES", "0"))
PROFILE = settings(
    max_examples=MORE_EXAMPLES or 150,
    derandomize=not MORE_EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

DATA: Any = bundled_data()
BOOK = PriceBook(DATA)
REVIEWED = date.fromisoformat(DATA["version"])
MILLION = 1_000_000
EXACT = decimal.Context(prec=100)

INPUT_LEAVES = {
    "input": "text",
    "cache_read": "text, cached",
    "audio_input": "audio",
    "audio_cache_read": "audio, cached",
    "image_input": "image",
    "image_cache_read": "image, cached",
    "cache_write": "written for 30 minutes",
    "cache_write_12h": "written for 12 hours",
}
OUTPUT_LEAVES = {"output": "text", "reasoning": "reasoning", "audio_output": "audio", "image_output": "image"}
Leaves = Mapping[str, int]
"""Billed quantities, each counted once, by dimension."""

STAND_INS = {
    "cache_read": ("cache_read", "input"),
    "audio_cache_read": ("audio_cache_read", "audio_input"),
    "image_input": ("image_input", "input"),
    "image_cache_read": ("image_cache_read", "image_input", "cache_read", "input"),
    "image_output": ("image_output", "output"),
    "reasoning": ("output",),
}
"""What a quantity is billed as: the first of these that the row publishes."""

ROWS = [
    (provider, name, row)
    for provider, listed in DATA["providers"].items()
    for name, model in listed["models"].items()
    for row in model["rates"]
]
TOKEN_ROWS = [row for row in ROWS if "input" in row[2]]
UNIT_ROWS = [
    (provider, name, row, unit)
    for provider, name, row in ROWS
    for unit in ("audio_seconds", "video_seconds", "characters", "requests")
    if unit in row
]


def midday(day: date) -> float:
    return datetime(day.year, day.month, day.day, 12, tzinfo=timezone.utc).timestamp()


def terms(model: str | None = "gpt-5.4", day: date = REVIEWED, **others: Any) -> Terms:
    return Terms(**{"model": model, "at": midday(day), **others})


def tier_terms(tier: str) -> dict[str, Any]:
    return {"batch": True} if tier == "batch" else {"tier": tier}


def row_in_force(provider: str, model: str, tier: str, day: date, endpoint: str | None = None) -> Any:
    """The row that the price list gives for a tier on a day, or ``None``."""
    rows = [
        row
        for row in DATA["providers"][provider]["models"][model]["rates"]
        if row["tier"] == tier
        and row.get("endpoint") in (None, endpoint)
        and row.get("from", "0000-00-00") <= day.isoformat() <= row.get("until", "9999-99-99")
    ]
    of_endpoint = [row for row in rows if "endpoint" in row]
    return max(of_endpoint or rows, key=lambda row: row.get("from", "0000-00-00"), default=None)


def rate(prices: Any, dimension: str) -> Fraction | None:
    """Money for one token, before region and window."""
    if dimension == "cache_write_12h" and dimension not in prices and "cache_write" in prices:
        return 2 * Fraction(prices["cache_write"]) / MILLION
    for name in STAND_INS.get(dimension, (dimension,)):
        if name in prices:
            return Fraction(prices[name]) / MILLION
    return None


def factor(provider: str, model: str, tier: str, region: str | None, window: str | None) -> Fraction | None:
    """Regional uplift times window, or ``None`` where one of them has no published price."""
    listed = DATA["providers"][provider]
    result = Fraction(1)
    if region is not None:
        if region not in listed.get("regions", ()):
            return None
        result *= Fraction(listed["models"][model].get("regional", "1"))
    if window not in (None, "soonest"):
        if window not in listed.get("windows", {}) or tier != "standard":
            return None
        result *= Fraction(listed["windows"][window]["multiplier"])
    return result


def expected(
    leaves: Leaves,
    provider: str,
    model: str,
    tier: str,
    day: date,
    *,
    region: str | None = None,
    window: str | None = None,
    endpoint: str | None = None,
) -> tuple[Fraction, set[str]] | None:
    """Money for what has a rate, and the dimensions without one; ``None`` if nothing at all holds under these terms."""
    row = row_in_force(provider, model, tier, day, endpoint)
    times = factor(provider, model, tier, region, window)
    if row is None or times is None:
        return None
    costs = {dimension: cost * times for dimension, cost in costs_of(leaves, provider, row).items() if cost is not None}
    return sum(costs.values(), Fraction(0)), {name for name, quantity in leaves.items() if quantity} - costs.keys()


def costs_of(leaves: Leaves, provider: str, row: Any) -> dict[str, Fraction | None]:
    """Money for each quantity at the rates of one row, ``None`` where the row has no rate for it."""
    prices = row
    if "long" in row and input_of(leaves) > DATA["providers"][provider]["long_context_above"]:
        prices = row["long"]
    return {
        name: None if (price := rate(prices, name)) is None else price * quantity
        for name, quantity in leaves.items()
        if quantity
    }


def input_of(leaves: Leaves) -> int:
    return sum(quantity for dimension, quantity in leaves.items() if dimension in INPUT_LEAVES)


def output_of(leaves: Leaves) -> int:
    return sum(quantity for dimension, quantity in leaves.items() if dimension in OUTPUT_LEAVES)


def reported(leaves: Leaves) -> Tokens:
    """The counts that OpenAI would report of these quantities: totals, and subsets of them."""

    def n(*dimensions: str) -> int:
        return sum(leaves.get(dimension, 0) for dimension in dimensions)

    return Tokens(
        input=input_of(leaves),
        output=output_of(leaves),
        cache_read=n("cache_read", "audio_cache_read", "image_cache_read"),
        cache_write=n("cache_write", "cache_write_12h"),
        cache_write_30m=n("cache_write"),
        cache_write_12h=n("cache_write_12h"),
        reasoning=n("reasoning"),
        text_input=n("input", "cache_read", "cache_write", "cache_write_12h"),
        audio_input=n("audio_input", "audio_cache_read"),
        image_input=n("image_input", "image_cache_read"),
        text_output=n("output", "reasoning"),
        audio_output=n("audio_output"),
        image_output=n("image_output"),
        text_cache_read=n("cache_read"),
        audio_cache_read=n("audio_cache_read"),
        image_cache_read=n("image_cache_read"),
    )


def lean(leaves: Leaves) -> Tokens:
    """The same for text alone, as older API versions report it: no modalities, no lifetimes, nothing that is zero."""
    return Tokens(
        input=input_of(leaves),
        output=output_of(leaves),
        cache_read=leaves.get("cache_read") or None,
        cache_write=leaves.get("cache_write") or None,
        reasoning=leaves.get("reasoning") or None,
    )


def spelled(tokens: Tokens) -> str:
    """Only what is reported, for the names of cases."""
    return ", ".join(f"{name}={value}" for name, value in tokens._asdict().items() if value is not None) or "nothing"


def check(result: Quote | Unpriced, wanted: tuple[Fraction, set[str]] | None) -> None:
    """Compares the engine's answer with the calculation above, to the last digit."""
    if wanted is None:
        assert isinstance(result, Unpriced)
        assert (result.reason, result.partial) == ("missing_rate", None)
        return
    amount, missing = wanted
    if missing:
        assert isinstance(result, Unpriced)
        assert (result.reason, set(result.missing)) == ("missing_rate", missing)
        assert (Fraction(result.partial.amount) if result.partial else 0) == amount
    else:
        assert isinstance(result, Quote), result
        assert Fraction(result.amount) == amount


LEAVES = (*INPUT_LEAVES, *OUTPUT_LEAVES)
counts = st.one_of(st.just(0), st.integers(0, 99), st.integers(0, 50_000), st.integers(0, 400_000))
all_leaves = st.fixed_dictionaries(dict.fromkeys(LEAVES, counts))
text_leaves = st.fixed_dictionaries(
    dict.fromkeys(("input", "cache_read", "cache_write", "output", "reasoning"), counts)
)


@st.composite
def calls(draw: st.DrawFn, number: int = 1) -> tuple[Any, ...]:
    """A row of the book, and quantities that it has rates for."""
    row = draw(st.sampled_from(TOKEN_ROWS))
    priced = {name: counts if rate(row[2], name) is not None else st.just(0) for name in LEAVES}
    return row, *(draw(st.fixed_dictionaries(priced)) for _ in range(number))


days = st.dates(date(2022, 1, 1), date(2027, 12, 31))
dated_days = st.sampled_from(
    sorted(
        {
            date.fromisoformat(row[key]) + timedelta(days=offset)
            for _, _, row in ROWS
            for key in ("from", "until")
            if key in row
            for offset in (-1, 0, 1)
        }
    )
)


# --- amounts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", DATA["providers"])
def test_every_row_of_the_book_is_priced_as_its_prices_say(provider: str) -> None:
    one_of_each = {name: 1000 + index for index, name in enumerate((*INPUT_LEAVES, *OUTPUT_LEAVES))}
    text_only = {name: one_of_each[name] for name in ("input", "cache_read", "output", "reasoning")}
    embedding = {"input": 12345}
    beyond = {**text_only, "input": 300_000}
    at_the_limit = {**embedding, "input": 272_000}
    asked = 0
    for of, model, row in TOKEN_ROWS:
        if of != provider:
            continue
        around = {REVIEWED}
        for key in ("from", "until"):
            if key in row:
                around |= {date.fromisoformat(row[key]) + timedelta(days=days) for days in (-1, 0, 1)}
        endpoint = row.get("endpoint")
        for day in around:
            for leaves in (one_of_each, text_only, embedding, beyond, at_the_limit):
                answer = BOOK.quote(
                    Usage(reported(leaves)),
                    terms(model, day, price_list=provider, endpoint=endpoint, **tier_terms(row["tier"])),
                )
                check(answer, expected(leaves, provider, model, row["tier"], day, endpoint=endpoint))
                asked += 1
    assert asked > 500


@pytest.mark.parametrize(("provider", "model", "row", "unit"), UNIT_ROWS, ids=lambda value: str(value)[:24])
def test_units_other_than_tokens_are_priced_per_their_own_quantity(
    provider: str, model: str, row: Any, unit: str
) -> None:
    price = Fraction(row[unit]["price"]) / row[unit]["per"]
    for quantity in (0, 1, 60, 12_345):
        result = BOOK.quote(Usage(None, ((unit, quantity),)), terms(model, price_list=provider))
        assert isinstance(result, Quote)
        # A price per 60 seconds need not end: 60 digits of it are kept.
        assert abs(Fraction(result.amount) - price * quantity) <= Fraction(1, 10**50)


def test_seconds_are_billed_with_their_fractions() -> None:
    result = BOOK.quote(Usage(None, (("audio_seconds", Decimal("61.5")),)), terms("whisper-1"))
    assert isinstance(result, Quote)
    assert result.amount == Decimal("0.00615")


def test_every_listed_size_and_quality_of_an_image_is_priced() -> None:
    asked = 0
    for provider, model, row in ROWS:
        for key, price in row.get("images", {}).items():
            result = BOOK.quote(Usage(None, ((f"images {key}", 3),)), terms(model, price_list=provider))
            quote = result if isinstance(result, Quote) else result.partial
            assert quote is not None
            assert quote.amount == 3 * Decimal(price)
            # A model that also bills its prompt by the token cannot be priced by the picture alone.
            assert isinstance(result, Unpriced) is ("input" in row)
            asked += 1
    assert asked > 40


@PROFILE
@given(
    row=st.sampled_from(TOKEN_ROWS),
    leaves=all_leaves,
    day=st.one_of(st.just(REVIEWED), dated_days, days),
    region=st.sampled_from([None, None, "eu", "us", "jp", "nowhere"]),
    window=st.sampled_from([None, None, None, "soonest", "2h", "8h", "1h"]),
)
def test_an_amount_is_the_sum_of_disjoint_quantities_times_their_rates(
    row: Any, leaves: Leaves, day: date, region: str | None, window: str | None
) -> None:
    provider, model, of = row
    answer = BOOK.quote(
        Usage(reported(leaves)),
        terms(model, day, price_list=provider, region=region, window=window, **tier_terms(of["tier"])),
    )
    check(answer, expected(leaves, provider, model, of["tier"], day, region=region, window=window))


@PROFILE
@given(row=st.sampled_from(TOKEN_ROWS), leaves=text_leaves)
def test_text_reported_without_modalities_costs_the_same(row: Any, leaves: Leaves) -> None:
    provider, model, of = row
    where = terms(model, price_list=provider, **tier_terms(of["tier"]))
    check(BOOK.quote(Usage(lean(leaves)), where), expected(leaves, provider, model, of["tier"], REVIEWED))


@PROFILE
@given(calls(2))
def test_two_short_calls_cost_together_what_one_call_of_their_sum_costs(case: tuple[Any, ...]) -> None:
    (provider, model, of), first, second = case
    both = {name: first[name] + second[name] for name in first}
    assume(input_of(both) <= DATA["providers"][provider]["long_context_above"])
    where = terms(model, price_list=provider, **tier_terms(of["tier"]))
    quotes = [BOOK.quote(Usage(reported(leaves)), where) for leaves in (first, second, both)]
    assume(all(isinstance(quote, Quote) for quote in quotes))
    one, other, together = (Fraction(quote.amount) for quote in quotes)
    assert one + other == together


@PROFILE
@given(calls(), st.sampled_from(LEAVES), st.integers(1, 400_000))
def test_more_of_anything_never_costs_less(case: tuple[Any, ...], name: str, more: int) -> None:
    (provider, model, of), leaves = case
    assume(rate(of, name) is not None)
    where = terms(model, price_list=provider, **tier_terms(of["tier"]))
    less = BOOK.quote(Usage(reported(leaves)), where)
    most = BOOK.quote(Usage(reported({**leaves, name: leaves[name] + more})), where)
    assume(isinstance(less, Quote) and isinstance(most, Quote))
    assert less.amount <= most.amount


def test_the_long_context_rates_hold_for_the_whole_request_and_only_above_the_limit() -> None:
    at_limit = BOOK.quote(Usage(Tokens(272_000, 1000, 100_000)), terms("gpt-5.4"))
    above = BOOK.quote(Usage(Tokens(272_001, 1000, 100_000)), terms("gpt-5.4"))
    assert isinstance(at_limit, Quote)
    assert isinstance(above, Quote)
    assert at_limit.amount == (172_000 * Decimal("2.5") + 100_000 * Decimal("0.25") + 1000 * Decimal(15)) / MILLION
    assert above.amount == (172_001 * Decimal(5) + 100_000 * Decimal("0.5") + 1000 * Decimal("22.5")) / MILLION


def test_long_context_in_a_tier_that_publishes_none_is_missing_never_the_short_or_the_standard_rate() -> None:
    result = BOOK.quote(Usage(Tokens(272_001, 1)), terms("gpt-5.5", tier="priority"))
    assert isinstance(result, Unpriced)
    assert (result.status, result.reason, result.missing) == ("unpriced", "missing_rate", ("input", "output"))


# --- region, window, batch -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("window", "share"), [("2h", "0.7"), ("8h", "0.6"), ("soonest", "1"), (None, "1")])
def test_a_completion_window_lowers_standard_token_rates_and_nothing_else(window: str | None, share: str) -> None:
    usage = Usage(Tokens(1000, 100), (), (Fee("web_search", 2),))
    result = BOOK.quote(usage, terms("gpt-6-sol", window=window))
    assert isinstance(result, Quote)
    assert result.amount == Decimal("0.003") * Decimal(share) + Decimal("0.02")


@pytest.mark.parametrize("other", [{"tier": "flex"}, {"tier": "priority"}, {"batch": True}])
def test_a_completion_window_in_another_tier_has_no_published_price(other: dict[str, Any]) -> None:
    result = BOOK.quote(Usage(Tokens(1000, 100)), terms("gpt-6-sol", window="2h", **other))
    assert isinstance(result, Unpriced)
    assert (result.reason, result.partial) == ("missing_rate", None)


def test_an_unknown_completion_window_has_no_published_price() -> None:
    result = BOOK.quote(Usage(Tokens(1000, 100)), terms("gpt-6-sol", window="24h"))
    assert isinstance(result, Unpriced)
    assert result.reason == "missing_rate"


def test_region_and_window_multiply() -> None:
    result = BOOK.quote(Usage(Tokens(1000, 100)), terms("gpt-6-sol", window="8h", region="eu"))
    assert isinstance(result, Quote)
    assert result.amount == Decimal("0.003") * Decimal("1.1") * Decimal("0.6")


def test_the_regional_uplift_leaves_tool_fees_alone() -> None:
    usage = Usage(Tokens(1000, 100), (), (Fee("web_search", 2),))
    result = BOOK.quote(usage, terms("gpt-6-sol", region="eu"))
    assert isinstance(result, Quote)
    assert result.amount == Decimal("0.0033") + Decimal("0.02")


def test_a_batch_is_priced_by_its_published_row_and_leaves_tool_fees_alone() -> None:
    usage = Usage(Tokens(1000, 100, 400), (), (Fee("web_search", 2),))
    result = BOOK.quote(usage, terms("gpt-5.4", batch=True))
    assert isinstance(result, Quote)
    # The published batch rate of cached input is 0.13, not half of 0.25.
    tokens = (600 * Decimal("1.25") + 400 * Decimal("0.13") + 100 * Decimal("7.5")) / MILLION
    assert result.amount == tokens + Decimal("0.02")


def test_a_batch_of_a_model_without_a_batch_row_is_missing_never_half() -> None:
    result = BOOK.quote(Usage(Tokens(1000, 100)), terms("gpt-5.3-codex", batch=True))
    assert isinstance(result, Unpriced)
    assert (result.reason, result.missing) == ("missing_rate", ("batch",))


# --- parts add up ----------------------------------------------------------------------------------------------------

percents = st.one_of(
    st.integers(0, 100).map(str),
    st.decimals(0, 100, places=6, allow_nan=False, allow_infinity=False).map(str),
)
fees = st.lists(
    st.builds(
        Fee,
        st.sampled_from(["web_search", "web_search_preview", "file_search", "container_1g", "container_64g"]),
        st.integers(0, 500),
    ),
    max_size=4,
).map(tuple)


def exact_sum(amounts: Any) -> Fraction:
    return sum((Fraction(amount) for amount in amounts), Fraction(0))


@PROFILE
@given(leaves=text_leaves, fees=fees, percent=percents, window=st.sampled_from([None, "2h"]))
def test_list_price_discount_items_components_and_breakdown_all_add_up_to_the_amount(
    leaves: Leaves, fees: tuple[Fee, ...], percent: str, window: str | None
) -> None:
    book = PriceBook(DATA, overrides.parse({"discounts": [{"match": "gpt-6*", "percent": percent}]}))
    usage = Usage(reported(leaves), (), fees)
    where = terms("gpt-6-sol", region="eu", window=window)
    result, listed = book.quote(usage, where), BOOK.quote(usage, where)
    assert isinstance(result, Quote)
    assert isinstance(listed, Quote)
    items, breakdown = result.items, result.breakdown()
    (off,) = [item for item in items if item.dimension == "discount"]
    tokens = exact_sum(
        item.amount for item in listed.items if item.dimension not in {fee.name for fee in fees} | {"discount"}
    )
    assert Fraction(-off.amount) == tokens * Fraction(percent) / 100
    assert Fraction(result.list_amount) == Fraction(listed.amount)
    assert Fraction(result.list_amount) + Fraction(off.amount) == Fraction(result.amount)
    assert exact_sum(item.amount for item in items) == Fraction(result.amount)
    assert exact_sum(result.components().values()) == Fraction(result.amount)
    assert exact_sum((breakdown.input, breakdown.output, breakdown.tool, breakdown.other)) == Fraction(result.amount)
    assert breakdown.cache_read + breakdown.cache_write <= breakdown.input
    assert breakdown.reasoning <= breakdown.output
    assert min(breakdown) >= 0


@PROFILE
@given(calls())
def test_the_breakdown_counts_every_quantity_in_its_own_part(case: tuple[Any, ...]) -> None:
    (provider, model, of), leaves = case
    result = BOOK.quote(Usage(reported(leaves)), terms(model, price_list=provider, **tier_terms(of["tier"])))
    assume(isinstance(result, Quote))

    costs = costs_of(leaves, provider, row_in_force(provider, model, of["tier"], REVIEWED))

    def cost(*names: str) -> Fraction:
        return sum((costs.get(name) or Fraction(0) for name in names), Fraction(0))

    breakdown = result.breakdown()
    assert Fraction(breakdown.cache_read) == cost("cache_read", "audio_cache_read", "image_cache_read")
    assert Fraction(breakdown.cache_write) == cost("cache_write", "cache_write_12h")
    assert Fraction(breakdown.reasoning) == cost("reasoning")
    assert Fraction(breakdown.input) == cost(*INPUT_LEAVES)
    assert Fraction(breakdown.output) == cost(*OUTPUT_LEAVES)
    assert (breakdown.tool, breakdown.other) == (0, 0)


@PROFILE
@example(searches=1, files=2, tokens=800_000)
@given(searches=st.integers(1, 50), files=st.integers(1, 50), tokens=st.integers(0, 10**7))
def test_line_items_add_up_to_the_amount_where_prices_per_unit_do_not_end(
    searches: int, files: int, tokens: int
) -> None:
    fees = {"web_search": {"price": "1", "per": 3}, "file_search": {"price": "1", "per": 7}}
    book = PriceBook(DATA, overrides.parse({"fees": fees}))
    usage = Usage(Tokens(tokens, 0), (), (Fee("web_search", searches), Fee("file_search", files)))
    result = book.quote(usage, terms("gpt-5"))
    assert isinstance(result, Quote)
    breakdown = result.breakdown()
    with decimal.localcontext(EXACT):
        assert sum((item.amount for item in result.items), Decimal(0)) == result.amount
        assert breakdown.input + breakdown.output + breakdown.tool + breakdown.other == result.amount


@PROFILE
@given(leaves=text_leaves, saved=st.integers(0, 60))
def test_cache_savings_are_the_difference_to_a_call_without_a_cache(leaves: Leaves, saved: int) -> None:
    book = PriceBook(DATA, overrides.parse({"discounts": [{"match": "*", "percent": saved}]}))
    uncached = {**leaves, "input": leaves["input"] + leaves["cache_read"], "cache_read": 0}
    cached = book.quote(Usage(reported(leaves)), terms("gpt-6-sol"))
    without = book.quote(Usage(reported(uncached)), terms("gpt-6-sol"))
    assert isinstance(cached, Quote)
    assert isinstance(without, Quote)
    assert Fraction(cached.cache_savings()) == Fraction(without.amount) - Fraction(cached.amount)


@PROFILE
@given(calls())
def test_the_float_at_the_border_is_within_a_trillionth_of_the_decimal(case: tuple[Any, ...]) -> None:
    (provider, model, of), leaves = case
    result = BOOK.quote(Usage(reported(leaves)), terms(model, price_list=provider, **tier_terms(of["tier"])))
    assume(isinstance(result, Quote) and result.amount)
    assert abs(Fraction(float(result.amount)) / Fraction(result.amount) - 1) <= Fraction(1, 10**12)


def test_another_models_usage_inside_a_response_is_the_price_of_a_tool() -> None:
    drawn = ModelUsage("gpt-image-2", Usage(Tokens(input=500, output=1000, text_input=100, image_input=400)))
    result = BOOK.quote(Usage(Tokens(1000, 100), models=(drawn,)), terms("gpt-6-sol"))
    alone = BOOK.quote(Usage(Tokens(1000, 100)), terms("gpt-6-sol"))
    inner = BOOK.quote(drawn.usage, terms("gpt-image-2"))
    assert isinstance(result, Quote)
    assert isinstance(alone, Quote)
    assert isinstance(inner, Quote)
    assert result.amount == alone.amount + inner.amount == result.list_amount
    assert exact_sum(item.amount for item in result.items) == Fraction(result.amount)
    assert result.breakdown() == alone.breakdown()._replace(tool=inner.amount)
    assert exact_sum(result.components().values()) == Fraction(result.amount)


@pytest.mark.parametrize(
    "inner",
    [ModelUsage("gpt-99", Usage(Tokens(1, 1))), ModelUsage(None, Usage(Tokens(1, 1))), ModelUsage("o3", Usage())],
)
def test_an_unknown_model_inside_a_response_makes_the_known_part_a_lower_bound(inner: ModelUsage) -> None:
    result = BOOK.quote(Usage(Tokens(1000, 100), models=(inner,)), terms("gpt-6-sol"))
    assert isinstance(result, Unpriced)
    assert (result.status, result.reason) == ("partial", "missing_rate")
    assert result.partial is not None
    assert result.partial.amount == Decimal("0.003")


def test_what_another_model_costs_is_a_lower_bound_even_if_nothing_else_could_be_priced() -> None:
    drawn = ModelUsage("gpt-image-2", Usage(Tokens(100, 100)))
    result = BOOK.quote(Usage(None, (("video_seconds", 3),), models=(drawn,)), terms("gpt-6-sol"))
    assert isinstance(result, Unpriced)
    assert result.status == "partial"
    assert result.partial is not None
    assert result.partial.amount == Decimal("0.0035")


# --- the application's decimal settings ------------------------------------------------------------------------------

ALL_TRAPS = [signal for signal, _ in decimal.getcontext().traps.items()]
HOSTILE = {
    "five digits": decimal.Context(prec=5),
    "one digit": decimal.Context(prec=1, rounding=decimal.ROUND_UP),
    "every trap": decimal.Context(prec=5, traps=ALL_TRAPS),
    "small exponents": decimal.Context(prec=5, Emin=-2, Emax=2, clamp=1),
    "no trap": decimal.Context(prec=5, traps=[]),
}
PARTS: dict[str, Callable[[Quote], Any]] = {
    "amount": lambda quote: quote.amount,
    "list amount": lambda quote: quote.list_amount,
    "components": lambda quote: sorted(quote.components().items()),
    "breakdown": lambda quote: quote.breakdown(),
    "cache savings": lambda quote: quote.cache_savings(),
    "rates": lambda quote: quote.lines,
    "modifiers": lambda quote: quote.card.modifiers,
    "items": lambda quote: quote.items,
}
AWKWARD_FILE = {
    "discounts": [{"match": "gpt-6*", "percent": "12.34567"}],
    "fees": {"file_search": {"price": "1.2345678901", "per": 3}},
    "models": {"gpt-6-sol": {"cache_read": "0.12345678901234567890"}},
}


def awkward_quote() -> Quote:
    book = PriceBook(DATA, overrides.parse(AWKWARD_FILE))
    drawn = ModelUsage("gpt-image-2", Usage(Tokens(123_457, 98_765)))
    usage = Usage(
        Tokens(1_234_567, 987_654, 123_456, reasoning=54_321),
        (),
        (Fee("file_search", 7), Fee("web_search", 3)),
        (drawn,),
    )
    result = book.quote(usage, terms("gpt-6-sol", region="eu"))
    assert isinstance(result, Quote)
    return result


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("context", HOSTILE)
def test_the_threads_decimal_context_changes_nothing(context: str, part: str) -> None:
    wanted = repr(PARTS[part](awkward_quote()))
    with decimal.localcontext(HOSTILE[context]):
        found = repr(PARTS[part](awkward_quote()))
    assert found == wanted


def test_a_quote_leaves_the_threads_decimal_context_alone() -> None:
    with decimal.localcontext(decimal.Context(prec=7, traps=[])) as context:
        quote = awkward_quote()
        for part in PARTS.values():
            part(quote)
        assert (context.prec, context.flags[decimal.Inexact], context.flags[decimal.Rounded]) == (7, False, False)
        assert decimal.getcontext() is context


# --- counts that cannot be -------------------------------------------------------------------------------------------


def is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= 10**12


def is_consistent(tokens: Tokens) -> bool:
    """Whether totals and subsets can all be true, by the definition of each count."""
    values = [value for value in tokens if value is not None]
    if not all(is_count(value) for value in values):
        return False
    t = Tokens(*(value or 0 for value in tokens))
    lifetimes = t.cache_write_30m + t.cache_write_12h
    written = lifetimes if tokens.cache_write is None else t.cache_write
    text_input = t.input - t.audio_input - t.image_input
    text_output = t.output - t.audio_output - t.image_output
    return (
        text_input >= t.text_input
        and t.cache_read + written <= t.input
        and lifetimes <= written
        and t.text_cache_read + t.audio_cache_read + t.image_cache_read <= t.cache_read
        and t.text_cache_read <= text_input
        and t.audio_cache_read <= t.audio_input
        and t.image_cache_read <= t.image_input
        and text_output >= t.text_output
        and t.reasoning <= text_output
    )


ABSURD: list[Any] = [-1, 10**18, 5.0, 0.5, float("nan"), float("inf"), "7", b"7", True, Decimal(3), [1], {"n": 1}]
SUBSETS = [name for name in Tokens._fields if name not in ("input", "output")]
small = st.integers(0, 60)
maybe = st.one_of(st.none(), st.none(), st.none(), st.integers(0, 30))


@PROFILE
@given(total=small, output=small, subsets=st.fixed_dictionaries(dict.fromkeys(SUBSETS, maybe)))
def test_counts_are_split_into_disjoint_quantities_or_refused(
    total: int, output: int, subsets: dict[str, int | None]
) -> None:
    tokens = Tokens(input=total, output=output, **subsets)
    if not is_consistent(tokens):
        with pytest.raises(InconsistentUsage):
            split(tokens)
        return
    quantities = split(tokens)
    assert min(quantities) >= 0
    assert set(DIMENSIONS) == INPUT_LEAVES.keys() | OUTPUT_LEAVES.keys()
    found = dict(zip(DIMENSIONS, quantities, strict=True))
    assert input_of(found) == total
    assert output_of(found) == output
    cached = sum(found.get(name, 0) for name in ("cache_read", "audio_cache_read", "image_cache_read"))
    written = found.get("cache_write", 0) + found.get("cache_write_12h", 0)
    lifetimes = (tokens.cache_write_30m or 0) + (tokens.cache_write_12h or 0)
    assert cached == (tokens.cache_read or 0)
    assert written == (lifetimes if tokens.cache_write is None else tokens.cache_write)
    assert found.get("reasoning", 0) == (tokens.reasoning or 0)
    assert found.get("audio_output", 0) == (tokens.audio_output or 0)
    assert found.get("audio_cache_read", 0) >= (tokens.audio_cache_read or 0)
    assert found.get("audio_input", 0) + found.get("audio_cache_read", 0) <= (tokens.audio_input or 0)


@PROFILE
@given(
    values=st.lists(
        st.one_of(st.integers(-2, 100), st.integers(), st.none(), st.sampled_from(ABSURD), st.text(max_size=3)),
        min_size=len(Tokens._fields),
        max_size=len(Tokens._fields),
    )
)
def test_no_counts_make_the_engine_raise(values: list[Any]) -> None:
    result = BOOK.quote(Usage(Tokens(*values)), terms())
    assert isinstance(result, (Quote, Unpriced))


@pytest.mark.parametrize("value", ABSURD, ids=repr)
@pytest.mark.parametrize("field", Tokens._fields)
def test_a_count_that_is_no_count_is_refused(field: str, value: Any) -> None:
    result = BOOK.quote(Usage(Tokens(input=100, output=100)._replace(**{field: value})), terms("gpt-realtime-2"))
    assert result == Unpriced("inconsistent_usage")


@pytest.mark.parametrize(
    "tokens",
    [
        Tokens(100, 10, cache_read=101),
        Tokens(100, 10, cache_read=60, cache_write=41),
        Tokens(100, 10, cache_write_30m=60, cache_write_12h=41),
        Tokens(100, 10, cache_write=50, cache_write_12h=51),
        Tokens(100, 10, reasoning=11),
        Tokens(100, 10, audio_input=60, image_input=41),
        Tokens(100, 10, audio_output=6, image_output=5),
        Tokens(100, 10, text_input=41, audio_input=60),
        Tokens(100, 10, cache_read=5, audio_cache_read=5),
        Tokens(100, 10, cache_read=5, text_cache_read=6),
        Tokens(100, 10, reasoning=5, audio_output=6),
    ],
    ids=spelled,
)
def test_a_subset_larger_than_its_total_is_refused(tokens: Tokens) -> None:
    assert not is_consistent(tokens)
    assert BOOK.quote(Usage(tokens), terms("gpt-realtime-2")) == Unpriced("inconsistent_usage")


@pytest.mark.parametrize(
    "tokens",
    [
        Tokens(output=10, cache_read=7),
        Tokens(output=10, audio_input=-7),
        Tokens(input=10, reasoning=7),
        Tokens(cache_write=1),
    ],
    ids=spelled,
)
def test_a_subset_of_a_total_that_is_not_reported_is_refused(tokens: Tokens) -> None:
    assert BOOK.quote(Usage(tokens), terms()) == Unpriced("inconsistent_usage")


@pytest.mark.parametrize("usage", [Usage(), Usage(Tokens())], ids=["nothing", "no count"])
def test_nothing_reported_is_no_usage_never_nothing_to_pay(usage: Usage) -> None:
    assert BOOK.quote(usage, terms()) == Unpriced("no_usage")


def test_zero_tokens_that_are_reported_cost_nothing() -> None:
    result = BOOK.quote(Usage(Tokens(0, 0)), terms())
    assert isinstance(result, Quote)
    assert (result.amount, result.items) == (0, ())


@pytest.mark.parametrize(
    "value",
    [value for value in ABSURD if type(value) is not Decimal]
    + [None, Decimal("NaN"), Decimal("Infinity"), Decimal(-1)],
    ids=repr,
)
@pytest.mark.parametrize("kind", ["unit", "fee"])
def test_a_quantity_of_something_else_that_is_no_quantity_is_refused(kind: str, value: Any) -> None:
    if kind == "unit":
        result = BOOK.quote(Usage(None, (("audio_seconds", value),)), terms("whisper-1"))
    else:
        result = BOOK.quote(Usage(Tokens(10, 10), (), (Fee("web_search", value),)), terms())
    assert result == Unpriced("inconsistent_usage")


def test_impossible_counts_of_another_model_inside_a_response_make_all_of_it_inconsistent() -> None:
    inner = ModelUsage("gpt-image-2", Usage(Tokens(1, 1, cache_read=2)))
    assert BOOK.quote(Usage(Tokens(10, 10), models=(inner,)), terms()) == Unpriced("inconsistent_usage")


@pytest.mark.parametrize("unit", ["audio_seconds", "characters", "images hd 1x1", "tokens", ""])
def test_a_unit_that_the_model_does_not_bill_is_missing(unit: str) -> None:
    result = BOOK.quote(Usage(Tokens(1000, 0), ((unit, 5),)), terms("gpt-6-sol"))
    assert isinstance(result, Unpriced)
    assert (result.status, result.missing) == ("partial", (unit,))
    assert result.partial is not None
    assert result.partial.amount == Decimal("0.002")


@pytest.mark.parametrize("at", [0.0, -1.0, 1e12, 1e18, -1e18, float("inf"), float("-inf"), float("nan")], ids=repr)
def test_no_moment_makes_the_engine_raise(at: float) -> None:
    assert isinstance(BOOK.quote(Usage(Tokens(1, 1)), Terms("gpt-5", at=at)), (Quote, Unpriced))


@PROFILE
@given(
    model=st.one_of(st.none(), st.text(max_size=30), st.from_regex(r"ft:[a-z0-9.:-]{0,20}", fullmatch=True)),
    tier=st.one_of(st.none(), st.text(max_size=8)),
    window=st.one_of(st.none(), st.text(max_size=4)),
    region=st.one_of(st.none(), st.text(max_size=4)),
    endpoint=st.one_of(st.none(), st.text(max_size=8)),
    host=st.one_of(st.none(), st.text(max_size=8)),
)
def test_no_names_make_the_engine_raise(
    model: str | None, tier: str | None, window: str | None, region: str | None, endpoint: str | None, host: str | None
) -> None:
    where = terms(model, tier=tier, window=window, region=region, endpoint=endpoint, host=host)
    assert isinstance(BOOK.quote(Usage(Tokens(1, 1)), where), (Quote, Unpriced))
    assert isinstance(BOOK.quote(Usage(Tokens(1, 1)), where._replace(model="gpt-5")), (Quote, Unpriced))
