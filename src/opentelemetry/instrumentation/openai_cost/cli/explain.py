# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""``explain``: which row prices a model under given terms, and why not another."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import cast

from ..money import plain
from ..pricing import PriceBook, Rate, RateCard, Unpriced
from ..pricing.keys import TOKEN_KEYS
from ..pricing.overrides import OverrideRow
from .arguments import (
    OK,
    UNPRICED,
    add_date,
    add_json,
    add_lists,
    add_terms,
    given_data,
    given_moment,
    given_overrides,
    given_terms,
)
from .dimensions import IMAGES, LONG, TOKENS, in_order, sorted_by_dimension
from .explanation import Explanation, explain
from .itemized import title
from .layout import Alignment, as_json, fields, per, table
from .matching import Entry, user_objection
from .reasons import hints, in_words

_RATES: Mapping[str, Alignment] = {
    "dimension": "left",
    "rate": "point",
    "long": "point",
    "unit": "left",
    "comes from": "left",
}
_ROWS: Mapping[str, Alignment] = {
    "list": "left",
    "tier": "left",
    "input": "point",
    "cached": "point",
    "output": "point",
    "since": "left",
    "why not": "left",
}
_MILLION = 1_000_000


def add_to(parser: ArgumentParser) -> None:
    """The options of ``explain``."""
    parser.add_argument("model", metavar="MODEL", help="the model, as a response names it")
    add_terms(parser)
    add_date(parser)
    add_lists(parser)
    add_json(parser)


def run(options: Namespace) -> int:
    """Prints the explanation; the status says whether a row answered."""
    data, overrides = given_data(options), given_overrides(options)
    terms = given_terms(options, cast(str, options.model), given_moment(options))
    explanation = explain(terms, data, overrides)
    version = PriceBook(data, overrides).version
    if options.json:
        print(as_json(to_json(explanation, version)))
    else:
        advice = hints(explanation.result, terms, data, overrides) if isinstance(explanation.result, Unpriced) else []
        print("\n".join(to_text(explanation, version, advice)))
    return OK if isinstance(explanation.result, RateCard) else UNPRICED


# --- how it looks ----------------------------------------------------------------------------------------------------


def to_text(explanation: Explanation, version: str, advice: list[str]) -> list[str]:
    """The explanation as lines of text."""
    result = explanation.result
    lines = [title(explanation.terms), ""]
    labels = [("list", f"{explanation.price_list or 'none'}: {explanation.because}")]
    for attempt in explanation.attempts:
        step = attempt.step
        outcome = f"found as {step.found}" if step.found not in (None, step.tried) else "found" if step.found else "no"
        labels.append(
            (
                "search" if attempt is explanation.attempts[0] else "",
                f"{attempt.where}, {step.rule} {step.tried}: {outcome}",
            )
        )
    if explanation.alias is not None:
        labels.append(("alias", f"your file prices {explanation.overrides[0].name} as {explanation.alias}"))
    if isinstance(result, RateCard):
        labels += _answer(explanation, result)
    else:
        labels.append(("unpriced", f"{result.reason}: {in_words(result.reason)}"))
        labels.append(("missing", ", ".join(result.missing)))
        labels += [("" if i else "hint", hint) for i, hint in enumerate(advice)]
    labels.append(("price book", version))
    lines += fields(labels)
    if isinstance(result, RateCard):
        lines += ["", *_rates(explanation, result)]
    rows = _other_rows(explanation)
    if rows:
        lines += ["", "Rows that do not answer" if isinstance(result, RateCard) else "Rows", *table(_ROWS, rows)]
    return lines


def _answer(explanation: Explanation, card: RateCard) -> list[tuple[str, str]]:
    row = explanation.row
    parts: list[tuple[str, str]] = []
    if row:
        parts.append(("row", f"{explanation.key}, {row['tier']}, {_since(row)}"))
        parts.append(("source", _source(row)))
        parts.append(("note", str(row.get("note", ""))))
    for override, own in reversed(explanation.own):
        prices = ", ".join([*in_order(own.prices), *(LONG + name for name in in_order(own.long))])
        over = f"over that, {prices}" if row else prices
        parts.append(("your file", f"{override.name}, {explanation.tier}: {over}"))
    parts.append(("modifiers", ", ".join(card.modifiers)))
    parts.append(("retires", explanation.retires or ""))
    return parts


def _since(row: Entry) -> str:
    begun = f"since {row['from']}" if "from" in row else "for as long as the model exists"
    until = f" until {row['until']}" if "until" in row else ""
    only = f", for the endpoint {row['endpoint']}" if "endpoint" in row else ""
    return begun + until + only


def _source(row: Entry) -> str:
    sure = {
        None: "two sources agree, or an official page says it",
        "single-source": "single source",
        "disputed": "disputed",
    }
    confidence = cast("str | None", row.get("confidence"))
    return f"{row['source']} ({sure.get(confidence, confidence)})"


