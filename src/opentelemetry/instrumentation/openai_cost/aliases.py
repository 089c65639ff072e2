# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Aliases: names under which other products read a cost, beside our own and with the same amounts; off unless asked for.

All of them mean US dollars, so that an amount in another currency has none; nor has a call that is not fully priced.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Final

from opentelemetry.context import Context
from opentelemetry.metrics import Meter
from opentelemetry.util.types import AttributeValue

from . import semconv
from .config import Alias
from .money import EXACT
from .outcome import Attributes, Outcome, ProviderCost
from .pricing import Quote

_ATTRIBUTES: Mapping[Alias, Mapping[str, str]] = {
    "logfire": {"operation.cost": semconv.COST_AMOUNT},
    "openinference": {
        "llm.cost.total": semconv.COST_AMOUNT,
        "llm.cost.prompt": semconv.OWN_INPUT,
        "llm.cost.completion": semconv.OWN_OUTPUT,
        "llm.cost.prompt_details.cache_read": semconv.OWN_CACHE_READ,
        "llm.cost.prompt_details.cache_write": semconv.OWN_CACHE_WRITE,
        "llm.cost.completion_details.reasoning": semconv.OWN_REASONING,
    },
    "openlit": {"gen_ai.usage.cost": semconv.COST_AMOUNT},
}
"""By alias, their attribute and ours."""

_AUDIO: Mapping[str, Collection[str]] = {
    "llm.cost.prompt_details.audio": ("audio_input", "audio_cache_read"),
    "llm.cost.completion_details.audio": ("audio_output",),
}
"""OpenInference's attributes that none of ours says, and the dimensions of a quote that they are the cost of."""

AUDIO: Final = tuple(_AUDIO)

_LANGFUSE: Final = "langfuse.observation.cost_details"
_LANGFUSE_DETAILS: Mapping[str, str] = {
    "total": semconv.COST_AMOUNT,
    "input": semconv.OWN_INPUT,
    "output": semconv.OWN_OUTPUT,
    "tool": semconv.OWN_TOOL,
    "other": semconv.OWN_OTHER,
}

_METRICS: Mapping[Alias, tuple[str, str]] = {
    "logfire": ("operation.cost", "{USD}"),
    "openlit": ("gen_ai.usage.cost", "USD"),
}
"""By alias, the name and unit of its histogram."""


def attributes(aliases: Collection[Alias], cost: Mapping[str, AttributeValue]) -> Attributes:
    """What our cost attributes are called elsewhere.

    Args:
        aliases: those that are wanted.
        cost: the cost attributes of a span, of one call or of several.

    Returns:
        The amounts under the other names; nothing if there is no amount in USD.
    """
    if cost.get(semconv.COST_CURRENCY) != "USD":
        return {}
    found: Attributes = {}
    for alias in aliases:
        for theirs, ours in _ATTRIBUTES.get(alias, {}).items():
            if ours in cost:
                found[theirs] = cost[ours]
    if "langfuse" in aliases:
        found[_LANGFUSE] = json.dumps({key: cost[ours] for key, ours in _LANGFUSE_DETAILS.items() if ours in cost})
    return found


def audio(aliases: Collection[Alias], outcome: Outcome) -> Attributes:
    """The cost of audio tokens, net of discounts, as OpenInference names it; none of our own attributes has it."""
    if "openinference" not in aliases or not isinstance(outcome, Quote) or outcome.currency != "USD":
        return {}
    discount = outcome.card.discount
    kept = Decimal(1) if discount is None else Decimal(discount.kept).scaleb(-discount.kept_scale, EXACT)
    found: Attributes = {}
    for name, dimensions in _AUDIO.items():
        amounts = [item.amount for item in outcome.items if item.dimension in dimensions]
        if amounts:
            total = Decimal(0)
            for amount in amounts:
                total = EXACT.add(total, amount)
            found[name] = float(EXACT.multiply(total, kept))
    return found


class AliasHistograms:
    """The histograms of those aliases that have one.

    Args:
        meter: makes them.
        aliases: those that are wanted.
    """

    def __init__(self, meter: Meter, aliases: Collection[Alias]) -> None:
        self._histograms = tuple(
            meter.create_histogram(
                name, unit, "Cost of GenAI client operation", explicit_bucket_boundaries_advisory=semconv.COST_BUCKETS
            )
            for name, unit in (_METRICS[alias] for alias in aliases if alias in _METRICS)
        )

    def record(self, outcome: Quote | ProviderCost, attributes: Attributes, context: Context) -> None:
        """Records the amount of one operation, if it is in USD."""
        if outcome.currency == "USD":
            for histogram in self._histograms:
                histogram.record(outcome.float_amount, attributes, context)
