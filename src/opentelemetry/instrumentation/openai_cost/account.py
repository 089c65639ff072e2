# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Account: whose money an operation is, and the one place that every amount passes on its way to whoever wants to know it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, cast

from opentelemetry.baggage import get_all, set_baggage
from opentelemetry.context import Context, set_value
from opentelemetry.metrics import Meter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.trace import get_current_span
from opentelemetry.util.types import AttributeValue

from . import attribution, semconv, tracking
from .attribution import Attribution, Labels
from .budget import Budgets
from .config import Config
from .endpoints import Response
from .event import CostEvent
from .hook import Hook
from .outcome import Outcome, ProviderCost
from .pricing import Unpriced
from .rollup import Node, Rollup
from .series import Series
from .tracking import Cost, innermost

_NOBODY: Mapping[str, AttributeValue] = MappingProxyType({})
_NO_LABELS = Labels(_NOBODY, _NOBODY)


class Account(NamedTuple):
    """Whose money an operation is, settled where it begins; what is billed when finished stays with whoever started it.

    Attributes:
        exact: attributes for spans, events and budgets: what ``cost_attributes`` and allow-listed baggage said.
        counted: attributes for metrics: the same, values beyond the limit folded into one.
        cost: the piece of work that it is tracked in.
        span: the span that was current, for the roll-up.
    """

    exact: Mapping[str, AttributeValue]
    counted: Mapping[str, AttributeValue]
    cost: Cost | None
    span: Node | None


class Accounts:
    """Opens accounts and settles them.

    Args:
        config: the options in force.
        meter: makes the instruments that they need.
        rollup: the totals of live spans, if wanted.
        failed: told of failures of ours.

    Attributes:
        budgets: what has been spent of the budgets, if there are any.
    """

    def __init__(
        self, config: Config, meter: Meter, rollup: Rollup | None, failed: Callable[[BaseException], None]
    ) -> None:
        self._attribution = Attribution(config.baggage_keys, config.baggage_limit)
        self._rollup, self._failed = rollup, failed
        self.budgets = Budgets(config.budgets) if config.budgets else None
        self._hook = None if config.cost_hook is None else Hook(config.cost_hook)
        self._late = None
        if rollup is not None:
            self._late = meter.create_counter(
                semconv.METRIC_ROLLUP_LATE,
                semconv.UNIT_OPERATION,
                "Operations that ended after a span which they belong to",
            )

    def open(self, context: Context) -> Account | None:
        """Whose money an operation is that begins in this context; ``None`` where nothing asks. Never raises."""
        if not context:
            return None
        try:
            labels = self._attribution.read(context)
            cost = innermost(context)
            span = None if self._rollup is None else self._rollup.current(context)
        except Exception as problem:
            self._failed(problem)
            return None
        if labels is None and cost is None and span is None:
            return None
        return Account(*(labels or _NO_LABELS), cost, span)

    def settle(
        self,
        account: Account | None,
        outcome: Outcome,
        series: Series,
        response: Response,
        context: Context,
    ) -> CostEvent | None:
        """Passes on what one operation cost, or that it has no price; called exactly once for each amount.

        Args:
            account: whose money it is.
            outcome: the cost, or why there is none.
            series: attributes of the operation.
            response: what the response said.
            context: the operation's.

        Returns:
            The event, if ``announce`` is to hand it to the hook when the operation is over.
        """
        if account is None and self._hook is None and self.budgets is None:
            return None
        try:
            amount, currency = (None, None) if isinstance(outcome, Unpriced) else (outcome.amount, outcome.currency)
            labels = _NOBODY if account is None else account.exact
            if self.budgets is not None:
                self.budgets.add(amount, currency, {**series.exact, **labels})
            cost = None
            if account is not None:
                cost = account.cost
                if account.span is not None and self._rollup is not None:
                    is_awaited = isinstance(outcome, Unpriced) and outcome.reason == "background"
                    late = self._rollup.add(account.span, amount, currency, response.id, is_awaited)
                    if late and self._late is not None:
                        self._late.add(1, series.common, context)
            if cost is None and self._hook is None:
                return None
            event = _event(outcome, labels, series.exact, response, context)
            if cost is not None:
                cost.add(event)
            return event
        except Exception as problem:
            self._failed(problem)
            return None

    def announce(self, event: CostEvent, context: Context) -> None:
        """Hands an event to the application's function, in the operation's context."""
        if self._hook is not None:
            self._hook.call(event, context)


def inherit(context: Context, origin: Context) -> Context:
    """A context, with what it lacks of whose money it is taken from another.

    Args:
        context: where an operation begins.
        origin: where the connection was made that it belongs to.
    """
    for key in (attribution.KEY, tracking.KEY):
        if key in origin and key not in context:
            context = set_value(key, origin[key], context)
    if not get_all(context):
        for name, value in get_all(origin).items():
            context = set_baggage(name, value, context)
    return context


def _event(
    outcome: Outcome,
    labels: Mapping[str, AttributeValue],
    common: Mapping[str, AttributeValue],
    response: Response,
    context: Context,
) -> CostEvent:
    request_model = cast("str | None", common.get(gen_ai.GEN_AI_REQUEST_MODEL))
    operation, provider = str(common[gen_ai.GEN_AI_OPERATION_NAME]), str(common[gen_ai.GEN_AI_PROVIDER_NAME])
    span_context = get_current_span(context).get_span_context()
    # A view: the labels themselves are those of every later call, too.
    labels = MappingProxyType(labels)
    if isinstance(outcome, Unpriced):
        partial = outcome.partial
        return CostEvent(
            operation=operation,
            provider=provider,
            request_model=request_model,
            response_model=response.model,
            usage=response.usage,
            status=outcome.status,
            amount=None,
            currency=None if partial is None else partial.currency,
            source=None,
            quote=partial,
            reason=outcome.reason,
            attributes=labels,
            span_context=span_context,
            response_id=response.id,
        )
    is_reported = isinstance(outcome, ProviderCost)
    return CostEvent(
        operation=operation,
        provider=provider,
        request_model=request_model,
        response_model=response.model,
        usage=response.usage,
        status="priced",
        amount=outcome.amount,
        currency=outcome.currency,
        source="provider" if is_reported else "local",
        quote=outcome.estimate if is_reported else outcome,
        reason=None,
        attributes=labels,
        span_context=span_context,
        response_id=response.id,
    )
