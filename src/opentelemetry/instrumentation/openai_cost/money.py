# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Amounts of money: exact sums, whatever the application's decimal settings, what is accepted as one, and how it is written."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal

EXACT = Context(prec=100, rounding=ROUND_HALF_EVEN, traps=[])
"""Sums and products of prices never need as many digits."""


def amount(value: Decimal | float | str) -> Decimal:
    """A finite amount of money; a float stands for the decimal that it is written as.

    Raises:
        ValueError: if it is none.
    """
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value))
    except ArithmeticError:
        number = None
    if number is None or not number.is_finite() or isinstance(value, bool):
        raise ValueError(f"{value!r} is not an amount of money")
    return number


def sum_of(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum of amounts of one currency."""
    total = Decimal(0)
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total


def plain(value: Decimal) -> str:
    """A decimal as people write it: no exponent, no trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
