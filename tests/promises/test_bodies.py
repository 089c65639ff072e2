# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Bodies of every wrong shape: the application gets what it would get bare, and every call is counted once."""

import json
import logging
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.context import get_current
from opentelemetry.instrumentation.utils import suppress_instrumentation

from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor
from opentelemetry.instrumentation.openai_cost.endpoints import find
from opentelemetry.instrumentation.openai_cost.provider import server as host
from opentelemetry.instrumentation.openai_cost.recorder import Recorder
from promises.accounts import assert_all_told, assert_span_exportable, status
from promises.description import kind, text
from support.clients import OPENAI_VERSION, http
from support.expect import MESSAGES
from support.payloads import DONE, event, payload

BODIES = int(os.environ.get("OPENAI_COST_TEST_BODIES", "10000"))
"""How many bodies are tried."""
TOGETHER = 20
"""How many of them are made of one example: every usage in every surrounding."""

# --- what may be in a body ---

WORDS = st.sampled_from(
    ["gpt-5.5", "default", "flex", "stop", "completed", "many", "1000", "-1", "NaN", "\ud83d", "é" * 300, ""]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 5000),
    st.sampled_from([2**63, 10**13, 10**400, -(10**400)]),
    st.floats(),
    WORDS,
)
ODD = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=5
)
COUNT = st.integers(0, 5000) | SCALARS
DETAILS = ODD | st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        (
            "cached_tokens",
            "cache_write_tokens",
            "cache_write_tokens_details",
            "cached_tokens_details",
            "reasoning_tokens",
            "audio_tokens",
            "text_tokens",
            "image_tokens",
        ),
        COUNT,
    ),
)
USAGE = ODD | st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(
            (
                "prompt_tokens",
                "completion_tokens",
                "input_tokens",
                "output_tokens",
                "total_tokens",
                "seconds",
                "cost",
                "cost_in_usd_ticks",
                "is_byok",
                "cost_details",
                "type",
            ),
            COUNT,
        ),
        **dict.fromkeys(
            (
                "prompt_tokens_details",
                "completion_tokens_details",
                "input_tokens_details",
                "output_tokens_details",
                "input_token_details",
            ),
            DETAILS,
        ),
    },
)
FIELDS = (
    "id",
    "model",
    "created",
    "created_at",
    "service_tier",
    "system_fingerprint",
    "choices",
    "output",
    "data",
    "status",
    "error",
    "tools",
    "tool_usage",
    "svg_usage",
    "duration",
    "incomplete_details",
)
CHANGES = st.dictionaries(st.sampled_from(FIELDS), ODD, max_size=4)

# --- how a body may be asked for and handed over ---


@dataclass(frozen=True)
class Way:
    """An endpoint, a good body of it, and the client's call."""

    path: str
    good: str
    call: Callable[[Any], Any]
    events: Callable[[Any], list[bytes]] | None = None

    def content(self, usage: Any, changes: dict[str, Any]) -> bytes:
        """The good body, spoilt."""
        body = payload(self.good, **changes, usage=usage)
        return json.dumps(body).encode() if self.events is None else b"".join(self.events(body))


def _chunks(body: Any) -> list[bytes]:
    return [event({**body, "object": "chat.completion.chunk"}), DONE]


def _response_events(body: Any) -> list[bytes]:
    return [
        event({"type": "response.created", "response": body}),
        event({"type": "response.completed", "response": body}),
    ]


CHAT = {"model": "gpt-5.5", "messages": MESSAGES}
ANSWER = {"model": "gpt-5.5", "input": "x"}
WORDS_OF = {"model": "text-embedding-3-small", "input": "x", "encoding_format": "float"}
SOUND = {"model": "whisper-1", "file": ("a.wav", b"RIFF")}
PLAIN = "chat_completion_minimal_usage.json"

