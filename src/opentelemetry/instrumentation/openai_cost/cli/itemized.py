# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""How a quote looks: its lines as a table and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..money import plain
from ..pricing import LineItem, Quote, Terms, Unpriced
from .arguments import day_of
from .layout import Alignment, fields, money, number, table
from .reasons import in_words, what_is_missing

_ITEMS: Mapping[str, Alignment] = {
    "model": "left",
    "dimension": "left",
    "quantity": "right",
    "unit price": "point",
    "per": "right",
    "amount": "point",
    "list": "left",
    "since": "left",
    "note": "right",
}


def to_text(result: Quote | Unpriced, terms: Terms, version: str, advice: Sequence[str] = ()) -> list[str]:
    """The quote as lines of text."""
    quote = result if isinstance(result, Quote) else result.partial
    lines = [title(terms, quote.card.model if quote is not None else None), ""]
    labels: list[tuple[str, str]] = []
    if quote is not None:
        notes = list(dict.fromkeys(item.note for _, item in _items(quote) if item.note))
        lines += table(_ITEMS, _rows(quote, notes))
        lines += [line for i, note in enumerate(notes, 1) for line in fields([(f"{i:>3}", note)])]
        lines.append("")
        amount = f"{money(quote.amount)} {quote.currency}"
        labels.append(("amount" if quote is result else "at least", amount))
        if quote.list_amount != quote.amount:
            labels.append(("list amount", f"{money(quote.list_amount)} {quote.currency}"))
        labels.append(("modifiers", ", ".join(quote.card.modifiers)))
    if isinstance(result, Unpriced):
        labels.append((result.status, f"{result.reason}: {in_words(result.reason)}"))
        labels.append(("missing", ", ".join(what_is_missing(result))))
        labels += [("" if i else "hint", hint) for i, hint in enumerate(advice)]
    labels.append(("price book", version))
    return lines + fields(labels)


def title(terms: Terms, answered: str | None = None) -> str:
    """One line that says which call is meant."""
    name = terms.model or "no model"
    if answered not in (None, "", name):
        name += f", priced as {answered},"
    parts = [name, f"on {day_of(terms.at)}"]
    if terms.host:
        parts.append(f"at {terms.host}")
    elif terms.price_list:
        parts.append(f"at {terms.price_list}")
    if terms.batch or (terms.tier or "default") not in ("default", "auto", "standard"):
        parts.append(f"({'batch' if terms.batch else terms.tier})")
    return " ".join(parts)


def _items(quote: Quote) -> list[tuple[str, LineItem]]:
    """The line items, each with the model it belongs to; empty where all belong to one."""
    if not quote.nested:
        return [("", item) for item in quote.items]
    inner = [pair for nested in quote.nested for pair in ((nested.card.model, item) for item in nested.items)]
    own = quote.items[: len(quote.items) - len(inner)]
    return [*((quote.card.model, item) for item in own), *inner]


def _rows(quote: Quote, notes: Sequence[str]) -> list[tuple[str, ...]]:
    return [
        (
            model,
            item.dimension,
            number(item.quantity),
            money(item.price),
            number(item.per),
            money(item.amount),
            item.source,
            item.since or "always",
            str(notes.index(item.note) + 1) if item.note else "",
        )
        for model, item in _items(quote)
    ]


def to_json(result: Quote | Unpriced, terms: Terms, version: str) -> dict[str, object]:
    """The quote as JSON; a lower bound stands in ``partial_amount``, never in ``amount``."""
    quote = result if isinstance(result, Quote) else result.partial
    is_priced = isinstance(result, Quote)
    return {
        "status": "priced" if isinstance(result, Quote) else result.status,
        "reason": None if isinstance(result, Quote) else result.reason,
        "missing": [] if isinstance(result, Quote) else list(dict.fromkeys(result.missing)),
        "model": terms.model,
        "priced_as": None if quote is None else quote.card.model,
        "date": day_of(terms.at),
        "tier": None if quote is None else quote.card.tier,
        "modifiers": [] if quote is None else list(quote.card.modifiers),
        "amount": plain(quote.amount) if quote is not None and is_priced else None,
        "partial_amount": plain(quote.amount) if quote is not None and not is_priced else None,
        "list_amount": plain(quote.list_amount) if quote is not None else None,
        "currency": None if quote is None else quote.currency,
        "items": []
        if quote is None
        else [_item_json(model or quote.card.model, item) for model, item in _items(quote)],
        "price_book": version,
    }


def _item_json(model: str, item: LineItem) -> dict[str, object]:
    return {
        "model": model,
        "dimension": item.dimension,
        "quantity": str(item.quantity),
        "price": plain(item.price),
        "per": item.per,
        "amount": plain(item.amount),
        "source": item.source,
        "since": item.since,
        "note": item.note,
    }
