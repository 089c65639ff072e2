# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Quote: the price of one operation, as line items whose sum is the total, to the last decimal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Literal, NamedTuple, cast

from ..money import EXACT
from ..usage import DIMENSIONS, MAX_COUNT, InconsistentUsage, Quantities, Tokens, Usage, measure, split

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

_ROUNDED = Context(prec=60, rounding=ROUND_HALF_EVEN, traps=[])
"""Where a division does not end: short enough for all sums of such amounts to be exact."""

_ZERO = Decimal(0)
_HUNDRED = Decimal(100)

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

    def of_several(self, usage: Usage) -> RateCard:
        """The card for a sum of several requests, none of whose lengths is known: that of the average one decides."""
        if self.long_above is None or usage.tokens is None or type(usage.tokens.input) is not int:
            return self
        is_long = usage.tokens.input > self.long_above * usage.requests
        return self if is_long else replace(self, long_above=None)

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


class Breakdown(NamedTuple):
    """The total by part, net of discounts: ``input + output + tool + other`` is the total; the rest are parts of those."""

    input: Decimal
    output: Decimal
    tool: Decimal
    other: Decimal
    cache_read: Decimal
    cache_write: Decimal
    reasoning: Decimal


Line = tuple[Rate, "int | Decimal"]
TokenParts = tuple[int, int, int, int, int]
"""What the tokens cost, by the components of ``_PARTS``, in the card's smallest unit of money, net of discounts."""

_PARTS: tuple[Component, ...] = ("input_uncached", "cache_read", "cache_write", "output_visible", "reasoning")
_NO_PARTS = (0, 0, 0, 0, 0)
_new = tuple[object, ...].__new__
"""Makes a named tuple in two thirds of the time that its class takes."""


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
            tokens = _sum(rate.amount(quantity) for rate, quantity in self.token_lines)
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
        tool = _sum(quote.amount for quote in self.nested)
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


def price(usage: Usage, card: RateCard) -> Quote | Unpriced:
    """Prices usage at one rate card; other models' usage is left to the book.

    Returns:
        A quote, or the reason why there is none (with the priced part, if any part could be priced).
    """
    tokens, units, fees, _, _ = usage
    parts = _NO_PARTS
    missing: list[str] = []
    try:
        if tokens is not None:
            is_heard = tokens.audio_input or tokens.audio_output
            parts = (None if is_heard else _price_text(tokens, card)) or _price_tokens(tokens, card, missing)
        total = sum(parts)
        if not total and usage.is_empty:
            return Unpriced("no_usage")
        if not (units or fees or missing or card.has_currencies):
            return _new(Quote, (EXACT.multiply(total, card.unit), card, tokens, parts, (), ()))
        scaled, rest, lines = _price_others(usage, card, missing)
    except InconsistentUsage:
        return Unpriced("inconsistent_usage")
    amount = EXACT.multiply(total + scaled * card.undiscounted, card.unit)
    quote = _new(Quote, (EXACT.add(amount, rest) if rest else amount, card, tokens, parts, tuple(lines), ()))
    if card.has_currencies and len({rate.currency for rate, _ in quote.lines}) > 1:
        return Unpriced("unknown_currency")
    if missing:
        return Unpriced("missing_rate", quote if quote.lines else None, tuple(missing))
    return quote


def _price_text(tokens: Tokens, card: RateCard) -> TokenParts | None:
    """The price of tokens, no audio, that are all text and not written to the cache; ``None`` if there is more to it."""
    (
        inputs,
        outputs,
        cached,
        written,
        written_30m,
        written_12h,
        reasoning,
        text_input,
        _,
        image_input,
        text_output,
        _,
        image_output,
        text_cached,
        audio_cached,
        image_cached,
    ) = tokens
    if (
        image_input
        or image_output
        or written
        or written_30m
        or written_12h
        or text_cached
        or audio_cached
        or image_cached
    ):
        return None
    rates = card.tokens.text
    if card.long_above is not None and type(inputs) is int and inputs > card.long_above:
        rates = card.long_tokens.text
    inputs, outputs, cached, reasoning = inputs or 0, outputs or 0, cached or 0, reasoning or 0
    if rates is None or not (type(inputs) is type(outputs) is type(cached) is type(reasoning) is int):
        return None
    if not (
        0 <= cached <= inputs <= MAX_COUNT
        and 0 <= reasoning <= outputs <= MAX_COUNT
        and (not text_input or (type(text_input) is int and 0 <= text_input <= inputs))
        and (not text_output or (type(text_output) is int and 0 <= text_output <= outputs))
    ):
        raise InconsistentUsage("parts exceed their total")
    full, read, written_out, thought = rates
    return full * (inputs - cached), read * cached, 0, written_out * (outputs - reasoning), thought * reasoning


def _price_tokens(tokens: Tokens, card: RateCard, missing: list[str]) -> TokenParts:
    """The price of any tokens; the dimensions that have none are appended to ``missing``."""
    quantities = split(tokens)
    is_long = card.long_above is not None and tokens.input is not None and tokens.input > card.long_above
    rates, gaps, _ = card.long_tokens if is_long else card.tokens
    for gap in gaps:
        if quantities[gap]:
            missing.append(DIMENSIONS[gap])
    text, audio, image, read, audio_read, image_read, write, write_12h, visible, reasoning, speech, drawing = quantities
    (
        per_text,
        per_audio,
        per_image,
        per_read,
        per_audio_read,
        per_image_read,
        per_write,
        per_write_12h,
        per_visible,
        per_reasoning,
        per_speech,
        per_drawing,
    ) = rates
    return (
        text * per_text + audio * per_audio + image * per_image,
        read * per_read + audio_read * per_audio_read + image_read * per_image_read,
        write * per_write + write_12h * per_write_12h,
        visible * per_visible + speech * per_speech + drawing * per_drawing,
        reasoning * per_reasoning,
    )


def _price_others(usage: Usage, card: RateCard, missing: list[str]) -> tuple[int, Decimal, list[Line]]:
    """Prices what is not a token; what has no price, or only a lower bound of one, is appended to ``missing``.

    Returns:
        The sum of what whole numbers of the card's ``10^-scale`` can express, the sum of the rest, and the lines.
    """
    scaled, rest = 0, _ZERO
    lines: list[Line] = []
    for dimension, value in usage.units:
        quantity = measure(value)
        rate = card.rates.get(dimension)
        if rate is None:
            missing.append(dimension)
            continue
        if rate.lower_bound:
            missing.append("input")
        lines.append((rate, quantity))
        rest = EXACT.add(rest, rate.amount(quantity))
    for fee in usage.fees:
        quantity = fee.quantity
        if type(quantity) is not int or not 0 <= quantity <= MAX_COUNT:
            quantity = measure(quantity)
        rate = card.fees.get(fee.name)
        if rate is None:
            missing.append(fee.name)
            continue
        if fee.lower_bound:
            missing.append(fee.name)
            if not quantity:
                continue
        elif quantity < rate.minimum:
            quantity = rate.minimum
        lines.append((rate, quantity))
        if rate.scaled is not None and type(quantity) is int:
            scaled += rate.scaled * quantity
        else:
            rest = EXACT.add(rest, rate.amount(quantity))
    return scaled, rest, lines


def with_nested(outer: Quote, nested: list[Quote]) -> Quote:
    """The quote of an operation together with those for other models used inside it."""
    amount = EXACT.add(outer.amount, _sum(quote.amount for quote in nested))
    return outer._replace(amount=amount, nested=tuple(nested))


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = _ZERO
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total
