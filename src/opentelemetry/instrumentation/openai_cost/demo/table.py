# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""From the attributes of spans to a table of what the calls cost: pure functions over one value per call.

A call is made from a mapping of attributes, wherever they come from. Amounts are decimals all the way: a
float becomes the shortest decimal that stands for it. A lower bound is shown and never added to an amount.
"""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE

from .. import semconv

WIDTH = 100
"""Columns that the tables keep to, as long as the names of models are not extraordinary."""

_ZERO = Decimal(0)
_PRICED = "priced"
_MODEL_WIDTH = 34

_BREAKDOWN = (semconv.OWN_INPUT, semconv.OWN_OUTPUT, semconv.OWN_TOOL, semconv.OWN_OTHER)
_EXPLANATIONS = {
    "unknown_model": "the price list does not know this model; a price file can name it (option prices)",
    "no_usage": 'the answer carried no usage; a stream does with stream_options={"include_usage": True}',
    "missing_rate": "something in this call (tier, tool, kind of token) has no price or no known quantity",
    "unknown_provider": "this host is not OpenAI's; a price file can say that it bills like it (hosts)",
    "unknown_currency": "the provider reported an amount without a currency (option provider_cost_currency)",
    "background": "the response was still being generated; it is priced when it is fetched",
    "inconsistent_usage": "the counts in the answer contradict each other",
    "error": "something went wrong while it was priced; the log says what",
}


@dataclass(frozen=True, slots=True)
class Parts:
    """An amount in disjoint parts; they add up to the amount.

    Attributes:
        input: tokens read by the model at the full rate.
        cache: tokens read from the prompt cache and written to it.
        output: tokens that the caller sees.
        reasoning: tokens that the model spent on thinking.
        tools: fees of hosted tools.
        other: whatever is not billed by token, and amounts that are known in one sum only.
    """

    input: Decimal = _ZERO
    cache: Decimal = _ZERO
    output: Decimal = _ZERO
    reasoning: Decimal = _ZERO
    tools: Decimal = _ZERO
    other: Decimal = _ZERO

    def __add__(self, more: Parts) -> Parts:
        return Parts(
            self.input + more.input,
            self.cache + more.cache,
            self.output + more.output,
            self.reasoning + more.reasoning,
            self.tools + more.tools,
            self.other + more.other,
        )


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token counts as spans have them: cached and written are part of the input, reasoning of the output."""

    input: int = 0
    cached: int = 0
    written: int = 0
    output: int = 0
    reasoning: int = 0

    def __add__(self, more: Tokens) -> Tokens:
        return Tokens(
            self.input + more.input,
            self.cached + more.cached,
            self.written + more.written,
            self.output + more.output,
            self.reasoning + more.reasoning,
        )


