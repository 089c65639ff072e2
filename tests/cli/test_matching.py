# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The steps shown by ``explain`` are those that the engine takes: both are asked about every model, tier and turning point."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, cast

import pytest

from opentelemetry.instrumentation.openai_cost.cli.arguments import moment
from opentelemetry.instrumentation.openai_cost.cli.explanation import explain
from opentelemetry.instrumentation.openai_cost.pricing import Overrides, PriceBook, RateCard, Terms, bundled_data
from opentelemetry.instrumentation.openai_cost.pricing.keys import TIERS

DATA = bundled_data()
ENGINE = PriceBook(DATA)


def names(provider: str) -> Iterator[str]:
    """The models of the book and names made from them."""
    for model in cast(Any, DATA["providers"])[provider]["models"]:
        yield model
        yield f"{model}-2026-01-02"
        yield f"{model}-20260102"
        yield f"ft:{model}:acme::x"
        yield f"ft:{model}-0125:acme::x"
        yield f"{model}-next"


def days() -> Iterator[str]:
    """The days on which a row begins or ends, and those beside them."""
    found = {"2022-01-01", "2026-11-22"}
    for provider in cast(Any, DATA["providers"]).values():
        for model in provider["models"].values():
            found |= {row[key] for row in model["rates"] for key in ("from", "until") if key in row}
    for day in sorted(found):
        for distance in (-1, 0, 1):
            yield (date.fromisoformat(day) + timedelta(distance)).isoformat()


@pytest.mark.parametrize("provider", ["openai", "azure.ai.openai"])
def test_the_entry_found_is_the_engines(provider: str) -> None:
    at = moment("2026-11-22")
    for name in names(provider):
        terms = Terms(model=name, price_list=provider, at=at)

        explanation = explain(terms, DATA, Overrides())

        card = ENGINE.card(terms)
        if isinstance(card, RateCard):
            assert explanation.key == card.model, name
        elif card.reason == "unknown_model":
            assert explanation.key is None, name


@pytest.mark.parametrize("tier", [*TIERS, "scale"])
def test_the_row_found_is_the_engines(tier: str) -> None:
    dated = [
        name
        for name, model in cast(Any, DATA["providers"])["openai"]["models"].items()
        if any(key in row for row in model["rates"] for key in ("from", "until", "endpoint"))
    ]
    assert dated
    for name in dated:
        for day in days():
            for endpoint in (None, "decisions"):
                terms = Terms(model=name, tier=tier, endpoint=endpoint, at=moment(day))

                row = explain(terms, DATA, Overrides()).row

                card = ENGINE.card(terms)
                if isinstance(card, RateCard):
                    assert card.source == row["source"], (name, day)
                    assert {rate.since for rate in card.rates.values()} == {row.get("from")}, (name, day)
                else:
                    assert row == {}, (name, day)
