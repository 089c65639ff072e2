# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The price engine: usage and terms in, a quote or a reason out. Knows neither OpenTelemetry nor the OpenAI SDK."""

from __future__ import annotations

import logging
from pathlib import Path

from . import overrides
from .book import PriceBook, Terms, bundled_data
from .overrides import Overrides, PriceFileError
from .quote import Breakdown, LineItem, Quote, Rate, RateCard, Unpriced

_logger = logging.getLogger(__package__)


def open_book(prices: Path | None = None) -> PriceBook:
    """The bundled price list with the user's file over it.

    Args:
        prices: the user's file; if it cannot be used, one error is logged and the bundled list stands alone.
    """
    if prices is None:
        return PriceBook(bundled_data())
    try:
        return PriceBook(bundled_data(), overrides.read(prices))
    except PriceFileError as error:
        _logger.error("openai_cost: prices=%s cannot be used, the bundled price list is used alone: %s", prices, error)
        return PriceBook(bundled_data())


__all__ = [
    "Breakdown",
    "LineItem",
    "Overrides",
    "PriceBook",
    "PriceFileError",
    "Quote",
    "Rate",
    "RateCard",
    "Terms",
    "Unpriced",
    "bundled_data",
    "open_book",
]
