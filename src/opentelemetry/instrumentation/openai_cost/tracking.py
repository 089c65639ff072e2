# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""track_cost: what a piece of work cost, for the application itself to look at. Needs neither an SDK nor a provider."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from decimal import Decimal
from threading import Lock

from opentelemetry.context import Context, create_key, get_current

from .event import CostEvent
from .fork import free_after_fork
from .money import EXACT, amount
from .scope import Scope
from .usage import MAX_COUNT, Tokens

_logger = logging.getLogger(__package__)

KEY = create_key("openai_cost-tracking")
"""Under which the context keeps the innermost piece of work."""
_ZERO = Decimal(0)
_NO_TOKENS = Tokens()


class track_cost(Scope["Cost"]):  # read as a verb, like the context managers of the standard library
    """Adds up the cost of the calls that begin inside: a context manager and a decorator.

    Calls in tasks that are started inside count, and in threads that carry the context; an inner ``track_cost`` is a part of the
    outer one. A stream that ends after the block is added when it ends. Work that is billed when finished belongs to the block that
    started it. Without ``OpenAICostInstrumentor().instrument()`` nothing is seen; an SDK or a provider is not needed.

    Usage::

        with track_cost(limit="0.50") as cost:
            while not done and not cost.exceeded:
                step()
        print(cost.total, cost.calls, cost.unpriced)

        @track_cost(done=lambda cost: print(cost.total))
        async def answer(question): ...

    Args:
        limit: amount of money above which ``Cost.exceeded`` is true; nothing is interrupted.
        currency: ISO 4217 code of total and limit.
        done: called with the ``Cost`` when the block is left or the function has returned; what it raises is logged.

    Raises:
        ValueError: if the limit is not a finite number.
    """

    def __init__(
        self,
        *,
        limit: Decimal | float | str | None = None,
        currency: str = "USD",
        done: Callable[[Cost], object] | None = None,
    ) -> None:
        super().__init__(KEY)
        self._limit = None if limit is None else amount(limit)
        self._currency, self._done = currency, done

    def _make(self) -> Cost:
        return Cost(self._limit, self._currency, innermost(get_current()))

    def _finish(self, value: Cost) -> None:
        if self._done is not None:
            try:
                self._done(value)
            except Exception:
                _logger.exception("openai_cost: done of track_cost raised")


class _Totals:
    """Sums over calls, changed under the lock of their ``Cost``."""

    __slots__ = ("amounts", "calls", "known", "tokens", "unpriced")

    def __init__(self) -> None:
        self.calls = 0
        self.unpriced = 0
        self.amounts: dict[str, Decimal] = {}
        self.known: dict[str, Decimal] = {}
        self.tokens = _NO_TOKENS

    def add(self, event: CostEvent) -> None:
        self.calls += 1
        if event.amount is not None and event.currency is not None:
            self.amounts[event.currency] = EXACT.add(self.amounts.get(event.currency, _ZERO), event.amount)
        else:
            self.unpriced += 1
            if event.quote is not None:
                currency = event.quote.currency
                self.known[currency] = EXACT.add(self.known.get(currency, _ZERO), event.quote.amount)
        if event.usage is not None and event.usage.tokens is not None:
            self.tokens = Tokens(*map(_plus, self.tokens, event.usage.tokens))

    def forget_unpriced(self) -> None:
        """Takes back a call that was counted without a price."""
        self.calls -= 1
        self.unpriced -= 1


class ModelCost:
    """What one model cost in a piece of work, at the moment it was asked for.

    Attributes:
        total: sum of the fully priced calls, in the currency of the ``Cost``.
        calls: calls that ended.
        unpriced: those among them whose cost is not in the total.
        tokens: tokens as reported; cached and reasoning tokens are parts of ``input`` and ``output``.
    """

    __slots__ = ("calls", "tokens", "total", "unpriced")

    def __init__(self, totals: _Totals, currency: str) -> None:
        self.total = totals.amounts.get(currency, _ZERO)
        self.calls, self.unpriced, self.tokens = totals.calls, totals.unpriced, totals.tokens

    def __repr__(self) -> str:
        return f"ModelCost(total={self.total}, calls={self.calls}, unpriced={self.unpriced})"


