# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Quote: the price of one operation, as line items whose sum is the total, to the last decimal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Literal, NamedTuple, cast

from ..usage import InconsistentUsage, Usage, measure, split

Status = Literal["priced", "partial", "unpriced"]
Reason = Literal[
    "unknown_model",
    "no_usage",
    "missing_rate",
    "unknown_provider",
    "unknown_currency",
    "background",
    "inconsistent_usage",
    "error",
]
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

EXACT = Context(prec=100, rounding=ROUND_HALF_EVEN, traps=[])
"""Our own context: the application's decimal settings must not change a price."""
_ROUNDED = Context(prec=60, rounding=ROUND_HALF_EVEN, traps=[])
"""Where a division does not end: short enough for all sums of such amounts to be exact."""

_ZERO = Decimal(0)

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

_UNCACHED: Mapping[str, str] = {
    "cache_read": "input",
    "audio_cache_read": "audio_input",
    "image_cache_read": "image_input",
}

TOKEN_COMPONENTS = frozenset({"input_uncached", "cache_read", "cache_write", "output_visible", "reasoning"})


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
        minimum: the least quantity that is billed.
        currency: ISO 4217 code.
        scaled: ``price / per × 10^scale`` of its card: a whole number for every token rate, ``None`` for other units.
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
    currency: str = "USD"
    scaled: int | None = None

    def amount(self, quantity: int | Decimal) -> Decimal:
        """The exact amount for a quantity (60 significant digits where a division does not end)."""
        return _ROUNDED.divide(EXACT.multiply(self.price, quantity), Decimal(self.per))


@dataclass(frozen=True, slots=True)
class LineItem:
    """One line of a quote. ``amount`` is in the quote's currency; a discount is a line with a negative amount."""

    dimension: str
    quantity: int | Decimal
    price: Decimal
    per: int
    amount: Decimal
    source: str
    since: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Discount:
    """A percentage off token prices, as the user's file states it.

    ``kept / 10^kept_scale`` is the share of the list price that remains to be paid.
    """

    match: str
    percent: Decimal
    kept: int
    kept_scale: int


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


class Breakdown(NamedTuple):
    """The total by part, net of discounts: ``input + output + tool + other`` is the total; the rest are parts of those."""

    input: Decimal
    output: Decimal
    tool: Decimal
    other: Decimal
    cache_read: Decimal
    cache_write: Decimal
    reasoning: Decimal


class Quote(NamedTuple):
    """The price of one operation.

    Attributes:
        amount: the total in ``currency``, equal to the sum of ``items``.
        card: the rate card of the operation's own model.
        lines: what was counted, at which rate.
        nested: quotes for other models used inside the operation.
    """

    amount: Decimal
    card: RateCard
    lines: tuple[tuple[Rate, int | Decimal], ...]
    nested: tuple[Quote, ...] = ()

    @property
    def currency(self) -> str:
        """ISO 4217 code; all lines of a quote have the same."""
        return self.lines[0][0].currency if self.card.has_currencies and self.lines else self.card.currency

    @property
    def list_amount(self) -> Decimal:
        """The total before the user's discounts."""
        own = _sum(rate.amount(quantity) for rate, quantity in self.lines)
        return EXACT.add(own, _sum(quote.list_amount for quote in self.nested))

    @property
    def items(self) -> tuple[LineItem, ...]:
        """The line items: one a dimension, then the discount, then those of other models."""
        items = [
            LineItem(
                rate.dimension,
                quantity,
                rate.price,
                rate.per,
                rate.amount(quantity),
                rate.source,
                rate.since,
                rate.note,
            )
            for rate, quantity in self.lines
        ]
        discount = self.card.discount
        if discount is not None:
            tokens = _sum(rate.amount(quantity) for rate, quantity in self.lines if rate.component in TOKEN_COMPONENTS)
            amount = EXACT.minus(EXACT.divide(EXACT.multiply(tokens, discount.percent), Decimal(100)))
            note = f"{EXACT.normalize(discount.percent):f} % off token prices ({discount.match})"
            items.append(LineItem("discount", 1, amount, 1, amount, "user", None, note))
        for quote in self.nested:
            items.extend(quote.items)
        return tuple(items)

    def components(self) -> dict[Component, Decimal]:
        """Disjoint parts of the total, net of discounts, in the quote's currency."""
        tokens, parts = self._by_component()
        scale = self._scale
        for component, amount in tokens.items():
            parts[component] = _scaled(amount, scale)
        return parts

    @property
    def _scale(self) -> int:
        discount = self.card.discount
        return self.card.scale if discount is None else self.card.scale + discount.kept_scale

    def _by_component(self) -> tuple[dict[Component, int], dict[Component, Decimal]]:
        """Token prices as whole numbers of ``10^-_scale``, and everything else, by component."""
        tokens: dict[Component, int] = {}
        others: dict[Component, Decimal] = {}
        kept = 1 if self.card.discount is None else self.card.discount.kept
        for rate, quantity in self.lines:
            component = rate.component
            if rate.scaled is not None:
                tokens[component] = tokens.get(component, 0) + rate.scaled * cast(int, quantity) * kept
            else:
                others[component] = EXACT.add(others.get(component, _ZERO), rate.amount(quantity))
        for quote in self.nested:
            # Tokens of a hosted tool's model are the tool's price, not the conversation's input or output.
            others["tool"] = EXACT.add(others.get("tool", _ZERO), quote.amount)
        return tokens, others

    def cache_savings(self) -> Decimal:
        """What the cached input would have cost more at the uncached rates, net of discounts."""
        saved = _ZERO
        for rate, quantity in self.lines:
            uncached = _UNCACHED.get(rate.dimension)
            if uncached is None:
                continue
            rates = self.card.long_rates if self.card.long_rates.get(rate.dimension) is rate else self.card.rates
            full = rates.get(uncached)
            if full is not None:
                saved = EXACT.add(saved, EXACT.subtract(full.amount(quantity), rate.amount(quantity)))
        if self.card.discount is None:
            return saved
        return EXACT.multiply(saved, _scaled(self.card.discount.kept, self.card.discount.kept_scale))

    def breakdown(self) -> Breakdown:
        """The total by part, as ``openai_cost.*`` attributes show it."""
        tokens, others = self._by_component()
        scale = self._scale
        cache_read, cache_write = tokens.get("cache_read", 0), tokens.get("cache_write", 0)
        reasoning = tokens.get("reasoning", 0)
        tool = others.pop("tool", _ZERO)
        return Breakdown(
            input=_scaled(tokens.get("input_uncached", 0) + cache_read + cache_write, scale),
            output=_scaled(tokens.get("output_visible", 0) + reasoning, scale),
            tool=tool,
            other=_sum(others.values()) if others else _ZERO,
            cache_read=_scaled(cache_read, scale) if cache_read else _ZERO,
            cache_write=_scaled(cache_write, scale) if cache_write else _ZERO,
            reasoning=_scaled(reasoning, scale) if reasoning else _ZERO,
        )


