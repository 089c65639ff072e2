# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The table of totals on a terminal, with rich. Imported only where that is installed."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from ..spend.table import Block, Grid, aligned, cut

_UNLIMITED = 10_000
"""Columns of a terminal on which every table fits."""


def show(blocks: Sequence[Block]) -> None:
    """Prints the blocks on standard output; a table that is too wide for the terminal is plain text, which breaks less badly."""
    console = Console(highlight=False)
    for index, block in enumerate(blocks):
        if index:
            console.print()
        if isinstance(block, str):
            console.print(_text(block), soft_wrap=True)
            continue
        table = _table(block)
        unlimited = console.options.update(max_width=_UNLIMITED)
        if Measurement.get(console, unlimited, table).maximum <= console.width:
            console.print(table)
        else:
            console.print(Text(aligned(block)), soft_wrap=True)


def _table(grid: Grid) -> Table:
    table = Table(header_style="bold")
    for column, name in enumerate(grid.header):
        table.add_column(Text(name), justify="right" if column else "left", no_wrap=True)
    for row in grid.rows:
        table.add_row(*map(Text, (cut(row[0]), *row[1:])))
    table.add_section()
    for row in grid.below:
        table.add_row(*map(Text, row), style="bold")
    return table


def _text(block: str) -> Text:
    """What has no price is worth a glance, and so is the sum."""
    title, _, rest = block.partition("\n")
    style = "yellow" if title.startswith("NOT PRICED") else "red" if title.startswith("ERRORS") else "bold"
    return Text.assemble((title, style), f"\n{rest}" if rest else "")
