# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Instruments: the metrics of an operation, and what is recorded in them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Meter, NoOpHistogram, Observation
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE

from . import semconv
from .aliases import AliasHistograms
from .config import Config
from .endpoints import Response
from .outcome import Attributes, Outcome
from .pricing import PriceBook, Quote, Unpriced
from .series import Series
from .usage import MAX_COUNT, Tokens
from .vocabulary import Vocabulary

if TYPE_CHECKING:
    from .operation import Operation


_MAX_ERROR_TYPES = 200


class Instruments:
    """The instruments, made once, and what is recorded in them.

    Args:
        meter: makes them.
        config: which of the optional ones are wanted.
    """

    def __init__(self, meter: Meter, config: Config) -> None:
        self._duration = meter.create_histogram(
            semconv.METRIC_DURATION,
            "s",
            "Duration of GenAI client operation",
            explicit_bucket_boundaries_advisory=semconv.DURATION_BUCKETS,
        )
        self._token_usage = meter.create_histogram(
            semconv.METRIC_TOKEN_USAGE,
            semconv.UNIT_TOKEN,
            "Number of input and output tokens used by GenAI clients",
            explicit_bucket_boundaries_advisory=semconv.TOKEN_BUCKETS,
        )
        self._first_chunk = meter.create_histogram(
            semconv.METRIC_TIME_TO_FIRST_CHUNK,
            "s",
            "Time to receive the first chunk, from the request to the first bytes of the response stream",
            explicit_bucket_boundaries_advisory=semconv.DURATION_BUCKETS,
        )
        self._cost = meter.create_histogram(
            semconv.METRIC_COST,
            semconv.UNIT_COST,
            "Cost of GenAI client operation",
            explicit_bucket_boundaries_advisory=semconv.COST_BUCKETS,
        )
        self._unpriced = meter.create_counter(
            semconv.METRIC_UNPRICED,
            semconv.UNIT_OPERATION,
            "Operations without a full price, by reason",
        )
        self._chunk = None
        if config.chunk_metrics:
            self._chunk = meter.create_histogram(
                semconv.METRIC_TIME_PER_OUTPUT_CHUNK,
                "s",
                "Time per output chunk, for each chunk after the first one",
                explicit_bucket_boundaries_advisory=semconv.DURATION_BUCKETS,
            )
        self._error_types = Vocabulary("types of errors", _MAX_ERROR_TYPES, "_OTHER")
        self._components = ComponentCounters(meter) if config.component_metrics else None
        self._aliases = AliasHistograms(meter, config.aliases) if config.aliases else None
        self._latest = LatestTokenMetrics(meter) if config.token_metrics == "latest" else None

    def are_heard(self) -> bool:
        """Whether anything is made of what is recorded: not without an SDK, or with a disabled one."""
        # Made before a provider is set, an instrument stands in for one that comes with the provider.
        real: object = getattr(self._cost, "_real_instrument", self._cost)
        return real is not None and not isinstance(real, NoOpHistogram)

    def record_operation(
        self, operation: Operation, response: Response, series: Series, error_type: str | None
    ) -> None:
        """Duration, tokens and chunk times of an operation that nothing else describes."""
        context = operation.context
        if error_type is None:
            self._duration.record(operation.duration, series.tiered, context)
        else:
            failed = {**series.tiered, ERROR_TYPE: self._error_types[error_type]}
            self._duration.record(operation.duration, failed, context)
        tokens = None if response.usage is None else response.usage.tokens
        if tokens is not None:
            inputs, outputs = tokens.input, tokens.output
            if inputs is not None and 0 <= inputs <= MAX_COUNT:
                self._token_usage.record(inputs, series.input, context)
            if outputs is not None and 0 <= outputs <= MAX_COUNT:
                self._token_usage.record(outputs, series.output, context)
            if self._latest is not None and operation.endpoint.kind == "inference":
                self._latest.record(tokens, series.tiered, context, failed=error_type is not None)
        first_chunk = operation.time_to_first_chunk
        if first_chunk is not None:
            self._first_chunk.record(first_chunk, series.common, context)
            if self._chunk is not None:
                for seconds in operation.chunk_times:
                    self._chunk.record(seconds, series.common, context)

    def record_cost(self, outcome: Outcome, series: Series, context: Context, error_type: str | None = None) -> None:
        """The cost of an operation, or the reason why it has none: exactly one of the two."""
        if isinstance(outcome, Unpriced):
            self._unpriced.add(1, {**series.common, semconv.OWN_UNPRICED_REASON: outcome.reason}, context)
            return
        currency, attributes = outcome.currency, series.cost
        if currency != "USD":
            attributes = {**attributes, semconv.COST_CURRENCY: currency}
        if not isinstance(outcome, Quote):
            attributes = {**attributes, semconv.COST_SOURCE: semconv.COST_SOURCE_PROVIDER}
        self._cost.record(outcome.float_amount, attributes, context)
        if self._aliases is not None:
            self._aliases.record(outcome, attributes, context)
        if self._components is not None and isinstance(outcome, Quote):
            failure = None if error_type is None else self._error_types[error_type]
            self._components.record(outcome, attributes, context, failure)


