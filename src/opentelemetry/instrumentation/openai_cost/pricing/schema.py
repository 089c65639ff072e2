# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The form of a price book: how it is written, how it is read back and checked.

Used when a book is built, brought up to date or taken from a file of the user's choice; never while a call is priced.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TypeVar, cast

from ..money import plain
from . import file
from .keys import TIERS, TOKEN_KEYS, UNIT_KEYS

SCHEMA = 1
GENAI = "genai-prices"
LITELLM = "litellm"
SOURCES = (GENAI, LITELLM, "overlay")
MAX_BYTES = 300_000  # of a book that is written

ENDPOINTS = ("decisions",)
PROVIDERS = ("openai", "azure.ai.openai")
CONFIDENCES = (None, "single-source", "disputed")

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
MODEL_FACTS = ("class", "regional", "retires")

_TOP_KEYS = frozenset({"schema", "version", "sources", "providers"})
_PROVIDER_KEYS = frozenset({"long_context_above", "regions", "windows", "fees", "models"})
_WINDOW_KEYS = frozenset({"multiplier", "source"})
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
        if FEE_LIMITS & row.keys() and "minimum" not in row:
            raise BookError(f"{where}: a block or a maximum needs a minimum")
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
    problems = [*unusable(where, row)]
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


def unusable(where: str, row: Row) -> Iterator[str]:
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
