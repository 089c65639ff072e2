# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Scope: a value that holds in a block of code, a function, or a generator, and in the tasks that are started there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Generic, ParamSpec, TypeVar, cast

from opentelemetry.context import Context, attach, get_current, set_value

_P = ParamSpec("_P")
_R = TypeVar("_R")
_T = TypeVar("_T")
_Asynchronous = Callable[_P, Coroutine[object, object, object]]
_Steps = Generator[object, object, object]
_AsynchronousSteps = AsyncGenerator[object, object]


class Held(Generic[_T]):
    """A value in force, as the OpenTelemetry context keeps it.

    Attributes:
        scope: what put it there.
        value: the value.
        outer: the context before, to be restored.
    """

    __slots__ = ("outer", "scope", "value")

    def __init__(self, scope: Scope[_T], value: _T, outer: Context) -> None:
        self.scope, self.value, self.outer = scope, value, outer


class Scope(ABC, Generic[_T]):
    """A context manager and decorator; one object may be entered again, by several tasks and threads at a time.

    It lives in the OpenTelemetry context, which tasks inherit and which instrumentations of threads carry. The context before is
    restored from the context itself: there is no token, so leaving in another context than that of the entry does nothing.

    Args:
        key: under which the context keeps the value.
    """

    def __init__(self, key: str) -> None:
        self._key = key

    @abstractmethod
    def _make(self) -> _T:
        """The value for one entry."""

    @abstractmethod
    def _finish(self, value: _T) -> None:
        """The block is left, or the function has returned."""

    def __enter__(self) -> _T:
        value = self._make()
        self._hold(value)
        return value

    def __exit__(self, *exc_info: object) -> None:
        held = cast("Held[_T] | None", get_current().get(self._key))
        if held is not None and held.scope is self:
            attach(held.outer)
            self._finish(held.value)

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Decorates a function, a coroutine function, or either kind of generator function: every call is an entry of its own."""
        if iscoroutinefunction(function):
            return cast("Callable[_P, _R]", self._around_coroutine(cast("_Asynchronous[_P]", function)))
        if isasyncgenfunction(function):
            return cast("Callable[_P, _R]", self._around_asynchronous_steps(function))
        if isgeneratorfunction(function):
            return cast("Callable[_P, _R]", self._around_steps(function))

        @wraps(function)
        def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            with self:
                return function(*args, **kwargs)

        return call

    def _around_coroutine(self, function: _Asynchronous[_P]) -> _Asynchronous[_P]:
        @wraps(function)
        async def call(*args: _P.args, **kwargs: _P.kwargs) -> object:
            with self:
                return await function(*args, **kwargs)

        return call

    # A generator leaves the scope whenever it yields: what its consumer does meanwhile is none of its own work.

    def _around_steps(self, function: Callable[_P, _Steps]) -> Callable[_P, _Steps]:
        @wraps(function)
        def call(*args: _P.args, **kwargs: _P.kwargs) -> _Steps:
            value = self._make()
            steps = function(*args, **kwargs)
            sent: object = None
            error: BaseException | None = None
            try:
                while True:
                    held = self._hold(value)
                    try:
                        item = steps.send(sent) if error is None else steps.throw(error)
                    except StopIteration as stop:
                        return cast(object, stop.value)
                    finally:
                        self._release(held)
                    sent, error = None, None
                    try:
                        sent = yield item
                    except BaseException as thrown:
                        error = thrown
            finally:
                # Not kept: an error refers to this frame by its traceback.
                error = None
                self._finish(value)

        return call

    def _around_asynchronous_steps(
        self, function: Callable[_P, _AsynchronousSteps]
    ) -> Callable[_P, _AsynchronousSteps]:
        @wraps(function)
        async def call(*args: _P.args, **kwargs: _P.kwargs) -> _AsynchronousSteps:
            value = self._make()
            steps = function(*args, **kwargs)
            sent: object = None
            error: BaseException | None = None
            try:
                while True:
                    held = self._hold(value)
                    try:
                        item = await (steps.asend(sent) if error is None else steps.athrow(error))
                    except StopAsyncIteration:
                        return
                    finally:
                        self._release(held)
                    sent, error = None, None
                    try:
                        sent = yield item
                    except BaseException as thrown:
                        error = thrown
            finally:
                # Not kept: an error refers to this frame by its traceback.
                error = None
                self._finish(value)

        return call

    def _hold(self, value: _T) -> Held[_T]:
        outer = get_current()
        held = Held(self, value, outer)
        attach(set_value(self._key, held, outer))
        return held

    def _release(self, held: Held[_T]) -> None:
        if get_current().get(self._key) is held:
            attach(held.outer)
