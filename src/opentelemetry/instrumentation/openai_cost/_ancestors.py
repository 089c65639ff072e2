# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Tells the roll-up of every span that starts, by a span processor of the SDK; only imported where there is an SDK."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Protocol, cast
from weakref import WeakKeyDictionary

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor
from opentelemetry.trace import TracerProvider

from .fork import free_after_fork
from .rollup import Rollup


class _Provider(Protocol):
    def add_span_processor(self, span_processor: SpanProcessor) -> None: ...


class AncestorProcessor(SpanProcessor):
    """Passes starting spans on. A processor cannot be taken off a provider: it does nothing while there is no roll-up."""

    rollup: Rollup | None = None

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Takes note of a span; never raises. Our own have hardly ever anything below them: that is seen to when it comes."""
        rollup = self.rollup
        if rollup is None:
            return
        try:
            scope = span.instrumentation_scope
            if scope is None or scope.name != __package__:
                rollup.started(span, span.parent, parent_context)
        except Exception:
            # A span that cannot be referred to weakly has no total.
            return


_PROCESSORS: WeakKeyDictionary[TracerProvider, AncestorProcessor] = WeakKeyDictionary()
_LOCK = free_after_fork(Lock())


def listen(provider: TracerProvider, rollup: Rollup) -> Callable[[], None]:
    """Has a provider's spans told to the roll-up; its processor is added once and used again.

    Returns:
        What ends that.
    """
    with _LOCK:
        processor = _PROCESSORS.get(provider)
        if processor is None:
            processor = AncestorProcessor()
            cast(_Provider, provider).add_span_processor(processor)
            _PROCESSORS[provider] = processor
        processor.rollup = rollup

    def stop() -> None:
        if processor.rollup is rollup:
            processor.rollup = None

    return stop
