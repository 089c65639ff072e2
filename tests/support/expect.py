# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""What the tests compare: attributes with their types, and money without the rounding of floats."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import INVALID_SPAN, StatusCode, get_current_span

from opentelemetry.instrumentation.openai_cost.pricing import bundled_data
from support.payloads import DONE, event, payload
from support.telemetry import Telemetry

COST = "gen_ai.client.operation.cost"
TOKENS = "gen_ai.client.token.usage"
DURATION = "gen_ai.client.operation.duration"
FIRST_CHUNK = "gen_ai.client.operation.time_to_first_chunk"
UNPRICED = "openai_cost.unpriced_operations"

MESSAGES = [{"role": "user", "content": "Hello"}]

AT_OPENAI = {
    "gen_ai.provider.name": "openai",
    "server.address": "api.openai.com",
    "server.port": 443,
}

BOOK_VERSION = str(bundled_data()["version"])


def money(value: Any) -> Decimal:
    """An amount as the decimal that its float stands for; it must be a float."""
    assert type(value) is float, f"{value!r} is not a double"
    return Decimal(repr(value))


def conventional(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes outside our own namespace."""
    return {key: value for key, value in attributes.items() if not key.startswith("openai_cost.")}


def assert_same(actual: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """The same names and values, and of the same types: 1, 1.0 and True are different."""
    assert dict(actual) == dict(expected)
    types = {key: _types(value) for key, value in actual.items()}
    assert types == {key: _types(value) for key, value in expected.items()}


def _types(value: Any) -> Any:
    return [type(item) for item in value] if isinstance(value, (list, tuple)) else type(value)


def assert_no_cost(attributes: Mapping[str, Any]) -> None:
    """Neither an amount nor anything that belongs to one."""
    assert not [key for key in attributes if key.startswith("gen_ai.usage.cost.")]


def assert_breakdown_adds_up(attributes: Mapping[str, Any]) -> None:
    """Input, output, tool and other are the amount; cache and reasoning are parts of them."""
    part = {
        name: money(attributes.get(f"openai_cost.{name}", 0.0))
        for name in ("input", "output", "tool", "other", "cache_read", "cache_write", "reasoning")
    }
    whole = part["input"] + part["output"] + part["tool"] + part["other"]
    assert abs(whole - money(attributes["gen_ai.usage.cost.amount"])) < Decimal("1e-12")
    assert part["cache_read"] + part["cache_write"] <= part["input"]
    assert part["reasoning"] <= part["output"]


def chat(model: str = "gpt-5.5", tokens: tuple[int, int] = (1000, 1000), **changes: Any) -> dict[str, Any]:
    """A chat completion of that model with that many tokens in and out."""
    into, out = tokens
    usage = {"prompt_tokens": into, "completion_tokens": out, "total_tokens": into + out}
    usage |= changes.pop("usage", {})
    return payload("chat_completion_minimal_usage.json", model=model, usage=usage, **changes)


def response(model: str = "gpt-5.5", tokens: tuple[int, int] = (1000, 1000), **changes: Any) -> dict[str, Any]:
    """A response of that model with that many tokens in and out."""
    into, out = tokens
    usage = {
        "input_tokens": into,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": out,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": into + out,
    }
    usage |= changes.pop("usage", {})
    return payload("response_simple.json", model=model, usage=usage, **changes)


def ask(client: Any, **options: Any) -> Any:
    """A chat completion, the smallest request of all; a coroutine with an asynchronous client."""
    return client.chat.completions.create(**{"model": "gpt-5.5", "messages": MESSAGES, **options})


def streamed(usage: bool = True, model: str = "gpt-5.5") -> list[bytes]:
    """The events of a streamed chat completion: two chunks, the usage (1000 in, 1000 out), and the end."""
    chunk: dict[str, Any] = {
        "id": "chatcmpl-s",
        "object": "chat.completion.chunk",
        "created": 1_795_000_000,
        "model": model,
        "service_tier": "default",
    }
    choice: dict[str, Any] = {"index": 0, "delta": {"content": "x"}, "finish_reason": None}
    counts: dict[str, int] = {"prompt_tokens": 1000, "completion_tokens": 1000, "total_tokens": 2000}
    chunks: list[dict[str, Any]] = [
        {**chunk, "choices": [choice]},
        {**chunk, "choices": [{**choice, "delta": {}, "finish_reason": "stop"}]},
    ]
    if usage:
        chunks.append({**chunk, "choices": [], "usage": counts})
    return [*map(event, chunks), DONE]


def assert_ended_once(telemetry: Telemetry) -> ReadableSpan:
    """One span, ended; one duration; nothing of ours left in the context. Returns the span."""
    span = telemetry.span()
    assert sum(point.count for _, point in telemetry.points(DURATION)) == 1
    assert get_current_span() is INVALID_SPAN
    return span


def assert_abandoned(telemetry: Telemetry) -> None:
    """The caller went away before the usage was known: no error, and no price."""
    span = assert_ended_once(telemetry)
    assert span.status.status_code is StatusCode.UNSET
    assert "error.type" not in span.attributes
    assert_unpriced(telemetry, "no_usage")


def assert_failed(telemetry: Telemetry, error_type: str) -> None:
    """The operation failed with an error whose type ends as given; nothing was priced."""
    span = assert_ended_once(telemetry)
    assert span.status.status_code is StatusCode.ERROR
    assert str(span.attributes["error.type"]).endswith(error_type)
    attributes, _ = telemetry.point(DURATION)
    assert attributes["error.type"] == span.attributes["error.type"]
    assert_no_cost(span.attributes)
    assert telemetry.points(COST) == []
    assert telemetry.points(TOKENS) == []


def assert_unpriced(telemetry: Telemetry, reason: str) -> None:
    """No cost anywhere, and one increment of the counter, with the reason."""
    attributes = telemetry.attributes()
    assert_no_cost(attributes)
    assert attributes["openai_cost.unpriced.reason"] == reason
    assert telemetry.points(COST) == []
    counted, point = telemetry.point(UNPRICED)
    assert point.value == 1
    assert counted["openai_cost.unpriced.reason"] == reason


def assert_priced(telemetry: Telemetry, amount: str) -> None:
    """The same amount on the only span and, once, in the histogram; nothing counted as unpriced."""
    span = assert_ended_once(telemetry)
    assert span.status.status_code is StatusCode.UNSET
    assert money(span.attributes["gen_ai.usage.cost.amount"]) == Decimal(amount)
    _, point = telemetry.point(COST)
    assert point.count == 1
    assert money(point.sum) == Decimal(amount)
    assert telemetry.points(UNPRICED) == []
