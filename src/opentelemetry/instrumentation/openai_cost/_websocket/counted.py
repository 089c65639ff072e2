# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Counted: ids of what was counted on any connection, so that nothing is counted twice."""

from __future__ import annotations

from threading import Lock

from ..fork import free_after_fork
from .meter import Meter

_MAX_IDS = 10_000
"""Ids remembered of what was counted, and of live sessions."""


class Counted:
    """What was counted on any connection: responses and sessions may be seen on more than one, and are billed once."""

    def __init__(self) -> None:
        self._lock = free_after_fork(Lock())
        self._ids: dict[str, None] = {}
        self._meters: dict[str, Meter] = {}

    def claim(self, key: str) -> bool:
        """Whether something has still to be counted; whoever is told so counts it. What has no id is never known."""
        if not key:
            return True
        with self._lock:
            if key in self._ids:
                return False
            self._ids[key] = None
            if len(self._ids) > _MAX_IDS:
                del self._ids[next(iter(self._ids))]
            return True

    def release(self, key: str) -> None:
        """Lets somebody else count it."""
        # Without the lock, since a garbage collection may come here from inside of it.
        self._ids.pop(key, None)

    def meter(self, identifier: str | None) -> Meter:
        """The meter of a live session, one for all its connections."""
        if identifier is None:
            return Meter()
        with self._lock:
            meter = self._meters.get(identifier)
            if meter is None:
                meter = self._meters[identifier] = Meter()
                if len(self._meters) > _MAX_IDS:
                    del self._meters[next(iter(self._meters))]
            return meter
