# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Reported: a cost that a gateway states in its response, passed on as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from math import isfinite

from ..money import EXACT
from ._fields import Fields, fields

_LITELLM_HEADER = "x-litellm-response-cost"
_LITELLM_CACHE_HEADER = "x-litellm-cache-key"
_CACHE_STATUS_HEADERS = ("cf-aig-cache-status", "x-portkey-cache-status")
_USD_PER_TICK = Decimal("1e-10")


@dataclass(frozen=True, slots=True)
class Reported:
    """An amount of money that the response states.

    Attributes:
        amount: as stated, no discount applied.
        currency: ISO 4217 code, ``None`` where its maker's documentation does not say.
    """

    amount: Decimal
    currency: str | None


_NOTHING_TO_PAY = Reported(Decimal(0), "USD")


def in_usage(usage: object) -> Reported | None:
    """A cost inside the usage object, if there is one.

    ``usage.cost`` as a number is OpenRouter's (credits, which are US dollars by its documentation); with the caller's own key
    it is the router's fee, to which the upstream cost is added. ``usage.cost.total_cost`` is Perplexity's, whose currency is
    not documented. ``usage.cost_in_usd_ticks`` is xAI's, in 10⁻¹⁰ US dollars.
    """
    used = fields(usage)
    cost = used.get("cost")
    if cost is None:
        ticks = used.get("cost_in_usd_ticks")
        if ticks is None:
            return None
        ticks = _amount(ticks)
        return None if ticks is None else Reported(EXACT.multiply(ticks, _USD_PER_TICK), "USD")
    if not isinstance(cost, (int, float)):
        total = _amount(fields(cost).get("total_cost"))
        return None if total is None else Reported(total, None)
    if used.get("is_byok") is True:
        return _own_key(cost, used)
    amount = _amount(cost)
    return None if amount is None else Reported(amount, "USD")


def in_headers(headers: Mapping[str, str] | None) -> Reported | None:
    """The LiteLLM proxy's cost header, in US dollars; it is 0 for models that the proxy does not know."""
    # Asking whether a header is there costs half of asking for one that is not.
    if headers is None or _LITELLM_HEADER not in headers:
        return None
    amount = _amount(headers[_LITELLM_HEADER])
    return None if amount is None else Reported(amount, "USD")


def from_cache(headers: Mapping[str, str] | None) -> Reported | None:
    """Nothing to pay: the gateway answered from its own cache, whatever usage or cost the repeated answer shows.

    Cloudflare and Portkey say so in a status; the LiteLLM proxy names the key of the entry and a cost of 0.
    """
    if headers is None:
        return None
    for name in _CACHE_STATUS_HEADERS:
        if name in headers and headers[name].strip().upper() == "HIT":
            return _NOTHING_TO_PAY
    if _LITELLM_CACHE_HEADER in headers and _LITELLM_HEADER in headers and _is_zero(headers[_LITELLM_HEADER]):
        return _NOTHING_TO_PAY
    return None


def _is_zero(value: str) -> bool:
    try:
        return Decimal(value) == 0
    except InvalidOperation:
        return False


def _own_key(cost: object, used: Fields) -> Reported | None:
    upstream = _amount(fields(used.get("cost_details")).get("upstream_inference_cost"))
    if upstream is None:
        # The fee alone is not what the call cost.
        return None
    return Reported(EXACT.add(_amount(cost) or Decimal(0), upstream), "USD")


def _amount(value: object) -> Decimal | None:
    """A finite amount above zero; zero is what gateways say when they do not know."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        amount = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount > 0 and isfinite(float(amount)) else None
