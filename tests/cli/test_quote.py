# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""``quote``: exact text, exact JSON, exact statuses; prices are those of the small book in ``conftest.py``."""

import io
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
PAYLOADS = Path(__file__).resolve().parents[1] / "payloads"
DAY = ("--date", "2026-11-22")


@pytest.fixture
def quote(run: Run, book: Path) -> Run:
    """Quotes from the small book."""
    return lambda *arguments: run("quote", "--book", book, *arguments)


def amount(result: Any) -> Decimal:
    assert result.status == 0, result
    return Decimal(result.json["amount"])


# --- what is printed -------------------------------------------------------------------------------------------------


def test_a_quote_shows_every_line_its_price_its_list_and_the_total(quote: Run) -> None:
    result = quote("--model", "gpt-a", "--input", "10000", "--cached", "4000", "--output", "1000", *DAY)

    assert result == (
        0,
        "gpt-a on 2026-11-22 at api.openai.com\n"
        "\n"
        "dimension   quantity  unit price        per  amount  list          since\n"
        "input          6,000         4    1,000,000  0.024   genai-prices  2026-08-21\n"
        "cache_read     4,000         0.4  1,000,000  0.0016  genai-prices  2026-08-21\n"
        "output         1,000        20    1,000,000  0.02    genai-prices  2026-08-21\n"
        "\n"
        "amount      0.0456 USD\n"
        "price book  2026-11-22\n",
        "",
    )


def test_notes_stand_below_the_table_each_once(quote: Run) -> None:
    result = quote(
        *("--model", "gpt-b", "--input", "1000", "--cached", "400", "--output", "50", "--reasoning", "20"), *DAY
    )

    assert result.out == (
        "gpt-b on 2026-11-22 at api.openai.com\n"
        "\n"
        "dimension   quantity  unit price        per   amount  list          since   note\n"
        "input            600           2  1,000,000  0.0012   genai-prices  always     1\n"
        "cache_read       400           2  1,000,000  0.0008   genai-prices  always     2\n"
        "output            30           8  1,000,000  0.00024  genai-prices  always     1\n"
        "reasoning         20           8  1,000,000  0.00016  genai-prices  always     3\n"
        "  1  single-source\n"
        "  2  no cached rate is published: billed as input\n"
        "  3  reasoning tokens are output tokens\n"
        "\n"
        "amount      0.0024 USD\n"
        "price book  2026-11-22\n"
    )


def test_the_same_as_json_has_its_decimals_as_strings(quote: Run) -> None:
    result = quote("--model", "gpt-b-2026-01-01", "--input", "1000", "--tool", "web_search=3", "--json", *DAY)

    assert result.status == 0
    assert result.json == {
        "status": "priced",
        "reason": None,
        "missing": [],
        "model": "gpt-b-2026-01-01",
        "priced_as": "gpt-b",
        "date": "2026-11-22",
        "tier": "standard",
        "modifiers": [],
        "amount": "0.032",
        "partial_amount": None,
        "list_amount": "0.032",
        "currency": "USD",
        "items": [
            {
                "model": "gpt-b",
                "dimension": "input",
                "quantity": "1000",
                "price": "2",
                "per": 1000000,
                "amount": "0.002",
                "source": "genai-prices",
                "since": None,
                "note": "single-source",
            },
            {
                "model": "gpt-b",
                "dimension": "web_search",
                "quantity": "3",
                "price": "10",
                "per": 1000,
                "amount": "0.03",
                "source": "overlay",
                "since": None,
                "note": None,
            },
        ],
        "price_book": "2026-11-22",
    }


def test_modifiers_and_the_amount_before_discounts_are_shown(quote: Run, save: Callable[..., Path]) -> None:
    prices = save('[[discounts]]\nmatch = "gpt-a*"\npercent = 15\n', "prices.toml")

    result = quote("--model", "gpt-a", "--input", "1000", "--region", "eu", "--prices", prices, *DAY)

    lines = result.out.splitlines()
    assert lines[0] == "gpt-a on 2026-11-22 at eu.api.openai.com"
    assert lines[4].split() == ["discount", "1", "-0.00066", "1", "-0.00066", "user", "always", "1"]
    assert lines[5:9] == [
        "  1  15 % off token prices (gpt-a*)",
        "",
        "amount       0.00374 USD",
        "list amount  0.0044 USD",
    ]
    assert lines[9] == "modifiers    regional=1.1, discount=15%"
    assert lines[10].startswith("price book   2026-11-22+")