@dataclass(frozen=True, slots=True)
class Unpriced:
    """Why an operation has no price.

    Attributes:
        reason: one of the documented reasons.
        partial: what could be priced all the same: a lower bound, never an amount.
        missing: dimensions without a rate, for people who debug a price list.
    """

    reason: Reason
    partial: Quote | None = None
    missing: tuple[str, ...] = ()

    @property
    def status(self) -> Status:
        """``partial`` where a lower bound is known."""
        return "unpriced" if self.partial is None else "partial"


def price(usage: Usage, card: RateCard) -> Quote | Unpriced:
    """Prices usage at one rate card; other models' usage is left to the book.

    Returns:
        A quote, or the reason why there is none (with the priced part, if any part could be priced).
    """
    tokens = usage.tokens
    lines: list[tuple[Rate, int | Decimal]] = []
    missing: list[str] = []
    total = 0
    scale = card.scale
    if tokens is not None:
        try:
            quantities = split(tokens)
        except InconsistentUsage:
            return Unpriced("inconsistent_usage")
        rates = card.rates
        if card.long_above is not None and tokens.input is not None and tokens.input > card.long_above:
            rates = card.long_rates
        for dimension, quantity in quantities:
            rate = rates.get(dimension)
            if rate is None or rate.scaled is None:
                missing.append(dimension)
            else:
                lines.append((rate, quantity))
                total += rate.scaled * quantity
        if card.discount is not None:
            total *= card.discount.kept
            scale += card.discount.kept_scale
    amount = _scaled(total, scale)
    if usage.units or usage.fees:
        try:
            amount = EXACT.add(amount, _price_units(usage, card, lines, missing))
        except InconsistentUsage:
            return Unpriced("inconsistent_usage")
    quote = Quote(amount, card, tuple(lines))
    if card.has_currencies and len({rate.currency for rate, _ in lines}) > 1:
        return Unpriced("unknown_currency")
    if missing:
        return Unpriced("missing_rate", quote if lines else None, tuple(missing))
    return quote


def _price_units(usage: Usage, card: RateCard, lines: list[tuple[Rate, int | Decimal]], missing: list[str]) -> Decimal:
    """Prices what is not a token; appends to ``lines`` and ``missing``."""
    total = _ZERO
    for dimension, value in usage.units:
        quantity = measure(value)
        rate = card.rates.get(dimension)
        if rate is None:
            missing.append(dimension)
            continue
        if rate.lower_bound:
            missing.append("input")
        lines.append((rate, quantity))
        total = EXACT.add(total, rate.amount(quantity))
    for fee in usage.fees:
        value = measure(fee.quantity)
        rate = card.fees.get(fee.name)
        if rate is None:
            missing.append(fee.name)
            continue
        if fee.lower_bound:
            missing.append(fee.name)
        quantity = max(value, rate.minimum)
        lines.append((rate, quantity))
        total = EXACT.add(total, rate.amount(quantity))
    return total


def with_nested(outer: Quote, nested: list[Quote]) -> Quote:
    """The quote of an operation together with those for other models used inside it."""
    amount = EXACT.add(outer.amount, _sum(quote.amount for quote in nested))
    return Quote(amount, outer.card, outer.lines, tuple(nested))


def _scaled(value: int, scale: int) -> Decimal:
    if not value:
        return _ZERO
    return Decimal(value).scaleb(-scale, EXACT)


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = _ZERO
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total
