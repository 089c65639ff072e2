# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Descriptions: what an application can find out about an object, as plain values that can be compared."""

import re
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import wrapt

import opentelemetry.instrumentation.openai_cost as package
from support.clients import http

_OURS = str(Path(package.__file__).parent)
_WRAPT = str(Path(wrapt.__file__).parent)
_PLAIN = (type(None), bool, int, float, str, bytes, type, complex)
_VOLATILE_HEADERS = frozenset({"date", "server"})
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
_DATE = re.compile(r"\w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT")
_SERVER_VERSION = re.compile(r"BaseHTTP/[^'\"]*")


def text(value: object) -> str:
    """Text without what differs from run to run: addresses in memory, the date, boundaries of forms, the jitter of retries."""
    plain = _DATE.sub("(date)", _SERVER_VERSION.sub("(server)", _ADDRESS.sub("0x", str(value))))
    plain = re.sub(r"boundary=[0-9a-f]{32}", "boundary=(boundary)", plain)
    return re.sub(r" in \d\.\d+ seconds", " in (soon) seconds", plain)


def kind(value: object) -> tuple[str, ...]:
    """The class of an object and all that it is an instance of."""
    return tuple(f"{one.__module__}.{one.__qualname__}" for one in type(value).__mro__)


def describe(value: object) -> Any:
    """What an object is and says: its class, what that is derived from, its fields, its headers, its cause."""
    if isinstance(value, _PLAIN):
        return type(value).__name__, value
    if isinstance(value, Mapping):
        return kind(value), {str(key): describe(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return kind(value), [describe(item) for item in value]
    if isinstance(value, BaseException):
        return describe_error(value)
    if isinstance(value, http.Response):
        return _http_response(value)
    if hasattr(value, "model_dump"):
        return _model(value)
    if hasattr(value, "http_response"):
        return _response(value)
    if hasattr(value, "_iterator") and hasattr(value, "response"):
        return kind(value), sorted(vars(value)), _http_response(value.response)
    return kind(value), sorted(vars(value)) if hasattr(value, "__dict__") else text(repr(value))


def describe_error(error: BaseException, *, depth: int = 4) -> Any:
    """An exception as its handler sees it: class, arguments, text, fields, traceback, what caused it."""
    if depth == 0:
        return kind(error)
    return {
        "kind": kind(error),
        "args": [_shallow(argument) for argument in error.args],
        "text": text(error),
        "fields": {name: _shallow(value) for name, value in vars(error).items() if name != "__notes__"},
        "notes": getattr(error, "__notes__", None),
        "traceback": list(_frames(error)),
        "cause": None if error.__cause__ is None else describe_error(error.__cause__, depth=depth - 1),
        "context": None if error.__context__ is None else describe_error(error.__context__, depth=depth - 1),
        "suppressed": error.__suppress_context__,
    }


def head(headers: Any) -> list[tuple[str, str]]:
    """Headers in their order, without the date."""
    return [(name, text(value)) for name, value in headers.items() if name.lower() not in _VOLATILE_HEADERS]


def _shallow(value: object) -> Any:
    if isinstance(value, http.Request):
        return value.method, str(value.url), head(value.headers)
    if isinstance(value, BaseException):
        return kind(value), text(value)
    return describe(value)


def _frames(error: BaseException) -> Iterator[tuple[str, int | None, str]]:
    """Where it was raised and through what it came, without the frames that observing adds."""
    for frame in traceback.extract_tb(error.__traceback__):
        if not frame.filename.startswith((_OURS, _WRAPT)):
            yield frame.filename, frame.lineno, frame.name


def _model(value: Any) -> Any:
    return (
        kind(value),
        {name: describe(item) for name, item in value.__dict__.items()},
        describe(getattr(value, "__pydantic_extra__", None)),
        describe(getattr(value, "_request_id", None)),
        sorted(getattr(value, "model_fields_set", ())),
    )


def _http_response(value: Any) -> Any:
    is_read = hasattr(value, "_content")
    return {
        "kind": kind(value),
        "status": (value.status_code, value.reason_phrase, value.http_version),
        "headers": head(value.headers),
        "request": (value.request.method, str(value.request.url), head(value.request.headers)),
        "fields": sorted(vars(value)),
        "closed": (value.is_closed, value.is_stream_consumed),
        "content": value.content if is_read else None,
        "encoding": value.encoding,
        "extensions": sorted(value.extensions),
        "stream": isinstance(value.stream, (http.SyncByteStream, http.AsyncByteStream)),
    }


def _response(value: Any) -> Any:
    return kind(value), sorted(vars(value)), head(value.headers), _http_response(value.http_response)
