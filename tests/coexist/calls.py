# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The calls that instrumentations meet on, and what all of them together recorded of one."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pydantic
import pytest

from support.clients import OPENAI_VERSION
from support.expect import COST, DURATION, MESSAGES, TOKENS, UNPRICED, chat, money, response, streamed
from support.payloads import event, payload
from support.server import Answer, Server, json_answer, sse_answer
from support.telemetry import Telemetry

OURS = "opentelemetry.instrumentation.openai_cost"
OFFICIAL = "opentelemetry.instrumentation.genai.openai"
OPENINFERENCE = "openinference.instrumentation.openai"

AMOUNT = "gen_ai.usage.cost.amount"

has_responses = pytest.mark.skipif(OPENAI_VERSION < (1, 66), reason="the client has no Responses API")
has_helpers = pytest.mark.skipif(OPENAI_VERSION < (1, 92), reason="chat.completions has neither parse nor stream")


class Reply(pydantic.BaseModel):
    """What ``parse`` is asked for."""

    ok: bool


@dataclass(frozen=True)
class Shape:
    """One way of calling the client, and what it costs."""

    name: str
    answer: Callable[[], Answer]
    call: Callable[[Any], Any]
    """With a synchronous client; what it streams is read to the end."""
    call_async: Callable[[Any], Awaitable[Any]]
    """The same with an asynchronous client."""
    amount: str = "0.035"
    span: str = "chat gpt-5.5"
    tokens: tuple[tuple[str, int], ...] = (("input", 1000), ("output", 1000))
    streamed: bool = False


# --- answers ---


def parsed_chat() -> Answer:
    message = {"role": "assistant", "content": json.dumps({"ok": True}), "refusal": None}
    return json_answer(chat(choices=[{"index": 0, "message": message, "finish_reason": "stop"}]))


def parsed_response() -> Answer:
    text = {"type": "output_text", "text": json.dumps({"ok": True}), "annotations": [], "logprobs": []}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
    return json_answer(response(output=[message]))


def streamed_response() -> list[bytes]:
    """The events of a streamed response without output: 1000 tokens in, 1000 out."""
    body = response(output=[])
    begun = {**body, "status": "in_progress", "usage": None}
    return [
        event({"type": kind, "sequence_number": number, "response": said}, kind)
        for number, (kind, said) in enumerate([("response.created", begun), ("response.completed", body)])
    ]


def vectors() -> Answer:
    usage = {"prompt_tokens": 1000, "total_tokens": 1000}
    return json_answer(payload("embeddings.json", model="text-embedding-3-small", usage=usage))


def refused() -> Answer:
    return json_answer(payload("error_429.json"), status=429)


# --- requests ---

CHAT = {"model": "gpt-5.5", "messages": MESSAGES}
USAGE = {"stream_options": {"include_usage": True}}
RESPONSE = {"model": "gpt-5.5", "input": "Hello"}
EMBEDDING = {"model": "text-embedding-3-small", "input": "Hello", "encoding_format": "float"}


async def chat_stream_async(client: Any) -> Any:
    return [chunk async for chunk in await client.chat.completions.create(stream=True, extra_body=USAGE, **CHAT)]


def chat_helper(client: Any) -> Any:
    with client.chat.completions.stream(**USAGE, **CHAT) as stream:
        return list(stream)


async def chat_helper_async(client: Any) -> Any:
    async with client.chat.completions.stream(**USAGE, **CHAT) as stream:
        return [event async for event in stream]


def chat_parse(client: Any) -> Any:
    made = client.chat.completions.parse(response_format=Reply, **CHAT)
    assert made.choices[0].message.parsed == Reply(ok=True)
    return made


async def chat_parse_async(client: Any) -> Any:
    made = await client.chat.completions.parse(response_format=Reply, **CHAT)
    assert made.choices[0].message.parsed == Reply(ok=True)
    return made


async def response_stream_async(client: Any) -> Any:
    return [event async for event in await client.responses.create(stream=True, **RESPONSE)]


def response_helper(client: Any) -> Any:
    with client.responses.stream(**RESPONSE) as stream:
        return list(stream)


async def response_helper_async(client: Any) -> Any:
    async with client.responses.stream(**RESPONSE) as stream:
        return [event async for event in stream]


