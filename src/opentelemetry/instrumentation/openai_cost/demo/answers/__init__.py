# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""What the embedded server answers: one file per family of endpoints, and the table that names them.

Bodies have the shape of OpenAI's own, with all details of usage, so that the real client parses them and
the real instrumentation prices them. Every count follows from the request (a token is four characters,
rounded up): the same requests in the same order are answered with the same usage.

A further endpoint is one more handler and one more line in :data:`HANDLERS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from .audio import speech, transcription, translation
from .chat import chat_completion
from .completions import text_completion
from .containers import container
from .decisions import decision
from .embeddings import embeddings
from .images import image_edit, image_generation
from .jobs import batch, look
from .provider import Provider
from .responses import compacted_response, response
from .wire import BadRequest, Reply, Request, error

OVER_QUOTA_KEY = "demo-over-quota"
"""The API key whose every request is answered with 429 ``insufficient_quota``."""

Handler = Callable[[Request, Provider], Reply]

HANDLERS: dict[tuple[str, str], Handler] = {
    ("POST", "/v1/chat/completions"): chat_completion,
    ("POST", "/v1/completions"): text_completion,
    ("POST", "/v1/embeddings"): embeddings,
    ("POST", "/v1/responses"): response,
    ("POST", "/v1/responses/compact"): compacted_response,
    ("POST", "/v1/images/generations"): image_generation,
    ("POST", "/v1/images/edits"): image_edit,
    ("POST", "/v1/audio/speech"): speech,
    ("POST", "/v1/audio/transcriptions"): transcription,
    ("POST", "/v1/audio/translations"): translation,
    ("POST", "/v1/decisions"): decision,
    ("POST", "/v1/containers"): container,
    ("POST", "/v1/batches"): batch,
}
_JOB = re.compile(r"/v1/(responses|batches)/[^/]+")


def answer(request: Request, provider: Provider) -> Reply:
    """Answers one request, whatever it is: with what was asked for, or with an error in OpenAI's form."""
    key = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    if not key:
        return error(401, "invalid_request_error", "You did not provide an API key.", code="invalid_api_key")
    if key == OVER_QUOTA_KEY:
        return error(429, "insufficient_quota", "This key has no quota left.", code="insufficient_quota")
    path = request.path.rstrip("/")
    handler = HANDLERS.get((request.method, path))
    if request.method == "GET" and _JOB.fullmatch(path):
        handler = look
    if handler is None:
        message = f"Unknown request URL: {request.method} {request.path}."
        return error(404, "invalid_request_error", message, code="unknown_url")
    try:
        return handler(request, provider)
    except BadRequest as problem:
        return error(400, "invalid_request_error", str(problem), param=problem.param)
