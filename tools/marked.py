# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Tables that stand between two markers of a page and are written from something else: replace them, or say that they are old."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Marks(NamedTuple):
    """The two markers, once each and in this order on the page."""

    begin: str
    end: str

    def renewed(self, text: str, table: str) -> str:
        """The text with everything between the markers replaced.

        Raises:
            ValueError: if the markers are not there, once each and in order.
        """
        begin, end = self
        if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
            raise ValueError(f"the text must have {begin} and {end}, once each and in this order")
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        return f"{before}{begin}\n{table}\n{end}{after}"


def arguments(given: Sequence[str] | None, what: str, option: str, page: Path) -> tuple[Path, bool]:
    """Reads the command line that these tools share.

    Returns:
        The page, and whether it is only to be checked.
    """
    parser = argparse.ArgumentParser(description=f"Write {what}.")
    parser.add_argument("--check", action="store_true", help="do not write; exit 1 when what is committed differs")
    parser.add_argument(option, dest="page", type=Path, default=page)
    options = parser.parse_args(given)
    return options.page, options.check


def settle(page: Path, text: str, *, check: bool, outdated: str) -> int:
    """Writes the page, or says that it is out of date; returns the exit status."""
    if text == page.read_text(encoding="utf-8"):
        return 0
    if check:
        print(f"{page}: {outdated}")
        return 1
    page.write_text(text, encoding="utf-8")
    return 0
