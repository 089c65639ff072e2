# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The table of billable endpoints. A new endpoint is one file here and one line in the table."""

from __future__ import annotations

import re

from ._facts import Endpoint, EventReader, Kind, Request, Response
from ._gateway import Reported, from_cache, in_headers
from .audio import SPEECH, TRANSCRIPTIONS, TRANSLATIONS
from .background import CANCEL_RESPONSE, FETCH_RESPONSE
from .chat import CHAT
from .completions import COMPLETIONS
from .containers import CONTAINERS
from .decisions import DECISIONS
from .embeddings import EMBEDDINGS
from .images import IMAGE_VARIATIONS, IMAGES
from .jobs import (
    CREATE_BATCH,
    CREATE_FINE_TUNING,
    CREATE_RUN,
    CREATE_VIDEO,
    EXTEND_VIDEO,
    FETCH_BATCH,
    FETCH_FINE_TUNING,
    FETCH_RUN,
    FETCH_VIDEO,
)
from .responses import RESPONSES

ENDPOINTS = {
    ("post", "/chat/completions"): CHAT,
    ("post", "/completions"): COMPLETIONS,
    ("post", "/responses"): RESPONSES,
    ("post", "/responses/compact"): RESPONSES,
    ("post", "/embeddings"): EMBEDDINGS,
    ("post", "/images/generations"): IMAGES,
    ("post", "/images/edits"): IMAGES,
    ("post", "/images/variations"): IMAGE_VARIATIONS,
    ("post", "/audio/speech"): SPEECH,
    ("post", "/audio/transcriptions"): TRANSCRIPTIONS,
    ("post", "/audio/translations"): TRANSLATIONS,
    ("post", "/decisions"): DECISIONS,
    ("post", "/containers"): CONTAINERS,
    ("post", "/batches"): CREATE_BATCH,
    ("post", "/videos"): CREATE_VIDEO,
    ("post", "/videos/edits"): CREATE_VIDEO,
    ("post", "/videos/extensions"): EXTEND_VIDEO,
    ("post", "/fine_tuning/jobs"): CREATE_FINE_TUNING,
    ("post", "/threads/runs"): CREATE_RUN,
}
"""By HTTP method and path, the query left out."""


WITH_ID = (
    ("get", re.compile(r"/responses/(?P<id>[^/]+)"), FETCH_RESPONSE),
    ("post", re.compile(r"/responses/(?P<id>[^/]+)/cancel"), CANCEL_RESPONSE),
    ("get", re.compile(r"/batches/(?P<id>[^/]+)"), FETCH_BATCH),
    ("post", re.compile(r"/batches/(?P<id>[^/]+)/cancel"), FETCH_BATCH),
    ("post", re.compile(r"/videos/(?P<id>[^/]+)/remix"), CREATE_VIDEO),
    ("get", re.compile(r"/videos/(?P<id>[^/]+)"), FETCH_VIDEO),
    ("get", re.compile(r"/fine_tuning/jobs/(?P<id>[^/]+)"), FETCH_FINE_TUNING),
    ("post", re.compile(r"/threads/(?P<id>[^/]+)/runs"), CREATE_RUN),
    ("post", re.compile(r"/threads/[^/]+/runs/(?P<id>[^/]+)/submit_tool_outputs"), CREATE_RUN),
    ("get", re.compile(r"/threads/[^/]+/runs/(?P<id>[^/]+)"), FETCH_RUN),
    ("post", re.compile(r"/threads/[^/]+/runs/(?P<id>[^/]+)/cancel"), FETCH_RUN),
)
"""Endpoints with an id in their path: method, pattern of the path, endpoint."""
_FIRST_SEGMENTS = ("/responses/", "/batches/", "/videos/", "/fine_tuning/jobs/", "/threads/")


def find(method: str, url: str) -> Endpoint | None:
    """The endpoint of a request, by the method and URL in the SDK's request options; ``None`` for all others."""
    endpoint = ENDPOINTS.get((method, url))
    if endpoint is not None:
        return endpoint
    method, path = method.lower(), _path(url)
    return ENDPOINTS.get((method, path)) or _with_id(method, path)[0]


def identifier(method: str, url: str) -> str | None:
    """The id in the path of a request, for the endpoints that have one."""
    return _with_id(method.lower(), _path(url))[1]


def _with_id(method: str, path: str) -> tuple[Endpoint | None, str | None]:
    if path.startswith(_FIRST_SEGMENTS):
        for verb, pattern, endpoint in WITH_ID:
            if verb == method and (match := pattern.fullmatch(path)):
                return endpoint, match["id"]
    return None, None


def _path(url: str) -> str:
    path = url.split("?", 1)[0].rstrip("/")
    if "://" in path:
        path = "/" + path.split("://", 1)[1].partition("/")[2]
    for prefix in ("/openai/v1/", "/v1/"):
        if path.startswith(prefix):
            return path[len(prefix) - 1 :]
    return path if path.startswith("/") else f"/{path}"


__all__ = [
    "ENDPOINTS",
    "WITH_ID",
    "Endpoint",
    "EventReader",
    "Kind",
    "Reported",
    "Request",
    "Response",
    "find",
    "from_cache",
    "identifier",
    "in_headers",
]
