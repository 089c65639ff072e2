# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The socket beneath a connection: who is at its other end, and how it came to an end."""

from __future__ import annotations

from typing import cast
from urllib.parse import parse_qs

from ..endpoints._fields import text
from ..provider import Server, server


def socket_of(connection: object) -> object:
    """The connection of the websockets library that a connection of the SDK holds; another one once it has reconnected."""
    return getattr(connection, "_connection", None)


def _address(socket: object) -> object:
    """The parsed URL that a connection of the websockets library went to; its name has changed with version 15."""
    protocol = getattr(socket, "protocol", None)
    return getattr(protocol, "uri", None) or getattr(protocol, "wsuri", None)


def path(socket: object) -> str:
    """The path that was connected to, without its query."""
    return text(getattr(_address(socket), "path", None)) or ""


def peer(socket: object) -> tuple[Server, str | None]:
    """Who is at the other end, and the model asked for in the URL (the deployment, on Azure)."""
    address = _address(socket)
    host, port = text(getattr(address, "host", None)) or "", getattr(address, "port", None)
    query = parse_qs(text(getattr(address, "query", None)) or "")
    deployment = query.get("deployment")
    scheme = "http" if getattr(address, "secure", None) is False else "https"
    model = query.get("model") or deployment or [None]
    return server(scheme, host, cast("int | None", port), deployment is not None), model[0]


def cut(socket: object) -> BaseException | None:
    """The error with which a connection came to its end; ``None`` while it is open."""
    protocol = getattr(socket, "protocol", None)
    if getattr(protocol, "close_code", None) is None:
        return None
    error: object = getattr(protocol, "close_exc", None)
    return error if isinstance(error, BaseException) else None
