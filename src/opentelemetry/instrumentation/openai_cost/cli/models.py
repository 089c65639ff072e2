# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""``models``: what the price book knows."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import cast

from ..money import plain
from ..pricing import Overrides, PriceBook, Rate, RateCard, Terms
from ..pricing.keys import TIERS as ALL_TIERS
from ..pricing.keys import TOKEN_KEYS, UNIT_KEYS
from ..pricing.schema import PROVIDERS
from ..provider import OPENAI
from .arguments import (
    OK,
    TIERS,
    UNPRICED,
    add_date,
    add_json,
    add_lists,
    day_of,
    given_data,
    given_moment,
    given_overrides,
)
from .dimensions import IMAGES, in_order, sorted_by_dimension
from .layout import Alignment, as_json, fields, per, table
from .matching import models_of, row_in_force, tier_name, tiers_in_force

_COLUMNS: Mapping[str, Alignment] = {
    "model": "left",
    "tiers": "left",
    "input": "point",
    "cached": "point",
    "output": "point",
    "since": "left",
    "retires": "left",
    "source": "left",
}
_OTHERS: Mapping[str, Alignment] = {"model": "left", "in other units": "left"}


@dataclass(frozen=True, slots=True)
class Listed:
    """A model that has prices for the tier on the day.

    Attributes:
        name: its name in the book or in the user's file.
        tiers: tiers with prices on the day.
        rates: the published rates by dimension; what only stands in for another rate is left out.
        long: those that replace them for long prompts.
        since: first day of the row, ``None`` if it has always held.
        retires: the day on which the model is announced to go.
        source: the list that the row comes from.
        currency: ISO 4217 code.
    """

    name: str
    tiers: tuple[str, ...]
    rates: Mapping[str, Rate]
    long: Mapping[str, Rate]
    since: str | None
    retires: str | None
    source: str
    currency: str


def add_to(parser: ArgumentParser) -> None:
    """The options of ``models``."""
    parser.add_argument("--filter", metavar="PATTERN", default="*", help="shell pattern over names, such as 'gpt-6*'")
    parser.add_argument(
        "--tier",
        choices=TIERS,
        metavar="TIER",
        default="standard",
        help="the tier whose prices to show (default: standard)",
    )
    parser.add_argument("--provider", choices=PROVIDERS, default=OPENAI, help="whose list (default: openai)")
    add_date(parser, "the day whose prices to show")
    add_lists(parser)
    add_json(parser)


def run(options: Namespace) -> int:
    """Prints the models; the status says whether there are any."""
    data, overrides = given_data(options), given_overrides(options)
    at = given_moment(options)
    tier, provider = tier_name(cast(str, options.tier)), cast(str, options.provider)
    pattern = cast(str, options.filter)
    found = listed(data, overrides, provider, tier, at, pattern)
    version = PriceBook(data, overrides).version
    if options.json:
        print(
            as_json(
                {
                    "provider": provider,
                    "tier": tier,
                    "date": day_of(at),
                    "price_book": version,
                    "models": [to_json(model) for model in found],
                }
            )
        )
    else:
        print("\n".join(to_text(found, f"{provider}, {tier} tier, on {day_of(at)}; price book {version}")))
    return OK if found else UNPRICED


def listed(
    data: Mapping[str, object], overrides: Overrides, provider: str, tier: str, at: float, pattern: str = "*"
) -> list[Listed]:
    """The models that have prices for a tier on a day, by name."""
    book = PriceBook(data, overrides)
    entries = models_of(data, provider)
    day = day_of(at)
    found: list[Listed] = []
    for name in sorted({*entries, *overrides.models}):
        card = (
            book.card(Terms(model=name, price_list=provider, tier=tier, at=at)) if fnmatchcase(name, pattern) else None
        )
        if not isinstance(card, RateCard):
            continue
        entry = entries.get(card.model, {})
        override = overrides.models.get(name)
        row, own = row_in_force(entry, tier, day), None if override is None else override.row(tier, day)
        published = {*_dimensions(row or {}), *_dimensions({} if own is None else own.prices)}
        tiers = {
            *tiers_in_force(entry, day),
            *(() if override is None else (t for t in override.rows if override.row(t, day))),
        }
        dimensions = in_order(published & card.rates.keys())
        if dimensions:
            found.append(
                Listed(
                    name=name,
                    tiers=tuple(t for t in ALL_TIERS if t in tiers),
                    rates={dimension: card.rates[dimension] for dimension in dimensions},
                    long={d: rate for d, rate in card.long_rates.items() if d in published},
                    since=card.rates[dimensions[0]].since,
                    retires=cast("str | None", entry.get("retires")),
                    source=card.source,
                    currency=card.currency,
                )
            )
    return found


def _dimensions(prices: Mapping[str, object]) -> Iterable[str]:
    yield from (key for key in (*TOKEN_KEYS, *UNIT_KEYS) if key in prices)
    yield from (IMAGES + kind for kind in cast(Mapping[str, object], prices.get("images", {})))


def to_text(found: list[Listed], title: str) -> list[str]:
    """The models as lines of text."""
    if not found:
        return [title, "", "no model of that name has prices for that tier on that day"]
    rows = [
        (
            model.name,
            "".join(tier[0].upper() if tier in model.tiers else "." for tier in ALL_TIERS),
            *(_token_price(model, dimension) for dimension in ("input", "cache_read", "output")),
            model.since or "always",
            model.retires or "",
            model.source,
        )
        for model in found
    ]
    legend = [
        ("tiers", ", ".join(f"{tier[0].upper()} {tier}" for tier in ALL_TIERS)),
        ("prices", "USD per 1,000,000 tokens; -: none of its own (cached input is then billed as input)"),
    ]
    count = f"{len(found)} model{'' if len(found) == 1 else 's'}"
    others = [(model.name, other) for model in found if (other := _other(model))]
    lines = [title, "", *table(_COLUMNS, rows), ""]
    if others:
        lines += [*table(_OTHERS, others), ""]
    return [*lines, count, *fields(legend)]


def _token_price(model: Listed, dimension: str) -> str:
    rate = model.rates.get(dimension)
    if rate is None:
        return "-"
    return plain(rate.price * 1_000_000 / rate.per) + ("" if rate.currency == "USD" else f" {rate.currency}")


def _other(model: Listed) -> str:
    """Prices of something else than tokens, images as a range."""
    parts = [per(plain(model.rates[d].price), model.rates[d].per, d) for d in UNIT_KEYS if d in model.rates]
    images = sorted({rate.price for dimension, rate in model.rates.items() if dimension.startswith(IMAGES)})
    if images:
        parts.append(f"{_range(images)} per image")
    return ", ".join(parts)


def _range(prices: list[Decimal]) -> str:
    return plain(prices[0]) if len(prices) == 1 else f"{plain(prices[0])} to {plain(prices[-1])}"


def to_json(model: Listed) -> dict[str, object]:
    """One model as JSON."""
    return {
        "model": model.name,
        "tiers": list(model.tiers),
        "rates": {dimension: _rate(rate) for dimension, rate in sorted_by_dimension(model.rates)},
        "long": {dimension: _rate(rate) for dimension, rate in sorted_by_dimension(model.long)},
        "currency": model.currency,
        "since": model.since,
        "retires": model.retires,
        "source": model.source,
    }


def _rate(rate: Rate) -> dict[str, object]:
    return {"price": plain(rate.price), "per": rate.per}
