# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Which row of the book answers: by model name, tier, region, provider, endpoint and day."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from opentelemetry.instrumentation.openai_cost.pricing import PriceBook, Quote, Terms, Unpriced, bundled_data
from opentelemetry.instrumentation.openai_cost.usage import Fee, Tokens, Usage

DATA: Any = bundled_data()
BOOK = PriceBook(DATA)
OPENAI: Any = DATA["providers"]["openai"]
MILLION = 1_000_000
SHORT = Usage(Tokens(100_000, 10_000))


def at(day: str | date, time: str = "12:00:00") -> float:
    return datetime.fromisoformat(f"{day}T{time}+00:00").timestamp()


NOW = at("2026-11-22")


def ask(model: str | None, usage: Usage = SHORT, **others: Any) -> Quote | Unpriced:
    return BOOK.quote(usage, Terms(**{"model": model, "at": NOW, **others}))


def amount(model: str | None, usage: Usage = SHORT, **others: Any) -> Decimal:
    result = ask(model, usage, **others)
    assert isinstance(result, Quote), result
    return result.amount


def key(model: str, **others: Any) -> str | None:
    """The entry of the book that answers for a name, or ``None``."""
    card = BOOK.card(Terms(**{"model": model, "at": NOW, **others}))
    if isinstance(card, Unpriced):
        assert card.reason == "unknown_model"
        return None
    return card.model


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", DATA["providers"])
def test_every_model_of_the_book_is_found_by_its_own_name(provider: str) -> None:
    models = DATA["providers"][provider]["models"]
    assert [name for name in models if key(name, price_list=provider) != name] == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gpt-5-2025-08-07", "gpt-5"),
        ("gpt-6.1-sol-2026-09-29", "gpt-6.1-sol"),
        ("gpt-5.5-pro-2026-04-23", "gpt-5.5-pro"),
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("gpt-4o-mini-tts-2025-12-15", "gpt-4o-mini-tts"),
        ("o3-2025-04-16", "o3"),
        ("gpt-5.2-20251211", "gpt-5.2"),
    ],
)
def test_a_dated_snapshot_is_priced_as_its_undated_name(name: str, expected: str) -> None:
    assert key(name) == expected


@pytest.mark.parametrize(
    "name", ["gpt-4o-2024-05-13", "gpt-4o-audio-preview-2024-10-01", "gpt-3.5-turbo-0301", "gpt-4-0314"]
)
def test_a_snapshot_with_prices_of_its_own_is_not_priced_as_its_undated_name(name: str) -> None:
    assert key(name) == name


@pytest.mark.parametrize(
    ("provider", "name", "asked", "expected"),
    [
        ("openai", "gpt-3.5-turbo-instruct:20230824-v2", "gpt-3.5-turbo-instruct", "0.17"),
        ("openai", "gpt-4-1106-vision-preview", "gpt-4-vision-preview", "1.3"),
        ("azure.ai.openai", "gpt-35-turbo-0125", "gpt-35-turbo", "0.065"),
        ("azure.ai.openai", "gpt-3.5-turbo-0125", "gpt-35-turbo", "0.065"),
    ],
)
def test_a_model_that_answers_by_another_name_than_it_is_asked_by_has_its_price(
    provider: str, name: str, asked: str, expected: str
) -> None:
    assert amount(name, price_list=provider) == amount(asked, price_list=provider) == Decimal(expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("gpt-35-turbo-0613", "0.17"), ("gpt-35-turbo-1106", "0.12")],
)
def test_azure_s_older_snapshots_have_prices_of_their_own(name: str, expected: str) -> None:
    assert amount(name, price_list="azure.ai.openai") == Decimal(expected)


def test_the_alias_and_its_first_snapshot_differ_in_price() -> None:
    assert amount("gpt-4o") == Decimal("0.35")
    assert amount("gpt-4o-2024-05-13") == Decimal("0.65")


