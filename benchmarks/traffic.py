# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Traffic: real clients whose transport answers in process, and the calls that are made with them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from struct import pack
from typing import Any

import httpx2
import openai

USAGE = {
    "prompt_tokens": 1500,
    "completion_tokens": 420,
    "total_tokens": 1920,
    "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 192, "audio_tokens": 0},
}
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1795000000,
    "model": "gpt-5-2025-08-07",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}],
    "usage": USAGE,
    "service_tier": "default",
    "system_fingerprint": "fp_1",
}
INPUTS = 2048


def events(count: int) -> Iterator[bytes]:
    """A streamed chat completion of that many content chunks."""
    envelope = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1795000000,
        "model": "gpt-5-2025-08-07",
        "service_tier": "default",
        "system_fingerprint": "fp_1",
    }
    choice: dict[str, Any] = {"index": 0, "delta": {"content": "word "}, "logprobs": None, "finish_reason": None}
    chunk = b"data: " + json.dumps({**envelope, "choices": [choice], "usage": None}, separators=(",", ":")).encode()
    for _ in range(count):
        yield chunk + b"\n\n"
    stop = {**envelope, "choices": [{**choice, "delta": {}, "finish_reason": "stop"}], "usage": None}
    yield b"data: " + json.dumps(stop, separators=(",", ":")).encode() + b"\n\n"
    yield b"data: " + json.dumps({**envelope, "choices": [], "usage": USAGE}, separators=(",", ":")).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


class EventStream(httpx2.SyncByteStream):
    """A body that arrives event by event, as from a network."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._chunks)


def client(chunks: int = 0, numbers: int = 0) -> openai.OpenAI:
    """A client whose transport answers in process.

    Args:
        chunks: content chunks of a streamed completion.
        numbers: numbers in each vector of an embedding.
    """
    completion = json.dumps(COMPLETION).encode()
    # A long stream is made as it is read, so that its own bytes are not taken for an instrumentation's.
    prepared = list(events(chunks)) if chunks <= 1000 else None
    vector = base64.b64encode(pack(f"<{numbers}f", *[0.25] * numbers)).decode()
    items = [{"object": "embedding", "index": index, "embedding": vector} for index in range(INPUTS if numbers else 0)]
    usage = {"prompt_tokens": 9 * INPUTS, "total_tokens": 9 * INPUTS}
    model = "text-embedding-3-small"
    embeddings = json.dumps({"object": "list", "data": items, "model": model, "usage": usage}).encode()

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/embeddings"):
            return httpx2.Response(200, headers={"content-type": "application/json"}, content=embeddings)
        if b'"stream":true' in request.content:
            body = EventStream(iter(prepared) if prepared is not None else events(chunks))
            return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=body)
        return httpx2.Response(200, headers={"content-type": "application/json"}, content=completion)

    return openai.OpenAI(api_key="bench", http_client=httpx2.Client(transport=httpx2.MockTransport(answer)))


def call(api: openai.OpenAI) -> None:
    """One chat completion."""
    api.chat.completions.create(
        model="gpt-5", messages=[{"role": "user", "content": "Say hello."}], temperature=0.2, max_tokens=50
    )


def stream(api: openai.OpenAI) -> None:
    """One streamed chat completion, read to its end."""
    for _ in api.chat.completions.create(
        model="gpt-5",
        messages=[{"role": "user", "content": "Say hello."}],
        stream=True,
        stream_options={"include_usage": True},
    ):
        pass


_TEXTS = [f"text {index}" for index in range(INPUTS)]


def embed(api: openai.OpenAI) -> None:
    """One batch of embeddings."""
    api.embeddings.create(model="text-embedding-3-small", input=_TEXTS)
