# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""What the review of the bundled book decided against genai-prices, as far as a refresh from that data must respect it.

The decisions, their reasons and their evidence are in ``tools/overlay.toml``; a test holds these lists against it.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

NOT_SOLD: dict[str, tuple[str, ...]] = {
    "openai": (
        "gpt-oss-*",
        "gpt-5-[1-9]*",
        "gpt-5-image*",
        "gpt-5.4-image-2",
        "gpt-4o:extended",
        "o3-mini-high",
        "o4-mini-high",
        "gpt-chat-latest",
        "gpt-4o-audio-preview",
        "gpt-4o-mini-audio-preview",
        "gpt-35-turbo*",
        "gpt-3.5-0301",
        "gpt-4-turbo-0125-preview",
        "gpt-4o-mini-2024-07-18.ft-",
        "gpt-5-chat",
        "gpt-5.?-chat",
        "gpt-5.1-mini",
        "gpt-5.3",
        "gpt-5.5-chat-latest",
        "gpt-5.5-codex",
        "gpt-5.5-2026-04-24",
        "codex-mini",
        "computer-use",
        "moderation",
        "text-embedding-ada",
        "ft:gpt-3.5-turbo-*",
        "ft:gpt-4-0613",
    ),
}
"""By provider: names in the data that are no ids of its API, or whose prices the book has under another name."""

OVERRULED: dict[str, tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...]] = {
    "openai": (
        (("gpt-4o-transcribe*", "gpt-4o-mini-transcribe*"), ("standard",), ("audio_input",)),
        (("gpt-4o-audio-preview*", "gpt-4o-mini-audio-preview*"), ("standard",), ("audio_input", "audio_output")),
        (("gpt-4o-mini-tts*",), ("standard",), ("output",)),
        (("ft:gpt-4o-2024-08-06", "ft:gpt-4o-mini-2024-07-18"), ("standard",), ("cache_read",)),
        (("ft:gpt-4o-2024-08-06",), ("batch",), ("*",)),
        (("ft:gpt-4o-mini-2024-07-18",), ("batch",), ("cache_read",)),
        (("babbage-002", "davinci-002"), ("batch",), ("*",)),
        (("text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002-v2"), ("batch",), ("*",)),
        (("gpt-5-codex", "gpt-5.1-codex", "gpt-5.1-codex-max", "gpt-5.2-codex"), ("flex", "batch"), ("*",)),
        (("gpt-5-chat-latest", "gpt-5.1-chat-latest", "gpt-5.2-chat-latest"), ("flex", "batch", "priority"), ("*",)),
        (("chatgpt-image-latest",), ("batch",), ("*",)),
    ),
    "azure.ai.openai": (
        (("gpt-4o-mini-tts",), ("standard",), ("output",)),
        (("o1*", "o3*", "o4-mini*"), ("batch",), ("*",)),
    ),
}
"""By provider: models, tiers and price keys (shell patterns) for which another source is right."""


def is_sold(provider: str, model: str) -> bool:
    """Whether a name may be that of a model which the provider sells."""
    return not any(fnmatchcase(model, pattern) for pattern in NOT_SOLD.get(provider, ()))


def is_overruled(provider: str, model: str, tier: str, key: str) -> bool:
    """Whether the review found the data wrong on a price."""
    return any(
        tier in tiers
        and any(fnmatchcase(model, pattern) for pattern in models)
        and any(fnmatchcase(key, pattern) for pattern in keys)
        for models, tiers, keys in OVERRULED.get(provider, ())
    )
