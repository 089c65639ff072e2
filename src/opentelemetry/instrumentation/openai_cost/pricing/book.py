# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""PriceBook: which rates hold for a model, under which terms, on which day."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, localcontext
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, cast

from ..usage import Usage
from .overrides import ModelOverride, Overrides
from .quote import COMPONENTS, EXACT, Component, Discount, Quote, Rate, RateCard, Reason, Unpriced, price, with_nested

BUNDLED = Path(__file__).with_name("prices.json")
_TOKEN_DIMENSIONS = frozenset(COMPONENTS) - {"audio_seconds", "characters", "reasoning"}
_UNIT_DIMENSIONS = frozenset({"audio_seconds", "video_seconds", "characters", "requests"})
_TIER_NAMES = {"default": "standard", "auto": "standard", "": "standard", "fast": "priority"}
_SNAPSHOT = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8})$")
_FINE_TUNED_SNAPSHOT = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4})$")
_MILLION = 1_000_000
_MODEL_FREE_ENDPOINTS = frozenset({"containers"})
_NO_MODEL: Mapping[str, object] = {"rates": [{"tier": "standard", "source": "overlay"}]}
"""Stands for a model where only fees are billed."""
_MAX_CARDS = 2048
_EPOCH = date(1970, 1, 1)


class Terms(NamedTuple):
    """What decides, besides the usage, at which rates an operation is billed.

    Attributes:
        model: the model that answered, as the response names it (else as requested).
        requested_model: the model or deployment asked for.
        price_list: provider whose list applies (``openai``, ``azure.ai.openai``), ``None`` on hosts we know no prices of.
        host: host name of the base URL; the user's file may say whose list applies there.
        tier: service tier of the response; ``None`` is the default tier.
        batch: whether it ran in a batch.
        window: background completion window, such as ``2h``.
        region: label before ``api.openai.com`` on a regional host.
        endpoint: name of the endpoint, for models priced apart on one endpoint.
        at: when the response was created, seconds since the epoch.
    """

    model: str | None
    requested_model: str | None = None
    price_list: str | None = "openai"
    host: str | None = None
    tier: str | None = None
    batch: bool = False
    window: str | None = None
    region: str | None = None
    endpoint: str | None = None
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the book for one tier: prices that hold from a day on."""

    prices: Mapping[str, object]
    long: Mapping[str, object] | None
    source: str
    since: str | None
    note: str | None


class PriceBook:
    """The bundled price list with the user's file merged over it. Immutable: a change of prices is a new book.

    Args:
        data: the parsed ``prices.json`` (its schema is described in ``docs/prices.md``).
        overrides: the user's file, if any.
    """

    def __init__(self, data: Mapping[str, object], overrides: Overrides | None = None) -> None:
        self._overrides = overrides or Overrides()
        self._providers = cast(Mapping[str, Mapping[str, object]], data["providers"])
        self._reviewed = str(data["version"])
        self._cards: dict[tuple[object, ...], RateCard | Unpriced] = {}
        self._snapshots = {name: _snapshots(_models(provider)) for name, provider in self._providers.items()}

    @property
    def version(self) -> str:
        """The day the bundled list was reviewed, and a digest of the user's file where there is one."""
        return f"{self._reviewed}+{self._overrides.digest}" if self._overrides.digest else self._reviewed

    def age(self, today: date) -> int:
        """Days since the bundled list was reviewed."""
        return (today - date.fromisoformat(self._reviewed)).days

    def quote(self, usage: Usage, terms: Terms) -> Quote | Unpriced:
        """Prices one operation.

        Args:
            usage: what was used.
            terms: model, tier, time and the rest that decides the rates.

        Returns:
            The quote, or the reason why there is none. Never raises for any usage or terms.
        """
        card = self.card(terms)
        if type(card) is Unpriced:
            return card
        card = cast(RateCard, card)
        if usage.is_empty:
            return Unpriced("no_usage")
        result = price(usage, card)
        return self._add_nested(usage, terms, result) if usage.models else result

    def card(self, terms: Terms) -> RateCard | Unpriced:
        """The rate card for the terms, compiled on first use; also remembers what it cannot price."""
        key = (*terms[:-1], terms.at // 86400)
        card = self._cards.get(key)
        if card is None:
            with localcontext(EXACT):
                card = self._compile(terms)
            if len(self._cards) >= _MAX_CARDS:
                self._cards.clear()
            self._cards[key] = card
        return card

    def _add_nested(self, usage: Usage, terms: Terms, result: Quote | Unpriced) -> Quote | Unpriced:
        quotes: list[Quote] = []
        missing: list[str] = []
        for part in usage.models:
            inner = self.quote(
                part.usage, terms._replace(model=part.model, requested_model=None, tier=None, endpoint=None)
            )
            if isinstance(inner, Quote):
                quotes.append(inner)
            elif inner.reason == "inconsistent_usage":
                return inner
            else:
                missing.append(part.model or "model")
                if inner.partial is not None:
                    quotes.append(inner.partial)
        if isinstance(result, Quote) and not missing:
            return with_nested(result, quotes)
        outer = result if isinstance(result, Quote) else result.partial
        if outer is None and quotes:
            # Nothing of the operation's own could be priced; what the tools cost is a lower bound all the same.
            outer = quotes.pop(0)
        missing[:0] = () if isinstance(result, Quote) else result.missing
        reason: Reason = "missing_rate" if isinstance(result, Quote) else result.reason
        return Unpriced(reason, None if outer is None else with_nested(outer, quotes), tuple(missing))

    def _compile(self, terms: Terms) -> RateCard | Unpriced:
        name = self._overrides.hosts.get(terms.host or "") or terms.price_list
        provider = self._providers.get(name or "")
        if not terms.model:
            if provider is None or terms.endpoint not in _MODEL_FREE_ENDPOINTS:
                return Unpriced("unknown_model" if provider is not None else "unknown_provider")
            return _Compiler(self, provider, _NO_MODEL, terms.endpoint, None, terms).card()
        override = self._override(terms)
        if provider is None and override is None:
            return Unpriced("unknown_provider")
        models: Mapping[str, Mapping[str, object]] = {} if provider is None else _models(provider)
        base_name = override.alias if override is not None and override.alias else terms.model
        key = None
        if provider is not None:
            key = _match(base_name, models, self._snapshots[name or ""])
            if (
                override is not None
                and key is None
                and override.alias is None
                and terms.requested_model == override.name
            ):
                key = _match(override.name, models, self._snapshots[name or ""])
        elif override is not None and override.alias:
            # An alias in the user's file is the user's word that OpenAI's list holds, wherever the call went.
            provider = self._providers["openai"]
            models = _models(provider)
            key = _match(base_name, models, self._snapshots["openai"])
        model = models.get(key) if key is not None else None
        if model is None and override is None:
            return Unpriced("unknown_model")
        return _Compiler(self, provider or {}, model or {}, key, override, terms).card()

    def _override(self, terms: Terms) -> ModelOverride | None:
        """The user's row for the model that answered, else for the name asked for if only the user knows that name."""
        models = self._overrides.models
        if not models or terms.model is None:
            return None
        key = _match(terms.model, models, {})
        if key is None and terms.requested_model is not None and terms.requested_model in models:
            row = models[terms.requested_model]
            if row.alias is not None or not self._is_listed(terms.requested_model):
                key = terms.requested_model
        return None if key is None else models[key]

    def _is_listed(self, model: str) -> bool:
        return any(
            _match(model, _models(provider), self._snapshots[name]) for name, provider in self._providers.items()
        )

    @property
    def overrides(self) -> Overrides:
        """The user's file as merged over the list."""
        return self._overrides


class _Compiler:
    """Turns rows, fallbacks and modifiers into one flat rate card."""

    def __init__(
        self,
        book: PriceBook,
        provider: Mapping[str, object],
        model: Mapping[str, object],
        key: str | None,
        override: ModelOverride | None,
        terms: Terms,
    ) -> None:
        self._book, self._provider, self._model, self._override, self._terms = book, provider, model, override, terms
        self._key = override.name if key is None and override is not None else key or ""
        self._day = (_EPOCH + timedelta(days=int(terms.at // 86400))).isoformat()
        tier = (terms.tier or "").lower()
        self._tier = "batch" if terms.batch else _TIER_NAMES.get(tier, tier)
        self._modifiers: list[str] = []

    def card(self) -> RateCard | Unpriced:
        row = self._row(self._tier)
        multiplier = self._multiplier()
        if row is None or multiplier is None:
            return Unpriced("missing_rate", missing=(self._tier if row is None else "region or window",))
        discount = self._discount()
        long_row = row.long
        scale = _scale([row.prices, long_row or {}], multiplier)
        rates = self._rates(row, row.prices, multiplier, scale)
        long_rates = {} if long_row is None else self._rates(row, long_row, multiplier, scale)
        fees = self._fees()
        overrides = self._override
        return RateCard(
            model=self._key,
            tier=self._tier,
            modifiers=tuple(self._modifiers),
            source=row.source,
            version=self._book.version,
            currency=(overrides.currency if overrides is not None else None) or self._book.overrides.currency or "USD",
            rates=rates,
            fees=fees,
            long_above=self._long_above(),
            long_rates=long_rates,
            discount=discount,
            scale=scale,
        )

    def _row(self, tier: str) -> _Row | None:
        """The row in force for a tier on the day: the latest one that has begun and not ended, the user's prices over it."""
        best: Mapping[str, object] | None = None
        endpoint = self._terms.endpoint
        for row in cast(Sequence[Mapping[str, object]], self._model.get("rates", ())):
            since, until, only = row.get("from"), row.get("until"), row.get("endpoint")
            if row["tier"] != tier or (only is not None and only != endpoint):
                continue
            if (since is not None and str(since) > self._day) or (until is not None and str(until) < self._day):
                continue
            if best is None or _rank(row) >= _rank(best):
                best = row
        found = None
        if best is not None:
            long = cast("Mapping[str, object] | None", best.get("long"))
            found = _Row(best, long, str(best.get("source", "")), _text(best.get("from")), _note(best))
        override = None if self._override is None else self._override.row(tier, self._day)
        if override is None:
            return found
        prices = override.prices if found is None else {**found.prices, **override.prices}
        if found is None:
            long = override.long or None
        else:
            long = {**(found.long or {}), **override.long} if override.long else found.long
        return _Row(prices, long, "user", override.since, None)

    def _long_above(self) -> int | None:
        if self._override is not None and self._override.long_above is not None:
            return self._override.long_above
        standard = self._row("standard")
        if standard is None or standard.long is None:
            return None
        return cast(int, self._model.get("long_above") or self._provider.get("long_context_above"))

    def _multiplier(self) -> Decimal | None:
        """Region and completion window as one factor on token prices, ``None`` if one of them has no published price."""
        factor = Decimal(1)
        region, window = self._terms.region, self._terms.window
        if region is not None:
            if region not in cast(Sequence[str], self._provider.get("regions", ())):
                return None
            uplift = self._model.get("regional")
            if uplift is not None:
                self._modifiers.append(f"regional={uplift}")
                factor *= Decimal(str(uplift))
        if window is not None and window != "soonest":
            windows = cast(Mapping[str, Mapping[str, object]], self._provider.get("windows", {}))
            if window not in windows or self._tier != "standard":
                return None
            share = windows[window]["multiplier"]
            self._modifiers.append(f"window={share}")
            factor *= Decimal(str(share))
        return factor

    def _discount(self) -> Discount | None:
        for rule in self._book.overrides.discounts:
            if rule.holds(self._key, self._terms.model or "", self._day):
                self._modifiers.append(f"discount={rule.percent.normalize():f}%")
                kept = (100 - rule.percent) / 100
                kept_scale = _decimals(kept)
                return Discount(rule.match, rule.percent, int(kept.scaleb(kept_scale)), kept_scale)
        return None

    def _rates(self, row: _Row, prices: Mapping[str, object], multiplier: Decimal, scale: int) -> dict[str, Rate]:
        rates: dict[str, Rate] = {}
        for dimension in _TOKEN_DIMENSIONS & prices.keys():
            amount, per = _price(prices[dimension])
            rates[dimension] = _token_rate(dimension, amount * multiplier, per, row, scale, row.note)
        for dimension in _UNIT_DIMENSIONS & prices.keys():
            amount, per = _price(prices[dimension])
            component = COMPONENTS.get(dimension, "other")
            rates[dimension] = Rate(dimension, component, amount * multiplier, per, row.source, row.since, row.note)
        for name, amount in cast(Mapping[str, object], prices.get("images", {})).items():
            dimension = f"images {name}"
            # A model with token prices bills its prompt as well, which a response without usage does not show.
            lower_bound = "input" in prices
            rates[dimension] = Rate(
                dimension, "image", _price(amount)[0], 1, row.source, row.since, row.note, lower_bound
            )
        self._cascade(rates, row, scale)
        return rates

    def _cascade(self, rates: dict[str, Rate], row: _Row, scale: int) -> None:
        """Rates that OpenAI derives from others where it publishes none (docs/prices.md, "what stands in for what")."""

        def stand_in(dimension: str, other: str, note: str, times: int = 1) -> None:
            rate = rates.get(other)
            if dimension not in rates and rate is not None:
                rates[dimension] = _token_rate(dimension, rate.price * times, rate.per, row, scale, note)

        stand_in("cache_read", "input", "no cached rate is published: billed as input")
        stand_in("cache_write_12h", "cache_write", "twice the 30-minute write", 2)
        if "image_input" in rates:
            stand_in("image_cache_read", "image_input", "no cached image rate is published: billed as image input")
        else:
            stand_in("image_cache_read", "cache_read", "image tokens of this model are billed as text")
            stand_in("image_input", "input", "image tokens of this model are billed as text")
        stand_in("audio_cache_read", "audio_input", "no cached audio rate is published: billed as audio input")
        stand_in("image_output", "output", "image output at the output rate")
        if self._terms.endpoint == "speech":
            stand_in("audio_output", "output", "the output of a speech model is audio")
        stand_in("reasoning", "output", "reasoning tokens are output tokens")

    def _fees(self) -> dict[str, Rate]:
        fees: dict[str, Rate] = {}
        listed = cast(Mapping[str, Sequence[Mapping[str, object]]], self._provider.get("fees", {}))
        model_class = self._model.get("class")
        for name, rows in listed.items():
            row = self._fee_row(rows, model_class)
            if row is not None:
                amount, per = _price(row)
                source, since, minimum = str(row.get("source", "")), _text(row.get("from")), row.get("minimum", 0)
                fees[name] = Rate(name, "tool", amount, per, source, since, _note(row), minimum=cast(int, minimum))
        for name, value in self._book.overrides.fees.items():
            amount, per = _price(value)
            fees[name] = Rate(name, "tool", amount, per, "user")
        return fees

    def _fee_row(self, rows: Sequence[Mapping[str, object]], model_class: object) -> Mapping[str, object] | None:
        """The latest row in force, one for the model's class before one for all."""
        best: Mapping[str, object] | None = None
        for row in rows:
            if row.get("class") not in (None, model_class):
                continue
            if str(row.get("from", "")) > self._day or str(row.get("until", "9")) < self._day:
                continue
            if best is None or ("class" in row, str(row.get("from", ""))) >= (
                "class" in best,
                str(best.get("from", "")),
            ):
                best = row
        return best


def _token_rate(dimension: str, amount: Decimal, per: int, row: _Row, scale: int, note: str | None) -> Rate:
    component: Component = COMPONENTS[dimension]
    scaled = int((amount / per).scaleb(scale))
    return Rate(dimension, component, amount, per, row.source, row.since, note, scaled=scaled)


def _scale(price_lists: Sequence[Mapping[str, object]], multiplier: Decimal) -> int:
    """Decimals that the smallest unit of money on a card needs."""
    scale = 0
    for prices in price_lists:
        for dimension in _TOKEN_DIMENSIONS & prices.keys():
            amount, per = _price(prices[dimension])
            scale = max(scale, _decimals(amount * multiplier / per))
    return scale


def _decimals(value: Decimal) -> int:
    return max(0, -cast(int, value.normalize().as_tuple().exponent))


def _price(value: object) -> tuple[Decimal, int]:
    """A price of the book: a string a million units, or an object with ``price`` and ``per``."""
    if isinstance(value, Mapping):
        entry = cast(Mapping[str, object], value)
        return Decimal(str(entry["price"])), int(str(entry.get("per", _MILLION)))
    return Decimal(str(value)), _MILLION


def _rank(row: Mapping[str, object]) -> tuple[bool, str]:
    return "endpoint" in row, str(row.get("from", ""))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _note(row: Mapping[str, object]) -> str | None:
    parts = [str(row[name]) for name in ("confidence", "note") if name in row]
    return ": ".join(parts) or None


def _models(provider: Mapping[str, object]) -> Mapping[str, Mapping[str, object]]:
    return cast(Mapping[str, Mapping[str, object]], provider["models"])


def _snapshots(models: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    return {name: key for key, model in models.items() for name in cast(Sequence[str], model.get("snapshots", ()))}


def _match(name: str, models: Mapping[str, object], snapshots: Mapping[str, str]) -> str | None:
    """The book's key for a model name: itself, a listed snapshot, the alias of a dated snapshot, the base of a fine-tune.

    An undated row answers for its own dated snapshots, never for another version.
    """
    if name in models:
        return name
    if name in snapshots:
        return snapshots[name]
    suffix = _SNAPSHOT
    if name.startswith("ft:"):
        base = ":".join(name.split(":")[:2])
        if base != name:
            return _match(base, models, snapshots)
        suffix = _FINE_TUNED_SNAPSHOT
    undated = suffix.sub("", name)
    if undated != name and undated in models:
        return undated
    return None


@lru_cache(maxsize=1)
def bundled_data() -> Mapping[str, object]:
    """The price list that ships with the package, parsed once, on first need."""
    return cast(Mapping[str, object], json.loads(BUNDLED.read_bytes()))