@pytest.mark.parametrize(
    "name",
    [
        "gpt-7",
        "gpt-6",
        "gpt-6.3-sol",
        "gpt-6.1",
        "gpt-5.4-micro",
        "gpt-5.4-mini-high",
        "gpt-5.45",
        "gpt-4.10",
        "gpt-4o-latest",
        "gpt-4o-",
        "gpt-4",
        "xgpt-4o",
        "gpt-4o-2024",
        "gpt-4o-2024-08",
        "gpt-4o-2024-08-06-preview",
        "openai/gpt-4o",
        "o3-",
        "o9",
        "2025-08-07",
        "-2025-08-07",
        "ft:",
        "ft:gpt-9:acme::abc",
        "ft:2024-08-06",
        "llama-3",
        " gpt-4o",
        "gpt-oss-120b",
    ],
)
def test_no_name_is_priced_as_another_version(name: str) -> None:
    assert key(name) == (name if name in OPENAI["models"] else None)


def test_an_unknown_model_has_no_number_at_all() -> None:
    assert ask("gpt-9-foo") == Unpriced("unknown_model")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ft:gpt-4.1-2025-04-14:acme::abc", "ft:gpt-4.1"),
        ("ft:gpt-4.1-2025-04-14:acme::abc:ckpt-step-90", "ft:gpt-4.1"),
        ("ft:gpt-4.1-mini-2025-04-14:acme:support:abc", "ft:gpt-4.1-mini"),
        ("ft:gpt-4.1-nano-2025-04-14:acme::abc", "ft:gpt-4.1-nano"),
        ("ft:gpt-4o-2024-08-06:acme::abc", "ft:gpt-4o-2024-08-06"),
        ("ft:gpt-4o-2024-11-20:acme::abc", "ft:gpt-4o"),
        ("ft:gpt-4o-mini-2024-07-18:acme::abc:ckpt-step-1000", "ft:gpt-4o-mini"),
        ("ft:gpt-3.5-turbo-0125:acme::abc", "ft:gpt-3.5-turbo"),
        ("ft:gpt-3.5-turbo-0613:acme::abc", "ft:gpt-3.5-turbo"),
        ("ft:gpt-3.5-turbo:acme::abc", "ft:gpt-3.5-turbo"),
        ("ft:o4-mini-2025-04-16:acme::abc", "ft:o4-mini"),
        ("ft:babbage-002:acme::abc", "ft:babbage-002"),
        ("ft:davinci-002:acme:mine:abc", "ft:davinci-002"),
        ("ft:gpt-4.1", "ft:gpt-4.1"),
    ],
)
def test_a_fine_tuned_model_has_the_fine_tuned_prices_of_its_base(name: str, expected: str) -> None:
    assert key(name) == expected


@pytest.mark.parametrize("name", ["ft:gpt-5-2025-08-07:acme::abc", "ft:gpt-4-0613:acme::abc", "ft:o3:acme::abc"])
def test_a_fine_tuned_model_without_a_published_price_is_not_priced_as_its_base(name: str) -> None:
    assert key(name.split(":")[1]) is not None
    assert key(name) is None


def test_fine_tuned_inference_costs_its_own_rates() -> None:
    usage = Usage(Tokens(1000, 100, 400))
    assert amount("ft:gpt-4.1-2025-04-14:acme::abc", usage) == Decimal("0.0033")


# --- tiers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tier", [None, "", "auto", "default", "Default", "standard"])
def test_the_default_tier_has_many_names(tier: str | None) -> None:
    assert amount("gpt-6-sol", tier=tier) == Decimal("0.3")


@pytest.mark.parametrize("tier", ["priority", "fast", "Fast", "PRIORITY"])
def test_fast_and_priority_are_one_tier(tier: str) -> None:
    assert amount("gpt-6-sol", tier=tier) == Decimal("0.6")


@pytest.mark.parametrize("tier", ["scale", "turbo", "ultrafast", "premium", "flex "])
def test_a_tier_without_a_published_row_is_missing_never_standard(tier: str) -> None:
    result = ask("gpt-6-sol", tier=tier)
    assert isinstance(result, Unpriced)
    assert (result.status, result.reason, result.missing) == ("unpriced", "missing_rate", (tier,))


