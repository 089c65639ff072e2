# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Fork: what a forked process does not take over. It is a copy of its parent, but for the threads that held our locks."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar, cast
from weakref import WeakSet

_L = TypeVar("_L")

process: int = 0
"""Which process this is, in the line of those that were forked from one another. What begins in one is counted by that one."""

_locks: WeakSet[object] = WeakSet()


def free_after_fork(lock: _L) -> _L:
    """The lock, which in a forked process is held by nobody, whatever the threads of its parent were doing.

    Not for locks that are only ever tried: nobody waits for those.
    """
    # A lock that somebody has put in the standard one's place may take no weak reference, and is as it is.
    with suppress(TypeError):
        _locks.add(lock)
    return lock


def _born() -> None:
    global process
    process += 1
    for lock in _locks:
        # As the standard library frees its own; a lock that is merely released may be in the midst of being taken.
        free = cast("Callable[[], None] | None", getattr(lock, "_at_fork_reinit", None))
        if free is not None:
            free()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_born)
