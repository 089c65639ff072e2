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
        container: id of the container that it is for, which is billed once, however many responses use it.
    """

    name: str
    quantity: int
    lower_bound: bool = False
    container: str | None = None


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
        is_sum: whether the counts are those of several requests, whose lengths are not known: a batch, a run.
    """

    tokens: Tokens | None = None
    units: tuple[tuple[str, int | Decimal], ...] = ()
    fees: tuple[Fee, ...] = ()
    models: tuple[ModelUsage, ...] = ()
    is_sum: bool = False

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


DIMENSIONS = (
    "input",
    "audio_input",
    "image_input",
    "cache_read",
    "audio_cache_read",
    "image_cache_read",
    "cache_write",
    "cache_write_12h",
    "output",
    "reasoning",
    "audio_output",
    "image_output",
)
"""What tokens are billed as: price keys of the book, and ``reasoning``."""

Quantities = tuple[int, int, int, int, int, int, int, int, int, int, int, int]
"""Tokens of each of ``DIMENSIONS``."""


def split(tokens: Tokens) -> Quantities:
    """Splits reported totals and subsets into disjoint billable quantities.

    The first eight add up to ``tokens.input``, the last four to ``tokens.output``. Cached tokens without a split by modality are
    taken from text first, then image, then audio; so are cache writes from what is left. What is falsy counts as not reported.

    Returns:
        The count of each of ``DIMENSIONS``.

    Raises:
        InconsistentUsage: if a subset is larger than its total, or a count is impossible.
    """
    (
        total,
        output,
        cached,
        written,
        written_30m,
        written_12h,
        reasoning,
        text_input,
        audio,
        image,
        text_output,
        audio_output,
        image_output,
        of_text,
        of_audio,
        of_image,
    ) = tokens
    total, output, cached, reasoning = total or 0, output or 0, cached or 0, reasoning or 0
    audio, image, audio_output, image_output = audio or 0, image or 0, audio_output or 0, image_output or 0
    text_input, text_output = text_input or 0, text_output or 0
    of_text, of_audio, of_image = of_text or 0, of_audio or 0, of_image or 0
    if not (
        type(total) is type(output) is type(cached) is type(reasoning) is int
        and type(audio) is type(image) is type(audio_output) is type(image_output) is int
        and type(text_input) is type(text_output) is type(of_text) is type(of_audio) is type(of_image) is int
    ):
        raise InconsistentUsage("counts are whole numbers")
    if written or written_30m or written_12h:
        written_30m, written_12h = written_30m or 0, written_12h or 0
        if not (type(written_30m) is type(written_12h) is int and (not written or type(written) is int)):
            raise InconsistentUsage("counts are whole numbers")
        by_lifetime = written_30m + written_12h
        written = written if type(written) is int else by_lifetime
        if not 0 <= written_12h <= by_lifetime <= written:
            raise InconsistentUsage("cache writes by lifetime exceed the cache writes")
    else:
        written = written_12h = 0
    text, visible = total - audio - image, output - reasoning - audio_output - image_output
    if not (
        0 <= total <= MAX_COUNT
        and 0 <= output <= MAX_COUNT
        and 0 <= cached <= total - written
        and 0 <= text_input <= text
        and 0 <= text_output <= visible + reasoning
        and audio >= 0
        and image >= 0
        and visible >= 0
        and reasoning >= 0
        and audio_output >= 0
        and image_output >= 0
        and of_text >= 0
        and of_audio >= 0
        and of_image >= 0
    ):
        raise InconsistentUsage("subsets are negative, or exceed their total")
    cached_text, cached_audio, cached_image = cached, 0, 0
    if audio or image or of_text or of_audio or of_image:
        cached_text, cached_audio, cached_image = of_text, of_audio, of_image
        rest = cached - cached_text - cached_audio - cached_image
        if rest < 0 or cached_text > text or cached_audio > audio or cached_image > image:
            raise InconsistentUsage("cached tokens by modality exceed their total")
        if rest:
            more_text = min(rest, text - cached_text)
            more_image = min(rest - more_text, image - cached_image)
            cached_text, cached_image = cached_text + more_text, cached_image + more_image
            cached_audio += rest - more_text - more_image
        audio, image = audio - cached_audio, image - cached_image
    text -= cached_text
    if written:
        of_text = min(written, text)
        of_image = min(written - of_text, image)
        text, image, audio = text - of_text, image - of_image, audio - (written - of_text - of_image)
    return (
        text,
        audio,
        image,
        cached_text,
        cached_audio,
        cached_image,
        written - written_12h,
        written_12h,
        visible,
        reasoning,
        audio_output,
        image_output,
    )
