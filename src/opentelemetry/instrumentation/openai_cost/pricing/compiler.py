# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Compiler: rows of the book, the user's prices over them, fallbacks and modifiers, turned into one flat rate card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple, cast

from ..money import EXACT
from .overrides import TOKEN_PRICES, UNIT_PRICES, ModelOverride, Overrides
from .quote import Unpriced
from .rates import COMPONENTS, Discount, Rate, RateCard

NO_MODEL: Mapping[str, object] = {"rates": [{"tier": "standard", "source": "overlay"}]}
"""Stands for a model where only fees are billed."""
_MILLION = 1_000_000
_LONG_ABOVE = 272_000
"""Input tokens above which long-context rates hold, where a user's file states such rates without saying above what."""
_DEFAULT_CURRENCY = "USD"
_POWER_OF_TEN = 10**18


@dataclass(frozen=True, slots=True)
class _Listed:
    """A price as some list states it."""

    value: object
    source: str
    since: str | None
    note: str | None
    currency: str

    @property
    def price(self) -> _Price:
        """The price and per how many units: a string is per million, a table says it."""
        if isinstance(self.value, Mapping):
            entry = cast("Mapping[str, object]", self.value)  # pyright: ignore[reportUnknownMemberType]  # narrowed to Unknown
            return _price(str(entry["price"]), str(entry.get("per", _MILLION)))
        return _price(str(self.value))


class _Price(NamedTuple):
    """A price, and that of one unit as ``whole × 10^-decimals`` (rounded where the division does not end)."""

    price: Decimal
    per: int
    whole: int
    decimals: int
    ends: bool

    def scaled(self, scale: int) -> int:
        """The price of one unit in whole numbers of ``10^-scale``."""
        return self.whole * 10 ** (scale - self.decimals)


@lru_cache(maxsize=4096)
def _price(price: str, per: str = str(_MILLION)) -> _Price:
    return _divided(Decimal(price), int(per))


def _divided(price: Decimal, per: int) -> _Price:
    share = EXACT.divide(price, Decimal(per))
    decimals = max(0, -cast(int, EXACT.normalize(share).as_tuple().exponent))
    return _Price(price, per, int(EXACT.scaleb(share, decimals)), decimals, _POWER_OF_TEN % per == 0)


_Prices = dict[str, _Listed]


@dataclass(frozen=True, slots=True)
class _Row:
    """What holds for one tier: prices by dimension, and those for long prompts (``None``: none exist)."""

    prices: _Prices
    long: _Prices | None
    source: str


