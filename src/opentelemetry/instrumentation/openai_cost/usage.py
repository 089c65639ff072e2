# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Usage: what a response says was used, and its split into quantities that are billed once each."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

MAX_COUNT = 10**12
"""A count above this is taken for a mistake of whoever reported it: no single operation uses 10¹² tokens."""


class InconsistentUsage(ValueError):
    """Counts that cannot all be true: negative, not whole, absurdly large, or subsets larger than their total."""


class Tokens(NamedTuple):
    """Token counts as reported: totals, and subsets of those totals. ``None`` means: not reported.

    A tuple, like the other facts that every call makes: it is made in a third of the time of a frozen dataclass.

    Source: OpenAI API reference, ``CompletionUsage`` and ``ResponseUsage`` (cached, cache-write, reasoning, audio, image and
    text counts are parts of the input and output totals, never additions to them).
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_30m: int | None = None
    cache_write_12h: int | None = None
    reasoning: int | None = None
    text_input: int | None = None
    audio_input: int | None = None
    image_input: int | None = None
    text_output: int | None = None
    audio_output: int | None = None
    image_output: int | None = None
    text_cache_read: int | None = None
    audio_cache_read: int | None = None
    image_cache_read: int | None = None


@dataclass(frozen=True, slots=True)
class Fee:
    """A billed event that is not a token: a web search, a file search, minutes of a container.

    Attributes:
        name: the fee's name in the price book, such as ``web_search`` or ``container_1g``.
        quantity: how many of them (searches, minutes).
        lower_bound: whether more may have been billed than the response can tell.
    """

    name: str
    quantity: int
    lower_bound: bool = False


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """Usage of another model inside the same response, billed at that model's own rates (hosted image generation)."""

    model: str | None
    usage: Usage


class Usage(NamedTuple):
    """Everything one operation is billed for.

    Attributes:
        tokens: token counts, or ``None`` where the response reports none.
        units: other units of the operation's own model, such as ``("audio_seconds", Decimal("61.5"))`` or ``("characters", 120)``.
        fees: events with a price of their own.
        models: usage of other models within the operation.
    """

    tokens: Tokens | None = None
    units: tuple[tuple[str, int | Decimal], ...] = ()
    fees: tuple[Fee, ...] = ()
    models: tuple[ModelUsage, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing billable is reported at all."""
        return (self.tokens is None or self.tokens == _NOTHING) and not (self.units or self.fees or self.models)


_NOTHING = Tokens()


def measure(value: object) -> int | Decimal:
    """A quantity of another unit than tokens, as an int or a finite decimal.

    Raises:
        InconsistentUsage: if it is not a number between 0 and ``MAX_COUNT``.
    """
    if type(value) is int and 0 <= value <= MAX_COUNT:
        return value
    if type(value) is Decimal and value.is_finite() and 0 <= value <= MAX_COUNT:
        return value
    raise InconsistentUsage(f"{value!r:.40} is not a quantity")


def split(tokens: Tokens) -> list[tuple[str, int]]:
    """Splits reported totals and subsets into disjoint billable quantities.

    The quantities of the input side add up to ``tokens.input``, those of the output side to ``tokens.output``. Cached tokens
    without a split by modality are taken from text first, then image, then audio; so are cache writes from what is left.

    Returns:
        Pairs of dimension (a price key of the book, or ``reasoning``) and count, zeros left out.

    Raises:
        InconsistentUsage: if a subset is larger than its total, or a count is impossible.
    """
    for value in tokens:
        # What is falsy counts as nothing, whatever its type.
        if value and not (type(value) is int and 0 <= value <= MAX_COUNT):
            raise InconsistentUsage(f"{value!r:.40} is not a count")
    quantities: list[tuple[str, int]] = []
    if tokens.input is not None:
        _split_input(tokens, quantities)
    elif any(tokens[2:6]) or any(tokens[7:10]) or any(tokens[13:16]):
        raise InconsistentUsage("parts of input tokens that are not reported")
    if tokens.output is not None:
        _split_output(tokens, quantities)
    elif tokens.reasoning or any(tokens[10:13]):
        raise InconsistentUsage("parts of output tokens that are not reported")
    return quantities


def _split_input(tokens: Tokens, quantities: list[tuple[str, int]]) -> None:
    total = tokens.input or 0
    cached = tokens.cache_read or 0
    audio = tokens.audio_input or 0
    image = tokens.image_input or 0
    written, written_12h = _cache_writes(tokens) if any(tokens[3:6]) else (0, 0)
    text = total - audio - image
    if text < 0 or cached + written > total:
        raise InconsistentUsage("subsets exceed the input tokens")
    if (tokens.text_input or 0) > text:
        raise InconsistentUsage("modalities exceed the input tokens")
    cached_text, cached_audio, cached_image = cached, 0, 0
    if audio or image or any(tokens[13:16]):
        cached_text, cached_audio, cached_image = _cached_by_modality(tokens, cached, text, audio, image)
        audio, image = audio - cached_audio, image - cached_image
    text -= cached_text
    if written:
        for_text = min(written, text)
        for_image = min(written - for_text, image)
        text, image, audio = text - for_text, image - for_image, audio - (written - for_text - for_image)
    if text:
        quantities.append(("input", text))
    if audio:
        quantities.append(("audio_input", audio))
    if image:
        quantities.append(("image_input", image))
    if cached_text:
        quantities.append(("cache_read", cached_text))
    if cached_audio:
        quantities.append(("audio_cache_read", cached_audio))
    if cached_image:
        quantities.append(("image_cache_read", cached_image))
    if written > written_12h:
        quantities.append(("cache_write", written - written_12h))
    if written_12h:
        quantities.append(("cache_write_12h", written_12h))


def _cache_writes(tokens: Tokens) -> tuple[int, int]:
    """All cache-write tokens, and those of them that are kept for 12 hours."""
    short = tokens.cache_write_30m or 0
    long = tokens.cache_write_12h or 0
    written = short + long if tokens.cache_write is None else tokens.cache_write
    if short + long > written:
        raise InconsistentUsage("cache writes by lifetime exceed the cache writes")
    return written, long


def _cached_by_modality(tokens: Tokens, cached: int, text: int, audio: int, image: int) -> tuple[int, int, int]:
    of_text = tokens.text_cache_read or 0
    of_audio = tokens.audio_cache_read or 0
    of_image = tokens.image_cache_read or 0
    rest = cached - of_text - of_audio - of_image
    if rest < 0 or of_text > text or of_audio > audio or of_image > image:
        raise InconsistentUsage("cached tokens by modality exceed their total")
    more_text = min(rest, text - of_text)
    more_image = min(rest - more_text, image - of_image)
    more_audio = rest - more_text - more_image
    return of_text + more_text, of_audio + more_audio, of_image + more_image


def _split_output(tokens: Tokens, quantities: list[tuple[str, int]]) -> None:
    total = tokens.output or 0
    reasoning = tokens.reasoning or 0
    audio = tokens.audio_output or 0
    image = tokens.image_output or 0
    visible = total - reasoning - audio - image
    if visible < 0:
        raise InconsistentUsage("subsets exceed the output tokens")
    if (tokens.text_output or 0) > total - audio - image:
        raise InconsistentUsage("modalities exceed the output tokens")
    if visible:
        quantities.append(("output", visible))
    if reasoning:
        quantities.append(("reasoning", reasoning))
    if audio:
        quantities.append(("audio_output", audio))
    if image:
        quantities.append(("image_output", image))
