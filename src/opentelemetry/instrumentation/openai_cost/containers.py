# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Containers: those whose least is counted, so that it is counted once, however many responses work in them."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock

from .fork import free_after_fork
from .usage import Fee, Usage

_MAX_IDS = 10_000
"""Ids remembered; the oldest are forgotten first. A container lives for minutes: 20 after its last use by default."""


class Containers:
    """Ids of the containers that were made or used here. An expired one is never used again (OpenAI guide, "Code interpreter")."""

    def __init__(self) -> None:
        self._lock = free_after_fork(Lock())
        self._ids: dict[str, None] = {}

    def billed(self, usage: Usage, *, made: bool) -> Usage:
        """The usage without the least of those that were met before: how much longer they worked is not known.

        Args:
            usage: of an operation that worked in containers, or made one.
            made: whether it made them: such a one is new, whatever is remembered.
        """
        if not any(fee.container for fee in usage.fees):
            return usage
        return usage._replace(fees=tuple([self._met(fee, made) for fee in usage.fees]))

    def _met(self, fee: Fee, made: bool) -> Fee:
        container = fee.container
        if container is None:
            return fee
        with self._lock:
            if container in self._ids:
                return fee if made else replace(fee, quantity=0)
            self._ids[container] = None
            if len(self._ids) > _MAX_IDS:
                del self._ids[next(iter(self._ids))]
            return fee
