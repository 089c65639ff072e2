# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Correspondence: requests with every field that there is, and an answer of every endpoint, to plant canaries in."""

import json
from typing import Any

from promises.canaries import canary, plant
from support.payloads import DONE, event

SECRETS = {"base_url": "https://canary:user:canary:password@api.openai.com/canary:folder/v1", "api_key": "canary:key"}
CALL = {"type": "function", "id": "x", "function": {"name": "x", "arguments": '{"x": "x"}'}}
TOOL = {
    "type": "mcp",
    "name": "x",
    "description": "x",
    "server_label": "x",
    "server_url": "x",
    "authorization": "x",
    "headers": {"Authorization": "x"},
    "parameters": {"properties": {"x": {"description": "x"}}},
    "container": {"type": "auto", "file_ids": ["x"], "memory_limit": "x"},
    "vector_store_ids": ["x"],
    "filters": {"key": "x", "value": "x"},
}
REQUEST: dict[str, Any] = {
    "model": "x",
    "messages": [
        {"role": "user", "name": "x", "content": [{"type": "text", "text": "x"}, {"image_url": {"url": "x"}}]},
        {"role": "assistant", "content": "x", "tool_calls": [CALL], "refusal": "x", "audio": {"id": "x"}},
        {"role": "tool", "content": "x", "tool_call_id": "x"},
    ],
    "instructions": "x",
    "additional_instructions": "x",
    "additional_messages": [{"role": "user", "content": "x"}],
    "thread": {"messages": [{"role": "user", "content": "x"}], "metadata": {"x": "x"}},
    "tools": [TOOL],
    "functions": [{"name": "x", "description": "x"}],
    "tool_choice": {"type": "function", "function": {"name": "x"}},
    "tool_outputs": [{"tool_call_id": "x", "output": "x"}],
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "description": "x", "schema": {"x": "x"}}},
    "text": {"format": {"type": "json_schema", "name": "x", "schema": {"x": "x"}}, "verbosity": "x"},
    "prediction": {"type": "content", "content": "x"},
    "web_search_options": {"user_location": {"type": "approximate", "approximate": {"city": "x", "country": "x"}}},
    "metadata": {"x": "x"},
    "user": "x",
    "safety_identifier": "x",
    "prompt_cache_key": "x",
    "prompt_cache_retention": "x",
    "reasoning_effort": "x",
    "reasoning": {"effort": "x", "summary": "x"},
    "previous_response_id": "x",
    "service_tier": "x",
    "modalities": ["x"],
    "audio": {"voice": "x", "format": "x"},
    "include": ["x"],
    "suffix": "x",
    "truncation": "x",
    "encoding_format": "x",
    "language": "x",
    "size": "x",
    "quality": "x",
    "style": "x",
    "background": "x",
    "output_format": "x",
    "mask": "x",
    "image": "x",
    "input_reference": "x",
    "seconds": "x",
    "input_file_id": "x",
    "endpoint": "x",
    "completion_window": "x",
    "background_options": {"completion_window": "x"},
    "training_file": "x",
    "validation_file": "x",
    "integrations": [{"type": "wandb", "wandb": {"project": "x", "entity": "x"}}],
    "assistant_id": "x",
    "file_ids": ["x"],
    "name": "x",
    "stream_format": "x",
}
"""Every field that a request to any endpoint may have, as far as they are known."""
IN_WORDS = {"prompt": "x", "input": "x", "stop": "x", "voice": "x", "conversation": "x"}
IN_PARTS: dict[str, Any] = {
    "prompt": {"id": "x", "version": "x", "variables": {"x": "x", "file": {"type": "input_file", "filename": "x"}}},
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "x"}, {"type": "input_file", "file_data": "x"}]}
    ],
    "stop": ["x", "x"],
    "voice": {"id": "x"},
    "conversation": {"id": "x", "title": "x"},
}

ANSWERS = {
    "/chat/completions": "chat_completion_n2_tools.json",
    "/completions": "completion_legacy.json",
    "/responses": "response_tools.json",
    "/responses/compact": "response_compact.json",
    "/embeddings": "embeddings_base64.json",
    "/images/generations": "images_generate.json",
    "/images/edits": "images_svg.json",
    "/images/variations": "images_dalle3_no_usage.json",
    "/audio/speech": "moderation.json",
    "/audio/transcriptions": "transcription_diarized.json",
    "/audio/translations": "translation_verbose.json",
    "/decisions": "decision.json",
    "/containers": "container.json",
    "/batches": "batch_created.json",
    "/videos": "video_queued.json",
    "/videos/edits": "video_completed.json",
    "/videos/extensions": "video_completed.json",
    "/fine_tuning/jobs": "fine_tuning_job.json",
    "/threads/runs": "assistants_run.json",
}
"""A good answer of every endpoint; an endpoint that is new in the table needs one here."""
STREAMS = {
    "/chat/completions": "chat_stream_with_usage.sse",
    "/completions": "completion_legacy_stream_with_usage.sse",
    "/responses": "response_stream.sse",
    "/images/generations": "images_generate_stream.sse",
    "/images/edits": "images_edit_stream.sse",
    "/audio/speech": "speech_stream.sse",
    "/audio/transcriptions": "transcription_stream.sse",
    "/threads/runs": "assistants_run_stream.sse",
}
BY_ID = {
    "/responses/{}": ("get", "response_simple.json"),
    "/responses/{}/cancel": ("post", "response_cancelled.json"),
    "/batches/{}": ("get", "batch_completed.json"),
    "/batches/{}/cancel": ("post", "batch_completed.json"),
    "/videos/{}/remix": ("post", "video_queued.json"),
    "/videos/{}": ("get", "video_completed.json"),
    "/fine_tuning/jobs/{}": ("get", "fine_tuning_job.json"),
    "/threads/{}/runs": ("post", "assistants_run.json"),
    "/threads/{}/runs/{}/submit_tool_outputs": ("post", "assistants_run.json"),
    "/threads/{}/runs/{}": ("get", "assistants_run.json"),
    "/threads/{}/runs/{}/cancel": ("post", "assistants_run.json"),
}
HEADERS = {
    name: canary(f"header.{name}")
    for name in (
        "x-request-id",
        "openai-organization",
        "set-cookie",
        "x-litellm-model-id",
        "x-litellm-cache-key",
        "cf-ray",
    )
}


def options() -> dict[str, Any]:
    """Headers and a query of one request."""
    return {"headers": {"X-Extra": canary("header.extra")}, "params": {"extra": canary("query.extra")}}


def request(more: dict[str, Any], *, everywhere: bool = True) -> dict[str, Any]:
    """A request with everything in it."""
    return plant({**REQUEST, **more}, "request", everywhere=everywhere)


def planted_event(one: bytes, *, everywhere: bool) -> bytes:
    """An event of a stream, with canaries."""
    head, _, data = one.rpartition(b"data: ")
    if data.startswith(b"[DONE]"):
        return DONE
    return head + event(plant(json.loads(data), "response", everywhere=everywhere))
