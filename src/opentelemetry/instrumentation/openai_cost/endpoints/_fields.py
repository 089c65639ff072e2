# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Reading by key, whatever the SDK made of the JSON: models of any version, plain dicts, or the raw document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import cast

from ..usage import Tokens

Fields = Mapping[str, object]
NOTHING: Fields = MappingProxyType({})
_IMPOSSIBLE = -1
"""Stands for a count that is no count; no split of usage accepts it."""


def fields(value: object) -> Fields:
    """The fields of a JSON object, of a pydantic model of either major version, or nothing."""
    if isinstance(value, dict):
        return cast(Fields, value)
    own = cast("Fields | None", getattr(value, "__dict__", None))
    if own is None:
        return NOTHING
    extra = cast("Fields | None", getattr(value, "__pydantic_extra__", None))
    return {**own, **extra} if extra else own


def items(value: object) -> Sequence[object]:
    """The items of a JSON array, or nothing."""
    return cast("Sequence[object]", value) if isinstance(value, (list, tuple)) else ()


def text(value: object) -> str | None:
    """A non-empty string, or ``None``."""
    return value if isinstance(value, str) and value else None


def number(value: object) -> float | None:
    """A number as float, or ``None``."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def whole(value: object) -> int | None:
    """A whole number, or ``None``."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def tokens(usage: object, *, has_output: bool = True) -> Tokens | None:
    """Token counts of a usage object in any of OpenAI's spellings.

    Chat says ``prompt_tokens`` and ``completion_tokens``, Responses ``input_tokens`` and ``output_tokens``; details hang under
    ``…_tokens_details`` or, in realtime and transcriptions, ``…_token_details``.

    Args:
        usage: the usage object of the response.
        has_output: whether the operation generates tokens; then a usage without an output count is inconsistent.

    Returns:
        The counts, or ``None`` where no total is reported.
    """
    used = fields(usage)
    inputs, outputs = used.get("input_tokens"), used.get("output_tokens")
    if inputs is None and outputs is None:
        inputs, outputs = used.get("prompt_tokens"), used.get("completion_tokens")
        if inputs is None and outputs is None:
            return None
        of_input = used.get("prompt_tokens_details")
        of_output = used.get("completion_tokens_details")
    else:
        of_input = used.get("input_tokens_details") or used.get("input_token_details")
        of_output = used.get("output_tokens_details") or used.get("output_token_details")
    total_input = _IMPOSSIBLE if inputs is None else _count(inputs)
    total_output = (_IMPOSSIBLE if has_output else None) if outputs is None else _count(outputs)
    if of_input is None and of_output is None:
        return Tokens(total_input, total_output)
    inside = fields(of_input) if of_input is not None else NOTHING
    outside = fields(of_output) if of_output is not None else NOTHING
    by_lifetime = inside.get("cache_write_tokens_details")
    lifetimes = fields(by_lifetime) if by_lifetime is not None else NOTHING
    by_modality = inside.get("cached_tokens_details")
    cached = fields(by_modality) if by_modality is not None else NOTHING
    return Tokens(
        total_input,
        total_output,
        _count(inside.get("cached_tokens")),
        _count(inside.get("cache_write_tokens")),
        _count(lifetimes.get("ttl_30m_tokens")),
        _count(lifetimes.get("ttl_12h_tokens")),
        _count(outside.get("reasoning_tokens")),
        _count(inside.get("text_tokens")),
        _count(inside.get("audio_tokens")),
        _count(inside.get("image_tokens")),
        _count(outside.get("text_tokens")),
        _count(outside.get("audio_tokens")),
        _count(outside.get("image_tokens")),
        _count(cached.get("text_tokens")),
        _count(cached.get("audio_tokens")),
        _count(cached.get("image_tokens")),
    )


def _count(value: object) -> int | None:
    if value is None or type(value) is int:
        return value
    return _IMPOSSIBLE
