# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Gates: what makes a price implausible, although the book is well formed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import pairwise

from ..money import plain
from .keys import TOKEN_KEYS
from .schema import LONG, Model, Row, day, decimal, models_of, order, tables, texts, unusable

MAX_STEP = 5  # a price may change by this factor between two rows of one model and tier, not by more


def check_row(name: str, row: Row, standard: Row | None, may_lack: Sequence[str]) -> Iterator[str]:
    """What is wrong with one row, given the standard row of the same day."""
    where = f"{name}: {row.tier}{f' from {row.start}' if row.start else ''}"
    yield from unusable(where, row)
    for prefix in ("", LONG):
        pairs = (
            ("cache_read", "input"),
            ("audio_cache_read", "audio_input"),
            ("image_cache_read", "image_input"),
            ("input", "cache_write"),
            ("cache_write", "cache_write_12h"),
        )
        for low, high in pairs:
            cheaper, dearer = row.prices.get(prefix + low), row.prices.get(prefix + high)
            if cheaper is not None and dearer is not None and cheaper > dearer:
                yield f"{where}: {prefix}{low} is above {prefix}{high}"
    for key, price in row.prices.items():
        if key.startswith(LONG) and price < row.prices.get(key.removeprefix(LONG), price):
            yield f"{where}: {key} is below {key.removeprefix(LONG)}"
    long = {key.removeprefix(LONG) for key in row.prices if key.startswith(LONG)}
    short = {key for key in row.prices if key in TOKEN_KEYS}
    if long and long != short:
        yield f"{where}: long-context rates for {', '.join(sorted(long ^ short))} are one-sided"
    if long and row.long_withheld:
        yield f"{where}: long-context rates are both given and withheld"
    if standard is None or row.tier == "standard":
        return
    for key, price in row.prices.items():
        reference = standard.prices.get(key)
        if reference is not None and row.tier in ("flex", "batch") and price > reference:
            yield f"{where}: {key} is above the standard rate"
        if reference is not None and row.tier in ("priority", "ultrafast") and price < reference:
            yield f"{where}: {key} is below the standard rate"
    # A dimension left out would be billed at the rate of another: it must be left out knowingly.
    for key in standard.prices:
        if key in TOKEN_KEYS and key not in row.prices and key not in may_lack:
            yield f"{where}: no {key}, which the standard row has"
    if any(key.startswith(LONG) for key in standard.prices) and not long and not row.long_withheld:
        yield f"{where}: no long-context rates, which the standard row has (withhold_long says that it is known)"


def check_book(provider: str, models: Mapping[str, Model], section: Mapping[str, object]) -> list[str]:
    """Everything implausible about the models of one provider.

    Args:
        provider: Its name, for the messages.
        models: The models of the book.
        section: The overlay's section, whose ``[[steps]]`` and ``[[incomplete]]`` state known exceptions.
    """
    problems: list[str] = []
    steps = tables(section.get("steps"))
    gaps = tables(section.get("incomplete"))
    for name, model in models.items():
        where = f"{provider}: {name}"
        if not model.rows:
            problems.append(f"{where}: no rates")
        slots = [row.slot for row in model.rows]
        if len(set(slots)) != len(slots):
            problems.append(f"{where}: two rows for one tier and day")
        groups: dict[tuple[str, str | None], list[Row]] = {}
        for row in sorted(model.rows, key=order):
            groups.setdefault((row.tier, row.endpoint), []).append(row)
        for (tier, _), rows in groups.items():
            for earlier, later in pairwise(rows):
                if earlier.until is not None and later.start is not None and earlier.until >= later.start:
                    problems.append(f"{where}: {tier}: rows overlap on {later.start}")
                for key in earlier.prices.keys() & later.prices.keys():
                    a, b = earlier.prices[key], later.prices[key]
                    stated = any(
                        tier in texts(step.get("tiers"))
                        and name in texts(step.get("models"))
                        and str(step.get("from")) == later.start
                        for step in steps
                    )
                    if not stated and (a > MAX_STEP * b or b > MAX_STEP * a):
                        problems.append(
                            f"{where}: {tier}: {key} goes from {plain(a)} to {plain(b)} on {later.start}; "
                            "overlay.toml does not state it"
                        )
        for row in model.rows:
            if row.until is not None and row.start is not None and row.until < row.start:
                problems.append(f"{where}: {row.tier}: ends before it begins")
            standards = groups.get(("standard", None), [])
            in_force = [other for other in standards if (other.start or "") <= (row.start or "")] or standards[:1]
            may_lack = [
                key
                for gap in gaps
                if row.tier in texts(gap.get("tiers")) and any(fnmatchcase(name, p) for p in texts(gap.get("models")))
                for key in texts(gap.get("keys"))
            ]
            problems += check_row(where, row, in_force[-1] if in_force else None, may_lack)
        for key, value in model.facts.items():
            if key == "class" and value != "reasoning":
                problems.append(f"{where}: unknown class {value}")
            if key == "regional" and decimal(value) < 1:
                problems.append(f"{where}: regional multiplier {value}")
            if key == "retires":
                day(value)
    return problems


def doubts(document: object) -> list[str]:
    """Everything implausible about a book that is well formed, one line each.

    Some implausible prices are true. The overlay from which the bundled book is built states those, but a book does not:
    compare with what :func:`doubts` says of the bundled one.

    Raises:
        BookError: if it is not well formed.
    """
    return [line for name, models in models_of(document).items() for line in check_book(name, models, {})]
