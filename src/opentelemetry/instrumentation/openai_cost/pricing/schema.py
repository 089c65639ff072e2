# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The form of a price book: how it is written, how it is read back and checked, and what makes a price implausible.

Used when a book is built, brought up to date or taken from a file of the user's choice; never while a call is priced.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path
from typing import TypeVar, cast

from . import file

SCHEMA = 1
GENAI = "genai-prices"
LITELLM = "litellm"
SOURCES = (GENAI, LITELLM, "overlay")
MAX_BYTES = 300_000  # of a book that is written
MAX_STEP = 5  # a price may change by this factor between two rows of one model and tier, not by more

TIERS = ("standard", "flex", "priority", "ultrafast", "batch")
ENDPOINTS = ("decisions",)
PROVIDERS = ("openai", "azure.ai.openai")
CONFIDENCES = (None, "single-source", "disputed")

# Dimensions in USD per 1,000,000 tokens, in the order in which they are written.
TOKEN_KEYS = (
    "input",
    "cache_read",
    "cache_write",
    "cache_write_12h",
    "output",
    "audio_input",
    "audio_cache_read",
    "audio_output",
    "image_input",
    "image_cache_read",
    "image_output",
)
# Dimensions in other units, with the number of units that the price is for.
UNIT_KEYS = {"audio_seconds": 60, "video_seconds": 1, "characters": 1_000_000, "requests": 1}
IMAGE = "images:"  # "images:high 1024x1024", USD per image
LONG = "long:"  # prefix of the rates for a prompt above the long-context threshold

FEES = (
    "web_search",
    "web_search_preview",
    "file_search",
    "container_1g",
    "container_4g",
    "container_16g",
    "container_64g",
)
MODEL_FACTS = ("class", "regional", "retires", "snapshots", "windows")

_TOP_KEYS = frozenset({"schema", "version", "sources", "providers"})
_PROVIDER_KEYS = frozenset({"long_context_above", "regions", "windows", "fees", "models"})
_WINDOW_KEYS = frozenset({"multiplier", "models", "from", "source"})
FEE_LIMITS = frozenset({"minimum", "block", "maximum"})
"""Whole numbers that say how much of a fee's units is billed."""
_FEE_ROW_KEYS = frozenset({"class", "price", "per", "from", "until", *FEE_LIMITS, "source", "confidence", "note"})
_ROW_FACTS = frozenset({"tier", "endpoint", "from", "until", "long", "images", "source", "confidence", "note"})
_T = TypeVar("_T")


class BookError(Exception):
    """There is no usable book here; the message lists every reason, one a line."""


@dataclass(frozen=True, slots=True)
class Row:
    """The prices of one model for one tier from one day on.

    Attributes:
        tier: One of :data:`TIERS`.
        prices: Price by key: a token dimension, a unit dimension, ``images:<quality> <size>``, or any token dimension
            prefixed with ``long:``. USD.
        start: First day on which the row holds, ISO 8601, or None for "as long as the model exists".
        until: Last day on which the row holds, or None.
        endpoint: The only endpoint for which the row holds, or None for all.
        long_withheld: True when long-context rates exist or may exist but are not known: the row then says so, instead
            of leaving the reader to think that long prompts cost the same.
        source: ``genai-prices``, ``litellm`` or ``overlay``.
        confidence: None, ``single-source`` or ``disputed``.
        note: Short text for the reader of a quote, or None.
    """

    tier: str
    prices: Mapping[str, Decimal]
    start: str | None = None
    until: str | None = None
    endpoint: str | None = None
    long_withheld: bool = False
    source: str = "overlay"
    confidence: str | None = None
    note: str | None = None

    @property
    def slot(self) -> tuple[str, str | None, str | None]:
        """What two rows of one model must not share: tier, endpoint and first day."""
        return (self.tier, self.endpoint, self.start)


@dataclass(slots=True)
class Model:
    """One entry of the book: rows, and facts about the model that are not prices."""

    rows: list[Row]
    facts: dict[str, object] = field(default_factory=dict[str, object])


# --- small helpers ---------------------------------------------------------------------------------------------------


