# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Contenders: the bare SDK, the bare OpenTelemetry work, and every instrumentation of the OpenAI client that is installed."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import openai
from floor import Floor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor

# OpenInference puts more attributes on the span of a large batch than a span takes, and the SDK says so for each.
logging.getLogger("opentelemetry.attributes").setLevel(logging.ERROR)

Work = Callable[[openai.OpenAI], None]

INSTRUMENTATIONS = {
    "openai_cost": (
        "opentelemetry-instrumentation-openai-cost",
        "opentelemetry.instrumentation.openai_cost",
        "OpenAICostInstrumentor",
    ),
    "official": (
        "opentelemetry-instrumentation-genai-openai",
        "opentelemetry.instrumentation.genai.openai",
        "OpenAIInstrumentor",
    ),
    "OpenInference": (
        "openinference-instrumentation-openai",
        "openinference.instrumentation.openai",
        "OpenAIInstrumentor",
    ),
    "Traceloop": ("opentelemetry-instrumentation-openai", "opentelemetry.instrumentation.openai", "OpenAIInstrumentor"),
}
"""Short name, to distribution, module and class."""


class Client:
    """The client's classes as they are; what an instrumentation leaves on them when it goes can be taken off.

    Some leave wrappers behind, which would pile up from round to round and be paid for by everybody.
    """

    def __init__(self) -> None:
        self._kept = {
            kind: dict(vars(kind))
            for name, module in list(sys.modules.items())
            if name.partition(".")[0] == "openai"
            for kind in list(vars(module).values())
            if isinstance(kind, type) and kind.__module__.partition(".")[0] == "openai" and kind.__name__ in _PATCHED
        }

    def restore(self) -> None:
        """Puts every method back that is not the one that was there."""
        for kind, kept in self._kept.items():
            for name, now in list(vars(kind).items()):
                if name not in kept:
                    if callable(now):
                        delattr(kind, name)
                elif now is not kept[name]:
                    setattr(kind, name, kept[name])


_PATCHED = {
    "SyncAPIClient",
    "AsyncAPIClient",
    "OpenAI",
    "AsyncOpenAI",
    "Completions",
    "AsyncCompletions",
    "Embeddings",
    "AsyncEmbeddings",
    "Responses",
    "AsyncResponses",
}


class Contender:
    """An instrumentation that can be put on and taken off.

    Args:
        name: what to call it.
        make: makes an instrumentor, ``None`` for the bare SDK.
        options: what ``instrument()`` is given besides the providers.
    """

    def __init__(self, name: str, make: Callable[[], Any] | None, **options: object) -> None:
        self.name = name
        self._make, self._options = make, options
        self._instrumentor: Any = None
        self._tracer_provider = TracerProvider(shutdown_on_exit=False)
        self._meter_provider = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)

    def __enter__(self) -> Contender:
        self._client = Client()
        if self._make is not None:
            self._instrumentor = self._make()
            self._instrumentor.instrument(
                tracer_provider=self._tracer_provider,
                meter_provider=self._meter_provider,
                skip_dep_check=True,
                **self._options,
            )
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._instrumentor is not None:
            self._instrumentor.uninstrument()
        self._client.restore()


def installed() -> dict[str, str]:
    """The instrumentations that are installed, and their versions."""
    found: dict[str, str] = {}
    for name, (distribution, module, _) in INSTRUMENTATIONS.items():
        try:
            import_module(module)
            found[name] = version(distribution)
        except (ImportError, PackageNotFoundError):
            print(f"{name}: not installed, left out")
    return found


def contenders(work: Work, client: Callable[[], openai.OpenAI], only: str | None = None) -> list[Contender]:
    """Everyone who takes part: the bare SDK and all others, or one of them, and then no other is loaded."""
    found = [Contender("bare", None)]
    if only in (None, "floor"):
        found.append(Contender("floor", floor(work, client)))
    for name in installed() if only is None else {only} & INSTRUMENTATIONS.keys():
        _, module, kind = INSTRUMENTATIONS[name]
        found.append(Contender(name, getattr(import_module(module), kind)))
    return found


def floor(work: Work, client: Callable[[], openai.OpenAI]) -> Callable[[], Floor]:
    """The bare OpenTelemetry work, as recorded from one call observed by openai_cost."""
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracer_provider = TracerProvider(shutdown_on_exit=False)
    meter_provider = MeterProvider([reader], shutdown_on_exit=False)
    tracer_provider.add_span_processor(SimpleSpanProcessor(spans))
    instrumentor = OpenAICostInstrumentor()
    instrumentor.instrument(tracer_provider=tracer_provider, meter_provider=meter_provider, skip_dep_check=True)
    work(client())
    instrumentor.uninstrument()
    data = reader.get_metrics_data()
    records = [
        (metric.name, point.sum, dict(point.attributes))
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
        if isinstance(point, HistogramDataPoint)
    ]
    recorded = Floor(spans.get_finished_spans()[0], records)
    return lambda: recorded
