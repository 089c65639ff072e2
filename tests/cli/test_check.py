# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""``check``: what a price file changes, or the one reason why it cannot be used."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
DAY = ("--date", "2026-11-22")

FILE = """\
[models."acme-gpt"]
input = "0.90"
output = "5.00"

[models."our-deployment"]
alias = "gpt-b"

[models."gpt-a"]
input = "3"
long.input = "6"

[models."gpt-a".tiers.priority]
input = "7"
from = 2027-01-01

[models."speech-1"]
characters = { price = "12", per = 1000000 }

[[discounts]]
match = "gpt-*"
percent = 15
from = 2026-07-01
until = 2027-06-30

[fees.web_search]
price = "8"
per = 1000

[hosts."llm.internal"]
provider = "openai"
"""


@pytest.fixture
def check(run: Run, book: Path) -> Run:
    """Checks a file against the small book."""
    return lambda *arguments: run("check", "--book", book, *arguments)


def test_a_usable_file_shows_each_price_beside_the_one_it_replaces(check: Run, save: Callable[..., Path]) -> None:
    path = save(FILE, "prices.toml")

    result = check(path, *DAY)

    assert result == (
        0,
        f"{path} can be used over the price book of 2026-11-22.\n"
        "\n"
        "model     tier      dimension   book      file  unit           when\n"
        "acme-gpt  standard  input          -  ->   0.9  per 1,000,000\n"
        "acme-gpt  standard  output         -  ->   5    per 1,000,000\n"
        "gpt-a     standard  input          4  ->   3    per 1,000,000\n"
        "gpt-a     standard  long input     8  ->   6    per 1,000,000\n"
        "gpt-a     priority  input          -  ->   7    per 1,000,000  from 2027-01-01\n"
        "speech-1  standard  characters    15  ->  12    per 1,000,000\n"
        "\n"
        "alias     our-deployment is priced as gpt-b\n"
        "discount  15 % off the token prices of gpt-* (2 of the names that have prices), from 2026-07-01\n"
        "          until 2027-06-30\n"
        "fee       web_search: 10 per 1000 -> 8 per 1000\n"
        "host      llm.internal bills by the list of openai\n",
        "",
    )


def test_the_same_as_json(check: Run, save: Callable[..., Path]) -> None:
    result = check(save(FILE, "prices.toml"), "--json", *DAY)

    assert result.status == 0
    told = result.json
    assert len(told.pop("digest")) == 8
    changes = told.pop("changes")
    assert changes[2] == {
        "model": "gpt-a",
        "tier": "standard",
        "dimension": "input",
        "old": "4",
        "new": "3",
        "per": 1000000,
        "currency": "USD",
        "from": None,
        "until": None,
    }
    assert told == {
        "usable": True,
        "price_book": "2026-11-22",
        "date": "2026-11-22",
        "currency": "USD",
        "aliases": {"our-deployment": "gpt-b"},
        "discounts": [{"match": "gpt-*", "percent": "15", "from": "2026-07-01", "until": "2027-06-30"}],
        "fees": [{"name": "web_search", "old": "10 per 1000", "new": "8 per 1000"}],
        "hosts": {"llm.internal": "openai"},
        "batches": {"long_prompts": True},
        "warnings": [],
    }


def test_another_currency_is_shown_at_the_prices(check: Run, save: Callable[..., Path]) -> None:
    result = check(save('currency = "EUR"\n[models."gpt-b"]\ninput = "1.8"\n', "prices.toml"), *DAY)

    assert "gpt-b  standard  input         2  ->  1.8 EUR  per 1,000,000\n" in result.out
    assert result.out.endswith("\ncurrency  EUR\n")


def test_what_is_said_of_training_and_of_batches_is_shown(check: Run, save: Callable[..., Path]) -> None:
    training = '[models."gpt-b"]\ntraining_tokens = { price = "3", per = 1000000 }\n'
    path = save(f"[batches]\nlong_prompts = false\n{training}", "prices.toml")

    told = check(path, *DAY).out

    assert "gpt-b  standard  training_tokens     -  ->     3  per 1,000,000\n" in told
    assert told.endswith("\nbatches  no prompt in them is long\n")
    assert check(path, *DAY, "--json").json["batches"] == {"long_prompts": False}


def test_a_fee_with_prices_by_class_shows_them_all(check: Run, save: Callable[..., Path]) -> None:
    result = check(save('[fees.web_search_preview]\nprice = "20"\nper = 1000\n', "prices.toml"), *DAY)

    assert "fee  web_search_preview: 10 per 1000 or 25 per 1000 -> 20 per 1000\n" in result.out


def test_what_is_hardly_meant_is_a_warning(check: Run, save: Callable[..., Path]) -> None:
    path = save(
        '[models."a"]\nalias = "gpt-x"\n[models."gpt-b"]\ninput = "1"\ncache_read = "2"\nuntil = 2026-01-01\n'
        '[[discounts]]\nmatch = "gpd-*"\npercent = 1\nuntil = 2026-01-01\n[fees.web_serch]\nprice = "1"\nper = 1\n',
        "prices.toml",
    )

    result = check(path, "--json", *DAY)

    assert result.status == 0
    assert result.json["warnings"] == [
        "models.\"a\".alias: no list names 'gpt-x': what the file does not price is missing",
        'models."gpt-b": standard: cached input is dearer than input',
        'models."gpt-b": standard: ended on 2026-01-01',
        "discounts: 'gpd-*' matches no model that has a price",
        "discounts: 'gpd-*' ended on 2026-01-01",
        "fees.web_serch: no tool is billed under this name; known are web_search, web_search_preview, container_4g",
    ]
    assert '\nwarning  models."gpt-b": standard: ended on 2026-01-01\n' in check(path, *DAY).out


def test_an_empty_file_changes_nothing(check: Run, save: Callable[..., Path]) -> None:
    assert check(save("", "prices.toml")).out.endswith("The file is empty: it changes nothing.\n")


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("prices.toml", '[models."a"]\ninput = 0.9\n', 'models."a".input: 0.9 is not a price: write it as a string'),
        ("prices.toml", '[models."a"]\ninptu = "1"\n', 'models."a".inptu: unknown key; known are alias, '),
        ("prices.toml", '[models."a"\n', "not TOML: "),
        ("prices.json", '{"models": {', "not JSON: "),
        ("prices.json", "[]", "top level: expected a table"),
    ],
)
def test_a_file_that_cannot_be_used_gives_one_reason(
    check: Run, save: Callable[..., Path], name: str, content: str, complaint: str
) -> None:
    path = save(content, name)

    result = check(path)

    assert (result.status, result.out) == (1, "")
    assert result.err.startswith(f"{path}: {complaint}")
    assert result.err.count("\n") == 1


def test_a_line_of_a_broken_file_is_named(check: Run, save: Callable[..., Path]) -> None:
    assert "line 2" in check(save('[models."a"]\ninput = \n', "prices.toml")).err


def test_the_reason_as_json(check: Run, tmp_path: Path) -> None:
    result = check(tmp_path / "none.toml", "--json")

    assert result.status == 1
    assert result.json == {"usable": False, "error": f"{tmp_path / 'none.toml'}: No such file or directory"}
