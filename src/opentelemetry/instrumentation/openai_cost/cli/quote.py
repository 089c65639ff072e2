# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""``quote``: the price of one call, line by line."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import cast

from ..pricing import LineItem, Overrides, PriceBook, Quote, RateCard, Terms, Unpriced
from ..pricing.schema import plain
from ..usage import Fee, Tokens, Usage
from . import response
from .arguments import (
    OK,
    PARTIAL,
    UNPRICED,
    UsageError,
    add_date,
    add_json,
    add_lists,
    add_terms,
    count,
    day_of,
    given_data,
    given_moment,
    given_overrides,
    given_terms,
)
from .layout import Alignment, as_json, fields, money, number, table
from .reasons import hints, in_words, what_is_missing

_TOKENS: Mapping[str, tuple[str, str]] = {
    "input": ("input", "all input tokens"),
    "output": ("output", "all output tokens"),
    "cached": ("cache_read", "of the input: read from the cache"),
    "cache-write": ("cache_write", "of the input: written to the cache"),
    "cache-write-12h": ("cache_write_12h", "of the cache writes: kept for 12 hours"),
    "reasoning": ("reasoning", "of the output: reasoning"),
    "audio-input": ("audio_input", "of the input: audio"),
    "audio-output": ("audio_output", "of the output: audio"),
    "image-input": ("image_input", "of the input: images"),
    "image-output": ("image_output", "of the output: images"),
    "text-output": ("text_output", "of the output: text, where the rest is images"),
    "cached-audio": ("audio_cache_read", "of the cached: audio"),
    "cached-image": ("image_cache_read", "of the cached: images"),
}
"""Option, by field of ``Tokens``."""
_OF_OUTPUT = frozenset({"reasoning", "audio-output", "image-output", "text-output"})
_CONTAINERS = "container_"

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


def add_to(parser: ArgumentParser) -> None:
    """The options of ``quote``."""
    parser.add_argument("--model", metavar="MODEL", help="the model that answered (default: that of the --usage body)")
    tokens = parser.add_argument_group(
        "token counts", "as the API reports them: input and output are totals, the others parts of them"
    )
    for name, (_, help_text) in _TOKENS.items():
        tokens.add_argument(f"--{name}", type=count, metavar="N", help=help_text)
    other = parser.add_argument_group("other usage")
    other.add_argument(
        "--usage",
        metavar="JSON",
        help="a usage object or a whole response body, as JSON, @FILE or - for standard input; model, tier and time"
        " are taken from it unless options say otherwise",
    )
    other.add_argument("--seconds", type=_seconds, metavar="S", help="seconds of audio, or of video")
    other.add_argument("--characters", type=count, metavar="N", help="characters of text that was spoken")
    other.add_argument("--requests", type=count, metavar="N", help="requests, of a model that is billed by them")
    other.add_argument(
        "--image", type=_image, action="append", metavar="QUALITY:SIZE[:N]", help="images, such as high:1024x1024:2"
    )
    other.add_argument(
        "--tool",
        type=_tool,
        action="append",
        metavar="NAME=N",
        help="calls of a hosted tool, such as web_search=3 or file_search=2; minutes of a container: container_4g=8",
    )
    add_terms(parser)
    add_date(parser)
    add_lists(parser)
    add_json(parser)


def run(options: Namespace) -> int:
    """Prints the quote; the status says whether it is one."""
    data, overrides = given_data(options), given_overrides(options)
    book = PriceBook(data, overrides)
    facts = _facts(options)
    model = cast("str | None", options.model) or facts.model
    at = facts.created if options.date is None and facts.created is not None else given_moment(options)
    terms = given_terms(options, model, at, facts.tier, facts.batch, facts.endpoint or _endpoint(model))
    if model is None and terms.endpoint != "containers":
        raise UsageError("--model is missing, and no --usage body names one")
    _check_tools(_tools(options), data, overrides)
    usage = _usage(options, facts, book, terms)
    if facts.usage is None and options.usage is None and usage.is_empty:
        raise UsageError("nothing to price: give --input and --output, --usage, or another quantity")
    result = book.quote(usage, terms)
    if options.json:
        print(as_json(to_json(result, terms, book.version)))
    else:
        advice = hints(result, terms, data, overrides) if isinstance(result, Unpriced) else []
        print("\n".join(to_text(result, terms, book.version, advice)))
    return OK if isinstance(result, Quote) else UNPRICED if result.partial is None else PARTIAL


