# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Embeddings: texts or token ids, one or many, as floats or as base64."""

from __future__ import annotations

import base64
import struct

from .provider import LedgerEntry, Provider, tokens
from .wire import JsonObject, Reply, Request, elements, integer, required, required_model, string


def embeddings(request: Request, provider: Provider) -> Reply:
    """``POST /v1/embeddings``."""
    body = request.json()
    model = required_model(body)
    asked = required(body, "input")
    several = elements(asked)
    # An array of numbers is one input, already split into tokens.
    inputs = several if several and not isinstance(several[0], int) else [asked]
    count = sum(len(elements(entry)) or tokens(string(entry)) for entry in inputs)
    usage: JsonObject = {"prompt_tokens": count, "total_tokens": count}
    provider.report(LedgerEntry("/embeddings", model, None, usage))

    dimensions = integer(body.get("dimensions")) or 8
    encoded = body.get("encoding_format") == "base64"
    data: list[JsonObject] = []
    for index in range(len(inputs)):
        vector = [round((place + 1) / (index + 2) / dimensions, 6) for place in range(dimensions)]
        packed = base64.b64encode(struct.pack(f"<{dimensions}f", *vector)).decode() if encoded else None
        data.append({"object": "embedding", "index": index, "embedding": packed or vector})
    return Reply({"object": "list", "data": data, "model": model, "usage": usage})
