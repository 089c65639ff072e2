# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""What the applications here do: a batch of calls whose tokens, and hence whose price, are known in advance."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import openai
import pydantic
from opentelemetry.baggage import set_baggage
from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import TracerProvider

from opentelemetry.instrumentation.openai_cost import Budget, cost_attributes
from support.expect import MESSAGES, ask, chat, response, streamed
from support.payloads import payload
from support.server import Answer, json_answer, sse_answer

MILLION = 1_000_000
_PROVIDER = TracerProvider()
_TRACER = _PROVIDER.get_tracer(__name__)


@dataclass(frozen=True)
class Billed:
    """What one call of the batch uses, and the list prices of it in USD per million tokens."""

    model: str
    input: int
    cached: int
    output: int
    rates: tuple[str, str, str]
    tier: str | None = None
    operation: str = "chat"

    @property
    def cost(self) -> Decimal:
        """The amount, in USD."""
        quantities = self.input - self.cached, self.cached, self.output
        return sum((Decimal(rate) * n for rate, n in zip(self.rates, quantities, strict=True)), Decimal()) / MILLION

    @property
    def saved(self) -> Decimal:
        """What the cached tokens would have cost more."""
        return (Decimal(self.rates[0]) - Decimal(self.rates[1])) * self.cached / MILLION


CHAT = Billed("gpt-5.5", 2000, 500, 300, ("5", "0.5", "30"), tier="default")
STREAM = Billed("gpt-5.5", 1000, 0, 1000, ("5", "0.5", "30"), tier="default")
FLEX = Billed("gpt-5-mini", 4000, 1000, 200, ("0.125", "0.0125", "1"), tier="flex")
EMBEDDINGS = Billed("text-embedding-3-small", 8, 0, 0, ("0.02", "0", "0"), operation="embeddings")
RAISED = Billed("gpt-5-mini", 1000, 0, 500, ("0.25", "0.025", "2"), tier="default")
"""Billed, and still raised: the answer was cut off before it could be parsed."""
BATCH: Sequence[Billed] = (CHAT, STREAM, FLEX, EMBEDDINGS, RAISED)
"""The priced calls of a batch."""
FEATURES = {"search": (CHAT, STREAM), "digest": (FLEX, EMBEDDINGS, RAISED)}
"""The same by what they are for."""
TENANT = "acme"
"""In the baggage of the applications that have any."""
BUDGETS = {"everything": ("1000", "month", BATCH), "search": ("50", "day", FEATURES["search"])}
"""Budgets in USD, and the calls that fall under each."""
UNPRICED = {"unknown_model": "acme-gpt", "no_usage": "gpt-5.5"}
"""The unpriced calls: reason, and model that was asked for."""
UNPRICED_TOKENS = 1000
"""Tokens, in and out each, that the answer of the unknown model reports."""
CALLS = len(BATCH) + len(UNPRICED) + 1
"""Calls of a batch; the last one fails, and is not billed."""
LATE = CALLS - len(FEATURES["search"])
"""Those that end after the span above them, where there is one: all but the first."""


def total(calls: Sequence[Billed] = BATCH) -> Decimal:
    """What the calls cost, in USD."""
    return sum((call.cost for call in calls), Decimal())


def answers() -> list[Answer]:
    """What a server says to a batch."""
    return [
        json_answer(chat(CHAT.model, (CHAT.input, CHAT.output), usage=_cached(CHAT), service_tier=CHAT.tier)),
        sse_answer(streamed(model=STREAM.model)),
        json_answer(_response(FLEX)),
        json_answer(payload("embeddings.json")),
        json_answer(chat(UNPRICED["unknown_model"], (UNPRICED_TOKENS, UNPRICED_TOKENS))),
        sse_answer(streamed(usage=False)),
        json_answer(_cut_off(RAISED)),
        json_answer(payload("error_429.json"), status=429),
    ]


def make_calls(client: openai.OpenAI, within: Callable[[str], AbstractContextManager[object]] = nullcontext) -> None:
    """Makes a batch of calls, those for each feature within what its name gives."""
    with within("search"):
        _search(client)
    with within("digest"):
        _digest(client)


def _search(client: openai.OpenAI) -> None:
    ask(client, model=CHAT.model)
    for _ in ask(client, model=STREAM.model, stream=True, stream_options={"include_usage": True}):
        pass


def _digest(client: openai.OpenAI) -> None:
    client.responses.create(model=FLEX.model, input="Hello", service_tier="flex")
    client.embeddings.create(model=EMBEDDINGS.model, input="Hello")
    ask(client, model=UNPRICED["unknown_model"])
    for _ in ask(client, model=UNPRICED["no_usage"], stream=True):
        pass
    with suppress(openai.LengthFinishReasonError):
        client.chat.completions.parse(model=RAISED.model, messages=MESSAGES, response_format=Answer)
    with suppress(openai.RateLimitError):
        ask(client)


def _cached(call: Billed) -> dict[str, Any]:
    return {"prompt_tokens_details": {"cached_tokens": call.cached}}


class Answer(pydantic.BaseModel):
    """What the last call that is billed hopes for."""

    city: str


def _cut_off(call: Billed) -> dict[str, Any]:
    body = chat(call.model, (call.input, call.output), service_tier=call.tier)
    body["choices"][0]["finish_reason"] = "length"
    return body


def _response(call: Billed) -> dict[str, Any]:
    details = {"cached_tokens": call.cached, "cache_write_tokens": 0}
    return response(
        call.model, (call.input, call.output), usage={"input_tokens_details": details}, service_tier=call.tier
    )


def options() -> dict[str, Any]:
    """What an application instruments with that is shown everything."""
    budgets = [
        Budget(name, usd, per, where={"feature": name} if name in FEATURES else None)
        for name, (usd, per, _) in BUDGETS.items()
    ]
    return {
        "component_metrics": True,
        "baggage_keys": ("tenant.id",),
        "budgets": budgets,
        "rollup": True,
        "tracer_provider": _PROVIDER,
    }


@contextmanager
def attributed(feature: str) -> Iterator[None]:
    """Calls for a feature, made for a tenant whom the baggage names, below a span; that of the digest is over by then."""
    token = attach(set_baggage("tenant.id", TENANT))
    try:
        with cost_attributes(feature=feature), _TRACER.start_as_current_span(feature) as span:
            if feature == "digest":
                span.end()
            yield
    finally:
        detach(token)