def test_an_amount_whose_decimals_do_not_end_is_cut_and_says_so(quote: Run) -> None:
    text = quote("--model", "live-1", "--seconds", "7", *DAY)
    exact = quote("--model", "live-1", "--seconds", "7", "--json", *DAY)

    assert "amount      0.005833333333... USD" in text.out
    assert exact.json["amount"].startswith("0.0058333333333333333333333333333")


def test_a_lower_bound_is_no_amount(quote: Run) -> None:
    result = quote("--model", "gpt-b", "--input", "1000", "--cache-write", "200", "--output", "10", *DAY)

    assert result.status == 3
    assert result.out.splitlines()[-4:] == [
        "at least    0.00168 USD",
        "partial     missing_rate: no price is published for a part of this call",
        "missing     cache_write (no rate)",
        "price book  2026-11-22",
    ]


def test_a_lower_bound_in_json_stands_apart(quote: Run) -> None:
    result = quote("--model", "gpt-b", "--input", "1000", "--cache-write", "200", "--json", *DAY)

    assert result.status == 3
    told = result.json
    assert (told["status"], told["reason"], told["missing"]) == ("partial", "missing_rate", ["cache_write"])
    assert (told["amount"], told["partial_amount"], told["currency"]) == (None, "0.0016", "USD")


def test_images_without_usage_are_a_lower_bound_because_the_prompt_is_billed_too(quote: Run) -> None:
    result = quote("--model", "draw-1", "--image", "high:1024x1024:2", *DAY)

    assert result.status == 3
    assert "at least    0.334 USD\n" in result.out
    assert "missing     input (the prompt's tokens are not known)\n" in result.out


def test_an_unknown_model_is_unpriced_and_similar_names_are_shown(quote: Run) -> None:
    result = quote("--model", "gpt-c", "--input", "10", *DAY)

    assert result == (
        4,
        "gpt-c on 2026-11-22 at api.openai.com\n"
        "\n"
        "unpriced    unknown_model: no price list in use names this model\n"
        "hint        similar names that have prices: gpt-b, gpt-a\n"
        "            a price file (--prices) can name its prices\n"
        "price book  2026-11-22\n",
        "",
    )


def test_a_tier_without_prices_is_never_the_standard_one(quote: Run) -> None:
    result = quote("--model", "gpt-b", "--input", "10", "--tier", "flex", *DAY)

    assert result.status == 4
    assert result.out.splitlines()[2:5] == [
        "unpriced    missing_rate: no price is published for a part of this call",
        "missing     flex (no rate)",
        "hint        tiers of gpt-b that have prices on 2026-11-22: standard, batch",
    ]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("--region", "mars"), "hint        regions known for openai: eu, us"),
        (("--window", "9h"), "hint        windows known for openai, on the standard tier: 2h"),
        (("--tier", "priority", "--window", "2h"), "hint        windows known for openai, on the standard tier: 2h"),
    ],
)
def test_a_region_or_window_without_prices_names_those_that_have(
    quote: Run, arguments: tuple[str, ...], hint: str
) -> None:
    result = quote("--model", "gpt-a", "--input", "10", *arguments, *DAY)

    assert result.status == 4
    assert hint in result.out.splitlines()


def test_on_an_unknown_host_nothing_is_priced_unless_told_whose_list_holds(quote: Run) -> None:
    alone = quote("--model", "gpt-b", "--input", "1000", "--host", "llm.example", *DAY)
    told = quote("--model", "gpt-b", "--input", "1000", "--host", "llm.example", "--provider", "openai", "--json", *DAY)

    assert alone.status == 4
    assert "unpriced    unknown_provider: no bundled prices hold on this host\n" in alone.out
    assert (
        'hint        a price file (--prices) can say whose prices hold there, in [hosts."llm.example"]\n' in alone.out
    )
    assert amount(told) == Decimal("0.002")


