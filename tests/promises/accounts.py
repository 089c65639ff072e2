# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Accounts: what was told of how many calls, and whether all of it can be exported."""

from collections import Counter
from collections.abc import Iterable
from math import isfinite
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan

from support.expect import COST, DURATION, UNPRICED
from support.telemetry import Telemetry

_INT64 = 2**63


def counted(telemetry: Telemetry) -> tuple[int, int]:
    """How many operations were counted with a cost, and how many without."""
    priced = sum(point.count for _, point in telemetry.points(COST))
    return priced, sum(point.value for _, point in telemetry.points(UNPRICED))


def assert_all_told(telemetry: Telemetry, calls: int) -> None:
    """Every call had one span, which has ended, and was counted once: with its cost, or as one that has none."""
    assert telemetry.open_spans() == []
    statuses = Counter(status(span) for span in telemetry.spans())
    assert statuses.total() == calls
    priced, unpriced = counted(telemetry)
    assert priced == statuses["priced"]
    assert unpriced == statuses["unpriced"] + statuses["partial"]
    assert sum(point.count for _, point in telemetry.points(DURATION)) == calls
    assert_exportable(telemetry)


def status(span: ReadableSpan) -> str:
    """What the span says of its price, in agreement with itself."""
    attributes = span.attributes or {}
    said = str(attributes["openai_cost.status"])
    assert ("gen_ai.usage.cost.amount" in attributes) is (said == "priced")
    assert ("openai_cost.unpriced.reason" in attributes) is (said != "priced")
    return said


def assert_exportable(telemetry: Telemetry) -> None:
    """Every value is one that OTLP has: whole numbers of 64 bits, finite numbers, text of whole characters."""
    for span in telemetry.spans():
        assert_span_exportable(span)
    for point_attributes, point in telemetry.all_points():
        _check(point_attributes.items())
        total = point.sum if hasattr(point, "sum") else point.value
        assert isfinite(total)


def assert_span_exportable(span: ReadableSpan) -> None:
    """Every value of the span is one that OTLP has."""
    span.name.encode()
    _check((span.attributes or {}).items())


def _check(attributes: Iterable[tuple[str, Any]]) -> None:
    for name, value in attributes:
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, str):
                item.encode()
            elif isinstance(item, int):
                assert -_INT64 <= item < _INT64, name
            else:
                assert isfinite(item), name