def _rates(explanation: Explanation, card: RateCard) -> list[str]:
    published, published_long = explanation.published, explanation.published_long
    rows: list[tuple[str, ...]] = []
    for dimension in TOKENS:
        rate, long = card.rates.get(dimension), card.long_rates.get(dimension)
        if rate is not None or long is not None:
            stands_in = dimension not in published and (rate is None or dimension not in published_long)
            shown = rate or long
            origin = shown.note or "" if stands_in and shown is not None else _origin(explanation, dimension)
            rows.append((dimension, _rate(rate), _rate(long) if card.long_rates else "", "", origin))
    for dimension, rate in sorted_by_dimension(card.rates):
        if dimension not in TOKENS:
            unit = dimension if not dimension.startswith(IMAGES) else "image"
            rows.append(
                (dimension, plain(rate.price), "", per("", rate.per, unit).strip(), _origin(explanation, dimension))
            )
    lines = table(_RATES, rows)
    unit = f"{card.currency} per 1,000,000 tokens"
    lines.insert(
        0, f"Rates, {unit}" + (f"; long: above {card.long_above:,} input tokens" if card.long_above is not None else "")
    )
    missing = [dimension for dimension in TOKEN_KEYS if dimension not in card.rates]
    if missing and any(dimension in card.rates for dimension in TOKEN_KEYS):
        lines += fields([("no rate", ", ".join(missing))])
    if card.long_above is not None and not card.long_rates:
        lines += fields([("no long rates", "none are published: a longer prompt has no price here")])
    return lines


def _origin(explanation: Explanation, dimension: str) -> str:
    """Whose price a published rate is; a price of the user's for one length of prompts counts as theirs."""
    name = dimension.partition(" ")[0]
    return "your file" if any(name in row.prices or name in row.long for _, row in explanation.own) else "the row"


def _rate(rate: Rate | None) -> str:
    return "-" if rate is None else plain(rate.price * _MILLION / rate.per)


def _other_rows(explanation: Explanation) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for verdict in explanation.rows:
        if verdict.why_not is not None:
            row = verdict.row
            prices = (_listed(row.get(key)) for key in ("input", "cache_read", "output"))
            rows.append(
                (str(row["source"]), str(row["tier"]), *prices, str(row.get("from", "always")), verdict.why_not)
            )
    for tier, own in _user_rows(explanation):
        objection = user_objection(own, tier, explanation.tier, explanation.day)
        if objection is not None:
            prices = (_listed(own.prices.get(key)) for key in ("input", "cache_read", "output"))
            rows.append(("your file", tier, *prices, own.since or "always", objection))
    return rows


def _user_rows(explanation: Explanation) -> list[tuple[str, OverrideRow]]:
    return [(tier, row) for override in explanation.overrides for tier, row in override.rows.items()]


def _listed(price: object) -> str:
    if isinstance(price, Mapping):
        entry = cast(Mapping[str, object], price)
        return f"{entry['price']}/{entry['per']}"
    return "-" if price is None else str(price)


def to_json(explanation: Explanation, version: str) -> dict[str, object]:
    """The explanation as JSON."""
    result = explanation.result
    card = result if isinstance(result, RateCard) else None
    published, published_long = explanation.published, explanation.published_long
    return {
        "model": explanation.terms.model,
        "tier": explanation.tier,
        "date": explanation.day,
        "host": explanation.terms.host,
        "price_list": explanation.price_list,
        "because": explanation.because,
        "search": [
            {
                "where": attempt.where,
                "rule": attempt.step.rule,
                "tried": attempt.step.tried,
                "found": attempt.step.found,
            }
            for attempt in explanation.attempts
        ],
        "alias": explanation.alias,
        "priced_as": None if card is None else card.model,
        "reason": result.reason if isinstance(result, Unpriced) else None,
        "missing": list(result.missing) if isinstance(result, Unpriced) else [],
        "row": dict(explanation.row) or None,
        "other_rows": [
            {"row": dict(verdict.row), "why_not": verdict.why_not} for verdict in explanation.rows if verdict.why_not
        ],
        "your_rows": [
            {
                "tier": tier,
                "prices": dict(sorted_by_dimension(row.prices)),
                "long": dict(sorted_by_dimension(row.long)),
                "from": row.since,
                "until": row.until,
                "why_not": user_objection(row, tier, explanation.tier, explanation.day),
            }
            for tier, row in _user_rows(explanation)
        ],
        "modifiers": [] if card is None else list(card.modifiers),
        "currency": None if card is None else card.currency,
        "long_above": None if card is None else card.long_above,
        "rates": {}
        if card is None
        else {d: _rate_json(rate, d in published) for d, rate in sorted_by_dimension(card.rates)},
        "long_rates": {}
        if card is None
        else {d: _rate_json(rate, d in published_long) for d, rate in sorted_by_dimension(card.long_rates)},
        "no_rate": [] if card is None else [d for d in TOKEN_KEYS if d not in card.rates],
        "retires": explanation.retires,
        "price_book": version,
    }


def _rate_json(rate: Rate, is_published: bool) -> dict[str, object]:
    stands_in = not is_published and not rate.dimension.startswith(IMAGES)
    return {"price": plain(rate.price), "per": rate.per, "stands_in": stands_in, "note": rate.note}