def test_counts_that_cannot_be_true_are_unpriced(quote: Run) -> None:
    result = quote("--model", "gpt-b", "--input", "10", "--cached", "11", *DAY)

    assert result.status == 4
    assert "unpriced    inconsistent_usage: the counts cannot all be true" in result.out


# --- terms -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--model", "gpt-a", "--input", "1000"), "0.004"),
        (("--model", "gpt-a", "--input", "1k", "--date", "2026-08-20"), "0.005"),
        (("--model", "gpt-a", "--input", "1_000", "--date", "2026-08-20T23:59:59Z"), "0.005"),
        (("--model", "gpt-a", "--input", "1,000", "--date", "2026-08-21T01:00:00+02:00"), "0.005"),
        (("--model", "gpt-a", "--input", "300k"), "2.4"),
        (("--model", "gpt-a", "--input", "272000"), "1.088"),
        (("--model", "gpt-a", "--input", "1000", "--tier", "fast"), "0.008"),
        (("--model", "gpt-b", "--input", "1000", "--batch"), "0.001"),
        (("--model", "gpt-b", "--input", "1000", "--tier", "batch"), "0.001"),
        (("--model", "gpt-a", "--input", "1000", "--window", "2h"), "0.0028"),
        (("--model", "gpt-a", "--input", "1000", "--region", "us"), "0.0044"),
        (("--model", "gpt-a", "--input", "1000", "--host", "https://eu.api.openai.com/v1"), "0.0044"),
        (("--model", "gpt-b", "--input", "1000", "--provider", "azure.ai.openai"), "0.0022"),
        (("--model", "gpt-b", "--input", "1000", "--host", "acme.openai.azure.com"), "0.0022"),
        (("--model", "ft:gpt-b-2026-01-01:acme::x", "--input", "1000"), "0.003"),
        (("--model", "gpt-a", "--input", "10", "--cache-write-12h", "10"), "0.0001"),
        (("--model", "speech-1", "--characters", "1000"), "0.015"),
        (("--model", "live-1", "--seconds", "90"), "0.075"),
        (("--model", "film-1", "--seconds", "4"), "0.4"),
        (("--endpoint", "containers", "--tool", "container_4g=8"), "0.048"),
        (("--endpoint", "containers", "--tool", "container_4g=1"), "0.03"),
        (("--model", "gpt-a", "--input", "0", "--tool", "web_search_preview=1"), "0.01"),
        (("--model", "gpt-b", "--input", "0", "--tool", "web_search_preview=1"), "0.025"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_terms_decide_the_price(quote: Run, arguments: tuple[str, ...], expected: str) -> None:
    at = () if "--date" in arguments else DAY

    assert amount(quote(*arguments, *at, "--json")) == Decimal(expected)


def test_without_a_date_the_price_is_that_of_today(quote: Run) -> None:
    result = quote("--model", "gpt-a", "--input", "1000", "--json")

    assert result.json["date"] >= "2026-11-22"
    assert amount(result) == Decimal("0.004")


def test_without_a_book_of_ones_own_the_bundled_one_is_used(run: Run) -> None:
    result = run("quote", "--model", "text-davinci-003", "--input", "1000", "--date", "2023-04-01", "--json")

    assert amount(result) == Decimal("0.02")


# --- usage as the API reports it -------------------------------------------------------------------------------------


def test_a_usage_object_is_read_from_the_command_line(quote: Run) -> None:
    usage = {
        "input_tokens": 10000,
        "input_tokens_details": {"cached_tokens": 4000},
        "output_tokens": 1000,
        "output_tokens_details": {"reasoning_tokens": 100},
        "total_tokens": 11000,
    }

    result = quote("--model", "gpt-a", "--usage", json.dumps(usage), "--json", *DAY)

    assert amount(result) == Decimal("0.0456")
    assert [item["dimension"] for item in result.json["items"]] == ["input", "cache_read", "output", "reasoning"]


def test_the_usage_of_embeddings_has_no_output(quote: Run) -> None:
    result = quote("--model", "gpt-b", "--usage", '{"prompt_tokens": 1000, "total_tokens": 1000}', "--json", *DAY)

    assert amount(result) == Decimal("0.002")


def test_a_duration_is_billed_by_its_seconds_as_written(quote: Run) -> None:
    result = quote("--model", "live-1", "--usage", '{"type": "duration", "seconds": 61.2}', "--json", *DAY)

    assert amount(result) == Decimal("0.051")


def test_a_whole_response_says_model_tier_time_and_tools_itself(run: Run) -> None:
    result = run("quote", "--usage", f"@{PAYLOADS / 'response_tools.json'}", "--json")

    assert result.status == 3
    told = result.json
    assert (told["model"], told["date"], told["missing"]) == ("gpt-5.6-sol", "2026-11-18", ["container_1g"])
    assert {item["model"] for item in told["items"]} == {"gpt-5.6-sol", "gpt-image-2"}
    assert {item["dimension"] for item in told["items"]} >= {"web_search", "file_search", "container_1g"}


def test_the_lines_of_a_tools_own_model_are_told_apart(run: Run) -> None:
    result = run("quote", "--usage", f"@{PAYLOADS / 'response_tools.json'}")

    lines = result.out.splitlines()
    assert lines[2].split()[:2] == ["model", "dimension"]
    assert [line.split()[:2] for line in lines[11:13]] == [["gpt-image-2", "input"], ["gpt-image-2", "image_output"]]
    assert "missing     container_1g (billed is at least the quantity above)" in lines
    assert max(map(len, lines)) <= 100


def test_the_minutes_of_a_container_replace_the_least_that_the_response_shows(run: Run) -> None:
    result = run("quote", "--usage", f"@{PAYLOADS / 'response_tools.json'}", "--tool", "container_4g=12", "--json")

    assert result.status == 0
    fees = {item["dimension"]: item["quantity"] for item in result.json["items"] if item["dimension"].startswith("con")}
    assert fees == {"container_4g": "12"}


def test_options_go_before_what_the_response_says(quote: Run) -> None:
    body = {
        "object": "chat.completion",
        "model": "gpt-b",
        "created": 1760000000,
        "service_tier": "default",
        "usage": {"prompt_tokens": 1000, "completion_tokens": 0},
    }

    own = quote("--usage", json.dumps(body), "--json")
    told = quote("--usage", json.dumps(body), "--model", "gpt-a", "--tier", "priority", *DAY, "--json")

    assert (own.json["model"], own.json["date"], amount(own)) == ("gpt-b", "2025-10-09", Decimal("0.002"))
    assert (told.json["model"], told.json["date"], amount(told)) == ("gpt-a", "2026-11-22", Decimal("0.008"))


def test_a_line_of_a_batch_is_billed_as_batch_although_it_says_default(quote: Run) -> None:
    body = {
        "object": "chat.completion",
        "model": "gpt-b",
        "created": 1795000000,
        "service_tier": "default",
        "usage": {"prompt_tokens": 1000, "completion_tokens": 0},
    }
    line = {"id": "batch_req_1", "custom_id": "one", "response": {"status_code": 200, "body": body}, "error": None}

    result = quote("--usage", json.dumps(line), "--json")

    assert (result.json["tier"], amount(result)) == ("batch", Decimal("0.001"))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # A million tokens in one request are a long prompt, at half of 5 and 22.5.
        ({"object": "batch", "model": "gpt-5.4", "request_counts": {"completed": 1}}, "2.51125"),
        ({"object": "batch", "model": "gpt-4o", "request_counts": {"completed": 4}}, "1.255"),
        ({"object": "video", "model": "sora-2-pro", "size": "1792x1024", "seconds": "8"}, "4"),
        ({"object": "thread.run", "model": "gpt-4o"}, "2.51"),
    ],
)
def test_what_is_billed_when_finished_is_read_as_the_api_shows_it(
    run: Run, body: Mapping[str, Any], expected: str
) -> None:
    usage = {"input_tokens": 1_000_000, "output_tokens": 1000}
    document = {"status": "completed", **({} if body["object"] == "video" else {"usage": usage}), **body}

    assert amount(run("quote", "--usage", json.dumps(document), *DAY, "--json")) == Decimal(expected)


