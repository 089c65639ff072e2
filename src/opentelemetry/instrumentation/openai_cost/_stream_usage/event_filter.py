# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""EventFilter: server-sent events without what they hold only because usage was asked for. Bytes in, bytes out."""

from __future__ import annotations

import re
from collections.abc import Callable

from .._body import BOUNDARY, event_data, parse
from ..endpoints._facts import MAX_DOCUMENT
from ..endpoints._fields import Fields

_USAGE = b'"usage"'
_CLOSING_NULL = re.compile(
    rb',[ \t]*"usage"[ \t]*:[ \t]*null'
    rb'(?=(?:[ \t]*,[ \t]*"[^"\\\r\n]*"[ \t]*:[ \t]*(?:"[^"\\\r\n]*"|[\w.+-]+))*[ \t]*\}[ \t]*(?:\r\n\r\n|\n\n|\r\r))'
)
"""A null usage with nothing but plain members between it and the end of the event: a member of the outermost object.

Text cannot look like it: quotes inside of a string are escaped."""
_NULL = re.compile(rb',[ \t]*"usage"[ \t]*:[ \t]*null|(?<=\{)[ \t]*"usage"[ \t]*:[ \t]*null(?:[ \t]*,[ \t]*)?')


class EventFilter:
    """Takes out of server-sent events what they hold only because usage was asked for.

    Takes bytes cut anywhere, and keeps no more than the unfinished event; one of more than 8 MiB goes through as it is.

    Args:
        report: is told of a failure of ours; the events then go through as they are.
    """

    __slots__ = ("_is_oversized", "_pending", "_report")

    def __init__(self, report: Callable[[BaseException], None]) -> None:
        self._report = report
        self._pending = bytearray()
        self._is_oversized = False

    def feed(self, chunk: bytes) -> bytes:
        """Takes the next bytes; returns those of the events that they complete."""
        pending = self._pending
        if not pending and chunk.endswith(b"\n\n"):
            return self._pass_on(chunk)
        start = max(0, len(pending) - 3)
        pending += chunk
        if self._is_oversized:
            return self._rest_of_oversized(start)
        end = -1
        for boundary in BOUNDARY.finditer(pending, start):
            end = boundary.end()
        if end >= 0:
            return self._pass_on(self._take(end))
        if len(pending) > MAX_DOCUMENT:
            self._is_oversized = True
            return self._take(-3)
        return b""

    def finish(self) -> bytes:
        """The bytes are at their end: returns the event that lacks its blank line."""
        rest = self._take(len(self._pending))
        return rest if self._is_oversized else self._pass_on(rest)

    def _rest_of_oversized(self, start: int) -> bytes:
        boundary = BOUNDARY.search(self._pending, start)
        if boundary is None:
            # Three bytes may be the beginning of a boundary.
            return self._take(-3) if len(self._pending) > 3 else b""
        self._is_oversized = False
        passed = self._take(boundary.end())
        return passed + self.feed(self._take(len(self._pending)))

    def _take(self, end: int) -> bytes:
        taken = bytes(self._pending[:end])
        del self._pending[:end]
        return taken

    def _pass_on(self, block: bytes) -> bytes:
        if _USAGE not in block:
            return block
        try:
            return _without_usage(block)
        except Exception as error:
            self._report(error)
            return block


def _without_usage(block: bytes) -> bytes:
    """Whole events without the usage that was asked for."""
    block = _CLOSING_NULL.sub(b"", block)
    if _USAGE not in block:
        return block
    kept: list[bytes] = []
    start = 0
    for boundary in BOUNDARY.finditer(block):
        kept.append(_event_without_usage(block[start : boundary.start()], boundary.group()))
        start = boundary.end()
    kept.append(_event_without_usage(block[start:], b""))
    return b"".join(kept)


def _event_without_usage(event: bytes, boundary: bytes) -> bytes:
    document = parse(event_data(event)) if _USAGE in event else None
    if document is None or "usage" not in document:
        return event + boundary
    usage = document["usage"]
    if usage is None:
        return _without_null(event, document) + boundary
    if isinstance(usage, dict) and not document.get("choices") and "error" not in document:
        return b""
    # A usage beside choices is that server's own way, asked or not.
    return event + boundary


def _without_null(event: bytes, document: Fields) -> bytes:
    """The event without the null usage of its outermost object; others may be inside."""
    wanted = {name: value for name, value in document.items() if name != "usage"}
    for match in _NULL.finditer(event):
        shorter = event[: match.start()] + event[match.end() :]
        if parse(event_data(shorter)) == wanted:
            return shorter
    return event