# --- from the options to usage ---------------------------------------------------------------------------------------


def _facts(options: Namespace) -> response.Facts:
    argument = cast("str | None", options.usage)
    if argument is None:
        return response.Facts(None)
    given = [name for name in _TOKENS if _given(options, name) is not None]
    if given:
        raise UsageError(f"--usage has the token counts, so --{given[0]} cannot be given beside it")
    return response.read(argument)


def _usage(options: Namespace, facts: response.Facts, book: PriceBook, terms: Terms) -> Usage:
    reported = facts.usage or Usage()
    tokens = _tokens(options) if options.usage is None else reported.tokens
    if tokens is not None and terms.endpoint == "images":
        tokens = response.as_image_output(tokens)
    units = [*reported.units]
    seconds = cast("Decimal | None", options.seconds)
    if seconds is not None:
        units.append(("video_seconds" if _is_video(book, terms) else "audio_seconds", seconds))
    for name in ("characters", "requests"):
        quantity = cast("int | None", getattr(options, name))
        if quantity is not None:
            units.append((name, quantity))
    units += [(f"images {kind}", quantity) for kind, quantity in cast("list[tuple[str, int]]", options.image or [])]
    return Usage(tokens, tuple(units), _fees(reported.fees, _tools(options)), reported.models)


def _tokens(options: Namespace) -> Tokens | None:
    counts = {field: given for name, (field, _) in _TOKENS.items() if (given := _given(options, name)) is not None}
    for name, (field, _) in _TOKENS.items():
        total = "output" if name in _OF_OUTPUT else "input"
        if field in counts and total not in counts:
            raise UsageError(f"--{name} is a part of --{total}, which is missing")
    return Tokens(**counts) if counts else None


def _given(options: Namespace, name: str) -> int | None:
    return cast("int | None", getattr(options, name.replace("-", "_")))


def _tools(options: Namespace) -> list[tuple[str, int]]:
    return cast("list[tuple[str, int]]", options.tool or [])


def _fees(reported: Sequence[Fee], given: Sequence[tuple[str, int]]) -> tuple[Fee, ...]:
    """The fees of the response, those that the user states in place of them: only the user knows a container's minutes."""
    kinds = {_kind(name) for name, _ in given}
    return (*(fee for fee in reported if _kind(fee.name) not in kinds), *(Fee(name, n) for name, n in given))


def _kind(fee: str) -> str:
    return _CONTAINERS if fee.startswith(_CONTAINERS) else fee


def _check_tools(given: Sequence[tuple[str, int]], data: Mapping[str, object], overrides: Overrides) -> None:
    providers = cast(Mapping[str, Mapping[str, Mapping[str, object]]], data["providers"])
    known = {name: None for provider in providers.values() for name in provider.get("fees", {})} | dict.fromkeys(
        overrides.fees
    )
    for name, _ in given:
        if name not in known:
            raise UsageError(f"--tool {name}: unknown; known are {', '.join(known)}")


def _endpoint(model: str | None) -> str | None:
    """The models that draw are billed for images unless their usage says that some of the output is text."""
    return "images" if model is not None and "image" in model else None


def _is_video(book: PriceBook, terms: Terms) -> bool:
    card = book.card(terms)
    return terms.endpoint == "videos" or (isinstance(card, RateCard) and "video_seconds" in card.rates)


def _seconds(text: str) -> Decimal:
    try:
        seconds = Decimal(text)
    except InvalidOperation:
        seconds = Decimal(-1)
    if not seconds.is_finite() or not 0 <= seconds < 10**12:
        raise ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds


def _image(text: str) -> tuple[str, int]:
    quality, _, rest = text.partition(":")
    size, _, quantity = rest.partition(":")
    if not quality or not size:
        raise ArgumentTypeError(f"{text!r} is not QUALITY:SIZE or QUALITY:SIZE:N, such as high:1024x1024:2")
    return f"{quality} {size}", count(quantity) if quantity else 1


def _tool(text: str) -> tuple[str, int]:
    name, equals, quantity = text.partition("=")
    if not name or not equals:
        raise ArgumentTypeError(f"{text!r} is not NAME=N, such as web_search=3")
    return name, count(quantity)


# --- how it looks ----------------------------------------------------------------------------------------------------


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