SHAPES = {
    shape.name: shape
    for shape in (
        Shape(
            "chat",
            lambda: json_answer(chat()),
            lambda client: client.chat.completions.create(**CHAT),
            lambda client: client.chat.completions.create(**CHAT),
        ),
        Shape(
            "chat_stream",
            lambda: sse_answer(streamed()),
            lambda client: list(client.chat.completions.create(stream=True, extra_body=USAGE, **CHAT)),
            chat_stream_async,
            streamed=True,
        ),
        Shape("chat_helper", lambda: sse_answer(streamed()), chat_helper, chat_helper_async, streamed=True),
        Shape("chat_parse", parsed_chat, chat_parse, chat_parse_async),
        Shape(
            "chat_raw",
            lambda: json_answer(chat()),
            lambda client: client.chat.completions.with_raw_response.create(**CHAT),
            lambda client: client.chat.completions.with_raw_response.create(**CHAT),
        ),
        Shape(
            "response",
            lambda: json_answer(response()),
            lambda client: client.responses.create(**RESPONSE),
            lambda client: client.responses.create(**RESPONSE),
        ),
        Shape(
            "response_stream",
            lambda: sse_answer(streamed_response()),
            lambda client: list(client.responses.create(stream=True, **RESPONSE)),
            response_stream_async,
            streamed=True,
        ),
        Shape(
            "response_helper",
            lambda: sse_answer(streamed_response()),
            response_helper,
            response_helper_async,
            streamed=True,
        ),
        Shape(
            "response_parse",
            parsed_response,
            lambda client: client.responses.parse(text_format=Reply, **RESPONSE),
            lambda client: client.responses.parse(text_format=Reply, **RESPONSE),
        ),
        Shape(
            "embedding",
            vectors,
            lambda client: client.embeddings.create(**EMBEDDING),
            lambda client: client.embeddings.create(**EMBEDDING),
            amount="0.00002",
            span="embeddings text-embedding-3-small",
            tokens=(("input", 1000),),
        ),
    )
}


def parameters() -> list[Any]:
    """The shapes as parameters; those that the installed client does not have are skipped."""
    marks = {"response": [has_responses], "chat_helper": [has_helpers], "chat_parse": [has_helpers]}
    return [
        pytest.param(shape, id=name, marks=marks.get(name, marks.get(name.partition("_")[0], [])))
        for name, shape in SHAPES.items()
    ]


# --- what was recorded ---


@dataclass(frozen=True)
class Ledger:
    """How much has been recorded so far, by everybody together."""

    ours: int
    """Spans of our scope."""
    theirs: int
    """Spans of any other scope."""
    amounts: tuple[Decimal, ...]
    """The amounts on spans, in the order in which the spans ended."""
    cost: Decimal
    """Sum of the cost histogram; the SDK adds floats, and what that leaves beyond 1e-12 is not ours."""
    costs: int
    durations: int
    tokens: dict[str, tuple[int, int]]
    """By type: number of records, and their sum."""
    unpriced: int

    def since(self, earlier: "Ledger") -> "Ledger":
        """What was recorded since then."""
        return Ledger(
            self.ours - earlier.ours,
            self.theirs - earlier.theirs,
            self.amounts[len(earlier.amounts) :],
            _rounded(self.cost - earlier.cost),
            self.costs - earlier.costs,
            self.durations - earlier.durations,
            {
                kind: (count - before[0], total - before[1])
                for kind, (count, total) in self.tokens.items()
                if (before := earlier.tokens.get(kind, (0, 0))) != (count, total)
            },
            self.unpriced - earlier.unpriced,
        )


def ledger(telemetry: Telemetry) -> Ledger:
    """Reads the ledger; nothing may be open."""
    assert telemetry.open_spans() == []
    spans = telemetry.spans()
    ours = sum(span.instrumentation_scope.name == OURS for span in spans)
    costs = telemetry.points(COST)
    tokens: dict[str, tuple[int, int]] = {}
    for labels, point in telemetry.points(TOKENS):
        count, total = tokens.get(labels["gen_ai.token.type"], (0, 0))
        tokens[labels["gen_ai.token.type"]] = (count + point.count, total + point.sum)
    return Ledger(
        ours=ours,
        theirs=len(spans) - ours,
        amounts=tuple(money(span.attributes[AMOUNT]) for span in spans if AMOUNT in span.attributes),
        cost=_rounded(sum((money(point.sum) for _, point in costs), Decimal(0))),
        costs=sum(point.count for _, point in costs),
        durations=sum(point.count for _, point in telemetry.points(DURATION)),
        tokens=tokens,
        unpriced=sum(point.value for _, point in telemetry.points(UNPRICED)),
    )


def _rounded(amount: Decimal) -> Decimal:
    return round(amount, 12)


def scopes(telemetry: Telemetry) -> list[str]:
    """The scope of every span that ended, in that order."""
    return [span.instrumentation_scope.name for span in telemetry.spans()]


def spans_of(telemetry: Telemetry, scope: str) -> list[Any]:
    """The spans of one scope, in the order in which they ended."""
    return [span for span in telemetry.spans() if span.instrumentation_scope.name == scope]


def cost_names(labels: dict[str, Any]) -> list[str]:
    """Names among labels that speak of cost."""
    return [name for name in labels if "cost" in name]


def queue(server: Server, *shapes: Shape) -> None:
    """Prepares the answers to these calls."""
    server.queue(*(shape.answer() for shape in shapes))
