# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Canaries: words planted in every field of a document, to be looked for in whatever is emitted."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan

from support.telemetry import Telemetry

CANARY = re.compile(r"canary:[\w.:/-]*")
MEANT_FOR_MACHINES = frozenset({"type", "object", "status", "model", "service_tier"})
"""Fields that decide how a document is read; with canaries in them, little of it would be."""


def canary(place: str) -> str:
    """The word for that place."""
    return f"canary:{place}"


def plant(document: Any, place: str, *, everywhere: bool) -> Any:
    """A copy with a canary for every text, a field more in every object, and numbers as they were.

    Args:
        document: what is sent.
        place: what its canaries begin with, ``request`` or ``response``.
        everywhere: whether the fields that are meant for machines get theirs too.
    """
    if isinstance(document, Mapping):
        planted = {
            name: value
            if name in MEANT_FOR_MACHINES and not everywhere and isinstance(value, str)
            else plant(value, f"{place}.{name}", everywhere=everywhere)
            for name, value in document.items()
        }
        return {**planted, canary(f"{place}.name"): canary(f"{place}.unheard")}
    if isinstance(document, (list, tuple)):
        return [plant(item, f"{place}.{index}", everywhere=everywhere) for index, item in enumerate(document)]
    return canary(place) if isinstance(document, str) else document


def emitted(telemetry: Telemetry) -> Iterator[tuple[str, Any]]:
    """Names and values of all that was told: spans, their events, links and status, and the attributes of metrics."""
    for span in telemetry.spans():
        yield from _of_span(span)
    for attributes, _ in telemetry.all_points():
        yield from attributes.items()


def _of_span(span: ReadableSpan) -> Iterator[tuple[str, Any]]:
    yield "name", span.name
    yield "status", span.status.description or ""
    yield from (span.attributes or {}).items()
    for event in span.events:
        yield "event", event.name
        yield from (event.attributes or {}).items()
    for link in span.links:
        yield from (link.attributes or {}).items()


def found(telemetry: Telemetry) -> set[tuple[str, str]]:
    """Where canaries turned up: the attribute, and the place that the canary is of."""
    return {
        (name, word.removeprefix("canary:"))
        for name, value in emitted(telemetry)
        for item in (value if isinstance(value, tuple) else (value,))
        for word in CANARY.findall(f"{name} {item}")
    }
