# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The user's price file: what every part of it does to a price, and what a mistake in it does."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from opentelemetry.instrumentation.openai_cost.pricing import (
    PriceBook,
    PriceFileError,
    Quote,
    Terms,
    Unpriced,
    bundled_data,
    open_book,
    overrides,
)
from opentelemetry.instrumentation.openai_cost.usage import Fee, ModelUsage, Tokens, Usage

MILLION = 1_000_000
USAGE = Usage(Tokens(1000, 100))
Write = Callable[[Mapping[str, Any]], Path]


def at(day: str, hour: int = 12) -> float:
    return datetime.fromisoformat(f"{day}T{hour:02}:00:00+00:00").timestamp()


NOW = at("2026-11-22")
BUNDLED = PriceBook(bundled_data())


def toml_of(value: Any) -> str:
    """One value as inline TOML."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml_of(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_of, value)) + "]"
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value)


@pytest.fixture(params=["toml", "json"])
def write(request: pytest.FixtureRequest, tmp_path: Path) -> Write:
    """Writes a document as a price file, once in TOML and once in JSON."""

    def write(document: Mapping[str, Any]) -> Path:
        path = tmp_path / f"prices.{request.param}"
        if request.param == "json":
            path.write_text(json.dumps(document, default=str))
        else:
            path.write_text("".join(f"{key} = {toml_of(value)}\n" for key, value in document.items()))
        return path

    return write


def terms(model: str | None, **others: Any) -> Terms:
    return Terms(**{"model": model, "at": NOW, **others})


def book(document: Mapping[str, Any]) -> PriceBook:
    return PriceBook(bundled_data(), overrides.parse(document))


def quote(of: PriceBook, usage: Usage, where: Terms) -> Quote:
    result = of.quote(usage, where)
    assert isinstance(result, Quote), result
    return result


def amount(of: PriceBook, model: str, usage: Usage = USAGE, **others: Any) -> Decimal:
    return quote(of, usage, terms(model, **others)).amount


# --- models ----------------------------------------------------------------------------------------------------------


def test_a_model_that_the_book_lacks_is_priced_by_the_file(write: Write) -> None:
    path = write({"models": {"acme-gpt": {"input": "0.90", "cache_read": "0.09", "output": "5.00"}}})
    assert amount(open_book(path), "acme-gpt", Usage(Tokens(1000, 100, 400))) == Decimal("0.001076")


def test_a_users_price_replaces_the_books_and_leaves_its_other_prices(write: Write) -> None:
    mine = open_book(write({"models": {"gpt-5": {"output": "9"}}}))
    assert amount(mine, "gpt-5", Usage(Tokens(1000, 100, 400))) == Decimal("0.0017")
    assert amount(mine, "gpt-5-mini") == amount(BUNDLED, "gpt-5-mini")


def test_a_users_price_holds_for_the_dated_snapshots_of_the_model() -> None:
    mine = book({"models": {"gpt-5": {"input": "1", "output": "1"}}})
    assert amount(mine, "gpt-5-2025-08-07") == Decimal("0.0011")


def test_a_users_price_holds_for_the_fine_tunes_of_the_base_it_names() -> None:
    mine = book({"models": {"ft:gpt-4.1": {"input": "1", "output": "1"}}})
    assert amount(mine, "ft:gpt-4.1-2025-04-14:acme::abc") == Decimal("0.0011")
    assert amount(mine, "gpt-4.1-2025-04-14") == amount(BUNDLED, "gpt-4.1")


def test_a_users_price_of_a_dated_snapshot_is_not_the_price_of_the_alias() -> None:
    mine = book({"models": {"gpt-5-2025-08-07": {"input": "1", "output": "1"}}})
    assert amount(mine, "gpt-5") == amount(BUNDLED, "gpt-5")


@pytest.mark.parametrize("host", ["api.openai.com", "llm.internal", "acme.openai.azure.com"])
@pytest.mark.parametrize("price_list", ["openai", None, "azure.ai.openai", "groq"])
def test_a_users_rows_hold_on_any_host(price_list: str | None, host: str) -> None:
    mine = book({"models": {"acme-gpt": {"input": "1", "output": "2"}}})
    assert amount(mine, "acme-gpt", price_list=price_list, host=host) == Decimal("0.0012")


def test_on_an_unknown_host_a_users_row_is_not_completed_with_openais_prices() -> None:
    result = book({"models": {"gpt-4o": {"input": "1"}}}).quote(USAGE, terms("gpt-4o", price_list=None))
    assert isinstance(result, Unpriced)
    assert (result.reason, result.missing) == ("missing_rate", ("output",))


def test_a_price_for_the_name_asked_for_holds_whatever_the_gateway_calls_its_answer() -> None:
    mine = book({"models": {"acme-gateway": {"input": "1", "output": "2"}}})
    assert amount(mine, "internal-7b", requested_model="acme-gateway", price_list=None) == Decimal("0.0012")


def test_the_response_model_decides_before_the_requested_one() -> None:
    mine = book({"models": {"gpt-4o": {"input": "1", "output": "1"}, "gpt-4o-mini": {"input": "2", "output": "2"}}})
    assert amount(mine, "gpt-4o-mini-2024-07-18", requested_model="gpt-4o") == Decimal("0.0022")


def test_a_listed_name_asked_for_does_not_price_another_model_that_answered() -> None:
    mine = book({"models": {"gpt-4o": {"input": "100", "output": "100"}}})
    assert amount(mine, "gpt-5", requested_model="gpt-4o") == amount(BUNDLED, "gpt-5")


def test_prices_of_every_token_dimension_can_be_given(write: Write) -> None:
    names = sorted(overrides.TOKEN_PRICES)
    mine = open_book(write({"models": {"acme": {name: str(index + 1) for index, name in enumerate(names)}}}))
    card = mine.card(terms("acme"))
    assert {name: str(card.rates[name].price) for name in names} == {
        name: str(index + 1) for index, name in enumerate(names)
    }


def test_units_other_than_tokens_say_per_how_many(write: Write) -> None:
    path = write({"models": {"acme-ear": {"audio_seconds": {"price": "0.0045", "per": 60}}}})
    usage = Usage(None, (("audio_seconds", Decimal("90")),))
    assert amount(open_book(path), "acme-ear", usage) == Decimal("0.00675")


def test_a_price_of_units_without_per_is_for_one(write: Write) -> None:
    path = write({"models": {"acme-eye": {"video_seconds": {"price": "0.2"}}}})
    assert amount(open_book(path), "acme-eye", Usage(None, (("video_seconds", 4),))) == Decimal("0.8")


def test_a_price_of_tokens_may_say_per_how_many(write: Write) -> None:
    path = write(
        {"models": {"acme": {"input": {"price": "0.0012", "per": 1000}, "output": {"price": "1", "per": 100_000}}}}
    )
    assert amount(open_book(path), "acme") == Decimal("0.0022")


def test_a_price_of_tokens_that_does_not_say_per_how_many_is_per_million(write: Write) -> None:
    path = write({"models": {"acme": {"input": {"price": "2"}, "output": "0"}}})
    assert amount(open_book(path), "acme") == Decimal("0.002")


def test_images_are_priced_by_quality_and_size(write: Write) -> None:
    path = write({"models": {"acme-brush": {"images": {"hd 1024x1024": "0.07", "standard 1024x1024": "0.03"}}}})
    assert amount(open_book(path), "acme-brush", Usage(None, (("images hd 1024x1024", 2),))) == Decimal("0.14")
    result = open_book(path).quote(Usage(None, (("images hd 1x1", 1),)), terms("acme-brush"))
    assert isinstance(result, Unpriced)
    assert (result.reason, result.missing) == ("missing_rate", ("images hd 1x1",))


def test_a_whole_number_needs_no_quotes(write: Write) -> None:
    assert amount(open_book(write({"models": {"acme": {"input": 2, "output": 10}}})), "acme") == Decimal("0.003")


def test_a_price_of_zero_is_a_price(write: Write) -> None:
    assert amount(open_book(write({"models": {"acme": {"input": "0", "output": "0"}}})), "acme") == 0


def test_line_items_name_the_user_as_source_and_the_book_for_the_rest() -> None:
    mine = book(
        {"models": {"acme": {"input": "1", "output": "1"}}, "fees": {"web_search": {"price": "8", "per": 1000}}}
    )
    usage = Usage(Tokens(1000, 100), (), (Fee("web_search", 1), Fee("file_search", 1)))
    sources = {item.dimension: item.source for item in quote(mine, usage, terms("acme")).items}
    assert sources == {"input": "user", "output": "user", "web_search": "user", "file_search": "overlay"}


def test_a_line_that_the_file_does_not_price_names_the_books_source() -> None:
    found = quote(book({"models": {"gpt-5": {"output": "9"}}}), USAGE, terms("gpt-5"))
    assert {item.dimension: item.source for item in found.items} == {"input": "genai-prices", "output": "user"}


def test_the_version_tells_one_file_from_another_and_from_none() -> None:
    versions = {
        BUNDLED.version,
        book({"models": {"acme": {"input": "1"}}}).version,
        book({"models": {"acme": {"input": "2"}}}).version,
    }
    assert len(versions) == 3
    assert all(version.startswith(BUNDLED.version) for version in versions)
    assert quote(BUNDLED, USAGE, terms("gpt-5")).card.version == BUNDLED.version


# --- tiers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tier", "where"),
    [
        ("flex", {"tier": "flex"}),
        ("priority", {"tier": "priority"}),
        ("priority", {"tier": "fast"}),
        ("ultrafast", {"tier": "ultrafast"}),
        ("scale", {"tier": "scale"}),
        ("batch", {"batch": True}),
        ("standard", {"tier": "default"}),
    ],
)
def test_a_tier_can_have_prices_of_its_own(write: Write, tier: str, where: dict[str, Any]) -> None:
    path = write({"models": {"acme": {"input": "1", "tiers": {tier: {"input": "3", "output": "4"}}}}})
    assert amount(open_book(path), "acme", **where) == Decimal("0.0034")


def test_a_price_of_one_tier_leaves_the_other_tiers_to_the_book(write: Write) -> None:
    mine = open_book(write({"models": {"gpt-6-astra": {"tiers": {"priority": {"input": "18"}}}}}))
    assert amount(mine, "gpt-6-astra", tier="priority") == Decimal("0.028")
    for where in ({}, {"tier": "flex"}, {"batch": True}):
        assert amount(mine, "gpt-6-astra", **where) == amount(BUNDLED, "gpt-6-astra", **where)


def test_standard_prices_of_the_user_are_no_prices_of_another_tier() -> None:
    mine = book({"models": {"acme": {"input": "1", "output": "1"}}})
    result = mine.quote(USAGE, terms("acme", tier="flex"))
    assert isinstance(result, Unpriced)
    assert (result.reason, result.missing) == ("missing_rate", ("flex",))


# --- long context ----------------------------------------------------------------------------------------------------

LONG = {"input": "1", "output": "2", "long": {"input": "10", "output": "20"}}


def test_long_rates_hold_above_the_limit_that_the_file_gives(write: Write) -> None:
    mine = open_book(write({"models": {"acme": {**LONG, "long_above": 2000}}}))
    assert amount(mine, "acme", Usage(Tokens(2000, 100))) == Decimal("0.0022")
    assert amount(mine, "acme", Usage(Tokens(2001, 100))) == Decimal("0.02201")


def test_long_rates_without_a_limit_hold_above_openais() -> None:
    mine = book({"models": {"acme": LONG}})
    assert amount(mine, "acme", Usage(Tokens(272_000, 0))) == Decimal("0.272")
    assert amount(mine, "acme", Usage(Tokens(272_001, 0))) == Decimal("2.72001")


def test_long_rates_hold_on_any_host_too() -> None:
    mine = book({"models": {"acme": LONG}})
    assert amount(mine, "acme", Usage(Tokens(272_001, 0)), price_list=None, host="llm.internal") == Decimal("2.72001")


def test_long_rates_of_a_tier_need_no_standard_prices() -> None:
    mine = book({"models": {"acme": {"tiers": {"priority": LONG}}}})
    assert amount(mine, "acme", Usage(Tokens(272_001, 0)), tier="priority") == Decimal("2.72001")


def test_a_long_rate_of_the_user_replaces_the_books_and_leaves_its_other_long_rates() -> None:
    mine = book({"models": {"gpt-5.4": {"long": {"input": "6"}}}})
    # Output at the book's long rate, 22.5; below the limit all is the book's.
    assert amount(mine, "gpt-5.4", Usage(Tokens(300_000, 1000))) == Decimal("1.8225")
    assert amount(mine, "gpt-5.4") == amount(BUNDLED, "gpt-5.4")


def test_a_limit_without_long_rates_withholds_the_amount() -> None:
    result = book({"models": {"acme": {"input": "1", "output": "1", "long_above": 10}}}).quote(USAGE, terms("acme"))
    assert isinstance(result, Unpriced)
    assert result.reason == "missing_rate"


# --- days ------------------------------------------------------------------------------------------------------------


def test_prices_hold_from_their_first_to_their_last_day(write: Write) -> None:
    path = write(
        {"models": {"gpt-5": {"input": "1", "output": "1", "from": date(2026, 7, 1), "until": date(2026, 7, 31)}}}
    )
    mine, listed = open_book(path), amount(BUNDLED, "gpt-5")
    found = [
        amount(mine, "gpt-5", at=moment)
        for moment in (at("2026-06-30", 23), at("2026-07-01", 0), at("2026-07-31", 23), at("2026-08-01", 0))
    ]
    assert found == [listed, Decimal("0.0011"), Decimal("0.0011"), listed]


def test_a_model_of_the_users_has_no_price_outside_its_days() -> None:
    mine = book({"models": {"acme": {"input": "1", "output": "1", "from": "2026-07-01"}}})
    result = mine.quote(USAGE, terms("acme", at=at("2026-06-30")))
    assert isinstance(result, Unpriced)
    assert result.reason == "missing_rate"
    assert amount(mine, "acme", at=at("2026-07-01", 0)) == Decimal("0.0011")


def test_each_tier_has_days_of_its_own() -> None:
    mine = book({"models": {"gpt-5": {"tiers": {"flex": {"input": "0", "output": "0", "until": "2026-07-31"}}}}})
    assert amount(mine, "gpt-5", tier="flex", at=at("2026-07-31")) == 0
    assert amount(mine, "gpt-5", tier="flex", at=at("2026-08-01")) == amount(BUNDLED, "gpt-5", tier="flex")


# --- aliases ---------------------------------------------------------------------------------------------------------


def test_a_deployment_is_priced_as_the_model_that_it_is_an_alias_of(write: Write) -> None:
    mine = open_book(write({"models": {"my-azure-deployment": {"alias": "gpt-4o"}}}))
    where = {"price_list": "azure.ai.openai", "host": "acme.openai.azure.com"}
    assert amount(mine, "my-azure-deployment", **where) == amount(BUNDLED, "gpt-4o", **where)


def test_a_gateways_name_is_priced_as_the_model_that_it_is_an_alias_of() -> None:
    mine = book({"models": {"smart": {"alias": "gpt-5"}}})
    assert amount(mine, "smart", price_list=None, host="llm.internal") == amount(BUNDLED, "gpt-5")


def test_an_alias_of_the_name_asked_for_holds_whatever_the_answer_is_called() -> None:
    mine = book({"models": {"smart": {"alias": "gpt-5"}}})
    assert amount(mine, "vendor/model-b", requested_model="smart", price_list=None) == amount(BUNDLED, "gpt-5")


def test_prices_beside_an_alias_replace_those_of_the_model() -> None:
    mine = book({"models": {"smart": {"alias": "gpt-5", "output": "1", "tiers": {"flex": {"output": "2"}}}}})
    assert amount(mine, "smart") == Decimal("0.00135")
    assert amount(mine, "smart", tier="flex") == Decimal("0.000825")


def test_an_alias_has_the_tiers_and_long_rates_of_its_model() -> None:
    mine = book({"models": {"smart": {"alias": "gpt-5.4"}}})
    for usage, where in ((USAGE, {"tier": "priority"}), (USAGE, {"batch": True}), (Usage(Tokens(300_000, 5)), {})):
        assert amount(mine, "smart", usage, **where) == amount(BUNDLED, "gpt-5.4", usage, **where)


def test_an_alias_may_name_a_dated_snapshot() -> None:
    mine = book({"models": {"old": {"alias": "gpt-4o-2024-05-13"}}})
    assert amount(mine, "old") == amount(BUNDLED, "gpt-4o-2024-05-13") != amount(BUNDLED, "gpt-4o")


def test_an_alias_may_name_another_model_of_the_file() -> None:
    mine = book({"models": {"acme-gpt": {"input": "1", "output": "2"}, "smart": {"alias": "acme-gpt"}}})
    assert amount(mine, "smart") == Decimal("0.0012")


def test_an_alias_of_a_corrected_model_has_the_corrected_prices() -> None:
    mine = book({"models": {"gpt-4o": {"input": "1", "output": "2"}, "smart": {"alias": "gpt-4o"}}})
    assert amount(mine, "smart") == amount(mine, "gpt-4o") == Decimal("0.0012")


@pytest.mark.parametrize("price_list", ["openai", None, "azure.ai.openai"])
def test_an_alias_of_a_model_that_nobody_knows_is_an_unknown_model(price_list: str | None) -> None:
    mine = book({"models": {"smart": {"alias": "gpt-99"}}})
    result = mine.quote(USAGE, terms("smart", price_list=price_list))
    assert isinstance(result, Unpriced)
    assert result.reason == "unknown_model"


# --- discounts -------------------------------------------------------------------------------------------------------


def test_a_discount_lowers_token_prices_and_not_fees(write: Write) -> None:
    mine = open_book(write({"discounts": [{"match": "gpt-6*", "percent": 15}]}))
    usage = Usage(Tokens(1000, 100), (), (Fee("web_search", 1),))
    found = quote(mine, usage, terms("gpt-6-sol"))
    assert found.amount == Decimal("0.003") * Decimal("0.85") + Decimal("0.01")
    assert found.list_amount == Decimal("0.013")
    assert found.card.modifiers == ("discount=15%",)


def test_a_discount_leaves_seconds_characters_and_images_alone() -> None:
    mine = book({"discounts": [{"match": "*", "percent": 50}]})
    for model, unit in (("whisper-1", "audio_seconds"), ("tts-1", "characters"), ("dall-e-3", "images hd 1024x1024")):
        usage = Usage(None, ((unit, 60),))
        assert amount(mine, model, usage) == amount(BUNDLED, model, usage)


@pytest.mark.parametrize(
    ("day", "hour", "discounted"),
    [("2026-06-30", 23, False), ("2026-07-01", 0, True), ("2027-06-30", 23, True), ("2027-07-01", 0, False)],
)
def test_a_discount_holds_from_its_first_to_its_last_day(write: Write, day: str, hour: int, discounted: bool) -> None:
    rule = {"match": "gpt-5*", "percent": 15, "from": date(2026, 7, 1), "until": date(2027, 6, 30)}
    mine = open_book(write({"discounts": [rule]}))
    listed = amount(BUNDLED, "gpt-5", at=at(day, hour))
    assert amount(mine, "gpt-5", at=at(day, hour)) == (listed * Decimal("0.85") if discounted else listed)


@pytest.mark.parametrize("match", ["gpt-5", "gpt-5-2025-08-07", "gpt-*", "*", "gpt-[56]*", "gpt-?-2025*"])
def test_a_discount_matches_the_name_in_the_response_or_in_the_book(match: str) -> None:
    mine = book({"discounts": [{"match": match, "percent": 10}]})
    listed = amount(BUNDLED, "gpt-5")
    assert amount(mine, "gpt-5-2025-08-07") == listed * Decimal("0.9")
    assert amount(mine, "o3") == amount(BUNDLED, "o3") * (Decimal("0.9") if match == "*" else 1)


def test_the_first_discount_that_holds_is_the_only_one() -> None:
    rules = [
        {"match": "o3", "percent": 1},
        {"match": "gpt-5*", "percent": 50, "until": "2020-01-01"},
        {"match": "gpt-5*", "percent": 20},
        {"match": "*", "percent": 90},
    ]
    assert amount(book({"discounts": rules}), "gpt-5") == amount(BUNDLED, "gpt-5") * Decimal("0.8")


@pytest.mark.parametrize("percent", ["0", "12.5", "33.333333", "100"])
def test_a_percentage_may_be_any_decimal_from_0_to_100(percent: str) -> None:
    found = quote(book({"discounts": [{"match": "*", "percent": percent}]}), USAGE, terms("gpt-5"))
    assert found.amount == amount(BUNDLED, "gpt-5") * (100 - Decimal(percent)) / 100


def test_a_discount_applies_in_every_tier_and_region_and_to_the_users_own_prices() -> None:
    document = {"discounts": [{"match": "*", "percent": 50}], "models": {"acme": {"input": "1", "output": "1"}}}
    mine = book(document)
    assert amount(mine, "acme") == Decimal("0.00055")
    for where in ({"tier": "priority"}, {"batch": True}, {"region": "eu"}, {"window": "2h"}):
        assert amount(mine, "gpt-6-sol", **where) == amount(BUNDLED, "gpt-6-sol", **where) / 2


# --- fees ------------------------------------------------------------------------------------------------------------


def test_a_fee_of_the_file_replaces_the_books(write: Write) -> None:
    mine = open_book(write({"fees": {"web_search": {"price": "8", "per": 1000}}}))
    usage = Usage(Tokens(0, 0), (), (Fee("web_search", 3), Fee("file_search", 2)))
    assert amount(mine, "gpt-5", usage) == Decimal("0.029")


def test_a_fee_that_the_book_lacks_can_be_added(write: Write) -> None:
    mine = open_book(write({"fees": {"acme_lookup": {"price": "0.25"}}}))
    assert amount(mine, "gpt-5", Usage(Tokens(0, 0), (), (Fee("acme_lookup", 3),))) == Decimal("0.75")


def test_the_users_fees_hold_on_any_host() -> None:
    mine = book({"models": {"acme": {"input": "0"}}, "fees": {"web_search": {"price": "8", "per": 1000}}})
    usage = Usage(Tokens(10), (), (Fee("web_search", 1),))
    assert amount(mine, "acme", usage, price_list=None, host="llm.internal") == Decimal("0.008")


def test_without_a_fee_of_the_users_a_fee_on_an_unknown_host_is_missing() -> None:
    mine = book({"models": {"acme": {"input": "1"}}})
    result = mine.quote(Usage(Tokens(10), (), (Fee("web_search", 1),)), terms("acme", price_list=None))
    assert isinstance(result, Unpriced)
    assert (result.status, result.missing) == ("partial", ("web_search",))


# --- hosts -----------------------------------------------------------------------------------------------------------


def test_a_host_of_the_file_bills_as_openai_does(write: Write) -> None:
    mine = open_book(write({"hosts": {"LLM.internal": {"provider": "openai"}}}))
    assert amount(mine, "gpt-5", price_list=None, host="llm.internal") == amount(BUNDLED, "gpt-5")
    result = mine.quote(USAGE, terms("gpt-5", price_list=None, host="other.internal"))
    assert isinstance(result, Unpriced)
    assert result.reason == "unknown_provider"


def test_a_host_of_the_file_may_bill_as_azure_does() -> None:
    mine = book({"hosts": {"llm.internal": {"provider": "azure.ai.openai"}}})
    usage = Usage(None, (("characters", 1000),))
    azure = amount(BUNDLED, "tts-1-hd", usage, price_list="azure.ai.openai")
    assert amount(mine, "tts-1-hd", usage, price_list=None, host="llm.internal") == azure
    assert azure != amount(BUNDLED, "tts-1-hd", usage)


# --- currency --------------------------------------------------------------------------------------------------------


def test_a_currency_at_the_top_is_that_of_the_files_prices(write: Write) -> None:
    mine = open_book(write({"currency": "EUR", "models": {"acme": {"input": "1", "output": "1"}}}))
    found = quote(mine, USAGE, terms("acme"))
    assert (found.amount, found.currency) == (Decimal("0.0011"), "EUR")


def test_a_model_may_have_a_currency_of_its_own(write: Write) -> None:
    document = {
        "currency": "EUR",
        "models": {"acme": {"input": "1", "output": "1", "currency": "GBP"}, "other": {"input": "1", "output": "1"}},
    }
    mine = open_book(write(document))
    assert [quote(mine, USAGE, terms(name)).currency for name in ("acme", "other")] == ["GBP", "EUR"]


def test_a_currency_of_the_file_is_not_the_currency_of_the_books_prices() -> None:
    mine = book({"currency": "EUR", "models": {"acme": {"input": "1", "output": "1"}}})
    found = quote(mine, USAGE, terms("gpt-5"))
    assert (found.amount, found.currency) == (amount(BUNDLED, "gpt-5"), "USD")


@pytest.mark.parametrize(
    ("document", "model", "usage"),
    [
        ({"models": {"gpt-5": {"input": "1", "currency": "EUR"}}}, "gpt-5", USAGE),
        ({"models": {"smart": {"alias": "gpt-5", "output": "1", "currency": "EUR"}}}, "smart", USAGE),
        (
            {"models": {"acme": {"input": "1", "output": "1", "currency": "EUR"}}},
            "acme",
            Usage(Tokens(1000, 100), (), (Fee("web_search", 1),)),
        ),
        (
            {"models": {"acme": {"input": "1", "output": "1", "currency": "EUR"}}},
            "acme",
            Usage(Tokens(1000, 100), models=(ModelUsage("gpt-image-2", Usage(Tokens(10, 10))),)),
        ),
        (
            {"currency": "EUR", "fees": {"web_search": {"price": "8", "per": 1000}}},
            "gpt-5",
            Usage(Tokens(1000, 100), (), (Fee("web_search", 1),)),
        ),
    ],
    ids=["a correction", "an alias", "a fee of the book", "another model's usage", "a fee of the file"],
)
def test_amounts_in_two_currencies_are_never_added(document: dict[str, Any], model: str, usage: Usage) -> None:
    result = book(document).quote(usage, terms(model))
    assert isinstance(result, Unpriced), result.items


# --- mistakes --------------------------------------------------------------------------------------------------------

MISTAKES: list[tuple[str, Any]] = [
    ("prices", {"prices": {}}),
    ("models", {"models": []}),
    ("models", {"models": "gpt-5"}),
    ('models."acme"', {"models": {"acme": "1"}}),
    ('models."acme"', {"models": {"acme": {}}}),
    ('models."acme"', {"models": {"acme": {"currency": "EUR"}}}),
    ('models."acme".inptu', {"models": {"acme": {"inptu": "1"}}}),
    ('models."acme".reasoning', {"models": {"acme": {"reasoning": "1"}}}),
    ('models."acme".input', {"models": {"acme": {"input": "cheap"}}}),
    ('models."acme".input', {"models": {"acme": {"input": ""}}}),
    ('models."acme".input', {"models": {"acme": {"input": "-1"}}}),
    ('models."acme".input', {"models": {"acme": {"input": "0,90"}}}),
    ('models."acme".input', {"models": {"acme": {"input": "NaN"}}}),
    ('models."acme".input', {"models": {"acme": {"input": "Infinity"}}}),
    ('models."acme".input', {"models": {"acme": {"input": 0.9}}}),
    ('models."acme".input', {"models": {"acme": {"input": True}}}),
    ('models."acme".input', {"models": {"acme": {"input": ["1"]}}}),
    ('models."acme".input.per', {"models": {"acme": {"input": {"price": "1", "per": 60}}}}),
    ('models."acme".input.per', {"models": {"acme": {"input": {"price": "1", "per": 0}}}}),
    ('models."acme".input.per', {"models": {"acme": {"input": {"price": "1", "per": "1000"}}}}),
    ('models."acme".input.price', {"models": {"acme": {"input": {"per": 1000}}}}),
    ('models."acme".audio_seconds', {"models": {"acme": {"audio_seconds": "0.006"}}}),
    ('models."acme".audio_seconds.per', {"models": {"acme": {"audio_seconds": {"price": "1", "per": -60}}}}),
    ('models."acme".audio_seconds.every', {"models": {"acme": {"audio_seconds": {"price": "1", "every": 60}}}}),
    ('models."acme".images', {"models": {"acme": {"images": "0.04"}}}),
    ('models."acme".images."hd 1x1"', {"models": {"acme": {"images": {"hd 1x1": "dear"}}}}),
    ('models."acme".long', {"models": {"acme": {"input": "1", "long": "2"}}}),
    ('models."acme".long.images', {"models": {"acme": {"input": "1", "long": {"images": {}}}}}),
    ('models."acme".long.input', {"models": {"acme": {"input": "1", "long": {"input": "x"}}}}),
    ('models."acme".long_above', {"models": {"acme": {"input": "1", "long_above": "272000"}}}),
    ('models."acme".long_above', {"models": {"acme": {"input": "1", "long_above": -1}}}),
    ('models."acme".from', {"models": {"acme": {"input": "1", "from": "yesterday"}}}),
    ('models."acme".until', {"models": {"acme": {"input": "1", "until": "2026-02-30"}}}),
    ('models."acme".until', {"models": {"acme": {"input": "1", "from": "2026-07-01", "until": "2026-06-30"}}}),
    ('models."acme".currency', {"models": {"acme": {"input": "1", "currency": "euro"}}}),
    ('models."acme".currency', {"models": {"acme": {"input": "1", "currency": 978}}}),
    ('models."acme".alias', {"models": {"acme": {"alias": 4}}}),
    ('models."acme".alias', {"models": {"acme": {"alias": ""}}}),
    ('models."acme".alias', {"models": {"acme": {"alias": "acme"}}}),
    ('models."a".alias', {"models": {"a": {"alias": "b"}, "b": {"alias": "gpt-5"}}}),
    ('models."acme".tiers', {"models": {"acme": {"input": "1", "tiers": "flex"}}}),
    ('models."acme".tiers.cheap', {"models": {"acme": {"tiers": {"cheap": {"input": "1"}}}}}),
    ('models."acme".tiers.flex', {"models": {"acme": {"tiers": {"flex": "1"}}}}),
    ('models."acme".tiers.flex.alias', {"models": {"acme": {"tiers": {"flex": {"alias": "o3"}}}}}),
    ('models."acme".tiers.flex.input', {"models": {"acme": {"tiers": {"flex": {"input": "x"}}}}}),
    ("discounts", {"discounts": {"match": "*", "percent": 1}}),
    ("discounts", {"discounts": "15"}),
    ("discounts[0]", {"discounts": ["gpt-5"]}),
    ("discounts[0].match", {"discounts": [{"percent": 15}]}),
    ("discounts[0].match", {"discounts": [{"match": "", "percent": 15}]}),
    ("discounts[0].match", {"discounts": [{"match": 5, "percent": 15}]}),
    ("discounts[0].percent", {"discounts": [{"match": "*"}]}),
    ("discounts[0].percent", {"discounts": [{"match": "*", "percent": 101}]}),
    ("discounts[0].percent", {"discounts": [{"match": "*", "percent": -5}]}),
    ("discounts[0].percent", {"discounts": [{"match": "*", "percent": "15%"}]}),
    ("discounts[0].percent", {"discounts": [{"match": "*", "percent": True}]}),
    ("discounts[1].until", {"discounts": [{"match": "*", "percent": 1}, {"match": "*", "percent": 1, "until": "x"}]}),
    (
        "discounts[0].until",
        {"discounts": [{"match": "*", "percent": 1, "from": "2026-07-01", "until": "2026-06-30"}]},
    ),
    ("discounts[0].fees", {"discounts": [{"match": "*", "percent": 1, "fees": True}]}),
    ("fees", {"fees": []}),
    ("batches", {"batches": "short"}),
    ("batches.long_prompts", {"batches": {"long_prompts": "no"}}),
    ("batches.short", {"batches": {"short": True}}),
    ("fees.web_search", {"fees": {"web_search": "8"}}),
    ("fees.web_search.price", {"fees": {"web_search": {"per": 1000}}}),
    ("fees.web_search.price", {"fees": {"web_search": {"price": "free"}}}),
    ("fees.web_search.per", {"fees": {"web_search": {"price": "8", "per": 1.5}}}),
    ("fees.web_search.class", {"fees": {"web_search": {"price": "8", "class": "reasoning"}}}),
    ("hosts", {"hosts": ["llm.internal"]}),
    ('hosts."llm.internal"', {"hosts": {"llm.internal": "openai"}}),
    ('hosts."llm.internal".provider', {"hosts": {"llm.internal": {}}}),
    ('hosts."llm.internal".provider', {"hosts": {"llm.internal": {"provider": "groq"}}}),
    ('hosts."llm.internal".port', {"hosts": {"llm.internal": {"provider": "openai", "port": 443}}}),
    ("currency", {"currency": "usd"}),
    ("currency", {"currency": ["EUR"]}),
]


@pytest.mark.parametrize(("key", "document"), MISTAKES, ids=lambda value: str(value)[:70])
def test_a_mistake_is_one_error_that_names_the_file_and_the_key(write: Write, key: str, document: Any) -> None:
    path = write(document)
    with pytest.raises(PriceFileError) as caught:
        overrides.read(path)
    # The key in full and nothing after it: `models."acme"` is not named by a complaint about `models."acme".input`.
    assert str(caught.value).startswith(f"{path}: {key}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("key", "document"), MISTAKES[::6], ids=lambda value: str(value)[:70])
def test_a_mistake_leaves_nothing_of_the_file_in_force_and_logs_one_error(
    write: Write, caplog: pytest.LogCaptureFixture, key: str, document: Any
) -> None:
    good: dict[str, Any] = {"models": {"fine": {"input": "1"}, "gpt-5": {"input": "9"}}, "hosts": {}, "fees": {}}
    for name, part in document.items():
        good[name] = {**part, **good.get(name, {})} if isinstance(part, dict) else part
    path = write(good)
    with caplog.at_level(logging.DEBUG):
        mine = open_book(path)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert str(path) in record.getMessage()
    assert key in record.getMessage()
    assert mine.version == BUNDLED.version
    assert amount(mine, "gpt-5") == amount(BUNDLED, "gpt-5")
    assert mine.quote(USAGE, terms("fine")) == Unpriced("unknown_model")


TOML_BREAKS = {
    "no value": ("[models.acme]\ninput =\n", "line 2"),
    "an open string": ('[models.acme]\n\ninput = "1\n', "line 3"),
    "a key twice": ('[models.acme]\ninput = "1"\ninput = "2"\n', "line 3"),
    "a table twice": ('[models.acme]\ninput = "1"\n[models.acme]\ninput = "2"\n', "line 3"),
    "a bare dotted price": ("[models.acme]\ninput = 0.9.0\n", "line 2"),
    "JSON": ('{"models": {}}', "line 1"),
}
JSON_BREAKS = {
    "a trailing comma": ('{"models": {\n"acme": {"input": "1"},\n}}', "line"),
    "the end too soon": ('{\n"models": {', "line 2"),
    "a comment": ('{\n// mine\n"models": {}}', "line 2"),
    "nothing": ("", "line 1"),
    "TOML": ('[models.acme]\ninput = "1"', "line 1"),
    "a key twice": ('{"models": {"acme": {"input": "1"}, "acme": {"input": "2"}}}', "acme"),
    "NaN": ('{"models": {"acme": {"input": NaN}}}', 'models."acme".input'),
    "no table": ('["models"]', "top level"),
    "null": ("null", "top level"),
}


@pytest.mark.parametrize(
    ("suffix", "content", "where"),
    [(".toml", *value) for value in TOML_BREAKS.values()] + [(".json", *value) for value in JSON_BREAKS.values()],
    ids=[f"toml, {name}" for name in TOML_BREAKS] + [f"json, {name}" for name in JSON_BREAKS],
)
def test_a_file_that_cannot_be_parsed_is_one_error_that_names_the_file_and_the_place(
    tmp_path: Path, suffix: str, content: str, where: str
) -> None:
    path = tmp_path / f"prices{suffix}"
    path.write_text(content)
    with pytest.raises(PriceFileError) as caught:
        overrides.read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert where in str(caught.value)


@pytest.mark.parametrize("suffix", [".toml", ".json"])
@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\x00", b"\x00\x01\x02", b"models = " + b"[" * 100_000, b'{"models":' + b"[" * 100_000],
    ids=["not UTF-8", "binary", "deep TOML", "deep JSON"],
)
def test_a_file_that_is_no_price_file_at_all_is_one_error_and_no_other_exception(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, suffix: str, content: bytes
) -> None:
    path = tmp_path / f"prices{suffix}"
    path.write_bytes(content)
    with caplog.at_level(logging.DEBUG):
        mine = open_book(path)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert str(path) in caplog.text
    assert mine.version == BUNDLED.version


def test_a_file_that_is_not_there_or_cannot_be_read_is_one_error_that_names_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for path in (tmp_path / "missing.toml", tmp_path, tmp_path / "a\0b.toml"):
        caplog.clear()
        with caplog.at_level(logging.DEBUG):
            mine = open_book(path)
        assert [record.levelno for record in caplog.records] == [logging.ERROR]
        assert mine.version == BUNDLED.version
        assert amount(mine, "gpt-5") == amount(BUNDLED, "gpt-5")


def test_without_a_file_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert open_book().version == BUNDLED.version
    assert caplog.records == []


# --- the whole file --------------------------------------------------------------------------------------------------

WHOLE = """
currency = "USD"

