# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Write the table of supported clients in README.md, from the matrix that tox.ini tests.

Usage::

    python tools/support_table.py             # write the table
    python tools/support_table.py --check     # exit status 1 when the committed table differs

Standard library only.
"""

from __future__ import annotations

import configparser
import re
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import marked

ROOT = Path(__file__).resolve().parents[1]
MARKS = marked.Marks("<!-- support -->", "<!-- /support -->")
REMARKS = {
    "028": "a door of its own; `stream_usage` is not applied",
    "10": "pydantic 1, `httpx<0.28`; a stream ends with `[DONE]`, whether or not it is closed",
    "126": "`httpx<0.28`; the first with `stream_options`",
    "140": "`httpx<0.28`; `parse` and `stream` in `beta`",
    "166": "the first with the Responses API",
    "1latest": "the last 1.x",
    "20": "the first 2.x",
    "2latest": "pydantic 1; the last with httpx",
    "30": "the first with httpx2",
    "latest": "everything, and websockets",
}
"""What is particular about a client, by its factor in tox.ini."""


def read(path: Path = ROOT / "tox.ini") -> configparser.ConfigParser:
    """tox.ini as sections and options."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read_string(path.read_text(encoding="utf-8"))
    return tox


def environments(text: str) -> list[str]:
    """Names of environments with their braces expanded: ``a-{b,c}`` is ``a-b`` and ``a-c``."""
    names: list[str] = []
    for pattern in re.findall(r"[^\s,{}\\]+(?:\{[^}]*\}[^\s,{}\\]*)*", text):
        parts = [part.split(",") for part in re.split(r"[{}]", pattern)]
        names += ["".join(chosen) for chosen in product(*parts)]
    return names


def clients(tox: configparser.ConfigParser) -> dict[str, str]:
    """The requirement of each factor that names a client, in the order of tox.ini."""
    return dict(re.findall(r"^openai(\w+):\s*openai\s*(.+?)\s*$", tox["testenv"]["deps"], re.M))


def pythons(tox: configparser.ConfigParser, factor: str) -> list[str]:
    """The Pythons with which the matrix tests a client; 3.14 is tested where it is there, and not yet promised."""
    (label,) = re.findall(r"^\s*clients = (.*)$", tox["tox"]["labels"].replace("\\\n", ""), re.M)
    found = {name.partition("-")[0] for name in environments(label) if name.endswith(f"-openai{factor}")}
    declared = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [version for version in declared if f"py{version.replace('.', '')}" in found]


def render(tox: configparser.ConfigParser) -> str:
    """The table as Markdown, one line a client."""
    lines = ["| openai | Python | |", "|---|---|---|"]
    for factor, requirement in clients(tox).items():
        version = requirement.removeprefix("==").strip()
        lines.append(f"| {version} | {', '.join(pythons(tox, factor))} | {REMARKS[factor]} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line entry; returns the exit status."""
    page, check = marked.arguments(
        arguments, "the table of supported clients in README.md", "--readme", ROOT / "README.md"
    )
    text = MARKS.renewed(page.read_text(encoding="utf-8"), render(read()))
    outdated = "the table of clients is out of date; run python tools/support_table.py"
    return marked.settle(page, text, check=check, outdated=outdated)


if __name__ == "__main__":
    sys.exit(main())