class Compiler:
    """Compiles rate cards for one day and tier.

    Args:
        overrides: the user's file.
        version: version of the book, stated on the card.
        day: ISO date.
        tier: ``standard``, ``flex``, …
        endpoint: the price book's name of the endpoint.
    """

    def __init__(self, overrides: Overrides, version: str, day: str, tier: str, endpoint: str | None) -> None:
        self._file, self._version, self._day, self._tier, self._endpoint = overrides, version, day, tier, endpoint

    def card(
        self,
        key: str | None,
        provider: Mapping[str, object],
        model: Mapping[str, object],
        overrides: Sequence[ModelOverride],
        name: str,
        region: str | None,
        window: str | None,
    ) -> RateCard | Unpriced:
        """Compiles the card of one model.

        Args:
            key: the name under which the model is listed.
            provider: the provider's section of the book, empty where only the user's file prices.
            model: the model's entry in it, empty likewise.
            overrides: the user's rows, the nearest first.
            name: the model's name on the wire.
            region: label of a regional host.
            window: background completion window.
        """
        row = self._row(model, overrides, self._tier)
        if row is None:
            return Unpriced("missing_rate", missing=(self._tier,))
        modifiers: list[str] = []
        factor = self._factor(provider, model, region, window, modifiers)
        if factor is None:
            return Unpriced("missing_rate", missing=("region or window",))
        discount = self._discount(key or "", name, modifiers)
        listed_fees = self._fees(provider, model.get("class"))
        scale = max(_scale(row.prices, factor), _scale(row.long or {}, factor), _fee_scale(listed_fees))
        rates = self._rates(row.prices, factor, scale)
        fees = {name: _fee(name, listed, scale) for name, listed in listed_fees.items()}
        currencies = {rate.currency for rate in (*rates.values(), *fees.values())}
        return RateCard(
            model=key or "",
            tier=self._tier,
            modifiers=tuple(modifiers),
            source=row.source,
            version=self._version,
            currency=next((rate.currency for rate in rates.values()), _DEFAULT_CURRENCY),
            rates=rates,
            fees=fees,
            long_above=self._long_above(provider, model, overrides, row),
            long_rates={} if row.long is None else self._rates(row.long, factor, scale),
            discount=discount,
            scale=scale,
            has_currencies=len(currencies) > 1,
        )

    def _row(self, model: Mapping[str, object], overrides: Sequence[ModelOverride], tier: str) -> _Row | None:
        """The prices in force for a tier: the book's latest row, the user's prices over it, the nearest on top."""
        row = self._book_row(model, tier)
        for override in reversed(overrides):
            stated = override.row(tier, self._day)
            if stated is None:
                continue
            currency = override.currency or self._file.currency or _DEFAULT_CURRENCY
            prices = {
                dimension: _Listed(value, "user", stated.since, None, currency)
                for dimension, value in stated.prices.items()
            }
            long = {
                dimension: _Listed(value, "user", stated.since, None, currency)
                for dimension, value in stated.long.items()
            }
            if row is None:
                row = _Row(prices, long or None, "user")
            else:
                row = _Row({**row.prices, **prices}, {**(row.long or {}), **long} if long else row.long, "user")
        return row

    def _book_row(self, model: Mapping[str, object], tier: str) -> _Row | None:
        best: Mapping[str, object] | None = None
        for row in cast(Sequence[Mapping[str, object]], model.get("rates", ())):
            only = row.get("endpoint")
            if row["tier"] != tier or (only is not None and only != self._endpoint) or not self._holds(row):
                continue
            if best is None or _rank(row, "endpoint") >= _rank(best, "endpoint"):
                best = row
        if best is None:
            return None
        long = cast("Mapping[str, object] | None", best.get("long"))
        return _Row(_listed(best, best), None if long is None else _listed(long, best), str(best.get("source", "")))

    def _holds(self, row: Mapping[str, object]) -> bool:
        return str(row.get("from", "")) <= self._day <= str(row.get("until", "9"))

    def _long_above(
        self, provider: Mapping[str, object], model: Mapping[str, object], overrides: Sequence[ModelOverride], row: _Row
    ) -> int | None:
        """The threshold, if the model has long-context prices in this tier or in its standard tier."""
        for override in overrides:
            if override.long_above is not None:
                return override.long_above
        if row.long is None:
            standard = self._row(model, overrides, "standard")
            if standard is None or standard.long is None:
                return None
        return cast(int, provider.get("long_context_above") or _LONG_ABOVE)

    def _factor(
        self,
        provider: Mapping[str, object],
        model: Mapping[str, object],
        region: str | None,
        window: str | None,
        modifiers: list[str],
    ) -> Decimal | None:
        """Region and completion window as one factor, ``None`` if one of them has no published price."""
        factor = Decimal(1)
        if region is not None and provider:
            if region not in cast(Sequence[str], provider.get("regions", ())):
                return None
            uplift = model.get("regional")
            if uplift is not None:
                modifiers.append(f"regional={uplift}")
                factor *= Decimal(str(uplift))
        if window is not None and window != "soonest":
            windows = cast(Mapping[str, Mapping[str, object]], provider.get("windows", {}))
            if window not in windows or self._tier != "standard":
                return None
            share = windows[window]["multiplier"]
            modifiers.append(f"window={share}")
            factor *= Decimal(str(share))
        return factor

    def _discount(self, key: str, name: str, modifiers: list[str]) -> Discount | None:
        for rule in self._file.discounts:
            if rule.holds(key, name, self._day):
                modifiers.append(f"discount={rule.percent.normalize():f}%")
                kept = (100 - rule.percent) / 100
                kept_scale = _decimals(kept)
                return Discount(rule.match, rule.percent, int(kept.scaleb(kept_scale)), kept_scale)
        return None

    def _rates(self, prices: _Prices, factor: Decimal, scale: int) -> dict[str, Rate]:
        rates: dict[str, Rate] = {}
        for dimension, listed in prices.items():
            if dimension == "images":
                self._add_images(rates, listed, lower_bound="input" in prices)
                continue
            rates[dimension] = _rate(dimension, _times(listed.price, factor), listed, scale, listed.note)
        self._cascade(rates, scale)
        return rates

    def _add_images(self, rates: dict[str, Rate], listed: _Listed, *, lower_bound: bool) -> None:
        """Prices of whole images. A model with token prices bills its prompt as well, which such a response does not show."""
        for name, amount in cast(Mapping[str, object], listed.value).items():
            dimension, source, since = f"images {name}", listed.source, listed.since
            price = Decimal(str(amount))
            rates[dimension] = Rate(
                dimension, "image", price, 1, source, since, listed.note, lower_bound, currency=listed.currency
            )

    def _cascade(self, rates: dict[str, Rate], scale: int) -> None:
        """Rates that OpenAI derives from others where it publishes none (docs/prices.md, "what stands in for what")."""

        def stand_in(dimension: str, other: str, note: str, times: int = 1) -> None:
            rate = rates.get(other)
            if dimension not in rates and rate is not None:
                listed = _Listed("0", rate.source, rate.since, None, rate.currency)
                rates[dimension] = _rate(dimension, _divided(rate.price * times, rate.per), listed, scale, note)

        stand_in("cache_read", "input", "no cached rate is published: billed as input")
        stand_in("cache_write_12h", "cache_write", "twice the 30-minute write", 2)
        if "image_input" in rates:
            stand_in("image_cache_read", "image_input", "no cached image rate is published: billed as image input")
        else:
            stand_in("image_cache_read", "cache_read", "image tokens of this model are billed as text")
            stand_in("image_input", "input", "image tokens of this model are billed as text")
        stand_in("audio_cache_read", "audio_input", "no cached audio rate is published: billed as audio input")
        stand_in("image_output", "output", "image output at the output rate")
        if self._endpoint == "speech":
            stand_in("audio_output", "output", "the output of a speech model is audio")
        stand_in("reasoning", "output", "reasoning tokens are output tokens")

    def _fees(self, provider: Mapping[str, object], model_class: object) -> _Prices:
        """What the list says of every fee."""
        fees: _Prices = {}
        for name, rows in cast(Mapping[str, Sequence[Mapping[str, object]]], provider.get("fees", {})).items():
            best: Mapping[str, object] | None = None
            for row in rows:
                if row.get("class") not in (None, model_class) or not self._holds(row):
                    continue
                if best is None or _rank(row, "class") >= _rank(best, "class"):
                    best = row
            if best is not None:
                fees[name] = _listed({name: best}, best)[name]
        currency = self._file.currency or _DEFAULT_CURRENCY
        for name, value in self._file.fees.items():
            fees[name] = _Listed(value, "user", None, None, currency)
        return fees


