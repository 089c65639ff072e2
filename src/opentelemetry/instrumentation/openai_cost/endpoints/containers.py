# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Containers for hosted code (``POST /containers``)."""

from __future__ import annotations

from ..usage import Fee, Usage
from ._facts import Endpoint, Request, Response
from ._fields import Fields, number, text

_MINIMUM_MINUTES = 5
"""Containers are billed by the minute with a minimum of five (OpenAI pricing page, since 2026-06-02)."""
_DEFAULT_MEMORY = "1g"
"""The memory of a container where nobody says otherwise (API reference, "Create container")."""


def read_request(body: Fields) -> Request:
    """Reads the JSON body of a container request; name, files and skills are not looked at."""
    return Request(container_memory=text(body.get("memory_limit")))


def read_response(body: Fields, request: Request) -> Response:
    """Reads a container: how long it will live is not known when it is made, so its fee is a lower bound."""
    memory = text(body.get("memory_limit")) or request.container_memory or _DEFAULT_MEMORY
    fee = Fee(f"container_{memory}", _MINIMUM_MINUTES, lower_bound=True, container=text(body.get("id")))
    return Response(created=number(body.get("created_at")), usage=Usage(fees=(fee,)))


CONTAINERS = Endpoint(
    name="containers",
    operation="create_container",
    kind="other",
    read_request=read_request,
    read_response=read_response,
    priced_by="five minutes of its memory, a lower bound",
)
