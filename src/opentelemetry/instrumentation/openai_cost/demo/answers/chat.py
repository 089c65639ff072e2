# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Chat completions: text, images, audio, functions, structured output, several choices, streams."""

from __future__ import annotations

import base64
import json
import time

from .provider import (
    LedgerEntry,
    Provider,
    instance,
    media_tokens,
    reasoning_tokens,
    say,
    serving_tier,
    snapshot,
    tokens,
)
from .wire import (
    JsonObject,
    Reply,
    Request,
    dig,
    elements,
    event,
    integer,
    members,
    new_id,
    objects,
    pieces,
    required,
    required_model,
    text_of,
)


def chat_completion(request: Request, provider: Provider) -> Reply:
    """``POST /v1/chat/completions``."""
    body = request.json()
    model = required_model(body)
    messages = objects(required(body, "messages"))
    text = "\n".join(text_of(message.get("content")) for message in messages)
    count = max(1, integer(body.get("n")))
    spoken = "audio" in elements(body.get("modalities"))

    called = _function_call(body, messages)
    said = "" if called else say(text, dig(body, "response_format", "json_schema", "schema"))
    message: JsonObject = {"role": "assistant", "content": said or None, "refusal": None, "annotations": []}
    if called:
        message["tool_calls"] = [called]
    if spoken:
        message |= {"content": None, "audio": _speech(said)}

    images, audio_input = media_tokens(messages)
    text_input = tokens(text) + 4 * len(messages)
    cached, written = provider.cache(model, text, body.get("prompt_cache_options"))
    reasoning = count * reasoning_tokens(model, body.get("reasoning_effort"))
    text_output = count * tokens(json.dumps(called) if called else said)
    audio_output = 5 * text_output if spoken else 0
    input_details: JsonObject = {"cached_tokens": cached, "audio_tokens": audio_input}
    if written is not None:
        input_details["cache_write_tokens"] = written
    if images or audio_input:
        input_details |= {"image_tokens": images, "text_tokens": text_input}
    input_tokens = text_input + images + audio_input
    output_tokens = text_output + audio_output + reasoning
    usage: JsonObject = {
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
        "prompt_tokens_details": input_details,
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "audio_tokens": audio_output,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }

    head: JsonObject = {
        "id": f"chatcmpl-{new_id()}",
        "created": int(time.time()),
        "model": snapshot(model),
        "service_tier": serving_tier(body),
        "system_fingerprint": "fp_demo",
    }
    finish = "tool_calls" if called else "stop"
    provider.report(
        LedgerEntry("/chat/completions", snapshot(model), serving_tier(body), usage if usage_sent(body) else None)
    )
    if body.get("stream") is not True:
        choices = [
            {"index": index, "message": message, "logprobs": None, "finish_reason": finish} for index in range(count)
        ]
        return Reply({**head, "object": "chat.completion", "choices": choices, "usage": usage})

    parts: list[JsonObject] = [{"content": part} for part in pieces(said)]
    if called:
        parts = [{"tool_calls": [{"index": 0, **called}]}]
    deltas = [{"role": "assistant", "content": "", "refusal": None}, *parts]
    chunks: list[JsonObject] = [
        {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}
        for index in range(count)
        for delta, reason in [*((delta, None) for delta in deltas), ({}, finish)]
    ]
    return Reply(events=chunk_events({**head, "object": "chat.completion.chunk"}, chunks, body, usage))


def usage_sent(body: JsonObject) -> bool:
    """Whether a chat or text completion reports its usage: a stream does so only if it is asked to."""
    return body.get("stream") is not True or dig(body, "stream_options", "include_usage") is True


def chunk_events(head: JsonObject, chunks: list[JsonObject], body: JsonObject, usage: JsonObject) -> tuple[str, ...]:
    """A streamed chat or text completion, one choice a chunk.

    With usage asked for, every chunk has the field, and one more at the end, without choices, has the counts.
    """
    sent = usage_sent(body)
    pending: JsonObject = {"usage": None} if sent else {}
    events = [event({**head, "choices": [chunk], **pending}) for chunk in chunks]
    if sent:
        events.append(event({**head, "choices": [], "usage": usage}))
    return (*events, "data: [DONE]\n\n")


def _function_call(body: JsonObject, messages: list[JsonObject]) -> JsonObject | None:
    """A call of the first function on offer, unless the conversation already has its result."""
    functions = [members(tool.get("function")) for tool in objects(body.get("tools"))]
    if not functions or messages[-1].get("role") != "user":
        return None
    parameters = members(functions[0].get("parameters"))
    function = {"name": functions[0].get("name"), "arguments": json.dumps(instance(parameters, parameters))}
    return {"id": f"call_{new_id()}", "type": "function", "function": function}


def _speech(transcript: str) -> JsonObject:
    """A spoken answer: the transcript is right, the audio is silence."""
    return {
        "id": f"audio_{new_id()}",
        "data": base64.b64encode(bytes(64)).decode(),
        "expires_at": int(time.time()) + 3600,
        "transcript": transcript,
    }
