# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Price keys: the tiers and dimensions of a price list, in the order in which they are written."""

from __future__ import annotations

TIERS = ("standard", "flex", "priority", "ultrafast", "batch")

# Dimensions in USD per 1,000,000 tokens, in the order in which they are written.
TOKEN_KEYS = (
    "input",
    "cache_read",
    "cache_write",
    "cache_write_12h",
    "output",
    "audio_input",
    "audio_cache_read",
    "audio_output",
    "image_input",
    "image_cache_read",
    "image_output",
)
# Dimensions in other units, with the number of units that the price is for.
UNIT_KEYS = {
    "audio_seconds": 60,
    "video_seconds": 1,
    "characters": 1_000_000,
    "requests": 1,
    "training_tokens": 1_000_000,
}
