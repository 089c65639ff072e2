# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""``diff``: two books, row by row."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from opentelemetry.instrumentation.openai_cost.pricing.book import BUNDLED

Run = Callable[..., Any]


@pytest.fixture
def newer(document: dict[str, Any], save: Callable[..., Path]) -> Path:
    """The small book a fortnight later."""
    document["version"] = "2026-12-05"
    document["sources"]["genai-prices"] = "0.3.0"
    openai = document["providers"]["openai"]
    openai["regions"].append("jp")
    openai["fees"]["web_search"][0]["price"] = "9"
    a = openai["models"]["gpt-a"]
    a["retires"] = "2027-12-31"
    a["rates"][1]["input"] = "3.5"
    a["rates"][1]["long"]["input"] = "7"
    a["rates"][2]["long"] = {"input": "16", "cache_read": "1.6", "cache_write": "20", "output": "60"}
    del openai["models"]["film-1"]
    openai["models"]["gpt-z"] = {"rates": [{"tier": "standard", "input": "3", "output": "9", "source": "overlay"}]}
    return save(document, "newer.json")


def test_equal_books_have_no_difference(run: Run, book: Path) -> None:
    assert run("diff", book, book) == (0, "no difference; both of 2026-11-22\n", "")


def test_changed_added_and_removed_rows_and_everything_else_are_listed(run: Run, book: Path, newer: Path) -> None:
    result = run("diff", book, newer)

    assert result == (
        1,
        "price book of 2026-11-22 -> price book of 2026-12-05\n"
        "\n"
        "changed\n"
        "  openai gpt-a standard from 2026-08-21: input 4 -> 3.5, long input 8 -> 7\n"
        "  openai gpt-a priority: long input - -> 16, long cache_read - -> 1.6, long cache_write - -> 20,\n"
        "      long output - -> 60, long not published -> -\n"
        "\n"
        "added\n"
        "  openai gpt-z standard: input 3, output 9\n"
        "\n"
        "removed\n"
        "  openai film-1 standard: video_seconds 0.1/1\n"
        "\n"
        "other\n"
        "  book: version 2026-11-22 -> 2026-12-05, genai-prices 0.2.3 -> 0.3.0\n"
        "  openai: regions [eu, us] -> [eu, us, jp]\n"
        "  openai fees: web_search [10/1000] -> [9/1000]\n"
        "  openai gpt-a: retires - -> 2027-12-31\n"
        "\n"
        "rows: 2 changed, 1 added, 1 removed\n",
        "",
    )


def test_the_same_as_json(run: Run, book: Path, newer: Path) -> None:
    result = run("diff", book, newer, "--json")

    assert result.status == 1
    told = result.json
    assert told["versions"] == ["2026-11-22", "2026-12-05"]
    assert told["changed"][0] == {
        "provider": "openai",
        "model": "gpt-a",
        "tier": "standard",
        "endpoint": None,
        "from": "2026-08-21",
        "changes": {"input": {"old": "4", "new": "3.5"}, "long input": {"old": "8", "new": "7"}},
    }
    assert told["added"] == [
        {
            "provider": "openai",
            "model": "gpt-z",
            "tier": "standard",
            "endpoint": None,
            "from": None,
            "row": {"tier": "standard", "input": "3", "output": "9", "source": "overlay"},
        }
    ]
    assert [row["model"] for row in told["removed"]] == ["film-1"]
    assert {"place": "openai gpt-a", "key": "retires", "old": None, "new": "2027-12-31"} in told["other"]