WAYS = {
    "chat": Way("/chat/completions", PLAIN, lambda api: api.chat.completions.create(**CHAT)),
    "raw": Way("/chat/completions", PLAIN, lambda api: api.chat.completions.with_raw_response.create(**CHAT).text),
    "chunks": Way(
        "/chat/completions", PLAIN, lambda api: list(api.chat.completions.create(**CHAT, stream=True)), _chunks
    ),
    "embeddings": Way("/embeddings", "embeddings.json", lambda api: api.embeddings.create(**WORDS_OF)),
    "completions": Way(
        "/completions",
        "completion_legacy.json",
        lambda api: api.completions.create(model="gpt-3.5-turbo-instruct", prompt="x"),
    ),
    "images": Way(
        "/images/generations",
        "images_generate.json",
        lambda api: api.images.generate(model="gpt-image-1", prompt="x"),
    ),
    "transcriptions": Way(
        "/audio/transcriptions",
        "transcription_usage_duration.json",
        lambda api: api.audio.transcriptions.create(**SOUND),
    ),
    "decisions": Way(
        "/decisions", "decision.json", lambda api: api.post("/decisions", body={"model": "gpt-5.5"}, cast_to=object)
    ),
}
if OPENAI_VERSION >= (1, 66):
    WAYS["responses"] = Way("/responses", "response_simple.json", lambda api: api.responses.create(**ANSWER))
    WAYS["tools"] = Way("/responses", "response_tools.json", lambda api: api.responses.create(**ANSWER))
    WAYS["events"] = Way(
        "/responses",
        "response_simple.json",
        lambda api: list(api.responses.create(**ANSWER, stream=True)),
        _response_events,
    )


class Served(http.BaseTransport):
    """Answers within the process: ten thousand bodies are too many for a socket each."""

    def __init__(self):
        self.content, self.content_type = b"", ""

    def handle_request(self, request):
        return http.Response(200, headers={"content-type": self.content_type}, content=iter((self.content,)))


def _content_type(way: Way) -> str:
    return "application/json" if way.events is None else "text/event-stream"


class Lines(logging.Handler):
    """The lines of our log."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


@pytest.fixture
def lines():
    logger, handler = logging.getLogger("opentelemetry.instrumentation.openai_cost"), Lines()
    logger.addHandler(handler)
    logger.propagate = False
    yield handler.lines
    logger.removeHandler(handler)
    logger.propagate = True


def outcome(call, client):
    with warnings.catch_warnings():
        # Some clients warn of values that do not fit their classes, with us and without.
        warnings.simplefilter("ignore")
        try:
            made = call(client)
        except Exception as error:
            return kind(error), text(error)
        return kind(made), text(repr(made))


def bare_outcome(call, client):
    with suppress_instrumentation():
        return outcome(call, client)


def observe(recorder: Recorder, way: Way, content: bytes, size: int) -> bytes:
    """Hands an answer past the instrumentation, cut into pieces; returns what comes out behind it."""
    endpoint = find("post", way.path)
    request = endpoint.read_request({"model": "gpt-5.5", "stream": way.events is not None})
    operation = recorder.begin(endpoint, host("https", "api.openai.com", None), request, get_current())
    pieces = (content[start : start + size] for start in range(0, len(content), size))
    response = http.Response(200, headers={"content-type": _content_type(way)}, content=pieces)
    operation.received(response, way.events is not None, False)
    return b"".join(response.iter_raw())


@pytest.mark.skipif(OPENAI_VERSION < (1, 26), reason="the ways are those of later clients")
def test_no_body_changes_what_the_application_gets_or_is_lost(instrument, telemetry, lines):
    transport = Served()
    client = openai.OpenAI(api_key="k", max_retries=0, http_client=http.Client(transport=transport))
    calls = 0
    instrument()
    recorder = OpenAICostInstrumentor._recorder

    @settings(max_examples=BODIES // TOGETHER, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(
        way=st.sampled_from(sorted(WAYS)).map(WAYS.__getitem__),
        usages=st.lists(USAGE, min_size=4, max_size=4),
        changes=st.lists(CHANGES, min_size=5, max_size=5),
        size=st.integers(1, 3000),
    )
    def bodies(way, usages, changes, size):
        nonlocal calls
        contents = [way.content(usage, change) for usage in usages for change in changes]
        for content in contents:
            assert observe(recorder, way, content, size) == content
        # A sample goes through the client as well, with the instrumentation and past it.
        transport.content, transport.content_type = contents[0], _content_type(way)
        assert outcome(way.call, client) == bare_outcome(way.call, client)
        before, calls = calls, calls + len(contents) + 1
        spans = telemetry.spans()
        assert len(spans) == calls
        for span in spans[before:]:
            status(span)
            assert_span_exportable(span)
        assert lines == []

    bodies()
    assert calls >= BODIES
    assert_all_told(telemetry, calls)
    client.close()
