# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Other GenAI instrumentations: is one already describing this call, and how does our cost reach its span.

Reads ``opentelemetry.util.genai.invocation`` (public module, looked up only if loaded): an open invocation leaves its data in the
context under a key of its kind, and copies the data's ``attributes`` to its span when it ends.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from threading import Lock
from typing import Protocol, cast
from weakref import WeakKeyDictionary, ref

from opentelemetry.context import Context
from opentelemetry.trace import Span, get_current_span
from opentelemetry.util.types import AttributeValue

from . import aliases, semconv
from .config import Alias
from .endpoints import Kind
from .fork import free_after_fork
from .money import EXACT

_INVOCATION_MODULE = "opentelemetry.util.genai.invocation"
_KEYS: Mapping[Kind, str] = {
    "inference": "CLIENT_INFERENCE_CONTEXT_KEY",
    "embeddings": "CLIENT_EMBEDDING_CONTEXT_KEY",
    "fetch": "CLIENT_FETCH_RESPONSE_CONTEXT_KEY",
}
_SUMMED = (
    semconv.COST_AMOUNT,
    semconv.OWN_INPUT,
    semconv.OWN_OUTPUT,
    semconv.OWN_CACHE_READ,
    semconv.OWN_CACHE_WRITE,
    semconv.OWN_REASONING,
    semconv.OWN_TOOL,
    semconv.OWN_OTHER,
    semconv.OWN_LIST_AMOUNT,
    semconv.OWN_ESTIMATED_AMOUNT,
    semconv.OWN_PARTIAL_AMOUNT,
    *aliases.AUDIO,
)

_PRICING = (
    semconv.OWN_PRICING_SOURCE,
    semconv.OWN_PRICING_VERSION,
    semconv.OWN_PRICING_MODEL,
    semconv.OWN_PRICING_TIER,
    semconv.OWN_PRICING_MODIFIERS,
)
_ZERO = Decimal(0)


class _InvocationData(Protocol):
    attributes: dict[str, AttributeValue]


class Enclosing:
    """Something else's description of one or more of our calls: their costs are added up on it.

    If one of them is not fully priced, the amount is taken off again and what is known becomes a lower bound.

    Args:
        write: sets the given attributes, and takes off those named.
    """

    def __init__(self, write: Callable[[Mapping[str, AttributeValue], list[str]], None]) -> None:
        self._write = write
        self._lock = free_after_fork(Lock())
        self._calls = 0
        self._sums: dict[str, Decimal] = {}
        self._unpriced: str | None = None
        self._currency: AttributeValue | None = None
        self._pricing: dict[str, AttributeValue | None] = {}
        self._written: set[str] = set()

    def add(self, attributes: Mapping[str, AttributeValue], others: Collection[Alias] = ()) -> None:
        """Adds the cost attributes of one call to those of its predecessors.

        Args:
            attributes: of the call.
            others: under whose names the sums are written, too.
        """
        with self._lock:
            self._calls += 1
            self._remember(attributes)
            total = dict(attributes) if self._calls == 1 else self._total(attributes)
            # How the price was made is said only as long as it is true of every call.
            for name in _PRICING:
                if self._calls > 1 and self._pricing.get(name) != total.get(name):
                    self._pricing[name] = None
                    total.pop(name, None)
            if self._calls == 1:
                self._pricing = {name: total.get(name) for name in _PRICING}
            if others:
                total.update(aliases.attributes(others, total))
            gone = [name for name in self._written if name not in total]
            self._written = set(total)
            self._write(total, gone)

    def _remember(self, attributes: Mapping[str, AttributeValue]) -> None:
        currency = attributes.get(semconv.COST_CURRENCY) or attributes.get(semconv.OWN_PARTIAL_CURRENCY)
        if attributes.get(semconv.OWN_STATUS) != "priced":
            self._unpriced = self._unpriced or str(attributes.get(semconv.OWN_UNPRICED_REASON))
        if currency is not None and currency != (self._currency or currency):
            # Amounts of two currencies have no sum; what the second call cost is in the metrics.
            self._unpriced = self._unpriced or "unknown_currency"
            return
        self._currency = self._currency or currency
        for name in _SUMMED:
            value = attributes.get(name)
            if isinstance(value, float):
                self._sums[name] = EXACT.add(self._sums.get(name, _ZERO), Decimal(repr(value)))

    def _total(self, attributes: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
        total = {name: value for name, value in attributes.items() if name not in _SUMMED}
        sums = self._sums
        if self._unpriced is None:
            total.update({name: float(value) for name, value in sums.items()})
            return total
        known = EXACT.add(sums.get(semconv.COST_AMOUNT, _ZERO), sums.get(semconv.OWN_PARTIAL_AMOUNT, _ZERO))
        total.pop(semconv.COST_CURRENCY, None)
        total.pop(semconv.COST_SOURCE, None)
        total[semconv.OWN_STATUS] = "partial" if known else "unpriced"
        total[semconv.OWN_UNPRICED_REASON] = self._unpriced
        if known:
            total[semconv.OWN_PARTIAL_AMOUNT] = float(known)
            if self._currency not in (None, "USD"):
                total[semconv.OWN_PARTIAL_CURRENCY] = str(self._currency)
        return total


def open_invocation(kind: Kind, context: Context) -> Enclosing | None:
    """The enclosing util-genai invocation of the same kind, if one is open in the context."""
    if not context:
        return None
    module = sys.modules.get(_INVOCATION_MODULE)
    if module is None or kind not in _KEYS:
        return None
    key = getattr(module, _KEYS[kind], None)
    data = None if key is None else context.get(key)
    if data is None or not isinstance(getattr(data, "attributes", None), dict):
        return None
    return _of(data, lambda: Enclosing(_invocation_writer(cast(_InvocationData, data))))


def current_span(context: Context) -> Enclosing | None:
    """The span that is current at the call, if there is one that records."""
    span = get_current_span(context)
    if not span.is_recording():
        return None
    with _SPANS_LOCK:
        known = _SPANS.get(span)
        if known is None:
            known = _SPANS[span] = Enclosing(_span_writer(span))
        return known


_SPANS: WeakKeyDictionary[Span, Enclosing] = WeakKeyDictionary()
_SPANS_LOCK = free_after_fork(Lock())
_OURS = "_openai_cost_enclosing"


def _of(data: object, make: Callable[[], Enclosing]) -> Enclosing:
    """The one account kept for an invocation's data; it lives in the data's own dictionary and so as long as the data."""
    return cast(Enclosing, vars(data).setdefault(_OURS, make()))


def _invocation_writer(data: _InvocationData) -> Callable[[Mapping[str, AttributeValue], list[str]], None]:
    def write(attributes: Mapping[str, AttributeValue], gone: list[str]) -> None:
        for name in gone:
            data.attributes.pop(name, None)
        data.attributes.update(attributes)

    return write


def _span_writer(span: Span) -> Callable[[Mapping[str, AttributeValue], list[str]], None]:
    # The span must not keep itself alive through the account that is kept for it.
    reference = ref(span)

    def write(attributes: Mapping[str, AttributeValue], gone: list[str]) -> None:
        target = reference()
        if target is None or not target.is_recording():
            return
        # The API cannot take an attribute off; the SDK's spans keep theirs in a mapping that can.
        kept = cast("dict[str, AttributeValue] | None", getattr(target, "_attributes", None))
        for name in gone:
            if kept is not None and name in kept:
                del kept[name]
        target.set_attributes(attributes)

    return write
