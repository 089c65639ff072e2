# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Comparison: what was billed beside what we compute, line item by line item. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import cast

from ..money import EXACT
from . import line_items
from .line_items import STANDARD, Item
from .organization import Result
from .reckoning import TOOLS, Key, Prices, Reckoned

_ZERO = Decimal(0)


@dataclass(slots=True)
class Row:
    """One line item over the whole period.

    Attributes:
        label: as the bill has it.
        billed: what OpenAI billed; ``None`` if it has no such line.
        computed: the same at our prices; ``None`` if we have none for a part of it.
        quantity: what the computed amount is for.
        notes: what the reader must know of it.
    """

    label: str
    billed: Decimal | None = None
    computed: Decimal | None = _ZERO
    quantity: Decimal = _ZERO
    notes: list[str] = field(default_factory=list[str])

    @property
    def difference(self) -> Decimal | None:
        """What we compute, less what was billed."""
        return None if self.computed is None else EXACT.subtract(self.computed, self.billed or _ZERO)

    def add(self, billed: Decimal | None, computed: Decimal | None, quantity: Decimal, note: str) -> None:
        """Adds one day."""
        if billed is not None:
            self.billed = EXACT.add(self.billed or _ZERO, billed)
        is_known = computed is not None and self.computed is not None
        self.computed = EXACT.add(self.computed or _ZERO, computed or _ZERO) if is_known else None
        self.quantity = EXACT.add(self.quantity, quantity)
        if note and note not in self.notes:
            self.notes.append(note)


def beside(billed: Iterable[Result], used: Mapping[Key, Reckoned], prices: Prices) -> list[Row]:
    """What was billed beside what we compute, by line item.

    Usage does not say how much of it was long context, and not always of which tier it was: there the quantity that was billed
    is priced, and taken off what remains at the plain rate.

    Args:
        billed: results of the costs.
        used: usage at our prices; is not changed.
        prices: for what the usage does not divide.
    """
    rows: dict[str, Row] = {}
    left = {key: Reckoned(known.quantity, known.amount, known.reason, known.is_divided) for key, known in used.items()}
    plain: list[tuple[Key, str, Decimal | None, Decimal | None]] = []
    for result in billed:
        name = str(result.fields.get("line_item") or "(no line item)")
        money = cast("Mapping[str, object]", result.fields.get("amount") or {})
        value, unit = line_items.amount(money.get("value")), cast("str | None", result.fields.get("quantity_unit"))
        row = rows.setdefault(name, Row(name))
        if str(money.get("currency") or "usd").lower() != "usd":
            row.add(None, None, _ZERO, f"billed in {money.get('currency')}")
            continue
        item = line_items.read(name, unit)
        if item is None:
            row.add(value, None, _ZERO, "not in the price list, or of an unknown form")
            continue
        key, quantity = (result.day, item), line_items.quantity(result.fields.get("quantity"), unit)
        if key in used:
            plain.append((key, name, value, quantity))
        elif quantity is None:
            row.add(value, None, _ZERO, "usage does not tell how much")
        else:
            _by_billed_quantity(row, key, value, quantity, left, prices)
    for key, name, value, _ in plain:
        known = left.pop(key, Reckoned())
        rows[name].add(value, known.amount, known.quantity, _no_price(known.reason) if known.amount is None else "")
    for (_, item), known in left.items():
        if known.quantity or known.reason:
            row = rows.setdefault(item.label, Row(item.label))
            row.add(
                None, known.amount, known.quantity, _no_price(known.reason) if known.amount is None else "not billed"
            )
    return _dearest_first(rows.values())


def _no_price(reason: str) -> str:
    return f"no price: {reason}"


def _by_billed_quantity(
    row: Row, key: Key, value: Decimal | None, quantity: Decimal, left: dict[Key, Reckoned], prices: Prices
) -> None:
    """Prices a line that usage does not show by itself, and takes its quantity off the line that has it."""
    day, item = key
    card = prices.card(item.model or None, item.tier, day, None)
    amount = prices.amount(card, item.dimension, quantity, item.is_long)
    note = "computed from the billed quantity" if amount is not None else _no_price("missing_rate")
    row.add(value, amount, quantity, note)
    origin = left.get((day, item._replace(is_long=False)))
    if origin is None:
        origin = left.get((day, Item(STANDARD, item.model, item.dimension)))
        if origin is None or origin.is_divided:
            return
    share = EXACT.divide(min(quantity, origin.quantity), origin.quantity) if origin.quantity else _ZERO
    if origin.amount is not None:
        origin.amount = EXACT.subtract(origin.amount, EXACT.multiply(origin.amount, share))
    origin.quantity = EXACT.subtract(origin.quantity, min(quantity, origin.quantity))


def beside_calls(billed: Iterable[Result], calls: Mapping[Item, Reckoned]) -> list[Row]:
    """What was billed beside what telemetry says it cost.

    Args:
        billed: results of the costs.
        calls: what telemetry says.
    """
    rows: dict[str, Row] = {}
    for result in billed:
        name, unit = str(result.fields.get("line_item") or "(no line item)"), result.fields.get("quantity_unit")
        money = cast("Mapping[str, object]", result.fields.get("amount") or {})
        item = line_items.read(name, cast("str | None", unit))
        label = name if item is None else _folded(item).label
        row = rows.setdefault(label, Row(label))
        is_dollars = str(money.get("currency") or "usd").lower() == "usd"
        note = "no span can tell of it" if item is None else "" if is_dollars else f"billed in {money.get('currency')}"
        row.add(line_items.amount(money.get("value")) if is_dollars else None, None if note else _ZERO, _ZERO, note)
    for item, known in calls.items():
        row = rows.setdefault(item.label, Row(item.label))
        note = _no_price(known.reason) if known.amount is None else "not billed" if row.billed is None else ""
        row.add(None, known.amount, known.quantity, note)
    return _dearest_first(rows.values())


def _dearest_first(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: ((row.billed or row.computed or _ZERO).copy_negate(), row.label))


def _folded(item: Item) -> Item:
    """As much of a line item as a span tells."""
    if not item.model:
        return Item(STANDARD, "", TOOLS)
    for part, names in (("cache", ("cache_read", "cache_write")), ("input", ("input",)), ("output", ("output",))):
        if item.dimension.endswith(names):
            return Item(item.tier, item.model, part)
    return Item(item.tier, item.model, "other")
