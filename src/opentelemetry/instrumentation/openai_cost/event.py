# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""CostEvent: what became known of one operation's cost, as a hook, a tracker and a budget see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from opentelemetry.trace import SpanContext
from opentelemetry.util.types import AttributeValue

if TYPE_CHECKING:
    # Not at run time: whoever imports the package must not load the price engine.
    from decimal import Decimal

    from .pricing import Quote
    from .usage import Usage


@dataclass(frozen=True, slots=True)
class CostEvent:
    """The cost of one operation, or why it has none. Every amount is in exactly one event.

    Work that is billed when finished (a response made in the background) has two events of the same ``response_id``: one with the
    reason ``background`` when it is started, and one with its amount when it is first seen finished.

    Attributes:
        operation: value of ``gen_ai.operation.name``.
        provider: value of ``gen_ai.provider.name``.
        request_model: model that was asked for.
        response_model: model that answered.
        usage: what was billed, ``None`` where the response does not say.
        status: ``priced``, ``partial`` (some of it has no price) or ``unpriced``.
        amount: the cost in ``currency``; ``None`` unless the status is ``priced``.
        currency: ISO 4217 code of the amount, or of the part that could be priced.
        source: ``local`` (our price list) or ``provider`` (reported with the response); ``None`` without an amount.
        quote: line items: of the amount if its source is ``local``, of our own price beside it if the provider reported one, of
            the part that could be priced if the status is ``partial``.
        reason: why there is no amount; a value of ``openai_cost.unpriced.reason``.
        attributes: whose money it is: what ``cost_attributes`` and the allow-listed baggage said where the operation began.
        span_context: the operation's span, else the span that was current; invalid where there was none.
        response_id: id of the response, if it has one.
    """

    operation: str
    provider: str
    request_model: str | None
    response_model: str | None
    usage: Usage | None
    status: Literal["priced", "partial", "unpriced"]
    amount: Decimal | None
    currency: str | None
    source: Literal["local", "provider"] | None
    quote: Quote | None
    reason: str | None
    attributes: Mapping[str, AttributeValue]
    span_context: SpanContext
    response_id: str | None = None
