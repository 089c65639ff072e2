# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Recorder: what is written where when an operation begins and ends."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from typing import Protocol

from opentelemetry.context import Context, get_current
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.attributes.server_attributes import SERVER_ADDRESS, SERVER_PORT
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.util.types import AttributeValue

from . import _nesting, semconv
from .config import Config
from .endpoints import Endpoint, Request, Response, from_cache, in_headers
from .ledger import Ledger, Started
from .operation import Operation
from .pricing import PriceBook, Quote, Terms, Unpriced
from .provider import Server
from .usage import MAX_COUNT, Tokens

_logger = logging.getLogger(__package__)

Attributes = dict[str, AttributeValue]

_FUTURE = 10**11
"""No response was created after the year 5000; whoever says so counts in milliseconds."""

_TOKEN_ATTRIBUTES = (
    gen_ai.GEN_AI_USAGE_INPUT_TOKENS,
    gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS,
    semconv.USAGE_CACHE_READ,
    semconv.USAGE_CACHE_WRITE,
    semconv.OWN_CACHE_WRITE_30M_TOKENS,
    semconv.OWN_CACHE_WRITE_12H_TOKENS,
    semconv.USAGE_REASONING,
    semconv.USAGE_TEXT_INPUT,
    semconv.USAGE_AUDIO_INPUT,
    semconv.USAGE_IMAGE_INPUT,
    semconv.USAGE_TEXT_OUTPUT,
    semconv.USAGE_AUDIO_OUTPUT,
    semconv.USAGE_IMAGE_OUTPUT,
    semconv.USAGE_TEXT_CACHE_READ,
    semconv.USAGE_AUDIO_CACHE_READ,
    semconv.USAGE_IMAGE_CACHE_READ,
)
"""Span attribute of every field of ``Tokens``, in order."""


@dataclass(frozen=True, slots=True)
class ProviderCost:
    """A cost that the provider or a gateway reported, and our own price beside it where we have one."""

    amount: Decimal
    currency: str
    estimate: Quote | None


Outcome = Quote | ProviderCost | Unpriced


class _Billed(Protocol):
    """What a price needs to know of an operation."""

    request: Request
    server: Server
    began: float
    headers: Mapping[str, str] | None

    @property
    def price_endpoint(self) -> str:
        """The price book's name of the endpoint."""
        ...


class _Finished:
    """A job seen finished: billed under the terms of the call that started it."""

    def __init__(self, started: Started, fetched_by: Operation) -> None:
        self.request = started.request
        self.server, self.began = fetched_by.server, fetched_by.began
        self.headers: Mapping[str, str] | None = None
        self.price_endpoint = started.endpoint


