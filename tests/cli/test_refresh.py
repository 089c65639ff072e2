# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""A refresh from the data of genai-prices: what it takes, what it leaves to a review."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from opentelemetry.instrumentation.openai_cost.cli import reviewed
from opentelemetry.instrumentation.openai_cost.cli.refresh import installed, is_newer, refresh
from opentelemetry.instrumentation.openai_cost.pricing import bundled_data

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OVERLAY = Path(__file__).resolve().parents[2] / "tools/overlay.toml"
TODAY = "2026-12-05"


def model(name: str, prices: str, variants: str = "") -> str:
    price = prices if prices.startswith("[") else f"ModelPrice({prices})"
    return f"ModelInfo(id='{name}', match=ClauseEquals(equals='{name}'), prices={price}, price_variants=[{variants}]),"


def mtok(**prices: str) -> str:
    return ", ".join(f"{name}_mtok=Decimal('{price}')" for name, price in prices.items())


def since(day: str, prices: str) -> str:
    year, month, number = (int(part) for part in day.split("-"))
    return (
        f"ConditionalPrice(constraint=StartDateConstraint(start_date=datetime.date({year}, {month}, {number})), "
        f"prices=ModelPrice({prices})),"
    )


def refreshed(document: dict[str, Any], models: str, version: str = "0.3.0") -> tuple[Any, tuple[str, ...]]:
    source = f"providers = [Provider(id='azure', models=[]), Provider(id='openai', models=[{models}])]\n"
    return refresh(document, source, version, TODAY)


def rows(book: Any, name: str) -> list[dict[str, Any]]:
    return book["providers"]["openai"]["models"][name]["rates"]


def test_a_price_that_changed_without_a_date_holds_from_the_day_it_was_seen(document: dict[str, Any]) -> None:
    book, left = refreshed(document, model("gpt-b", mtok(input="1.5", output="8")))

    assert left == ()
    assert (book["version"], book["sources"]) == (TODAY, {"genai-prices": "0.3.0", "litellm": "1.109.1"})
    before, after = rows(book, "gpt-b")[:2]
    assert before == rows(document, "gpt-b")[0]
    assert after == {
        "tier": "standard",
        "from": TODAY,
        "input": "1.5",
        "output": "8",
        "source": "genai-prices",
        "confidence": "single-source",
        "note": "genai-prices 0.3.0, not reviewed; the day of the change lies between 2026-11-22 and 2026-12-05",
    }


def test_a_price_that_changed_on_a_known_day_holds_from_then_on(document: dict[str, Any]) -> None:
    history = f"[ConditionalPrice(prices=ModelPrice({mtok(input='2', output='8')})), "
    history += since("2026-11-30", mtok(input="1.5", output="8")) + since("2027-01-01", mtok(input="1.2", output="8"))

    book, _ = refreshed(document, model("gpt-b", history + "]"))

    found = [
        (row.get("from"), row["input"], row.get("note")) for row in rows(book, "gpt-b") if row["tier"] == "standard"
    ]
    assert found == [
        (None, "2", None),
        ("2026-11-30", "1.5", "genai-prices 0.3.0, not reviewed"),
        ("2027-01-01", "1.2", "genai-prices 0.3.0, not reviewed"),
    ]


def test_a_day_before_the_review_is_no_day_from_which_calls_are_priced_anew(document: dict[str, Any]) -> None:
    history = "[" + since("2026-10-01", mtok(input="1.5", output="8")) + "]"

    book, _ = refreshed(document, model("gpt-b", history))

    assert [row.get("from") for row in rows(book, "gpt-b") if row["tier"] == "standard"] == [None, TODAY]


def test_what_the_row_has_beside_the_changed_price_stays(document: dict[str, Any]) -> None:
    tiers = "TieredPrices(base=Decimal('3'), tiers=[Tier(start=272000, price=Decimal('6'))])"
    prices = f"input_mtok={tiers}, " + mtok(cache_read="0.4", output="20")

    book, left = refreshed(document, model("gpt-a", prices))

    new = rows(book, "gpt-a")[2]
    assert (new["input"], new["cache_write"], new["long"]["input"], new["long"]["output"]) == ("3", "5", "6", "30")
    assert left == ()


def test_rows_of_another_source_are_decisions_and_stay(document: dict[str, Any]) -> None:
    book, _ = refreshed(document, model("ft:gpt-b", mtok(input="1", output="1")))

    assert rows(book, "ft:gpt-b") == rows(document, "ft:gpt-b")


def test_a_tier_or_dimension_that_the_review_left_out_stays_out_and_is_reported(document: dict[str, Any]) -> None:
    flex = f"PriceVariant(when={{'service_tier': 'flex'}}, prices=ModelPrice({mtok(input='1', output='4')})),"

    book, left = refreshed(document, model("gpt-b", mtok(input="2", output="8", cache_read="0.5"), flex))

    assert rows(book, "gpt-b") == rows(document, "gpt-b")
    assert left == (
        "openai gpt-b standard: the book has no cache_read, genai-prices says 0.5",
        "openai gpt-b flex: the book has no such row",
    )


