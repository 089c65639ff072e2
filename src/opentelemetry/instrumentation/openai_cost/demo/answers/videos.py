# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Videos: made, edited, made longer, made again; nothing to see in any of them, but their length is billed."""

from __future__ import annotations

import time

from .jobs import found, identifier
from .provider import Job, LedgerEntry, Provider
from .wire import BadRequest, JsonObject, Reply, Request, dig, new_id, required, string

_MODEL, _SIZE, _SECONDS = "sora-2", "720x1280", 4
"""Where the request does not say otherwise (API reference, "Create video")."""


def video(request: Request, provider: Provider) -> Reply:
    """``POST /v1/videos``."""
    body = request.parameters()
    model, size = string(body.get("model")) or _MODEL, string(body.get("size")) or _SIZE
    length = _seconds(body)
    return _start(request, provider, model, size, length, length)


def videos(request: Request, provider: Provider) -> Reply:
    """``GET /v1/videos``."""
    films = provider.kept("video_")
    return Reply({"object": "list", "data": films, "has_more": False})


def video_edit(request: Request, provider: Provider) -> Reply:
    """``POST /v1/videos/edits``: as long as the video that is edited."""
    source = _source(request, provider)
    return _start(request, provider, *_like(source), _seconds(source), _seconds(source))


def video_extension(request: Request, provider: Provider) -> Reply:
    """``POST /v1/videos/extensions``: its length is that of both parts, of which the new one is billed."""
    body = request.parameters()
    source, more = _source(request, provider), _seconds(body)
    return _start(request, provider, *_like(source), _seconds(source) + more, more)


def video_remix(request: Request, provider: Provider) -> Reply:
    """``POST /v1/videos/{id}/remix``: as long as the video that is made again."""
    source = provider.look(identifier(request))
    if source is None:
        return found(None)
    return _start(request, provider, *_like(source), _seconds(source), _seconds(source))


def _start(request: Request, provider: Provider, model: str, size: str, length: int, billed: int) -> Reply:
    now = int(time.time())
    begun: JsonObject = {
        "id": f"video_{new_id()}",
        "object": "video",
        "model": model,
        "status": "queued",
        "progress": 0,
        "created_at": now,
        "completed_at": None,
        "expires_at": None,
        "size": size,
        "seconds": str(length),
        "prompt": required(request.parameters(), "prompt"),
        "remixed_from_video_id": None,
        "error": None,
    }
    done: JsonObject = {**begun, "status": "completed", "progress": 100, "completed_at": now}
    units = {"video_seconds": billed}
    entry = LedgerEntry(request.path.removeprefix("/v1"), model, None, None, units=units, later=True)
    provider.keep(Job([{**begun, "status": "in_progress", "progress": 50}, done], entry))
    return Reply(begun)


def _source(request: Request, provider: Provider) -> JsonObject:
    """The video that a request refers to by its id, or brings along: then it is taken for one of the shortest."""
    body = request.parameters()
    reference = string(dig(body, "video", "id"))
    shortest: JsonObject = {"model": _MODEL, "size": _SIZE}
    source = provider.look(reference) if reference else shortest
    if source is None:
        raise BadRequest("There is no video of that id.", "video")
    return source


def _like(source: JsonObject) -> tuple[str, str]:
    return string(source["model"]), string(source["size"])


def _seconds(body: JsonObject) -> int:
    return int(str(body.get("seconds") or _SECONDS))
