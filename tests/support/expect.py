# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""What the tests compare: attributes with their types, and money without the rounding of floats."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from opentelemetry.instrumentation.openai_cost.pricing import bundled_data
from support.payloads import payload

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


def response(
    model: str = "gpt-5.5", tokens: tuple[int, int] = (1000, 1000), **changes: Any
) -> dict[str, Any]:
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
