# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""``models``: the small book of ``conftest.py`` as a table and as JSON."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
DAY = ("--date", "2026-11-22")


@pytest.fixture
def models(run: Run, book: Path) -> Run:
    """Lists the small book."""
    return lambda *arguments: run("models", "--book", book, *arguments)


def test_the_table_shows_tiers_prices_dates_and_sources(models: Run) -> None:
    result = models(*DAY)

    assert result == (
        0,
        "openai, standard tier, on 2026-11-22; price book 2026-11-22\n"
        "\n"
        "model     tiers  input  cached  output  since       retires     source\n"
        "draw-1    S....      5     -        40  always                  litellm\n"
        "film-1    S....      -     -         -  always                  litellm\n"
        "ft:gpt-b  S....      3     -        12  always                  litellm\n"
        "gpt-a     S.P..      4     0.4      20  2026-08-21              genai-prices\n"
        "gpt-b     S...B      2     -         8  always      2027-04-01  genai-prices\n"
        "live-1    S....      -     -         -  always                  litellm\n"
        "speech-1  S....      -     -         -  always                  genai-prices\n"
        "\n"
        "model     in other units\n"
        "draw-1    0.011 to 0.167 per image\n"
        "film-1    0.1 per video_second\n"
        "live-1    0.05 per 60 audio_seconds\n"
        "speech-1  15 per 1,000,000 characters\n"
        "\n"
        "7 models\n"
        "tiers   S standard, F flex, P priority, U ultrafast, B batch\n"
        "prices  USD per 1,000,000 tokens; -: none of its own (cached input is then billed as input)\n",
        "",
    )


def test_a_pattern_limits_the_list(models: Run) -> None:
    result = models("--filter", "*gpt-b", "--json", *DAY)

    assert [model["model"] for model in result.json["models"]] == ["ft:gpt-b", "gpt-b"]


def test_the_prices_are_those_of_the_day(models: Run) -> None:
    lines = models("--filter", "gpt-a", "--date", "2026-08-20").out.splitlines()

    assert lines[2:4] == [
        "model  tiers  input  cached  output  since   source",
        "gpt-a  S.P..      5     0.5      30  always  overlay",
    ]


def test_a_tier_lists_only_the_models_that_have_it(models: Run) -> None:
    result = models("--tier", "fast", "--json", *DAY)

    assert result.json["tier"] == "priority"
    assert [(model["model"], model["rates"]["input"]["price"]) for model in result.json["models"]] == [("gpt-a", "8")]


def test_a_tier_that_has_ended_is_no_longer_listed(models: Run) -> None:
    result = models("--tier", "priority", "--date", "2027-01-01")

    assert result == (
        4,
        "openai, priority tier, on 2027-01-01; price book 2026-11-22\n"
        "\n"
        "no model of that name has prices for that tier on that day\n",
        "",
    )


def test_azure_has_a_list_of_its_own(models: Run) -> None:
    result = models("--provider", "azure.ai.openai", "--json", *DAY)

    assert [(model["model"], model["rates"]["input"]["price"]) for model in result.json["models"]] == [("gpt-b", "2.2")]


def test_json_has_every_published_rate_and_none_that_only_stands_in(models: Run) -> None:
    result = models("--filter", "gpt-a", "--json", *DAY)

    assert result.json == {
        "provider": "openai",
        "tier": "standard",
        "date": "2026-11-22",
        "price_book": "2026-11-22",
        "models": [
            {
                "model": "gpt-a",
                "tiers": ["standard", "priority"],
                "rates": {
                    "input": {"price": "4", "per": 1000000},
                    "cache_read": {"price": "0.4", "per": 1000000},
                    "cache_write": {"price": "5", "per": 1000000},
                    "output": {"price": "20", "per": 1000000},
                },
                "long": {
                    "input": {"price": "8", "per": 1000000},
                    "cache_read": {"price": "0.8", "per": 1000000},
                    "cache_write": {"price": "10", "per": 1000000},
                    "output": {"price": "30", "per": 1000000},
                },
                "currency": "USD",
                "since": "2026-08-21",
                "retires": None,
                "source": "genai-prices",
            }
        ],
    }


def test_models_and_prices_of_the_users_file_are_listed_too(models: Run, save: Callable[..., Path]) -> None:
    prices = save(
        {
            "models": {
                "acme-gpt": {"input": "0.90", "output": "5", "currency": "EUR"},
                "gpt-b": {"tiers": {"flex": {"input": "1.5", "output": "6"}}},
            }
        },
        "prices.json",
    )

    lines = models("--prices", prices, "--filter", "acme*", *DAY).out.splitlines()
    own = models("--prices", prices, "--filter", "acme*", "--json", *DAY).json["models"]
    flex = models("--prices", prices, "--tier", "flex", "--json", *DAY).json["models"]

    assert lines[3] == "acme-gpt  S....  0.9 EUR       -   5 EUR  always  user"
    assert (own[0]["model"], own[0]["source"], own[0]["currency"]) == ("acme-gpt", "user", "EUR")
    assert [(model["model"], model["source"], model["tiers"]) for model in flex] == [
        ("gpt-b", "user", ["standard", "flex", "batch"])
    ]


def test_the_whole_bundled_book_fits_a_hundred_columns(run: Run) -> None:
    result = run("models")

    assert result.status == 0
    assert max(map(len, result.out.splitlines())) <= 100