def test_a_batch_that_may_hide_a_long_prompt_has_a_lower_bound(run: Run) -> None:
    body = {"object": "batch", "status": "completed", "model": "gpt-5.4", "request_counts": {"completed": 4}}
    usage = {"input_tokens": 1_000_000, "output_tokens": 1000}

    result = run("quote", "--usage", json.dumps({**body, "usage": usage}), *DAY, "--json")

    assert (result.status, result.json["status"]) == (3, "partial")
    assert (result.json["missing"], result.json["partial_amount"]) == (["lengths of the prompts"], "1.2575")
    told = run("quote", "--usage", json.dumps({**body, "usage": usage}), *DAY).out
    assert "lengths of the prompts (one of them may be long, which a sum does not tell)" in told


def test_a_fine_tuning_job_has_the_price_of_training_that_the_file_states(run: Run, tmp_path: Path) -> None:
    body = f"@{PAYLOADS / 'fine_tuning_job.json'}"
    prices = tmp_path / "prices.json"
    rate = {"price": "3", "per": 1_000_000}
    prices.write_text(json.dumps({"models": {"gpt-4o-mini-2024-07-18": {"training_tokens": rate}}}))

    assert amount(run("quote", "--usage", body, "--prices", prices, "--json")) == Decimal("0.017304")
    assert run("quote", "--usage", body, "--json").json["missing"] == ["training_tokens"]


