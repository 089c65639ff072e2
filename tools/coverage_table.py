# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Write the table of endpoints in README.md, from the table that the package dispatches on.

Usage::

    python tools/coverage_table.py             # write the table
    python tools/coverage_table.py --check     # exit status 1 when the committed table differs

The package must be installed (``pip install -e .``); everything else is standard library.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import marked
from opentelemetry.instrumentation.openai_cost.endpoints import ENDPOINTS, WITH_ID, Endpoint

README = Path(__file__).resolve().parents[1] / "README.md"
MARKS = marked.Marks("<!-- coverage -->", "<!-- /coverage -->")
_ID = re.compile(r"\(\?P<id>\[\^/\]\+\)|\[\^/\]\+")
"""How an id stands in the pattern of a path, be it the one that is read or not."""


def dispatched() -> dict[tuple[str, str], Endpoint]:
    """Every endpoint by method and path, those with an id in their path last."""
    with_id = {(method, _ID.sub("{id}", pattern.pattern)): endpoint for method, pattern, endpoint in WITH_ID}
    return {**ENDPOINTS, **with_id}


def render(endpoints: Mapping[tuple[str, str], Endpoint]) -> str:
    """The table as Markdown, one line an endpoint, in the order given."""
    lines = ["| request | operation | priced by | streamed |", "|---|---|---|---|"]
    for (method, path), endpoint in endpoints.items():
        operation = f"`{endpoint.operation}`{', no span' if endpoint.is_silent else ''}"
        priced_by = f"{endpoint.priced_by}{', when seen finished' if endpoint.billing == 'later' else ''}"
        if endpoint.billing == "fetch":
            priced_by = "nothing of its own; counts what it sees finished, once"
        streamed = "yes" if endpoint.events is not None else ""
        lines.append(f"| `{method.upper()} {path}` | {operation} | {priced_by} | {streamed} |".replace("|  |", "| |"))
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line entry; returns the exit status."""
    page, check = marked.arguments(arguments, "the table of endpoints in README.md", "--readme", README)
    text = MARKS.renewed(page.read_text(encoding="utf-8"), render(dispatched()))
    outdated = "the table of endpoints is out of date; run python tools/coverage_table.py"
    return marked.settle(page, text, check=check, outdated=outdated)


if __name__ == "__main__":
    sys.exit(main())