def test_a_price_that_the_review_overruled_stays_overruled(document: dict[str, Any]) -> None:
    row = {"tier": "standard", "input": "2.5", "audio_input": "2.5", "output": "10", "source": "genai-prices"}
    document["providers"]["openai"]["models"]["gpt-4o-transcribe"] = {"rates": [row]}

    book, left = refreshed(
        document, model("gpt-4o-transcribe", mtok(input="2.5", output="9") + ", input_audio_mtok=Decimal('6')")
    )

    assert [(row["audio_input"], row["output"]) for row in rows(book, "gpt-4o-transcribe")] == [
        ("2.5", "10"),
        ("2.5", "9"),
    ]
    assert left == ("openai gpt-4o-transcribe standard: the review decided that audio_input is 2.5, not 6",)


def test_a_new_model_is_added_with_what_is_known_of_new_models(document: dict[str, Any]) -> None:
    priority = f"PriceVariant(when={{'service_tier': 'priority'}}, prices=ModelPrice({mtok(input='6', output='18')})),"
    models = model("gpt-7", mtok(input="3", output="9"), priority) + model("say-2", mtok(input="1"))

    book, _ = refreshed(document, models)

    added = book["providers"]["openai"]["models"]
    mark = {"source": "genai-prices", "confidence": "single-source", "note": "genai-prices 0.3.0, not reviewed"}
    assert added["gpt-7"] == {
        "class": "reasoning",
        "regional": "1.1",
        "rates": [
            {"tier": "standard", "input": "3", "output": "9", **mark},
            {"tier": "priority", "input": "6", "output": "18", **mark},
        ],
    }
    assert added["say-2"] == {"regional": "1.1", "rates": [{"tier": "standard", "input": "1", **mark}]}
    assert [*added] == sorted(added)


def test_snapshots_of_known_models_and_names_that_are_not_sold_are_not_added(document: dict[str, Any]) -> None:
    names = ("gpt-b-2026-12-01", "gpt-oss-120b", "gpt-5-9")

    book, _ = refreshed(document, "".join(model(name, mtok(input="2", output="8")) for name in names))

    assert book["providers"]["openai"]["models"].keys() == document["providers"]["openai"]["models"].keys()


def test_data_with_nothing_new_gives_the_same_prices_under_its_version(document: dict[str, Any]) -> None:
    book, left = refreshed(document, model("gpt-b", mtok(input="2", output="8")))
    same, _ = refreshed(document, model("gpt-b", mtok(input="2", output="8")), "0.2.3")

    assert (book["providers"], left) == (document["providers"], ())
    assert (book["version"], book["sources"]["genai-prices"]) == (TODAY, "0.3.0")
    assert same == document


def test_a_refresh_of_a_refreshed_book_keeps_the_day_of_the_first(document: dict[str, Any]) -> None:
    models = model("gpt-b", mtok(input="1.5", output="8"))
    first, _ = refreshed(document, models)

    second, _ = refresh(
        first,
        f"providers = [Provider(id='azure', models=[]), Provider(id='openai', models=[{models}])]\n",
        "0.4.0",
        "2027-01-09",
    )

    assert rows(second, "gpt-b") == rows(first, "gpt-b")
    assert second["version"] == "2027-01-09"


@pytest.mark.parametrize(
    ("version", "than", "newer"), [("0.2.10", "0.2.9", True), ("0.2.3", "0.2.3", False), ("0.2.3", "1.0", False)]
)
def test_versions_are_compared_by_their_numbers(version: str, than: str, newer: bool) -> None:
    assert is_newer(version, than) is newer


@pytest.mark.skipif(importlib.util.find_spec("genai_prices") is None, reason="genai-prices is not installed")
def test_the_data_that_the_bundled_book_was_made_from_changes_nothing() -> None:
    version, source = installed()
    book = bundled_data()
    if version != book["sources"]["genai-prices"]:  # type: ignore[index]
        pytest.skip("another version of genai-prices is installed")

    assert refresh(book, source, version, TODAY)[0] == book


def test_what_the_review_decided_is_what_the_overlay_says() -> None:
    overlay = tomllib.loads(OVERLAY.read_text(encoding="utf-8"))
    against = {
        (
            verdict.get("provider", "openai"),
            tuple(verdict["models"]),
            tuple(verdict["tiers"]),
            tuple(verdict.get("keys", ["*"])),
        )
        for verdict in overlay["verdicts"]
        if verdict["take"] in ("litellm", "value")
    }
    excluded = [name for rule in overlay["providers"]["openai"]["exclude"] for name in rule["models"]]

    assert {(provider, *rule) for provider, rules in reviewed.OVERRULED.items() for rule in rules} == against
    assert sorted(reviewed.NOT_SOLD["openai"]) == sorted(excluded)