class ComponentCounters:
    """Disjoint parts of cost and tokens, for dashboards.

    Args:
        meter: makes the counters.
    """

    def __init__(self, meter: Meter) -> None:
        self._cost = meter.create_counter(
            semconv.METRIC_COMPONENT_COST, semconv.UNIT_COST, "Cost by disjoint component"
        )
        self._tokens = meter.create_counter(
            semconv.METRIC_COMPONENT_TOKENS, semconv.UNIT_TOKEN, "Tokens by disjoint kind"
        )
        self._savings = meter.create_counter(
            semconv.METRIC_CACHE_SAVINGS, semconv.UNIT_COST, "What cached input would have cost more without the cache"
        )

    def record(self, quote: Quote, attributes: Attributes, context: Context, error_type: str | None = None) -> None:
        """Adds one quote, part by part; the cost of a call that was billed and still raised names the error."""
        of_cost = attributes if error_type is None else {**attributes, ERROR_TYPE: error_type}
        for component, amount in quote.components().items():
            self._cost.add(float(amount), {**of_cost, semconv.COMPONENT: component}, context)
        for rate, quantity in quote.token_lines:
            self._tokens.add(quantity, {**attributes, semconv.TOKEN_KIND: rate.dimension}, context)
        saved = quote.cache_savings()
        if saved > 0:
            self._savings.add(float(saved), attributes, context)


class LatestTokenMetrics:
    """The redesigned token metrics of semantic-conventions-genai#374, which the official packages do not emit yet.

    Args:
        meter: makes the instruments.
    """

    def __init__(self, meter: Meter) -> None:
        self._counters = tuple(
            (kind, meter.create_counter(name, semconv.UNIT_TOKEN, description))
            for kind, name, description in (
                ("input", semconv.METRIC_INFERENCE_INPUT, "Input tokens used, cached ones included"),
                ("output", semconv.METRIC_INFERENCE_OUTPUT, "Output tokens used, reasoning included"),
                ("cache_read", semconv.METRIC_INFERENCE_CACHE_READ, "Input tokens read from the cache"),
                ("cache_write", semconv.METRIC_INFERENCE_CACHE_WRITE, "Input tokens written to the cache"),
                ("reasoning", semconv.METRIC_INFERENCE_REASONING, "Output tokens used for reasoning"),
            )
        )
        self._sizes = tuple(
            (
                kind,
                meter.create_histogram(
                    name, semconv.UNIT_TOKEN, description, explicit_bucket_boundaries_advisory=semconv.TOKEN_BUCKETS
                ),
            )
            for kind, name, description in (
                ("input", semconv.METRIC_INFERENCE_OPERATION_INPUT, "Input tokens of one operation"),
                ("output", semconv.METRIC_INFERENCE_OPERATION_OUTPUT, "Output tokens of one operation"),
            )
        )

    def record(self, tokens: Tokens, attributes: Attributes, context: Context, *, failed: bool) -> None:
        """Adds the tokens of one operation by modality; what is not known to be of one is ``unknown``."""
        for kind, counter in self._counters:
            for modality, quantity in _by_modality(tokens, kind):
                counter.add(quantity, {**attributes, semconv.TOKEN_MODALITY: modality}, context)
        if not failed:
            for kind, histogram in self._sizes:
                quantity = getattr(tokens, kind)
                if quantity is not None and 0 <= quantity <= MAX_COUNT:
                    histogram.record(quantity, attributes, context)


def observe_book_age(book: Callable[[], PriceBook | None]) -> Callable[[CallbackOptions], Iterable[Observation]]:
    """A callback for the gauge of the price book's age in days; it says nothing while there is no book."""

    def observe(options: CallbackOptions) -> Iterable[Observation]:
        current = book()
        if current is not None:
            yield Observation(current.age(datetime.fromtimestamp(time.time(), timezone.utc).date()))

    return observe


def _by_modality(tokens: Tokens, kind: str) -> list[tuple[str, int]]:
    total = getattr(tokens, kind)
    if total is None or not 0 <= total <= MAX_COUNT:
        return []
    known: list[tuple[str, int]] = []
    if kind in ("input", "output", "cache_read"):
        for modality in ("text", "audio", "image"):
            quantity = getattr(tokens, f"{modality}_{kind}")
            if quantity and quantity > 0:
                known.append((modality, quantity))
    rest = total - sum(quantity for _, quantity in known)
    if rest < 0:
        return [("unknown", total)]
    if rest or not known:
        known.append(("unknown", rest))
    return known
