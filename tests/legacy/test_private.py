# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Private, with the client 0.28: canaries in every field of every request and response that it can carry."""

import contextlib
import io

import openai
import pytest
from openai import api_requestor, error

from opentelemetry.instrumentation.openai_cost import endpoints
from promises.canaries import canary, plant
from promises.correspondence import ANSWERS, BY_ID, HEADERS, IN_PARTS, IN_WORDS, STREAMS, planted_event, request
from promises.disclosure import disclosure
from support.expect import MESSAGES, chat, streamed
from support.payloads import event, events, payload
from support.server import json_answer, sse_answer

BASE = "https://canary:user:canary:password@api.openai.com/canary:folder/v1"
EXTRA = {"X-Extra": canary("header.extra")}
READ = pytest.mark.parametrize("everywhere", [False, True], ids=["read as ever", "read as something else"])


@pytest.fixture
def told(api, instrument, telemetry, caplog, capsys, monkeypatch):
    """Everything that can be switched on is, and there is a secret wherever one may be."""
    monkeypatch.setattr(openai, "api_key", canary("key"))
    monkeypatch.setattr(openai, "api_base", BASE)
    monkeypatch.setattr(openai, "organization", canary("organization"))
    with disclosure(instrument, telemetry, caplog, capsys) as told:
        yield told


def answered(api, name, everywhere):
    api.queue(json_answer(plant(payload(name), "response", everywhere=everywhere), headers=HEADERS))


@READ
@pytest.mark.parametrize("more", [IN_WORDS, IN_PARTS], ids=["in words", "in parts"])
@pytest.mark.parametrize("path", ANSWERS)
def test_an_answer_tells_no_more_than_it_may(api, told, path, more, everywhere):
    answered(api, ANSWERS[path], everywhere)
    api_requestor.APIRequestor().request("post", path, request(more, everywhere=everywhere), EXTRA)
    assert told.against_the_rules() == set()
    assert len(told.calls()) == (0 if endpoints.find("post", path).is_silent else 1)


@READ
@pytest.mark.parametrize("path", STREAMS)
def test_a_stream_tells_no_more_than_it_may(api, told, path, everywhere):
    api.queue(sse_answer([planted_event(one, everywhere=everywhere) for one in events(STREAMS[path])], headers=HEADERS))
    body = {**request(IN_PARTS, everywhere=everywhere), "stream": True}
    stream, _, _ = api_requestor.APIRequestor().request("post", path, body, EXTRA, stream=True)
    with contextlib.suppress(error.OpenAIError):
        list(stream)
    assert told.against_the_rules() == set()
    assert told.call().attributes["gen_ai.request.model"] in ("canary:request.model", "x")


@READ
@pytest.mark.parametrize("path", BY_ID)
def test_something_read_by_its_id_tells_no_more_than_it_may(api, told, path, everywhere):
    method, name = BY_ID[path]
    answered(api, name, everywhere)
    body = {"starting_after": canary("query.cursor")} if method == "get" else request(IN_PARTS, everywhere=everywhere)
    api_requestor.APIRequestor().request(method, path.replace("{}", "canary:path"), body, EXTRA)
    assert told.against_the_rules() == set()


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_an_error_tells_no_more_than_its_class(api, told, status):
    refusal = plant(payload("error_429.json"), "response", everywhere=True)
    api.queue(*[json_answer(refusal, status=status, headers=HEADERS)] * 3)
    with pytest.raises(error.OpenAIError, match="canary"):
        openai.ChatCompletion.create(model="gpt-5.5", messages=plant(MESSAGES, "request", everywhere=True))
    assert told.against_the_rules() == set()
    assert told.call().events == ()


def test_an_error_event_that_says_a_sentence_is_not_repeated(api, told):
    said = {"message": "canary:response.message", "code": "you said canary:response.message", "type": "a canary:x b"}
    api.queue(sse_answer([streamed()[0], event({"error": said})]))
    with pytest.raises(error.APIError):
        list(openai.ChatCompletion.create(model="gpt-5.5", messages=MESSAGES, stream=True))
    assert told.against_the_rules() == set()


def test_files_are_not_told(api, told):
    sound, picture = io.BytesIO(b"RIFF canary:bytes"), io.BytesIO(b"\x89PNG canary:bytes")
    sound.name = picture.name = "canary:file.wav"
    answered(api, "transcription_usage_tokens.json", False)
    answered(api, "images_generate.json", False)
    openai.Audio.transcribe("whisper-1", sound, prompt="canary:prompt")
    openai.Image.create_edit(picture, mask=picture, prompt="canary:prompt", user="canary:user")
    assert told.against_the_rules() == set()
    assert len(told.calls()) == 2


def test_an_engine_and_a_deployment_are_models_and_the_rest_of_a_path_is_not_told(api, told):
    for path in ("/engines/canary:request.model/completions", "/openai/deployments/canary:request.model/completions"):
        answered(api, "completion_legacy.json", False)
        api_requestor.APIRequestor().request("post", f"{path}?api-version=canary:query.version", {"prompt": "canary:x"})
    assert told.against_the_rules() == set()
    assert [span.attributes["gen_ai.request.model"] for span in told.calls()] == ["canary:request.model"] * 2


async def test_an_asynchronous_call_tells_no_more(async_api, told):
    answer = plant(chat(), "response", everywhere=False)
    async_api.queue(json_answer(answer, headers=HEADERS))
    await openai.ChatCompletion.acreate(**request(IN_WORDS, everywhere=False))
    assert told.against_the_rules() == set()
    assert len(told.calls()) == 1
