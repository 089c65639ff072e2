# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""``reconcile``: what OpenAI billed, line item by line item, beside what our prices or our telemetry say."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import cast

from ..money import EXACT, plain
from ..pricing import PriceBook
from ..spend import Call
from ..spend.table import decimals
from .arguments import (
    DIFFERENT,
    FAILED,
    OK,
    PARTIAL,
    UNPRICED,
    UsageError,
    add_json,
    add_lists,
    given_data,
    given_overrides,
)
from .comparison import Row, beside, beside_calls
from .layout import Alignment, as_json, number, table, wrapped
from .organization import ApiError, client, costs, usage
from .reckoning import Prices, of_calls, of_usage
from .report import read
from .telemetry import Span, Unread

_DAY = 86400
_HALF_A_CENT = Decimal("0.005")
_COLUMNS: dict[str, Alignment] = {
    "line item": "left",
    "quantity": "right",
    "billed": "right",
    "computed": "right",
    "difference": "right",
    "": "right",
    "note": "right",
}
_ZERO = Decimal(0)


def add_to(parser: ArgumentParser) -> None:
    """The options of ``reconcile``."""
    parser.add_argument(
        "--from", dest="first", type=_day, required=True, metavar="DAY", help="first day, UTC, such as 2026-11-01"
    )
    parser.add_argument("--to", dest="last", type=_day, metavar="DAY", help="last day, UTC (default: yesterday)")
    parser.add_argument(
        "--telemetry",
        action="append",
        default=[],
        metavar="FILE",
        help="compare with what the spans in this file cost (as for report; - for standard input), not with the reported usage;"
        " may be repeated",
    )
    parser.add_argument(
        "--project",
        action="append",
        default=[],
        metavar="ID",
        help="only this project of the organisation; may be repeated",
    )
    parser.add_argument(
        "--region",
        metavar="REGION",
        help="region of the OpenAI host that was called, such as eu; the API does not report it",
    )
    parser.add_argument(
        "--tolerance",
        type=_percent,
        default=Decimal(1),
        metavar="PERCENT",
        help="difference up to which a line agrees (default: 1); less than half a cent always does",
    )
    add_lists(parser)
    add_json(parser)


def run(options: Namespace) -> int:
    """Prints the lines; the status says whether they agree."""
    first = cast(date, options.first)
    last = cast("date | None", options.last) or _today() - timedelta(days=1)
    if last < first:
        raise UsageError(f"--to {last} is before --from {first}")
    start, end = _second(first), _second(last) + _DAY
    projects, files = cast("list[str]", options.project), cast("list[str]", options.telemetry)
    book = PriceBook(given_data(options), given_overrides(options))
    prices, unread = Prices(book, cast("str | None", options.region)), Unread()
    try:
        asked = client()
        if files:
            rows = beside_calls(costs(asked, start, end, projects), of_calls(_calls(files, unread, start, end)))
        else:
            used = of_usage(usage(asked, start, end, projects), prices)
            rows = beside(costs(asked, start, end, projects), used, prices)
    except ApiError as error:
        print(f"reconcile: {error}", file=sys.stderr)
        return FAILED
    tolerance = cast(Decimal, options.tolerance)
    if options.json:
        print(as_json(to_json(rows, first, last, tolerance, book.version)))
    else:
        print("\n".join(to_text(rows, first, last, tolerance, book.version, is_telemetry=bool(files))))
    if unread.broken or unread.too_large:
        print(f"Documents that could not be read: {unread.broken + unread.too_large}", file=sys.stderr)
    return _status(rows, tolerance)


def _calls(files: Sequence[str], unread: Unread, start: int, end: int) -> Iterator[Call]:
    """The calls whose spans ended in the period."""
    for item in read(files, unread):
        if isinstance(item, Span) and item.ended is not None and start <= item.ended < end:
            call = Call.from_attributes(item.attributes)
            if call is not None:
                yield call


def agrees(row: Row, tolerance: Decimal) -> bool | None:
    """Whether what we compute is what was billed; ``None`` if we cannot compute it.

    Args:
        row: the line item.
        tolerance: in percent.
    """
    difference = row.difference
    if difference is None:
        return None
    larger = max((row.billed or _ZERO).copy_abs(), (row.computed or _ZERO).copy_abs())
    allowed = max(EXACT.multiply(larger, EXACT.divide(tolerance, Decimal(100))), _HALF_A_CENT)
    return difference.copy_abs() <= allowed


def _status(rows: Sequence[Row], tolerance: Decimal) -> int:
    if not rows:
        return UNPRICED
    found = {agrees(row, tolerance) for row in rows}
    return DIFFERENT if False in found else PARTIAL if None in found else OK