def test_every_tier_has_its_own_rates() -> None:
    assert amount("gpt-6.1-sol", tier="flex") == Decimal("0.15")
    assert amount("gpt-6.1-sol", tier="ultrafast") == Decimal("1.8")
    assert amount("gpt-6.1-sol", batch=True) == Decimal("0.15")
    assert amount("gpt-5.5", tier="fast") == Decimal("2")


@pytest.mark.parametrize("tier", [None, "default", "priority", "flex"])
def test_in_a_batch_the_tier_of_the_response_does_not_matter(tier: str | None) -> None:
    assert amount("gpt-6.1-sol", tier=tier, batch=True) == Decimal("0.15")


# --- regions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", OPENAI["regions"])
def test_a_regional_host_bills_recent_models_a_tenth_more(region: str) -> None:
    assert amount("gpt-6-sol", region=region) == Decimal("0.33")
    assert amount("gpt-6-sol-2026-09-01", region=region, tier="flex") == Decimal("0.165")


def test_a_model_without_an_uplift_costs_the_same_in_every_region() -> None:
    assert amount("gpt-4o", region="eu") == amount("gpt-4o")


@pytest.mark.parametrize("region", ["xx", "EU", "eu.eu", "", "gateway"])
@pytest.mark.parametrize("model", ["gpt-6-sol", "gpt-4o"])
def test_a_region_that_the_book_does_not_know_is_missing(model: str, region: str) -> None:
    result = ask(model, region=region)
    assert isinstance(result, Unpriced)
    assert (result.reason, result.partial) == ("missing_rate", None)


def test_the_regional_uplift_holds_for_long_prompts_and_all_token_dimensions() -> None:
    usage = Usage(Tokens(300_000, 1000, 100_000, cache_write=50_000, reasoning=400))
    assert amount("gpt-6-sol", usage, region="us") == amount("gpt-6-sol", usage) * Decimal("1.1")


# --- providers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("price_list", [None, "", "groq", "azure", "azure.ai.inference", "OpenAI"])
def test_on_a_host_without_a_price_list_no_model_has_a_price(price_list: str | None) -> None:
    assert ask("gpt-4o", price_list=price_list) == Unpriced("unknown_provider")
    assert ask("gpt-99", price_list=price_list) == Unpriced("unknown_provider")


def test_azure_has_rows_of_its_own() -> None:
    usage = Usage(None, (("characters", 1_000_000),))
    assert amount("tts-1-hd", usage) == 30
    assert amount("tts-1-hd", usage, price_list="azure.ai.openai") == 33


def test_a_model_that_only_openai_lists_has_no_price_on_azure() -> None:
    only = [name for name in OPENAI["models"] if name not in DATA["providers"]["azure.ai.openai"]["models"]]
    assert "gpt-6.2-sol" in only
    assert ask("gpt-6.2-sol", price_list="azure.ai.openai") == Unpriced("unknown_model")


def test_a_tier_that_only_openai_lists_has_no_price_on_azure() -> None:
    result = ask("gpt-6.1-sol", price_list="azure.ai.openai", tier="flex")
    assert isinstance(result, Unpriced)
    assert result.reason == "missing_rate"


def test_openais_fees_and_regions_are_not_azures() -> None:
    result = ask("gpt-4o", Usage(Tokens(10, 10), (), (Fee("web_search", 1),)), price_list="azure.ai.openai")
    assert isinstance(result, Unpriced)
    assert (result.status, result.missing) == ("partial", ("web_search",))
    assert isinstance(ask("gpt-4o", price_list="azure.ai.openai", region="eu"), Unpriced)


def test_an_azure_deployment_name_is_no_model() -> None:
    where = {"price_list": "azure.ai.openai"}
    assert ask("my-deployment", requested_model="my-deployment", **where) == Unpriced("unknown_model")
    assert amount("gpt-4o-2024-11-20", requested_model="my-deployment", **where) == amount("gpt-4o", **where)


