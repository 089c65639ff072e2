# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""What is asked of Prometheus: one method a question, in either spelling of the names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from naming import SERVICE, Metric, Naming

COST = "gen_ai.client.operation.cost"
COST_SUM = Metric(COST, series="_sum")
COST_COUNT = Metric(COST, series="_count")
COST_BUCKET = Metric(COST, series="_bucket")
DURATION_COUNT = Metric("gen_ai.client.operation.duration", "_seconds", "_count")
DURATION_BUCKET = Metric("gen_ai.client.operation.duration", "_seconds", "_bucket")
FIRST_CHUNK_BUCKET = Metric("gen_ai.client.operation.time_to_first_chunk", "_seconds", "_bucket")
TOKEN_USAGE_SUM = Metric("gen_ai.client.token.usage", series="_sum")
UNPRICED = Metric("openai_cost.unpriced_operations", "_total")
COMPONENT_COST = Metric("openai_cost.cost", "_total")
COMPONENT_TOKENS = Metric("openai_cost.tokens", "_total")
CACHE_SAVINGS = Metric("openai_cost.cache_savings", "_total")
BUDGET_SPENT = Metric("openai_cost.budget.spent")
BUDGET_REMAINING = Metric("openai_cost.budget.remaining")
BUDGET_UNPRICED = Metric("openai_cost.budget.unpriced")
ROLLUP_LATE = Metric("openai_cost.rollup.late", "_total")
BOOK_AGE = Metric("openai_cost.price_book.age", "_days")

MODEL = "gen_ai.request.model"
OPERATION = "gen_ai.operation.name"
CURRENCY = "gen_ai.usage.cost.currency"
TIER = "openai.response.service_tier"
COMPONENT = "openai_cost.component"
TOKEN_KIND = "openai_cost.token.kind"
TOKEN_TYPE = "gen_ai.token.type"
REASON = "openai_cost.unpriced.reason"
ERROR = "error.type"
BUDGET = "openai_cost.budget.name"
PERIOD = "openai_cost.budget.period"

RATE = "$__rate_interval"
RANGE = "$__range"
HOUR = 3600
MONTH = 30 * 86400

_SERVICES = {SERVICE: '=~"$service"'}
_CALLS = {**_SERVICES, MODEL: '=~"$model"'}
_MONEY = {**_CALLS, CURRENCY: '="$currency"'}
_CACHED = "(.+_)?cache_read"
_INPUT = f"(.+_)?input|{_CACHED}|cache_write.*"


