# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Overrides: the user's price file, read whole or not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import NoReturn, cast

from . import file
from .keys import TIERS as LISTED_TIERS
from .keys import TOKEN_KEYS, UNIT_KEYS

TOKEN_PRICES = frozenset(TOKEN_KEYS)
UNIT_PRICES = frozenset(UNIT_KEYS)
TIERS = frozenset({*LISTED_TIERS, "scale"})
"""A user may have a price where the list has none: of trained tokens, and of the scale tier."""
_CURRENCY = re.compile(r"[A-Z]{3}")
_MAX_PRICE = 10**9
_EMPTY: Mapping[str, object] = MappingProxyType({})


class PriceFileError(ValueError):
    """A price file that cannot be used. The message names the file and the line or key."""


@dataclass(frozen=True, slots=True)
class OverrideRow:
    """The user's prices for one tier of one model, over those of the list."""

    prices: Mapping[str, object]
    long: Mapping[str, object]
    since: str | None
    until: str | None


@dataclass(frozen=True, slots=True)
class ModelOverride:
    """What the user's file says about one model, deployment or alias."""

    name: str
    alias: str | None
    currency: str | None
    rows: Mapping[str, OverrideRow]
    long_above: int | None = None

    def row(self, tier: str, day: str) -> OverrideRow | None:
        """The user's prices for a tier, if they hold on the day (ISO date)."""
        row = self.rows.get(tier)
        if row is None or (row.since or "") > day or (row.until or "9") < day:
            return None
        return row


@dataclass(frozen=True, slots=True)
class DiscountRule:
    """A percentage off the token prices of the models that match, between two days (both included)."""

    match: str
    percent: Decimal
    since: str | None = None
    until: str | None = None

    def holds(self, key: str, model: str, day: str) -> bool:
        """Whether the rule applies to a model, by its key in the book or the name on the wire, on a day (ISO date)."""
        if (self.since or "") > day or (self.until or "9") < day:
            return False
        return fnmatchcase(model, self.match) or fnmatchcase(key, self.match)


@dataclass(frozen=True, slots=True)
class Overrides:
    """The user's file: merged over the bundled list.

    Attributes:
        models: by name.
        discounts: the first rule that holds applies.
        fees: tables with ``price`` and ``per``, by fee name.
        hosts: price list (``openai`` or ``azure.ai.openai``) by host name.
        currency: ISO 4217 code of every price in the file that does not say otherwise.
        short_batches: whether no prompt in a batch or a run is long, which the sums that they report do not tell.
        digest: first eight hex digits of the file's SHA-256, part of the version of every quote.
    """

    models: Mapping[str, ModelOverride] = field(default_factory=dict[str, ModelOverride])
    discounts: tuple[DiscountRule, ...] = ()
    fees: Mapping[str, Mapping[str, object]] = field(default_factory=dict[str, Mapping[str, object]])
    hosts: Mapping[str, str] = field(default_factory=dict[str, str])
    currency: str | None = None
    short_batches: bool = False
    digest: str = ""


def read(path: Path) -> Overrides:
    """Reads and checks a price file.

    Args:
        path: a ``.json`` file, or TOML under any other name.

    Raises:
        PriceFileError: if it cannot be read, parsed or understood; nothing of it is used then.
    """
    try:
        content = file.read(path)
    except (OSError, ValueError) as error:
        raise PriceFileError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    return parse(_parse_json(path, content) if path.suffix == ".json" else _parse_toml(path, content), path, content)


def parse(document: object, path: Path | str = "prices", content: bytes = b"") -> Overrides:
    """Checks a parsed price file.

    Raises:
        PriceFileError: naming the key that is wrong.
    """
    reader = _Reader(str(path))
    top = reader.table(document, "")
    reader.only(top, "", {"batches", "currency", "models", "discounts", "fees", "hosts"})
    currency = reader.currency(top.get("currency"), "currency")
    models = {
        name: reader.model(name, value, f'models."{name}"')
        for name, value in reader.table(top.get("models", _EMPTY), "models").items()
    }
    for name, model in models.items():
        if model.alias is not None and model.alias in models and models[model.alias].alias is not None:
            reader.fail(f'models."{name}".alias', f"{model.alias!r} is itself an alias")
    rules = reader.array(top.get("discounts", ()), "discounts")
    discounts = tuple(reader.discount(rule, f"discounts[{index}]") for index, rule in enumerate(rules))
    fees = {
        name: reader.unit_price(value, f"fees.{name}")
        for name, value in reader.table(top.get("fees", _EMPTY), "fees").items()
    }
    hosts = {
        name.lower(): reader.host(value, f'hosts."{name}"')
        for name, value in reader.table(top.get("hosts", _EMPTY), "hosts").items()
    }
    digest = sha256(content or json.dumps(document, default=str, sort_keys=True).encode()).hexdigest()[:8]
    short_batches = reader.short_batches(top.get("batches", _EMPTY), "batches")
    return Overrides(models, discounts, fees, hosts, currency, short_batches, digest)