class Cost:
    """The cost of a piece of work so far; may be read at any time, by any thread.

    Args:
        limit: amount above which it is exceeded.
        currency: ISO 4217 code of total and limit.
        outer: the piece of work that this one is a part of.
    """

    def __init__(self, limit: Decimal | None, currency: str, outer: Cost | None) -> None:
        self._limit, self._currency, self._outer = limit, currency, outer
        self._lock = free_after_fork(Lock())
        self._all = _Totals()
        self._models: dict[str, _Totals] = {}
        self._reasons: dict[str, int] = {}
        self._awaited: dict[str, _Totals] = {}

    @property
    def total(self) -> Decimal:
        """Sum of the fully priced calls, in ``currency``: exact, and 0 while there is none."""
        return self._all.amounts.get(self._currency, _ZERO)

    @property
    def currency(self) -> str:
        """ISO 4217 code of ``total`` and ``limit``."""
        return self._currency

    @property
    def by_currency(self) -> Mapping[str, Decimal]:
        """Sum of the fully priced calls in every currency that occurred."""
        with self._lock:
            return dict(self._all.amounts)

    @property
    def at_least(self) -> Decimal:
        """The total and what is known of calls that could be priced in part: a lower bound of the whole."""
        with self._lock:
            return EXACT.add(self.total, self._all.known.get(self._currency, _ZERO))

    @property
    def limit(self) -> Decimal | None:
        """The limit, if one was given."""
        return self._limit

    @property
    def exceeded(self) -> bool:
        """Whether at least more than the limit has been spent. It only says so: nothing is interrupted."""
        return self._limit is not None and self.at_least > self._limit

    @property
    def calls(self) -> int:
        """Calls that ended; of jobs without a span, those that were seen finished."""
        return self._all.calls

    @property
    def unpriced(self) -> int:
        """Calls whose cost is not in the total: priced in part, not at all, or still to be billed."""
        return self._all.unpriced

    @property
    def reasons(self) -> Mapping[str, int]:
        """The unpriced calls by reason, as ``openai_cost.unpriced.reason`` names it."""
        with self._lock:
            return {reason: count for reason, count in self._reasons.items() if count}

    @property
    def tokens(self) -> Tokens:
        """Tokens as reported, by kind: cached, reasoning, … are parts of ``input`` and ``output``; ``None`` if never said."""
        return self._all.tokens

    @property
    def by_model(self) -> Mapping[str, ModelCost]:
        """The same for each model, by the name that answered (else the one asked for, else ``unknown``)."""
        with self._lock:
            return {model: ModelCost(totals, self._currency) for model, totals in self._models.items()}

    def __repr__(self) -> str:
        return f"Cost(total={self.total}, currency={self._currency!r}, calls={self.calls}, unpriced={self.unpriced})"

    def add(self, event: CostEvent) -> None:
        """Adds one operation, here and to the pieces of work that this one is a part of."""
        cost: Cost | None = self
        while cost is not None:
            cost._add(event)
            cost = cost._outer

    def _add(self, event: CostEvent) -> None:
        model = event.response_model or event.request_model or "unknown"
        identifier, reason = event.response_id, event.reason
        with self._lock:
            of_model = self._models.get(model)
            if of_model is None:
                of_model = self._models[model] = _Totals()
            announced = None if identifier is None else self._awaited.pop(identifier, None)
            if announced is not None:
                # The call that started it was counted as not billed yet.
                self._reasons["background"] -= 1
                self._all.forget_unpriced()
                announced.forget_unpriced()
            for totals in (self._all, of_model):
                totals.add(event)
            if reason is not None:
                self._reasons[reason] = self._reasons.get(reason, 0) + 1
            if reason == "background" and identifier is not None:
                self._awaited[identifier] = of_model


def innermost(context: Context) -> Cost | None:
    """The innermost piece of work that is tracked in this context."""
    # What a scope holds there, if one does.
    cost: Cost | None = getattr(context.get(KEY), "value", None)
    return cost


def _plus(sum_so_far: int | None, count: int | None) -> int | None:
    if count is None or not 0 <= count <= MAX_COUNT:
        return sum_so_far
    return count if sum_so_far is None else sum_so_far + count
