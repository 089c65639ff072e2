# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The price engine: usage and terms in, a quote or a reason out. Knows neither OpenTelemetry nor the OpenAI SDK."""

from __future__ import annotations

from . import overrides
from .book import PriceBook, Terms, bundled_data
from .overrides import Overrides, PriceFileError
from .quote import Breakdown, LineItem, Quote, Unpriced
from .rates import Rate, RateCard
from .source import PriceSource, open_book

__all__ = [
    "Breakdown",
    "LineItem",
    "Overrides",
    "PriceBook",
    "PriceFileError",
    "PriceSource",
    "Quote",
    "Rate",
    "RateCard",
    "Terms",
    "Unpriced",
    "bundled_data",
    "open_book",
    "overrides",
]