def _parse_json(path: Path, content: bytes) -> object:
    try:
        return json.loads(content, object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:
        raise PriceFileError(f"{path}: not JSON: {error}") from error


def _without_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    table: dict[str, object] = {}
    for name, value in pairs:
        if name in table:
            raise ValueError(f"the key {name!r} stands twice")
        table[name] = value
    return table


def _parse_toml(path: Path, content: bytes) -> object:
    toml = _toml_module()
    if toml is None:
        raise PriceFileError(f"{path}: TOML needs Python 3.11 or the package tomli; JSON always works")
    try:
        return toml.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise PriceFileError(f"{path}: not TOML: {error}") from error


def _toml_module() -> ModuleType | None:
    for name in ("tomllib", "tomli"):
        try:
            return import_module(name)
        except ImportError:
            continue
    return None


class _Reader:
    """Turns plain tables into override rows; every complaint names the file and the key."""

    def __init__(self, path: str) -> None:
        self._path = path

    def fail(self, key: str, message: str) -> NoReturn:
        raise PriceFileError(f"{self._path}: {key or 'top level'}: {message}")

    def table(self, value: object, key: str) -> Mapping[str, object]:
        if not isinstance(value, Mapping):
            self.fail(key, "expected a table")
        return cast(Mapping[str, object], value)

    def array(self, value: object, key: str) -> Sequence[object]:
        if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
            self.fail(key, "expected a list of tables")
        return cast(Sequence[object], value)

    def only(self, table: Mapping[str, object], key: str, known: set[str] | frozenset[str]) -> None:
        for name in table:
            if name not in known:
                self.fail(f"{key}.{name}" if key else name, f"unknown key; known are {', '.join(sorted(known))}")

    def currency(self, value: object, key: str) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
            self.fail(key, f"{value!r} is not an ISO 4217 code such as USD")
        return value

    def model(self, name: str, value: object, key: str) -> ModelOverride:
        table = self.table(value, key)
        self.only(
            table,
            key,
            TOKEN_PRICES
            | UNIT_PRICES
            | {"alias", "currency", "from", "until", "images", "long", "long_above", "tiers"},
        )
        alias = table.get("alias")
        if alias is not None and (not isinstance(alias, str) or not alias):
            self.fail(f"{key}.alias", "expected the name of a model")
        long_above = table.get("long_above")
        if long_above is not None and (type(long_above) is not int or long_above < 0):
            self.fail(f"{key}.long_above", "expected a number of tokens")
        rows: dict[str, OverrideRow] = {}
        if TOKEN_PRICES & table.keys() or UNIT_PRICES & table.keys() or "images" in table or "long" in table:
            rows["standard"] = self.row(
                {k: v for k, v in table.items() if k not in {"alias", "currency", "tiers", "long_above"}}, key
            )
        for tier, prices in self.table(table.get("tiers", _EMPTY), f"{key}.tiers").items():
            if tier not in TIERS:
                self.fail(f"{key}.tiers.{tier}", f"unknown tier; known are {', '.join(sorted(TIERS))}")
            rows[tier] = self.row(self.table(prices, f"{key}.tiers.{tier}"), f"{key}.tiers.{tier}")
        if alias is None and not rows:
            self.fail(key, "names neither a price nor an alias")
        return ModelOverride(name, alias, self.currency(table.get("currency"), f"{key}.currency"), rows, long_above)

    def row(self, table: Mapping[str, object], key: str) -> OverrideRow:
        self.only(table, key, TOKEN_PRICES | UNIT_PRICES | {"from", "until", "images", "long"})
        long = self.table(table.get("long", _EMPTY), f"{key}.long")
        self.only(long, f"{key}.long", TOKEN_PRICES)
        since, until = self.period(table, key)
        return OverrideRow(self.prices(table, key), self.prices(long, f"{key}.long"), since, until)

    def period(self, table: Mapping[str, object], key: str) -> tuple[str | None, str | None]:
        since = self.day(table.get("from"), f"{key}.from")
        until = self.day(table.get("until"), f"{key}.until")
        if since is not None and until is not None and until < since:
            self.fail(f"{key}.until", f"{until} is before {since}")
        return since, until

    def prices(self, table: Mapping[str, object], key: str) -> dict[str, object]:
        prices: dict[str, object] = {}
        for name in TOKEN_PRICES & table.keys():
            prices[name] = self.token_price(table[name], f"{key}.{name}")
        for name in UNIT_PRICES & table.keys():
            prices[name] = self.unit_price(table[name], f"{key}.{name}")
        if "images" in table:
            images = self.table(table["images"], f"{key}.images")
            prices["images"] = {name: self.amount(value, f'{key}.images."{name}"') for name, value in images.items()}
        return prices

    def token_price(self, value: object, key: str) -> Mapping[str, object] | str:
        if not isinstance(value, Mapping):
            return self.amount(value, key)
        price = self.unit_price({"per": 1_000_000, **cast(Mapping[str, object], value)}, key)
        if not re.fullmatch(r"10*", str(price["per"])):
            self.fail(f"{key}.per", "expected a power of ten for a price of tokens")
        return price

    def unit_price(self, value: object, key: str) -> Mapping[str, object]:
        table = self.table(value, key)
        self.only(table, key, {"price", "per"})
        per = table.get("per", 1)
        if type(per) is not int or per <= 0:
            self.fail(f"{key}.per", f"{per!r} is not a positive whole number")
        if "price" not in table:
            self.fail(f"{key}.price", "is missing")
        return {"price": self.amount(table["price"], f"{key}.price"), "per": per}

    def amount(self, value: object, key: str) -> str:
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            self.fail(key, f'{value!r} is not a price: write it as a string, such as "0.90"')
        try:
            amount = Decimal(value)
        except InvalidOperation:
            self.fail(key, f"{value!r} is not a number")
        if not amount.is_finite() or not 0 <= amount <= _MAX_PRICE:
            self.fail(key, f"{value!r} is not a price: it must be between 0 and {_MAX_PRICE}")
        return str(value)

    def day(self, value: object, key: str) -> str | None:
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.date().isoformat()
        if isinstance(value, date):
            return value.isoformat()
        try:
            return date.fromisoformat(str(value)).isoformat()
        except ValueError:
            self.fail(key, f"{value!r} is not a day such as 2026-07-01")

    def discount(self, value: object, key: str) -> DiscountRule:
        table = self.table(value, key)
        self.only(table, key, {"match", "percent", "from", "until"})
        match = table.get("match")
        if not isinstance(match, str) or not match:
            self.fail(f"{key}.match", "expected a shell pattern over model names")
        percent = table.get("percent")
        if isinstance(percent, bool) or not isinstance(percent, (int, str, float)):
            self.fail(f"{key}.percent", "expected a number between 0 and 100")
        try:
            share = Decimal(str(percent))
        except InvalidOperation:
            self.fail(f"{key}.percent", f"{percent!r} is not a number")
        if not share.is_finite() or not 0 <= share <= 100:
            self.fail(f"{key}.percent", f"{percent!r} is not between 0 and 100")
        return DiscountRule(match, share, *self.period(table, key))

    def short_batches(self, value: object, key: str) -> bool:
        table = self.table(value, key)
        self.only(table, key, {"long_prompts"})
        long_prompts = table.get("long_prompts", True)
        if not isinstance(long_prompts, bool):
            self.fail(f"{key}.long_prompts", f"{long_prompts!r} is neither true nor false")
        return not long_prompts

    def host(self, value: object, key: str) -> str:
        table = self.table(value, key)
        self.only(table, key, {"provider"})
        provider = table.get("provider")
        if provider not in ("openai", "azure.ai.openai"):
            self.fail(f"{key}.provider", f"{provider!r} is not one of openai, azure.ai.openai")
        return str(provider)
