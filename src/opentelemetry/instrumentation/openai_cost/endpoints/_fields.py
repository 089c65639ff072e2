# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Reading by key, whatever the SDK made of the JSON: models of any version, plain dicts, or the raw document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from math import isfinite
from types import MappingProxyType
from typing import cast

from ..named_tuple import new
from ..usage import MAX_COUNT, Tokens

Fields = Mapping[str, object]
NOTHING: Fields = MappingProxyType({})
_LARGEST = 2**1000
"""A whole number that large is no number of anything, and hardly fits a float."""
_INT64 = 2**63
"""Attributes are whole numbers of 64 bits."""
_IMPOSSIBLE = -1
"""Stands for a count that is no count; no split of usage accepts it."""
_COUNTS = frozenset({int, type(None)})


def fields(value: object) -> Fields:
    """The fields of a JSON object, of a pydantic model of either major version, or nothing."""
    if isinstance(value, dict):
        return cast(Fields, value)
    own: Fields | None = getattr(value, "__dict__", None)
    if own is None:
        return NOTHING
    extra: Fields | None = getattr(value, "__pydantic_extra__", None)
    return {**own, **extra} if extra else own


def items(value: object) -> Sequence[object]:
    """The items of a JSON array, or nothing."""
    return cast("Sequence[object]", value) if isinstance(value, (list, tuple)) else ()


def text(value: object) -> str | None:
    """A non-empty string that can be written in UTF-8, or ``None``."""
    if not isinstance(value, str) or not value:
        return None
    # JSON can name half a character; one such attribute, and an exporter drops everything that it goes out with.
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def number(value: object) -> float | None:
    """A finite number as float, or ``None``."""
    if type(value) is int:
        return float(value) if -_LARGEST < value < _LARGEST else None
    return value if isinstance(value, float) and isfinite(value) else None


def whole(value: object) -> int | None:
    """A whole number of 64 bits, or ``None``."""
    return value if type(value) is int and -_INT64 <= value < _INT64 else None


def seconds(value: object) -> Decimal | None:
    """A duration as the exact decimal that was written, be it a number or a string; ``None`` for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        duration = Decimal(str(value))
    except InvalidOperation:
        return None
    return duration if duration.is_finite() and 0 <= duration <= MAX_COUNT else None


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
    if not (inputs or outputs):
        # Gateways that know both names may fill one, and say 0 under the other.
        prompt, completion = used.get("prompt_tokens"), used.get("completion_tokens")
        if prompt is not None or completion is not None:
            inputs, outputs = prompt, completion
        elif inputs is None and outputs is None:
            return None
    of_input = used.get("prompt_tokens_details") or used.get("input_tokens_details") or used.get("input_token_details")
    of_output = (
        used.get("completion_tokens_details") or used.get("output_tokens_details") or used.get("output_token_details")
    )
    if inputs is None:
        inputs = _IMPOSSIBLE
    if outputs is None and has_output:
        outputs = _IMPOSSIBLE
    inside = NOTHING if of_input is None else fields(of_input)
    outside = NOTHING if of_output is None else fields(of_output)
    by_lifetime, by_modality = inside.get("cache_write_tokens_details"), inside.get("cached_tokens_details")
    lifetimes = NOTHING if by_lifetime is None else fields(by_lifetime)
    cached = NOTHING if by_modality is None else fields(by_modality)
    counts = (
        inputs,
        outputs,
        inside.get("cached_tokens"),
        inside.get("cache_write_tokens"),
        lifetimes.get("ttl_30m_tokens"),
        lifetimes.get("ttl_12h_tokens"),
        outside.get("reasoning_tokens"),
        inside.get("text_tokens"),
        inside.get("audio_tokens"),
        inside.get("image_tokens"),
        outside.get("text_tokens"),
        outside.get("audio_tokens"),
        outside.get("image_tokens"),
        cached.get("text_tokens"),
        cached.get("audio_tokens"),
        cached.get("image_tokens"),
    )
    if not _COUNTS.issuperset(map(type, counts)):
        counts = [value if type(value) in _COUNTS else _IMPOSSIBLE for value in counts]
    return new(Tokens, counts)
