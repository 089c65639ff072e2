# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Legacy completions: one prompt or several, with streams."""

from __future__ import annotations

import time

from .chat import chunk_events, usage_sent
from .provider import LedgerEntry, Provider, say, snapshot, tokens
from .wire import JsonObject, Reply, Request, elements, new_id, pieces, required, required_model, string


def text_completion(request: Request, provider: Provider) -> Reply:
    """``POST /v1/completions``."""
    body = request.json()
    model = required_model(body)
    asked = required(body, "prompt")
    prompts = [string(prompt) for prompt in elements(asked) or [asked]]
    texts = [say(prompt, None) for prompt in prompts]

    input_tokens, output_tokens = sum(map(tokens, prompts)), sum(map(tokens, texts))
    usage: JsonObject = {
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
    }
    provider.report(LedgerEntry("/completions", snapshot(model), None, usage if usage_sent(body) else None))
    head: JsonObject = {
        "id": f"cmpl-{new_id()}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": snapshot(model),
    }
    if body.get("stream") is not True:
        choices = [_choice(index, text, "stop") for index, text in enumerate(texts)]
        return Reply({**head, "choices": choices, "usage": usage})
    chunks = [
        _choice(index, part, reason)
        for index, text in enumerate(texts)
        for part, reason in [*((part, None) for part in pieces(text)), ("", "stop")]
    ]
    return Reply(events=chunk_events(head, chunks, body, usage))


def _choice(index: int, text: str, reason: str | None) -> JsonObject:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": reason}
