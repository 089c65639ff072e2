# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The choke point of the OpenAI client 0.28: one function and its asynchronous twin.

The only room that knows ``openai.api_requestor.APIRequestor``. Every call of every resource passes through its ``request`` or
``arequest``, which return ``(OpenAIResponse, False, key)``, or ``(generator of OpenAIResponse, True, key)`` for a stream, the JSON
parsed already.
"""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from threading import Lock
from typing import Protocol, cast
from urllib.parse import unquote_plus, urlsplit

from opentelemetry.context import get_current
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from . import endpoints
from ._in_flight import InFlight
from ._wrapping import OurWrapper, holds_ours
from .endpoints._fields import NOTHING, Fields, items
from .fork import free_after_fork
from .operation import Operation
from .provider import Server, server
from .recorder import Recorder

Args = tuple[object, ...]
Kwargs = Mapping[str, object]
_PARAMETERS = ("method", "url", "params", "headers", "files")
_OF_ONE_MODEL = re.compile(r"/(?:openai/deployments|engines)/([^/]+)(/[^?]+)")
"""Azure and the API of 2021 name the deployment or the engine in the path."""


class _Requestor(Protocol):
    api_base: str
    api_type: object


class _Response(Protocol):
    data: object
    _headers: Mapping[str, str]


class LegacyPatch:
    """Our wrappers around the requestor's two methods.

    Args:
        recorder: gives the recorder in force, ``None`` while not instrumented.
    """

    def __init__(self, recorder: Callable[[], Recorder | None]) -> None:
        self._recorder = recorder
        self._in_flight = InFlight()
        self._restores: list[Callable[[], None]] = []
        self._lock = free_after_fork(Lock())

    def install(self) -> None:
        """Wraps the methods of the loaded SDK. Does nothing where they are wrapped already."""
        requestor = cast("type | None", getattr(sys.modules.get("openai.api_requestor"), "APIRequestor", None))
        if requestor is not None:
            with self._lock:
                self._wrap(requestor, "request", self._request)
                self._wrap(requestor, "arequest", self._request_async)

    def remove(self) -> None:
        """Puts the very functions back that were there, unless somebody else has wrapped ours since."""
        with self._lock:
            for restore in reversed(self._restores):
                restore()
            self._restores.clear()

    def _wrap(self, requestor: type, name: str, wrapper: Callable[..., object]) -> None:
        original = requestor.__dict__[name]
        if holds_ours(original):
            return
        ours = OurWrapper(original, wrapper)
        setattr(requestor, name, ours)

        def restore() -> None:
            if requestor.__dict__.get(name) is ours:
                setattr(requestor, name, original)

        self._restores.append(restore)

    def _request(self, wrapped: Callable[..., object], instance: object, args: Args, kwargs: Kwargs) -> object:
        operation = self._begin(instance, args, kwargs)
        if operation is None:
            return wrapped(*args, **kwargs)
        entered = self._in_flight.enter(operation)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            operation.raised(error)
            raise
        finally:
            self._in_flight.leave(entered)
        return _observed(operation, result)

    async def _request_async(
        self, wrapped: Callable[..., Awaitable[object]], instance: object, args: Args, kwargs: Kwargs
    ) -> object:
        operation = self._begin(instance, args, kwargs)
        if operation is None:
            return await wrapped(*args, **kwargs)
        entered = self._in_flight.enter(operation)
        try:
            result = await wrapped(*args, **kwargs)
        except BaseException as error:
            operation.raised(error)
            raise
        finally:
            self._in_flight.leave(entered)
        return _observed(operation, result)

    def _begin(self, requestor: object, args: Args, kwargs: Kwargs) -> Operation | None:
        """Starts an operation, or says that the call is none of ours."""
        recorder = self._recorder()
        if recorder is None:
            return None
        try:
            given = {**dict(zip(_PARAMETERS, args, strict=False)), **kwargs}
            method, url = cast(str, given["method"]), cast(str, given["url"])
            of_one_model = _OF_ONE_MODEL.match(url)
            path = url if of_one_model is None else of_one_model[2]
            endpoint = endpoints.find(method, path)
            context = get_current()
            if endpoint is None or recorder.is_unheard(context) or not is_instrumentation_enabled():
                return None
            body = {**_body(given), "id": endpoints.identifier(method, path)}
            if of_one_model is not None:
                body.setdefault("model", unquote_plus(of_one_model[1]))
            return recorder.begin(endpoint, _server(cast(_Requestor, requestor)), endpoint.read_request(body), context)
        except Exception as error:
            recorder.failed_inside(error)
            return None


def _body(given: Kwargs) -> Fields:
    """The parameters of a request, which go out as JSON, as a query or as fields of a form."""
    params = given.get("params")
    if isinstance(params, Mapping):
        return cast(Fields, params)
    # Pictures are sent as a form whose fields are a list of (name, (no file name, value)).
    form: dict[str, object] = {}
    for part in items(given.get("files")):
        name, (filename, value, *_) = cast("tuple[str, tuple[object, object]]", part)
        if filename is None:
            form[name] = value
    return form or NOTHING


def _server(requestor: _Requestor) -> Server:
    base = urlsplit(requestor.api_base)
    is_azure = getattr(requestor.api_type, "name", "").startswith("AZURE")
    return server(base.scheme, base.hostname or "", base.port, is_azure)


def _observed(operation: Operation, result: object) -> object:
    """What the client returns; a stream with our look at its events."""
    try:
        answer, is_stream, key = cast("tuple[object, bool, object]", result)
        if not is_stream:
            response = cast(_Response, answer)
            operation.answered(response.data, _headers(response))
            return result
        operation.opened()
        if isinstance(answer, AsyncGenerator):
            return _AsyncEvents(cast("AsyncGenerator[object, object]", answer), operation), is_stream, key
        return _Events(cast("Generator[object, object, object]", answer), operation), is_stream, key
    except Exception as error:
        operation.failed_inside(error)
        operation.abandon()
        return result


def _headers(response: _Response) -> Mapping[str, str]:
    return response._headers  # pyright: ignore[reportPrivateUsage]  # they have no public name


class _Events(Generator[object, object, object]):
    """The client's stream, with a look at each event that passes."""

    def __init__(self, events: Generator[object, object, object], operation: Operation) -> None:
        self._events, self._operation = events, operation

    def send(self, value: object) -> object:
        return self._pass(self._events.send, value)

    def throw(self, *thrown: object) -> object:
        return self._pass(self._events.throw, *thrown)

    def _pass(self, step: Callable[..., object], *values: object) -> object:
        try:
            response = step(*values)
        except BaseException as error:
            _end(self._operation, error)
            raise
        _look(self._operation, response)
        return response

    def __del__(self) -> None:
        self._operation.abandon()


class _AsyncEvents(AsyncGenerator[object, object]):
    """The same of an asynchronous stream."""

    def __init__(self, events: AsyncGenerator[object, object], operation: Operation) -> None:
        self._events, self._operation = events, operation

    async def asend(self, value: object) -> object:
        return await self._pass(self._events.asend, value)

    async def athrow(self, *thrown: object) -> object:
        return await self._pass(self._events.athrow, *thrown)

    async def _pass(self, step: Callable[..., Awaitable[object]], *values: object) -> object:
        try:
            response = await step(*values)
        except BaseException as error:
            _end(self._operation, error)
            raise
        _look(self._operation, response)
        return response

    def __del__(self) -> None:
        self._operation.abandon()


def _end(operation: Operation, raised: BaseException) -> None:
    """Ends the operation of a stream whose last step raised this."""
    if isinstance(raised, (StopIteration, StopAsyncIteration)):
        operation.finish()
    elif isinstance(raised, GeneratorExit):
        operation.abandon()
    else:
        operation.fail(raised)


def _look(operation: Operation, response: object) -> None:
    try:
        event = cast(_Response, response)
        operation.event(event.data, _headers(event))
    except Exception as error:
        operation.failed_inside(error)
