# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Every hand-verified case, exact to the last decimal, through the engine."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from opentelemetry.instrumentation.openai_cost.pricing import PriceBook, Quote, Terms, Unpriced, bundled_data, overrides
from opentelemetry.instrumentation.openai_cost.usage import Fee, Tokens, Usage

CASES = [json.loads(line) for line in Path(__file__).with_name("price_cases.jsonl").read_text().splitlines() if line]
REPORTED = {"T01", "T03"}
"""Cases whose amount the provider reports: they are the gateway's word, not the engine's (tests of gateways)."""
PRICED_BY_THE_BOOK = [case for case in CASES if case["id"] not in REPORTED]
ENDPOINTS = {"audio.speech": "speech", "batch": None, "responses": "responses", "chat": "chat"}


def usage_of(case: dict[str, Any]) -> Usage:
    reported, tools = case["usage"], case["tools"]
    tokens, units, fees = None, [], []
    if "input_tokens" in reported or "prompt_tokens" in reported:
        lifetimes = reported.get("cache_write_tokens_details", {})
        image_model = case["endpoint"] == "images" and "output_text_tokens" not in reported
        tokens = Tokens(
            input=reported.get("input_tokens", reported.get("prompt_tokens")),
            output=reported.get("output_tokens", reported.get("completion_tokens")),
            cache_read=reported.get("cached_tokens"),
            cache_write=reported.get("cache_write_tokens"),
            cache_write_30m=lifetimes.get("ttl_30m_tokens"),
            cache_write_12h=lifetimes.get("ttl_12h_tokens"),
            reasoning=reported.get("reasoning_tokens"),
            text_input=reported.get("input_text_tokens"),
            audio_input=reported.get("input_audio_tokens"),
            image_input=reported.get("input_image_tokens"),
            text_output=reported.get("output_text_tokens"),
            audio_output=reported.get("output_audio_tokens"),
            image_output=reported.get("output_tokens") if image_model else reported.get("output_image_tokens"),
            image_cache_read=reported.get("cached_image_tokens"),
        )
    if "seconds" in reported:
        unit = "video_seconds" if case["endpoint"] == "videos" else "audio_seconds"
        units.append((unit, Decimal(str(reported["seconds"]))))
    if "input_characters" in reported:
        units.append(("characters", reported["input_characters"]))
    if case["endpoint"] == "moderations":
        units.append(("requests", 1))
    for name, value in tools.items():
        if name == "images":
            units.append((f"images {value['quality']} {value['size']}", value["n"]))
        elif name in ("code_interpreter", "hosted_shell"):
            fees.append(Fee(f"container_{value['memory']}", value["minutes"]))
        else:
            fees.append(Fee(name, value))
    return Usage(tokens, tuple(units), tuple(fees))


def terms_of(case: dict[str, Any]) -> Terms:
    return Terms(
        model=None if case["endpoint"] == "containers" else case["model"],
        host=case["base_url_host"],
        tier=case["service_tier"],
        batch=case["processing"] == "batch",
        window=case["completion_window"],
        region=case["region"],
        endpoint=case["endpoint"].rpartition(".")[2],
        at=datetime.fromisoformat(case["request_time"].replace("Z", "+00:00")).timestamp(),
    )


def book_of(case: dict[str, Any]) -> PriceBook:
    override = case.get("override")
    return PriceBook(bundled_data(), overrides.parse(override) if override else None)


@pytest.mark.parametrize("case", PRICED_BY_THE_BOOK, ids=lambda case: case["id"])
def test_case_is_priced_to_the_last_decimal(case: dict[str, Any]) -> None:
    result = book_of(case).quote(usage_of(case), terms_of(case))
    expected = sum((Decimal(item["usd"]) for item in case["line_items"]), Decimal(0))
    if case["expected_status"] == "priced":
        assert isinstance(result, Quote), result
        assert result.amount == Decimal(case["expected_usd"]) == expected
        assert sum((item.amount for item in result.items), Decimal(0)) == result.amount
    else:
        assert isinstance(result, Unpriced)
        assert result.status == case["expected_status"]
        assert (result.partial.amount if result.partial else Decimal(0)) == expected


def test_all_cases_are_there_and_none_is_skipped_without_a_reason() -> None:
    assert len(CASES) == 68
    assert {case["id"] for case in CASES} - {case["id"] for case in PRICED_BY_THE_BOOK} == REPORTED