def to_text(
    rows: Sequence[Row], first: date, last: date, tolerance: Decimal, version: str, *, is_telemetry: bool
) -> Iterator[str]:
    """The lines as a table, their sum, and what must be known of them."""
    yield f"What OpenAI billed from {first} until {last}, UTC, in USD; price book {version}"
    yield ""
    if not rows:
        yield "Nothing was billed, and nothing used."
        return
    places = decimals(amount for row in rows for amount in (row.billed, row.computed) if amount)
    notes: dict[str, int] = {}
    cells = [_cells(row, places, tolerance, notes) for row in rows]
    yield from table(_COLUMNS, cells)
    for note, index in notes.items():
        yield from wrapped(note, f"  {index}  ", "     ")
    yield ""
    yield from _sums(rows, places)
    different = sum(agrees(row, tolerance) is False for row in rows)
    unknown = sum(agrees(row, tolerance) is None for row in rows)
    yield f"{_lines(len(rows))}: {different} different by more than {plain(tolerance)} % (!), {unknown} not computed"
    if is_telemetry:
        yield "Computed: what the spans say."
    else:
        yield (
            "Computed: the usage that the API reports, at the price list. Usage is not divided by region, nor by prompt length."
        )


def _cells(row: Row, places: int, tolerance: Decimal, notes: dict[str, int]) -> list[str]:
    numbers = [str(notes.setdefault(note, len(notes) + 1)) for note in row.notes]
    sign = "!" if agrees(row, tolerance) is False else ""
    return [
        row.label,
        number(int(row.quantity)) if row.quantity == row.quantity.to_integral_value() and row.quantity else "",
        "-" if row.billed is None else _fixed(row.billed, places),
        "-" if row.computed is None else _fixed(row.computed, places),
        "-" if row.difference is None else f"{_fixed(row.difference, places, '+')}",
        f"{_share(row)} {sign}".strip(),
        " ".join(numbers),
    ]


def _share(row: Row) -> str:
    if row.difference is None or not row.billed:
        return ""
    percent = EXACT.multiply(EXACT.divide(row.difference, row.billed), Decimal(100))
    return f"{percent:+.1f}%"


def _fixed(amount: Decimal, places: int, sign: str = "") -> str:
    return f"{amount:{sign},.{places}f}"


def _sums(rows: Sequence[Row], places: int) -> Iterator[str]:
    billed = sum((row.billed or _ZERO for row in rows), _ZERO)
    known = [row for row in rows if row.computed is not None]
    computed = sum((row.computed or _ZERO for row in known), _ZERO)
    comparable = sum((row.billed or _ZERO for row in known), _ZERO)
    yield f"billed       {_fixed(billed, places)} USD"
    if len(known) < len(rows):
        yield f"of that      {_fixed(comparable, places)} USD in lines that can be computed"
    yield f"computed     {_fixed(computed, places)} USD"
    yield f"difference   {_fixed(computed - comparable, places, '+')} USD"


def _lines(count: int) -> str:
    return f"{count} line item" if count == 1 else f"{count} line items"


def to_json(rows: Sequence[Row], first: date, last: date, tolerance: Decimal, version: str) -> dict[str, object]:
    """The lines as JSON has them; amounts and quantities are strings."""

    def text(value: Decimal | None) -> str | None:
        return None if value is None else plain(value)

    known = [row for row in rows if row.computed is not None]
    return {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "currency": "USD",
        "price_book": version,
        "billed": plain(sum((row.billed or _ZERO for row in rows), _ZERO)),
        "billed_computable": plain(sum((row.billed or _ZERO for row in known), _ZERO)),
        "computed": plain(sum((row.computed or _ZERO for row in known), _ZERO)),
        "lines": [
            {
                "line_item": row.label,
                "quantity": text(row.quantity) if row.quantity else None,
                "billed": text(row.billed),
                "computed": text(row.computed),
                "difference": text(row.difference),
                "agrees": agrees(row, tolerance),
                "notes": row.notes,
            }
            for row in rows
        ],
    }


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a day such as 2026-11-22") from None
    if day.year < 1970:
        raise ArgumentTypeError(f"{text!r} is before 1970")
    return day


def _percent(text: str) -> Decimal:
    try:
        percent = Decimal(text.removesuffix("%"))
    except InvalidOperation:
        percent = Decimal(-1)
    if not percent.is_finite() or percent < 0:
        raise ArgumentTypeError(f"{text!r} is not a number of percent such as 0.5")
    return percent


def _today() -> date:
    return datetime.fromtimestamp(time.time(), timezone.utc).date()


def _second(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=timezone.utc).timestamp())