def test_the_model_that_was_asked_for_does_not_stand_in_for_one_that_answered() -> None:
    assert ask("gpt-99", requested_model="gpt-4o") == Unpriced("unknown_model")


# --- days ------------------------------------------------------------------------------------------------------------

CHANGES = [
    (provider, model, row)
    for provider, listed in DATA["providers"].items()
    for model, entry in listed["models"].items()
    for row in entry["rates"]
    if "from" in row or "until" in row
]


def published_input(provider: str, model: str, tier: str, day: date) -> Decimal | None:
    """Input price of the row in force, read off the price list."""
    best = None
    for row in DATA["providers"][provider]["models"][model]["rates"]:
        begun = row.get("from", "") <= day.isoformat() <= row.get("until", "9")
        if row["tier"] == tier and "endpoint" not in row and begun and (not best or row.get("from", "") > best[0]):
            best = row.get("from", ""), Decimal(row["input"])
    return best and best[1]


@pytest.mark.parametrize(
    ("provider", "model", "row"), CHANGES, ids=[f"{m} {r['tier']} {r.get('from') or r['until']}" for _, m, r in CHANGES]
)
def test_a_price_changes_at_midnight_utc_of_its_day(provider: str, model: str, row: Any) -> None:
    usage = Usage(Tokens(1000, 0))
    tier = {"batch": True} if row["tier"] == "batch" else {"tier": row["tier"]}
    first = date.fromisoformat(row["from"]) if "from" in row else date.fromisoformat(row["until"]) + timedelta(days=1)
    for day, time in ((first - timedelta(days=1), "23:59:59"), (first, "00:00:00"), (first, "23:59:59")):
        result = ask(model, usage, price_list=provider, at=at(day, time), **tier)
        wanted = published_input(provider, model, row["tier"], day)
        if wanted is None:
            assert isinstance(result, Unpriced)
            assert (result.reason, result.missing) == ("missing_rate", (row["tier"],))
        else:
            assert isinstance(result, Quote)
            assert result.amount == wanted / 1000


@pytest.mark.parametrize(
    ("model", "where", "day", "before", "after"),
    [
        ("gpt-3.5-turbo", {}, "2023-06-13", "0.22", "0.17"),
        ("gpt-3.5-turbo", {}, "2024-02-16", "0.17", "0.065"),
        ("ft:gpt-3.5-turbo-0613:acme::abc", {}, "2023-11-06", "1.36", "0.36"),
        ("gpt-4o", {}, "2024-10-02", "0.65", "0.35"),
        ("o1-mini", {}, "2025-01-31", "0.42", "0.154"),
        ("o1-mini-2024-09-12", {}, "2025-01-31", "0.42", "0.154"),
        ("o3", {}, "2025-06-10", "1.4", "0.28"),
        ("o3", {"tier": "flex"}, "2025-06-10", "0.7", "0.14"),
        ("gpt-5.6-terra", {}, "2026-07-30", "0.4", "0.32"),
        ("gpt-5.6-luna", {}, "2026-07-30", "0.16", "0.032"),
        ("gpt-5.6-sol", {}, "2026-08-21", "0.8", "0.6"),
        ("gpt-6.2-sol", {"tier": "ultrafast"}, "2027-03-01", "0.9", "1.8"),
    ],
)
def test_well_known_price_changes(model: str, where: dict[str, Any], day: str, before: str, after: str) -> None:
    eve = date.fromisoformat(day) - timedelta(days=1)
    assert amount(model, at=at(eve, "23:59:59"), **where) == Decimal(before)
    assert amount(model, at=at(day, "00:00:00"), **where) == Decimal(after)


@pytest.mark.parametrize("name", ["text-embedding-ada-002", "text-embedding-ada-002-v2"])
def test_the_first_price_of_embeddings_holds_for_the_name_by_which_the_model_answers(name: str) -> None:
    usage = Usage(Tokens(1_000_000, 0))
    assert amount(name, usage, at=at("2023-06-12", "23:59:59")) == Decimal("0.4")
    assert amount(name, usage, at=at("2023-06-13", "00:00:00")) == Decimal("0.1")


