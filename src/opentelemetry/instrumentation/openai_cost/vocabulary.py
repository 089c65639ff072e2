# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Vocabulary: what came over the wire, as attributes of metrics, of a sane length and only so many different ones."""

from __future__ import annotations

import logging
from threading import Lock

from .attribution import MAX_LENGTH, OTHER
from .fork import free_after_fork

_logger = logging.getLogger(__package__)


class Vocabulary(dict[str, str]):
    """The word of a value, as ``vocabulary[value]``: the first so many different values are words of their own.

    Every new word starts new series in every metric, and they are kept as long as the process lives: a server or a user that makes
    names up must not make them grow. A known value costs one look into a dictionary. Longer values are cut.

    Args:
        what: what the values are, for the one line that is logged when there are too many.
        limit: how many different ones there may be.
        other: the word of all others.
    """

    __slots__ = ("_has_overflowed", "_limit", "_lock", "_other", "_what")

    def __init__(self, what: str, limit: int, other: str = OTHER) -> None:
        super().__init__()
        self._what, self._limit, self._other = what, limit, other
        self._has_overflowed = False
        self._lock = free_after_fork(Lock())

    def __missing__(self, value: str) -> str:
        """The word of a value that is new, or too long."""
        word = value if len(value) <= MAX_LENGTH else value[: MAX_LENGTH - 1] + "…"
        with self._lock:
            if word in self:
                return word
            if len(self) < self._limit:
                self[word] = word
                return word
            is_first, self._has_overflowed = not self._has_overflowed, True
        if is_first:
            _logger.warning(
                "openai_cost: more than %d different %s; on metrics, further ones are %s",
                self._limit,
                self._what,
                self._other,
            )
        return self._other
