# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Call: what one call cost or why that is not known, read off the attributes of a span or of a point of the cost metric.

Amounts are decimals all the way: a float becomes the shortest decimal that stands for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE

from .. import semconv
from ..money import EXACT

_ZERO = Decimal(0)
_BREAKDOWN = (semconv.OWN_INPUT, semconv.OWN_OUTPUT, semconv.OWN_TOOL, semconv.OWN_OTHER)
UNKNOWN_MODEL = "unknown model"


@dataclass(frozen=True, slots=True)
class Parts:
    """An amount in disjoint parts; they add up to the amount.

    Attributes:
        input: tokens read by the model at the full rate.
        cache: tokens read from the prompt cache and written to it.
        output: tokens that the caller sees.
        reasoning: tokens that the model spent on thinking.
        tools: fees of hosted tools.
        other: whatever is not billed by token, and amounts that are known in one sum only.
    """

    input: Decimal = _ZERO
    cache: Decimal = _ZERO
    output: Decimal = _ZERO
    reasoning: Decimal = _ZERO
    tools: Decimal = _ZERO
    other: Decimal = _ZERO

    def __add__(self, more: Parts) -> Parts:
        add = EXACT.add
        return Parts(
            add(self.input, more.input),
            add(self.cache, more.cache),
            add(self.output, more.output),
            add(self.reasoning, more.reasoning),
            add(self.tools, more.tools),
            add(self.other, more.other),
        )


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token counts as spans have them: cached and written are part of the input, reasoning of the output."""

    input: int = 0
    cached: int = 0
    written: int = 0
    output: int = 0
    reasoning: int = 0

    def __add__(self, more: Tokens) -> Tokens:
        return Tokens(
            self.input + more.input,
            self.cached + more.cached,
            self.written + more.written,
            self.output + more.output,
            self.reasoning + more.reasoning,
        )


@dataclass(frozen=True, slots=True)
class Call:
    """What one call cost, or why that is not known; or what several alike did, of which only sums are known.

    Attributes:
        model: the model of the answer, else that of the request, else the price list's word, else ``unknown model``.
        tier: of the price, such as ``flex``; None for the standard one or an unknown one.
        tokens: as reported; None if no count was.
        amount: in ``currency``; None unless the call is completely priced.
        currency: ISO 4217 code.
        parts: the amount in parts; None exactly if there is no amount.
        lower_bound: what could be priced of a call without an amount, in ``currency``: it cost at least this.
        reason: why there is no amount, one of the values of ``openai_cost.unpriced.reason``.
        error: the type of the error that the call ended in.
        price_list: name and version of the list that answered.
        count: how many calls it stands for; amount and tokens are those of all of them.
    """

    model: str
    tier: str | None = None
    tokens: Tokens | None = None
    amount: Decimal | None = None
    currency: str = "USD"
    parts: Parts | None = None
    lower_bound: Decimal | None = None
    reason: str | None = None
    error: str | None = None
    price_list: str | None = None
    count: int = 1

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, object]) -> Call | None:
        """Reads a call off the attributes of a span.

        Returns:
            None if the span describes no call that has, or could have, a price.
        """
        amount = _decimal(attributes.get(semconv.COST_AMOUNT))
        error = _string(attributes.get(ERROR_TYPE))
        status = _string(attributes.get(semconv.OWN_STATUS))
        failed = error is not None and _string(attributes.get(gen_ai.GEN_AI_OPERATION_NAME)) is not None
        if amount is None and status is None and not failed:
            return None

        def money(name: str) -> Decimal:
            return _decimal(attributes.get(name)) or _ZERO

        def count(name: str) -> int:
            value = attributes.get(name)
            return value if isinstance(value, int) else 0

        parts = None
        divided = any(name in attributes for name in _BREAKDOWN)
        if amount is not None:
            cache = EXACT.add(money(semconv.OWN_CACHE_READ), money(semconv.OWN_CACHE_WRITE))
            reasoning, tools = money(semconv.OWN_REASONING), money(semconv.OWN_TOOL)
            parts = Parts(
                input=EXACT.subtract(money(semconv.OWN_INPUT), cache),
                cache=cache,
                output=EXACT.subtract(money(semconv.OWN_OUTPUT), reasoning),
                reasoning=reasoning,
                tools=tools,
                other=money(semconv.OWN_OTHER) if divided else amount,
            )
        tokens = None
        if gen_ai.GEN_AI_USAGE_INPUT_TOKENS in attributes or gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS in attributes:
            tokens = Tokens(
                input=count(gen_ai.GEN_AI_USAGE_INPUT_TOKENS),
                cached=count(semconv.USAGE_CACHE_READ),
                written=count(semconv.USAGE_CACHE_WRITE),
                output=count(gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS),
                reasoning=count(semconv.USAGE_REASONING),
            )
        tier = _string(attributes.get(semconv.OWN_PRICING_TIER))
        lower_bound = _decimal(attributes.get(semconv.OWN_PARTIAL_AMOUNT)) if amount is None else None
        currency = semconv.COST_CURRENCY if amount is not None else semconv.OWN_PARTIAL_CURRENCY
        price_list = (attributes.get(semconv.OWN_PRICING_SOURCE), attributes.get(semconv.OWN_PRICING_VERSION))
        return cls(
            model=_string(attributes.get(gen_ai.GEN_AI_RESPONSE_MODEL))
            or _string(attributes.get(gen_ai.GEN_AI_REQUEST_MODEL))
            or _string(attributes.get(semconv.OWN_PRICING_MODEL))
            or UNKNOWN_MODEL,
            tier=None if tier == "standard" else tier,
            tokens=tokens,
            amount=amount,
            currency=_string(attributes.get(currency)) or "USD",
            parts=parts,
            lower_bound=lower_bound,
            reason=_string(attributes.get(semconv.OWN_UNPRICED_REASON)) if amount is None else None,
            error=error,
            price_list=" ".join(filter(None, map(_string, price_list))) or None,
        )

    @classmethod
    def from_cost(cls, attributes: Mapping[str, object], amount: float, count: int = 1) -> Call:
        """Reads a call, or several, off a point of the cost metric: neither tokens nor parts are in it."""
        cost = _decimal(amount) or _ZERO
        tier = _string(attributes.get(semconv.OPENAI_RESPONSE_SERVICE_TIER))
        if attributes.get(gen_ai.GEN_AI_OPERATION_NAME) == "batch":
            tier = "batch"
        return cls(
            model=_string(attributes.get(gen_ai.GEN_AI_RESPONSE_MODEL))
            or _string(attributes.get(gen_ai.GEN_AI_REQUEST_MODEL))
            or UNKNOWN_MODEL,
            tier=None if tier == "default" else tier,
            amount=cost,
            currency=_string(attributes.get(semconv.COST_CURRENCY)) or "USD",
            parts=Parts(other=cost),
            count=count,
        )

    @classmethod
    def from_reason(cls, attributes: Mapping[str, object], count: int = 1) -> Call:
        """Reads a call, or several, off a point of the metric of what has no price."""
        reason = _string(attributes.get(semconv.OWN_UNPRICED_REASON))
        return replace(cls.from_cost(attributes, 0, count), amount=None, parts=None, reason=reason)

    @property
    def label(self) -> str:
        """The model, and the tier if it is a special one."""
        return f"{self.model}, {self.tier}" if self.tier else self.model


def _string(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _decimal(value: object) -> Decimal | None:
    """The shortest decimal that stands for a number, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return Decimal(repr(value))
