# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The choke points of the OpenAI client, 1.x to 3.x: where a call begins, and where its HTTP response is at hand.

The only room that knows openai's internals: ``openai._base_client.SyncAPIClient`` and ``AsyncAPIClient``, their methods ``request``
(once a logical call, around all retries) and ``_process_response`` (once a successful call), and the request options.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from inspect import isawaitable
from threading import Lock
from typing import Protocol, cast
from urllib.parse import urlsplit

import wrapt
from opentelemetry.context import get_current
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from . import endpoints
from ._body import HttpResponse
from ._in_flight import InFlight
from ._stream_usage import StreamUsage
from ._websocket import SocketPatch
from ._wrapping import Method, Wrapper, as_ours, binder, holds_ours, is_ours
from .endpoints._fields import NOTHING, Fields
from .fork import free_after_fork
from .operation import PATIENCE, Operation
from .provider import Server, server
from .recorder import Recorder

Args = tuple[object, ...]
Kwargs = Mapping[str, object]
_MAX_SERVERS = 512


class _Url(Protocol):
    scheme: str
    host: str
    port: int | None


class _Options(Protocol):
    method: str
    url: str
    json_data: Mapping[str, object] | str | None
    params: Mapping[str, object] | None
    extra_json: Mapping[str, object] | None


class ClientPatch:
    """Our wrappers around the client's two methods, sync and async.

    Wrappers can outlive ``remove()``: the SDK caches bound methods, and another library may have wrapped ours. They then pass
    every call straight on.

    Args:
        recorder: gives the recorder in force, ``None`` while not instrumented.
    """

    def __init__(self, recorder: Callable[[], Recorder | None]) -> None:
        self._recorder = recorder
        self._in_flight = InFlight()
        self._servers: dict[tuple[int, type], tuple[object, Server]] = {}
        self._stream_usage = StreamUsage()
        self._sockets = SocketPatch(recorder)
        self._patience = PATIENCE if _closes_streams() else 0
        self._restores: list[Callable[[], None]] = []
        self._lock = free_after_fork(Lock())

    def install(self) -> None:
        """Wraps the methods of the loaded SDK. Does nothing where they are wrapped already."""
        module = sys.modules.get("openai._base_client")
        if module is None:
            return
        with self._lock:
            for name, request, process in (
                ("SyncAPIClient", self._request, self._process_response),
                ("AsyncAPIClient", self._request_async, self._process_response_async),
            ):
                client = cast("type | None", getattr(module, name, None))
                if client is not None and hasattr(client, "request"):
                    self._wrap(client, "request", request)
                    self._wrap(client, "_process_response", process)
                    self._reach_subclasses(client, request)
        self._sockets.install()

    def remove(self) -> None:
        """Puts the very functions back that were there, unless somebody else has wrapped ours since."""
        with self._lock:
            for restore in reversed(self._restores):
                restore()
            self._restores.clear()
        self._stream_usage.forget()
        self._sockets.remove()

    def _wrap(self, client: type, name: str, around: Callable[[Method], Method]) -> None:
        if holds_ours(client.__dict__.get(name)):
            return
        # An inherited method (openai < 1.8) is shadowed, not replaced: taking our attribute away restores it.
        original = client.__dict__.get(name)
        wrapped: Method = original if original is not None else getattr(client, name)
        ours = as_ours(around(wrapped), wrapped)
        setattr(client, name, ours)

        def restore() -> None:
            if client.__dict__.get(name) is ours:
                if original is None:
                    delattr(client, name)
                else:
                    setattr(client, name, original)

        self._restores.append(restore)

    def _reach_subclasses(self, client: type, around: Callable[[Method], Method]) -> None:
        """Gets beneath wrappers that others put, or left, on the concrete clients before ours came.

        They hold the original function, and calls through them would pass us by.
        """
        base = client.__dict__["request"]
        for subclass in _subclasses(client):
            attribute = subclass.__dict__.get("request")
            if attribute is None or is_ours(attribute):
                continue
            if attribute is base.__wrapped__:
                self._wrap(subclass, "request", around)
            elif (holder := _holder(attribute, base.__wrapped__)) is not None:
                self._insert(holder, base)

    def _insert(self, holder: Wrapper, base: object) -> None:
        original = holder.__wrapped__
        holder.__wrapped__ = base

        def restore() -> None:
            if holder.__wrapped__ is base:
                holder.__wrapped__ = original

        self._restores.append(restore)

    def _request(self, original: Method) -> Method:
        """The client's ``request``, observed."""
        bind, in_flight = binder(original), self._in_flight

        def request(client: object, /, *args: object, **kwargs: object) -> object:
            wrapped = bind(client, type(client))
            operation = self._begin(client, args, kwargs)
            if operation is None and in_flight.get() is None:
                return wrapped(*args, **kwargs)
            changed = None
            if operation is not None and operation.request.stream:
                changed = self._stream_usage.ask(operation, client, args, kwargs)
            entered = in_flight.enter(operation)
            try:
                result = wrapped(*args, **kwargs) if changed is None else changed.send(wrapped)
            except BaseException as error:
                if operation is not None:
                    operation.raised(error)
                raise
            finally:
                in_flight.leave(entered)
            if operation is not None:
                operation.returned(result)
            return result

        return request

    def _request_async(self, original: Method) -> Method:
        """The asynchronous client's ``request``, observed."""
        bind, in_flight = binder(cast("Callable[..., Awaitable[object]]", original)), self._in_flight

        async def request(client: object, /, *args: object, **kwargs: object) -> object:
            wrapped = bind(client, type(client))
            operation = self._begin(client, args, kwargs)
            if operation is None and in_flight.get() is None:
                return await wrapped(*args, **kwargs)
            changed = None
            if operation is not None and operation.request.stream:
                changed = self._stream_usage.ask(operation, client, args, kwargs)
            entered = in_flight.enter(operation)
            try:
                result = await (wrapped(*args, **kwargs) if changed is None else changed.send_async(wrapped))
            except BaseException as error:
                if operation is not None:
                    operation.raised(error)
                raise
            finally:
                in_flight.leave(entered)
            if operation is not None:
                operation.returned(result)
            return result

        return request

    def _process_response(self, original: Method) -> Method:
        """The client's ``_process_response``, observed."""
        bind = binder(original)

        def process_response(client: object, /, *args: object, **kwargs: object) -> object:
            wrapped = bind(client, type(client))
            late = self._received(client, kwargs, is_async=False)
            if late is None:
                return wrapped(*args, **kwargs)
            try:
                result = wrapped(*args, **kwargs)
            except BaseException as error:
                late.raised(error)
                raise
            late.returned(result)
            return result

        return process_response

    def _process_response_async(self, original: Method) -> Method:
        """The asynchronous client's ``_process_response``, observed."""
        bind = binder(original)

        def process_response(client: object, /, *args: object, **kwargs: object) -> object:
            # Not a coroutine function: the method is one only since openai 1.8, and what it returns goes back as it is.
            wrapped = bind(client, type(client))
            late = self._received(client, kwargs, is_async=True)
            result = wrapped(*args, **kwargs)
            if late is None:
                return result
            if isawaitable(result):
                return self._await_late(result, late)
            late.returned(result)
            return result

        return process_response

    async def _await_late(self, result: Awaitable[object], late: Operation) -> object:
        try:
            made = await result
        except BaseException as error:
            late.raised(error)
            raise
        late.returned(made)
        return made

    def _received(self, instance: object, kwargs: Kwargs, *, is_async: bool) -> Operation | None:
        """Hands the HTTP response to the operation in flight.

        Returns:
            An operation begun only now, where the call came past ``request``: through a wrapper of somebody else that holds
            the original, or a subclass of the user's.
        """
        operation = self._in_flight.get()
        late = None
        try:
            if operation is None:
                operation = late = self._begin(instance, (None, kwargs["options"]), {})
                if operation is None:
                    return None
                self.install()
            response = cast(HttpResponse, kwargs["response"])
            operation.received(response, kwargs.get("stream") is True, is_async, self._patience)
        except Exception as error:
            if operation is not None:
                operation.failed_inside(error)
        return late

    def _begin(self, instance: object, args: Args, kwargs: Kwargs) -> Operation | None:
        """Starts an operation, or says that the call is none of ours."""
        recorder = self._recorder()
        if recorder is None:
            return None
        try:
            options = cast(_Options, args[1] if len(args) > 1 else kwargs["options"])
            endpoint = endpoints.find(options.method, options.url)
            if endpoint is None:
                return None
            context = get_current()
            # An empty context suppresses nothing.
            if recorder.is_unheard(context) or (context and not is_instrumentation_enabled()):
                return None
            body = _body(options) if endpoint.billing == "now" else _parameters(options)
            return recorder.begin(endpoint, self._server(instance, options.url), endpoint.read_request(body), context)
        except Exception as error:
            recorder.failed_inside(error)
            return None

    def _server(self, instance: object, url: str) -> Server:
        if "://" in url:
            parts = urlsplit(url)
            return server(parts.scheme, parts.hostname or "", parts.port)
        base: _Url = getattr(instance, "base_url")  # noqa: B009  # the class is only known at run time
        key = (id(base), type(instance))
        known = self._servers.get(key)
        if known is None:
            is_azure = any(kind.__module__ == "openai.lib.azure" for kind in type(instance).__mro__)
            # The URL is kept with what is known of it, so that its id stays its own.
            known = base, server(base.scheme, base.host, base.port, is_azure)
            if len(self._servers) >= _MAX_SERVERS:
                self._servers.clear()
            self._servers[key] = known
        return known[1]


