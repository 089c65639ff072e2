# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The request: changed so that it asks for usage, unless the host refuses such requests."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from threading import RLock
from typing import TYPE_CHECKING, Protocol, cast

from ..endpoints._fields import NOTHING, Fields
from ..fork import free_after_fork

if TYPE_CHECKING:
    from ..operation import Operation

_Args = tuple[object, ...]
_Kwargs = Mapping[str, object]
_Host = tuple[str, int]

_MAX_HOSTS = 256
_REFUSALS = frozenset({400, 422})
"""Status codes with which a server says that it does not understand a request."""
_IDENTITY = {"Accept-Encoding": "identity"}


class StreamUsage:
    """Changes requests so that they ask for usage, and remembers the hosts that refuse such requests.

    Remembers the 256 hosts last met, at most.
    """

    def __init__(self) -> None:
        self._refusing: OrderedDict[_Host, None] = OrderedDict()
        # Garbage collection may end a stream in here, and whoever is told of its cost may make another call.
        self._lock = free_after_fork(RLock())

    def ask(self, operation: Operation, client: object, args: _Args, kwargs: _Kwargs) -> ChangedRequest | None:
        """The request of a stream as it goes out instead of the caller's.

        Args:
            operation: the call.
            client: the SDK's client that makes it.
            args: positional arguments of the client's ``request``.
            kwargs: its keyword arguments.

        Returns:
            ``None`` if the request goes out as it is: no stream, the caller decided, the host refuses, or it is not wanted.
        """
        if kwargs.get("stream") is not True or not operation.may_ask_for_usage:
            return None
        host = operation.server.address, operation.server.port
        try:
            if self._refuses(host):
                return None
            options = cast("_Options", args[1] if len(args) > 1 else kwargs["options"])
            asking = _asking(options, client)
            if asking is None:
                return None
        except Exception as error:
            operation.failed_inside(error)
            return None
        operation.hides_usage = True
        return ChangedRequest(operation, asking, args, kwargs, lambda: self._remember(host))

    def forget(self) -> None:
        """Forgets which hosts refuse."""
        with self._lock:
            self._refusing.clear()

    def _refuses(self, host: _Host) -> bool:
        with self._lock:
            if host not in self._refusing:
                return False
            self._refusing.move_to_end(host)
            return True

    def _remember(self, host: _Host) -> None:
        with self._lock:
            self._refusing[host] = None
            if len(self._refusing) > _MAX_HOSTS:
                self._refusing.popitem(last=False)


class ChangedRequest:
    """A request that asks for usage although its caller did not; sent as the caller made it where it is refused.

    Args:
        operation: the call.
        asking: the changed request options.
        args: positional arguments of the client's ``request``, as the caller made them.
        kwargs: its keyword arguments.
        remember: called when it turned out that the host takes only the unchanged request.
    """

    __slots__ = ("_args", "_asking", "_kwargs", "_operation", "_remember")

    def __init__(
        self, operation: Operation, asking: object, args: _Args, kwargs: _Kwargs, remember: Callable[[], None]
    ) -> None:
        self._operation, self._asking = operation, asking
        self._args, self._kwargs, self._remember = args, kwargs, remember

    def send(self, request: Callable[..., object]) -> object:
        """Makes the call."""
        args, kwargs = self._changed()
        try:
            return request(*args, **kwargs)
        except Exception as error:
            if not _is_refused(error):
                raise
        # Outside of the handler: an error of the second attempt has no trace of the first.
        self._operation.hides_usage = False
        result = request(*self._args, **self._kwargs)
        self._remember()
        return result

    async def send_async(self, request: Callable[..., Awaitable[object]]) -> object:
        """Makes the call with an asynchronous client."""
        args, kwargs = self._changed()
        try:
            return await request(*args, **kwargs)
        except Exception as error:
            if not _is_refused(error):
                raise
        self._operation.hides_usage = False
        result = await request(*self._args, **self._kwargs)
        self._remember()
        return result

    def _changed(self) -> tuple[_Args, _Kwargs]:
        if len(self._args) > 1:
            return (self._args[0], self._asking, *self._args[2:]), self._kwargs
        return self._args, {**self._kwargs, "options": self._asking}


def _is_refused(error: Exception) -> bool:
    kind = getattr(sys.modules.get("openai"), "APIStatusError", None)
    return isinstance(kind, type) and isinstance(error, kind) and getattr(error, "status_code", None) in _REFUSALS


class _Options(Protocol):
    json_data: object
    extra_json: object
    headers: object


def _asking(options: _Options, client: object) -> _Options | None:
    """A copy of the request options that asks for usage; ``None`` where the caller decided, or there is no JSON body."""
    body, extra = options.json_data, options.extra_json
    if isinstance(extra, Mapping) and (body is None or "stream_options" in extra):
        # The SDK lets the caller's `extra_body` win over the method's own arguments, member by member.
        holder, members = "extra_json", cast(Fields, extra)
    elif isinstance(body, Mapping):
        holder, members = "json_data", cast(Fields, body)
    else:
        return None
    said = members.get("stream_options")
    if said is None:
        said = NOTHING
    if not isinstance(said, Mapping) or "include_usage" in said:
        return None
    asking = _copy(options)
    setattr(asking, holder, {**members, "stream_options": {**cast(Fields, said), "include_usage": True}})
    given = options.headers
    headers = cast(Fields, given) if isinstance(given, Mapping) else NOTHING
    if not _names_encoding(headers) and not _names_encoding(getattr(client, "_custom_headers", None)):
        asking.headers = {**headers, **_IDENTITY}
    return asking


def _names_encoding(headers: object) -> bool:
    """Whether the caller says which encodings are welcome; an encoded answer is decoded then."""
    return isinstance(headers, Mapping) and any(name.lower() == "accept-encoding" for name in cast(Fields, headers))


def _copy(options: _Options) -> _Options:
    """A shallow copy, whichever major version of pydantic the options are a model of."""
    copy = cast("Callable[[], _Options]", getattr(options, "model_copy", None) or getattr(options, "copy", None))
    return copy()
