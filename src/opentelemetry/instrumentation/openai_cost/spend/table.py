# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Totals as a table: blocks of rows or of text, and the same as plain text. A lower bound is shown and never in a sum."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from ..money import EXACT
from .totals import Line, Money, Totals, in_order, whole

WIDTH = 100
"""Columns that the tables keep to, as long as the names of models are not extraordinary."""

_MODEL_WIDTH = 34
_MOST_ROWS = 1000
"""Rows of a table; the rest of the lines is added up in one more."""

_EXPLANATIONS = {
    "unknown_model": "the price list does not know this model; a price file can name it (option prices)",
    "no_usage": 'the answer carried no usage; a stream does with stream_options={"include_usage": True}',
    "missing_rate": "something in this call (tier, tool, kind of token) has no price or no known quantity",
    "unknown_provider": "this host is not OpenAI's; a price file can say that it bills like it (hosts)",
    "unknown_currency": "the provider reported an amount without a currency (option provider_cost_currency)",
    "background": "the response was still being generated; it is priced when it is fetched",
    "inconsistent_usage": "the counts in the answer contradict each other",
    "error": "the call failed, or something went wrong while it was priced (then the log says what)",
}


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows under a header: the first column to the left, the others to the right.

    Attributes:
        header: of each column.
        rows: the lines.
        below: what stands under a rule: their sums.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    below: tuple[tuple[str, ...], ...]


Block = Grid | str


def blocks(totals: Totals) -> list[Block]:
    """Tokens, money, what has no price and why, errors, and the sum in one sentence; several currencies are never mixed."""
    if not totals.calls:
        return ["No calls."]
    found: list[Block | None] = [_tokens_grid(totals)]
    found += [_money_grid(currency, totals.models) for currency in totals.currencies]
    for name, lines in totals.by.items():
        found += [_money_grid(currency, lines, f"{currency} by {name}") for currency in totals.currencies]
        found.append(_unpriced_lines(name, lines))
    found += [_unpriced(totals), _errors(totals), _conclusion(totals)]
    return [block for block in found if block]


def render(totals: Totals) -> str:
    """The blocks as plain ASCII, as far as the names in them are, without a line end after the last line."""
    return "\n\n".join(block if isinstance(block, str) else aligned(block) for block in blocks(totals))


def decimals(amounts: Iterable[Decimal]) -> int:
    """How many decimals show two digits of the smallest of the amounts: at least four, at most nine."""
    smallest = min((amount.copy_abs() for amount in amounts if amount), default=Decimal(1))
    return min(9, max(4, 1 - smallest.adjusted()))


def money(amount: Decimal, places: int) -> str:
    """An amount with so many decimals; ``<0.0001`` if they cannot show it, ``-`` if it is nothing."""
    if not amount:
        return "-"
    unit = Decimal(1).scaleb(-places)
    rounded = amount.quantize(unit, ROUND_HALF_EVEN, context=EXACT)
    return f"{rounded:,f}" if rounded else f"<{unit:f}"


def in_full(amount: Decimal) -> str:
    """A single amount, with as many decimals as it needs."""
    return money(amount, max(6, decimals([amount]))) if amount else "0"


def cut(text: str) -> str:
    """A name, as much of it as a column takes."""
    return text if len(text) <= _MODEL_WIDTH else f"{text[: _MODEL_WIDTH - 2]}.."


def counted(count: int) -> str:
    """A number with its thousands separated, nothing for 0."""
    return f"{count:,}" if count else ""


