# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""``check``: can a user's price file be used, and what would it change?"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import cast

from ..money import plain
from ..pricing import Overrides, PriceBook, PriceFileError, Rate, RateCard, Terms, overrides
from ..pricing.keys import TOKEN_KEYS, UNIT_KEYS
from ..pricing.overrides import DiscountRule, ModelOverride, OverrideRow
from ..provider import OPENAI
from .arguments import OK, REFUSED, add_book, add_date, add_json, day_of, given_data, given_moment, moment
from .dimensions import LONG
from .layout import Alignment, as_json, fields, per, table
from .matching import found, models_of, steps

_CHANGES: Mapping[str, Alignment] = {
    "model": "left",
    "tier": "left",
    "dimension": "left",
    "book": "point",
    "": "left",
    "file": "point",
    "unit": "left",
    "when": "left",
}
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Change:
    """One price of the file, and the one that it replaces.

    Attributes:
        model: name in the file.
        tier: service tier.
        dimension: price key; ``long`` before it for long prompts.
        old: price per ``units`` in the book, ``None`` if it has none.
        new: price per ``units`` in the file.
        units: how many tokens, seconds, ... both are for.
        since: first day in the file.
        until: last day in the file.
    """

    model: str
    tier: str
    dimension: str
    old: Decimal | None
    new: Decimal
    units: int
    since: str | None
    until: str | None


