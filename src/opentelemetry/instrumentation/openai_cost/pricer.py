# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Pricer: what an operation cost, or why that is not known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from .containers import Containers
from .endpoints import Request, Response, from_cache, in_headers
from .named_tuple import new
from .outcome import Outcome, ProviderCost
from .pricing import PriceBook, Quote, Terms, Unpriced
from .provider import Server

_FUTURE = 10**11
"""No response was created after the year 5000; whoever says so counts in milliseconds."""


class Billed(Protocol):
    """What a price needs to know of an operation."""

    request: Request
    server: Server
    began: float
    headers: Mapping[str, str] | None
    price_endpoint: str
    """The price book's name of the endpoint."""


class Pricer:
    """Prices operations.

    Args:
        book: gives the price book, loading it on first need.
        currency: of amounts that a provider reports where it is not documented.
    """

    def __init__(self, book: Callable[[], PriceBook], currency: str | None) -> None:
        self._book, self._currency = book, currency
        self._containers = Containers()

    def price(self, operation: Billed, response: Response, error: BaseException | None) -> Outcome:
        """What the call cost: as the provider reports it, else at our price list, else why that is not known."""
        reported = None if operation.server.price_list is not None else from_cache(operation.headers)
        reported = reported or response.reported or in_headers(operation.headers)
        if reported is None:
            return self._quote(operation, response, error)
        currency = reported.currency or self._currency
        estimate = self._quote(operation, response, None)
        if currency is None:
            return estimate if isinstance(estimate, Quote) else Unpriced("unknown_currency")
        return ProviderCost(reported.amount, currency, estimate if isinstance(estimate, Quote) else None)

    def _quote(self, operation: Billed, response: Response, error: BaseException | None) -> Quote | Unpriced:
        usage = response.usage
        if usage is None:
            if error is not None or response.error_type is not None:
                return Unpriced("error")
            is_running = (operation.request.background or response.is_job) and not response.finished
            return Unpriced("background" if is_running else "no_usage")
        request, server, endpoint = operation.request, operation.server, operation.price_endpoint
        if usage.fees:
            usage = self._containers.billed(usage, made=endpoint == "containers")
        created = response.created
        terms = (
            response.priced_model or response.model or request.model,
            request.model,
            server.price_list,
            server.address,
            response.service_tier,
            endpoint == "batch",
            request.window,
            server.region,
            endpoint,
            created if created and 0 < created < _FUTURE else operation.began,
        )
        return self._book().quote(usage, new(Terms, terms))