def test_the_day_is_the_day_in_utc() -> None:
    cut = datetime(2025, 6, 10, tzinfo=timezone.utc)
    in_tokyo = cut.astimezone(timezone(timedelta(hours=9)))
    assert in_tokyo.date() == date(2025, 6, 10)
    assert amount("o3", at=in_tokyo.timestamp()) == Decimal("0.28")
    assert amount("o3", at=in_tokyo.timestamp() - 1) == Decimal("1.4")


def test_before_its_first_row_a_model_has_no_price() -> None:
    result = ask("gpt-3.5-turbo", at=at("2023-02-28"))
    assert isinstance(result, Unpriced)
    assert (result.reason, result.missing) == ("missing_rate", ("standard",))


def test_a_retired_model_keeps_its_price() -> None:
    assert OPENAI["models"]["dall-e-3"]["retires"] < "2026-11-22"
    assert amount("dall-e-3", Usage(None, (("images standard 1024x1024", 1),))) == Decimal("0.04")


@pytest.mark.parametrize("name", ["container_4g", "container_16g", "container_64g"])
def test_container_fees_begin_on_their_day(name: str) -> None:
    usage = Usage(Tokens(0, 0), (), (Fee(name, 20),))
    before = ask("gpt-5", usage, at=at("2026-03-30", "23:59:59"))
    assert isinstance(before, Unpriced)
    assert before.missing == (name,)
    assert amount("gpt-5", usage, at=at("2026-03-31", "00:00:00")) == Decimal(OPENAI["fees"][name][0]["price"])


@pytest.mark.parametrize(
    ("day", "minutes", "billed"),
    [
        ("2026-06-02", Decimal("5.5"), "0.00825"),
        *[("2026-06-01", minutes, "0.03") for minutes in (0, 1, 6, 20, Decimal("19.5"))],
        *[("2026-06-01", minutes, "0.06") for minutes in (21, 40, Decimal("20.5"))],
        ("2026-06-01", 41, "0.09"),
        *[("2026-03-30", minutes, "0.03") for minutes in (0, 6, 20, 300)],
    ],
)
def test_containers_were_billed_by_the_session_then_by_twenty_minutes_then_by_the_minute(
    day: str, minutes: int, billed: str
) -> None:
    usage = Usage(Tokens(0, 0), (), (Fee("container_1g", minutes),))
    assert amount("gpt-5", usage, at=at(day)) == Decimal(billed)


# --- fees ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("minutes", "billed"), [(0, 5), (1, 5), (5, 5), (6, 6), (20, 20), (61, 61)])
def test_a_container_is_billed_by_the_minute_and_at_least_five(minutes: int, billed: int) -> None:
    usage = Usage(Tokens(0, 0), (), (Fee("container_4g", minutes),))
    assert amount("gpt-5", usage) == Decimal("0.12") * billed / 20


def test_a_lower_bound_of_a_fee_is_never_an_amount() -> None:
    result = ask("gpt-5", Usage(Tokens(1000, 0), (), (Fee("container_1g", 5, lower_bound=True),)))
    assert isinstance(result, Unpriced)
    assert (result.status, result.reason, result.missing) == ("partial", "missing_rate", ("container_1g",))
    assert result.partial is not None
    assert result.partial.amount == Decimal("0.00125") + Decimal("0.0075")


@pytest.mark.parametrize(
    ("model", "each"),
    [
        ("gpt-5", "0.01"),
        ("o4-mini", "0.01"),
        ("gpt-4o", "0.025"),
        ("gpt-4.1-mini-2025-04-14", "0.025"),
        ("gpt-4o-search-preview", "0.025"),
    ],
)
def test_the_preview_search_costs_less_on_reasoning_models(model: str, each: str) -> None:
    usage = Usage(Tokens(0, 0), (), (Fee("web_search_preview", 3),))
    assert amount(model, usage) == 3 * Decimal(each)


