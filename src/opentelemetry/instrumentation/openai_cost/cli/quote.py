# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""``quote``: the price of one call, line by line."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import cast

from ..pricing import Overrides, PriceBook, Quote, RateCard, Terms, Unpriced
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
    given_data,
    given_moment,
    given_overrides,
    given_terms,
)
from .itemized import to_json, to_text
from .layout import as_json
from .reasons import hints

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
    return reported._replace(tokens=tokens, units=tuple(units), fees=_fees(reported.fees, _tools(options)))


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
