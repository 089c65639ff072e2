# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""How OpenTelemetry's names look in PromQL.

Two spellings are in use. With underscores: everything that is scraped (the Prometheus exporters of the SDK and of the
Collector), and OTLP as Prometheus, Mimir and Grafana Cloud store it by default. With dots: OTLP in Prometheus 3 under
``translation_strategy: NoTranslation`` or ``NoUTF8EscapingWithSuffixes``, which differ in the suffixes of unit and type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

SERVICE = "job"
"""The service's name: the scrape's job; Prometheus calls ``service.name`` so when it receives OTLP."""

_PROMETHEUS_OWN = frozenset({SERVICE, "le"})


@dataclass(frozen=True, slots=True)
class Metric:
    """One series of an instrument.

    Attributes:
        name: the instrument's name, with dots.
        suffix: what Prometheus appends for unit and type, such as ``_seconds`` or ``_total``.
        series: the series of a histogram: ``_sum``, ``_count`` or ``_bucket``.
    """

    name: str
    suffix: str = ""
    series: str = ""


class Naming(Protocol):
    """A spelling of metrics and labels."""

    title: str
    uid: str
    example: str

    def selector(self, metric: Metric, matchers: Mapping[str, str]) -> str:
        """A vector selector; a matcher is the label's name and ``="value"`` or another operator with its value."""
        ...

    def label(self, name: str) -> str:
        """A label in a ``by (…)`` clause."""
        ...

    def key(self, name: str) -> str:
        """A label's name, as results of queries have it."""
        ...

    def quoted(self, key: str) -> str:
        """The name of a label as results of queries have it, or a variable that holds one, in a ``by (…)`` clause."""
        ...


@dataclass(frozen=True, slots=True)
class Underscores:
    """``gen_ai_client_operation_cost_sum{gen_ai_request_model="gpt-5.5"}``."""

    title: str = "OpenAI cost"
    uid: str = "openai-cost"
    example: str = "gen_ai_client_operation_cost_sum"

    def selector(self, metric: Metric, matchers: Mapping[str, str]) -> str:
        name = metric.name.replace(".", "_") + metric.suffix + metric.series
        inner = ", ".join(f"{self.key(label)}{condition}" for label, condition in matchers.items())
        return f"{name}{{{inner}}}" if inner else name

    def label(self, name: str) -> str:
        return self.key(name)

    def key(self, name: str) -> str:
        return name.replace(".", "_")

    def quoted(self, key: str) -> str:
        return key


@dataclass(frozen=True, slots=True)
class Dots:
    """``{"gen_ai.client.operation.cost_sum", "gen_ai.request.model"="gpt-5.5"}``."""

    title: str = "OpenAI cost (OTLP names)"
    uid: str = "openai-cost-otlp"
    example: str = "gen_ai.client.operation.cost_sum"

    def selector(self, metric: Metric, matchers: Mapping[str, str]) -> str:
        if metric.suffix:
            # With or without the suffix: the two strategies that keep the dots differ only there.
            pattern = f"{metric.name.replace('.', '[.]')}({metric.suffix})?{metric.series}"
            name = f'__name__=~"{pattern}"'
        else:
            name = f'"{metric.name}{metric.series}"'
        return f"{{{', '.join([name, *(f'{self.label(label)}{value}' for label, value in matchers.items())])}}}"

    def label(self, name: str) -> str:
        return name if name in _PROMETHEUS_OWN else self.quoted(name)

    def key(self, name: str) -> str:
        return name

    def quoted(self, key: str) -> str:
        return f'"{key}"'