@pytest.mark.parametrize("model", ["gpt-5", "gpt-4o", "gpt-4.1-nano"])
def test_the_general_search_costs_the_same_on_all_models(model: str) -> None:
    assert amount(model, Usage(Tokens(0, 0), (), (Fee("web_search", 3),))) == Decimal("0.03")


def test_a_fee_without_a_price_leaves_the_tokens_as_a_lower_bound() -> None:
    result = ask("gpt-5", Usage(Tokens(1000, 0), (), (Fee("vector_storage", 3),)))
    assert isinstance(result, Unpriced)
    assert (result.status, result.missing) == ("partial", ("vector_storage",))
    assert result.partial is not None
    assert result.partial.amount == Decimal("0.00125")


# --- sums ------------------------------------------------------------------------------------------------------------


def summed(into: int | None, out: int = 0, **more: Any) -> Usage:
    """What several requests used together."""
    return Usage(Tokens(into, out, **more), is_sum=True)


@pytest.mark.parametrize("into", [0, 272_000])
def test_a_sum_within_the_threshold_hides_no_long_prompt(into: int) -> None:
    assert amount("gpt-5.5", summed(into)) == Decimal(into) * 5 / MILLION
    assert amount("gpt-5.5", summed(into), batch=True) == Decimal(into) * Decimal("2.5") / MILLION


def test_a_sum_above_the_threshold_has_the_rates_of_short_prompts_as_a_lower_bound() -> None:
    result = ask("gpt-5.5", summed(272_001, 1000), batch=True)
    assert isinstance(result, Unpriced)
    assert (result.status, result.reason, result.missing) == ("partial", "missing_rate", ("lengths of the prompts",))
    assert result.partial is not None
    assert result.partial.amount == (272_001 * Decimal("2.5") + 15_000) / MILLION


def test_a_sum_may_lack_rates_besides() -> None:
    result = ask("gpt-5.5", summed(300_000, cache_write=1000))
    assert isinstance(result, Unpriced)
    assert result.missing == ("cache_write", "lengths of the prompts")


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-5", "text-embedding-3-small"])
def test_a_sum_of_a_model_whose_prompts_cost_the_same_at_any_length_has_a_price(model: str) -> None:
    assert amount(model, summed(50_000_000)) == 500 * amount(model, Usage(Tokens(100_000, 0)))


def test_a_sum_that_cannot_be_is_inconsistent_as_any_usage() -> None:
    assert ask("gpt-5.5", summed(300_000, cache_read=300_001)) == Unpriced("inconsistent_usage")


# --- endpoints -------------------------------------------------------------------------------------------------------


def test_containers_are_billed_without_a_model() -> None:
    usage = Usage(fees=(Fee("container_4g", 8),))
    assert amount(None, usage, endpoint="containers") == Decimal("0.048")
    assert ask(None, usage, endpoint="containers", price_list=None) == Unpriced("unknown_provider")
    assert ask(None, usage, endpoint="containers", at=at("2026-03-30")) == Unpriced(
        "missing_rate", missing=("container_4g",)
    )


@pytest.mark.parametrize("endpoint", [None, "chat", "responses"])
@pytest.mark.parametrize("model", [None, ""])
def test_elsewhere_an_operation_without_a_model_has_no_price(model: str | None, endpoint: str | None) -> None:
    assert ask(model, endpoint=endpoint) == Unpriced("unknown_model")


def test_output_of_the_decisions_endpoint_is_free() -> None:
    usage = Usage(Tokens(1000, 500, 200))
    assert amount("gpt-6-luna", usage, endpoint="decisions") == Decimal("0.000082")
    assert amount("gpt-6-luna", usage, endpoint="responses") == Decimal("0.000332")
    assert amount("gpt-6-luna-2026-09-01", usage, endpoint="decisions") == Decimal("0.000082")


def test_the_decisions_endpoint_has_long_context_rates_and_no_other_tier_of_its_own() -> None:
    usage = Usage(Tokens(300_000, 500))
    assert amount("gpt-6-luna", usage, endpoint="decisions") == Decimal("0.06")
    assert amount("gpt-6-luna", usage, endpoint="decisions", tier="flex") == amount("gpt-6-luna", usage, tier="flex")


