# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Rates: what a unit of one dimension costs, and the card of all that hold for one model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Literal, NamedTuple, cast

from ..money import EXACT
from ..usage import DIMENSIONS, Quantities, Tokens

Component = Literal[
    "input_uncached",
    "cache_read",
    "cache_write",
    "output_visible",
    "reasoning",
    "tool",
    "image",
    "audio_seconds",
    "characters",
    "other",
]

COMPONENTS: Mapping[str, Component] = {
    "input": "input_uncached",
    "audio_input": "input_uncached",
    "image_input": "input_uncached",
    "cache_read": "cache_read",
    "audio_cache_read": "cache_read",
    "image_cache_read": "cache_read",
    "cache_write": "cache_write",
    "cache_write_12h": "cache_write",
    "output": "output_visible",
    "audio_output": "output_visible",
    "image_output": "output_visible",
    "reasoning": "reasoning",
    "audio_seconds": "audio_seconds",
    "characters": "characters",
}
"""Component of every token dimension, and of the units that have one of their own; images are ``image``, fees ``tool``."""

_ROUNDED = Context(prec=60, rounding=ROUND_HALF_EVEN, traps=[])
"""Where a division does not end: short enough for all sums of such amounts to be exact."""


@dataclass(frozen=True, slots=True)
class Rate:
    """The price of one dimension, modifiers (region, completion window) included.

    Attributes:
        dimension: what is counted: a price key of the book (``input``, ``web_search``, …).
        component: the part of the total it belongs to.
        price: amount of money for ``per`` units, in the card's currency.
        per: how many units the price is for.
        source: the list that answered: ``genai-prices``, ``litellm``, ``overlay``, ``user`` or ``provider``.
        since: first day of the row (ISO date), or ``None`` if it has always held.
        note: why this rate stands in for another, or what is uncertain about it.
        lower_bound: whether the quantity billed may be larger than the one known.
        minimum: the least quantity that is billed; a rate with a block or a maximum has one.
        block: how many units are billed at once, begun ones in full.
        maximum: the largest quantity that is billed; ``None``: there is none.
        currency: ISO 4217 code.
        scaled: ``price / per × 10^scale`` of its card: a whole number for every token rate, and for others where it ends.
    """

    dimension: str
    component: Component
    price: Decimal
    per: int
    source: str
    since: str | None = None
    note: str | None = None
    lower_bound: bool = False
    minimum: int = 0
    block: int = 1
    maximum: int | None = None
    currency: str = "USD"
    scaled: int | None = None

    def billed(self, quantity: int | Decimal) -> int | Decimal:
        """How much is billed where so much was used."""
        quantity = max(quantity, self.minimum)
        if self.block > 1:
            whole = int(quantity)
            quantity = -(-(whole + (quantity > whole)) // self.block) * self.block
        return quantity if self.maximum is None else min(quantity, self.maximum)

    def amount(self, quantity: int | Decimal) -> Decimal:
        """The exact amount for a quantity (60 significant digits where a division does not end)."""
        return _ROUNDED.divide(EXACT.multiply(self.price, quantity), Decimal(self.per))


@dataclass(frozen=True, slots=True)
class Discount:
    """A percentage off token prices, as the user's file states it.

    ``kept / 10^kept_scale`` is the share of the list price that remains to be paid.
    """

    match: str
    percent: Decimal
    kept: int
    kept_scale: int


class TokenRates(NamedTuple):
    """Token rates as whole numbers of the card's ``unit``, the user's discount taken off.

    Attributes:
        every: the rate of each of ``DIMENSIONS``, 0 where there is none.
        gaps: positions of those that have none.
        text: the rates of input, cached input, output and reasoning, ``None`` if one of them is missing.
    """

    every: Quantities
    gaps: tuple[int, ...]
    text: tuple[int, int, int, int] | None


@dataclass(frozen=True, slots=True)
class RateCard:
    """All rates that hold for one model under one set of terms on one day.

    Attributes:
        model: the book's key that answered.
        tier: ``standard``, ``flex``, ``priority``, ``ultrafast`` or ``batch``.
        modifiers: multipliers in force, such as ``regional=1.1``.
        source: the list that the model's row came from.
        version: version of the price book.
        rates: by dimension; ``long_rates`` replace them above ``long_above`` input tokens (empty: none are published).
        scale: all ``Rate.scaled`` are in units of ``10^-scale``.
        has_currencies: whether the rates are not all of one currency (a user's file may mix them).
        tokens: the token rates as whole numbers; ``long_tokens`` likewise above ``long_above``.
        unit: the smallest unit of money on the card, discount included.
        divisor: how many of them are one unit of the currency.
        undiscounted: how many of them are ``10^-scale``.
    """

    model: str
    tier: str
    modifiers: tuple[str, ...]
    source: str
    version: str
    currency: str
    rates: Mapping[str, Rate]
    fees: Mapping[str, Rate] = field(default_factory=dict[str, Rate])
    long_above: int | None = None
    long_rates: Mapping[str, Rate] = field(default_factory=dict[str, Rate])
    discount: Discount | None = None
    scale: int = 0
    has_currencies: bool = False
    tokens: TokenRates = field(init=False)
    long_tokens: TokenRates = field(init=False)
    unit: Decimal = field(init=False)
    divisor: int = field(init=False)
    undiscounted: int = field(init=False)

    def __post_init__(self) -> None:
        discount = self.discount
        kept, kept_scale = (1, 0) if discount is None else (discount.kept, discount.kept_scale)
        scale = self.scale + kept_scale
        tokens = _token_rates(self.rates, kept)
        object.__setattr__(self, "tokens", tokens)
        object.__setattr__(self, "long_tokens", _token_rates(self.long_rates, kept) if self.long_rates else _NO_RATES)
        object.__setattr__(self, "unit", Decimal((0, (1,), -scale)))
        object.__setattr__(self, "divisor", 10**scale)
        object.__setattr__(self, "undiscounted", 10**kept_scale)

    def rates_for(self, tokens: Tokens) -> Mapping[str, Rate]:
        """The rates that hold for so many input tokens."""
        is_long = self.long_above is not None and tokens.input is not None and tokens.input > self.long_above
        return self.long_rates if is_long else self.rates


def _token_rates(rates: Mapping[str, Rate], kept: int) -> TokenRates:
    found = [rates.get(dimension) for dimension in DIMENSIONS]
    every = cast(
        Quantities, tuple([0 if rate is None or rate.scaled is None else rate.scaled * kept for rate in found])
    )
    gaps = tuple([position for position, rate in enumerate(found) if rate is None])
    is_text = None not in (found[0], found[3], found[8], found[9])
    return TokenRates(every, gaps, (every[0], every[3], every[8], every[9]) if is_text else None)


_NO_RATES = _token_rates({}, 1)
