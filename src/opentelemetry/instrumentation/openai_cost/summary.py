# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Summary: what this process's calls cost, added up as they end and printed on standard error when it exits."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from threading import Lock
from typing import TextIO

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai

from . import fork
from .endpoints import Response
from .fork import free_after_fork
from .money import EXACT
from .outcome import Outcome, ProviderCost
from .pricing import Quote, Unpriced
from .spend import Call, Parts, Tokens, Totals
from .spend.call import UNKNOWN_MODEL
from .spend.table import render


class Summary:
    """The totals of one process. A forked process begins with none, so that no call is printed by two."""

    def __init__(self) -> None:
        self._totals, self._process = Totals(), fork.process
        self._lock = free_after_fork(Lock())
        atexit.register(self.end)

    def add(self, outcome: Outcome, attributes: Mapping[str, object], response: Response, error: str | None) -> None:
        """Adds what one operation cost, or why that is not known.

        Args:
            outcome: the cost, or the reason.
            attributes: those of the operation's metrics.
            response: what the response said.
            error: type of the error that the call ended in.
        """
        call = _call(outcome, attributes, response, error)
        with self._lock:
            if self._process != fork.process:
                self._totals, self._process = Totals(), fork.process
            self._totals.add(call)

    def end(self) -> None:
        """Prints the table, if there was any call; nothing is printed after that. Never raises."""
        atexit.unregister(self.end)
        # At the exit there may be no standard error any more, or nobody who reads it.
        with suppress(Exception):
            if self._process == fork.process:
                with self._lock:
                    totals, self._totals = self._totals, Totals()
                stream: TextIO | None = sys.stderr
                if totals.calls and stream is not None and _leads_somewhere(stream):
                    stream.write(f"\n{render(totals)}\n")
                    stream.flush()


def _leads_somewhere(stream: TextIO) -> bool:
    """Whether the stream's descriptor is open: text that stays in its buffer would make the process exit with status 120."""
    try:
        descriptor = stream.fileno()
    except (AttributeError, OSError, ValueError):
        return True
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _call(outcome: Outcome, attributes: Mapping[str, object], response: Response, error: str | None) -> Call:
    quote = outcome if isinstance(outcome, Quote) else None
    partial = outcome.partial if isinstance(outcome, Unpriced) else None
    priced = quote or partial
    model = attributes.get(gen_ai.GEN_AI_RESPONSE_MODEL) or attributes.get(gen_ai.GEN_AI_REQUEST_MODEL)
    if priced is not None:
        model, tier = model or priced.card.model, priced.card.tier
        tier = None if tier == "standard" else tier
    else:
        tier = None if response.service_tier == "default" else response.service_tier
    return Call(
        model=str(model or UNKNOWN_MODEL),
        tier=tier,
        tokens=_tokens(response),
        amount=None if isinstance(outcome, Unpriced) else outcome.amount,
        currency=outcome.currency if not isinstance(outcome, Unpriced) else partial.currency if partial else "USD",
        parts=_parts(outcome),
        lower_bound=None if partial is None else partial.amount,
        reason=outcome.reason if isinstance(outcome, Unpriced) else None,
        error=error,
        price_list=f"{quote.card.source} {quote.card.version}" if quote else _reported(outcome),
    )


def _reported(outcome: Outcome) -> str | None:
    return "provider" if isinstance(outcome, ProviderCost) else None


def _parts(outcome: Outcome) -> Parts | None:
    if isinstance(outcome, ProviderCost):
        return Parts(other=outcome.amount)
    if isinstance(outcome, Unpriced):
        return None
    parts = outcome.breakdown()
    cache = EXACT.add(parts.cache_read, parts.cache_write)
    return Parts(
        input=EXACT.subtract(parts.input, cache),
        cache=cache,
        output=EXACT.subtract(parts.output, parts.reasoning),
        reasoning=parts.reasoning,
        tools=parts.tool,
        other=parts.other,
    )


def _tokens(response: Response) -> Tokens | None:
    """The counts as far as they can be true: what is impossible is unpriced, and in no sum."""
    counts = None if response.usage is None else response.usage.tokens
    if counts is None or (counts.input is None and counts.output is None):
        return None
    reported = (counts.input, counts.cache_read, counts.cache_write, counts.output, counts.reasoning)
    return Tokens(*(count if isinstance(count, int) and count > 0 else 0 for count in reported))
