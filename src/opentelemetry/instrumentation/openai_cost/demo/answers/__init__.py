# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""What the embedded server answers: one file per family of endpoints, and the table that names them.

Bodies have the shape of OpenAI's own, with all details of usage, so that the real client parses them and
the real instrumentation prices them. Every count follows from the request (a token is four characters,
rounded up): the same requests in the same order are answered with the same usage.

A further endpoint is one more handler and one more line in :data:`HANDLERS`, :data:`WITH_ID` or :data:`SOCKETS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from .assistants import run, thread_and_run, tool_outputs
from .audio import speech, transcription, translation
from .chat import chat_completion
from .completions import text_completion
from .containers import container
from .decisions import decision
from .embeddings import embeddings
from .images import image_edit, image_generation, image_variation
from .jobs import batch, cancel, fine_tuning, look
from .provider import Provider
from .realtime import Live, Realtime
from .responses import ResponsesSocket, compacted_response, response, stored_response
from .videos import video, video_edit, video_extension, video_remix, videos
from .wire import BadRequest, Conversation, Reply, Request, error

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
    ("POST", "/v1/images/variations"): image_variation,
    ("POST", "/v1/audio/speech"): speech,
    ("POST", "/v1/audio/transcriptions"): transcription,
    ("POST", "/v1/audio/translations"): translation,
    ("POST", "/v1/decisions"): decision,
    ("POST", "/v1/containers"): container,
    ("POST", "/v1/batches"): batch,
    ("POST", "/v1/videos"): video,
    ("GET", "/v1/videos"): videos,
    ("POST", "/v1/videos/edits"): video_edit,
    ("POST", "/v1/videos/extensions"): video_extension,
    ("POST", "/v1/fine_tuning/jobs"): fine_tuning,
    ("POST", "/v1/threads/runs"): thread_and_run,
}
"""By method and path."""

WITH_ID: tuple[tuple[str, re.Pattern[str], Handler], ...] = (
    ("GET", re.compile(r"/v1/responses/\w+"), stored_response),
    ("POST", re.compile(r"/v1/(responses|batches)/\w+/cancel"), cancel),
    ("GET", re.compile(r"/v1/(batches|videos|fine_tuning/jobs)/\w+"), look),
    ("POST", re.compile(r"/v1/videos/\w+/remix"), video_remix),
    ("POST", re.compile(r"/v1/threads/\w+/runs"), run),
    ("POST", re.compile(r"/v1/threads/\w+/runs/\w+/submit_tool_outputs"), tool_outputs),
    ("POST", re.compile(r"/v1/threads/\w+/runs/\w+/cancel"), cancel),
    ("GET", re.compile(r"/v1/threads/\w+/runs/\w+"), look),
)
"""By method and pattern of the path, where there is an id in it."""

SOCKETS: dict[str, Callable[[Request, Provider], Conversation]] = {
    "/v1/realtime": Realtime,
    "/v1/live/sessions": Live,
    "/v1/responses": ResponsesSocket,
}
"""Websockets, by path."""


def answer(request: Request, provider: Provider) -> Reply:
    """Answers one request, whatever it is: with what was asked for, or with an error in OpenAI's form."""
    if (refused := _refused(request)) is not None:
        return refused
    path = request.path.rstrip("/")
    handler = HANDLERS.get((request.method, path))
    for method, pattern, by_id in WITH_ID:
        if handler is None and request.method == method and pattern.fullmatch(path):
            handler = by_id
    if handler is None:
        return _unknown(request)
    try:
        return handler(request, provider)
    except BadRequest as problem:
        return error(400, "invalid_request_error", str(problem), param=problem.param)


def conversation(request: Request, provider: Provider) -> Conversation | Reply:
    """Begins the conversation that a websocket is asked for, or says in an HTTP answer why not."""
    if (refused := _refused(request)) is not None:
        return refused
    begin = SOCKETS.get(request.path.rstrip("/"))
    return _unknown(request) if begin is None else begin(request, provider)


def _refused(request: Request) -> Reply | None:
    key = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    if not key:
        return error(401, "invalid_request_error", "You did not provide an API key.", code="invalid_api_key")
    if key == OVER_QUOTA_KEY:
        return error(429, "insufficient_quota", "This key has no quota left.", code="insufficient_quota")
    return None


def _unknown(request: Request) -> Reply:
    message = f"Unknown request URL: {request.method} {request.path}."
    return error(404, "invalid_request_error", message, code="unknown_url")
