# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""``explain``: the search for a model, the row that answers, and why others do not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
DAY = ("--date", "2026-11-22")


@pytest.fixture
def explain(run: Run, book: Path) -> Run:
    """Explains prices of the small book."""
    return lambda *arguments: run("explain", "--book", book, *arguments)


def test_an_explanation_shows_the_search_the_row_its_rates_and_the_rows_that_do_not_answer(explain: Run) -> None:
    result = explain("gpt-a-2026-07-01", *DAY)

    assert result == (
        0,
        "gpt-a-2026-07-01 on 2026-11-22 at api.openai.com\n"
        "\n"
        "list        openai: it holds at api.openai.com\n"
        "search      openai list, exact name gpt-a-2026-07-01: no\n"
        "            openai list, without its date gpt-a: found\n"
        "row         gpt-a, standard, since 2026-08-21\n"
        "source      genai-prices (two sources agree, or an official page says it)\n"
        "price book  2026-11-22\n"
        "\n"
        "Rates, USD per 1,000,000 tokens; long: above 272,000 input tokens\n"
        "dimension         rate  long  comes from\n"
        "input              4     8    the row\n"
        "cache_read         0.4   0.8  the row\n"
        "cache_write        5    10    the row\n"
        "cache_write_12h   10    20    twice the 30-minute write\n"
        "output            20    30    the row\n"
        "image_input        4     8    image tokens of this model are billed as text\n"
        "image_cache_read   0.4   0.8  image tokens of this model are billed as text\n"
        "image_output      20    30    image output at the output rate\n"
        "reasoning         20    30    reasoning tokens are output tokens\n"
        "no rate  audio_input, audio_cache_read, audio_output\n"
        "\n"
        "Rows that do not answer\n"
        "list          tier      input  cached  output  since   why not\n"
        "overlay       standard      5     0.5      30  always  replaced on 2026-08-21\n"
        "genai-prices  priority      8     0.8      40  always  for the priority tier\n",
        "",
    )


def test_a_doubtful_row_says_so_and_what_is_not_published_is_named(explain: Run) -> None:
    lines = explain("gpt-a", "--tier", "fast", "--region", "eu", *DAY).out.splitlines()

    assert lines[0] == "gpt-a on 2026-11-22 at eu.api.openai.com (fast)"
    assert lines[4:8] == [
        "row         gpt-a, priority, for as long as the model exists until 2026-12-31",
        "source      genai-prices (disputed)",
        "note        announced to end",
        "modifiers   regional=1.1",
    ]
    assert lines[12].split() == ["input", "8.8", "the", "row"]
    assert "no long rates  none are published: a longer prompt has no price here" in lines


def test_a_row_that_has_ended_or_not_begun_says_when(explain: Run) -> None:
    ended = explain("gpt-a", "--tier", "priority", "--date", "2027-01-01")
    begins = explain("gpt-a", "--date", "2026-08-20")

    assert ended.status == 4
    assert "unpriced    missing_rate: no price is published for a part of this call\n" in ended.out
    assert "hint        tiers of gpt-a that have prices on 2027-01-01: standard\n" in ended.out
    assert "Rows\n" in ended.out
    assert ended.out.endswith("genai-prices  priority      8     0.8      40  always      ended on 2026-12-31\n")
    assert begins.status == 0
    assert "genai-prices  standard      4     0.4      20  2026-08-21  begins on 2026-08-21\n" in begins.out


def test_a_fine_tuned_model_is_found_by_its_base(explain: Run) -> None:
    lines = explain("ft:gpt-b-2026-01-01:acme::x", *DAY).out.splitlines()

    assert lines[3:7] == [
        "search      openai list, exact name ft:gpt-b-2026-01-01:acme::x: no",
        "            openai list, base of the fine-tuned model ft:gpt-b-2026-01-01: no",
        "            openai list, without its date ft:gpt-b: found",
        "row         ft:gpt-b, standard, for as long as the model exists",
    ]


def test_the_retirement_and_a_single_source_are_shown(explain: Run) -> None:
    lines = explain("gpt-b", *DAY).out.splitlines()

    assert "source      genai-prices (single source)" in lines
    assert "retires     2027-04-01" in lines
    assert "cache_read           2  no cached rate is published: billed as input" in lines


def test_the_users_file_is_searched_first_and_its_prices_are_marked(explain: Run, save: Callable[..., Path]) -> None:
    prices = save(
        '[models."gpt-a"]\ninput = "3"\n[models."gpt-a".tiers.priority]\ninput = "7"\nfrom = 2027-01-01\n',
        "prices.toml",
    )

    lines = explain("gpt-a", "--prices", prices, *DAY).out.splitlines()

    assert lines[3:5] == [
        "search      your file, exact name gpt-a: found",
        "            openai list, exact name gpt-a: found",
    ]
    assert "your file   gpt-a, standard: over that, input" in lines
    assert "input              3     8    your file" in lines
    assert "output            20    30    the row" in lines
    assert lines[-1] == "your file     priority      7     -         -  2027-01-01  for the priority tier"


