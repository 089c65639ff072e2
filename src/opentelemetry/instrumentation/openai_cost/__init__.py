# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""OpenTelemetry instrumentation of the OpenAI client that also says what every call cost.

Usage:
    Zero code: ``opentelemetry-instrument python app.py``. Or, in code::

        from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor

        OpenAICostInstrumentor().instrument()

    From then on every chat completion, completion, response and embedding has a span with GenAI attributes, its tokens and its
    cost, and the histograms ``gen_ai.client.operation.duration``, ``gen_ai.client.token.usage`` and
    ``gen_ai.client.operation.cost``. What cannot be priced is counted in ``openai_cost.unpriced_operations`` with the reason.

Configuration:
    Arguments of ``instrument()``, or environment variables ``OTEL_INSTRUMENTATION_OPENAI_COST_<OPTION>``; see
    ``opentelemetry.instrumentation.openai_cost.config.Config``. ``tracer_provider`` and ``meter_provider`` are honoured.

The amounts are estimates at list price, not an invoice; the names of the cost attributes are proposed
(semantic-conventions-genai#443) and may change.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from threading import Lock
from typing import TYPE_CHECKING, cast

import wrapt
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from opentelemetry.metrics import MeterProvider, get_meter
from opentelemetry.trace import TracerProvider, get_tracer

from .attribution import cost_attributes
from .budget import Budget, Budgets, show_budgets
from .config import Config, Options, resolve
from .event import CostEvent
from .fork import free_after_fork
from .package import _instruments  # pyright: ignore[reportPrivateUsage]  # the name that OpenTelemetry's tools read
from .rollup import Rollup
from .tracking import track_cost
from .version import __version__

if TYPE_CHECKING:
    from ._client import ClientPatch
    from ._legacy import LegacyPatch
    from .pricing import PriceBook, PriceSource
    from .recorder import Recorder
    from .summary import Summary

__all__ = ["Budget", "CostEvent", "OpenAICostInstrumentor", "__version__", "cost_attributes", "track_cost"]


class OpenAICostInstrumentor(BaseInstrumentor):
    """Instruments the OpenAI client. Nothing is patched, and no price loaded, before ``openai`` is imported."""

    configuration = Options
    """Options under ``instrumentation/development: python: openai_cost:`` of the declarative configuration."""

    # The base class is a singleton whose __init__ runs again at every call: state lives on the class.
    _hooked = False
    _wanted = False
    _recorder: Recorder | None = None
    _patch: ClientPatch | LegacyPatch | None = None
    _source: PriceSource | None = None
    _rollup: Rollup | None = None
    _summary: Summary | None = None
    _config = Config()
    _providers: tuple[TracerProvider | None, MeterProvider | None] = (None, None)
    _lock = free_after_fork(Lock())

    def instrumentation_dependencies(self) -> Collection[str]:
        """The versions of openai that are instrumented."""
        return _instruments

    def _instrument(self, **kwargs: object) -> None:
        cls = type(self)
        cls._config = resolve(kwargs, os.environ)
        cls._source = None
        cls._providers = (
            cast("TracerProvider | None", kwargs.get("tracer_provider")),
            cast("MeterProvider | None", kwargs.get("meter_provider")),
        )
        cls._wanted = True
        if cls._config.rollup:
            # Not only when openai is imported: spans that start before that are above the first call.
            cls._rollup = Rollup(cls._providers[0])
        if cls._patch is not None:
            cls._start()
        elif not cls._hooked:
            # A hook cannot be unregistered; it is set once and asks whether it is still wanted.
            cls._hooked = True
            wrapt.register_post_import_hook(cls._openai_imported, "openai")

    def _uninstrument(self, **kwargs: object) -> None:
        cls = type(self)
        cls._wanted = False
        recorder, cls._recorder = cls._recorder, None
        if recorder is not None:
            recorder.catch_up()
        rollup, cls._rollup = cls._rollup, None
        if rollup is not None:
            rollup.stop()
        summary, cls._summary = cls._summary, None
        if summary is not None:
            summary.end()
        if cls._patch is not None:
            cls._patch.remove()

    @classmethod
    def _openai_imported(cls, module: object) -> None:
        # Of the two rooms, the one for the loaded SDK; the other would find nothing.
        if "openai.api_requestor" in sys.modules:
            from ._legacy import LegacyPatch as Patch
        else:
            from ._client import ClientPatch as Patch

        cls._patch = Patch(lambda: cls._recorder)
        if cls._wanted:
            cls._start()

    @classmethod
    def _start(cls) -> None:
        from .instruments import observe_book_age
        from .recorder import Recorder
        from .semconv import METRIC_BOOK_AGE

        tracer_provider, meter_provider = cls._providers
        tracer = get_tracer(__name__, __version__, tracer_provider)
        meter = get_meter(__name__, __version__, meter_provider)
        if cls._config.summary:
            from .summary import Summary

            cls._summary = Summary()
        cls._recorder = Recorder(tracer, meter, cls._config, cls._load_book, cls._rollup, cls._summary)
        # A callback cannot be taken off a gauge: it speaks while its own provider is the one that is used.
        providers = cls._providers

        def recorder() -> Recorder | None:
            return cls._recorder if cls._providers == providers else None

        def book() -> PriceBook | None:
            return cls._load_book() if recorder() is not None else None

        def budgets() -> Budgets | None:
            return None if (current := recorder()) is None else current.accounts.budgets

        observe = observe_book_age(book)
        meter.create_observable_gauge(METRIC_BOOK_AGE, [observe], "d", "Days since the price list was reviewed")
        if cls._config.budgets:
            show_budgets(meter, budgets)
        if cls._patch is not None:
            cls._patch.install()

    @classmethod
    def _load_book(cls) -> PriceBook:
        """The price book, read on the first call that needs a price."""
        source = cls._source
        if source is None:
            from .pricing import PriceSource

            config = cls._config
            with cls._lock:
                source = cls._source = cls._source or PriceSource(
                    config.prices, config.book, reload=config.prices_reload
                )
        return source.book()