def aligned(grid: Grid) -> str:
    """The grid in plain text, a rule above the sums."""
    cells = [grid.header, *((cut(row[0]), *row[1:]) for row in (*grid.rows, *grid.below))]
    widths = [max(len(row[column]) for row in cells) for column in range(len(grid.header))]
    widths = [max(22, widths[0]), *(max(9, width) for width in widths[1:])]

    def line(row: tuple[str, ...]) -> str:
        padded = [
            text.rjust(width) if column else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(padded).rstrip()

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    lines = [line(row) for row in cells]
    below = len(lines) - len(grid.below)
    return "\n".join([lines[0], rule, *lines[1:below], rule, *lines[below:]])


def _tokens_grid(totals: Totals) -> Grid | None:
    lines = [line for line in in_order(totals.models) if line.answered]
    if not lines:
        return None
    columns: list[tuple[str, Callable[[Line], int]]] = [
        ("calls", lambda line: line.answered),
        ("input", lambda line: line.tokens.input),
        ("cached", lambda line: line.tokens.cached),
        ("written", lambda line: line.tokens.written),
        ("output", lambda line: line.tokens.output),
        ("reasoning", lambda line: line.tokens.reasoning),
    ]

    def row(line: Line) -> tuple[str, ...]:
        return line.label, *(counted(read(line)) or "-" for _, read in columns)

    header = ("TOKENS", *(name for name, _ in columns))
    return Grid(header, tuple(map(row, _shortened(lines))), (row(whole(lines)),))


def _money_grid(currency: str, lines: Mapping[str, Line], title: str | None = None) -> Grid | None:
    priced = [line for line in in_order(lines) if currency in line.money]
    priced.sort(key=lambda line: (line.money[currency].amount.copy_negate(), line.label))
    if not priced:
        return None
    total = whole(priced).money[currency]
    columns: list[tuple[str, Callable[[Money], Decimal]]] = [
        ("input", lambda money: money.parts.input),
        ("cache", lambda money: money.parts.cache),
        ("output", lambda money: money.parts.output),
        ("reasoning", lambda money: money.parts.reasoning),
        ("tools", lambda money: money.parts.tools),
        ("other", lambda money: money.parts.other),
        ("total", lambda money: money.amount),
    ]
    columns = [(name, read) for name, read in columns if name != "other" or read(total)]
    places = decimals(line.money[currency].amount for line in priced)

    def row(label: str, amounts: Money) -> tuple[str, ...]:
        return label, *(money(read(amounts), places) for _, read in columns)

    below = [row("total", total)]
    if total.amount:
        below.append(("", *(_share(read(total), total.amount) for _, read in columns)))
    rows = tuple(row(line.label, line.money[currency]) for line in _shortened(priced))
    return Grid((title or currency, *(name for name, _ in columns)), rows, tuple(below))


def _shortened(lines: list[Line]) -> list[Line]:
    if len(lines) <= _MOST_ROWS:
        return lines
    rest = lines[_MOST_ROWS:]
    return [*lines[:_MOST_ROWS], whole(rest, f"({len(rest)} more)")]


def _unpriced_lines(name: str, lines: Mapping[str, Line]) -> str:
    """Whose calls have no price, so that nobody's spend looks smaller than it is without a word."""
    without = _shortened([line for line in in_order(lines) if line.unpriced])
    rows = [f"    {times(line.unpriced)}  {line.label}" for line in without]
    return "\n".join([f"NOT PRICED by {name}", *rows]) if rows else ""


def _unpriced(totals: Totals) -> str:
    if not totals.unpriced:
        return ""
    rows: list[str] = []
    for reason in sorted({reason for reason, _, _ in totals.unpriced}):
        rows += textwrap.wrap(f"{reason}: {_EXPLANATIONS.get(reason, 'no price')}", WIDTH, initial_indent="  ")
        for (why, label, currency), lack in sorted(totals.unpriced.items()):
            if why == reason:
                least = f"  at least {in_full(lack.lower_bound)} {currency}" if lack.lower_bound is not None else ""
                rows.append(f"    {times(lack.calls)}  {label}{least}")
    return "\n".join([f"NOT PRICED, and in no sum above: {times(totals.without_price)}", *rows])


def _errors(totals: Totals) -> str:
    if not totals.errors:
        return ""
    rows = [
        f"    {times(count)}  {label}  {error}{'  (billed, and in the sums above)' if billed else ''}"
        for (label, error, billed), count in sorted(totals.errors.items())
    ]
    return "\n".join([f"ERRORS: {times(totals.errors.total())}", *rows])


def _conclusion(totals: Totals) -> str:
    if not totals.priced:
        return f"None of {times(totals.calls)} has a price."
    sums: list[str] = []
    for currency in totals.currencies:
        amounts = [line.money[currency].amount for line in totals.models.values() if currency in line.money]
        total = whole(totals.models.values()).money[currency].amount
        sums.append(f"{money(total, decimals(amounts))} {currency}")
    source = f"\nPrices: {', '.join(sorted(totals.price_lists))}." if totals.price_lists else ""
    return f"{' + '.join(sums)} for {totals.priced} of {times(totals.calls)}. An estimate, not an invoice.{source}"


def _share(part: Decimal, total: Decimal) -> str:
    percent = EXACT.multiply(EXACT.divide(part, total), 100)
    return f"{percent.quantize(Decimal('0.1'), ROUND_HALF_EVEN, context=EXACT)}%" if part else "-"


def times(count: int) -> str:
    """So many calls, in words."""
    return f"{count} call" if count == 1 else f"{count} calls"