def test_the_second_book_is_the_bundled_one_unless_named(run: Run, book: Path) -> None:
    assert run("diff", BUNDLED).status == 0
    assert run("diff", book).status == 1


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda book: book.update(schema=2), "schema is 2; this version of the package reads 1"),
        (lambda book: book.update(extra=1), "top level: unknown key 'extra'"),
        (lambda book: book.update(version="soon"), "version: not an ISO date: 'soon'"),
        (lambda book: book.update(sources={"genai-prices": 2}), "sources: genai-prices: not a version: 2"),
        (lambda book: book["providers"].pop("azure.ai.openai"), "providers: azure.ai.openai is missing"),
        (
            lambda book: book["providers"]["openai"].update(long_context_above="1"),
            "openai: long_context_above is no number",
        ),
        (lambda book: book["providers"]["openai"].update(regions=[1]), "openai: regions: expected strings"),
        (
            lambda book: book["providers"]["openai"]["windows"]["2h"].update(multiplier="7"),
            "openai: windows: 2h: multiplier is 7",
        ),
        (lambda book: book["providers"]["openai"]["fees"].update(pigeon=[]), "openai: fees: pigeon: unknown fee"),
        (
            lambda book: book["providers"]["openai"]["fees"]["web_search"][0].update(per=0),
            "openai: fees: web_search: not a price: '10' per 0",
        ),
        (
            lambda book: book["providers"]["openai"]["fees"]["container_4g"][0].update(minimum="5"),
            "openai: fees: container_4g: minimum is '5'",
        ),
        (
            lambda book: book["providers"]["openai"]["fees"].update(
                container_4g=[{"price": "0.12", "per": 20, "block": 20, "source": "overlay"}]
            ),
            "openai: fees: container_4g: a block or a maximum needs a minimum",
        ),
        (lambda book: rows(book).clear(), "openai: gpt-b: no rates"),
        (lambda book: rows(book)[0].update(input=2.5), "openai: gpt-b: rates[0]: input: not a decimal: 2.5"),
        (lambda book: rows(book)[0].update(input="-1"), "openai: gpt-b: rates[0]: input is -1"),
        (lambda book: rows(book)[0].update(tier="express"), "openai: gpt-b: rates[0]: unknown tier express"),
        (lambda book: rows(book)[0].update(source="hearsay"), "openai: gpt-b: rates[0]: no source"),
        (lambda book: rows(book)[0].update(confidence="sure"), "openai: gpt-b: rates[0]: unknown confidence sure"),
        (lambda book: rows(book)[0].update({"from": "May"}), "openai: gpt-b: rates[0]: not an ISO date: 'May'"),
        (lambda book: rows(book)[0].update(long={"words": "1"}), "openai: gpt-b: rates[0]: long: unknown key 'words'"),
        (
            lambda book: rows(book)[0].update(characters={"price": "15", "per": 1000}),
            "openai: gpt-b: rates[0]: characters: a price per 1000, expected per 1000000",
        ),
        (lambda book: model(book).update(retires="May"), "openai: gpt-b: retires: not an ISO date: 'May'"),
        (lambda book: model(book).update(regional="much"), "openai: gpt-b: regional: not a decimal: 'much'"),
        (lambda book: model(book).update(colour="red"), "openai: gpt-b: unknown key 'colour'"),
    ],
)
def test_what_is_no_price_book_is_refused_with_the_place(
    run: Run,
    book: Path,
    document: dict[str, Any],
    save: Callable[..., Path],
    change: Callable[[Any], None],
    complaint: str,
) -> None:
    change(document)
    path = save(document, "bad.json")

    result = run("diff", book, path)

    assert (result.status, result.out) == (2, "")
    assert result.err.startswith(f"opentelemetry-openai-cost diff: error: {path}: {complaint}")


def model(book: Any) -> Any:
    return book["providers"]["openai"]["models"]["gpt-b"]


def rows(book: Any) -> Any:
    return model(book)["rates"]


def test_a_file_that_is_not_there_or_not_json_is_refused(run: Run, book: Path, save: Callable[..., Path]) -> None:
    assert run("diff", book, book.with_name("none.json")).err.endswith("none.json: No such file or directory\n")
    assert "broken.json: not JSON: Expecting" in run("diff", save("{", "broken.json")).err