def test_a_container_as_the_api_shows_it_has_a_lower_bound(run: Run) -> None:
    result = run("quote", "--usage", '{"object": "container", "memory_limit": "4g"}', *DAY, "--json")

    assert (result.status, result.json["partial_amount"]) == (3, "0.03")


def test_the_last_event_of_a_stream_is_read_as_the_response_it_carries(quote: Run) -> None:
    response = {
        "object": "response",
        "model": "gpt-b",
        "created_at": 1795000000,
        "usage": {"input_tokens": 1000, "output_tokens": 0},
    }

    result = quote("--usage", json.dumps({"type": "response.completed", "response": response}), "--json")

    assert amount(result) == Decimal("0.002")


def test_a_body_without_a_kind_is_read_by_its_usage(quote: Run) -> None:
    body = {"text": "hello", "model": "gpt-b", "usage": {"type": "tokens", "input_tokens": 1000, "output_tokens": 10}}

    assert amount(quote("--usage", json.dumps(body), *DAY, "--json")) == Decimal("0.00208")


@pytest.mark.parametrize("created", ["-5", "0", "1795000000000", "1e300", "NaN"])
def test_a_moment_that_cannot_be_is_that_of_today(quote: Run, created: str) -> None:
    body = '{"model": "gpt-a", "created": CREATED, "usage": {"prompt_tokens": 1000, "completion_tokens": 0}}'
    result = quote("--usage", body.replace("CREATED", created), "--json")

    assert result.json["date"] >= "2026-11-22"
    assert amount(result) == Decimal("0.004")


def test_output_of_an_image_model_is_images_unless_it_is_split(run: Run) -> None:
    whole = {"created": 1795000000, "data": [{"b64_json": "x"}], "usage": {"input_tokens": 50, "output_tokens": 1000}}

    result = run("quote", "--model", "gpt-image-1.5", "--usage", json.dumps(whole), "--json")

    assert [item["dimension"] for item in result.json["items"]] == ["input", "image_output"]
    assert Decimal(result.json["items"][1]["amount"]) == Decimal("0.032")


def test_moderation_is_known_to_be_free(run: Run) -> None:
    body = {"id": "modr-1", "model": "omni-moderation-latest", "results": [{"flagged": False}]}

    assert amount(run("quote", "--usage", json.dumps(body), "--json")) == 0


