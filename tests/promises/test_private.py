# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Private: nothing that was said, and nobody's secret, is in anything emitted; what is, is what the conventions ask for.

Canaries stand in every field of every request and response of every endpoint in the table. Of those that turn up, each must be
of a field that its attribute is meant for.
"""

import contextlib

import openai
import pytest

from opentelemetry.instrumentation.openai_cost import endpoints
from promises.canaries import canary, found, plant
from promises.correspondence import (
    ANSWERS,
    BY_ID,
    HEADERS,
    IN_PARTS,
    IN_WORDS,
    SECRETS,
    STREAMS,
    options,
    planted_event,
    request,
)
from promises.disclosure import disclosure
from support.clients import OPENAI_VERSION
from support.expect import MESSAGES, ask, chat, streamed
from support.payloads import event, events, payload
from support.server import json_answer, sse_answer


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
def told(instrument, telemetry, caplog, capsys):
    """Everything that can be switched on is."""
    with disclosure(instrument, telemetry, caplog, capsys) as told:
        yield told


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
def test_an_answer_tells_no_more_than_it_may(server, api, told, path, more, everywhere):
    server.queue(json_answer(plant(payload(ANSWERS[path]), "response", everywhere=everywhere), headers=HEADERS))
    api.post(path, body=request(more, everywhere=everywhere), cast_to=object, options=options())
    assert told.against_the_rules() == set()
    assert len(told.calls()) == (0 if endpoints.find("post", path).is_silent else 1)


@pytest.mark.parametrize("everywhere", [False, True], ids=["read as ever", "read as something else"])
@pytest.mark.parametrize("path", ANSWERS)
def test_a_span_of_the_application_is_told_no_more(
    server, api, instrument, telemetry, caplog, capsys, path, everywhere
):
    server.queue(json_answer(plant(payload(ANSWERS[path]), "response", everywhere=everywhere), headers=HEADERS))
    with disclosure(instrument, telemetry, caplog, capsys, spans="current") as told:
        api.post(path, body=request(IN_PARTS, everywhere=everywhere), cast_to=object, options=options())
    assert told.against_the_rules() == set()
    assert told.calls() == []


def test_whose_money_it_is_is_told_and_what_else_the_baggage_says_is_not(server, api, told):
    server.queue(json_answer(plant(chat(), "response", everywhere=False), headers=HEADERS))
    ask(api)
    assert told.against_the_rules() == set()
    everything = found(told.telemetry)
    assert {("team", "attribution.team"), ("tenant.id", "baggage.tenant")} <= everything
    (event,) = told.events
    assert event.attributes == {"team": "canary:attribution.team", "tenant.id": "canary:baggage.tenant"}
    # Nor does it leave by the way of the request.
    assert "baggage" not in server.requests[0].headers


@pytest.mark.parametrize("everywhere", [False, True], ids=["read as ever", "read as something else"])
@pytest.mark.parametrize("path", STREAMS)
def test_a_stream_tells_no_more_than_it_may(server, api, told, path, everywhere):
    planted = [planted_event(one, everywhere=everywhere) for one in events(STREAMS[path])]
    server.queue(sse_answer(planted, headers=HEADERS))
    body = {**request(IN_PARTS, everywhere=everywhere), "stream": True}
    stream = api.post(path, body=body, cast_to=object, options=options(), stream=True, stream_cls=openai.Stream[object])
    with contextlib.suppress(openai.APIError):
        list(stream)
    assert told.against_the_rules() == set()
    assert told.call().attributes["gen_ai.request.model"] in ("canary:request.model", "x")


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
    assert told.against_the_rules() == set()


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_an_error_tells_no_more_than_its_class(server, api, told, status):
    server.queue(
        json_answer(plant(payload("error_429.json"), "response", everywhere=True), status=status, headers=HEADERS)
    )
    with pytest.raises(openai.APIStatusError, match="canary"):
        ask(api, messages=plant(MESSAGES, "request", everywhere=True), model="gpt-5.5")
    assert told.against_the_rules() == set()
    assert told.call().events == ()


def test_an_error_event_that_says_a_sentence_is_not_repeated(server, api, told):
    error = {"message": "canary:response.message", "code": "you said canary:response.message", "type": "a canary:x b"}
    server.queue(sse_answer([streamed()[0], event({"error": error})]))
    with pytest.raises(openai.APIError):
        list(ask(api, stream=True))
    assert told.against_the_rules() == set()
    assert told.call().attributes["error.type"] == "_OTHER"


def test_what_the_application_raises_within_a_call_is_not_repeated(server, api, told):
    def messages():
        yield {"role": "user", "content": "x"}
        raise LookupError("canary:request.message")

    with pytest.raises(LookupError):
        ask(api, messages=messages())
    assert told.against_the_rules() == set()
    assert told.calls() == [] or told.call().attributes["error.type"] == "LookupError"


def test_files_are_not_told(server, api, told):
    sound = ("canary:file.wav", b"RIFF canary:bytes")
    picture = ("canary:file.png", b"\x89PNG canary:bytes")
    server.queue(json_answer(payload("transcription_usage_tokens.json")), json_answer(payload("images_generate.json")))
    api.audio.transcriptions.create(model="whisper-1", file=sound, prompt="canary:prompt")
    api.images.edit(model="gpt-image-1", image=picture, mask=picture, prompt="canary:prompt", user="canary:user")
    assert told.against_the_rules() == set()
    assert len(told.calls()) == 2


@pytest.mark.skipif(OPENAI_VERSION < (1, 66), reason="the client has no Responses API")
def test_a_failure_of_ours_is_logged_without_what_it_failed_on(server, api, told, monkeypatch):
    from opentelemetry.instrumentation.openai_cost.pricing import PriceBook

    def fail(*args, **kwargs):
        raise ValueError("canary:response.model")

    monkeypatch.setattr(PriceBook, "quote", fail)
    server.queue(json_answer(payload("response_simple.json")))
    api.responses.create(model="gpt-5.5", input="canary:input")
    assert told.against_the_rules() == set()
    assert told.log(), "the failure was not logged at all"
