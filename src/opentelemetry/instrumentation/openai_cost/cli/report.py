# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""``report``: what the calls in exported telemetry cost, by model, by part and by attribute."""

from __future__ import annotations

import csv
import gzip
import os
import stat
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import fields
from decimal import Decimal
from importlib.util import find_spec
from io import BufferedReader, StringIO
from pathlib import Path
from typing import BinaryIO, cast

from ..money import plain
from ..spend import Call, Line, Money, Parts, Tokens, Totals
from ..spend.table import blocks, in_full, render, times
from ..spend.totals import in_order, whole
from .arguments import OK, PARTIAL, UNPRICED, UsageError
from .layout import as_json
from .metric_sums import MetricSums
from .progress import Progress
from .telemetry import Json, Point, Span, Unread, documents, items, lines

_STANDARD_INPUT = "-"
_GZIP = b"\x1f\x8b"
_AMOUNTS = tuple(field.name for field in fields(Parts))
_COUNTS = tuple(field.name for field in fields(Tokens))


def add_to(parser: ArgumentParser) -> None:
    """The options of ``report``."""
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="what the console exporters or an OTLP-JSON file exporter wrote, also compressed (.gz); - or none: standard input",
    )
    parser.add_argument(
        "--by",
        action="append",
        default=[],
        metavar="ATTRIBUTE",
        help="also add up by this attribute of the spans or of their resource, such as service.name; may be repeated",
    )
    parser.add_argument(
        "--metrics",
        action="store_true",
        help="take the metrics, although there are spans (default: only if there are none)",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON; decimals are strings")
    form.add_argument("--csv", action="store_true", help="print comma-separated values, one line for each sum")
    form.add_argument("--plain", action="store_true", help="print plain text even if rich is installed")


def run(options: Namespace) -> int:
    """Prints the table; the status says whether every call has a price."""
    attributes = list(dict.fromkeys(cast("list[str]", options.by)))
    from_spans, sums, unread = Totals(attributes), MetricSums(), Unread()
    for item in read(cast("list[str]", options.files), unread):
        if isinstance(item, Point):
            sums.add(item)
        elif (call := Call.from_attributes(item.attributes)) is not None:
            from_spans.add(call, _values(attributes, item.attributes, item.resource))
    from_metrics = _from_metrics(sums, attributes)
    totals = from_metrics if options.metrics or not from_spans.calls else from_spans
    if options.json:
        print(as_json(to_json(totals)))
    elif options.csv:
        print(to_csv(totals), end="")
    else:
        _show(totals, is_plain=cast(bool, options.plain))
    for note in _notes(from_spans, from_metrics, totals, unread):
        print(note, file=sys.stderr)
    if not totals.calls:
        return UNPRICED
    return PARTIAL if totals.without_price else OK


def read(names: Sequence[str], unread: Unread) -> Iterator[Span | Point]:
    """Everything in the files that may be of interest, one after the other, with a bar while they are read.

    Args:
        names: of files; ``-`` or none for standard input.
        unread: counts what could not be read.

    Raises:
        UsageError: if a file cannot be read.
    """
    if not names and sys.stdin.isatty():
        raise UsageError("nothing to read: name a file, or send telemetry to standard input")
    names = names or [_STANDARD_INPUT]
    try:
        with closing(Progress(_size(names), sys.stderr)) as progress:
            for name in names:
                with _opened(name, progress) as (stream, passed):
                    for document in documents(lines(stream, unread, passed), unread):
                        yield from items(document)
    except (OSError, EOFError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(f"{getattr(error, 'filename', None) or ', '.join(names)}: {reason}") from error


@contextmanager
def _opened(name: str, progress: Progress) -> Generator[tuple[BinaryIO, Callable[[int], None]], None, None]:
    """The text of a file, and what to tell how much of it has been read."""
    if name == _STANDARD_INPUT:
        yield _expanded(cast(BufferedReader, sys.stdin.buffer), progress)
    else:
        with Path(name).open("rb") as file:
            yield _expanded(file, progress)


def _expanded(file: BufferedReader, progress: Progress) -> tuple[BinaryIO, Callable[[int], None]]:
    # A pipe's first bytes can be looked at, and not be put back.
    if not file.peek(len(_GZIP)).startswith(_GZIP):
        return file, progress.advance
    at = 0

    def passed(_: int) -> None:
        # Of a compressed file, what counts is how far its own bytes have been read.
        nonlocal at
        if file.seekable():
            before, at = at, file.tell()
            progress.advance(at - before)

    return cast(BinaryIO, gzip.GzipFile(fileobj=file)), passed


def _size(names: Sequence[str]) -> int | None:
    """Bytes of all files together; None where one of them is no file."""
    total = 0
    for name in names:
        found = os.fstat(sys.stdin.fileno()) if name == _STANDARD_INPUT else Path(name).stat()
        if not stat.S_ISREG(found.st_mode):
            return None
        total += found.st_size
    return total


def _from_metrics(sums: MetricSums, attributes: Sequence[str]) -> Totals:
    totals = Totals(attributes)
    for call, own, resource in sums.calls():
        totals.add(call, _values(attributes, own, resource))
    for label, tokens in sums.tokens():
        totals.add_tokens(label, tokens)
    return totals


def _values(names: Sequence[str], attributes: Json, resource: Json) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name in names:
        value = attributes.get(name, resource.get(name))
        if isinstance(value, list):
            found[name] = ", ".join(map(str, cast("list[object]", value)))
        elif value is not None:
            found[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def _show(totals: Totals, is_plain: bool) -> None:
    if not is_plain and sys.stdout.isatty() and find_spec("rich") is not None:
        from .rich_table import show

        show(blocks(totals))
    else:
        print(render(totals))


def _notes(from_spans: Totals, from_metrics: Totals, shown: Totals, unread: Unread) -> Iterator[str]:
    if from_spans.calls and from_metrics.calls:
        other = from_metrics if shown is from_spans else from_spans
        amounts = " + ".join(
            f"{in_full(money.amount)} {currency}"
            for currency, money in sorted(whole(other.models.values()).money.items())
        )
        what = "The metrics" if other is from_metrics else "The spans"
        counted = f", {amounts}" if amounts else ""
        yield f"{what} in this input are not in the table beside the other: they count {times(other.calls)}{counted}."
    if unread.broken:
        yield f"Documents that are no JSON, or not complete, were passed over: {unread.broken}"
    if unread.too_large:
        yield f"Documents of more than 32 MiB were passed over: {unread.too_large}"


# --- for programs ----------------------------------------------------------------------------------------------------


def to_json(totals: Totals) -> dict[str, object]:
    """The table as JSON has it; amounts are strings, by currency."""
    return {
        "calls": totals.calls,
        "priced": totals.priced,
        "unpriced": totals.without_price,
        "errors": totals.errors.total(),
        "total": _money(whole(totals.models.values()).money),
        "models": [_line("model", line) for line in in_order(totals.models)],
        "by": {name: [_line("value", line) for line in in_order(lines)] for name, lines in totals.by.items()},
        "not_priced": [
            {
                "reason": reason,
                "model": label,
                "calls": lack.calls,
                "at_least": None if lack.lower_bound is None else plain(lack.lower_bound),
                "currency": None if lack.lower_bound is None else currency,
            }
            for (reason, label, currency), lack in sorted(totals.unpriced.items())
        ],
        "failed": [
            {"model": label, "error": error, "calls": count, "billed": billed}
            for (label, error, billed), count in sorted(totals.errors.items())
        ],
        "price_lists": sorted(totals.price_lists),
    }


def _line(name: str, line: Line) -> dict[str, object]:
    tokens = {kind: getattr(line.tokens, kind) for kind in _COUNTS}
    return {
        name: line.label,
        "calls": line.calls,
        "unpriced": line.unpriced,
        "tokens": tokens,
        "cost": _money(line.money),
    }


def _money(money: Mapping[str, Money]) -> dict[str, object]:
    return {
        currency: {
            "calls": amounts.calls,
            "amount": plain(amounts.amount),
            "parts": {part: plain(cast(Decimal, getattr(amounts.parts, part))) for part in _AMOUNTS},
        }
        for currency, amounts in sorted(money.items())
    }


def to_csv(totals: Totals) -> str:
    """One line for each model, and for each value of each attribute, in each of its currencies."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    tokens = [f"{kind}_tokens" for kind in _COUNTS]
    writer.writerow(["by", "value", "calls", "unpriced", *tokens, "currency", "priced", *_AMOUNTS, "amount"])
    for name, group in {"model": totals.models, **totals.by}.items():
        for line in in_order(group):
            first: list[object] = [line.calls, line.unpriced, *(getattr(line.tokens, kind) for kind in _COUNTS)]
            for currency, money in sorted(line.money.items()) or [("", None)]:
                amounts = (
                    [] if money is None else [plain(cast(Decimal, getattr(money.parts, part))) for part in _AMOUNTS]
                )
                last = [""] * (2 + len(_AMOUNTS)) if money is None else [money.calls, *amounts, plain(money.amount)]
                writer.writerow([name, line.label, *first, currency, *last])
                # Calls and tokens of a line with several currencies stand in its first row only, so that columns can be summed.
                first = [0] * len(first)
    return text.getvalue()