def decimal(text: object) -> Decimal:
    """The exact decimal that a text or integer names; floats are refused, since they have lost it already."""
    if isinstance(text, bool) or not isinstance(text, (str, int)):
        raise BookError(f"not a decimal: {text!r}")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise BookError(f"not a decimal: {text!r}") from None
    if not value.is_finite() or abs(value.adjusted()) > 15:
        raise BookError(f"not a price: {text!r}")
    return value


def plain(value: Decimal) -> str:
    """A decimal as people write it: no exponent, no trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def day(text: object) -> str:
    """An ISO date, checked."""
    try:
        return date.fromisoformat(str(text)).isoformat()
    except ValueError:
        raise BookError(f"not an ISO date: {text!r}") from None


def table(value: object) -> dict[str, object]:
    """A TOML table or JSON object, as such."""
    if not isinstance(value, dict):
        raise BookError(f"expected a table, got {value!r}")
    return cast("dict[str, object]", value)


def tables(value: object) -> list[dict[str, object]]:
    """A list of tables; absent counts as empty."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise BookError(f"expected a list of tables, got {value!r}")
    return [table(entry) for entry in cast("list[object]", value)]


def texts(value: object) -> tuple[str, ...]:
    """A list of strings, or one string; absent counts as empty."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        raise BookError(f"expected strings, got {value!r}")
    return tuple(str(entry) for entry in cast("list[object]", value))


def text_or_none(value: object) -> str | None:
    """A string, or None when absent."""
    return None if value is None else str(value)


# --- writing a book --------------------------------------------------------------------------------------------------


def order(row: Row) -> tuple[int, str, str]:
    """Rows are written by tier, then endpoint, then day."""
    return (TIERS.index(row.tier), row.endpoint or "", row.start or "")


def written_row(row: Row) -> dict[str, object]:
    """A row as it stands in the JSON file."""
    written: dict[str, object] = {"tier": row.tier}
    for name, value in (("endpoint", row.endpoint), ("from", row.start), ("until", row.until)):
        if value is not None:
            written[name] = value
    for key in TOKEN_KEYS:
        if key in row.prices:
            written[key] = plain(row.prices[key])
    for key, per in UNIT_KEYS.items():
        if key in row.prices:
            written[key] = {"price": plain(row.prices[key]), "per": per}
    images = {key.removeprefix(IMAGE): plain(row.prices[key]) for key in sorted(row.prices) if key.startswith(IMAGE)}
    if images:
        written["images"] = images
    long = {key: plain(row.prices[LONG + key]) for key in TOKEN_KEYS if LONG + key in row.prices}
    if long or row.long_withheld:
        written["long"] = long
    written["source"] = row.source
    for name, value in (("confidence", row.confidence), ("note", row.note)):
        if value is not None:
            written[name] = value
    return written


def written_model(model: Model) -> dict[str, object]:
    """A model as it stands in the JSON file."""
    facts = {key: model.facts[key] for key in MODEL_FACTS if key in model.facts}
    return facts | {"rates": [written_row(row) for row in sorted(model.rows, key=order)]}


def dump(book: Mapping[str, object]) -> str:
    """The book as text: one model a line, so that a change of price is a change of one line."""

    def compact(value: object) -> str:
        return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))

    def block(value: Mapping[str, object]) -> str:
        lines = [f"        {compact(key)}: {compact(inner)}" for key, inner in value.items()]
        return "{\n" + ",\n".join(lines) + "\n      }"

    head = {key: value for key, value in book.items() if key != "providers"}
    providers = table(book["providers"])
    lines = [f"  {compact(key)}: {compact(value)}" for key, value in head.items()]
    inner: list[str] = []
    for name, provider in providers.items():
        parts = table(provider)
        fields = [
            f"      {compact(key)}: {block(table(value)) if key in ('models', 'fees') else compact(value)}"
            for key, value in parts.items()
        ]
        inner.append(f"    {compact(name)}: {{\n" + ",\n".join(fields) + "\n    }")
    lines.append('  "providers": {\n' + ",\n".join(inner) + "\n  }")
    return "{\n" + ",\n".join(lines) + "\n}\n"


# --- reading a book back ---------------------------------------------------------------------------------------------


def load(path: Path) -> Mapping[str, object]:
    """A price book from a file, its form checked.

    Args:
        path: a file in the form of the bundled ``prices.json``.

    Returns:
        The parsed document, as :class:`~.book.PriceBook` takes it.

    Raises:
        BookError: naming the file, and the place in it that is wrong.
    """
    try:
        return parse(file.read(path))
    except OSError as error:
        raise BookError(f"{path}: {error.strerror or error}") from error
    except BookError as error:
        raise BookError(f"{path}: {error}") from error


def parse(content: bytes) -> Mapping[str, object]:
    """A price book from the bytes of its file, its form checked.

    Raises:
        BookError: naming the place that is wrong.
    """
    if len(content) > file.MAX_FILE:
        raise BookError(f"is larger than {file.MAX_FILE} bytes")
    try:
        document = cast(object, json.loads(content))
    except (ValueError, RecursionError) as error:
        raise BookError(f"not JSON: {error}") from error
    models_of(document)
    return table(document)


def models_of(document: object) -> dict[str, dict[str, Model]]:
    """The models of a book by provider, every part of the document checked on the way.

    Raises:
        BookError: naming the first place that is wrong.
    """
    book = _at("top level", table, document)
    if book.get("schema") != SCHEMA:
        raise BookError(f"schema is {book.get('schema')!r}; this version of the package reads {SCHEMA}")
    _only("top level", book, _TOP_KEYS)
    _at("version", day, book.get("version"))
    for name, version in _at("sources", table, book.get("sources")).items():
        if not isinstance(version, str):
            raise BookError(f"sources: {name}: not a version: {version!r}")
    providers = _at("providers", table, book.get("providers"))
    for name in PROVIDERS:
        if name not in providers:
            raise BookError(f"providers: {name} is missing")
    return {name: _read_provider(name, value) for name, value in providers.items()}


def _read_provider(name: str, value: object) -> dict[str, Model]:
    section = _at(name, table, value)
    _only(name, section, _PROVIDER_KEYS)
    above = section.get("long_context_above")
    if type(above) is not int or above < 0:
        raise BookError(f"{name}: long_context_above is no number of tokens: {above!r}")
    regions = section.get("regions", [])
    if not isinstance(regions, list) or not all(isinstance(region, str) for region in cast("list[object]", regions)):
        raise BookError(f"{name}: regions: expected strings")
    for window, rule in _at(f"{name}: windows", table, section.get("windows", {})).items():
        where = f"{name}: windows: {window}"
        entry = _at(where, table, rule)
        _only(where, entry, _WINDOW_KEYS)
        if not 0 < _at(where, decimal, entry.get("multiplier")) <= 1:
            raise BookError(f"{where}: multiplier is {entry['multiplier']}")
    for fee, rows in _at(f"{name}: fees", table, section.get("fees", {})).items():
        _check_fee(f"{name}: fees: {fee}", fee, rows)
    models: dict[str, Model] = {}
    for model, found in _at(f"{name}: models", table, section.get("models")).items():
        models[model] = _read_model(f"{name}: {model}", found)
    return models


def _check_fee(where: str, name: str, value: object) -> None:
    if name not in FEES:
        raise BookError(f"{where}: unknown fee")
    for row in _at(where, tables, value):
        _only(where, row, _FEE_ROW_KEYS)
        per = row.get("per")
        if _at(where, decimal, row.get("price")) < 0 or type(per) is not int or per < 1:
            raise BookError(f"{where}: not a price: {row.get('price')!r} per {per!r}")
        for key in FEE_LIMITS & row.keys():
            if type(row[key]) is not int or cast(int, row[key]) < 1:
                raise BookError(f"{where}: {key} is {row[key]!r}")
        for key in ("from", "until"):
            if key in row:
                _at(where, day, row[key])


def _read_model(where: str, value: object) -> Model:
    entry = _at(where, table, value)
    _only(where, entry, {"rates", *MODEL_FACTS})
    facts = {key: entry[key] for key in MODEL_FACTS if key in entry}
    if "regional" in facts:
        _at(f"{where}: regional", decimal, facts["regional"])
    if "retires" in facts:
        _at(f"{where}: retires", day, facts["retires"])
    if not isinstance(facts.get("class", ""), str):
        raise BookError(f"{where}: class is {facts['class']!r}")
    _at(f"{where}: snapshots", texts, facts.get("snapshots"))
    rows = [_read_row(f"{where}: rates[{i}]", row) for i, row in enumerate(_at(where, tables, entry.get("rates")))]
    if not rows:
        raise BookError(f"{where}: no rates")
    return Model(rows, facts)


def _read_row(where: str, entry: Mapping[str, object]) -> Row:
    _only(where, entry, {*_ROW_FACTS, *TOKEN_KEYS, *UNIT_KEYS})
    prices: dict[str, Decimal] = {}
    for key in TOKEN_KEYS:
        if key in entry:
            prices[key] = _at(f"{where}: {key}", decimal, entry[key])
    for key, per in UNIT_KEYS.items():
        if key in entry:
            price = _at(f"{where}: {key}", table, entry[key])
            _only(f"{where}: {key}", price, {"price", "per"})
            if price.get("per") != per:
                raise BookError(f"{where}: {key}: a price per {price.get('per')!r}, expected per {per}")
            prices[key] = _at(f"{where}: {key}", decimal, price.get("price"))
    for image, amount in _at(f"{where}: images", table, entry.get("images", {})).items():
        prices[IMAGE + image] = _at(f"{where}: images: {image}", decimal, amount)
    long = _at(f"{where}: long", table, entry.get("long", {}))
    _only(f"{where}: long", long, TOKEN_KEYS)
    for key in TOKEN_KEYS:
        if key in long:
            prices[LONG + key] = _at(f"{where}: long: {key}", decimal, long[key])
    row = Row(
        tier=str(entry.get("tier")),
        prices=prices,
        start=_at(where, day, entry["from"]) if "from" in entry else None,
        until=_at(where, day, entry["until"]) if "until" in entry else None,
        endpoint=text_or_none(entry.get("endpoint")),
        long_withheld="long" in entry and not long,
        source=str(entry.get("source")),
        confidence=text_or_none(entry.get("confidence")),
        note=text_or_none(entry.get("note")),
    )
    if row.tier not in TIERS:
        raise BookError(f"{where}: unknown tier {row.tier}")
    problems = [*_unusable(where, row)]
    if problems:
        raise BookError(problems[0])
    return row


def _at(where: str, read: Callable[[object], _T], value: object) -> _T:
    """The value as ``read`` understands it; a complaint names the place."""
    try:
        return read(value)
    except BookError as error:
        raise BookError(f"{where}: {error}") from None


def _only(where: str, entry: Mapping[str, object], known: frozenset[str] | set[str] | Sequence[str]) -> None:
    for key in entry:
        if key not in known:
            raise BookError(f"{where}: unknown key {key!r}")


# --- gates -----------------------------------------------------------------------------------------------------------


def _unusable(where: str, row: Row) -> Iterator[str]:
    """What makes a row unusable, whatever stands beside it."""
    if row.endpoint is not None and row.endpoint not in ENDPOINTS:
        yield f"{where}: unknown endpoint {row.endpoint}"
    if row.source not in SOURCES:
        yield f"{where}: no source"
    if row.confidence not in CONFIDENCES:
        yield f"{where}: unknown confidence {row.confidence}"
    if not row.prices:
        yield f"{where}: no price"
    for key, price in row.prices.items():
        bare = key.removeprefix(LONG)
        if bare not in TOKEN_KEYS and (key != bare or (key not in UNIT_KEYS and not key.startswith(IMAGE))):
            yield f"{where}: unknown key {key}"
        if not price.is_finite() or price < 0:
            yield f"{where}: {key} is {price}"


def check_row(name: str, row: Row, standard: Row | None, may_lack: Sequence[str]) -> Iterator[str]:
    """What is wrong with one row, given the standard row of the same day."""
    where = f"{name}: {row.tier}{f' from {row.start}' if row.start else ''}"
    yield from _unusable(where, row)
    for prefix in ("", LONG):
        pairs = (
            ("cache_read", "input"),
            ("audio_cache_read", "audio_input"),
            ("image_cache_read", "image_input"),
            ("input", "cache_write"),
            ("cache_write", "cache_write_12h"),
        )
        for low, high in pairs:
            cheaper, dearer = row.prices.get(prefix + low), row.prices.get(prefix + high)
            if cheaper is not None and dearer is not None and cheaper > dearer:
                yield f"{where}: {prefix}{low} is above {prefix}{high}"
    for key, price in row.prices.items():
        if key.startswith(LONG) and price < row.prices.get(key.removeprefix(LONG), price):
            yield f"{where}: {key} is below {key.removeprefix(LONG)}"
    long = {key.removeprefix(LONG) for key in row.prices if key.startswith(LONG)}
    short = {key for key in row.prices if key in TOKEN_KEYS}
    if long and long != short:
        yield f"{where}: long-context rates for {', '.join(sorted(long ^ short))} are one-sided"
    if long and row.long_withheld:
        yield f"{where}: long-context rates are both given and withheld"
    if standard is None or row.tier == "standard":
        return
    for key, price in row.prices.items():
        reference = standard.prices.get(key)
        if reference is not None and row.tier in ("flex", "batch") and price > reference:
            yield f"{where}: {key} is above the standard rate"
        if reference is not None and row.tier in ("priority", "ultrafast") and price < reference:
            yield f"{where}: {key} is below the standard rate"
    # A dimension left out would be billed at the rate of another: it must be left out knowingly.
    for key in standard.prices:
        if key in TOKEN_KEYS and key not in row.prices and key not in may_lack:
            yield f"{where}: no {key}, which the standard row has"
    if any(key.startswith(LONG) for key in standard.prices) and not long and not row.long_withheld:
        yield f"{where}: no long-context rates, which the standard row has (withhold_long says that it is known)"


def check_book(provider: str, models: Mapping[str, Model], section: Mapping[str, object]) -> list[str]:
    """Everything implausible about the models of one provider.

    Args:
        provider: Its name, for the messages.
        models: The models of the book.
        section: The overlay's section, whose ``[[steps]]`` and ``[[incomplete]]`` state known exceptions.
    """
    problems: list[str] = []
    steps = tables(section.get("steps"))
    gaps = tables(section.get("incomplete"))
    for name, model in models.items():
        where = f"{provider}: {name}"
        if not model.rows:
            problems.append(f"{where}: no rates")
        slots = [row.slot for row in model.rows]
        if len(set(slots)) != len(slots):
            problems.append(f"{where}: two rows for one tier and day")
        groups: dict[tuple[str, str | None], list[Row]] = {}
        for row in sorted(model.rows, key=order):
            groups.setdefault((row.tier, row.endpoint), []).append(row)
        for (tier, _), rows in groups.items():
            for earlier, later in pairwise(rows):
                if earlier.until is not None and later.start is not None and earlier.until >= later.start:
                    problems.append(f"{where}: {tier}: rows overlap on {later.start}")
                for key in earlier.prices.keys() & later.prices.keys():
                    a, b = earlier.prices[key], later.prices[key]
                    stated = any(
                        tier in texts(step.get("tiers"))
                        and name in texts(step.get("models"))
                        and str(step.get("from")) == later.start
                        for step in steps
                    )
                    if not stated and (a > MAX_STEP * b or b > MAX_STEP * a):
                        problems.append(
                            f"{where}: {tier}: {key} goes from {plain(a)} to {plain(b)} on {later.start}; "
                            "overlay.toml does not state it"
                        )
        for row in model.rows:
            if row.until is not None and row.start is not None and row.until < row.start:
                problems.append(f"{where}: {row.tier}: ends before it begins")
            standards = groups.get(("standard", None), [])
            in_force = [other for other in standards if (other.start or "") <= (row.start or "")] or standards[:1]
            may_lack = [
                key
                for gap in gaps
                if row.tier in texts(gap.get("tiers")) and any(fnmatchcase(name, p) for p in texts(gap.get("models")))
                for key in texts(gap.get("keys"))
            ]
            problems += check_row(where, row, in_force[-1] if in_force else None, may_lack)
        for key, value in model.facts.items():
            if key == "class" and value != "reasoning":
                problems.append(f"{where}: unknown class {value}")
            if key == "regional" and decimal(value) < 1:
                problems.append(f"{where}: regional multiplier {value}")
            if key == "retires":
                day(value)
    return problems


def doubts(document: object) -> list[str]:
    """Everything implausible about a book that is well formed, one line each.

    Some implausible prices are true. The overlay from which the bundled book is built states those, but a book does not:
    compare with what :func:`doubts` says of the bundled one.

    Raises:
        BookError: if it is not well formed.
    """
    return [line for name, models in models_of(document).items() for line in check_book(name, models, {})]
