# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Recorder: what is written where when an operation begins and ends."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

from opentelemetry.context import Context
from opentelemetry.metrics import Meter
from opentelemetry.trace import (
    INVALID_SPAN,
    NoOpTracer,
    ProxyTracer,
    ProxyTracerProvider,
    Tracer,
    get_tracer_provider,
    set_span_in_context,
)

from . import _nesting, aliases, fork
from .account import Account, Accounts
from .config import Config
from .endpoints import Endpoint, Request, Response
from .event import CostEvent
from .instruments import Instruments
from .ledger import Ledger, Started
from .operation import Operation
from .outcome import Outcome, cost_attributes
from .pricer import Billed, Pricer
from .pricing import PriceBook, Unpriced
from .provider import Server
from .rollup import Rollup
from .series import AllSeries, Series
from .span import describe, start_span
from .tracking import innermost
from .usage import Usage

if TYPE_CHECKING:
    from .summary import Summary

_logger = logging.getLogger(__package__)


class _Finished:
    """A job seen finished: billed under the terms of the call that started it."""

    def __init__(self, started: Started, fetched_by: Operation) -> None:
        self.request = started.request
        self.server, self.began = fetched_by.server, fetched_by.began
        self.headers: Mapping[str, str] | None = None
        self.price_endpoint = started.endpoint


def _started_by(operation: Operation) -> Started:
    endpoint = operation.endpoint
    return Started(endpoint.counted_as or endpoint.operation, endpoint.name, operation.request, operation.account)


