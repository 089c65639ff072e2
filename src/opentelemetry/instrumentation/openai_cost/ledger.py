# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Ledger: what was started here and is billed when finished, so that it is counted once, however often it is read."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

from . import fork
from .account import Account
from .endpoints import Request
from .fork import free_after_fork

_MAX_IDS = 10_000
"""Ids remembered of each kind; the oldest are forgotten first."""


@dataclass(frozen=True, slots=True)
class Started:
    """What the starting call knew and the fetching call will not say.

    Attributes:
        operation: value of ``gen_ai.operation.name`` under which the cost is counted.
        endpoint: the price book's name of the endpoint.
        request: what the starting request said.
        account: whose money it is.
        process: where it was started.
    """

    operation: str
    endpoint: str
    request: Request
    account: Account | None = None
    process: int = field(default_factory=lambda: fork.process)


class Ledger:
    """Ids of background responses, batches, videos and runs: those in progress, and those that have been counted."""

    def __init__(self) -> None:
        self._lock = free_after_fork(Lock())
        self._started: OrderedDict[str, Started] = OrderedDict()
        self._counted: OrderedDict[str, None] = OrderedDict()

    def start(self, identifier: str, started: Started) -> bool:
        """Remembers something that will be billed when it is finished; says whether it was unknown until now."""
        with self._lock:
            if identifier in self._counted or identifier in self._started:
                return False
            self._started[identifier] = started
            _trim(self._started)
            return True

    def count(self, identifier: str) -> bool:
        """Marks something as counted, whose usage came with the call that started it; says whether it was not yet."""
        with self._lock:
            if identifier in self._counted:
                return False
            self._started.pop(identifier, None)
            self._counted[identifier] = None
            _trim(self._counted)
            return True

    def settle(self, identifier: str, foreign: Started | None) -> Started | None:
        """Says whether something that is now seen finished has still to be counted, and marks it as counted.

        Args:
            identifier: its id.
            foreign: what to assume of it if another process started it; ``None`` leaves that to the other process.
        """
        with self._lock:
            if identifier in self._counted:
                return None
            started = self._started.pop(identifier, None)
            if started is None or started.process != fork.process:
                started = foreign
            if started is not None:
                self._counted[identifier] = None
                _trim(self._counted)
            return started


def _trim(ids: OrderedDict[str, Started] | OrderedDict[str, None]) -> None:
    while len(ids) > _MAX_IDS:
        ids.popitem(last=False)
