# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Quote: the price of one operation, as line items whose sum is the total, to the last decimal, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from ..money import EXACT, sum_of
from ..usage import DIMENSIONS, Tokens, split
from .rates import Component, Rate, RateCard

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

Line = tuple[Rate, "int | Decimal"]
TokenParts = tuple[int, int, int, int, int]
"""What the tokens cost, by the components of ``_PARTS``, in the card's smallest unit of money, net of discounts."""

_PARTS: tuple[Component, ...] = ("input_uncached", "cache_read", "cache_write", "output_visible", "reasoning")
_UNCACHED: Mapping[str, str] = {
    "cache_read": "input",
    "audio_cache_read": "audio_input",
    "image_cache_read": "image_input",
}
_ZERO = Decimal(0)
_HUNDRED = Decimal(100)


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
        tokens: the token counts that were priced.
        parts: what they cost.
        others: what else was counted, at which rate.
        nested: quotes for other models used inside the operation.
    """

    amount: Decimal
    card: RateCard
    tokens: Tokens | None
    parts: TokenParts
    others: tuple[Line, ...] = ()
    nested: tuple[Quote, ...] = ()

    @property
    def token_lines(self) -> list[tuple[Rate, int]]:
        """The tokens that were priced, at which rate."""
        if self.tokens is None:
            return []
        rates = self.card.rates_for(self.tokens)
        counts = zip(DIMENSIONS, split(self.tokens), strict=True)
        return [(rates[dimension], quantity) for dimension, quantity in counts if quantity and dimension in rates]

    @property
    def lines(self) -> tuple[Line, ...]:
        """Everything that was counted, at which rate; other models' lines are in their own quotes."""
        return (*self.token_lines, *self.others)

    @property
    def currency(self) -> str:
        """ISO 4217 code; all lines of a quote have the same."""
        lines = self.lines if self.card.has_currencies else ()
        return lines[0][0].currency if lines else self.card.currency

    @property
    def list_amount(self) -> Decimal:
        """The total before the user's discounts."""
        own = sum_of(rate.amount(quantity) for rate, quantity in self.lines)
        return EXACT.add(own, sum_of(quote.list_amount for quote in self.nested))

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
            tokens = sum_of(rate.amount(quantity) for rate, quantity in self.token_lines)
            amount = EXACT.minus(EXACT.divide(EXACT.multiply(tokens, discount.percent), _HUNDRED))
            note = f"{EXACT.normalize(discount.percent):f} % off token prices ({discount.match})"
            items.append(LineItem("discount", 1, amount, 1, amount, "user", None, note))
        for quote in self.nested:
            items.extend(quote.items)
        return tuple(items)

    def components(self) -> dict[Component, Decimal]:
        """Disjoint parts of the total, net of discounts, in the quote's currency."""
        unit = self.card.unit
        found: dict[Component, Decimal] = {
            name: EXACT.multiply(part, unit) for name, part in zip(_PARTS, self.parts, strict=True) if part
        }
        for rate, quantity in self.others:
            found[rate.component] = EXACT.add(found.get(rate.component, _ZERO), rate.amount(quantity))
        for quote in self.nested:
            # Tokens of a hosted tool's model are the tool's price, not the conversation's input or output.
            found["tool"] = EXACT.add(found.get("tool", _ZERO), quote.amount)
        return found

    def cache_savings(self) -> Decimal:
        """What the cached input would have cost more at the uncached rates, net of discounts."""
        saved = _ZERO
        rates = self.card.rates_for(self.tokens or Tokens())
        for rate, quantity in self.token_lines:
            uncached = _UNCACHED.get(rate.dimension)
            if uncached is None:
                continue
            full = rates.get(uncached)
            if full is not None:
                saved = EXACT.add(saved, EXACT.subtract(full.amount(quantity), rate.amount(quantity)))
        if self.card.discount is None:
            return saved
        return EXACT.divide(EXACT.multiply(saved, EXACT.subtract(_HUNDRED, self.card.discount.percent)), _HUNDRED)

    def breakdown(self) -> Breakdown:
        """The total by part, as ``openai_cost.*`` attributes show it."""
        uncached, cache_read, cache_write, visible, reasoning = self.parts
        unit = self.card.unit
        tool, other = self._tool_and_other()
        return Breakdown(
            input=EXACT.multiply(uncached + cache_read + cache_write, unit),
            output=EXACT.multiply(visible + reasoning, unit),
            tool=tool,
            other=other,
            cache_read=EXACT.multiply(cache_read, unit),
            cache_write=EXACT.multiply(cache_write, unit),
            reasoning=EXACT.multiply(reasoning, unit),
        )

    @property
    def float_amount(self) -> float:
        """The amount as OpenTelemetry takes it: the float nearest to it."""
        return float(self.amount) if self.others or self.nested else sum(self.parts) / self.card.divisor

    def float_breakdown(self) -> tuple[float, float, float, float, float, float, float]:
        """The breakdown as OpenTelemetry takes it, in the order of ``Breakdown``: each the float nearest to its amount."""
        uncached, cache_read, cache_write, visible, reasoning = self.parts
        divisor = self.card.divisor
        tool, other = self._tool_and_other() if self.others or self.nested else (0.0, 0.0)
        return (
            (uncached + cache_read + cache_write) / divisor,
            (visible + reasoning) / divisor,
            float(tool),
            float(other),
            cache_read / divisor,
            cache_write / divisor,
            reasoning / divisor,
        )

    def _tool_and_other(self) -> tuple[Decimal, Decimal]:
        tool = sum_of(quote.amount for quote in self.nested)
        other = _ZERO
        for rate, quantity in self.others:
            if rate.component == "tool":
                tool = EXACT.add(tool, rate.amount(quantity))
            else:
                other = EXACT.add(other, rate.amount(quantity))
        return tool, other


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
