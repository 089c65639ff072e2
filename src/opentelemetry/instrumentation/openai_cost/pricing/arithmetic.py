# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The arithmetic: usage at a rate card is a quote, or the reason why there is none."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from ..money import EXACT, sum_of
from ..named_tuple import new
from ..usage import DIMENSIONS, MAX_COUNT, InconsistentUsage, Tokens, Usage, measure, split
from .quote import Line, Quote, TokenParts, Unpriced
from .rates import RateCard

LENGTHS = "lengths of the prompts"
"""What is missing of a sum of several requests one of which may have been long."""

_ZERO = Decimal(0)
_NO_PARTS = (0, 0, 0, 0, 0)


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
            has_audio = tokens.audio_input or tokens.audio_output
            parts = (None if has_audio else _price_text(tokens, card)) or _price_tokens(tokens, card, missing)
        total = sum(parts)
        if not total and usage.is_empty:
            return Unpriced("no_usage")
        if not (units or fees or missing or card.has_currencies):
            return new(Quote, (EXACT.multiply(total, card.unit), card, tokens, parts, (), ()))
        scaled, rest, lines = _price_others(usage, card, missing)
    except InconsistentUsage:
        return Unpriced("inconsistent_usage")
    amount = EXACT.multiply(total + scaled * card.undiscounted, card.unit)
    quote = new(Quote, (EXACT.add(amount, rest) if rest else amount, card, tokens, parts, tuple(lines), ()))
    if card.has_currencies and len({rate.currency for rate, _ in quote.lines}) > 1:
        return Unpriced("unknown_currency")
    if missing:
        return Unpriced("missing_rate", quote if quote.lines else None, tuple(missing))
    return quote


def price_sum(usage: Usage, card: RateCard, *, are_short: bool = False) -> Quote | Unpriced:
    """Prices what several requests used together, at the rates of short prompts.

    If one of them may have been long, which nothing tells of a sum, this is the least that was billed.

    Args:
        usage: the sum.
        card: the rates.
        are_short: whether no prompt is known to be long.
    """
    long_above, tokens = card.long_above, usage.tokens
    if long_above is None or tokens is None or type(tokens.input) is not int or tokens.input <= long_above:
        return price(usage, card)
    result = price(usage, replace(card, long_above=None))
    if are_short or (isinstance(result, Unpriced) and result.reason != "missing_rate"):
        return result
    quote, missing = (result, ()) if isinstance(result, Quote) else (result.partial, result.missing)
    return Unpriced("missing_rate", quote, (*missing, LENGTHS))


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
        if rate.minimum:
            quantity = rate.billed(quantity)
        lines.append((rate, quantity))
        if rate.scaled is not None and type(quantity) is int:
            scaled += rate.scaled * quantity
        else:
            rest = EXACT.add(rest, rate.amount(quantity))
    return scaled, rest, lines


def with_nested(outer: Quote, nested: list[Quote]) -> Quote:
    """The quote of an operation together with those for other models used inside it."""
    amount = EXACT.add(outer.amount, sum_of(quote.amount for quote in nested))
    return outer._replace(amount=amount, nested=tuple(nested))
