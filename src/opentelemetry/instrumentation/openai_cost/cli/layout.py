# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""How results look: aligned columns, wrapped lines, numbers as people write them, and JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Literal

from ..money import plain

WIDTH = 100
_MOST_DECIMALS = 12

Alignment = Literal["left", "right", "point"]


def table(columns: Mapping[str, Alignment], rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows under a header, in columns as wide as their widest cell.

    Args:
        columns: header and alignment of each; ``point`` aligns numbers at their decimal points.
        rows: cells, one for each column. A column in which every cell is empty is left out.
    """
    cells = [list(column) for column in zip(*rows, strict=True)]
    if not cells:
        return []
    laid_out: list[list[str]] = []
    for (header, alignment), column in zip(columns.items(), cells, strict=True):
        if any(column):
            padded = _at_the_point(column) if alignment == "point" else column
            width = max(len(header), *map(len, padded))
            laid_out.append(
                [text.ljust(width) if alignment == "left" else text.rjust(width) for text in (header, *padded)]
            )
    width = sum(len(column[0]) for column in laid_out) + 2 * (len(laid_out) - 1)
    gap = "  " if width <= WIDTH else " "
    return [gap.join(line).rstrip() for line in zip(*laid_out, strict=True)]


def _at_the_point(column: Sequence[str]) -> list[str]:
    """Cells padded on the right, so that their decimal points stand below each other when aligned to the right."""
    behind = [len(text) - text.find(".") if "." in text else 0 for text in column]
    most = max(behind)
    return [text + " " * (most - places) for text, places in zip(column, behind, strict=True)]


def fields(pairs: Iterable[tuple[str, str]], label_width: int = 0) -> list[str]:
    """Lines of a label and a text each, the texts aligned and wrapped; pairs without a text are left out."""
    kept = [(label, text) for label, text in pairs if text]
    width = max([label_width, *(len(label) for label, _ in kept)])
    lines: list[str] = []
    for label, text in kept:
        lines += wrapped(text, f"{label:<{width}}  ", " " * (width + 2))
    return lines


def wrapped(text: str, first: str = "", rest: str = "") -> list[str]:
    """The text in lines of at most ``WIDTH`` columns, with these prefixes."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def money(amount: Decimal) -> str:
    """An amount to the last decimal; one whose decimals do not end is cut, and says so."""
    text = plain(amount)
    whole, point, decimals = text.partition(".")
    return text if len(decimals) <= _MOST_DECIMALS else f"{whole}{point}{decimals[:_MOST_DECIMALS]}..."


def number(quantity: int | Decimal) -> str:
    """A quantity, its thousands separated."""
    return f"{quantity:,}" if isinstance(quantity, int) else plain(quantity)


def per(price: str, units: int, of: str) -> str:
    """A price of something else than tokens, such as ``0.006 per 60 audio_seconds``."""
    return f"{price} per {of.removesuffix('s')}" if units == 1 else f"{price} per {units:,} {of}"


def as_json(value: object) -> str:
    """The value as indented JSON."""
    return json.dumps(value, indent=2)
