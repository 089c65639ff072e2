# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""PriceSource: gives the book in force; reads it on first need, and again when the user's file changes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from threading import Lock
from time import monotonic

from ..fork import free_after_fork
from . import overrides
from .book import PriceBook, bundled_data
from .overrides import Overrides, PriceFileError

_logger = logging.getLogger(__package__)
_STALE_DAYS = 60
_LOOK_EVERY = 1.0
"""Seconds between two looks at the user's file."""


class PriceSource:
    """The price list, and the user's file over it.

    Args:
        prices: the user's file.
        book: a newer price list, as ``opentelemetry-openai-cost update`` writes it, instead of the bundled one.
        reload: whether the user's file is read again when it changes.
    """

    def __init__(self, prices: Path | None = None, book: Path | None = None, *, reload: bool = False) -> None:
        self._prices, self._path = prices, book
        self._reload = reload and prices is not None
        self._lock = free_after_fork(Lock())
        self._book: PriceBook | None = None
        self._data: Mapping[str, object] = {}
        self._seen: tuple[int, int] | None = None
        self._look_at = 0.0

    def book(self) -> PriceBook:
        """The book in force. A book never changes: whoever holds one quotes from one list."""
        book = self._book
        if book is None or (self._reload and monotonic() >= self._look_at):
            with self._lock:
                book = self._load() if self._book is None else self._look_again(self._book)
                self._book = book
        return book

    def _load(self) -> PriceBook:
        self._look_at = monotonic() + _LOOK_EVERY
        self._seen = self._stamp()
        self._data = self._read_list()
        book = PriceBook(self._data, self._read_file() or Overrides())
        age = book.age(datetime.now(timezone.utc).date())
        if age > _STALE_DAYS:
            _logger.warning("openai_cost: the price list was reviewed %d days ago; newer prices are not in it", age)
        return book

    def _look_again(self, book: PriceBook) -> PriceBook:
        if monotonic() < self._look_at:
            return book
        self._look_at = monotonic() + _LOOK_EVERY
        stamp = self._stamp()
        if stamp == self._seen:
            return book
        self._seen = stamp
        changed = self._read_file()
        return book if changed is None else PriceBook(self._data, changed)

    def _stamp(self) -> tuple[int, int] | None:
        """What tells one state of the user's file from another, ``None`` while there is no such file."""
        if self._prices is None:
            return None
        try:
            status = self._prices.stat()
        except (OSError, ValueError):
            return None
        return status.st_mtime_ns, status.st_size

    def _read_file(self) -> Overrides | None:
        if self._prices is None:
            return Overrides()
        try:
            return overrides.read(self._prices)
        except PriceFileError as error:
            instead = "the bundled price list alone" if self._book is None else "what it said before"
            _logger.error("openai_cost: prices=%s cannot be used, %s is used instead: %s", self._prices, instead, error)
            return None

    def _read_list(self) -> Mapping[str, object]:
        if self._path is None:
            return bundled_data()
        # Only a list that is not ours has to be checked; most processes never load the checks.
        from . import schema

        try:
            return schema.load(self._path)
        except schema.BookError as error:
            _logger.error(
                "openai_cost: book=%s cannot be used, the bundled price list is used instead: %s", self._path, error
            )
            return bundled_data()


def open_book(prices: Path | None = None) -> PriceBook:
    """The bundled price list with the user's file over it.

    Args:
        prices: the user's file; if it cannot be used, one error is logged and the bundled list stands alone.
    """
    return PriceSource(prices).book()
