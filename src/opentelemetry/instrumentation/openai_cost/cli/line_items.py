# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Line items of OpenAI's bill: what the name of one says was billed, and the quantity in the price list's units.

The names are for people and documented nowhere; these forms are known: ``gpt-5-2025-08-07, cached input``,
``flex | gpt-5-mini, input``, ``priority | gpt-5.6-sol, output, long context``, ``gpt-audio-mini audio, input``,
``gpt-6-astra, input_tokens``, ``web search tool calls``. Every other name is shown as it is, and priced as nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

STANDARD = "standard"
FEES: Mapping[str, str] = {"web search tool calls": "web_search", "file search tool calls": "file_search"}
"""Fee of the price list, by line item."""

_TIERS = frozenset({"batch", "flex", "priority", "ultrafast", "scale"})
_PIECES = {
    "input": "input",
    "cached input": "cache_read",
    "cache write": "cache_write",
    "cache writes": "cache_write",
    "output": "output",
}
_MODALITIES = {"text": "", "audio": "audio_", "image": "image_"}
_UNITS: Mapping[str, tuple[str, int]] = {
    "tokens": ("tokens", 1),
    "1000_tokens": ("tokens", 1000),
    "duration_seconds": ("audio_seconds", 1),
    "duration_minutes": ("audio_seconds", 60),
    "duration_hours": ("audio_seconds", 3600),
    "characters": ("characters", 1),
    "images": ("images", 1),
}


class Item(NamedTuple):
    """What is billed in one line.

    Attributes:
        tier: service tier, or ``batch``.
        model: as the bill names it; empty for a fee.
        dimension: price key of the list, or the fee's name.
        is_long: whether at long-context rates.
    """

    tier: str
    model: str
    dimension: str
    is_long: bool = False

    @property
    def label(self) -> str:
        """How it is shown where the bill has no such line."""
        tier = "" if self.tier == STANDARD else f"{self.tier} | "
        names = [self.model, self.dimension.replace("_", " "), "long context" if self.is_long else ""]
        return tier + ", ".join(filter(None, names))


def tier_of(service_tier: object, batch: object) -> str:
    """The tier under which usage is billed: ``batch`` before what else it says."""
    tier = str(service_tier or "").lower()
    if batch is True:
        return "batch"
    return {"": STANDARD, "default": STANDARD, "auto": STANDARD, "fast": "priority"}.get(tier, tier)


def model_name(model: str) -> str:
    """A model as the bill names it: a fine-tuned one by its base."""
    return f"ft-{model.split(':')[1]}" if model.startswith("ft:") and model.count(":") else model


def read(name: str, unit: str | None) -> Item | None:
    """What a line item bills.

    Args:
        name: of the line item.
        unit: of its quantity.

    Returns:
        None if the name has none of the known forms.
    """
    fee = FEES.get(name.strip().lower())
    if fee is not None:
        return Item(STANDARD, "", fee)
    tier, bar, rest = name.rpartition(" | ")
    tier = tier.strip().lower()
    if bar and tier not in _TIERS:
        return None
    model, *pieces = (piece.strip() for piece in rest.split(","))
    pieces = [piece.lower().replace("_", " ").removesuffix(" tokens") for piece in pieces]
    is_long = pieces[-1:] == ["long context"]
    if is_long:
        pieces.pop()
    model, modality = _modality(model)
    if not model or " " in model or len(pieces) > 1:
        return None
    dimension = _dimension(pieces[0] if pieces else None, modality, _UNITS.get(unit or "", ("", 1))[0])
    return None if dimension is None else Item(tier or STANDARD, model, dimension, is_long)


def _modality(model: str) -> tuple[str, str]:
    name, _, last = model.rpartition(" ")
    return (name, _MODALITIES[last]) if name and last in _MODALITIES else (model, "")


def _dimension(piece: str | None, modality: str, unit: str) -> str | None:
    if unit in ("characters", "audio_seconds"):
        return unit
    if piece is None:
        return "input" if unit == "tokens" else None
    found = _PIECES.get(piece)
    return None if found is None else found if found == "cache_write" else modality + found


def quantity(value: object, unit: str | None) -> Decimal | None:
    """A billed quantity in the list's units: tokens, seconds, characters or calls; None if its unit is not known."""
    factor = _UNITS.get(unit or "")
    number = amount(value)
    return None if factor is None or number is None else number * factor[1]


def amount(value: object) -> Decimal | None:
    """A number of the API, which may be a string, as a decimal."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = Decimal(repr(value) if isinstance(value, float) else str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
