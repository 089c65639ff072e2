# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""InFlight: which operation is in flight in this context, and its span the current one meanwhile."""

from __future__ import annotations

from contextvars import ContextVar, Token

from opentelemetry.context import Context, attach, detach

from .operation import Operation

Entered = tuple[Token["Operation | None"], "Token[Context] | None"]


class InFlight:
    """The operation between a door's two sides, by context: each thread and task has its own."""

    __slots__ = ("_operation", "get")

    def __init__(self) -> None:
        self._operation: ContextVar[Operation | None] = ContextVar("openai_cost_operation", default=None)
        self.get = self._operation.get

    def enter(self, operation: Operation | None) -> Entered:
        """Makes the operation the one in flight, and its span the current one.

        A call that is not observed, made inside one that is, must not be mistaken for it: it enters as ``None``.
        """
        linked = self._operation.set(operation)
        return linked, None if operation is None or operation.span is None else attach(operation.context)

    def leave(self, entered: Entered) -> None:
        """Takes back what ``enter`` did."""
        linked, attached = entered
        try:
            self._operation.reset(linked)
        except ValueError:
            # A coroutine closed from another context than it ran in: what it attached is gone with that context.
            return
        if attached is not None:
            detach(attached)
