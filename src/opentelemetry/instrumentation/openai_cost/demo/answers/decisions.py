# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Decisions: an answer to every question about a text, always the first one on offer."""

from __future__ import annotations

import json

from .provider import LedgerEntry, Provider, tokens
from .wire import JsonObject, Reply, Request, objects, required, required_model, string


def decision(request: Request, provider: Provider) -> Reply:
    """``POST /v1/decisions``."""
    body = request.json()
    model = required_model(body)
    text = json.dumps(required(body, "input"))
    questions = objects(required(body, "questions"))
    cached, written = provider.cache(model, text, body.get("prompt_cache_options"))
    input_tokens, output_tokens = tokens(text) + tokens(json.dumps(questions)), len(questions)
    usage: JsonObject = {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written or 0},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": input_tokens + output_tokens,
    }
    provider.report(LedgerEntry("/decisions", model, None, usage))
    return Reply({"model": model, "answers": [_answer(question) for question in questions], "usage": usage})


def _answer(question: JsonObject) -> JsonObject:
    kind, name = string(question.get("type")), question.get("name")
    if kind == "choice":
        chosen = objects(question.get("choices"))[0].get("value")
        probabilities = [{"value": chosen, "probability": 1.0}]
        return {"type": kind, "name": name, "choice": chosen, "confidence": 1.0, "probabilities": probabilities}
    if kind == "score":
        label = objects(question.get("levels"))[0].get("label")
        probabilities = [{"label": label, "value": 0, "probability": 1.0}]
        return {"type": kind, "name": name, "score": 0.0, "confidence": 1.0, "probabilities": probabilities}
    return {"type": "predicate", "name": name, "probability": 0.9}
