# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The table of billable endpoints. A new endpoint is one file here and one line in the table."""

from __future__ import annotations

from ._facts import Endpoint, EventReader, Kind, Request, Response
from .chat import CHAT
from .completions import COMPLETIONS
from .embeddings import EMBEDDINGS
from .responses import RESPONSES

ENDPOINTS = {
    ("post", "/chat/completions"): CHAT,
    ("post", "/completions"): COMPLETIONS,
    ("post", "/responses"): RESPONSES,
    ("post", "/responses/compact"): RESPONSES,
    ("post", "/embeddings"): EMBEDDINGS,
}
"""By HTTP method and path, the query left out."""


def find(method: str, url: str) -> Endpoint | None:
    """The endpoint of a request, by the method and URL in the SDK's request options; ``None`` for all others."""
    endpoint = ENDPOINTS.get((method, url)) or ENDPOINTS.get((method.lower(), _path(url)))
    return endpoint


def _path(url: str) -> str:
    path = url.split("?", 1)[0].rstrip("/")
    if "://" in path:
        path = "/" + path.split("://", 1)[1].partition("/")[2]
    for prefix in ("/openai/v1/", "/v1/"):
        if path.startswith(prefix):
            return path[len(prefix) - 1 :]
    return path if path.startswith("/") else f"/{path}"


__all__ = ["ENDPOINTS", "Endpoint", "EventReader", "Kind", "Request", "Response", "find"]
