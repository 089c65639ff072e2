# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Progress: a bar on standard error while a large file is read, where a person watches."""

from __future__ import annotations

import time
from typing import TextIO

LARGE = 64 * 1024 * 1024
"""Bytes from which on reading takes long enough for a bar."""

_BAR = 30
_PAUSE = 0.1
_MEGABYTE = 1_000_000


class Progress:
    """A bar that is drawn a few times a second, and taken away at the end.

    Args:
        total: bytes to be read; None if nobody knows.
        stream: where it is drawn; nothing is, unless it is a terminal.
    """

    def __init__(self, total: int | None, stream: TextIO | None) -> None:
        self._total, self._stream = total, stream
        self._read = 0
        self._began = self._drawn = time.monotonic()
        self._width = 0
        self._wanted = stream is not None and stream.isatty() and (total is None or total >= LARGE)

    def advance(self, count: int) -> None:
        """So many more bytes have been read."""
        self._read += count
        if not self._wanted:
            return
        now = time.monotonic()
        if now - self._drawn >= _PAUSE and (self._total is not None or self._read >= LARGE):
            self._drawn = now
            self._draw(self._line(now - self._began))

    def close(self) -> None:
        """Takes the bar away."""
        if self._width:
            self._draw("")
            self._draw("")

    def _line(self, seconds: float) -> str:
        read, speed = self._read / _MEGABYTE, self._read / _MEGABYTE / max(seconds, 1e-9)
        if self._total is None:
            return f"{read:,.0f} MB read, {speed:,.0f} MB/s"
        share = min(1.0, self._read / self._total)
        done = int(_BAR * share)
        left = (self._total - self._read) / max(self._read, 1) * seconds
        bar = "#" * done + "." * (_BAR - done)
        return (
            f"[{bar}] {share:4.0%} of {self._total / _MEGABYTE:,.0f} MB, {speed:,.0f} MB/s, {max(left, 0):,.0f} s left"
        )

    def _draw(self, line: str) -> None:
        if self._stream is not None:
            self._stream.write(f"\r{line:<{self._width}}")
            self._stream.flush()
            self._width = len(line)