def add_to(parser: ArgumentParser) -> None:
    """The options of ``check``."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the price file, TOML or JSON")
    add_date(parser, "the day whose prices to compare with")
    add_book(parser)
    add_json(parser)


def run(options: Namespace) -> int:
    """Prints what the file changes; the status says whether it can be used."""
    path = cast(Path, options.file)
    data, at = given_data(options), given_moment(options)
    try:
        file = overrides.read(path)
    except PriceFileError as error:
        if options.json:
            print(as_json({"usable": False, "error": str(error)}))
        else:
            print(error, file=sys.stderr)
        return REFUSED
    version = PriceBook(data).version
    if options.json:
        print(as_json(to_json(file, data, at)))
    else:
        print(f"{path} can be used over the price book of {version}.\n")
        print("\n".join(to_text(file, data, at)))
    return OK


# --- what changes ----------------------------------------------------------------------------------------------------


def changes(file: Overrides, data: Mapping[str, object], at: float) -> list[Change]:
    """Every price of the file beside OpenAI's price that it replaces, on the day or when the file's price begins."""
    book = PriceBook(data)
    return [
        change
        for name, model in file.models.items()
        for tier, row in model.rows.items()
        for change in _of_row(book, model.alias or name, name, tier, row, at)
    ]


def _of_row(book: PriceBook, listed_as: str, name: str, tier: str, row: OverrideRow, at: float) -> Iterator[Change]:
    if row.since is not None and row.since > day_of(at):
        at = moment(row.since)
    card = book.card(Terms(model=listed_as, tier=tier, at=at))
    rates: Mapping[str, Rate] = card.rates if isinstance(card, RateCard) else {}
    long: Mapping[str, Rate] = card.long_rates if isinstance(card, RateCard) else {}
    for prefix, prices, old in (("", row.prices, rates), (LONG, row.long, long)):
        for dimension, price, units in _flat(prices):
            rate = old.get(dimension)
            yield Change(
                name,
                tier,
                prefix + dimension,
                None if rate is None else rate.price * units / rate.per,
                price,
                units,
                row.since,
                row.until,
            )


def _flat(prices: Mapping[str, object]) -> Iterator[tuple[str, Decimal, int]]:
    """Dimension, price and units of every price of a row."""
    for key in (*TOKEN_KEYS, *UNIT_KEYS):
        if key in prices:
            value = prices[key]
            if isinstance(value, Mapping):
                entry = cast(Mapping[str, object], value)
                yield key, Decimal(str(entry["price"])), int(str(entry["per"]))
            else:
                yield key, Decimal(str(value)), _MILLION
    for kind, price in cast(Mapping[str, object], prices.get("images", {})).items():
        yield f"images {kind}", Decimal(str(price)), 1


def fee_changes(file: Overrides, data: Mapping[str, object], at: float) -> list[tuple[str, str, str]]:
    """Name, price in the book and price in the file of every fee."""
    known = _fees(data)
    return [(name, _fee_in_force(known.get(name, ()), day_of(at)), _fee(price)) for name, price in file.fees.items()]


def _fees(data: Mapping[str, object]) -> Mapping[str, Sequence[Mapping[str, object]]]:
    providers = cast(Mapping[str, Mapping[str, Mapping[str, Sequence[Mapping[str, object]]]]], data["providers"])
    return providers[OPENAI].get("fees", {})


def _fee_in_force(rows: Sequence[Mapping[str, object]], day: str) -> str:
    """The prices in force, one for each class of models."""
    current = {row.get("class"): row for row in rows if str(row.get("from", "")) <= day <= str(row.get("until", "9"))}
    return " or ".join(_fee(row) for row in current.values()) or "-"


def _fee(row: Mapping[str, object]) -> str:
    return f"{row['price']} per {row['per']}"


def doubts(file: Overrides, data: Mapping[str, object], at: float) -> list[str]:
    """What is allowed, but hardly meant."""
    models = models_of(data, OPENAI)
    known = [*models, *file.models]
    day = day_of(at)
    lines: list[str] = []
    for name, model in file.models.items():
        if model.alias is not None and found(steps(model.alias, models)) is None and model.alias not in file.models:
            lines.append(
                f'models."{name}".alias: no list names {model.alias!r}: what the file does not price is missing'
            )
        for tier, row in model.rows.items():
            cached, full = row.prices.get("cache_read"), row.prices.get("input")
            if isinstance(cached, str) and isinstance(full, str) and Decimal(cached) > Decimal(full):
                lines.append(f'models."{name}": {tier}: cached input is dearer than input')
            if row.until is not None and row.until < day:
                lines.append(f'models."{name}": {tier}: ended on {row.until}')
    for rule in file.discounts:
        if not any(fnmatchcase(name, rule.match) for name in known):
            lines.append(f"discounts: {rule.match!r} matches no model that has a price")
        if rule.until is not None and rule.until < day:
            lines.append(f"discounts: {rule.match!r} ended on {rule.until}")
    fees = _fees(data)
    lines += [
        f"fees.{name}: no tool is billed under this name; known are {', '.join(fees)}"
        for name in file.fees
        if name not in fees
    ]
    return lines


# --- how it looks ----------------------------------------------------------------------------------------------------


def to_text(file: Overrides, data: Mapping[str, object], at: float) -> list[str]:
    """What the file changes, as lines of text."""
    blocks: list[list[str]] = []
    changed = changes(file, data, at)
    if changed:
        rows = [
            (
                change.model,
                change.tier,
                change.dimension,
                "-" if change.old is None else plain(change.old),
                "->",
                plain(change.new) + _currency(file, change.model),
                per("", change.units, "").strip() if change.units != _MILLION else "per 1,000,000",
                _when(change.since, change.until),
            )
            for change in changed
        ]
        blocks.append(table(_CHANGES, rows))
    lists = [
        *(("alias", f"{name} is priced as {model.alias}") for name, model in file.models.items() if model.alias),
        *(("discount", _discount(rule, file, data)) for rule in file.discounts),
        *(("fee", f"{name}: {old} -> {new}") for name, old, new in fee_changes(file, data, at)),
        *(("host", f"{name} bills by the list of {provider}") for name, provider in file.hosts.items()),
        ("batches", "no prompt in them is long" if file.short_batches else ""),
        ("currency", file.currency or ""),
    ]
    blocks.append(fields(lists))
    blocks.append([line for doubt in doubts(file, data, at) for line in fields([("warning", doubt)])])
    kept = [block for block in blocks if block]
    lines = [line for index, block in enumerate(kept) for line in ([""] if index else []) + block]
    return lines or ["The file is empty: it changes nothing."]


def _discount(rule: DiscountRule, file: Overrides, data: Mapping[str, object]) -> str:
    names = {*models_of(data, OPENAI), *file.models}
    count = sum(fnmatchcase(name, rule.match) for name in names)
    when = _when(rule.since, rule.until)
    text = f"{plain(rule.percent)} % off the token prices of {rule.match} ({count} of the names that have prices)"
    return f"{text}, {when}" if when else text


def _currency(file: Overrides, name: str) -> str:
    model: ModelOverride = file.models[name]
    currency = model.currency or file.currency or "USD"
    return "" if currency == "USD" else f" {currency}"


def _when(since: str | None, until: str | None) -> str:
    parts = [f"from {since}" if since else "", f"until {until}" if until else ""]
    return " ".join(part for part in parts if part)


def to_json(file: Overrides, data: Mapping[str, object], at: float) -> dict[str, object]:
    """What the file changes, as JSON."""
    return {
        "usable": True,
        "digest": file.digest,
        "price_book": PriceBook(data).version,
        "date": day_of(at),
        "currency": file.currency or "USD",
        "changes": [
            {
                "model": change.model,
                "tier": change.tier,
                "dimension": change.dimension,
                "old": None if change.old is None else plain(change.old),
                "new": plain(change.new),
                "per": change.units,
                "currency": file.models[change.model].currency or file.currency or "USD",
                "from": change.since,
                "until": change.until,
            }
            for change in changes(file, data, at)
        ],
        "aliases": {name: model.alias for name, model in file.models.items() if model.alias},
        "discounts": [
            {"match": rule.match, "percent": plain(rule.percent), "from": rule.since, "until": rule.until}
            for rule in file.discounts
        ],
        "fees": [{"name": name, "old": old, "new": new} for name, old, new in fee_changes(file, data, at)],
        "hosts": dict(file.hosts),
        "batches": {"long_prompts": not file.short_batches},
        "warnings": doubts(file, data, at),
    }
