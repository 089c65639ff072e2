# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Hook: hands every CostEvent to a function of the application's, which can never break the call."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from inspect import isawaitable, iscoroutine, iscoroutinefunction
from typing import TYPE_CHECKING

from opentelemetry.context import Context, attach, create_key, detach, set_value

from .event import CostEvent

if TYPE_CHECKING:
    from asyncio import Future

CostHook = Callable[[CostEvent], object]
"""A plain function, which runs at once, or a coroutine function, which is scheduled on the running asyncio loop."""

_logger = logging.getLogger(__package__)
_INSIDE = create_key("openai_cost-hook")


class Hook:
    """Calls the application's function after each operation, in the operation's context.

    Operations that the function itself causes are recorded like any others, but it does not hear of them: it would never end.

    Args:
        function: what is called.
    """

    def __init__(self, function: CostHook) -> None:
        self._function = function
        self._is_asynchronous = iscoroutinefunction(function) or iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004  # not whether it is callable, but how
        )
        self._tasks: set[Future[object]] = set()
        self._failures: set[str] = set()

    def call(self, event: CostEvent, context: Context) -> None:
        """Hands over one event. Raises nothing but ``KeyboardInterrupt``."""
        if context.get(_INSIDE):
            return
        token = attach(set_value(_INSIDE, True, context))
        try:
            if self._is_asynchronous and not _is_loop_running():
                self._report_no_loop()
                return
            result = self._function(event)
            if isawaitable(result):
                self._schedule(result)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._report(error)
        finally:
            detach(token)

    def _schedule(self, work: Awaitable[object]) -> None:
        from asyncio import ensure_future

        if not _is_loop_running():
            if iscoroutine(work):
                work.close()
            self._report_no_loop()
            return
        task = ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: Future[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            error = task.exception()
            if error is not None:
                self._report(error)

    def _report_no_loop(self) -> None:
        if "no loop" not in self._failures:
            self._failures.add("no loop")
            _logger.error(
                "openai_cost: cost_hook=%r is a coroutine function, and there is no running asyncio loop where a call ended; "
                "it is not called there: use a plain function for synchronous calls",
                self._function,
            )

    def _report(self, error: BaseException) -> None:
        cause = f"{type(error).__module__}.{type(error).__qualname__}"
        first = cause not in self._failures
        self._failures.add(cause)
        _logger.log(
            logging.ERROR if first else logging.DEBUG,
            "openai_cost: cost_hook raised (the call itself is not affected; further errors of this kind are logged at debug)",
            exc_info=(type(error), error, error.__traceback__),
        )


def _is_loop_running() -> bool:
    from asyncio import get_running_loop

    try:
        get_running_loop()
    except RuntimeError:
        return False
    return True
