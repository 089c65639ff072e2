# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Metric sums: points of our metrics added up to calls, in memory that grows with the series and not with the exports."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai

from .. import semconv
from ..money import EXACT
from ..spend import Call, Parts, Tokens
from .telemetry import Json, Point

_WANTED = frozenset(
    {
        semconv.METRIC_COST,
        semconv.METRIC_UNPRICED,
        semconv.METRIC_TOKEN_USAGE,
        semconv.METRIC_COMPONENT_COST,
        semconv.METRIC_COMPONENT_TOKENS,
    }
)
_PARTS = {
    "input_uncached": "input",
    "cache_read": "cache",
    "cache_write": "cache",
    "output_visible": "output",
    "reasoning": "reasoning",
    "tool": "tools",
}
"""Part of the table by component; every other component is ``other``."""
_NOISE = Decimal("1e-9")
"""Share of an amount below which a difference between sums of floats means nothing."""
_ZERO = Decimal(0)

_Series = tuple[str, str, str]
"""Name of a metric, its attributes and those of its resource, as JSON."""


class MetricSums:
    """The last word of every cumulative series, and the sum of every other."""

    def __init__(self) -> None:
        self._latest: dict[tuple[_Series, int], tuple[int, int, Decimal]] = {}
        self._sums: dict[_Series, tuple[int, Decimal]] = {}

    def add(self, point: Point) -> None:
        """Adds a point; one of a metric that says nothing of money or tokens is passed over."""
        if point.metric not in _WANTED:
            return
        series = (point.metric, _frozen(point.attributes), _frozen(point.resource))
        value = Decimal(repr(point.value))
        if point.cumulative:
            key = (series, point.started)
            known = self._latest.get(key)
            if known is None or point.time >= known[0]:
                self._latest[key] = (point.time, point.count, value)
        else:
            count, amount = self._sums.get(series, (0, _ZERO))
            self._sums[series] = (count + point.count, EXACT.add(amount, value))

    def calls(self) -> Iterator[tuple[Call, Json, Json]]:
        """The calls that were counted, those alike as one, with the attributes of the point and of its resource."""
        sums = self._all()
        components = _components(sums)
        for (metric, attributes_text, resource_text), (count, value) in sums.items():
            attributes: dict[str, object] = json.loads(attributes_text)
            resource: Json = json.loads(resource_text)
            if metric == semconv.METRIC_COST and count:
                call = Call.from_cost(attributes, _rounded(value), count)
                parts = components.get((attributes_text, resource_text))
                yield (
                    (replace(call, parts=_parts(call.amount or _ZERO, parts)) if parts else call),
                    attributes,
                    resource,
                )
            elif metric == semconv.METRIC_UNPRICED and value:
                call = Call.from_attributes({**attributes, semconv.OWN_STATUS: "unpriced"})
                if call is not None:
                    yield replace(call, count=int(value)), attributes, resource

    def tokens(self) -> Iterator[tuple[str, Tokens]]:
        """Tokens by model and tier: totals from the metric of the conventions, else from our own, which alone knows the parts."""
        totals: defaultdict[str, Tokens] = defaultdict(Tokens)
        own: defaultdict[str, Tokens] = defaultdict(Tokens)
        for (metric, attributes_text, _), (_, value) in self._all().items():
            attributes: Mapping[str, object] = json.loads(attributes_text)
            label, count = Call.from_cost(attributes, 0.0).label, int(value)
            if metric == semconv.METRIC_TOKEN_USAGE:
                is_input = attributes.get(gen_ai.GEN_AI_TOKEN_TYPE) == "input"
                totals[label] += Tokens(input=count) if is_input else Tokens(output=count)
            elif metric == semconv.METRIC_COMPONENT_TOKENS:
                own[label] += _kind(str(attributes.get(semconv.TOKEN_KIND)), count)
        for label in {**totals, **own}:
            tokens = own[label]
            if label in totals:
                tokens = replace(tokens, input=totals[label].input, output=totals[label].output)
            yield label, tokens

    def _all(self) -> dict[_Series, tuple[int, Decimal]]:
        sums = dict(self._sums)
        for (series, _), (_, count, value) in self._latest.items():
            known, amount = sums.get(series, (0, _ZERO))
            sums[series] = (known + count, EXACT.add(amount, value))
        return sums


def _rounded(value: Decimal) -> float:
    """A sum of floats, without the digits that only their adding up made."""
    return float(f"{value:.15g}")


def _frozen(attributes: Json) -> str:
    return json.dumps(attributes, sort_keys=True)


def _components(sums: Mapping[_Series, tuple[int, Decimal]]) -> dict[tuple[str, str], dict[str, Decimal]]:
    """Cost by component, under the attributes that the cost itself has."""
    found: defaultdict[tuple[str, str], dict[str, Decimal]] = defaultdict(dict)
    for (metric, attributes_text, resource_text), (_, value) in sums.items():
        if metric == semconv.METRIC_COMPONENT_COST:
            attributes: dict[str, object] = json.loads(attributes_text)
            component = str(attributes.pop(semconv.COMPONENT, None))
            found[_frozen(attributes), resource_text][component] = Decimal(repr(_rounded(value)))
    return found


def _parts(amount: Decimal, components: Mapping[str, Decimal]) -> Parts:
    parts = Parts()
    known = _ZERO
    for component, value in components.items():
        parts += Parts(**{_PARTS.get(component, "other"): value})
        known = EXACT.add(known, value)
    rest = EXACT.subtract(amount, known)
    # Amounts that a provider reported are in the cost and in no component.
    return parts if rest.copy_abs() <= EXACT.multiply(amount, _NOISE) else parts + Parts(other=rest)


def _kind(kind: str, count: int) -> Tokens:
    if kind.endswith("cache_read"):
        return Tokens(input=count, cached=count)
    if kind.startswith("cache_write"):
        return Tokens(input=count, written=count)
    if kind == "reasoning":
        return Tokens(output=count, reasoning=count)
    return Tokens(output=count) if kind.endswith("output") else Tokens(input=count)