@dataclass(frozen=True, slots=True)
class Call:
    """What one call cost, or why that is not known.

    Attributes:
        model: the model of the answer, else that of the request, else the price list's word, else ``unknown model``.
        tier: of the price, such as ``flex``; None for the standard one or an unknown one.
        tokens: as reported; None if no count was.
        amount: in ``currency``; None unless the call is completely priced.
        currency: ISO 4217 code.
        parts: the amount in parts; None exactly if there is no amount.
        lower_bound: what could be priced of a call without an amount, in ``currency``: it cost at least this.
        reason: why there is no amount, one of the values of ``openai_cost.unpriced.reason``.
        error: the type of the error that the call ended in.
        price_list: name and version of the list that answered.
    """

    model: str
    tier: str | None = None
    tokens: Tokens | None = None
    amount: Decimal | None = None
    currency: str = "USD"
    parts: Parts | None = None
    lower_bound: Decimal | None = None
    reason: str | None = None
    error: str | None = None
    price_list: str | None = None

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, object]) -> Call | None:
        """Reads a call off the attributes of a span.

        Returns:
            None if the span describes no call that has, or could have, a price.
        """
        amount = _decimal(attributes.get(semconv.COST_AMOUNT))
        error = _string(attributes.get(ERROR_TYPE))
        status = _string(attributes.get(semconv.OWN_STATUS))
        failed = error is not None and _string(attributes.get(gen_ai.GEN_AI_OPERATION_NAME)) is not None
        if amount is None and status is None and not failed:
            return None

        def money(name: str) -> Decimal:
            return _decimal(attributes.get(name)) or _ZERO

        def count(name: str) -> int:
            value = attributes.get(name)
            return value if isinstance(value, int) else 0

        parts = None
        divided = any(name in attributes for name in _BREAKDOWN)
        if amount is not None:
            cache = money(semconv.OWN_CACHE_READ) + money(semconv.OWN_CACHE_WRITE)
            reasoning, tools = money(semconv.OWN_REASONING), money(semconv.OWN_TOOL)
            parts = Parts(
                input=money(semconv.OWN_INPUT) - cache,
                cache=cache,
                output=money(semconv.OWN_OUTPUT) - reasoning,
                reasoning=reasoning,
                tools=tools,
                other=money(semconv.OWN_OTHER) if divided else amount,
            )
        tokens = None
        if gen_ai.GEN_AI_USAGE_INPUT_TOKENS in attributes or gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS in attributes:
            tokens = Tokens(
                input=count(gen_ai.GEN_AI_USAGE_INPUT_TOKENS),
                cached=count(semconv.USAGE_CACHE_READ),
                written=count(semconv.USAGE_CACHE_WRITE),
                output=count(gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS),
                reasoning=count(semconv.USAGE_REASONING),
            )
        tier = _string(attributes.get(semconv.OWN_PRICING_TIER))
        lower_bound = _decimal(attributes.get(semconv.OWN_PARTIAL_AMOUNT)) if amount is None else None
        currency = semconv.COST_CURRENCY if amount is not None else semconv.OWN_PARTIAL_CURRENCY
        price_list = (attributes.get(semconv.OWN_PRICING_SOURCE), attributes.get(semconv.OWN_PRICING_VERSION))
        return cls(
            model=_string(attributes.get(gen_ai.GEN_AI_RESPONSE_MODEL))
            or _string(attributes.get(gen_ai.GEN_AI_REQUEST_MODEL))
            or _string(attributes.get(semconv.OWN_PRICING_MODEL))
            or "unknown model",
            tier=None if tier == "standard" else tier,
            tokens=tokens,
            amount=amount,
            currency=_string(attributes.get(currency)) or "USD",
            parts=parts,
            lower_bound=lower_bound,
            reason=_string(attributes.get(semconv.OWN_UNPRICED_REASON)) if amount is None else None,
            error=error,
            price_list=" ".join(filter(None, map(_string, price_list))) or None,
        )

    @classmethod
    def from_cost(cls, attributes: Mapping[str, object], amount: float) -> Call:
        """Reads a call off a point of the cost metric: neither tokens nor parts are in it."""
        cost = _decimal(amount) or _ZERO
        tier = _string(attributes.get(semconv.OPENAI_RESPONSE_SERVICE_TIER))
        if attributes.get(gen_ai.GEN_AI_OPERATION_NAME) == "batch":
            tier = "batch"
        return cls(
            model=_string(attributes.get(gen_ai.GEN_AI_RESPONSE_MODEL))
            or _string(attributes.get(gen_ai.GEN_AI_REQUEST_MODEL))
            or "unknown model",
            tier=None if tier == "default" else tier,
            amount=cost,
            currency=_string(attributes.get(semconv.COST_CURRENCY)) or "USD",
            parts=Parts(other=cost),
        )

    @property
    def label(self) -> str:
        """The model, and the tier if it is a special one."""
        return f"{self.model}, {self.tier}" if self.tier else self.model


@dataclass(frozen=True, slots=True)
class ModelCost:
    """What all calls of one model at one tier in one currency come to.

    Attributes:
        label: model and tier.
        calls: how many, priced or not.
        tokens: of all of them.
        amount: of those that are priced.
        parts: of that amount.
    """

    label: str
    calls: int
    tokens: Tokens
    amount: Decimal
    parts: Parts


def by_model(calls: Iterable[Call]) -> list[ModelCost]:
    """Sums calls of one currency by model and tier, the most expensive first."""
    groups: dict[str, list[Call]] = {}
    for call in calls:
        groups.setdefault(call.label, []).append(call)
    return sorted((total(label, group) for label, group in groups.items()), key=lambda line: (-line.amount, line.label))


