# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Private: nothing that was said, and nobody's secret, is in anything emitted; what is, is what the conventions ask for.

Canaries stand in every field of every request and response of every endpoint in the table. Of those that turn up, each must be
of a field that its attribute is meant for.
"""

import contextlib
import json
import re
from typing import Any

import openai
import pytest

from opentelemetry.instrumentation.openai_cost import endpoints
from promises.canaries import canary, found, plant
from support.clients import OPENAI_VERSION
from support.expect import MESSAGES, ask, streamed
from support.payloads import DONE, event, events, payload
from support.server import json_answer, sse_answer

TOLD = {
    "name": r"request\.model",
    "gen_ai.request.model": r"request\.model",
    "gen_ai.response.model": r"response\.(response\.)?model",
    "gen_ai.response.id": r"response\.(response\.)?id|path",
    "gen_ai.response.finish_reasons": r"response\.(response\.)?(choices\.\d+\.finish_reason|incomplete_details\.reason)",
    "gen_ai.response.status": r"response\.status",
    "gen_ai.request.stop_sequences": r"request\.stop(\.\d+)?",
    "gen_ai.request.reasoning.level": r"request\.reasoning(_effort|\.effort)",
    "gen_ai.request.previous_response.id": r"request\.previous_response_id",
    "gen_ai.request.encoding_formats": r"request\.encoding_format",
    "gen_ai.conversation.id": r"request\.conversation(\.id)?",
    "gen_ai.prompt.name": r"request\.prompt\.id",
    "gen_ai.prompt.version": r"request\.prompt\.version",
    "openai.request.service_tier": r"request\.service_tier",
    "openai.response.service_tier": r"response\.(response\.)?service_tier",
    "openai.response.system_fingerprint": r"response\.system_fingerprint",
    "error.type": r"response\.(response\.)?(error\.)?(code|type)",
    "openai_cost.batch.id": r"response\.id",
    "openai_cost.batch.status": r"response\.status",
    "openai_cost.batch.endpoint": r"response\.endpoint",
    "gen_ai.speech.voice": r"request\.voice(\.id)?",
    "gen_ai.speech.input.language": r"request\.language",
    "openai_cost.image.quality": r"(request|response)\.quality",
    "openai_cost.image.size": r"(request|response)\.size",
}
"""What an attribute may repeat: names, identifiers and settings, as the conventions or this package define it."""
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


@pytest.fixture
def api(client):
    """A client with a secret wherever one may be."""
    return client(
        **SECRETS,
        organization="canary:organization",
        **({"project": "canary:project"} if OPENAI_VERSION >= (1, 26) else {}),
        default_headers={"X-Default": "canary:header"},
        default_query={"default": "canary:query"},
    )


@pytest.fixture
def told(instrument, telemetry, caplog):
    """Everything that can be switched on is; says what was told against the rules."""
    instrument(component_metrics=True, chunk_metrics=True, token_metrics="latest", count_foreign=True)

    def wrongly_told():
        wrong = {
            (name, place) for name, place in found(telemetry) if not re.fullmatch(TOLD.get(name, "nothing"), place)
        }
        return wrong | {
            ("log", line.getMessage()) for line in caplog.records if _is_ours(line) and "canary" in _all(line)
        }

    return wrongly_told


def _is_ours(line):
    return line.name.startswith("opentelemetry")


def _all(line):
    return f"{line.getMessage()} {line.exc_text} {line.exc_info}"


def options():
    return {"headers": {"X-Extra": canary("header.extra")}, "params": {"extra": canary("query.extra")}}


def request(more, *, everywhere=True):
    return plant({**REQUEST, **more}, "request", everywhere=everywhere)


def test_every_endpoint_in_the_table_is_tried():
    assert {path for _, path in endpoints.ENDPOINTS} == set(ANSWERS)
    tried = {(method, path.replace("{}", "x")) for path, (method, _) in BY_ID.items()}
    for method, pattern, _ in endpoints.WITH_ID:
        assert any(method == verb and pattern.fullmatch(path) for verb, path in tried), pattern
    assert {path for (_, path), one in endpoints.ENDPOINTS.items() if one.events is not None} <= set(STREAMS) | {
        "/responses/compact"
    }


@pytest.mark.parametrize("everywhere", [False, True], ids=["read as ever", "read as something else"])
@pytest.mark.parametrize("more", [IN_WORDS, IN_PARTS], ids=["in words", "in parts"])
@pytest.mark.parametrize("path", ANSWERS)
def test_an_answer_tells_no_more_than_it_may(server, api, told, telemetry, path, more, everywhere):
    server.queue(json_answer(plant(payload(ANSWERS[path]), "response", everywhere=everywhere), headers=HEADERS))
    api.post(path, body=request(more, everywhere=everywhere), cast_to=object, options=options())
    assert told() == set()
    assert len(telemetry.spans()) == (0 if endpoints.find("post", path).is_silent else 1)


@pytest.mark.parametrize("everywhere", [False, True], ids=["read as ever", "read as something else"])
@pytest.mark.parametrize("path", STREAMS)
def test_a_stream_tells_no_more_than_it_may(server, api, told, telemetry, path, everywhere):
    planted = [_planted(one, everywhere) for one in events(STREAMS[path])]
    server.queue(sse_answer(planted, headers=HEADERS))
    body = {**request(IN_PARTS, everywhere=everywhere), "stream": True}
    stream = api.post(path, body=body, cast_to=object, options=options(), stream=True, stream_cls=openai.Stream[object])
    with contextlib.suppress(openai.APIError):
        list(stream)
    assert told() == set()
    assert telemetry.span().attributes["gen_ai.request.model"] in ("canary:request.model", "x")


def _planted(one, everywhere):
    head, _, data = one.rpartition(b"data: ")
    if data.startswith(b"[DONE]"):
        return DONE
    return head + event(plant(json.loads(data), "response", everywhere=everywhere))


@pytest.mark.parametrize("everywhere", [False, True], ids=["read as ever", "read as something else"])
@pytest.mark.parametrize("path", BY_ID)
def test_something_read_by_its_id_tells_no_more_than_it_may(server, api, told, path, everywhere):
    method, name = BY_ID[path]
    server.queue(json_answer(plant(payload(name), "response", everywhere=everywhere), headers=HEADERS))
    url = path.replace("{}", "canary:path")
    more = options()
    if method == "get":
        more["params"]["starting_after"] = canary("query.cursor")
        api.get(url, cast_to=object, options=more)
    else:
        api.post(url, body=request(IN_PARTS, everywhere=everywhere), cast_to=object, options=more)
    assert told() == set()


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_an_error_tells_no_more_than_its_class(server, api, told, telemetry, status):
    server.queue(
        json_answer(plant(payload("error_429.json"), "response", everywhere=True), status=status, headers=HEADERS)
    )
    with pytest.raises(openai.APIStatusError, match="canary"):
        ask(api, messages=plant(MESSAGES, "request", everywhere=True), model="gpt-5.5")
    assert told() == set()
    assert telemetry.span().events == ()


def test_an_error_event_that_says_a_sentence_is_not_repeated(server, api, told, telemetry):
    error = {"message": "canary:response.message", "code": "you said canary:response.message", "type": "a canary:x b"}
    server.queue(sse_answer([streamed()[0], event({"error": error})]))
    with pytest.raises(openai.APIError):
        list(ask(api, stream=True))
    assert told() == set()
    assert telemetry.span().attributes["error.type"] == "_OTHER"


def test_what_the_application_raises_within_a_call_is_not_repeated(server, api, told, telemetry):
    def messages():
        yield {"role": "user", "content": "x"}
        raise LookupError("canary:request.message")

    with pytest.raises(LookupError):
        ask(api, messages=messages())
    assert told() == set()
    assert telemetry.spans() == () or telemetry.span().attributes["error.type"] == "LookupError"


def test_files_are_not_told(server, api, told, telemetry):
    sound = ("canary:file.wav", b"RIFF canary:bytes")
    picture = ("canary:file.png", b"\x89PNG canary:bytes")
    server.queue(json_answer(payload("transcription_usage_tokens.json")), json_answer(payload("images_generate.json")))
    api.audio.transcriptions.create(model="whisper-1", file=sound, prompt="canary:prompt")
    api.images.edit(model="gpt-image-1", image=picture, mask=picture, prompt="canary:prompt", user="canary:user")
    assert told() == set()
    assert len(telemetry.spans()) == 2


@pytest.mark.skipif(OPENAI_VERSION < (1, 66), reason="the client has no Responses API")
def test_a_failure_of_ours_is_logged_without_what_it_failed_on(server, api, told, monkeypatch, caplog):
    from opentelemetry.instrumentation.openai_cost.pricing import PriceBook

    def fail(*args, **kwargs):
        raise ValueError("canary:response.model")

    monkeypatch.setattr(PriceBook, "quote", fail)
    server.queue(json_answer(payload("response_simple.json")))
    api.responses.create(model="gpt-5.5", input="canary:input")
    assert told() == set()
    assert [line for line in caplog.records if _is_ours(line)], "the failure was not logged at all"