def test_an_alias_leads_to_openais_list_on_any_host(explain: Run, save: Callable[..., Path]) -> None:
    prices = save({"models": {"our-deployment": {"alias": "gpt-b"}}}, "prices.json")

    lines = explain("our-deployment", "--prices", prices, "--host", "llm.example", *DAY).out.splitlines()

    assert lines[2:7] == [
        "list        none: no bundled prices hold at llm.example",
        "search      your file, exact name our-deployment: found",
        "            openai list, exact name gpt-b: found",
        "alias       your file prices our-deployment as gpt-b",
        "row         gpt-b, standard, for as long as the model exists",
    ]


def test_an_alias_of_a_model_of_the_users_file_has_its_prices_too(explain: Run, save: Callable[..., Path]) -> None:
    prices = save({"models": {"our-deployment": {"alias": "gpt-b"}, "gpt-b": {"input": "1.5"}}}, "prices.json")

    lines = explain("our-deployment", "--prices", prices, *DAY).out.splitlines()

    assert lines[3:6] == [
        "search      your file, exact name our-deployment: found",
        "            your file, exact name gpt-b: found",
        "            openai list, exact name gpt-b: found",
    ]
    assert "your file   gpt-b, standard: over that, input" in lines


def test_a_host_named_in_the_users_file_has_the_list_stated_there(explain: Run, save: Callable[..., Path]) -> None:
    prices = save('[hosts."llm.example"]\nprovider = "openai"\n', "prices.toml")

    with_file = explain("gpt-b", "--prices", prices, "--host", "llm.example", *DAY)
    without = explain("gpt-b", "--host", "llm.example", *DAY)

    assert "list        openai: your file says so for llm.example\n" in with_file.out
    assert (with_file.status, without.status) == (0, 4)
    assert "unpriced    unknown_provider: no bundled prices hold on this host\n" in without.out


def test_an_unknown_model_has_no_rows(explain: Run) -> None:
    result = explain("gpt-c", *DAY)

    assert result == (
        4,
        "gpt-c on 2026-11-22 at api.openai.com\n"
        "\n"
        "list        openai: it holds at api.openai.com\n"
        "search      openai list, exact name gpt-c: no\n"
        "unpriced    unknown_model: no price list in use names this model\n"
        "hint        similar names that have prices: gpt-b, gpt-a\n"
        "            a price file (--prices) can name its prices\n"
        "price book  2026-11-22\n",
        "",
    )


def test_other_units_are_shown_by_their_unit(explain: Run) -> None:
    lines = explain("live-1", *DAY).out.splitlines()

    assert lines[-2:] == [
        "dimension      rate  unit                  comes from",
        "audio_seconds  0.05  per 60 audio_seconds  the row",
    ]


def test_a_row_for_one_endpoint_goes_before_the_general_one_there(
    run: Run, document: dict[str, Any], save: Callable[..., Path]
) -> None:
    document["providers"]["openai"]["models"]["gpt-b"]["rates"].insert(
        1, {"tier": "standard", "endpoint": "decisions", "input": "2", "output": "0", "source": "litellm"}
    )
    book = save(document)

    there = run("explain", "gpt-b", "--book", book, "--endpoint", "decisions", "--json", *DAY).json
    elsewhere = run("explain", "gpt-b", "--book", book, "--json", *DAY).json

    assert there["row"]["endpoint"] == "decisions"
    assert there["other_rows"][0]["why_not"] == "the row for the endpoint decisions goes before it"
    assert elsewhere["other_rows"][0]["why_not"] == "for the endpoint decisions only"


def test_the_same_as_json(explain: Run) -> None:
    result = explain("gpt-b-2026-01-01", "--batch", "--json", *DAY)

    assert result.status == 0
    told = result.json
    rates = told.pop("rates")
    assert told == {
        "model": "gpt-b-2026-01-01",
        "tier": "batch",
        "date": "2026-11-22",
        "host": "api.openai.com",
        "price_list": "openai",
        "because": "it holds at api.openai.com",
        "search": [
            {"where": "openai list", "rule": "exact name", "tried": "gpt-b-2026-01-01", "found": None},
            {"where": "openai list", "rule": "without its date", "tried": "gpt-b", "found": "gpt-b"},
        ],
        "alias": None,
        "priced_as": "gpt-b",
        "reason": None,
        "missing": [],
        "row": {"tier": "batch", "input": "1", "output": "4", "source": "genai-prices"},
        "other_rows": [
            {
                "row": {
                    "tier": "standard",
                    "input": "2",
                    "output": "8",
                    "source": "genai-prices",
                    "confidence": "single-source",
                },
                "why_not": "for the standard tier",
            }
        ],
        "your_rows": [],
        "modifiers": [],
        "currency": "USD",
        "long_above": None,
        "long_rates": {},
        "no_rate": ["cache_write", "cache_write_12h", "audio_input", "audio_cache_read", "audio_output"],
        "retires": "2027-04-01",
        "price_book": "2026-11-22",
    }
    assert rates["input"] == {"price": "1", "per": 1000000, "stands_in": False, "note": None}
    assert rates["cache_read"] == {
        "price": "1",
        "per": 1000000,
        "stands_in": True,
        "note": "no cached rate is published: billed as input",
    }
