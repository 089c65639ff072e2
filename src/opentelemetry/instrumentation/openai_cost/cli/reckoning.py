# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Reckoning: what was used, at our prices, by day and line item or as far as telemetry tells. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from ..money import EXACT
from ..pricing import PriceBook, Rate, RateCard, Terms, Unpriced
from ..provider import OPENAI
from ..spend import Call
from ..usage import DIMENSIONS, InconsistentUsage, Tokens, split
from . import line_items
from .line_items import STANDARD, Item
from .organization import DIVIDED, Result

_ZERO = Decimal(0)
_ENDPOINTS = {
    "decisions": "decisions",
    "embeddings": "embeddings",
    "audio_speeches": "speech",
    "audio_transcriptions": "transcriptions",
}
TOOLS = "tools"
"""What stands for all tools, where a span does not say which."""


@dataclass(slots=True)
class Reckoned:
    """What was used of one item, and what that costs at our prices.

    Attributes:
        quantity: in the unit of the item's price.
        amount: ``None`` if we have no price.
        reason: why there is none.
        is_divided: whether the usage says of which tier it was.
    """

    quantity: Decimal = _ZERO
    amount: Decimal | None = _ZERO
    reason: str = ""
    is_divided: bool = True

    def add(self, quantity: Decimal, amount: Decimal | None, reason: str = "") -> None:
        """Adds usage."""
        self.quantity = EXACT.add(self.quantity, quantity)
        if amount is None or self.amount is None:
            self.amount, self.reason = None, reason or self.reason
        else:
            self.amount = EXACT.add(self.amount, amount)


class Prices:
    """The price list, as far as aggregated usage can be priced: by the rates of a day, and never by the size of one prompt.

    Args:
        book: the price list in use.
        region: label of the regional host that was called, if one was.
    """

    def __init__(self, book: PriceBook, region: str | None) -> None:
        self._book, self._region = book, region

    def card(self, model: str | None, tier: str, day: int, endpoint: str | None) -> RateCard | Unpriced:
        """The rates of a model at a tier on a day."""
        is_batch = tier == "batch"
        host = f"{self._region}.api.openai.com" if self._region else "api.openai.com"
        return self._book.card(
            Terms(
                model=model,
                price_list=OPENAI,
                host=host,
                tier=None if is_batch or tier == STANDARD else tier,
                batch=is_batch,
                region=self._region,
                endpoint=endpoint,
                at=float(day),
            )
        )

    def amount(self, card: RateCard | Unpriced, dimension: str, quantity: Decimal, is_long: bool) -> Decimal | None:
        """What a quantity costs, the user's discount off; ``None`` without a rate."""
        if isinstance(card, Unpriced):
            return None
        rates = card.long_rates if is_long else card.rates
        rate: Rate | None = card.fees.get(dimension) if dimension in card.fees else rates.get(dimension)
        if rate is None or rate.currency != "USD":
            return None
        amount = rate.amount(quantity)
        if card.discount is not None and dimension not in card.fees:
            kept = Decimal(card.discount.kept).scaleb(-card.discount.kept_scale, EXACT)
            amount = EXACT.multiply(amount, kept)
        return amount


Key = tuple[int, Item]
"""A day, and what was billed or used on it."""


def of_usage(results: Iterable[Result], prices: Prices) -> dict[Key, Reckoned]:
    """Usage at our prices, by day and item; the models keep the names under which the bill has them."""
    found: dict[Key, Reckoned] = {}
    for result in results:
        model = str(result.fields.get("model") or "")
        tier = line_items.tier_of(result.fields.get("service_tier"), result.fields.get("batch"))
        quantities, reason = _quantities(result)
        is_fee = result.source in ("web_search_calls", "file_search_calls")
        endpoint = "containers" if is_fee and not model else _ENDPOINTS.get(result.source)
        card = prices.card(model or None, tier, result.day, endpoint)
        for dimension, quantity in quantities:
            item = Item(STANDARD, "", dimension) if is_fee else Item(tier, line_items.model_name(model), dimension)
            amount = prices.amount(card, dimension, quantity, is_long=False)
            known = found.setdefault((result.day, _as_billed(item)), Reckoned())
            known.is_divided = known.is_divided and result.source in DIVIDED
            known.add(quantity, amount, card.reason if isinstance(card, Unpriced) else "missing_rate")
        if reason:
            item = Item(tier, line_items.model_name(model), "input")
            found.setdefault((result.day, item), Reckoned()).add(_ZERO, None, reason)
    return found


def _as_billed(item: Item) -> Item:
    return item._replace(dimension="cache_write") if item.dimension == "cache_write_12h" else item


def _quantities(result: Result) -> tuple[list[tuple[str, Decimal]], str]:
    """What a result says was used, by price key, or why that cannot be used."""

    def count(name: str) -> int:
        number = line_items.amount(result.fields.get(name))
        return int(number) if number is not None else 0

    if result.source == "web_search_calls":
        return _some("web_search", count("num_requests")), ""
    if result.source == "file_search_calls":
        return _some("file_search", count("num_requests")), ""
    if result.source == "audio_speeches":
        return _some("characters", count("characters")), ""
    if result.source == "audio_transcriptions":
        return _some("audio_seconds", count("seconds")), ""
    cached_audio, cached_image = count("input_cached_audio_tokens"), count("input_cached_image_tokens")
    written_12h = count("input_cache_write_12h_tokens")
    written = max(count("input_cache_write_tokens"), count("input_cache_write_30m_tokens") + written_12h)
    tokens = Tokens(
        input=count("input_tokens"),
        output=count("output_tokens"),
        cache_read=count("input_cached_tokens"),
        cache_write=written,
        cache_write_12h=written_12h,
        # The API counts what was not cached; of a modality we count both.
        audio_input=count("input_audio_tokens") + cached_audio,
        image_input=count("input_image_tokens") + cached_image,
        audio_output=count("output_audio_tokens"),
        image_output=count("output_image_tokens"),
        audio_cache_read=cached_audio,
        image_cache_read=cached_image,
    )
    try:
        quantities = split(tokens)
    except InconsistentUsage:
        return [], "inconsistent_usage"
    return [(name, Decimal(number)) for name, number in zip(DIMENSIONS, quantities, strict=True) if number], ""


def _some(dimension: str, count: int) -> list[tuple[str, Decimal]]:
    return [(dimension, Decimal(count))] if count else []


def of_calls(calls: Iterable[Call]) -> dict[Item, Reckoned]:
    """What calls in telemetry cost, by as much of a line item as a span tells: modalities, context and tools are not told apart."""
    found: dict[Item, Reckoned] = {}
    for call in calls:
        tier, model = call.tier or STANDARD, line_items.model_name(call.model)
        if call.parts is None:
            if call.error is None:
                found.setdefault(Item(tier, model, "input"), Reckoned()).add(_ZERO, None, call.reason or "unknown")
            continue
        tokens, parts = call.tokens, call.parts
        counts = (0, 0, 0) if tokens is None else (tokens.input, tokens.cached + tokens.written, tokens.output)
        for dimension, amount, count in (
            ("input", parts.input, max(0, counts[0] - counts[1])),
            ("cache", parts.cache, counts[1]),
            ("output", EXACT.add(parts.output, parts.reasoning), counts[2]),
            ("other", parts.other, 0),
        ):
            if amount or count:
                known = found.setdefault(Item(tier, model, dimension), Reckoned())
                known.add(Decimal(count), amount if call.currency == "USD" else None, "another currency")
        if parts.tools:
            found.setdefault(Item(STANDARD, "", TOOLS), Reckoned()).add(_ZERO, parts.tools)
    return found
