# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The order in which dimensions are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from ..pricing.keys import TOKEN_KEYS, UNIT_KEYS

TOKENS = (*TOKEN_KEYS, "reasoning")
IMAGES = "images "
"""What the dimension of a price per image begins with."""
LONG = "long "
"""What is put before a dimension where the rate for long prompts is meant."""
_ORDER = {name: place for place, name in enumerate((*TOKENS, *(LONG + name for name in TOKENS), *UNIT_KEYS))}
_T = TypeVar("_T")


def in_order(names: Iterable[str]) -> list[str]:
    """Dimensions as people read them: tokens in and out, then other units, then images."""
    return sorted(names, key=lambda name: (_ORDER.get(name, len(_ORDER)), name))


def sorted_by_dimension(values: Mapping[str, _T]) -> list[tuple[str, _T]]:
    """The items of a mapping by dimension."""
    return [(name, values[name]) for name in in_order(values)]