@dataclass(frozen=True, slots=True)
class Queries:
    """PromQL in one spelling."""

    naming: Naming

    # --- money --------------------------------------------------------------------------------------------------------------

    def spend(self, window: str = RANGE, offset: str = "", by: str | None = None) -> str:
        """Money in a window."""
        return self._sum(self._increase(COST_SUM, _MONEY, window, offset), by)

    def spend_since_start(self) -> str:
        """What the processes that are running have counted since they started."""
        return self._sum(self._select(COST_SUM, _MONEY))

    def spend_rate(self, by: str | None = None, offset: str = "", seconds: int = HOUR, window: str = RATE) -> str:
        """Money in an hour, or in as many seconds, at the present rate."""
        return f"{seconds} * {self._sum(self._rate(COST_SUM, _MONEY, window, offset), by)}"

    def spend_rate_by_key(self, key: str) -> str:
        """Money in an hour by a label whose name is in a variable, spelt as Prometheus has it."""
        return f"{HOUR} * sum by ({self.naming.quoted(key)}) ({self._rate(COST_SUM, _MONEY)})"

    def top_by_key(self, key: str) -> str:
        """The ten largest sums by such a label."""
        return f"topk(10, sum by ({self.naming.quoted(key)}) ({self._increase(COST_SUM, _MONEY)}))"

    def component_rate(self) -> str:
        """Money in an hour, by disjoint part."""
        return f"{HOUR} * {self._sum(self._rate(COMPONENT_COST, _MONEY), COMPONENT)}"

    def raised(self, window: str = RANGE, by: str | None = ERROR) -> str:
        """Money of calls that were billed and still raised, by the error."""
        return self._sum(self._increase(COMPONENT_COST, {**_MONEY, ERROR: '!=""'}, window), by)

    def saved(self, window: str = RANGE) -> str:
        """What cached input would have cost more without the cache."""
        return self._sum(self._increase(CACHE_SAVINGS, _MONEY, window))

    def saved_rate(self, by: str | None = None) -> str:
        """The same in an hour."""
        return f"{HOUR} * {self._sum(self._rate(CACHE_SAVINGS, _MONEY), by)}"

    # --- a call -------------------------------------------------------------------------------------------------------------

    def cost_quantile(self, quantile: float, window: str = RATE) -> str:
        """Cost of a call."""
        return self._quantile(quantile, COST_BUCKET, _MONEY, window)

    def cost_per_call(self, by: str | None = None, window: str = RATE) -> str:
        """Mean cost of a priced call."""
        total = self._sum(self._increase(COST_SUM, _MONEY, window), by)
        return f"{total} / {self._sum(self._increase(COST_COUNT, _MONEY, window), by)}"

    def cost_distribution(self) -> str:
        """Priced calls by bucket of their cost."""
        return self._sum(self._increase(COST_BUCKET, _MONEY, RATE), "le")

    def duration_quantile(self, quantile: float) -> str:
        """Seconds from request to the end of the response."""
        return self._quantile(quantile, DURATION_BUCKET, _CALLS)

    def first_chunk_quantile(self, quantile: float) -> str:
        """Seconds from request to the first bytes of a stream."""
        return self._quantile(quantile, FIRST_CHUNK_BUCKET, _CALLS)

    def calls(self, by: str | None = None, window: str = RANGE) -> str:
        """Calls in a window: those with a cost and those without, failed ones included."""
        return self._sum(
            f"{self._increase(COST_COUNT, _CALLS, window)} or {self._increase(UNPRICED, _CALLS, window)}", by
        )

    def errors(self, window: str = RATE) -> str:
        """Failed calls in a window, by the error."""
        return self._sum(self._increase(DURATION_COUNT, {**_CALLS, ERROR: '!=""'}, window), ERROR)

    # --- tokens -------------------------------------------------------------------------------------------------------------

    def token_rate(self) -> str:
        """Tokens in an hour, in and out."""
        return f"{HOUR} * {self._sum(self._rate(TOKEN_USAGE_SUM, _CALLS), TOKEN_TYPE)}"

    def tokens(self, by: str | None = None) -> str:
        """Tokens in the range, in and out."""
        return self._sum(self._increase(TOKEN_USAGE_SUM, _CALLS), by)

    def token_kind_rate(self) -> str:
        """Tokens in an hour, by disjoint kind."""
        return f"{HOUR} * {self._sum(self._rate(COMPONENT_TOKENS, _MONEY), TOKEN_KIND)}"

    def cache_hit_share(self, by: str | None = None, window: str = RATE) -> str:
        """Share of the input that was read from the cache."""
        cached = {**_MONEY, TOKEN_KIND: f'=~"{_CACHED}"'}
        whole = {**_MONEY, TOKEN_KIND: f'=~"{_INPUT}"'}
        hits = self._sum(self._increase(COMPONENT_TOKENS, cached, window), by)
        return f"{hits} / {self._sum(self._increase(COMPONENT_TOKENS, whole, window), by)}"

    # --- trust --------------------------------------------------------------------------------------------------------------

    def unpriced(self, by: str = REASON, window: str = RATE) -> str:
        """Calls without a price in a window."""
        return self._sum(self._increase(UNPRICED, _CALLS, window), by)

    def unpriced_share(self, window: str = RANGE) -> str:
        """Share of the calls that did not fail which have no price."""
        priced = self._increase(COST_COUNT, _CALLS, window)
        unpriced = self._increase(UNPRICED, {**_CALLS, REASON: '!="error"'}, window)
        return f"({self._sum(unpriced)} or vector(0)) / {self._sum(f'{priced} or {unpriced}')}"

    def late(self, by: str | None = None, window: str = RATE) -> str:
        """Calls that ended after a span above them, in a window."""
        return self._sum(self._increase(ROLLUP_LATE, _CALLS, window), by)

    def book_age(self) -> str:
        """Days since the price list was reviewed: the oldest one in use."""
        return f"max by ({SERVICE}) ({self._select(BOOK_AGE, _SERVICES)})"

    # --- budgets ------------------------------------------------------------------------------------------------------------

    def budget_spent(self) -> str:
        """Spent of each budget in its period, by all processes of a service together."""
        return f"sum by ({self._budget}) ({self._select(BUDGET_SPENT, _SERVICES)})"

    def budget_left(self) -> str:
        """What is left of it. Every process counts from the whole budget down, so the budget is what one of them says."""
        return f"{self._budget_amount()} - {self.budget_spent()}"

    def budget_share(self) -> str:
        """Share of it that is spent."""
        return f"{self.budget_spent()} / {self._budget_amount()}"

    def budget_unpriced(self) -> str:
        """Calls under it whose cost is not in it."""
        return f"sum by ({self._budget}) ({self._select(BUDGET_UNPRICED, _SERVICES)})"

    @property
    def _budget(self) -> str:
        return ", ".join(self.naming.label(name) for name in (SERVICE, BUDGET, PERIOD))

    def _budget_amount(self) -> str:
        spent, remaining = self._select(BUDGET_SPENT, _SERVICES), self._select(BUDGET_REMAINING, _SERVICES)
        return f"max by ({self._budget}) ({spent} + {remaining})"

    # --- variables ----------------------------------------------------------------------------------------------------------

    def services(self) -> str:
        """The services: every process says how old its price list is."""
        return self._values(SERVICE, BOOK_AGE, {})

    def models(self) -> str:
        """The models, priced or not."""
        return f"{self._values(MODEL, COST_COUNT, _SERVICES)} or {self._values(MODEL, UNPRICED, _SERVICES)}"

    def currencies(self) -> str:
        """The currencies."""
        return self._values(CURRENCY, COST_COUNT, _SERVICES)

    def label_names(self) -> str:
        """The selector whose labels' names an attribution can be made by."""
        return self._select(COST_COUNT, _SERVICES)

    # --- parts --------------------------------------------------------------------------------------------------------------

    def _select(self, metric: Metric, matchers: Mapping[str, str]) -> str:
        return self.naming.selector(metric, matchers)

    def _values(self, label: str, metric: Metric, matchers: Mapping[str, str]) -> str:
        series = self._select(metric, matchers)
        return f"group by ({self.naming.label(label)}) (last_over_time({series}[{RANGE}]))"

    def _increase(self, metric: Metric, matchers: Mapping[str, str], window: str = RANGE, offset: str = "") -> str:
        return f"increase({self._select(metric, matchers)}[{window}]{_offset(offset)})"

    def _rate(self, metric: Metric, matchers: Mapping[str, str], window: str = RATE, offset: str = "") -> str:
        return f"rate({self._select(metric, matchers)}[{window}]{_offset(offset)})"

    def _sum(self, vector: str, by: str | None = None) -> str:
        return f"sum({vector})" if by is None else f"sum by ({self.naming.label(by)}) ({vector})"

    def _quantile(self, quantile: float, metric: Metric, matchers: Mapping[str, str], window: str = RATE) -> str:
        return f"histogram_quantile({quantile}, {self._sum(self._rate(metric, matchers, window), 'le')})"


def _offset(offset: str) -> str:
    return f" offset {offset}" if offset else ""
