# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""One call in one line, as the demo shows them while they are made."""

from __future__ import annotations

from ..spend import Call, Tokens
from ..spend.table import counted, cut, in_full


def call_header() -> str:
    """What stands above lines made by :func:`call_line`."""
    return _columns("CALL", "MODEL", "INPUT", "OUTPUT", "USD")


def call_line(label: str, call: Call) -> str:
    """One call in one line: what was done, by which model, how many tokens, how much money."""
    tokens = call.tokens or Tokens()
    if call.amount is not None:
        result = in_full(call.amount)
        result += f" {call.currency}" if call.currency != "USD" else ""
    elif call.error is not None:
        result = f"error: {call.error.rpartition('.')[2]}"
    elif call.lower_bound is not None:
        result = f"at least {in_full(call.lower_bound)}"
    else:
        result = f"no price: {call.reason or 'unknown'}"
    return _columns(label, call.label, counted(tokens.input), counted(tokens.output), result)


def _columns(label: str, model: str, input: str, output: str, result: str) -> str:
    return f"{label:<29}  {cut(model):<24}  {input:>8}  {output:>6}  {result}".rstrip()
