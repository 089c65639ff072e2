# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Images: generated, edited or varied, several at once, as a stream; none of them shows anything."""

from __future__ import annotations

import base64
import time

from .provider import LedgerEntry, Provider, tokens
from .wire import JsonObject, Reply, Request, event, integer, required, required_model, string

_PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(64)).decode()
_OUTPUT_TOKENS = {"low": 272, "medium": 1056, "high": 4160}
"""Tokens of a square image, by quality (OpenAI's guide to image generation)."""
_INPUT_TOKENS = 323
_PARTIAL_TOKENS = 100
"""What a partial image adds to the output (the same guide)."""


def image_generation(request: Request, provider: Provider) -> Reply:
    """``POST /v1/images/generations``."""
    return _draw("/images/generations", request.json(), 0, provider)


def image_edit(request: Request, provider: Provider) -> Reply:
    """``POST /v1/images/edits``."""
    body, files = request.form()
    pictures = sum(name.startswith("image") for name, _ in files)
    return _draw("/images/edits", body, pictures, provider)


def image_variation(request: Request, provider: Provider) -> Reply:
    """``POST /v1/images/variations``: only the model that is billed by the image makes them."""
    body, _ = request.form()
    count, size = max(1, integer(body.get("n"))), string(body.get("size")) or "1024x1024"
    model = string(body.get("model")) or "dall-e-2"
    provider.report(LedgerEntry("/images/variations", model, None, None, units={f"images {size}": count}))
    return Reply({"created": int(time.time()), "data": [{"b64_json": _PICTURE}] * count})


def _draw(endpoint: str, body: JsonObject, pictures: int, provider: Provider) -> Reply:
    model = required_model(body)
    prompt = string(required(body, "prompt"))
    quality, size = string(body.get("quality")), string(body.get("size"))
    settings: JsonObject = {
        "background": "opaque",
        "output_format": "png",
        "quality": quality if quality in _OUTPUT_TOKENS else "medium",
        "size": size if "x" in size else "1024x1024",
    }
    count, partial = max(1, integer(body.get("n"))), integer(body.get("partial_images"))
    output_tokens = count * _OUTPUT_TOKENS[string(settings["quality"])] + partial * _PARTIAL_TOKENS
    details: JsonObject = {"text_tokens": tokens(prompt), "image_tokens": pictures * _INPUT_TOKENS}
    input_tokens = tokens(prompt) + pictures * _INPUT_TOKENS
    usage: JsonObject = {
        "input_tokens": input_tokens,
        "input_tokens_details": details,
        "output_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
    }
    provider.report(LedgerEntry(endpoint, model, None, usage))

    now = int(time.time())
    if body.get("stream") is not True:
        usage["output_tokens_details"] = {"text_tokens": 0, "image_tokens": output_tokens}
        return Reply({"created": now, "data": [{"b64_json": _PICTURE}] * count, **settings, "usage": usage})
    prefix = "image_edit" if pictures else "image_generation"
    picture: JsonObject = {"b64_json": _PICTURE, "created_at": now, **settings}
    events: list[JsonObject] = [
        {"type": f"{prefix}.partial_image", **picture, "partial_image_index": index} for index in range(partial)
    ]
    events.append({"type": f"{prefix}.completed", **picture, "usage": usage})
    return Reply(events=tuple(event(data, string(data["type"])) for data in events))
