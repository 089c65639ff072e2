# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Budget: what a part of the calls may cost in a period, and gauges of what it has cost: in this process, blocking nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from threading import Lock
from typing import Literal, get_args

from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.util.types import AttributeValue

from . import fork, semconv
from .fork import free_after_fork
from .money import EXACT, amount

Period = Literal["hour", "day", "week", "month"]
PERIODS: tuple[Period, ...] = get_args(Period)

_ZERO = Decimal(0)
_HOUR, _DAY = 3600, 86400


@dataclass(frozen=True, slots=True, init=False)
class Budget:
    """An amount of money that a part of the calls may cost in a period. Nothing is ever blocked: the gauges say how it stands.

    Attributes:
        name: value of ``openai_cost.budget.name`` on the gauges.
        usd: the amount in USD; costs in other currencies are not in it.
        per: ``hour``, ``day``, ``week`` (from Monday) or ``month``, by the calendar in UTC.
        where: the calls that count: attributes of their cost metric, attribution among them, and the values they must have.

    Raises:
        ValueError: if the amount is not a positive number, or the period is none of those.
    """

    name: str
    usd: Decimal
    per: Period = "day"
    where: Mapping[str, AttributeValue] = field(default_factory=dict[str, AttributeValue])

    def __init__(
        self,
        name: str,
        usd: Decimal | float | str,
        per: Period = "day",
        where: Mapping[str, AttributeValue] | None = None,
    ) -> None:
        if not name:
            raise ValueError("a budget has no name")
        if per not in PERIODS:
            raise ValueError(f"per={per!r} is not one of {', '.join(PERIODS)}")
        object.__setattr__(self, "name", str(name))
        object.__setattr__(self, "usd", amount(usd))
        object.__setattr__(self, "per", per)
        object.__setattr__(self, "where", dict(where or {}))
        if self.usd <= 0:
            raise ValueError(f"usd={usd!r} is not more than nothing")


class _Account:
    """What has been spent of one budget in the period that is now."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.period = -1
        self.spent = _ZERO
        self.unpriced = 0
        self._where = tuple((name, str(value)) for name, value in budget.where.items())
        self.attributes = {semconv.BUDGET_NAME: budget.name, semconv.BUDGET_PERIOD: budget.per}

    def holds_for(self, attributes: Mapping[str, AttributeValue]) -> bool:
        return all(name in attributes and str(attributes[name]) == value for name, value in self._where)

    def turn_to(self, now: float) -> None:
        period = _period(self.budget.per, now)
        if period != self.period:
            self.period, self.spent, self.unpriced = period, _ZERO, 0


class Budgets:
    """What has been spent of the budgets, in this process.

    Args:
        budgets: as configured.
        clock: seconds since the epoch.
    """

    def __init__(self, budgets: Iterable[Budget], clock: Callable[[], float] = time.time) -> None:
        self._accounts = [_Account(budget) for budget in budgets]
        self._clock, self._process = clock, fork.process
        self._lock = free_after_fork(Lock())

    def add(self, amount: Decimal | None, currency: str | None, attributes: Mapping[str, AttributeValue]) -> None:
        """Adds one operation to the budgets that it falls under.

        Args:
            amount: its cost, ``None`` if it has no full price.
            currency: ISO 4217 code of the amount.
            attributes: what the budgets choose by.
        """
        now = self._clock()
        with self._lock:
            for account in self._own_accounts():
                if account.holds_for(attributes):
                    account.turn_to(now)
                    if amount is not None and currency == "USD":
                        account.spent = EXACT.add(account.spent, amount)
                    else:
                        account.unpriced += 1

    def observe(self, read: Callable[[_Account], float | int]) -> list[Observation]:
        """How each budget stands now."""
        now = self._clock()
        with self._lock:
            accounts = self._own_accounts()
            for account in accounts:
                account.turn_to(now)
            return [Observation(read(account), account.attributes) for account in accounts]

    def _own_accounts(self) -> list[_Account]:
        """A forked process begins with nothing spent, so that no amount is shown by two."""
        if self._process != fork.process:
            self._accounts = [_Account(account.budget) for account in self._accounts]
            self._process = fork.process
        return self._accounts


def show_budgets(meter: Meter, budgets: Callable[[], Budgets | None]) -> None:
    """Makes the gauges.

    Args:
        meter: makes them.
        budgets: those in force; they say nothing while there are none.
    """

    def observer(read: Callable[[_Account], float | int]) -> Callable[[CallbackOptions], list[Observation]]:
        def observe(options: CallbackOptions) -> list[Observation]:
            current = budgets()
            return [] if current is None else current.observe(read)

        return observe

    for name, unit, description, read in (
        (semconv.METRIC_BUDGET_SPENT, semconv.UNIT_COST, "Spent in the current period, in USD", _spent),
        (semconv.METRIC_BUDGET_REMAINING, semconv.UNIT_COST, "Left in the current period, in USD", _remaining),
        (semconv.METRIC_BUDGET_UNPRICED, semconv.UNIT_OPERATION, "Operations whose cost is not in it", _unpriced),
    ):
        meter.create_observable_gauge(name, [observer(read)], unit, description)


def _spent(account: _Account) -> float:
    return float(account.spent)


def _remaining(account: _Account) -> float:
    return float(EXACT.subtract(account.budget.usd, account.spent))


def _unpriced(account: _Account) -> int:
    return account.unpriced


def _period(per: Period, now: float) -> int:
    """Number of the period that a moment is in."""
    if per == "hour":
        return int(now // _HOUR)
    if per == "day":
        return int(now // _DAY)
    if per == "week":
        # The epoch was a Thursday; weeks begin on Mondays.
        return int((now // _DAY + 3) // 7)
    moment = time.gmtime(now)
    return moment.tm_year * 12 + moment.tm_mon