[models."acme-gpt"]
input = "0.90"
cache_read = "0.09"
output = "5.00"
images = { "hd 1024x1024" = "0.07" }
long = { input = "1.80", output = "7.50" }
long_above = 100_000

[models."my-azure-deployment"]
alias = "gpt-4o"

[models."gpt-6-astra".tiers.priority]
input = "18"

[models."acme-ear"]
audio_seconds = { price = "0.0045", per = 60 }
from = 2026-07-01

[[discounts]]
match = "gpt-6*"
percent = 15
from = 2026-07-01
until = 2027-06-30

[[discounts]]
match = "acme-*"
percent = 2.5

[fees.web_search]
price = "8"
per = 1000

[hosts."llm.internal"]
provider = "openai"
"""


def test_a_whole_file_is_merged_over_the_book(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(WHOLE)
    mine = open_book(path)
    usage = Usage(Tokens(1000, 100, 400), (), (Fee("web_search", 1),))
    assert amount(mine, "acme-gpt", usage) == Decimal("0.001076") * Decimal("0.975") + Decimal("0.008")
    assert amount(mine, "my-azure-deployment", price_list=None) == amount(BUNDLED, "gpt-4o")
    assert amount(mine, "gpt-6-astra", tier="priority") == Decimal("0.028") * Decimal("0.85")
    assert amount(mine, "acme-ear", Usage(None, (("audio_seconds", 60),))) == Decimal("0.0045")
    assert amount(mine, "o3", price_list=None, host="llm.internal") == amount(BUNDLED, "o3")
    assert amount(mine, "gpt-5") == amount(BUNDLED, "gpt-5")


def test_the_bundled_data_is_untouched_by_a_file_over_it(tmp_path: Path) -> None:
    before = json.dumps(bundled_data(), sort_keys=True)
    path = tmp_path / "prices.toml"
    path.write_text(WHOLE)
    mine = open_book(path)
    for name in ("gpt-6-astra", "acme-gpt", "gpt-5"):
        mine.quote(USAGE, terms(name, tier="priority", at=datetime(2026, 8, 1, tzinfo=timezone.utc).timestamp()))
    assert json.dumps(bundled_data(), sort_keys=True) == before
    assert BUNDLED.quote(USAGE, terms("acme-gpt")) == Unpriced("unknown_model")


def test_toml_and_json_mean_the_same(tmp_path: Path) -> None:
    toml, as_json = tmp_path / "prices.toml", tmp_path / "prices.json"
    toml.write_text(WHOLE)
    from_toml = overrides.read(toml)
    document = {
        "currency": "USD",
        "models": {
            "acme-gpt": {
                "input": "0.90",
                "cache_read": "0.09",
                "output": "5.00",
                "images": {"hd 1024x1024": "0.07"},
                "long": {"input": "1.80", "output": "7.50"},
                "long_above": 100_000,
            },
            "my-azure-deployment": {"alias": "gpt-4o"},
            "gpt-6-astra": {"tiers": {"priority": {"input": "18"}}},
            "acme-ear": {"audio_seconds": {"price": "0.0045", "per": 60}, "from": "2026-07-01"},
        },
        "discounts": [
            {"match": "gpt-6*", "percent": 15, "from": "2026-07-01", "until": "2027-06-30"},
            {"match": "acme-*", "percent": 2.5},
        ],
        "fees": {"web_search": {"price": "8", "per": 1000}},
        "hosts": {"llm.internal": {"provider": "openai"}},
    }
    as_json.write_text(json.dumps(document))
    from_json = overrides.read(as_json)
    for part in ("models", "discounts", "fees", "hosts", "currency"):
        assert getattr(from_toml, part) == getattr(from_json, part)
    assert from_toml.digest != from_json.digest
