# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Telemetry as exporters wrote it: JSON documents found in a stream of lines, and the spans and points in them.

Read are what the console exporters of the Python SDK print, among whatever else an application prints, and OTLP as JSON, one
document a line (https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/). One document is in memory at a time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import BinaryIO, cast

MOST_BYTES = 32 * 1024 * 1024
"""A document larger than this is skipped, so that the memory needed has a limit."""

_MARKS = (b'"gen_ai.', b'"openai_cost.')
"""What has neither of these holds nothing that is looked for, and is not parsed."""
_RESOURCES = ("resourceSpans", "resource_spans", "resourceMetrics", "resource_metrics")
_CUMULATIVE = (2, "AGGREGATION_TEMPORALITY_CUMULATIVE")

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Span:
    """A span.

    Attributes:
        attributes: its own.
        resource: those of its resource.
        ended: seconds since the epoch, where it says so.
    """

    attributes: Json
    resource: Json
    ended: float | None


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a sum or of a histogram.

    Attributes:
        metric: name of the metric.
        attributes: its own.
        resource: those of its resource.
        started: nanoseconds since the epoch at which its series began.
        time: nanoseconds since the epoch at which it was collected.
        cumulative: whether it repeats what earlier points of its series said.
        count: measurements of a histogram; 0 for a sum.
        value: the sum.
    """

    metric: str
    attributes: Json
    resource: Json
    started: int
    time: int
    cumulative: bool
    count: int
    value: float


@dataclass(slots=True)
class Unread:
    """What could not be read.

    Attributes:
        broken: documents that are no JSON, or end too early.
        too_large: documents of more than ``MOST_BYTES``.
    """

    broken: int = 0
    too_large: int = 0


def lines(stream: BinaryIO, unread: Unread, passed: Callable[[int], None]) -> Iterator[bytes]:
    """The lines of a stream; one that is too long for a document is left out and counted.

    Args:
        stream: is read to its end.
        unread: counts what is left out.
        passed: told how many bytes each line has.
    """
    while line := stream.readline(MOST_BYTES):
        passed(len(line))
        if len(line) < MOST_BYTES or line.endswith(b"\n"):
            yield line
            continue
        unread.too_large += 1
        while (rest := stream.readline(MOST_BYTES)) and not rest.endswith(b"\n"):
            passed(len(rest))
        passed(len(rest))


def documents(lines: Iterable[bytes], unread: Unread) -> Iterator[Json]:
    """The JSON documents in these lines that may hold something of ours.

    A document is a line, or begins with a line that ends in ``{`` and ends with the line ``}``, every line between them
    indented, as exporters print it. Other lines are passed over, also between those of a document.

    Args:
        lines: with their ends.
        unread: counts what looks like a document and is none.
    """
    block: list[bytes] = []
    size = 0
    for line in lines:
        text = line.rstrip()
        if block and text[:1] in (b" ", b"\t"):
            size += len(line)
            if size <= MOST_BYTES:
                block.append(line)
        elif block and text == b"}":
            block.append(text)
            if size > MOST_BYTES:
                unread.too_large += 1
            else:
                yield from _parsed(b"".join(block), unread)
            block, size = [], 0
        elif text == b"{" or (not block and text.endswith(b"{")):
            _give_up(block, unread)
            block, size = [b"{"], 0
        elif (start := text.find(b"{")) >= 0:
            yield from _parsed(text[start:], unread)
    _give_up(block, unread)


def _give_up(block: Sequence[bytes], unread: Unread) -> None:
    if any(mark in line for line in block for mark in _MARKS):
        unread.broken += 1


def _parsed(text: bytes, unread: Unread) -> Iterator[Json]:
    if not any(mark in text for mark in _MARKS):
        return
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError):
        unread.broken += 1
        return
    if isinstance(document, dict):
        yield cast(Json, document)


def items(document: Json) -> Iterator[Span | Point]:
    """The spans, and the points of sums and histograms, in a document of any of the formats."""
    if "context" in document and "attributes" in document:
        resource = _object(document, "resource")
        yield Span(_attributes(document), _attributes(resource), _seconds(document.get("end_time")))
        return
    for name in _RESOURCES:
        for entry in _objects(document, name):
            resource = _attributes(_object(entry, "resource"))
            for scope in (*_objects(entry, "scopeSpans"), *_objects(entry, "scope_spans")):
                for span in _objects(scope, "spans"):
                    ended = _integer(span.get("endTimeUnixNano") or span.get("end_time_unix_nano"))
                    yield Span(_attributes(span), resource, ended / 1e9 if ended else None)
            for scope in (*_objects(entry, "scopeMetrics"), *_objects(entry, "scope_metrics")):
                for metric in _objects(scope, "metrics"):
                    yield from _points(metric, resource)


def _points(metric: Json, resource: Json) -> Iterator[Point]:
    name = metric.get("name")
    if not isinstance(name, str):
        return
    for kind in ("data", "histogram", "sum", "exponentialHistogram", "exponential_histogram"):
        data = _object(metric, kind)
        temporality = data.get("aggregationTemporality", data.get("aggregation_temporality"))
        for point in (*_objects(data, "dataPoints"), *_objects(data, "data_points")):
            read = point.get
            value = _number(
                read("sum", read("asDouble", read("asInt", read("as_double", read("as_int", read("value"))))))
            )
            if not isfinite(value):
                continue
            yield Point(
                metric=name,
                attributes=_attributes(point),
                resource=resource,
                started=_integer(read("startTimeUnixNano") or read("start_time_unix_nano")),
                time=_integer(read("timeUnixNano") or read("time_unix_nano")),
                cumulative=temporality in _CUMULATIVE,
                count=_integer(read("count")),
                value=value,
            )


def _attributes(holder: Json) -> Json:
    """Attributes as a mapping; OTLP has a list of pairs in which integers are strings."""
    found = holder.get("attributes")
    if isinstance(found, dict):
        return cast(Json, found)
    values: dict[str, object] = {}
    for pair in cast("list[object]", found if isinstance(found, list) else []):
        if isinstance(pair, dict):
            entry = cast(Json, pair)
            value = entry.get("value")
            values[str(entry.get("key"))] = _value(cast(Json, value)) if isinstance(value, dict) else None
    return values


def _value(value: Json) -> object:
    for name, found in value.items():
        if name in ("stringValue", "boolValue", "string_value", "bool_value"):
            return found
        if name in ("intValue", "int_value"):
            return _integer(found)
        if name in ("doubleValue", "double_value"):
            return _number(found)
        if name in ("arrayValue", "array_value") and isinstance(found, dict):
            return [_value(item) for item in _objects(cast(Json, found), "values")]
    return None


def _integer(value: object) -> int:
    try:
        return int(cast("int | str", value))
    except (TypeError, ValueError, OverflowError):
        return 0


def _number(value: object) -> float:
    try:
        return float(cast("float | str", value))
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _object(holder: Json, name: str) -> Json:
    found = holder.get(name)
    return cast(Json, found) if isinstance(found, dict) else {}


def _objects(holder: Json, name: str) -> Iterator[Json]:
    found = holder.get(name)
    for item in cast("list[object]", found if isinstance(found, list) else []):
        if isinstance(item, dict):
            yield cast(Json, item)


def _seconds(text: object) -> float | None:
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None