def total(label: str, calls: Sequence[Call]) -> ModelCost:
    """Sums calls of one currency."""
    return ModelCost(
        label=label,
        calls=len(calls),
        tokens=sum((call.tokens for call in calls if call.tokens is not None), Tokens()),
        amount=sum((call.amount for call in calls if call.amount is not None), _ZERO),
        parts=sum((call.parts for call in calls if call.parts is not None), Parts()),
    )


def render(calls: Sequence[Call]) -> str:
    """The whole table: tokens, money, what has no price and why, errors, and the sum in one sentence.

    Args:
        calls: in any order; may be of several currencies, which are never mixed.

    Returns:
        Lines of plain ASCII, without a line end after the last one.
    """
    if not calls:
        return "No calls."
    currencies = sorted({call.currency for call in calls if call.amount is not None})
    answered = [call for call in calls if call.error is None or call.tokens is not None]
    blocks = [_tokens_table(answered)]
    blocks += [_money_table(currency, _of(currency, calls)) for currency in currencies]
    blocks += [_unpriced(calls), _errors(calls), _conclusion(currencies, calls)]
    return "\n\n".join(block for block in blocks if block)


def call_header() -> str:
    """What stands above lines made by :func:`call_line`."""
    return _call_columns("CALL", "MODEL", "INPUT", "OUTPUT", "USD")


def call_line(label: str, call: Call) -> str:
    """One call in one line: what was done, by which model, how many tokens, how much money."""
    tokens = call.tokens or Tokens()
    if call.amount is not None:
        result = _in_full(call.amount)
        result += f" {call.currency}" if call.currency != "USD" else ""
    elif call.error is not None:
        result = f"error: {call.error.rpartition('.')[2]}"
    elif call.lower_bound is not None:
        result = f"at least {_in_full(call.lower_bound)}"
    else:
        result = f"no price: {call.reason or 'unknown'}"
    return _call_columns(label, call.label, _count(tokens.input), _count(tokens.output), result)


def decimals(amounts: Iterable[Decimal]) -> int:
    """How many decimals show two digits of the smallest of the amounts: at least four, at most nine."""
    smallest = min((abs(amount) for amount in amounts if amount), default=Decimal(1))
    return min(9, max(4, 1 - smallest.adjusted()))


def money(amount: Decimal, places: int) -> str:
    """An amount with so many decimals; ``<0.0001`` if they cannot show it, ``-`` if it is nothing."""
    if not amount:
        return "-"
    unit = Decimal(1).scaleb(-places)
    rounded = amount.quantize(unit, ROUND_HALF_EVEN)
    return f"{rounded:,f}" if rounded else f"<{unit:f}"


def _tokens_table(calls: Sequence[Call]) -> str:
    if not calls:
        return ""
    columns: list[tuple[str, Callable[[ModelCost], int]]] = [
        ("calls", lambda line: line.calls),
        ("input", lambda line: line.tokens.input),
        ("cached", lambda line: line.tokens.cached),
        ("written", lambda line: line.tokens.written),
        ("output", lambda line: line.tokens.output),
        ("reasoning", lambda line: line.tokens.reasoning),
    ]
    lines = [*by_model(calls), total("total", calls)]
    rows = [[line.label, *(_count(read(line)) or "-" for _, read in columns)] for line in lines]
    return _aligned(["TOKENS", *(name for name, _ in columns)], rows)


def _money_table(currency: str, calls: Sequence[Call]) -> str:
    columns: list[tuple[str, Callable[[ModelCost], Decimal]]] = [
        ("input", lambda line: line.parts.input),
        ("cache", lambda line: line.parts.cache),
        ("output", lambda line: line.parts.output),
        ("reasoning", lambda line: line.parts.reasoning),
        ("tools", lambda line: line.parts.tools),
        ("other", lambda line: line.parts.other),
        ("total", lambda line: line.amount),
    ]
    lines, whole, places = by_model(calls), total("total", calls), _places(calls)
    columns = [(name, read) for name, read in columns if name != "other" or read(whole)]
    rows = [[line.label, *(money(read(line), places) for _, read in columns)] for line in (*lines, whole)]
    if whole.amount:
        rows.append(["", *(_share(read(whole), whole.amount) for _, read in columns)])
    return _aligned([currency, *(name for name, _ in columns)], rows, below=2 if whole.amount else 1)