def test_audio_output_of_a_speech_model_is_output_on_the_speech_endpoint_only() -> None:
    usage = Usage(Tokens(100, 1000, audio_output=1000))
    assert amount("gpt-4o-mini-tts", usage, endpoint="speech") == Decimal("0.01206")
    result = ask("gpt-4o-mini-tts", usage, endpoint="chat")
    assert isinstance(result, Unpriced)
    assert result.missing == ("audio_output",)


# --- what stands in for what -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "tokens", "dimension", "as_much_as"),
    [
        ("gpt-5-pro", Tokens(1000, cache_read=1000), "cache_read", "input"),
        ("gpt-4o", Tokens(1000, image_input=1000), "image_input", "input"),
        ("gpt-4o", Tokens(1000, image_input=1000, cache_read=1000), "image_cache_read", "cache_read"),
        ("gpt-audio", Tokens(1000, audio_input=1000, cache_read=1000), "audio_cache_read", "audio_input"),
        ("gpt-image-2", Tokens(0, 1000, image_output=1000), "image_output", "output"),
        ("gpt-5", Tokens(0, 1000, reasoning=1000), "reasoning", "output"),
    ],
)
def test_what_openai_bills_at_another_rate_is_billed_so_and_says_so(
    model: str, tokens: Tokens, dimension: str, as_much_as: str
) -> None:
    result = ask(model, Usage(tokens))
    assert isinstance(result, Quote)
    (item,) = result.items
    assert item.dimension == dimension
    assert item.price == result.card.rates[as_much_as].price
    assert item.note


def test_a_twelve_hour_cache_write_costs_twice_the_thirty_minute_one_and_says_so() -> None:
    result = ask("gpt-6-sol", Usage(Tokens(1000, 0, cache_write_12h=1000)))
    assert isinstance(result, Quote)
    (item,) = result.items
    assert (item.dimension, item.price) == ("cache_write_12h", 5)
    assert item.note


def test_cache_writes_of_a_model_that_publishes_none_are_missing() -> None:
    result = ask("gpt-5", Usage(Tokens(1000, 0, cache_write=400)))
    assert isinstance(result, Unpriced)
    assert (result.status, result.missing) == ("partial", ("cache_write",))
    assert result.partial is not None
    assert result.partial.amount == Decimal("0.00075")


def test_audio_of_a_model_without_audio_is_missing() -> None:
    result = ask("gpt-5", Usage(Tokens(1000, 0, audio_input=400)))
    assert isinstance(result, Unpriced)
    assert result.missing == ("audio_input",)


@pytest.mark.parametrize("model", ["omni-moderation-latest", "text-moderation-latest"])
def test_moderation_is_known_to_be_free(model: str) -> None:
    assert amount(model, Usage(None, (("requests", 1),))) == 0


# --- compiled once ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "others"),
    [("gpt-5", {}), ("gpt-99", {}), ("gpt-5", {"tier": "scale"}), ("gpt-5", {"price_list": None}), (None, {})],
)
def test_an_answer_is_worked_out_once_a_day_be_it_a_price_or_none(model: str | None, others: dict[str, Any]) -> None:
    book = PriceBook(DATA)
    morning = Terms(model, at=at("2026-11-22", "00:00:00"), **others)
    evening = Terms(model, at=at("2026-11-22", "23:59:59"), **others)
    assert book.card(morning) is book.card(evening)


def test_another_day_or_other_terms_are_another_answer() -> None:
    book = PriceBook(DATA)
    base = Terms("o3", at=at("2025-06-09"))
    assert book.card(base) is not book.card(base._replace(at=at("2025-06-10")))
    for field, value in (
        ("tier", "flex"),
        ("batch", True),
        ("region", "eu"),
        ("window", "2h"),
        ("endpoint", "decisions"),
    ):
        assert book.card(base) is not book.card(base._replace(**{field: value}))
