# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Rollup: the running total of the calls below a span, on the span itself and on those above it.

Spans are only held weakly: what is known of one is gone with the span object. An ended span takes no attributes; what arrives then
is said to be late.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from decimal import Decimal
from threading import Lock
from weakref import ref

from opentelemetry.context import Context
from opentelemetry.trace import (
    ProxyTracerProvider,
    Span,
    SpanContext,
    TracerProvider,
    get_current_span,
    get_tracer_provider,
)

from . import semconv
from .fork import free_after_fork
from .money import EXACT

_logger = logging.getLogger(__package__)

_Key = tuple[int, int]


class Node(ref[Span]):
    """A span of this process, held weakly, and the nearest one above it that was live when this one started."""

    __slots__ = ("key", "parent", "total")

    key: _Key
    parent: Node | None
    total: _Total | None


class Rollup:
    """The totals of the spans that are alive.

    Args:
        provider: whose spans are listened to; ``None`` for the global one.
    """

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._provider = provider
        self._nodes: dict[_Key, Node] = {}
        self._lock = free_after_fork(Lock())
        self._stop: Callable[[], None] | None = None
        self._is_listening = False
        self._listen()

    def __len__(self) -> int:
        """How many spans are known."""
        return len(self._nodes)

    def started(self, span: Span, parent: SpanContext | None, context: Context | None) -> None:
        """A span has started.

        Args:
            span: the span.
            parent: its parent, in this process or another.
            context: the context that it was started in.
        """
        above = None
        if parent is not None and not parent.is_remote:
            above = self._nodes.get((parent.trace_id, parent.span_id)) or self._register_late(get_current_span(context))
        self._register(span, span.get_span_context(), above)

    def current(self, context: Context) -> Node | None:
        """The span that is current in a context, if there is one to roll up to."""
        if not self._is_listening:
            self._listen()
        span = get_current_span(context)
        identity = span.get_span_context()
        return self._nodes.get((identity.trace_id, identity.span_id)) or self._register_late(span)

    def add(
        self, node: Node, amount: Decimal | None, currency: str | None, identifier: str | None, awaited: bool
    ) -> bool:
        """Adds one operation to a span and to all live ones above it.

        Args:
            node: the span that was current at the call.
            amount: the cost, ``None`` if it has no full price.
            currency: ISO 4217 code of the amount.
            identifier: id of the response.
            awaited: whether the cost will be known when the response is seen finished.

        Returns:
            Whether one of the spans had ended before.
        """
        late = False
        above: Node | None = node
        with self._lock:
            while above is not None:
                span = above()
                if span is not None and span.is_recording():
                    total = above.total
                    if total is None:
                        total = above.total = _Total()
                    total.add(amount, currency, identifier, awaited)
                    total.write(span)
                else:
                    late = True
                above = above.parent
        return late

    def stop(self) -> None:
        """Listens to no span any more."""
        self._is_listening = True
        if self._stop is not None:
            self._stop()

    def _listen(self) -> None:
        provider = self._provider or get_tracer_provider()
        # The global provider may still be set; one of the application's own kind may not tell of its spans.
        self._is_listening = self._provider is not None or not isinstance(provider, ProxyTracerProvider)
        if hasattr(provider, "add_span_processor"):
            try:
                from ._ancestors import listen

                self._stop = listen(provider, self)
            except Exception as problem:
                _logger.warning("openai_cost: rollup reaches only the span that is current at a call: %r", problem)

    def _register_late(self, span: Span) -> Node | None:
        """Takes note of a span whose start was not told of: it came earlier, or it is one of our own."""
        parent: object = getattr(span, "parent", None)
        above = None
        if isinstance(parent, SpanContext) and not parent.is_remote:
            above = self._nodes.get((parent.trace_id, parent.span_id))
        if above is None and not span.is_recording():
            return None
        return self._register(span, span.get_span_context(), above)

    def _register(self, span: Span, identity: SpanContext, above: Node | None) -> Node:
        if above is not None:
            above = _remaining(above)
        node = Node(span, self._gone)
        node.key = key = (identity.trace_id, identity.span_id)
        node.parent, node.total = above, None
        # One that another thread has put there meanwhile stands.
        return self._nodes.setdefault(key, node)

    def _gone(self, node: Node) -> None:
        # Without the lock: this is called by the garbage collector.
        if self._nodes.get(node.key) is node:
            del self._nodes[node.key]


def _remaining(node: Node) -> Node | None:
    """A node, or the first above it whose span is still there; no chain grows by what is gone."""
    above = node.parent
    while above is not None and above() is None:
        above = node.parent = above.parent
    return above if node() is None else node


class _Total:
    """The sum on one span."""

    __slots__ = ("_amount", "_awaited", "_calls", "_currency", "_unpriced", "_written")

    def __init__(self) -> None:
        self._amount: Decimal | None = None
        self._currency: str | None = None
        self._calls = 0
        self._unpriced = 0
        self._awaited: set[str] | None = None
        self._written = (0, 0)

    def add(self, amount: Decimal | None, currency: str | None, identifier: str | None, awaited: bool) -> None:
        """Adds one operation."""
        if self._awaited and identifier in self._awaited:
            # The call that started it was counted as not billed yet.
            self._awaited.discard(identifier)
            self._unpriced -= 1
        else:
            self._calls += 1
        if amount is not None and currency == (self._currency or currency):
            self._amount = amount if self._amount is None else EXACT.add(self._amount, amount)
            self._currency = currency
        else:
            # Amounts of two currencies have no sum.
            self._unpriced += 1
            if awaited and identifier is not None:
                self._awaited = self._awaited or set()
                self._awaited.add(identifier)

    def write(self, span: Span) -> None:
        """Puts what has changed on the span. One by one: that is cheaper than a mapping of two."""
        calls, unpriced = self._written
        self._written = (self._calls, self._unpriced)
        if self._amount is not None:
            span.set_attribute(semconv.OWN_ROLLUP_AMOUNT, float(self._amount))
            if self._currency != "USD" and self._currency is not None:
                span.set_attribute(semconv.OWN_ROLLUP_CURRENCY, self._currency)
        if self._calls != calls:
            span.set_attribute(semconv.OWN_ROLLUP_CALLS, self._calls)
        if self._unpriced != unpriced:
            span.set_attribute(semconv.OWN_ROLLUP_UNPRICED, self._unpriced)