class Recorder:
    """Writes spans and metrics through the API's tracer and meter.

    Args:
        tracer: makes the spans.
        meter: makes the instruments.
        config: the options in force.
        book: gives the price book, loading it on first need.
        rollup: the totals of live spans, if wanted.
        summary: the totals that are printed at the exit, where they are wanted.
    """

    def __init__(
        self,
        tracer: Tracer,
        meter: Meter,
        config: Config,
        book: Callable[[], PriceBook],
        rollup: Rollup | None = None,
        summary: Summary | None = None,
    ) -> None:
        self._tracer, self._config, self._summary = tracer, config, summary
        self._pricer = Pricer(book, config.provider_cost_currency)
        self._instruments = Instruments(meter, config)
        self._all_series = AllSeries()
        self.accounts = Accounts(config, meter, rollup, self.failed_inside)
        self._ledger = Ledger()
        self._failures: set[str] = set()
        self._is_heard = config.cost_hook is not None or bool(config.budgets) or summary is not None

    # Of all recorders together: an operation may outlive the one that began it.
    _postponed: ClassVar[deque[Callable[[], None]]] = deque()

    @property
    def wants_chunk_times(self) -> bool:
        """Whether every streamed chunk is timed."""
        return self._config.chunk_metrics

    @property
    def asks_for_usage(self) -> bool:
        """Whether a stream's usage is asked for on the caller's behalf."""
        return self._config.stream_usage == "request"

    def is_unheard(self, context: Context) -> bool:
        """Whether nobody would learn of a call: no SDK, or a disabled one, no hook, no budget, no work whose cost is tracked."""
        if not self._is_heard:
            self._is_heard = self._instruments.are_heard() or not _is_silent(self._tracer)
        return not self._is_heard and innermost(context) is None

    def begin(self, endpoint: Endpoint, server: Server, request: Request, context: Context) -> Operation:
        """Starts the operation's span, unless something else describes the call already.

        Args:
            endpoint: how to read request and response.
            server: who is asked.
            request: what the request says.
            context: that the call is made in.
        """
        if self._postponed:
            self.catch_up()
        account = self.accounts.open(context)
        enclosing, span = None, None
        mode = "none" if endpoint.is_silent else self._config.spans
        if mode == "own":
            enclosing = _nesting.open_invocation(endpoint.kind, context)
            if enclosing is None:
                try:
                    span = start_span(self._tracer, endpoint, server, request, context, account)
                    context = set_span_in_context(span, context)
                except Exception as error:
                    # A sampler or processor that raises costs the span, and not the metrics.
                    self.failed_inside(error)
                    span = INVALID_SPAN
        elif mode == "current":
            enclosing = _nesting.open_invocation(endpoint.kind, context) or _nesting.current_span(context)
        return Operation(self, endpoint, server, request, span, context, enclosing, account)

    def end(self, operation: Operation, response: Response | None, error: BaseException | None) -> None:
        """Prices the operation and writes everything about it. Never raises."""
        if operation.process != fork.process:
            # Whoever began it counts it, and has a span to end.
            return
        event = None
        try:
            event = self._record(operation, response or Response(), error)
        except Exception as problem:
            self.failed_inside(problem)
        finally:
            if operation.span is not None:
                try:
                    operation.span.end()
                except Exception as problem:
                    self.failed_inside(problem)
            if event is not None:
                self.accounts.announce(event, operation.context)
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

    def _record(self, operation: Operation, response: Response, error: BaseException | None) -> CostEvent | None:
        endpoint = operation.endpoint
        if endpoint.billing == "fetch" or endpoint.is_silent:
            event = self._follow(operation, response)
            if not endpoint.is_silent:
                self._record_fetch(operation, response, error)
            return event
        outcome = self._outcome(operation, response, error)
        error_type = response.error_type if error is None else qualified_name(error)
        account = operation.account
        series = self._series(endpoint.operation, operation.request.model, operation.server, response, account)
        try:
            self._tell(operation, response, outcome, series, error_type)
        except Exception as problem:
            self.failed_inside(problem)
        if response.is_job and not self._is_due(operation, response):
            return None
        return self._settle(outcome, series, operation.context, response, account, error_type)

    def _tell(
        self, operation: Operation, response: Response, outcome: Outcome, series: Series, error_type: str | None
    ) -> None:
        """Puts the operation on the span that describes it; if the span is ours, into its metrics as well."""
        cost = cost_attributes(outcome, self._config.breakdown)
        others = self._config.aliases
        if others and self._config.breakdown:
            cost.update(aliases.audio(others, outcome))
        if operation.span is not None:
            if others:
                cost.update(aliases.attributes(others, cost))
            describe(operation, response, error_type, cost)
            self._instruments.record_operation(operation, response, series, error_type)
        elif operation.enclosing is not None:
            known = cost if operation.account is None else {**operation.account.exact, **cost}
            operation.enclosing.add(known, others)

    def _settle(
        self,
        outcome: Outcome,
        series: Series,
        context: Context,
        response: Response,
        account: Account | None,
        error_type: str | None = None,
    ) -> CostEvent | None:
        """Records the cost of one operation, and passes it on to whoever wants to know it."""
        try:
            self._instruments.record_cost(outcome, series, context, error_type)
        except Exception as problem:
            self.failed_inside(problem)
        if self._summary is not None:
            self._summary.add(outcome, series.common, response, error_type)
        return self.accounts.settle(account, outcome, series, response, context)

    def _record_fetch(self, operation: Operation, response: Response, error: BaseException | None) -> None:
        """A call that only looks at earlier work: no tokens and no cost of its own."""
        if operation.span is None:
            return
        error_type = response.error_type if error is None else qualified_name(error)
        response = response._replace(usage=None)
        describe(operation, response, error_type, {})
        series = self._series(
            operation.endpoint.operation, operation.request.model, operation.server, response, operation.account
        )
        self._instruments.record_operation(operation, response, series, error_type)

    def _is_due(self, operation: Operation, response: Response) -> bool:
        """Whether what this call started or went on with has still to be counted: another call may have done so meanwhile."""
        if response.id is None:
            return True
        if response.finished:
            return self._ledger.count(response.id)
        return self._ledger.start(response.id, _started_by(operation))

    def _follow(self, operation: Operation, response: Response) -> CostEvent | None:
        """Remembers what a silent call started, and counts once what is seen finished."""
        identifier = response.id
        if identifier is None or not response.is_job:
            return None
        started = _started_by(operation)
        if operation.endpoint.billing != "fetch":
            self._ledger.start(identifier, started)
        if not response.finished:
            return None
        owed = self._ledger.settle(identifier, started if self._config.count_foreign else None)
        is_billed = response.usage is not None or response.reported is not None or response.is_unreported
        if owed is None or not is_billed:
            return None
        if owed.request.units and response.usage is not None:
            # What was asked for is billed, whatever it became a part of.
            response = response._replace(usage=Usage(units=owed.request.units))
        finished = _Finished(owed, operation)
        outcome = self._outcome(finished, response, None)
        # Whose money it is was settled by the call that started it, and so were the labels.
        model = owed.request.model or operation.request.model
        series = self._series(owed.operation, model, operation.server, response, owed.account)
        return self._settle(outcome, series, operation.context, response, owed.account)

    def _outcome(self, operation: Billed, response: Response, error: BaseException | None) -> Outcome:
        """What the call cost or why that is not known, a failure of ours included."""
        try:
            return self._pricer.price(operation, response, error)
        except Exception as problem:
            self.failed_inside(problem)
            return Unpriced("error")

    def _series(
        self, name: str, model: str | None, server: Server, response: Response, account: Account | None
    ) -> Series:
        labels = None if account is None else account.counted
        return self._all_series.find(name, server, model, response.model, response.service_tier, labels)


def _is_silent(tracer: Tracer) -> bool:
    """Whether a tracer makes no spans, so far."""
    if isinstance(tracer, ProxyTracer):
        return isinstance(get_tracer_provider(), ProxyTracerProvider)
    return isinstance(tracer, NoOpTracer)


def qualified_name(error: BaseException) -> str:
    """The name of an error's class, with its module unless it is built in."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _place(error: BaseException) -> str:
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return "unknown place"
    return f"{traceback.tb_frame.f_code.co_name}:{traceback.tb_lineno}"
