# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Spend: calls read off telemetry or made as they end, their sums, which do not grow with them, and the table of the sums."""

from .call import Call, Parts, Tokens
from .totals import Line, Money, Totals

__all__ = ["Call", "Line", "Money", "Parts", "Tokens", "Totals"]
