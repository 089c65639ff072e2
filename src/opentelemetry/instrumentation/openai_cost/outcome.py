# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Outcome: what an operation cost or why that is not known, and how a span says so."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from opentelemetry.util.types import AttributeValue

from . import semconv
from .pricing import Quote, RateCard, Unpriced

Attributes = dict[str, AttributeValue]

_MAX_CARDS = 2048


@dataclass(frozen=True, slots=True)
class ProviderCost:
    """A cost that the provider or a gateway reported, and our own price beside it where we have one."""

    amount: Decimal
    currency: str
    estimate: Quote | None

    @property
    def float_amount(self) -> float:
        """The amount as OpenTelemetry takes it."""
        return float(self.amount)


Outcome = Quote | ProviderCost | Unpriced

_cards: dict[int, tuple[RateCard, Attributes]] = {}


def cost_attributes(outcome: Outcome, breakdown: bool) -> Attributes:
    """Span attributes of a cost.

    Args:
        outcome: what the operation cost, or why that is not known.
        breakdown: whether the cost is also given by part.
    """
    attributes: Attributes
    if isinstance(outcome, Quote):
        card = outcome.card
        attributes = {semconv.COST_AMOUNT: outcome.float_amount, semconv.COST_CURRENCY: outcome.currency, **_PRICED}
        if breakdown:
            inputs, outputs, tool, other, cache_read, cache_write, reasoning = outcome.float_breakdown()
            attributes[semconv.OWN_INPUT], attributes[semconv.OWN_OUTPUT] = inputs, outputs
            # What is nothing is left out.
            if tool:
                attributes[semconv.OWN_TOOL] = tool
            if other:
                attributes[semconv.OWN_OTHER] = other
            if cache_read:
                attributes[semconv.OWN_CACHE_READ] = cache_read
            if cache_write:
                attributes[semconv.OWN_CACHE_WRITE] = cache_write
            if reasoning:
                attributes[semconv.OWN_REASONING] = reasoning
        if card.discount is not None:
            attributes[semconv.OWN_LIST_AMOUNT] = float(outcome.list_amount)
        attributes.update(_pricing(card))
        return attributes
    if isinstance(outcome, ProviderCost):
        attributes = {
            semconv.COST_AMOUNT: outcome.float_amount,
            semconv.COST_CURRENCY: outcome.currency,
            semconv.COST_SOURCE: semconv.COST_SOURCE_PROVIDER,
            semconv.OWN_STATUS: "priced",
            semconv.OWN_PRICING_SOURCE: semconv.COST_SOURCE_PROVIDER,
        }
        if outcome.estimate is not None:
            attributes[semconv.OWN_ESTIMATED_AMOUNT] = outcome.estimate.float_amount
        return attributes
    attributes = {semconv.OWN_STATUS: outcome.status, semconv.OWN_UNPRICED_REASON: outcome.reason}
    partial = outcome.partial
    if partial is not None:
        attributes[semconv.OWN_PARTIAL_AMOUNT] = partial.float_amount
        if partial.currency != "USD":
            attributes[semconv.OWN_PARTIAL_CURRENCY] = partial.currency
        attributes.update(_pricing(partial.card))
    return attributes


_PRICED: Attributes = {semconv.COST_SOURCE: semconv.COST_SOURCE_LOCAL, semconv.OWN_STATUS: "priced"}


def _pricing(card: RateCard) -> Attributes:
    """How the price was made: the same for every call that a rate card prices, so made once a card."""
    known = _cards.get(id(card))
    if known is not None:
        return known[1]
    attributes: Attributes = {
        semconv.OWN_PRICING_SOURCE: card.source,
        semconv.OWN_PRICING_VERSION: card.version,
        semconv.OWN_PRICING_MODEL: card.model,
        semconv.OWN_PRICING_TIER: card.tier,
    }
    if card.modifiers:
        attributes[semconv.OWN_PRICING_MODIFIERS] = card.modifiers
    if len(_cards) >= _MAX_CARDS:
        _cards.clear()
    # The card is kept with its attributes, so that its id stays its own.
    _cards[id(card)] = card, attributes
    return attributes