def test_a_response_without_usage_is_unpriced(quote: Run) -> None:
    result = quote("--usage", '{"object": "chat.completion", "model": "gpt-b", "created": 1795000000, "usage": null}')

    assert result.status == 4
    assert "unpriced    no_usage: the response reports no usage\n" in result.out


def test_usage_is_read_from_standard_input(quote: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"input_tokens": 1000}'))

    assert amount(quote("--model", "gpt-b", "--usage", "-", "--json", *DAY)) == Decimal("0.002")


# --- bad usage -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--input", "10"), "--model is missing, and no --usage body names one"),
        (("--model", "gpt-b"), "nothing to price: give --input and --output, --usage, or another quantity"),
        (("--model", "gpt-b", "--cached", "10"), "--cached is a part of --input, which is missing"),
        (
            ("--model", "gpt-b", "--input", "9", "--reasoning", "1"),
            "--reasoning is a part of --output, which is missing",
        ),
        (
            ("--model", "gpt-b", "--input", "1.5"),
            "argument --input: '1.5' is not a whole number such as 12345, 12_345 or 12k",
        ),
        (("--model", "gpt-b", "--input", "-1"), "argument --input: '-1' is not a whole number"),
        (("--model", "gpt-b", "--seconds", "nan"), "argument --seconds: 'nan' is no number of seconds"),
        (("--model", "gpt-b", "--image", "high"), "argument --image: 'high' is not QUALITY:SIZE or QUALITY:SIZE:N"),
        (("--model", "gpt-b", "--tool", "web_search"), "argument --tool: 'web_search' is not NAME=N"),
        (
            ("--model", "gpt-b", "--tool", "web_serch=1"),
            "--tool web_serch: unknown; known are web_search, web_search_preview, container_4g",
        ),
        (("--model", "gpt-b", "--input", "1", "--tier", "express"), "argument --tier: invalid choice: 'express'"),
        (
            ("--model", "gpt-b", "--input", "1", "--date", "yesterday"),
            "argument --date: 'yesterday' is not a date such as",
        ),
        (
            ("--model", "gpt-b", "--input", "1", "--region", "eu", "--host", "x"),
            "argument --host: not allowed with argument --region",
        ),
        (("--model", "gpt-b", "--input", "1", "--prices", "/no/such.toml"), "/no/such.toml: No such file or directory"),
        (("--model", "gpt-b", "--usage", "{"), "--usage: not JSON: Expecting property name"),
        (("--model", "gpt-b", "--usage", "[]"), "--usage: expected a JSON object, a usage object or a response body"),
        (("--model", "gpt-b", "--usage", "{}"), "--usage: neither a usage object nor a response body"),
        (("--model", "gpt-b", "--usage", "@/no/such.json"), "/no/such.json: No such file or directory"),
        (
            ("--model", "gpt-b", "--usage", "{}", "--input", "1"),
            "--usage has the token counts, so --input cannot be given",
        ),
        (("--model", "gpt-b", "--inpt", "1"), "unrecognized arguments: --inpt 1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_usage_is_one_line_that_says_what_is_wrong(quote: Run, arguments: tuple[str, ...], complaint: str) -> None:
    result = quote(*arguments)

    assert result.status == 2
    assert result.out == ""
    assert complaint in result.err
    assert result.err.count("\n") == 1
    assert "error: " in result.err


def test_a_file_named_without_its_sign_is_recognised(quote: Run, book: Path) -> None:
    assert "; a file is named with @ before its path" in quote("--model", "gpt-b", "--usage", str(book)).err


def test_a_book_that_is_none_is_refused_with_the_place(
    run: Run, document: dict[str, Any], save: Callable[..., Path]
) -> None:
    document["providers"]["openai"]["models"]["gpt-b"]["rates"][1]["inptu"] = "1"
    path = save(document)

    result = run("quote", "--book", path, "--model", "gpt-b", "--input", "1")

    assert result.status == 2
    assert (
        result.err == f"opentelemetry-openai-cost quote: error: {path}: openai: gpt-b: rates[1]: unknown key 'inptu'\n"
    )
