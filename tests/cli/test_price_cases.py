# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Every hand-verified case of ``tests/pricing`` through ``quote --json``, as a person would type it."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).resolve().parents[1] / "pricing/price_cases.jsonl"
CASES = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines() if line]
REPORTED = {"T01", "T03"}
"""The amount of these is the gateway's word; a price list cannot know it."""
PRICED_BY_THE_BOOK = [case for case in CASES if case["id"] not in REPORTED]

TOKENS = {
    "input_tokens": "input",
    "prompt_tokens": "input",
    "output_tokens": "output",
    "completion_tokens": "output",
    "cached_tokens": "cached",
    "cache_write_tokens": "cache-write",
    "reasoning_tokens": "reasoning",
    "input_audio_tokens": "audio-input",
    "output_audio_tokens": "audio-output",
    "input_image_tokens": "image-input",
    "output_image_tokens": "image-output",
    "output_text_tokens": "text-output",
    "cached_image_tokens": "cached-image",
}
ENDPOINTS = {"audio.speech": "speech", "audio.transcriptions": "transcriptions"}


def arguments(case: dict[str, Any]) -> Iterator[str]:
    endpoint = case["endpoint"]
    if endpoint != "containers":
        yield f"--model={case['model']}"
    if endpoint != "batch":
        yield f"--endpoint={ENDPOINTS.get(endpoint, endpoint)}"
    yield f"--date={case['request_time']}"
    yield f"--host={case['base_url_host']}"
    if case["service_tier"]:
        yield f"--tier={case['service_tier']}"
    if case["processing"] == "batch":
        yield "--batch"
    if case["completion_window"]:
        yield f"--window={case['completion_window']}"
    usage = case["usage"]
    # Chat and realtime say how much of the output is text; it only decides where the rest of it is images.
    yield from (
        f"--{option}={usage[name]}"
        for name, option in TOKENS.items()
        if name in usage and (option != "text-output" or endpoint == "images")
    )
    if "ttl_12h_tokens" in (lifetimes := usage.get("cache_write_tokens_details", {})):
        yield f"--cache-write-12h={lifetimes['ttl_12h_tokens']}"
    if "seconds" in usage:
        yield f"--seconds={usage['seconds']}"
    if "input_characters" in usage:
        yield f"--characters={usage['input_characters']}"
    if endpoint == "moderations":
        yield "--requests=1"
    for name, value in case["tools"].items():
        if name == "images":
            yield f"--image={value['quality']}:{value['size']}:{value['n']}"
        elif isinstance(value, dict):
            yield f"--tool=container_{value['memory']}={value['minutes']}"
        else:
            yield f"--tool={name}={value}"


@pytest.mark.parametrize("case", PRICED_BY_THE_BOOK, ids=lambda case: case["id"])
def test_case_is_quoted_to_the_last_decimal(
    case: dict[str, Any], run: Callable[..., Any], save: Callable[..., Path]
) -> None:
    given = [*arguments(case)]
    if case.get("override"):
        given.append(f"--prices={save(case['override'], 'prices.json')}")

    result = run("quote", "--json", *given)

    told = result.json
    expected = sum((Decimal(item["usd"]) for item in case["line_items"]), Decimal(0))
    assert told["status"] == case["expected_status"], told
    assert result.status == {"priced": 0, "partial": 3, "unpriced": 4}[case["expected_status"]]
    if case["expected_status"] == "priced":
        assert Decimal(told["amount"]) == Decimal(case["expected_usd"]) == expected
        assert sum(Decimal(item["amount"]) for item in told["items"]) == expected
    elif case["expected_status"] == "partial":
        assert (told["amount"], Decimal(told["partial_amount"])) == (None, expected)
    else:
        assert (told["amount"], told["partial_amount"]) == (None, None)


@pytest.mark.parametrize("case", [case for case in CASES if case["id"] in REPORTED], ids=lambda case: case["id"])
def test_what_only_the_gateway_knows_is_unpriced(case: dict[str, Any], run: Callable[..., Any]) -> None:
    result = run("quote", "--json", *arguments(case))

    assert (result.status, result.json["reason"]) == (4, "unknown_provider")


def test_all_cases_are_there() -> None:
    assert len(CASES) == 68
    assert {case["id"] for case in CASES} - {case["id"] for case in PRICED_BY_THE_BOOK} == REPORTED