def _fee(name: str, listed: _Listed, scale: int) -> Rate:
    price = listed.price
    limits = cast("Mapping[str, int]", listed.value)
    return Rate(
        name,
        "tool",
        price.price,
        price.per,
        listed.source,
        listed.since,
        listed.note,
        minimum=limits.get("minimum", 0),
        block=limits.get("block", 1),
        maximum=limits.get("maximum"),
        currency=listed.currency,
        scaled=price.scaled(scale) if price.ends else None,
    )


def _fee_scale(fees: _Prices) -> int:
    """Decimals that fees need of the smallest unit of money on a card."""
    prices = [listed.price for listed in fees.values()]
    return max((price.decimals for price in prices if price.ends), default=0)


def _listed(prices: Mapping[str, object], row: Mapping[str, object]) -> _Prices:
    """The prices of a row of the book, each with the row's source."""
    source, since, note = str(row.get("source", "")), row.get("from"), _note(row)
    return {
        dimension: _Listed(value, source, None if since is None else str(since), note, _DEFAULT_CURRENCY)
        for dimension, value in prices.items()
        if dimension in TOKEN_PRICES or dimension in UNIT_PRICES or dimension == "images" or prices is not row
        if dimension != "long"
    }


def _rate(dimension: str, price: _Price, listed: _Listed, scale: int, note: str | None) -> Rate:
    """A rate; that of a token is also stated as a whole number of the card's smallest unit of money."""
    is_token = dimension in TOKEN_PRICES or dimension == "reasoning"
    return Rate(
        dimension,
        COMPONENTS.get(dimension, "other"),
        price.price,
        price.per,
        listed.source,
        listed.since,
        note,
        scaled=price.scaled(scale) if is_token else None,
        currency=listed.currency,
    )


def _times(price: _Price, factor: Decimal) -> _Price:
    return price if factor == 1 else _divided(EXACT.multiply(price.price, factor), price.per)


def _scale(prices: _Prices, factor: Decimal) -> int:
    """Decimals that token prices need of the smallest unit of money on a card."""
    return max((_times(prices[name].price, factor).decimals for name in TOKEN_PRICES & prices.keys()), default=0)


def _decimals(value: Decimal) -> int:
    return max(0, -cast(int, value.normalize().as_tuple().exponent))


def _rank(row: Mapping[str, object], specific: str) -> tuple[bool, str]:
    """A row that is made for the case before one for all, then the later one."""
    return specific in row, str(row.get("from", ""))


def _note(row: Mapping[str, object]) -> str | None:
    parts = [str(row[name]) for name in ("confidence", "note") if name in row]
    return ": ".join(parts) or None