class Recorder:
    """Writes spans and metrics through the API's tracer and meter.

    Args:
        tracer: makes the spans.
        meter: makes the instruments.
        config: the options in force.
        book: gives the price book, loading it on first need.
    """

    def __init__(self, tracer: Tracer, meter: Meter, config: Config, book: Callable[[], PriceBook]) -> None:
        self._tracer, self._config, self._book = tracer, config, book
        self._instruments = Instruments(meter, config)
        self._ledger = Ledger()
        self._failures: set[str] = set()
        self._postponed: deque[Callable[[], None]] = deque()

    @property
    def wants_chunk_times(self) -> bool:
        """Whether every streamed chunk is timed."""
        return self._config.chunk_metrics

    @property
    def asks_for_usage(self) -> bool:
        """Whether a stream's usage is asked for on the caller's behalf."""
        return self._config.stream_usage == "request"

    def begin(self, endpoint: Endpoint, server: Server, request: Request) -> Operation:
        """Starts the operation's span, unless something else describes the call already."""
        if self._postponed:
            self.catch_up()
        context = get_current()
        enclosing, span = None, None
        mode = "none" if endpoint.is_silent else self._config.spans
        if mode == "own":
            enclosing = _nesting.open_invocation(endpoint.kind, context)
            if enclosing is None:
                span = self._start_span(endpoint, server, request, context)
                context = set_span_in_context(span, context)
        elif mode == "current":
            enclosing = _nesting.open_invocation(endpoint.kind, context) or _nesting.current_span(context)
        return Operation(self, endpoint, server, request, span, context, enclosing)

    def _start_span(self, endpoint: Endpoint, server: Server, request: Request, context: Context) -> Span:
        model = request.model
        attributes: Attributes = {
            gen_ai.GEN_AI_OPERATION_NAME: endpoint.operation,
            gen_ai.GEN_AI_PROVIDER_NAME: server.provider,
            SERVER_ADDRESS: server.address,
            SERVER_PORT: server.port,
            **endpoint.attributes,
            **request.attributes,
        }
        if model is not None:
            attributes[gen_ai.GEN_AI_REQUEST_MODEL] = model
        name = endpoint.operation if model is None else f"{endpoint.operation} {model}"
        return self._tracer.start_span(name, context, SpanKind.CLIENT, attributes)

    def end(self, operation: Operation, response: Response | None, error: BaseException | None) -> None:
        """Prices the operation and writes everything about it. Never raises."""
        try:
            self._record(operation, response or Response(), error)
        except Exception as problem:
            self.failed_inside(problem)
        finally:
            if operation.span is not None:
                try:
                    operation.span.end()
                except Exception as problem:
                    self.failed_inside(problem)
            if self._postponed:
                self.catch_up()

    def postpone(self, end: Callable[[], None]) -> None:
        """Keeps an end until telemetry is not in the midst of something; the next operation that begins or ends does it."""
        self._postponed.append(end)

    def catch_up(self) -> None:
        """Does the ends that were postponed."""
        while self._postponed:
            try:
                self._postponed.popleft()()
            except IndexError:
                return

    def failed_inside(self, error: BaseException) -> None:
        """Logs a failure of ours: once per cause, at debug after that."""
        cause = f"{type(error).__name__} at {_place(error)}"
        first = cause not in self._failures
        self._failures.add(cause)
        _logger.log(
            logging.WARNING if first else logging.DEBUG,
            "openai_cost could not observe a call (the call itself is not affected): %s",
            cause,
        )

    def _record(self, operation: Operation, response: Response, error: BaseException | None) -> None:
        endpoint = operation.endpoint
        common = self._common(operation, response)
        if endpoint.billing == "fetch" or endpoint.is_silent:
            self._follow(operation, response, common)
            if not endpoint.is_silent:
                self._record_fetch(operation, response, error, common)
            return
        outcome = self._outcome(operation, response, error)
        error_type = response.error_type if error is None else qualified_name(error)
        cost = self._cost_attributes(outcome)
        if operation.span is not None:
            self._describe(operation, response, error_type, cost)
            self._instruments.record_operation(operation, response, common, error_type)
        elif operation.enclosing is not None:
            operation.enclosing.add(cost)
        self._instruments.record_cost(outcome, common, operation.context, response)
        if response.is_job:
            self._follow(operation, response, common)

    def _record_fetch(
        self, operation: Operation, response: Response, error: BaseException | None, common: Attributes
    ) -> None:
        """A call that only looks at earlier work: no tokens and no cost of its own."""
        if operation.span is None:
            return
        error_type = response.error_type if error is None else qualified_name(error)
        response = response._replace(usage=None)
        self._describe(operation, response, error_type, {})
        self._instruments.record_operation(operation, response, common, error_type)

    def _follow(self, operation: Operation, response: Response, common: Attributes) -> None:
        """Remembers what was started, and counts once what is seen finished."""
        identifier, endpoint = response.id, operation.endpoint
        if identifier is None or not response.is_job:
            return
        started = Started(endpoint.counted_as or endpoint.operation, endpoint.name, operation.request)
        if endpoint.billing != "fetch":
            if response.finished and not endpoint.is_silent:
                self._ledger.count(identifier)
                return
            self._ledger.start(identifier, started)
        if not response.finished:
            return
        owed = self._ledger.settle(identifier, started if self._config.count_foreign else None)
        is_billed = response.usage is not None or response.reported is not None or response.is_unreported
        if owed is None or not is_billed:
            return
        finished = _Finished(owed, operation)
        outcome = self._outcome(finished, response, None)
        attributes = {**common, gen_ai.GEN_AI_OPERATION_NAME: owed.operation}
        if owed.request.model is not None:
            attributes[gen_ai.GEN_AI_REQUEST_MODEL] = owed.request.model
        self._instruments.record_cost(outcome, attributes, operation.context, response)

    def _outcome(self, operation: _Billed, response: Response, error: BaseException | None) -> Outcome:
        """What the call cost or why that is not known, a failure of ours included."""
        try:
            return self._price(operation, response, error)
        except Exception as problem:
            self.failed_inside(problem)
            return Unpriced("error")

    def _price(self, operation: _Billed, response: Response, error: BaseException | None) -> Outcome:
        """What the call cost: as the provider reports it, else at our price list, else why that is not known."""
        reported = None if operation.server.price_list is not None else from_cache(operation.headers)
        reported = reported or response.reported or in_headers(operation.headers)
        if reported is None:
            return self._quote(operation, response, error)
        currency = reported.currency or self._config.provider_cost_currency
        estimate = self._quote(operation, response, None)
        if currency is None:
            return estimate if isinstance(estimate, Quote) else Unpriced("unknown_currency")
        return ProviderCost(reported.amount, currency, estimate if isinstance(estimate, Quote) else None)

    def _quote(self, operation: _Billed, response: Response, error: BaseException | None) -> Quote | Unpriced:
        usage = response.usage
        if usage is None:
            if error is not None or response.error_type is not None:
                return Unpriced("error")
            is_running = (operation.request.background or response.is_job) and not response.finished
            return Unpriced("background" if is_running else "no_usage")
        request, server, endpoint = operation.request, operation.server, operation.price_endpoint
        terms = Terms(
            model=response.priced_model or response.model or request.model,
            requested_model=request.model,
            price_list=server.price_list,
            host=server.address,
            tier=response.service_tier,
            window=request.window,
            region=server.region,
            endpoint=endpoint,
            batch=endpoint == "batch",
            at=response.created if response.created and 0 < response.created < _FUTURE else operation.began,
        )
        return self._book().quote(usage, terms)

    def _common(self, operation: Operation, response: Response) -> Attributes:
        """Attributes that every metric of the operation carries."""
        common: Attributes = {
            gen_ai.GEN_AI_OPERATION_NAME: operation.endpoint.operation,
            gen_ai.GEN_AI_PROVIDER_NAME: operation.server.provider,
            SERVER_ADDRESS: operation.server.address,
            SERVER_PORT: operation.server.port,
        }
        if operation.request.model is not None:
            common[gen_ai.GEN_AI_REQUEST_MODEL] = operation.request.model
        if response.model is not None:
            common[gen_ai.GEN_AI_RESPONSE_MODEL] = response.model
        return common

    def _describe(self, operation: Operation, response: Response, error_type: str | None, cost: Attributes) -> None:
        """Puts the response, its usage and its cost on the operation's own span."""
        span = operation.span or INVALID_SPAN
        if not span.is_recording():
            return
        attributes: Attributes = {}
        if response.id is not None:
            attributes[gen_ai.GEN_AI_RESPONSE_ID] = response.id
        if response.model is not None:
            attributes[gen_ai.GEN_AI_RESPONSE_MODEL] = response.model
        if response.finish_reasons:
            attributes[gen_ai.GEN_AI_RESPONSE_FINISH_REASONS] = response.finish_reasons
        if response.service_tier is not None:
            attributes[semconv.OPENAI_RESPONSE_SERVICE_TIER] = response.service_tier
        if response.system_fingerprint is not None:
            attributes[semconv.OPENAI_RESPONSE_SYSTEM_FINGERPRINT] = response.system_fingerprint
        if response.compacted:
            attributes[semconv.CONVERSATION_COMPACTED] = True
        attributes.update(response.attributes)
        first_chunk = operation.time_to_first_chunk
        if first_chunk is not None:
            attributes[semconv.RESPONSE_TIME_TO_FIRST_CHUNK] = first_chunk
        if response.usage is not None and response.usage.tokens is not None:
            for attribute, tokens in zip(_TOKEN_ATTRIBUTES, response.usage.tokens, strict=True):
                if tokens is not None and 0 <= tokens <= MAX_COUNT:
                    attributes[attribute] = tokens
        attributes.update(cost)
        if error_type is not None:
            attributes[ERROR_TYPE] = error_type
            # No description: an error's message may repeat what the caller sent.
            span.set_status(Status(StatusCode.ERROR))
        span.set_attributes(attributes)

    def _cost_attributes(self, outcome: Outcome) -> Attributes:
        attributes: Attributes
        if isinstance(outcome, ProviderCost):
            attributes = {
                semconv.COST_AMOUNT: float(outcome.amount),
                semconv.COST_CURRENCY: outcome.currency,
                semconv.COST_SOURCE: semconv.COST_SOURCE_PROVIDER,
                semconv.OWN_STATUS: "priced",
                semconv.OWN_PRICING_SOURCE: semconv.COST_SOURCE_PROVIDER,
            }
            if outcome.estimate is not None:
                attributes[semconv.OWN_ESTIMATED_AMOUNT] = float(outcome.estimate.amount)
            return attributes
        if isinstance(outcome, Unpriced):
            attributes = {
                semconv.OWN_STATUS: outcome.status,
                semconv.OWN_UNPRICED_REASON: outcome.reason,
            }
            if outcome.partial is not None:
                attributes[semconv.OWN_PARTIAL_AMOUNT] = float(outcome.partial.amount)
                if outcome.partial.currency != "USD":
                    attributes[semconv.OWN_PARTIAL_CURRENCY] = outcome.partial.currency
                self._add_pricing(attributes, outcome.partial)
            return attributes
        attributes = {
            semconv.COST_AMOUNT: float(outcome.amount),
            semconv.COST_CURRENCY: outcome.currency,
            semconv.COST_SOURCE: semconv.COST_SOURCE_LOCAL,
            semconv.OWN_STATUS: "priced",
        }
        if self._config.breakdown:
            parts = outcome.breakdown()
            attributes[semconv.OWN_INPUT] = float(parts.input)
            attributes[semconv.OWN_OUTPUT] = float(parts.output)
            for name, part in (
                (semconv.OWN_CACHE_READ, parts.cache_read),
                (semconv.OWN_CACHE_WRITE, parts.cache_write),
                (semconv.OWN_REASONING, parts.reasoning),
                (semconv.OWN_TOOL, parts.tool),
                (semconv.OWN_OTHER, parts.other),
            ):
                if part:
                    attributes[name] = float(part)
        if outcome.card.discount is not None:
            attributes[semconv.OWN_LIST_AMOUNT] = float(outcome.list_amount)
        self._add_pricing(attributes, outcome)
        return attributes

    def _add_pricing(self, attributes: Attributes, quote: Quote) -> None:
        card = quote.card
        attributes[semconv.OWN_PRICING_SOURCE] = card.source
        attributes[semconv.OWN_PRICING_VERSION] = card.version
        attributes[semconv.OWN_PRICING_MODEL] = card.model
        attributes[semconv.OWN_PRICING_TIER] = card.tier
        if card.modifiers:
            attributes[semconv.OWN_PRICING_MODIFIERS] = card.modifiers


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
        self._components = ComponentCounters(meter) if config.component_metrics else None
        self._latest = LatestTokenMetrics(meter) if config.token_metrics == "latest" else None

    def record_operation(
        self, operation: Operation, response: Response, common: Attributes, error_type: str | None
    ) -> None:
        """Duration, tokens and chunk times of an operation that nothing else describes."""
        context = operation.context
        attributes = common
        if response.service_tier is not None:
            attributes = {**common, semconv.OPENAI_RESPONSE_SERVICE_TIER: response.service_tier}
        tokens = None if response.usage is None else response.usage.tokens
        if error_type is None:
            self._duration.record(operation.duration, attributes, context)
        else:
            self._duration.record(operation.duration, {**attributes, ERROR_TYPE: error_type}, context)
        if tokens is not None:
            if tokens.input is not None and tokens.input >= 0:
                self._token_usage.record(tokens.input, {**attributes, gen_ai.GEN_AI_TOKEN_TYPE: "input"}, context)
            if tokens.output is not None and tokens.output >= 0:
                self._token_usage.record(tokens.output, {**attributes, gen_ai.GEN_AI_TOKEN_TYPE: "output"}, context)
            if self._latest is not None and operation.endpoint.kind == "inference":
                self._latest.record(tokens, attributes, context, failed=error_type is not None)
        first_chunk = operation.time_to_first_chunk
        if first_chunk is not None:
            self._first_chunk.record(first_chunk, common, context)
            if self._chunk is not None:
                for seconds in operation.chunk_times:
                    self._chunk.record(seconds, common, context)

    def record_cost(self, outcome: Outcome, common: Attributes, context: Context, response: Response) -> None:
        """The cost of an operation, or the reason why it has none: exactly one of the two."""
        if isinstance(outcome, Unpriced):
            self._unpriced.add(1, {**common, semconv.OWN_UNPRICED_REASON: outcome.reason}, context)
            return
        attributes: Attributes = {
            **common,
            semconv.COST_CURRENCY: outcome.currency,
            semconv.COST_SOURCE: semconv.COST_SOURCE_LOCAL
            if isinstance(outcome, Quote)
            else semconv.COST_SOURCE_PROVIDER,
        }
        if response.service_tier is not None:
            attributes[semconv.OPENAI_RESPONSE_SERVICE_TIER] = response.service_tier
        self._cost.record(float(outcome.amount), attributes, context)
        if self._components is not None and isinstance(outcome, Quote):
            self._components.record(outcome, attributes, context)


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

    def record(self, quote: Quote, attributes: Attributes, context: Context) -> None:
        """Adds one quote, part by part."""
        for component, amount in quote.components().items():
            self._cost.add(float(amount), {**attributes, semconv.COMPONENT: component}, context)
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
                if quantity is not None and quantity >= 0:
                    histogram.record(quantity, attributes, context)


def observe_book_age(book: Callable[[], PriceBook | None]) -> Callable[[CallbackOptions], Iterable[Observation]]:
    """A callback for the gauge of the price book's age in days; it says nothing while there is no book."""

    def observe(options: CallbackOptions) -> Iterable[Observation]:
        current = book()
        if current is not None:
            yield Observation(current.age(datetime.fromtimestamp(time.time(), timezone.utc).date()))

    return observe


def qualified_name(error: BaseException) -> str:
    """The name of an error's class, with its module unless it is built in."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _by_modality(tokens: Tokens, kind: str) -> list[tuple[str, int]]:
    total = getattr(tokens, kind)
    if total is None or total < 0:
        return []
    known: list[tuple[str, int]] = []
    if kind in ("input", "output", "cache_read"):
        for modality in ("text", "audio", "image"):
            quantity = getattr(tokens, f"{modality}_{kind}")
            if quantity:
                known.append((modality, quantity))
    rest = total - sum(quantity for _, quantity in known)
    if rest < 0:
        return [("unknown", total)]
    if rest or not known:
        known.append(("unknown", rest))
    return known


def _place(error: BaseException) -> str:
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return "unknown place"
    return f"{traceback.tb_frame.f_code.co_name}:{traceback.tb_lineno}"
