# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Totals: calls added up by model and by attribute. A lower bound is kept, and never added to an amount."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from ..money import EXACT, sum_of
from .call import Call, Parts, Tokens

MOST_LINES = 10_000
"""Distinct models, values of an attribute, and types of errors that have a line of their own; what comes later shares one."""
OTHER = "_other"

_ZERO = Decimal(0)


@dataclass(slots=True)
class Money:
    """Amounts of one currency.

    Attributes:
        calls: how many calls have an amount.
        amount: of all of them.
        parts: of that amount.
    """

    calls: int = 0
    amount: Decimal = _ZERO
    parts: Parts = field(default_factory=Parts)

    def add(self, calls: int, amount: Decimal, parts: Parts) -> None:
        """Adds the amount of some calls."""
        self.calls += calls
        self.amount = EXACT.add(self.amount, amount)
        self.parts += parts


@dataclass(slots=True)
class Line:
    """What all calls of one model at one tier, or of one value of an attribute, come to.

    Attributes:
        label: model and tier, or the value.
        calls: how many, priced or not.
        answered: how many of them were answered, as far as is known: all but those that failed without a usage.
        unpriced: how many were answered and have no amount.
        tokens: of all of them.
        money: amounts by currency.
    """

    label: str
    calls: int = 0
    answered: int = 0
    unpriced: int = 0
    tokens: Tokens = field(default_factory=Tokens)
    money: dict[str, Money] = field(default_factory=dict[str, Money])

    def add(self, call: Call) -> None:
        """Adds a call."""
        self.calls += call.count
        if call.error is None or call.tokens is not None:
            self.answered += call.count
        if call.tokens is not None:
            self.tokens += call.tokens
        if call.amount is not None:
            self.money.setdefault(call.currency, Money()).add(call.count, call.amount, call.parts or Parts())
        elif call.error is None:
            self.unpriced += call.count

    @property
    def order(self) -> tuple[Decimal, str]:
        """Sorts the most expensive first."""
        return sum_of(money.amount for money in self.money.values()).copy_negate(), self.label


@dataclass(slots=True)
class Unpriced:
    """Calls without an amount, for one reason, of one model.

    Attributes:
        calls: how many.
        lower_bound: what they cost at least, where anything is known.
    """

    calls: int = 0
    lower_bound: Decimal | None = None


class Totals:
    """Sums of calls, in memory that grows with the number of models and values, and not with that of calls.

    Args:
        attributes: names of attributes to add up by, besides models.
    """

    def __init__(self, attributes: Iterable[str] = ()) -> None:
        self.calls = 0
        self.priced = 0
        self.models: dict[str, Line] = {}
        self.by: dict[str, dict[str, Line]] = {name: {} for name in attributes}
        self.unpriced: dict[tuple[str, str, str], Unpriced] = {}
        """By reason, label and currency."""
        self.errors: Counter[tuple[str, str, bool]] = Counter()
        """By label, type of the error, and whether the call was billed all the same."""
        self.price_lists: set[str] = set()

    @classmethod
    def of(cls, calls: Iterable[Call]) -> Totals:
        """The sums of these calls."""
        totals = cls()
        for call in calls:
            totals.add(call)
        return totals

    def add(self, call: Call, values: Mapping[str, str] | None = None) -> None:
        """Adds a call.

        Args:
            call: what it cost, or why that is not known.
            values: its value of each of the attributes to add up by; one without a value is counted under ``(none)``.
        """
        self.calls += call.count
        line = _line(self.models, call.label)
        line.add(call)
        for name, lines in self.by.items():
            _line(lines, (values or {}).get(name, "(none)")).add(call)
        if call.error is not None:
            failure = (line.label, call.error, call.amount is not None)
            if failure not in self.errors and len(self.errors) >= MOST_LINES:
                failure = (OTHER, OTHER, call.amount is not None)
            self.errors[failure] += call.count
        if call.amount is not None:
            self.priced += call.count
            if call.price_list is not None:
                self.price_lists.add(call.price_list)
        elif call.error is None:
            key = (call.reason or "unknown", line.label, call.currency)
            lack = self.unpriced.setdefault(key, Unpriced())
            lack.calls += call.count
            if call.lower_bound is not None:
                lack.lower_bound = EXACT.add(lack.lower_bound or _ZERO, call.lower_bound)

    def add_tokens(self, label: str, tokens: Tokens) -> None:
        """Adds tokens whose calls are counted elsewhere."""
        _line(self.models, label).tokens += tokens

    @property
    def currencies(self) -> list[str]:
        """The currencies in which there are amounts, in order."""
        return sorted({currency for line in self.models.values() for currency in line.money})

    @property
    def without_price(self) -> int:
        """How many calls were answered and have no amount."""
        return sum(lack.calls for lack in self.unpriced.values())


def in_order(lines: Mapping[str, Line]) -> list[Line]:
    """The most expensive first."""
    return sorted(lines.values(), key=lambda line: line.order)


def whole(lines: Iterable[Line], label: str = "total") -> Line:
    """All of the lines in one."""
    total = Line(label)
    for line in lines:
        total.calls += line.calls
        total.answered += line.answered
        total.unpriced += line.unpriced
        total.tokens += line.tokens
        for currency, money in line.money.items():
            total.money.setdefault(currency, Money()).add(money.calls, money.amount, money.parts)
    return total


def _line(lines: dict[str, Line], label: str) -> Line:
    line = lines.get(label)
    if line is None:
        if len(lines) >= MOST_LINES:
            label = OTHER
        line = lines.setdefault(label, Line(label))
    return line