def _closes_streams() -> bool:
    """Whether the client closes a stream that tells of an error or has come to its mark of the end, which it does since 2.9.

    One that leaves it open lets its operation end only if that event is looked at as it passes.
    """
    stream = getattr(sys.modules.get("openai._streaming"), "Stream", None)
    code = getattr(getattr(stream, "__stream__", None), "__code__", None)
    return "close" in getattr(code, "co_names", ())


def _subclasses(client: type) -> Iterator[type]:
    for subclass in client.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def _holder(attribute: object, original: object) -> Wrapper | None:
    """The wrapper in a chain of wrapt's that holds the original function, if none of ours is in the chain already."""
    while isinstance(attribute, wrapt.FunctionWrapper):
        wrapper = cast(Wrapper, attribute)
        if is_ours(wrapper):
            return None
        if wrapper.__wrapped__ is original:
            return wrapper
        attribute = wrapper.__wrapped__
    return None


def _body(options: _Options) -> Fields:
    """The JSON body as it goes out: the caller's ``extra_body`` wins over the method's own arguments."""
    body, extra = options.json_data, options.extra_json
    if not isinstance(body, (dict, Mapping)):
        body = NOTHING
    return {**body, **extra} if extra else body


def _parameters(options: _Options) -> Fields:
    """Body, query and the id in the path together, for endpoints that start or fetch a job."""
    query = options.params if isinstance(options.params, Mapping) else NOTHING
    return {**query, **_body(options), "id": endpoints.identifier(options.method, options.url)}