def _unpriced(calls: Sequence[Call]) -> str:
    rest = [call for call in calls if call.amount is None and call.error is None]
    if not rest:
        return ""
    rows: list[str] = []
    for reason in sorted({call.reason or "unknown" for call in rest}):
        chosen = [call for call in rest if (call.reason or "unknown") == reason]
        rows += textwrap.wrap(f"{reason}: {_EXPLANATIONS.get(reason, 'no price')}", WIDTH, initial_indent="  ")
        groups = Counter((call.label, call.currency) for call in chosen)
        for (label, currency), count in sorted(groups.items()):
            group = [call for call in chosen if (call.label, call.currency) == (label, currency)]
            known = [call.lower_bound for call in group if call.lower_bound is not None]
            least = f"  at least {_in_full(sum(known, _ZERO))} {currency}" if known else ""
            rows.append(f"    {_times(count)}  {label}{least}")
    return "\n".join([f"NOT PRICED, and in no sum above: {_times(len(rest))}", *rows])


def _errors(calls: Sequence[Call]) -> str:
    failed = Counter((call.label, call.error, call.amount is not None) for call in calls if call.error)
    if not failed:
        return ""
    rows = [
        f"    {_times(count)}  {label}  {error}{'  (billed, and in the sums above)' if billed else ''}"
        for (label, error, billed), count in sorted(failed.items())
    ]
    return "\n".join([f"ERRORS: {_times(failed.total())}", *rows])


def _conclusion(currencies: Sequence[str], calls: Sequence[Call]) -> str:
    priced = sum(call.amount is not None for call in calls)
    if not priced:
        return f"None of {_times(len(calls))} has a price."
    sums = [(currency, _of(currency, calls)) for currency in currencies]
    amounts = " + ".join(f"{money(total('', of).amount, _places(of))} {currency}" for currency, of in sums)
    lists = sorted({call.price_list for call in calls if call.amount is not None and call.price_list})
    source = f"\nPrices: {', '.join(lists)}." if lists else ""
    return f"{amounts} for {priced} of {_times(len(calls))}. An estimate, not an invoice.{source}"


def _of(currency: str, calls: Iterable[Call]) -> list[Call]:
    return [call for call in calls if call.amount is not None and call.currency == currency]


def _in_full(amount: Decimal) -> str:
    """A single amount, with as many decimals as it needs."""
    return money(amount, max(6, decimals([amount]))) if amount else "0"


def _places(calls: Iterable[Call]) -> int:
    """Decimals that show every model's sum, and hence the sum of all, well enough."""
    return decimals(line.amount for line in by_model(calls))


def _aligned(header: list[str], rows: list[list[str]], below: int = 1) -> str:
    """A table: first column to the left, others to the right, a rule above the last ``below`` rows."""
    cut = [[_cut(row[0]), *row[1:]] for row in rows]
    widths = [max(len(row[column]) for row in [header, *cut]) for column in range(len(header))]
    widths = [max(22, widths[0]), *(max(9, width) for width in widths[1:])]

    def line(cells: list[str]) -> str:
        first, *others = [
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  ".join([first, *others]).rstrip()

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join([line(header), rule, *map(line, cut[:-below]), rule, *map(line, cut[-below:])])


def _share(part: Decimal, whole: Decimal) -> str:
    return f"{100 * part / whole:.1f}%" if part else "-"


def _cut(text: str) -> str:
    return text if len(text) <= _MODEL_WIDTH else f"{text[: _MODEL_WIDTH - 2]}.."


def _call_columns(label: str, model: str, input: str, output: str, result: str) -> str:
    return f"{label:<29}  {_cut(model):<24}  {input:>8}  {output:>6}  {result}".rstrip()


def _count(count: int) -> str:
    return f"{count:,}" if count else ""


def _times(count: int) -> str:
    return f"{count} call" if count == 1 else f"{count} calls"


def _string(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _decimal(value: object) -> Decimal | None:
    """The shortest decimal that stands for a number, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return Decimal(repr(value))
